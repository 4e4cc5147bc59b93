// torch2nnef side by side with programs that do a part of its work, in time and peak memory:
//
//   export_vs_copy TORCH2NNEF LOAD_AND_WRITE SIZES MODEL.pt... [--rounds N]
//
// SIZES, such as 1,3,224,224, are those of the models' only input, x. The commands run in turn, N times (default 5); a
// row shows medians. Times are ratios to that of load_and_write, without and with a forward pass.
#include <fmt/format.h>

#include <cstdio>
#include <exception>
#include <filesystem>
#include <string>
#include <vector>

#include "export/verify/private_folder.h"
#include "process_cost.h"

namespace {

struct Programs {
  std::string exporter, copier, sizes;
};

void print_heads(int rounds) {
  fmt::print("{}, medians of {}; times are ratios to load_and_write's\n", bench::machine(), rounds);
  fmt::print("{:<14} {:>8} {:>8} | {:>9} {:>10} {:>7} {:>6} {:>6} | {:>9} {:>10}\n", "", "archive", "load and",
             "+ forward", "torch2nnef", "cpu", "to", "cp", "peak - archive, MB", "");
  fmt::print("{:<14} {:>8} {:>8} | {:>9} {:>10} {:>7} {:>6} {:>6} | {:>9} {:>10}\n", "", "MB", "write s", "pass", "",
             "time", ".tar", "", "load&write", "torch2nnef");
}

void compare(const Programs& programs, const std::string& model, const std::string& folder, int rounds) {
  const auto exported = [&](const std::string& output) {
    return bench::Command{programs.exporter,         model,          "-o",     folder + "/" + output, "--input",
                          "x:f32:" + programs.sizes, "--check=none", "--quiet"};
  };
  const std::vector<bench::Cost> costs = bench::measure({{programs.copier, model, folder + "/tensors"},
                                                         {programs.copier, model, folder + "/tensors", programs.sizes},
                                                         exported("model.nnef.tgz"),
                                                         exported("model.nnef.tar"),
                                                         {"cp", model, folder + "/copy"}},
                                                        rounds);
  const bench::Cost& base = costs[0];
  const auto ratio = [&](std::size_t i) { return costs[i].seconds / base.seconds; };
  const double size = bench::megabytes_of(model);
  fmt::print("{:<14} {:>8.1f} {:>8.2f} | {:>9.2f} {:>10.2f} {:>7.2f} {:>6.2f} {:>6.2f} | {:>10.0f} {:>10.0f}\n",
             std::filesystem::path(model).stem().string(), size, base.seconds, ratio(1), ratio(2),
             costs[2].processor_seconds / base.processor_seconds, ratio(3), ratio(4), base.megabytes - size,
             costs[2].megabytes - size);
  std::fflush(stdout);  // a row takes its time
}

}  // namespace

int main(int argc, char** argv) {
  try {
    std::vector<std::string> arguments(argv + 1, argv + argc);
    const int rounds = bench::take_rounds(arguments, 5);
    if (arguments.size() < 4) {
      fmt::print(stderr, "usage: export_vs_copy TORCH2NNEF LOAD_AND_WRITE SIZES MODEL.pt... [--rounds N]\n");
      return 2;
    }
    const torch2nnef::PrivateFolder folder;
    print_heads(rounds);
    for (std::size_t i = 3; i < arguments.size(); ++i) {
      compare({arguments[0], arguments[1], arguments[2]}, arguments[i], folder.path(), rounds);
    }
    return 0;
  } catch (const std::exception& error) {
    fmt::print(stderr, "export_vs_copy: {}\n", error.what());
    return 1;
  }
}
