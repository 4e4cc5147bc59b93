// What the default check, the reference evaluator, adds to an export: taking fingerprints while recording, and
// evaluating the archive.
//
//   check_cost [ROUNDS]
//
// The times are medians. What is added is held against 1.2 forward passes and 50 ms; reading the archive back, which an
// export does in any case, is shown beside it.
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <iostream>

#include "export/lower/lower.h"
#include "export/simplify/simplify.h"
#include "export/torchscript/record.h"
#include "export/verify/private_folder.h"
#include "export/verify/reference.h"
#include "nets.h"

namespace {

using torch2nnef::Recording;

// Milliseconds, the median of some rounds.
double median_of(int rounds, const std::function<void()>& work) {
  std::vector<double> times;
  for (int round = 0; round < rounds; ++round) {
    const auto begin = std::chrono::steady_clock::now();
    work();
    times.push_back(std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - begin).count());
  }
  std::nth_element(times.begin(), times.begin() + static_cast<std::ptrdiff_t>(times.size() / 2), times.end());
  return times[times.size() / 2];
}

Recording recorded(const torch2nnef::Model& model, torch2nnef::Check check) {
  torch2nnef::ExportOptions options;
  options.check = check;
  torch2nnef::Diagnostics diagnostics;
  return torch2nnef::record(model, torch2nnef::builtin_tables(), options, diagnostics);
}

// True when what is added is within the bound.
bool measure(const std::string& name, torch::jit::Module module, const at::Tensor& x, int rounds) {
  const c10::InferenceMode guard;
  const std::vector<c10::IValue> inputs = {x};
  const torch2nnef::Model model = torch2nnef::Model::wrap(module, inputs);
  const Recording recording = recorded(model, torch2nnef::Check::kReference);
  const nnef::Dialect dialect{nnef::Target{}};
  nnef::Graph graph, archive;
  torch2nnef::Diagnostics diagnostics;
  const torch2nnef::Lineage lineage =
      torch2nnef::lower_tape(recording.tape, graph, dialect, torch2nnef::builtin_tables(), {}, diagnostics);
  torch2nnef::simplify(graph);
  nnef::set_registries(graph, dialect);
  const torch2nnef::PrivateFolder folder;
  nnef::write_archive(graph, dialect, folder.path() / "model.nnef.tgz");

  const auto read_back = [&] { nnef::compare_archive(folder.path() / "model.nnef.tgz", graph, dialect, &archive); };
  read_back();
  for (int i = 0; i < 2; ++i) module.forward(inputs);  // torch optimises what it runs for the first times
  const torch2nnef::CheckSubject subject{recording, lineage, graph, archive, dialect};
  const double forward = median_of(rounds, [&] { module.forward(inputs); });
  const double plain = median_of(rounds, [&] { recorded(model, torch2nnef::Check::kNone); });
  const double marked = median_of(rounds, [&] { recorded(model, torch2nnef::Check::kReference); });
  std::size_t differences = 0;
  const double evaluated = median_of(rounds, [&] {
    differences = torch2nnef::run_reference(subject, recording.runs.front(), torch2nnef::Tolerance::kApproximate)
                      .differences.size();
  });
  const double added = std::max(marked - plain, 0.0) + evaluated, bound = 1.2 * forward + 50;
  fmt::print("{:<10} {:>9.1f} {:>13.1f} {:>11.1f} {:>9.1f} {:>9.1f} {:>11.1f}\n", name, forward, marked - plain,
             evaluated, added, bound, median_of(rounds, read_back));
  if (differences > 0) fmt::print("{} values of {} differ\n", differences, name);
  return added <= bound && differences == 0;
}

}  // namespace

int main(int argc, char** argv) {
  const int rounds = argc > 1 ? std::max(1, std::stoi(argv[1])) : 9;
  torch::manual_seed(0);
  fmt::print("{:<10} {:>9} {:>13} {:>11} {:>9} {:>9} {:>11}\n", "ms", "forward", "fingerprints", "evaluation", "added",
             "bound", "read back");
  bool within = true;
  for (const char* name : {"resnet18", "vit_small", "unet"}) {
    const bench::Net& net = bench::net_of(name);
    within = measure(net.name, net.build(), torch::randn(net.input), rounds) && within;
  }
  return within ? 0 : 1;
}
