#include "export/verify/bundle.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cstdlib>
#include <fstream>
#include <string_view>
#include <system_error>

#include "export/verify/float_cast.h"
#include "export/verify/private_folder.h"
#include "export/verify/tract_engine.h"
#include "nnef/archive/archive_stream.h"
#include "nnef/archive/gzip_writer.h"
#include "nnef/archive/output_file.h"

namespace torch2nnef {

namespace fs = std::filesystem;
using nnef::NamedTensor;

namespace {

constexpr const char* kScript = R"sh(#!/bin/sh
# Runs the archive in tract on the inputs of io.npz and compares with the results in it, as PyTorch computed them.
# $TRACT is the engine's command: tract (0.23 or newer; `cargo install tract-cli`), or torch2nnef's tract-run.
cd "$(dirname "$0")" || exit 1
exec "${{TRACT:-tract}}" {}
)sh";

void write_text_file(const fs::path& path, const std::string& text) {
  nnef::FileWriter file(path);
  file.write(text.data(), text.size());
  file.finish();
}

bool is_half(const NamedTensor& tensor) { return tensor.data->dtype() == nnef::DType::kF16; }

// io.npz, inputs and results in one file, and run.sh beside the archive of that name.
void write_run(const fs::path& folder, const std::string& archive, const std::vector<NamedTensor>& inputs,
               const std::vector<NamedTensor>& expected, Tolerance tolerance) {
  std::vector<NamedTensor> tensors = inputs;
  const bool casts = std::any_of(tensors.begin(), tensors.end(), is_half);  // f16 is given as f32
  tensors.insert(tensors.end(), expected.begin(), expected.end());
  for (NamedTensor& tensor : tensors) {
    if (is_half(tensor)) tensor.data = cast_float(*tensor.data, nnef::DType::kF32);
  }
  nnef::write_npz(folder / "io.npz", tensors);
  std::vector<std::string> arguments = engine_arguments(archive, inputs.empty() ? "" : "io.npz", casts);
  if (!expected.empty()) {
    arguments.insert(arguments.end(), {"--assert-output-bundle", "io.npz"});
    const ToleranceBounds& bounds = tolerance.wide;
    const bool is_number = tolerance == Tolerance::of(bounds.absolute);
    arguments.push_back(is_number ? "--approx-custom" : "--approx");
    arguments.push_back(is_number ? fmt::format("{},{},{}", bounds.absolute, bounds.relative, bounds.outliers)
                                  : to_string(tolerance));
  }
  const fs::path script = folder / "run.sh";
  write_text_file(script, fmt::format(kScript, fmt::join(arguments, " ")));
  fs::permissions(script, fs::perms::owner_all | fs::perms::group_read | fs::perms::group_exec |
                              fs::perms::others_read | fs::perms::others_exec);
}

std::string archive_name(const fs::path& archive) {
  switch (nnef::container_of(archive)) {
    case nnef::Container::kTarGz:
      return "model.nnef.tgz";
    case nnef::Container::kTar:
      return "model.nnef.tar";
    case nnef::Container::kFolder:
      break;
  }
  return "model.nnef";
}

void fill_folder(const fs::path& folder, const DebugBundle& bundle) {
  const std::string archive = archive_name(bundle.archive);
  fs::copy(bundle.archive, folder / archive, fs::copy_options::recursive);
  write_run(folder, archive, bundle.inputs, bundle.expected, bundle.tolerance);
  if (const auto& smallest = bundle.smallest) {
    const fs::path place = folder / "smallest";
    fs::create_directory(place);
    nnef::write_archive(smallest->graph, smallest->dialect, place / "model.nnef.tgz");
    write_run(place, "model.nnef.tgz", smallest->inputs, smallest->expected, bundle.tolerance);
  }
  write_text_file(folder / "versions.txt", without_places(bundle.versions));
  write_text_file(folder / "log.txt", without_places(bundle.log));
  write_text_file(folder / "report.json", without_places(bundle.report_json));
}

// All files below the folder as one gzipped tar, in the order of their names.
void pack(const fs::path& folder, const fs::path& file) {
  std::vector<fs::path> files;
  for (const fs::directory_entry& entry : fs::recursive_directory_iterator(folder)) {
    if (entry.is_regular_file()) files.push_back(entry.path());
  }
  std::sort(files.begin(), files.end());
  nnef::FileWriter writer(file);
  nnef::GzipWriter gzip(6, [&](const void* bytes, std::size_t count) { writer.write(bytes, count); });
  nnef::ArchiveSink tar(nnef::ArchiveSink::Format::kTar,
                        [&](const void* bytes, std::size_t count) { gzip.write(bytes, count); });
  for (const fs::path& path : files) {
    tar.add((fs::path("bundle") / path.lexically_relative(folder)).string(), fs::file_size(path),
            [&](const nnef::ByteSink& sink) {
              std::ifstream stream(path, std::ios::binary);
              std::array<char, 65536> piece;
              while (stream.read(piece.data(), piece.size()) || stream.gcount() > 0) {
                sink(piece.data(), static_cast<std::size_t>(stream.gcount()));
              }
            });
  }
  tar.close();
  gzip.finish();
  writer.finish();
}

void replace_all(std::string& text, const std::string& what, const std::string& by) {
  if (what.size() < 2) return;  // a host or home of one letter says nothing
  for (std::size_t at = text.find(what); at != std::string::npos; at = text.find(what, at + by.size())) {
    text.replace(at, what.size(), by);
  }
}

// Only as a word of its own: a user may be called "model".
void replace_word(std::string& text, const std::string& word, const std::string& by) {
  const auto is_letter = [](char c) { return std::isalnum(static_cast<unsigned char>(c)) || c == '_'; };
  if (word.empty()) return;
  for (std::size_t at = text.find(word); at != std::string::npos; at = text.find(word, at + 1)) {
    const std::size_t end = at + word.size();
    if ((at > 0 && is_letter(text[at - 1])) || (end < text.size() && is_letter(text[end]))) continue;
    text.replace(at, word.size(), by);
  }
}

// "(/a/b/c.rs:7)" becomes "(.../c.rs:7)"; "a/b", "https://a/b" and a lone "/a" stay.
std::string without_absolute_paths(std::string_view text) {
  constexpr std::string_view kBefore = " \t\n\"'=([,:`", kAfter = " \t\n\r\"'(),:;]`";
  std::string result;
  for (std::size_t at = 0; at < text.size();) {
    const bool begins = text[at] == '/' && (at == 0 || kBefore.find(text[at - 1]) != std::string_view::npos);
    if (!begins) {
      result += text[at++];
      continue;
    }
    const std::size_t end = std::min(text.find_first_of(kAfter, at), text.size());
    const std::string_view path = text.substr(at, end - at);
    const std::size_t last = path.rfind('/');
    const bool nested = last > 0 && !path.starts_with("//");
    result.append(nested ? "..." : "").append(nested ? path.substr(last) : path);
    at = end;
  }
  return result;
}

std::string environment(const char* name) {
  const char* value = std::getenv(name);
  return value ? value : "";
}

}  // namespace

