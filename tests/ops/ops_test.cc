// Runs the cases of a .cases file, one GoogleTest a line and dtype:
//
//   ops_test FILE.cases [TARGET] [GOOGLETEST FLAGS]
//                                  for a target such as tract@0.22.4 in that release; else for the newest in any
//   ops_test --coverage FOLDER     every operator of the table that the linked libtorch has is called by a case of the
//                                  folder's files, or is listed in its covered_elsewhere.txt
//   ops_test --support PAGE FOLDER [--rebase]
//                                  the page that lists the operators is what the table and the cases give
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <fstream>
#include <iostream>
#include <regex>
#include <set>

#include "export/load/compat_ops.h"
#include "export/lower/lowering.h"
#include "op_check.h"
#include "op_module.h"
#include "support_page.h"

namespace op_tests {
namespace {

class CaseTest : public testing::Test {
 public:
  CaseTest(OpCase op_case, std::size_t variant, torch2nnef::Engine engine, nnef::Target target)
      : case_(std::move(op_case)), variant_(variant), engine_(std::move(engine)), target_(target) {}

  void TestBody() override {
    if (const std::string why = why_skipped(case_); !why.empty()) GTEST_SKIP() << why;
    try {
      const std::string problem = check_case(case_, variant_, engine_, target_);
      EXPECT_EQ(problem, "") << case_.expression;
    } catch (const std::exception& error) {
      FAIL() << case_.expression << "\n" << error.what();
    }
  }

