#include "process_cost.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <stdexcept>
#include <thread>

namespace bench {
namespace {

// stdout goes nowhere; stderr is the user's.
[[noreturn]] void become(const Command& command) {
  std::vector<char*> words;
  for (const std::string& word : command) words.push_back(const_cast<char*>(word.c_str()));
  words.push_back(nullptr);
  const int nowhere = open("/dev/null", O_WRONLY);
  dup2(nowhere, STDOUT_FILENO);
  execvp(words[0], words.data());
  fmt::print(stderr, "{}: {}\n", command[0], std::strerror(errno));
  _exit(127);
}

double seconds_of(const timeval& time) {
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) * 1e-6;
}

Cost run(const Command& command) {
  const auto started = std::chrono::steady_clock::now();
  const pid_t child = fork();
  if (child < 0) throw std::runtime_error(std::strerror(errno));
  if (child == 0) become(command);
  int status = 0;
  rusage usage{};
  if (wait4(child, &status, 0, &usage) != child) throw std::runtime_error(std::strerror(errno));
  const std::chrono::duration<double> time = std::chrono::steady_clock::now() - started;
  if (status != 0) throw std::runtime_error(fmt::format("{} failed", fmt::join(command, " ")));
  return {time.count(), seconds_of(usage.ru_utime) + seconds_of(usage.ru_stime),
          static_cast<double>(usage.ru_maxrss) * 1024 / 1e6};
}

Cost median_of(const std::vector<Cost>& costs) {
  const auto median = [&](double Cost::*what) {
    std::vector<double> values;
    for (const Cost& cost : costs) values.push_back(cost.*what);
    std::nth_element(values.begin(), values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2), values.end());
    return values[values.size() / 2];
  };
  return {median(&Cost::seconds), median(&Cost::processor_seconds), median(&Cost::megabytes)};
}

}  // namespace

std::vector<Cost> measure(const std::vector<Command>& commands, int rounds) {
  for (const Command& command : commands) run(command);
  std::vector<std::vector<Cost>> costs(commands.size());
  for (int round = 0; round < rounds; ++round) {
    for (std::size_t i = 0; i < commands.size(); ++i) costs[i].push_back(run(commands[i]));
  }
  std::vector<Cost> medians;
  for (const std::vector<Cost>& one : costs) medians.push_back(median_of(one));
  return medians;
}

std::string machine() {
  double load = 0;
  if (getloadavg(&load, 1) != 1) load = 0;
  return fmt::format("{} cores, load {:.2f}", std::thread::hardware_concurrency(), load);
}

int take_rounds(std::vector<std::string>& arguments, int otherwise) {
  const auto flag = std::find(arguments.begin(), arguments.end(), "--rounds");
  if (flag == arguments.end() || flag + 1 == arguments.end()) return otherwise;
  const int rounds = std::max(1, std::stoi(*(flag + 1)));
  arguments.erase(flag, flag + 2);
  return rounds;
}

double megabytes_of(const std::string& file) { return static_cast<double>(std::filesystem::file_size(file)) / 1e6; }

}  // namespace bench