std::string without_places(const std::string& text) {
  std::string result = text;
  // Folders with spaces in their names that we know; then whatever looks like an absolute path.
  replace_all(result, environment("HOME"), "/home");
  replace_all(result, fs::current_path().string(), "/here");
  result = without_absolute_paths(result);
  std::array<char, 256> host{};
  if (gethostname(host.data(), host.size() - 1) == 0) replace_word(result, host.data(), "HOST");
  return result;
}

void write_debug_bundle(const fs::path& place, const DebugBundle& bundle) {
  try {
    nnef::StagingPlace staging(place);
    if (nnef::container_of(place) == nnef::Container::kTarGz) {
      const PrivateFolder folder;
      fill_folder(folder.path(), bundle);
      pack(folder.path(), staging.path());
    } else {
      if (fs::is_directory(place) && !fs::is_empty(place) && !fs::exists(place / "run.sh")) {
        throw nnef::IoError(place.string() + " is a folder with other things in it: the debug bundle is not written");
      }
      fs::create_directory(staging.path());
      fill_folder(staging.path(), bundle);
    }
    staging.commit();
  } catch (const std::system_error& error) {
    throw nnef::IoError(fmt::format("the debug bundle cannot be written: {}", error.what()));
  }
}

}  // namespace torch2nnef
