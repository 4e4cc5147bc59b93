// torch2nnef side by side with programs that do a part of its work, in wall time and peak memory:
//
//   export_vs_copy TORCH2NNEF LOAD_AND_WRITE MODEL.pt [--rounds N] [FLAGS OF TORCH2NNEF...]
//
// FLAGS describe the sample inputs, as in --input x:f32:1,3,224,224. The commands run in turn, N times (default 5); the
// table shows medians, and the ratio to load_and_write.
#include <fcntl.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstring>
#include <filesystem>
#include <iostream>
#include <stdexcept>
#include <string>
#include <vector>

#include "export/verify/private_folder.h"

namespace {

namespace fs = std::filesystem;

struct Cost {
  double seconds = 0;
  double mebibytes = 0;  // largest resident set
};

struct Contestant {
  std::string title;
  std::vector<std::string> command;
  std::vector<Cost> costs;

  // Medians, each by itself.
  Cost typical() const {
    const auto median = [&](double Cost::*what) {
      std::vector<double> values;
      for (const Cost& cost : costs) values.push_back(cost.*what);
      std::nth_element(values.begin(), values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2), values.end());
      return values[values.size() / 2];
    };
    return {median(&Cost::seconds), median(&Cost::mebibytes)};
  }
};

// stdout goes nowhere; stderr is the user's.
[[noreturn]] void become(const std::vector<std::string>& command) {
  std::vector<char*> words;
  for (const std::string& word : command) words.push_back(const_cast<char*>(word.c_str()));
  words.push_back(nullptr);
  const int nowhere = open("/dev/null", O_WRONLY);
  dup2(nowhere, STDOUT_FILENO);
  execvp(words[0], words.data());
  fmt::print(stderr, "{}: {}\n", command[0], std::strerror(errno));
  _exit(127);
}

Cost run(const std::vector<std::string>& command) {
  const auto started = std::chrono::steady_clock::now();
  const pid_t child = fork();
  if (child < 0) throw std::runtime_error(std::strerror(errno));
  if (child == 0) become(command);
  int status = 0;
  rusage usage{};
  if (wait4(child, &status, 0, &usage) != child) throw std::runtime_error(std::strerror(errno));
  const std::chrono::duration<double> time = std::chrono::steady_clock::now() - started;
  if (status != 0) throw std::runtime_error(fmt::format("{} failed", fmt::join(command, " ")));
  return {time.count(), static_cast<double>(usage.ru_maxrss) / 1024};
}

std::vector<Contestant> contestants(const std::vector<std::string>& arguments, const fs::path& folder) {
  const std::string &exporter = arguments[0], &copier = arguments[1], &model = arguments[2];
  const auto exporting = [&](const std::string& title, const std::string& output, const std::string& level) {
    std::vector<std::string> command = {exporter, model, "-o", folder / output, "--check=none", "--quiet"};
    if (!level.empty()) command.insert(command.end(), {"--compression", level});
    command.insert(command.end(), arguments.begin() + 3, arguments.end());
    return Contestant{title, command, {}};
  };
  return {{"load_and_write", {copier, model, folder / "tensors"}, {}},
          exporting("torch2nnef", "model.nnef.tgz", ""),
          exporting("torch2nnef to .tar", "model.nnef.tar", ""),
          exporting("torch2nnef --compression 1", "model1.nnef.tgz", "1"),
          {"cp", {"cp", model, folder / "copy"}, {}},
          {"gzip -1", {"gzip", "-1", "--keep", "--force", folder / "copy"}, {}}};
}

void print_table(const std::vector<Contestant>& list, double model_size) {
  const Cost base = list.front().typical();
  fmt::print("model {:.1f} MiB, medians of {}\n", model_size, list.front().costs.size());
  fmt::print("{:<28} {:>9} {:>7} {:>10} {:>16}\n", "", "wall s", "ratio", "peak MiB", "peak - model MiB");
  for (const Contestant& one : list) {
    const Cost cost = one.typical();
    fmt::print("{:<28} {:>9.3f} {:>7.2f} {:>10.1f} {:>16.1f}\n", one.title, cost.seconds, cost.seconds / base.seconds,
               cost.mebibytes, cost.mebibytes - model_size);
  }
}

int rounds_of(std::vector<std::string>& arguments) {
  const auto flag = std::find(arguments.begin(), arguments.end(), "--rounds");
  if (flag == arguments.end() || flag + 1 == arguments.end()) return 5;
  const int rounds = std::max(1, std::stoi(*(flag + 1)));
  arguments.erase(flag, flag + 2);
  return rounds;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    std::vector<std::string> arguments(argv + 1, argv + argc);
    const int rounds = rounds_of(arguments);
    if (arguments.size() < 3) {
      std::cerr << "usage: export_vs_copy TORCH2NNEF LOAD_AND_WRITE MODEL.pt [--rounds N] [FLAGS OF TORCH2NNEF...]\n";
      return 2;
    }
    const torch2nnef::PrivateFolder folder;
    std::vector<Contestant> list = contestants(arguments, folder.path());
    for (Contestant& one : list) run(one.command);  // files into the cache, output files into being
    for (int round = 0; round < rounds; ++round) {
      for (Contestant& one : list) one.costs.push_back(run(one.command));
    }
    print_table(list, static_cast<double>(fs::file_size(arguments[2])) / (1 << 20));
    return 0;
  } catch (const std::exception& error) {
    std::cerr << "export_vs_copy: " << error.what() << "\n";
    return 1;
  }
}
