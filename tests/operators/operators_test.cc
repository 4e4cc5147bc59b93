// The operators' table against the operators of the linked libtorch: what aliases, writes, draws or depends on data by
// its schema and tags has a row that agrees, no row is of an operator that does not exist, and every operator is
// allowed, refused or unknown as permissions-RELEASE.golden has it.
//
//   operators_test --rebase    writes that of the linked release anew: look at the difference before it is committed

#include <ATen/core/dispatch/Dispatcher.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>
#include <set>
#include <sstream>

#include "export/load/compat_ops.h"
#include "export/operators/permission.h"

namespace torch2nnef {
namespace {

bool g_rebase = false;

using Schemas = std::vector<c10::FunctionSchema>;

const Schemas& schemas() {
  static const Schemas all = [] {
    register_missing_operators();
    std::map<std::string, c10::FunctionSchema> by_name;  // in a fixed order
    for (const auto& op : torch::jit::getAllOperators()) {
      const c10::FunctionSchema& schema = op->schema();
      by_name.emplace(schema.name() + "." + schema.overload_name(), schema);
    }
    Schemas list;
    for (auto& [name, schema] : by_name) list.push_back(std::move(schema));
    return list;
  }();
  return all;
}

std::string full_name(const c10::FunctionSchema& schema) {
  return schema.name() + (schema.overload_name().empty() ? "" : "." + schema.overload_name());
}

bool holds_tensors(const c10::Argument& argument) {
  const auto list = argument.type()->cast<c10::ListType>();
  const c10::TypePtr type = list ? list->getElementType() : argument.type();
  return type->isSubtypeOf(*c10::TensorType::get());
}

bool writes(const c10::FunctionSchema& schema) {
  return std::any_of(schema.arguments().begin(), schema.arguments().end(),
                     [](const auto& argument) { return argument.alias_info() && argument.alias_info()->isWrite(); });
}

bool returns_view(const c10::FunctionSchema& schema) {
  return !writes(schema) && std::any_of(schema.returns().begin(), schema.returns().end(), [](const auto& result) {
    return result.alias_info() && holds_tensors(result);
  });
}

bool has_tag(const c10::FunctionSchema& schema, at::Tag tag) {
  const auto found = c10::Dispatcher::singleton().findSchema({schema.name(), schema.overload_name()});
  return found && found->hasTag(tag);
}

// The operators of the goldens, which are those of all releases.
std::set<std::string> names_of_releases() {
  std::set<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(OPERATORS)) {
    if (entry.path().extension() != ".golden") continue;
    std::ifstream file(entry.path());
    for (std::string line; std::getline(file, line);) names.insert(line.substr(0, line.find(": ")));
  }
  return names;
}

TEST(OperatorTable, EveryRowIsOfAnOperator) {
  std::set<std::string> names = names_of_releases(), full_names;
  for (const c10::FunctionSchema& schema : schemas()) {
    names.insert(schema.name());
    full_names.insert(schema.name() + "." + schema.overload_name());
  }
  // Of releases without a golden, and of libtorch_python.
  const std::set<std::string> kElsewhere = {"prim::shape",           "prim::ndim",
                                            "prim::PythonOp",        "prim::rpc_async",
                                            "prim::rpc_remote",      "prim::rpc_sync",
                                            "prim::IgnoredPythonOp", "aten::get_gradients",
                                            "aten::to_here",         "aten::owner",
                                            "aten::owner_name",      "aten::is_owner",
                                            "aten::local_value",     "aten::confirmed_by_owner"};
  for (const OperatorRow& row : operator_rows()) {
    const std::string name(row.name);
    const bool is_overload = name.find('.') != std::string::npos;
    EXPECT_TRUE((is_overload ? full_names : names).count(name) || kElsewhere.count(name)) << name;
    if (is_overload) {
      EXPECT_FALSE(row_of(name.substr(0, name.find('.'))).name.empty()) << name;
    }
  }
}

TEST(OperatorTable, NoNameHasTwoRows) {
  std::set<std::string_view> names;
  for (const OperatorRow& row : operator_rows()) EXPECT_TRUE(names.insert(row.name).second) << row.name;
}

TEST(OperatorTable, ArgumentsOfRowsExist) {
  for (const OperatorRow& row : operator_rows()) {
    for (std::string_view argument : {row.length_argument, row.index_argument}) {
      if (argument.empty()) continue;
      const bool exists = std::any_of(schemas().begin(), schemas().end(), [&](const auto& schema) {
        return schema.name() == row.name && schema.argumentIndexWithName(std::string(argument));
      });
      EXPECT_TRUE(exists) << row.name << " has no argument " << argument;
    }
  }
}

// By its schema an operator returns a view of an argument. reshape and others copy where they must, and are views too.
TEST(OperatorTable, ViewsHaveRows) {
  for (const c10::FunctionSchema& schema : schemas()) {
    if (!returns_view(schema) || !is_allowed(permission_of(schema))) continue;
    if (schema.name() == "aten::keys") continue;  // of a dict: its tensors themselves
    EXPECT_TRUE(row_of(schema.name(), schema.overload_name()).is(kView)) << full_name(schema);
  }
}

TEST(OperatorTable, WritesHaveAFunctionalForm) {
  // Twins that have no functional form: a write of them is refused by name.
  for (const c10::FunctionSchema& schema : schemas()) {
    if (!schema.name().starts_with("aten::") || !has_tag(schema, at::Tag::inplace_view)) continue;
    const OperatorRow& row = row_of(schema.name(), schema.overload_name());
    const bool is_known = row.is(kReplacesMemory | kOnlyMarks) || row.is(kView);
    EXPECT_TRUE(is_known) << full_name(schema) << " changes sizes and strides in place";
  }
}

// Whether an argument says if anything is drawn, so that the recorder refuses a call where it does; or the name does.
bool draws_by_argument(const c10::FunctionSchema& schema) {
  const auto has = [&](const char* name) { return schema.argumentIndexWithName(name).has_value(); };
  const bool is_never = schema.name().find("_no_dropout") != std::string::npos;
  return is_never || has("dropout_p") || (has("dropout") && has("train"));
}

TEST(OperatorTable, RandomOperatorsHaveRows) {
  for (const c10::FunctionSchema& schema : schemas()) {
    const bool takes_generator = std::any_of(schema.arguments().begin(), schema.arguments().end(),
                                             [](const auto& argument) { return argument.name() == "generator"; });
    const bool is_random = takes_generator || has_tag(schema, at::Tag::nondeterministic_seeded);
    if (!is_random || draws_by_argument(schema) || !is_allowed(permission_of(schema))) continue;
    EXPECT_TRUE(row_of(schema.name(), schema.overload_name()).is(kRandom | kDropout | kRandomTraining))
        << full_name(schema);
  }
}

TEST(OperatorTable, ShapesFromDataHaveRows) {
  for (const c10::FunctionSchema& schema : schemas()) {
    if (!has_tag(schema, at::Tag::dynamic_output_shape) || !is_allowed(permission_of(schema))) continue;
    // One that says so of a default argument, which its lowering refuses, and some that say so of residuals and of what
    // only a gradient needs.
    static const std::set<std::string> kOtherwise = {"aten::one_hot", "aten::linalg_lstsq", "aten::_ctc_loss"};
    if (kOtherwise.count(schema.name())) continue;
    const OperatorRow& row = row_of(schema.name(), schema.overload_name());
    EXPECT_TRUE(row.is(kShapeFromData | kMaskSelects) || !row.length_argument.empty()) << full_name(schema);
  }
}

TEST(OperatorTable, FactsOfDerivedForms) {
  EXPECT_EQ(functional_name("aten::add_"), "aten::add");
  EXPECT_EQ(functional_name("aten::__iand__"), "aten::bitwise_and");
  EXPECT_EQ(functional_name("aten::__and__"), "");
  EXPECT_EQ(functional_name("aten::add"), "");
  EXPECT_TRUE(row_of("aten::uniform_").is(kRandom));
  EXPECT_TRUE(row_of("aten::_no_grad_uniform_").is(kRandom));
  EXPECT_EQ(row_of("aten::squeeze_").undo, Undo::kReshape);
  EXPECT_FALSE(row_of("aten::transpose_copy").is(kView));
  EXPECT_TRUE(row_of("aten::transpose_copy").is(kMoves));
  EXPECT_EQ(row_of("aten::transpose_copy").shape, ShapeRule::kTranspose);
  EXPECT_TRUE(row_of("aten::where", "").is(kShapeFromData));
  EXPECT_FALSE(row_of("aten::where", "self").is(kShapeFromData));
  EXPECT_TRUE(row_of("mine::swish").name.empty());
}

// Facts about one operator that are told by several columns.
TEST(OperatorTable, ColumnsAgree) {
  for (const OperatorRow& row : operator_rows()) {
    if (row.undo != Undo::kNone || row.parts != Parts::kNone) {
      EXPECT_TRUE(row.is(kView) && row.is(kMoves)) << row.name;
    }
    if (row.is(kRefused)) {
      EXPECT_EQ(row.facts & ~static_cast<std::uint64_t>(kOverloads), kRefused) << row.name;
    }
  }
}

// --- permissions ---

const char* to_text(Permission permission) {
  switch (permission) {
    case Permission::kByRow:
      return "allowed by its row";
    case Permission::kBySchema:
      return "allowed by its schema";
    case Permission::kRefused:
      return "refused";
    case Permission::kUnknown:
      return "unknown";
  }
  return "";
}

// One line per operator, or per overload where overloads differ. Operators of other libraries are listed where they are
// allowed.
std::string permissions() {
  std::map<std::string, std::map<std::string, std::string>> by_name;
  for (const c10::FunctionSchema& schema : schemas()) {
    const Permission permission = permission_of(schema);
    const bool is_of_tensors = schema.name().starts_with("aten::") || schema.name().starts_with("quantized::");
    if (is_of_tensors || is_allowed(permission)) by_name[schema.name()][full_name(schema)] = to_text(permission);
  }
  std::string text;
  for (const auto& [name, overloads] : by_name) {
    const std::string first = overloads.begin()->second;
    const bool agree =
        std::all_of(overloads.begin(), overloads.end(), [&](const auto& one) { return one.second == first; });
    if (agree) text += name + ": " + first + "\n";
    for (const auto& [full, one] : overloads) {
      if (!agree) text += full + ": " + one + "\n";
    }
  }
  return text;
}

std::set<std::string> lines(const std::string& text) {
  std::set<std::string> result;
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);) result.insert(line);
  return result;
}