 private:
  OpCase case_;
  std::size_t variant_;
  torch2nnef::Engine engine_;
  nnef::Target target_;
};

// "line_12_softplus_f16"
std::string test_name(const OpCase& one, std::size_t variant) {
  std::string name = fmt::format("line_{}", one.line);
  if (const std::size_t at = one.expression.rfind("aten::"); at != std::string::npos) {
    const std::size_t begin = at + 6;
    name += "_" + one.expression.substr(begin, one.expression.find('(', begin) - begin);
  }
  for (const CaseTensor& tensor : one.tensors) {
    if (tensor.dtypes.size() > 1) return name + "_" + one.dtype(tensor, variant);
  }
  return one.derived_dtype.empty() ? name : name + "_as_" + one.derived_dtype;
}

// The engine to run the cases in: of the named target's release, or of any when no target is named.
std::optional<torch2nnef::Engine> engine_of(const std::optional<nnef::Target>& named) {
  const nnef::Version version = named.value_or(nnef::Target{}).version;
  auto engine = torch2nnef::find_engine({}, version);
  if (engine && (!named || engine->version == version.to_string())) return engine;
  std::cerr << fmt::format("ops_test: tract {0} is not found; tools/get-tract --version {0} fetches it\n",
                           version.to_string());
  return std::nullopt;
}

int run_cases(const std::filesystem::path& file, const std::optional<nnef::Target>& named) {
  const auto engine = engine_of(named);
  if (!engine) return 1;
  const nnef::Target target = named.value_or(nnef::Target{});
  const std::string suite = file.stem().string();
  std::vector<OpCase> all;
  for (const OpCase& one : read_cases(file)) {
    all.push_back(one);
    for (OpCase& other : one.in_other_dtypes()) all.push_back(std::move(other));
  }
  for (const OpCase& one : all) {
    for (std::size_t variant = 0; variant < one.variants(); ++variant) {
      testing::RegisterTest(suite.c_str(), test_name(one, variant).c_str(), nullptr, one.expression.c_str(),
                            file.c_str(), one.line,
                            [=]() -> testing::Test* { return new CaseTest(one, variant, *engine, target); });
    }
  }
  return RUN_ALL_TESTS();
}

// The operators that an expression names. TorchScript's compiler puts one name in place of its synonyms (`swapaxes` is
// `transpose`), so that a synonym is never seen in what forward calls.
std::set<std::string> named_in(const std::string& expression) {
  static const std::regex pattern("aten::[A-Za-z0-9_]+");
  std::set<std::string> names;
  for (std::sregex_iterator at(expression.begin(), expression.end(), pattern), end; at != end; ++at) {
    names.insert(at->str());
  }
  return names;
}

std::string without_overload(const std::string& name) { return name.substr(0, name.find('.')); }

// Operators that no case can call by name, with the reason after it.
std::set<std::string> covered_elsewhere(const std::filesystem::path& file) {
  std::ifstream stream(file);
  std::set<std::string> names;
  for (std::string line; std::getline(stream, line);) {
    if (!line.empty() && line[0] != '#') names.insert(line.substr(0, line.find(' ')));
  }
  return names;
}

struct Called {
  std::set<std::string> operators;  // with overload
  std::set<std::string> names;      // without
  std::set<std::string> synonyms;   // written in a case, and replaced by the compiler: whatever overload
  bool has(const std::string& name) const {
    return operators.count(name) > 0 || names.count(name) > 0 || synonyms.count(without_overload(name)) > 0;
  }
};

// Builds the cases of a file and runs them in libtorch alone, so that a wrong line is told from a wrong export;
// `called` gets the operators. Returns the number of lines that do not run.
int run_in_torch(const std::filesystem::path& file, Called& called) {
  int problems = 0;
  for (const OpCase& one : read_cases(file)) {
    const bool is_skipped = !why_skipped(one).empty();
    if (is_skipped && one.where_known) continue;
    for (std::size_t variant = 0; variant < one.variants(); ++variant) {
      try {
        OpModule module(one, variant);
        std::set<std::string> synonyms = named_in(one.expression);
        for (const std::string& name : module.operators()) {
          called.operators.insert(name);
          called.names.insert(without_overload(name));
          synonyms.erase(without_overload(name));
        }
        called.synonyms.merge(synonyms);
        if (is_skipped) continue;
        for (const nnef::Bindings& bindings : one.all_bindings()) {
          module.draw(1, bindings);
          module.run();
          module.results();
        }
      } catch (const std::exception& error) {
        std::cerr << fmt::format("{}:{}: {}: {}\n", file.filename().string(), one.line, test_name(one, variant),
                                 error.what());
        ++problems;
      }
    }
  }
  return problems;
}

int check_coverage(const std::filesystem::path& folder) {
  Called called;
  int problems = 0;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    if (entry.path().extension() == ".cases") problems += run_in_torch(entry.path(), called);
  }
  const std::set<std::string> elsewhere = covered_elsewhere(folder / "covered_elsewhere.txt");
  std::set<std::string> names;  // a name may have several lowerings
  for (const torch2nnef::Lowering* lowering : torch2nnef::builtin_registry().all()) names.insert(lowering->name);
  for (const std::string& name : names) {
    if (!called.has(name) && torch_has(name) && elsewhere.count(name) == 0) {
      std::cerr << fmt::format("{} has no case in {}\n", name, folder.string());
      ++problems;
    }
  }
  std::cout << fmt::format("{} problems\n", problems);
  return problems == 0 ? 0 : 1;
}

// 0 when the page is what the file holds; writes it when `is_rebased`.
int check_support(const std::filesystem::path& file, const std::filesystem::path& folder, bool is_rebased) {
  const std::string page = support_page(folder);
  std::ifstream stream(file, std::ios::binary);
  const std::string held{std::istreambuf_iterator<char>(stream), {}};
  if (is_rebased) {
    std::ofstream(file, std::ios::binary) << page;
    return 0;
  }
  if (page == held) return 0;
  std::cerr << fmt::format("{} is not current: ops_test --support {} {} --rebase\n", file.string(), file.string(),
                           folder.string());
  return 1;
}

}  // namespace
}  // namespace op_tests

int main(int argc, char** argv) {
  testing::InitGoogleTest(&argc, argv);
  torch2nnef::register_missing_operators();  // so that TorchScript's compiler knows them, too
  try {
    if (argc == 3 && std::string(argv[1]) == "--coverage") return op_tests::check_coverage(argv[2]);
    if (argc >= 4 && std::string(argv[1]) == "--support") {
      const bool is_rebased = argc == 5 && std::string(argv[4]) == "--rebase";
      return op_tests::check_support(argv[2], argv[3], is_rebased);
    }
    if (argc == 2) return op_tests::run_cases(argv[1], std::nullopt);
    if (const auto target = argc == 3 ? nnef::Target::parse(argv[2]) : std::nullopt) {
      return op_tests::run_cases(argv[1], target);
    }
  } catch (const std::exception& error) {
    std::cerr << "ops_test: " << error.what() << "\n";
    return 1;
  }
  std::cerr << "usage: ops_test FILE.cases [TARGET] | --coverage FOLDER | --support PAGE FOLDER [--rebase]\n";
  return 2;
}
