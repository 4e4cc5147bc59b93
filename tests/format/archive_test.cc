#include <gtest/gtest.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include <fstream>
#include <iterator>

#include "nnef/text/syntax.h"
#include "sample_graph.h"

namespace nnef {
namespace {

namespace fs = std::filesystem;

const char* const kPlaces[] = {"model", "model.tar", "model.tgz", "model.nnef.tar.gz"};

std::string contents(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

void put(const fs::path& path, const std::string& text) {
  fs::create_directories(path.parent_path());
  std::ofstream(path, std::ios::binary) << text;
}

std::string field(const std::string& text, std::size_t width) { return text + std::string(width - text.size(), '\0'); }

// One entry of a tar file, made by hand.
std::string tar_entry(const std::string& name, const std::string& data, char type = '0', const std::string& link = "",
                      std::int64_t size = -1) {
  char number[13];
  std::snprintf(number, sizeof number, "%011llo", static_cast<unsigned long long>(size < 0 ? data.size() : size));
  std::string header = field(name, 100) + field("0000644", 8) + field("0000000", 8) + field("0000000", 8) +
                       field(number, 12) + field("00000000000", 12) + std::string(8, ' ') + type + field(link, 100) +
                       "ustar" + std::string(1, '\0') + "00";
  header.resize(512, '\0');
  unsigned sum = 0;
  for (char c : header) sum += static_cast<unsigned char>(c);
  std::snprintf(number, sizeof number, "%06o", sum);
  header.replace(148, 7, field(number, 7));
  return header + data + std::string((512 - data.size() % 512) % 512, '\0');
}

const std::string kTarEnd(1024, '\0');

// A graph whose tensors are larger than every buffer.
Graph large_graph() {
  Graph graph = sample_graph();
  graph.variables["big"] = ramp(DType::kU8, {3, 1234567});
  graph.variables[std::string(150, 'n')] = ramp(DType::kF64, {5});
  return graph;
}

TEST(Archive, ContainerIsToldByTheEnding) {
  EXPECT_EQ(container_of("a/m.nnef.tgz"), Container::kTarGz);
  EXPECT_EQ(container_of("m.tar.gz"), Container::kTarGz);
  EXPECT_EQ(container_of("m.tar"), Container::kTar);
  EXPECT_EQ(container_of("m.nnef"), Container::kFolder);
}

TEST(Archive, RoundTripsInEveryContainer) {
  const TemporaryFolder folder;
  const Graph graph = large_graph();
  for (const char* place : kPlaces) {
    for (int level : {0, 1, 9}) {
      WriteOptions options;
      options.compression = level;
      std::uint64_t last = 0, total = 0;
      options.progress = [&](std::uint64_t done, std::uint64_t all) {
        EXPECT_GT(done, last);
        last = done;
        total = all;
      };
      const Written written = write_archive(graph, tract_dialect(), folder / place, options);
      EXPECT_EQ(written.tensors, 3);
      EXPECT_EQ(written.tensor_bytes, 16u + 3 * 1234567 + 40);
      EXPECT_EQ(last, total);
      if (fs::is_regular_file(folder / place)) {
        EXPECT_EQ(written.bytes, fs::file_size(folder / place));
      }
      EXPECT_EQ(compare_archive(folder / place, graph, tract_dialect()), "") << place;
      const Graph back = read_archive(folder / place, tract_dialect());
      EXPECT_EQ(write_text(back, tract_dialect()), write_text(graph, tract_dialect()));
      const auto files = read_files(folder / place);
      EXPECT_EQ(files.size(), 4u);
      EXPECT_EQ(files.at("big.dat").size(), 128u + 3 * 1234567);
    }
  }
  EXPECT_EQ(folder.count(), 4);
}

TEST(Archive, EqualGraphsGiveEqualBytes) {
  const TemporaryFolder folder;
  for (const char* name : {"a.tar", "a.tgz"}) {
    for (int level : {0, 6}) {
      WriteOptions options;
      options.compression = level;
      write_archive(large_graph(), tract_dialect(), folder / name, options);
      const std::string first = contents(folder / name);
      write_archive(large_graph(), tract_dialect(), folder / name, options);
      EXPECT_TRUE(contents(folder / name) == first) << name;
    }
  }
}

TEST(Archive, ReplacesOnlyWhatIsAnArchive) {
  const TemporaryFolder folder;
  const Graph graph = sample_graph();
  put(folder / "old/graph.nnef", "x");
  put(folder / "old/stale.dat", "x");
  write_archive(graph, tract_dialect(), folder / "old");
  EXPECT_FALSE(fs::exists(folder / "old/stale.dat"));
  fs::create_directories(folder / "empty");
  write_archive(graph, tract_dialect(), folder / "empty/");
  EXPECT_EQ(compare_archive(folder / "empty", graph, tract_dialect()), "");
  put(folder / "mine/letter.txt", "x");
  EXPECT_THROW(write_archive(graph, tract_dialect(), folder / "mine"), IoError);
  EXPECT_EQ(contents(folder / "mine/letter.txt"), "x");
  put(folder / "file", "x");
  EXPECT_THROW(write_archive(graph, tract_dialect(), folder / "file"), IoError);
  fs::create_directories(folder / "d.tar");
  EXPECT_THROW(write_archive(graph, tract_dialect(), folder / "d.tar"), IoError);
  EXPECT_THROW(write_archive(graph, tract_dialect(), folder / "absent/m.tar"), IoError);
  EXPECT_THROW(write_archive(graph, tract_dialect(), "/dev/null/m.tar"), IoError);
  EXPECT_THROW(write_archive(graph, tract_dialect(), "/proc/m.tar"), IoError);
  EXPECT_EQ(folder.count(), 5);
}

TEST(Archive, RemovesWhatDeadProcessesLeft) {
  const TemporaryFolder folder;
  const pid_t child = fork();
  if (child == 0) _exit(0);
  waitpid(child, nullptr, 0);
  put(folder / (".m.tar.tmp-" + std::to_string(child)), "x");
  put(folder / (".m.tar.tmp-" + std::to_string(getpid())), "x");
  put(folder / ".m.tar.tmp-x", "x");
  write_archive(sample_graph(), tract_dialect(), folder / "m.tar");
  EXPECT_FALSE(fs::exists(folder / (".m.tar.tmp-" + std::to_string(child))));
  EXPECT_EQ(folder.count(), 3);
}

TEST(Archive, AKilledProcessLeavesNoArchive) {
  for (const char* place : kPlaces) {
    const TemporaryFolder folder;
    const pid_t child = fork();
    if (child == 0) {
      WriteOptions options;
      options.progress = [](std::uint64_t, std::uint64_t) { raise(SIGKILL); };
      write_archive(large_graph(), tract_dialect(), folder / place, options);
      _exit(0);
    }
    int status = 0;
    waitpid(child, &status, 0);
    ASSERT_TRUE(WIFSIGNALED(status));
    EXPECT_FALSE(fs::exists(folder / place));
    EXPECT_EQ(folder.count(), 1);
    for (const fs::directory_entry& entry : fs::directory_iterator(folder / "")) {
      EXPECT_TRUE(entry.path().filename().string().starts_with(".")) << entry.path();
    }
    write_archive(large_graph(), tract_dialect(), folder / place);
    EXPECT_EQ(folder.count(), 1);
    EXPECT_EQ(compare_archive(folder / place, large_graph(), tract_dialect()), "");
  }
}

// A tensor whose stream fails, or gives too little or too much.
class BadTensor final : public TensorData {
 public:
  explicit BadTensor(int bytes) : bytes_(bytes) {}
  DType dtype() const override { return DType::kU8; }
  const std::vector<std::int64_t>& shape() const override { return shape_; }
  void stream(const ByteSink& sink) const override {
    if (bytes_ < 0) throw std::runtime_error("cannot be read");
    const std::string bytes(static_cast<std::size_t>(bytes_), 'x');
    sink(bytes.data(), bytes.size());
  }

 private:
  int bytes_;
  std::vector<std::int64_t> shape_ = {1000};
};

TEST(Archive, FailuresLeaveNothingBehind) {
  for (const char* place : kPlaces) {
    const TemporaryFolder folder;
    Graph graph = sample_graph();
    for (int bytes : {-1, 999, 1001}) {
      graph.variables["bad"] = std::make_shared<BadTensor>(bytes);
      EXPECT_THROW(write_archive(graph, tract_dialect(), folder / place), std::runtime_error);
      EXPECT_EQ(folder.count(), 0);
    }
    WriteOptions options;
    options.progress = [](std::uint64_t, std::uint64_t) { throw std::logic_error("stop"); };
    EXPECT_THROW(write_archive(sample_graph(), tract_dialect(), folder / place, options), std::logic_error);
    EXPECT_EQ(folder.count(), 0);
    for (const char* label : {"../x", "/x", "a//b", ".hidden", "a/.b", "", "a/"}) {
      Graph odd = sample_graph();
      odd.variables[label] = ramp(DType::kU8, {1});
      EXPECT_THROW(write_archive(odd, tract_dialect(), folder / place), FormatError) << label;
    }
    EXPECT_EQ(folder.count(), 0);
  }
}

TEST(Archive, AFullDiskIsAnErrorWithPathAndReason) {
  for (const char* place : kPlaces) {
    const TemporaryFolder folder;
    int pipe_ends[2];
    ASSERT_EQ(pipe(pipe_ends), 0);
    const pid_t child = fork();
    if (child == 0) {  // the limit stands in for a full disk
      signal(SIGXFSZ, SIG_IGN);
      const rlimit limit{1 << 20, 1 << 20};
      setrlimit(RLIMIT_FSIZE, &limit);
      std::string message = "no error";
      try {
        write_archive(large_graph(), tract_dialect(), folder / place);
      } catch (const IoError& error) {
        message = error.what();
      }
      const ssize_t ignored = write(pipe_ends[1], message.data(), message.size());
      _exit(ignored > 0 ? 0 : 1);
    }
    close(pipe_ends[1]);
    char message[512] = {};
    EXPECT_GT(read(pipe_ends[0], message, sizeof message - 1), 0);
    close(pipe_ends[0]);
    waitpid(child, nullptr, 0);
    EXPECT_NE(std::string(message).find(folder / "."), std::string::npos) << message;
    EXPECT_NE(std::string(message).find("File too large"), std::string::npos) << message;
    EXPECT_EQ(folder.count(), 0);
  }
}

TEST(Archive, CompareSeesEveryDifference) {
  const TemporaryFolder folder;
  for (const char* place : kPlaces) {
    write_archive(large_graph(), tract_dialect(), folder / place);
    const auto difference = [&](const std::function<void(Graph&)>& change) {
      Graph other = large_graph();
      change(other);
      return compare_archive(folder / place, other, tract_dialect());
    };
    EXPECT_EQ(difference([](Graph& g) {
                g.variables["big"] = ramp(DType::kU8, {3, 1234567}, 2);
              }),
              "big.dat differs from item 1 on");
    EXPECT_EQ(difference([](Graph& g) {
                g.variables["big"] = ramp(DType::kI8, {3, 1234567});
              }),
              "big.dat is u8[3,1234567], the graph has i8[3,1234567]");
    EXPECT_EQ(difference([](Graph& g) { g.variables["more"] = ramp(DType::kI8, {3}); }), "more.dat is missing");
    EXPECT_EQ(difference([](Graph& g) { g.variables.erase("big"); }), "big.dat belongs to no variable of the graph");
    EXPECT_EQ(difference([](Graph& g) { g.operations[3].op = "add"; }), "graph 'net': the operation add of 'y' differ");
    EXPECT_EQ(difference([](Graph& g) { g.operations[3].arguments[1].argument = 0.2; }),
              "graph 'net': the arguments of the operation mul of 'y' differ");
    EXPECT_NE(difference([](Graph& g) { g.values[4].dtype = DType::kF32; }), "");
    EXPECT_NE(difference([](Graph& g) { g.properties.clear(); }), "");
    EXPECT_NE(difference([](Graph& g) { g.outputs.pop_back(); }), "");
    EXPECT_NE(difference([](Graph& g) { g.operations.pop_back(); }), "");
    EXPECT_NE(difference([](Graph& g) { g.quant["y"] = {"linear_quantize", {{"bits", 8}}}; }), "");
    EXPECT_EQ(difference([](Graph& g) { g.operations[3].arguments[1].argument = 0.1f; }), "");
  }
}

TEST(Archive, RefusesHostileTarFiles) {
  const TemporaryFolder folder;
  const auto refuses = [&](const std::string& bytes, const std::string& word) {
    put(folder / "m.tar", bytes);
    try {
      read_files(folder / "m.tar");
      ADD_FAILURE() << "accepted: " << word;
    } catch (const FormatError& error) {
      EXPECT_NE(std::string(error.what()).find(word), std::string::npos) << error.what();
    }
  };
  refuses(tar_entry("../x", "a") + kTarEnd, "leaves the archive");
  refuses(tar_entry("a/../../x", "a") + kTarEnd, "leaves the archive");
  refuses(tar_entry("/etc/x", "a") + kTarEnd, "leaves the archive");
  refuses(tar_entry("a//x", "a") + kTarEnd, "no proper name");
  refuses(tar_entry("x", "", '2', "/etc/passwd") + kTarEnd, "link or a device");
  refuses(tar_entry("x", "", '1', "y") + kTarEnd, "link or a device");
  refuses(tar_entry("x", "", '3') + kTarEnd, "link or a device");
  refuses(tar_entry("x", "a") + tar_entry("./x", "b") + kTarEnd, "stands twice");
  refuses(tar_entry("x", "a", '0', "", 1 << 16) + kTarEnd, "runcated");
  refuses(tar_entry("x", "a", '0', "", 1 << 30) + kTarEnd, "larger than it can be");
  const std::string sparse = tar_entry("PaxHeader", "31 GNU.sparse.size=99999999999\n", 'x');
  refuses(sparse + tar_entry("x", "a") + kTarEnd, "larger than it can be");
  refuses("this is no tar file", "");
  refuses(std::string(700, 'x'), "");
}

TEST(Archive, PassesOverWhatTheEnginePassesOver) {
  const TemporaryFolder folder;
  put(folder / "m.tar", tar_entry("./", "", '5') + tar_entry("./graph.nnef", "a") + tar_entry(".git/x", "b") +
                            tar_entry("d/._y.dat", "c") + tar_entry("d/y.dat", "d") + kTarEnd);
  EXPECT_EQ(read_files(folder / "m.tar").size(), 2u);
  put(folder / "m/graph.nnef", "a");
  put(folder / "m/.git/x", "b");
  put(folder / "m/d/._y.dat", "c");
  put(folder / "m/d/y.dat", "d");
  EXPECT_EQ(read_files(folder / "m").size(), 2u);
  fs::create_symlink("/etc/passwd", folder / "m/link.dat");
  EXPECT_THROW(read_files(folder / "m"), FormatError);
}

TEST(Archive, EveryTruncationIsNoticed) {
  const TemporaryFolder folder;
  const Graph graph = sample_graph();
  write_archive(graph, tract_dialect(), folder / "whole.tgz");
  const std::string whole = contents(folder / "whole.tgz");
  for (std::size_t size = 0; size < whole.size(); size += 7) {
    put(folder / "cut.tgz", whole.substr(0, size));
    EXPECT_THROW(read_archive(folder / "cut.tgz", tract_dialect()), std::runtime_error) << size;
  }
  std::string flipped = whole;
  flipped[whole.size() / 2] ^= 1;  // in the data of a stored block: only the sum can tell
  put(folder / "cut.tgz", flipped);
  EXPECT_THROW(read_files(folder / "cut.tgz"), FormatError);
}

TEST(Archive, LimitsAndMissingFiles) {
  const TemporaryFolder folder;
  write_archive(large_graph(), tract_dialect(), folder / "m.tgz");
  EXPECT_THROW(read_files(folder / "m.tgz", {1000000}), FormatError);
  EXPECT_NO_THROW(read_files(folder / "m.tgz", {5000000}));
  EXPECT_THROW(read_files(folder / "absent"), IoError);
  fs::create_directories(folder / "none");
  EXPECT_THROW(read_archive(folder / "none", tract_dialect()), FormatError);
}

}  // namespace
}  // namespace nnef
