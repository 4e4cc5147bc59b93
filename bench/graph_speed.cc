// What archives of one model take in tract: each runs on the same inputs in this one process, in turn, and the time is
// this thread's alone, so that a busy machine does not decide. With --process it is the process's, for graphs whose
// operators work in threads of their own. The first archive is what the others are compared with.
#include <fmt/format.h>
#include <time.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "nnef/io.h"
#include "process_cost.h"
#include "tract_library.h"

namespace {

clockid_t clock_id = CLOCK_THREAD_CPUTIME_ID;

double cpu_seconds() {
  timespec now{};
  clock_gettime(clock_id, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) * 1e-9;
}

double median(std::vector<double> values) {
  std::nth_element(values.begin(), values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2), values.end());
  return values[values.size() / 2];
}

class Contestant {
 public:
  Contestant(const tract_run::Library& library, const std::string& archive,
             const std::map<std::string, nnef::TensorDataPtr>& inputs)
      : start_(cpu_seconds()), model_(std::make_unique<tract_run::Model>(library, archive)) {
    for (const tract_run::InputFact& input : model_->inputs()) {
      const auto found = inputs.find(input.name);
      if (found == inputs.end()) throw std::runtime_error(archive + ": the inputs have no " + input.name);
      inputs_.push_back(found->second);
    }
    model_->prepare();
    ready_seconds_ = cpu_seconds() - start_;
    model_->run(inputs_);
  }

  // What it took to load the archive and to optimise it.
  double ready_seconds() const { return ready_seconds_; }

  // Calls that take some 5 ms together.
  void choose_calls() {
    const double start = cpu_seconds();
    model_->run(inputs_);
    calls_ = std::max(1, static_cast<int>(0.005 / std::max(cpu_seconds() - start, 1e-6)));
  }

  double seconds() {
    const double start = cpu_seconds();
    for (int i = 0; i < calls_; ++i) model_->run(inputs_);
    return (cpu_seconds() - start) / calls_;
  }

 private:
  double start_, ready_seconds_ = 0;
  std::unique_ptr<tract_run::Model> model_;
  std::vector<nnef::TensorDataPtr> inputs_;
  int calls_ = 1;
};

void compare(const std::string& bundle, const std::vector<std::string>& archives, int rounds) {
  const tract_run::Library library(tract_run::find_library());
  std::map<std::string, nnef::TensorDataPtr> inputs;
  for (const nnef::NamedTensor& tensor : nnef::read_npz(bundle)) inputs.emplace(tensor.name, tensor.data);
  std::vector<Contestant> contestants;
  for (const std::string& archive : archives) contestants.emplace_back(library, archive, inputs).choose_calls();
  std::vector<std::vector<double>> seconds(archives.size()), ratios(archives.size());
  const std::size_t count = contestants.size();
  for (std::size_t round = 0; round < static_cast<std::size_t>(rounds); ++round) {
    for (std::size_t n = 0; n < count; ++n) {
      // From another one on in each round, and back in every second: the first of a round takes some percent more.
      const std::size_t forward = (n + round / 2) % count, i = round % 2 == 0 ? forward : count - 1 - forward;
      seconds[i].push_back(contestants[i].seconds());
    }
    for (std::size_t i = 0; i < count; ++i) ratios[i].push_back(seconds[i].back() / seconds[0].back());
  }
  fmt::print("tract {}, {}, {} rounds; {} time of a call, ratio to the first, time until ready\n", library.version(),
             bench::machine(), rounds, clock_id == CLOCK_THREAD_CPUTIME_ID ? "thread" : "process");
  for (std::size_t i = 0; i < archives.size(); ++i) {
    fmt::print("{:<40} {:>11.1f} us {:>7.3f} {:>7.0f} ms\n", std::filesystem::path(archives[i]).filename().string(),
               median(seconds[i]) * 1e6, median(ratios[i]), contestants[i].ready_seconds() * 1e3);
  }
}

}  // namespace

int main(int argc, char** argv) {
  try {
    std::vector<std::string> arguments(argv + 1, argv + argc);
    const int rounds = bench::take_rounds(arguments, 25);
    if (std::erase(arguments, "--process") > 0) clock_id = CLOCK_PROCESS_CPUTIME_ID;
    if (arguments.size() < 2) {
      fmt::print(stderr, "usage: graph_speed INPUTS.npz ARCHIVE.. [--rounds N] [--process]\n");
      return 2;
    }
    compare(arguments[0], {arguments.begin() + 1, arguments.end()}, rounds);
    return 0;
  } catch (const std::exception& error) {
    fmt::print(stderr, "graph_speed: {}\n", error.what());
    return 1;
  }
}
