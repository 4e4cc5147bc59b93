// Compression: our gzip by itself, and whole exports with --compression, beside pigz and gzip on the same .nnef.tar.
//
//   gzip_vs_pigz TORCH2NNEF GZIP_FILE SIZES MODEL.pt... [--rounds N]
//
// Times are ratios to pigz's at the same level, medians of N rounds (default 3); so are the sizes.
#include <fmt/format.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <exception>
#include <filesystem>
#include <sstream>
#include <string>
#include <vector>

#include "export/verify/private_folder.h"
#include "process_cost.h"

namespace {

struct Programs {
  std::string exporter, packer, sizes;
};

bool is_installed(const std::string& program) {
  const char* const path = std::getenv("PATH");
  std::istringstream folders(path ? path : "");
  for (std::string folder; std::getline(folders, folder, ':');) {
    if (access(folder.append("/").append(program).c_str(), X_OK) == 0) return true;
  }
  return false;
}

void compare(const Programs& programs, const std::string& model, const std::string& folder, int rounds) {
  const std::string tar = folder + "/model.nnef.tar";
  const auto exported = [&](const std::string& output, const bench::Command& flags) {
    bench::Command command = {programs.exporter, model, "-o", output, "--input", "x:f32:" + programs.sizes};
    command.insert(command.end(), {"--check=none", "--quiet"});
    command.insert(command.end(), flags.begin(), flags.end());
    return command;
  };
  bench::measure({exported(tar, {})}, 1);
  for (const std::string level : {"1", "6"}) {
    const std::vector<bench::Cost> costs =
        bench::measure({{"pigz", "-" + level, "--keep", "--force", tar},
                        {programs.packer, level, tar, folder + "/ours.gz"},
                        exported(folder + "/model.nnef.tgz", {"--compression", level}),
                        {"gzip", "-" + level, "--keep", "--force", "--suffix", ".z", tar}},
                       rounds);
    const auto ratio = [&](std::size_t i) { return costs[i].seconds / costs[0].seconds; };
    const double size = bench::megabytes_of(tar + ".gz");
    fmt::print("{:<14} {:>5} {:>8.2f} | {:>5.2f} {:>6.2f} {:>6.2f} | {:>8.1f} {:>6.3f} {:>6.3f}\n",
               std::filesystem::path(model).stem().string(), level, costs[0].seconds, ratio(1), ratio(2), ratio(3),
               size, bench::megabytes_of(folder + "/ours.gz") / size, bench::megabytes_of(tar + ".z") / size);
    std::fflush(stdout);  // a row takes its time
  }
}

}  // namespace

int main(int argc, char** argv) {
  try {
    std::vector<std::string> arguments(argv + 1, argv + argc);
    const int rounds = bench::take_rounds(arguments, 3);
    if (arguments.size() < 4) {
      fmt::print(stderr, "usage: gzip_vs_pigz TORCH2NNEF GZIP_FILE SIZES MODEL.pt... [--rounds N]\n");
      return 2;
    }
    if (!is_installed("pigz")) {
      fmt::print("pigz is not installed: compression is not compared (tools/setup.sh pigz)\n");
      return 0;
    }
    const torch2nnef::PrivateFolder folder;
    fmt::print("{}, medians of {}; ratios are to pigz's\n", bench::machine(), rounds);
    fmt::print("{:<14} {:>5} {:>8} | {:>5} {:>6} {:>6} | {:>8} {:>6} {:>6}\n", "", "level", "pigz s", "ours", "export",
               "gzip", "pigz MB", "ours", "gzip");
    for (std::size_t i = 3; i < arguments.size(); ++i) {
      compare({arguments[0], arguments[1], arguments[2]}, arguments[i], folder.path(), rounds);
    }
    return 0;
  } catch (const std::exception& error) {
    fmt::print(stderr, "gzip_vs_pigz: {}\n", error.what());
    return 1;
  }
}
