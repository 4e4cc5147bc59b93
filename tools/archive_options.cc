#include "archive_options.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <new>

#include "nnef/io.h"
#include "terminal.h"

namespace archive_tool {

using torch2nnef::cli::complain;

Options::Options(int argc, char** argv, const std::vector<std::string>& flags) {
  const std::vector<std::string> words(argv + 1, argv + argc);
  bool only_archives = false;
  for (std::size_t i = 0; i < words.size(); ++i) {
    const std::string& word = words[i];
    if (only_archives || !word.starts_with('-') || word == "-") {
      archives_.push_back(word);
    } else if (word == "--") {
      only_archives = true;
    } else if (word == "--help" || word == "-h") {
      given_.emplace_back("help");
    } else if (word == "--target" || word.starts_with("--target=")) {
      if (word == "--target" && i + 1 == words.size()) throw UsageError("--target needs a value, such as khronos");
      const std::string value = word == "--target" ? words[++i] : word.substr(9);
      const std::optional<nnef::Target> target = nnef::Target::parse(value);
      if (!target) {
        throw UsageError(fmt::format("--target: '{}' is not a target; accepted: tract, tract@VERSION as in {}, khronos",
                                     value, nnef::Target{}.to_string()));
      }
      target_ = *target;
      target_is_given_ = true;
    } else if (word.starts_with("--") && std::find(flags.begin(), flags.end(), word.substr(2)) != flags.end()) {
      given_.push_back(word.substr(2));
    } else {
      throw UsageError(fmt::format("unknown flag {}", word));
    }
  }
}

bool Options::has(const std::string& flag) const {
  return std::find(given_.begin(), given_.end(), flag) != given_.end();
}

std::string counted(std::size_t count, const std::string& what) {
  return fmt::format("{} {}{}", count, what, count == 1 ? "" : "s");
}

int run_tool(const char* name, int argc, char** argv, int (*run)(int argc, char** argv)) {
  try {
    const int status = run(argc, argv);
    if (std::fflush(stdout) == 0) return status;
    complain(fmt::format("{}: the output could not be written\n", name));
    return kUsage;
  } catch (const torch2nnef::cli::PrintError& error) {
    complain(fmt::format("{}: {}\n", name, error.what()));
    return kUsage;
  } catch (const UsageError& error) {
    complain(fmt::format("{}: {}\nTry {} --help.\n", name, error.what(), name));
    return kUsage;
  } catch (const nnef::IoError& error) {
    complain(fmt::format("{}: {}\n", name, error.what()));
    return kUsage;
  } catch (const std::bad_alloc&) {
    complain(fmt::format("{}: there is not enough memory\n", name));
    return kUsage;
  } catch (const std::exception& error) {
    complain(fmt::format("{}: {}\n", name, error.what()));
    return kFailed;
  }
}

}  // namespace archive_tool
