// A graph as a folder, a tar file or a gzipped tar file. Tensors go from where they live to the file in pieces.
#include <memory>
#include <system_error>

#include "nnef/archive/archive_stream.h"
#include "nnef/archive/folder_kind.h"
#include "nnef/archive/gzip_writer.h"
#include "nnef/archive/output_file.h"
#include "nnef/archive/tensor_header.h"

namespace nnef {
namespace fs = std::filesystem;
namespace {

// One file of the archive: a text or a tensor.
struct Entry {
  std::string name;
  std::uint64_t size = 0;
  std::string text;
  const TensorData* tensor = nullptr;

  void stream(const ByteSink& sink) const {
    if (tensor) {
      write_tensor(*tensor, name, sink);
    } else {
      sink(text.data(), text.size());
    }
  }
};

// Where the entries go.
class ContainerWriter {
 public:
  virtual ~ContainerWriter() = default;
  virtual void add(const Entry& entry) = 0;
  // Everything on disk, or on its way there.
  virtual void finish(bool sync) = 0;
  virtual std::uint64_t size() const = 0;
};

class FolderWriter final : public ContainerWriter {
 public:
  explicit FolderWriter(fs::path folder) : folder_(std::move(folder)) { create_folder(folder_); }

  void add(const Entry& entry) override {
    const fs::path path = folder_ / entry.name;
    create_folder(path.parent_path());
    FileWriter file(path);
    entry.stream([&](const void* bytes, std::size_t count) { file.write(bytes, count); });
    file.finish_later();
    size_ += file.size();
    paths_.push_back(path);
  }
  void finish(bool sync) override {
    if (sync) sync_files(paths_);
  }
  std::uint64_t size() const override { return size_; }

 private:
  static void create_folder(const fs::path& path) {
    std::error_code error;
    fs::create_directories(path, error);
    if (error) throw_io_error("create", path, error.value());
  }

  fs::path folder_;
  std::vector<fs::path> paths_;
  std::uint64_t size_ = 0;
};

class TarWriter final : public ContainerWriter {
 public:
  TarWriter(const fs::path& path, bool gzip, int level)
      : file_(path), archive_(ArchiveSink::Format::kTar, [this](const void* bytes, std::size_t n) { pass(bytes, n); }) {
    if (!gzip) return;
    gzip_ = std::make_unique<GzipWriter>(level, [this](const void* bytes, std::size_t n) { file_.write(bytes, n); });
  }

  void add(const Entry& entry) override {
    archive_.add(entry.name, entry.size, [&](const ByteSink& sink) { entry.stream(sink); });
  }
  void finish(bool sync) override {
    archive_.close();
    if (gzip_) gzip_->finish();
    sync ? file_.finish() : file_.finish_later();
  }
  std::uint64_t size() const override { return file_.size(); }

 private:
  void pass(const void* bytes, std::size_t count) {
    if (gzip_) {
      gzip_->write(bytes, count);
    } else {
      file_.write(bytes, count);
    }
  }

  FileWriter file_;
  std::unique_ptr<GzipWriter> gzip_;
  ArchiveSink archive_;
};

// What the engine would not find again: it skips paths with a component that begins with a dot (T-LABEL-HIDDEN).
void check_label(const std::string& label) {
  bool good = !label.empty() && label.front() != '/' && label.back() != '/';
  good = good && label.find_first_of(std::string_view("\0\\", 2)) == std::string::npos;
  good = good && label.front() != '.' && label.find("/.") == std::string::npos && label.find("//") == std::string::npos;
  if (!good) throw FormatError("the label '" + label + "' cannot be the name of a tensor file");
}

// Made before anything is written, so that what the format cannot hold costs no time.
std::vector<Entry> list_entries(const Graph& graph, const Dialect& dialect, const TextOptions& options) {
  std::vector<Entry> entries;
  const auto add_text = [&](const char* name, std::string text) {
    const std::uint64_t size = text.size();
    entries.push_back({name, size, std::move(text), nullptr});
  };
  add_text("graph.nnef", write_text(graph, dialect, options));
  if (std::string quant = write_quant(graph); !quant.empty()) add_text("graph.quant", std::move(quant));
  for (const auto& [label, data] : graph.variables) {
    check_label(label);
    const std::string name = label + ".dat";
    tensor_header(item_type_of(*data), data->shape(), name);
    const auto items = static_cast<std::uint64_t>(data->numel());
    entries.push_back({name, kTensorHeaderSize + stored_size(item_type_of(*data), items), "", data.get()});
  }
  return entries;
}

// An old archive or an empty folder may be replaced; nobody's other files are.
void check_replaceable(const fs::path& path, Container container) {
  std::error_code error;
  const fs::file_status status = fs::status(path, error);
  if (!fs::exists(status)) return;
  if (container != Container::kFolder) {
    if (!fs::is_regular_file(status)) throw IoError("cannot replace '" + path.string() + "': it is not a file");
    return;
  }
  if (!fs::is_directory(status)) throw IoError("cannot replace '" + path.string() + "': it is not a folder");
  if (folder_kind(path) == FolderKind::kOther) {
    throw IoError("cannot replace the folder '" + path.string() + "': it holds something else than an archive");
  }
}

std::unique_ptr<ContainerWriter> open_container(Container container, const fs::path& path, int level) {
  if (container == Container::kFolder) return std::make_unique<FolderWriter>(path);
  return std::make_unique<TarWriter>(path, container == Container::kTarGz, level);
}

}  // namespace

Container container_of(const fs::path& path) {
  const std::string name = path.filename().string();
  if (name.ends_with(".tgz") || name.ends_with(".tar.gz")) return Container::kTarGz;
  return name.ends_with(".tar") ? Container::kTar : Container::kFolder;
}

Written write_archive(const Graph& graph, const Dialect& dialect, const fs::path& path, const WriteOptions& options) {
  const Container container = container_of(path);
  check_replaceable(path, container);
  const std::vector<Entry> entries = list_entries(graph, dialect, options.text);
  std::uint64_t total = 0;
  for (const Entry& entry : entries) total += entry.size;

  StagingPlace staging(path);
  const auto writer = open_container(container, staging.path(), options.compression);
  Written written;
  std::uint64_t done = 0;
  for (const Entry& entry : entries) {
    writer->add(entry);
    done += entry.size;
    if (entry.tensor) {
      ++written.tensors;
      written.tensor_bytes += entry.size - kTensorHeaderSize;
    }
    if (options.progress) options.progress(done, total);
  }
  writer->finish(options.sync);
  written.bytes = writer->size();
  staging.commit();
  return written;
}

void sync_archive(const fs::path& path) {
  if (!fs::is_directory(path)) return sync_files({path});
  std::vector<fs::path> files;
  std::error_code error;
  for (auto at = fs::recursive_directory_iterator(path, error); !error && at != fs::end(at); at.increment(error)) {
    if (at->is_regular_file(error)) files.push_back(at->path());
  }
  if (error) throw_io_error("read", path, error.value());
  sync_files(files);
}

}  // namespace nnef