TEST(Permissions, AreThoseOfTheGolden) {
  const std::string release = std::to_string(TORCH_VERSION_MAJOR) + "." + std::to_string(TORCH_VERSION_MINOR);
  const std::string path = OPERATORS "/permissions-" + release + ".golden", now = permissions();
  if (g_rebase) std::ofstream(path) << now;
  std::ifstream file(path);
  const std::set<std::string> expected = lines({std::istreambuf_iterator<char>(file), {}}), found = lines(now);
  for (const std::string& line : found) EXPECT_TRUE(expected.count(line)) << "not in the golden: " << line;
  for (const std::string& line : expected) EXPECT_TRUE(found.count(line)) << "no longer: " << line;
}

TEST(Permissions, NothingReachesBeyondItsArguments) {
  for (const c10::FunctionSchema& schema : schemas()) {
    const std::string& name = schema.name();
    const bool is_outside = name == "aten::save" || name == "aten::from_file" || name == "aten::manual_seed" ||
                            name == "aten::cuda" || name.find("num_threads") != std::string::npos ||
                            name.find("cufft") != std::string::npos || name == "prim::PythonOp" ||
                            name == "prim::rpc_sync" || name == "aten::to_here" || name.starts_with("c10d::") ||
                            name.starts_with("profiler::") || name == "aten::wait";
    if (is_outside) {
      EXPECT_FALSE(is_allowed(permission_of(schema))) << full_name(schema);
    }
  }
}

}  // namespace
}  // namespace torch2nnef

int main(int argc, char** argv) {
  testing::InitGoogleTest(&argc, argv);
  for (int i = 1; i < argc; ++i) torch2nnef::g_rebase = torch2nnef::g_rebase || std::string(argv[i]) == "--rebase";
  return RUN_ALL_TESTS();
}
