// The quirk register against what a release of tract does:
//
//   quirks_test 0.23.9 [GOOGLETEST FLAGS]
//   quirks_test --try 0.23.9 FILE.quirk...      only shows what the release does with the graphs
//   quirks_test --named FOLDER                  whether the sources name all quirks, and none that is not there
//
// A row that is wrong fails; what the register calls right is listed as gone.
#include "nnef/dialect/quirks.h"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <regex>
#include <set>
#include <string>
#include <vector>

#include "export/verify/private_folder.h"
#include "export/verify/tract_engine.h"
#include "quirk_case.h"

namespace {

namespace fs = std::filesystem;
using nnef::Symptom;
using torch2nnef_test::QuirkCase;

constexpr double kTimeoutSeconds = 60, kHangSeconds = 4;
constexpr double kSlow = 1.8;  // times as long as otherwise: what is right is at 1, what is slow at 3 and more

std::string_view to_string(Symptom symptom) {
  switch (symptom) {
    case Symptom::kRight:
      return "right";
    case Symptom::kWrong:
      return "wrong";
    case Symptom::kRefused:
      return "refused";
    case Symptom::kPanics:
      return "panics";
    case Symptom::kHangs:
      return "hangs";
    case Symptom::kAbsent:
      return "absent";
    case Symptom::kSlow:
      return "slow";
  }
  return "";
}

struct Seen {
  Symptom symptom = Symptom::kRight;
  std::string detail;
};

// Processor seconds of all processes that ended by now.
double seconds_of_children() {
  rusage usage{};
  getrusage(RUSAGE_CHILDREN, &usage);
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + 1e-6 * static_cast<double>(time.tv_usec);
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

// What one run of a loaded graph takes, by many runs in one process without the time of a process that runs it once.
// Other work on the machine only adds to a measurement, so the least of each is kept and only then subtracted.
class RunTime {
 public:
  RunTime(const QuirkCase& one, const std::string& text, const torch2nnef::Engine& engine)
      : one_(one), engine_(engine), archive_(folder_.path() / "model") {
    torch2nnef_test::write_archive(one, text, archive_);
  }
  void measure() {
    once_ = std::min(once_, seconds_of(1));
    often_ = std::min(often_, seconds_of(kRuns + 1));
  }
  double seconds() const { return (often_ - once_) / kRuns; }

 private:
  static constexpr std::size_t kRuns = 40;

  double seconds_of(std::size_t runs) const {
    const double since = seconds_of_children();
    const std::vector<std::vector<nnef::NamedTensor>> inputs(runs, one_.inputs);
    for (const auto& run : torch2nnef::run_engine_on_each(engine_, archive_, inputs, kTimeoutSeconds)) {
      if (!run.ran) throw std::runtime_error(run.message);
    }
    return seconds_of_children() - since;
  }

  const QuirkCase& one_;
  const torch2nnef::Engine& engine_;
  const torch2nnef::PrivateFolder folder_;
  const fs::path archive_;
  double once_ = kTimeoutSeconds, often_ = kTimeoutSeconds;
};

Seen seen_of_time(const QuirkCase& one, const torch2nnef::Engine& engine) {
  constexpr int kRounds = 5;
  RunTime slow(one, one.text, engine), fast(one, one.fast_text, engine);
  for (int round = 0; round < kRounds; ++round) {
    slow.measure();
    fast.measure();
  }
  const std::string detail =
      fmt::format("{:.2f} ms a run, and {:.2f} ms otherwise", 1e3 * slow.seconds(), 1e3 * fast.seconds());
  return {slow.seconds() > kSlow * fast.seconds() ? Symptom::kSlow : Symptom::kRight, detail};
}

Seen seen(const QuirkCase& one, const torch2nnef::Engine& engine, double seconds) {
  const torch2nnef::PrivateFolder folder;
  const fs::path archive = folder.path() / "model";
  torch2nnef_test::write_archive(one, one.text, archive);
  const torch2nnef::EngineRun run = torch2nnef::run_engine(engine, archive, one.inputs, seconds);
  if (run.exit_status == -1) return {Symptom::kHangs, run.message};
  if (run.exit_status == 101 || run.exit_status > 128) return {Symptom::kPanics, run.message};
  if (run.message.find("No definition for operator") != std::string::npos) return {Symptom::kAbsent, run.message};
  if (!run.ran) return {Symptom::kRefused, run.message};
  const std::string difference = torch2nnef_test::difference(one, run.outputs);
  if (!difference.empty()) return {Symptom::kWrong, difference};
  return one.fast_text.empty() ? Seen{} : seen_of_time(one, engine);
}

torch2nnef::Engine engine_of(const nnef::Version& release) {
  const auto engine = torch2nnef::find_engine({}, release);
  if (!engine || engine->version != release.to_string()) {
    throw std::runtime_error("tract " + release.to_string() + " is missing: tools/get-tract --version fetches it");
  }
  return *engine;
}

class QuirkTest : public testing::Test {
 public:
  QuirkTest(const nnef::Quirk& quirk, const torch2nnef::Engine& engine, const nnef::Version& release)
      : quirk_(quirk), engine_(engine), release_(release) {}

  void TestBody() override {
    const QuirkCase one = torch2nnef_test::read_quirk_case(fs::path(QUIRKS) / fmt::format("{}.quirk", quirk_.id));
    const bool hangs = quirk_.symptom_in(release_) == Symptom::kHangs;
    const Seen now = seen(one, engine_, hangs ? kHangSeconds : kTimeoutSeconds);
    EXPECT_EQ(to_string(now.symptom), to_string(quirk_.symptom_in(release_))) << now.detail << "\n"
                                                                              << quirk_.effect << "\n"
                                                                              << one.text;
    if (now.symptom == Symptom::kRight) std::cout << "gone in " << release_.to_string() << ": " << quirk_.id << "\n";
  }

 private:
  const nnef::Quirk& quirk_;
  const torch2nnef::Engine& engine_;
  nnef::Version release_;
};

int try_files(const nnef::Version& release, const std::vector<std::string>& files) {
  const torch2nnef::Engine engine = engine_of(release);
  for (const std::string& file : files) {
    const Seen now = seen(torch2nnef_test::read_quirk_case(file), engine, kHangSeconds);
    std::cout << fmt::format("{} {} {}: {}\n", release.to_string(), fs::path(file).stem().string(),
                             to_string(now.symptom), now.detail);
  }
  return 0;
}

// The ids that a text names: "T-" and words of capitals and digits.
std::set<std::string> ids_in(const fs::path& file) {
  std::ifstream stream(file);
  const std::string text{std::istreambuf_iterator<char>(stream), {}};
  static const std::regex kId(R"(\bT-[A-Z0-9]+(-[A-Z0-9]+)*\b)");
  std::set<std::string> ids;
  for (auto at = std::sregex_iterator(text.begin(), text.end(), kId); at != std::sregex_iterator(); ++at) {
    ids.insert(at->str());
  }
  return ids;
}

int check_names(const fs::path& folder) {
  std::set<std::string> named;
  int problems = 0;
  for (const fs::directory_entry& entry : fs::recursive_directory_iterator(folder)) {
    if (!entry.is_regular_file() || entry.path().filename().string().starts_with("quirks.")) continue;
    for (const std::string& id : ids_in(entry.path())) {
      named.insert(id);
      if (nnef::find_quirk(id)) continue;
      std::cout << fmt::format("{} names {}, which is not in the register\n", entry.path().string(), id);
      ++problems;
    }
  }
  for (const nnef::Quirk& quirk : nnef::quirks()) {
    if (named.contains(std::string(quirk.id))) continue;
    std::cout << fmt::format("{} is in the register, and no source names it\n", quirk.id);
    ++problems;
  }
  return problems == 0 ? 0 : 1;
}

int run_all(const nnef::Version& release) {
  const torch2nnef::Engine engine = engine_of(release);
  for (const nnef::Quirk& quirk : nnef::quirks()) {
    const std::string name(quirk.id);
    testing::RegisterTest("quirks", name.c_str(), nullptr, nullptr, __FILE__, __LINE__,
                          [&]() -> testing::Test* { return new QuirkTest(quirk, engine, release); });
  }
  return RUN_ALL_TESTS();
}

}  // namespace

int main(int argc, char** argv) {
  testing::InitGoogleTest(&argc, argv);
  std::vector<std::string> arguments(argv + 1, argv + argc);
  if (arguments.size() == 2 && arguments[0] == "--named") return check_names(arguments[1]);
  const bool tries = !arguments.empty() && arguments[0] == "--try";
  if (tries) arguments.erase(arguments.begin());
  const auto release = arguments.empty() ? std::nullopt : nnef::Version::parse(arguments[0]);
  if (!release || (!tries && arguments.size() > 1)) {
    std::cerr << "usage: quirks_test [--try] RELEASE [FILE.quirk...] | --named FOLDER\n";
    return 2;
  }
  try {
    return tries ? try_files(*release, {arguments.begin() + 1, arguments.end()}) : run_all(*release);
  } catch (const std::exception& error) {
    std::cerr << "quirks_test: " << error.what() << "\n";
    return 1;
  }
}
