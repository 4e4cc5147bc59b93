// What a symbol costs: exports with a dynamic axis, with the default check, beside the static one.
//
//   symbol_cost TORCH2NNEF SIZES MODEL.pt... [--rounds N]
//
// SIZES are those of the models' only input, x. Axis 0 is made dynamic, then axis 2. Medians of N rounds (default 5).
#include <fmt/format.h>

#include <cstdio>
#include <exception>
#include <filesystem>
#include <string>
#include <vector>

#include "export/verify/private_folder.h"
#include "process_cost.h"

namespace {

void compare(const std::string& exporter, const std::string& sizes, const std::string& model, const std::string& folder,
             int rounds) {
  const auto exported = [&](const std::vector<std::string>& flags) {
    bench::Command command = {exporter,         model,    "-o", folder + "/model.nnef.tgz", "--input",
                              "x:f32:" + sizes, "--quiet"};
    command.insert(command.end(), flags.begin(), flags.end());
    return command;
  };
  const std::vector<bench::Cost> costs = bench::measure(
      {exported({}), exported({"--dynamic-axes", "x:0=B"}), exported({"--dynamic-axes", "x:2=H"})}, rounds);
  const double base = costs[0].seconds;
  fmt::print("{:<14} {:>8.2f} | {:>6.2f} {:>6.2f}\n", std::filesystem::path(model).stem().string(), base,
             costs[1].seconds / base, costs[2].seconds / base);
  std::fflush(stdout);  // a row takes its time
}

}  // namespace

int main(int argc, char** argv) {
  try {
    std::vector<std::string> arguments(argv + 1, argv + argc);
    const int rounds = bench::take_rounds(arguments, 5);
    if (arguments.size() < 3) {
      fmt::print(stderr, "usage: symbol_cost TORCH2NNEF SIZES MODEL.pt... [--rounds N]\n");
      return 2;
    }
    const torch2nnef::PrivateFolder folder;
    fmt::print("{}, medians of {}; x is {}, times with a symbol are ratios to the static one's\n", bench::machine(),
               rounds, arguments[1]);
    fmt::print("{:<14} {:>8} | {:>6} {:>6}\n", "", "static s", "batch", "height");
    for (std::size_t i = 2; i < arguments.size(); ++i) {
      compare(arguments[0], arguments[1], arguments[i], folder.path(), rounds);
    }
    return 0;
  } catch (const std::exception& error) {
    fmt::print(stderr, "symbol_cost: {}\n", error.what());
    return 1;
  }
}
