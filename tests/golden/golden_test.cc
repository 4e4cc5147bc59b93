// Replays the transcripts of the command line and compares what it prints:
//
//   golden_test TORCH2NNEF FOLDER [--rebase] [NAME...]
//
// FOLDER is tests/golden; NAME is a transcript without .golden (default: all). --rebase writes what is printed now into
// the transcripts instead, to be read before it is committed.
#include <fmt/format.h>

#include <algorithm>
#include <fstream>
#include <iostream>
#include <iterator>
#include <vector>

#include "transcript.h"

namespace {

namespace fs = std::filesystem;

std::string read(const fs::path& file) {
  std::ifstream stream(file, std::ios::binary);
  if (!stream) throw std::runtime_error(fmt::format("{} cannot be read", file.string()));
  return {std::istreambuf_iterator<char>(stream), {}};
}

std::vector<fs::path> transcripts(const fs::path& folder, const std::vector<std::string>& names) {
  std::vector<fs::path> files;
  for (const std::string& name : names) files.push_back(folder / (name + ".golden"));
  if (names.empty()) {
    for (const auto& entry : fs::directory_iterator(folder)) {
      if (entry.path().extension() == ".golden") files.push_back(entry.path());
    }
  }
  std::sort(files.begin(), files.end());
  return files;
}

// Returns the number of transcripts that differ.
int replay_all(const golden::Places& places, const std::vector<fs::path>& files, bool rebase) {
  int differing = 0;
  for (const fs::path& file : files) {
    const std::string expected = read(file), actual = golden::replay(expected, places);
    const std::string difference = golden::difference(expected, actual);
    if (difference.empty()) continue;
    ++differing;
    std::cout << fmt::format("{}: {}\n", file.filename().string(), difference);
    if (rebase) std::ofstream(file, std::ios::binary) << actual;
  }
  std::cout << fmt::format("{} of {} transcripts {}\n", differing, files.size(), rebase ? "rebased" : "differ");
  return rebase ? 0 : differing;
}

}  // namespace

int main(int argc, char** argv) {
  std::vector<std::string> arguments(argv + 1, argv + argc);
  const bool rebase = std::erase(arguments, "--rebase") > 0;
  if (arguments.size() < 2) {
    std::cerr << "usage: golden_test TORCH2NNEF FOLDER [--rebase] [NAME...]\n";
    return 2;
  }
  try {
    const fs::path folder = fs::canonical(arguments[1]);
    const golden::Places places{fs::absolute(arguments[0]), folder / "files", folder.parent_path() / "models"};
    return replay_all(places, transcripts(folder, {arguments.begin() + 2, arguments.end()}), rebase) == 0 ? 0 : 1;
  } catch (const std::exception& error) {
    std::cerr << "golden_test: " << error.what() << "\n";
    return 1;
  }
}
