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
#include <functional>
#include <map>
#include <optional>
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
    for (std::string_view argument :
         {row.length_argument, row.index_argument, row.place_argument, row.order_argument}) {
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
    EXPECT_TRUE(row.is(kShapeFromData) || row.masks == MaskUse::kIndexes || !row.length_argument.empty())
        << full_name(schema);
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

// --- columns against schemas ---

using Holds = std::function<bool(const c10::FunctionSchema&)>;

// Every row that `has` the fact is of an operator that has a schema of which `holds` is true, where libtorch has it.
void expect_of_rows(const std::function<bool(const OperatorRow&)>& has, const Holds& holds, const char* what) {
  std::size_t rows = 0;
  for (const OperatorRow& row : operator_rows()) {
    if (!has(row)) continue;
    ++rows;
    const auto is_it = [&](const auto& schema) { return schema.name() == row.name; };
    const bool is_known = std::any_of(schemas().begin(), schemas().end(), is_it);
    const bool agrees = std::any_of(schemas().begin(), schemas().end(),
                                    [&](const auto& schema) { return is_it(schema) && holds(schema); });
    EXPECT_TRUE(agrees || !is_known) << row.name << " has no " << what;
  }
  EXPECT_GT(rows, 0U) << what;
}

bool takes(const c10::FunctionSchema& schema, const char* argument) {
  return schema.argumentIndexWithName(argument).has_value();
}

TEST(OperatorTable, PiecesAreListsAlongAnAxis) {
  const auto is_cut = [](const OperatorRow& row) {
    return row.shape == ShapeRule::kEvenPieces || row.shape == ShapeRule::kPieces;
  };
  const auto returns_tensors = [](const c10::FunctionSchema& schema) {
    return schema.returns().size() == 1 && schema.returns()[0].type()->isSubtypeOf(*c10::ListType::ofTensors());
  };
  expect_of_rows(is_cut, returns_tensors, "list of tensors");
  expect_of_rows([&](const OperatorRow& row) { return is_cut(row) && row.cut_axis < 0; },
                 [&](const auto& schema) { return returns_tensors(schema) && takes(schema, "dim"); }, "dim");
  expect_of_rows([](const OperatorRow& row) { return row.cut_axis >= 0; },
                 [&](const auto& schema) { return returns_tensors(schema) && !takes(schema, "dim"); }, "fixed axis");
  expect_of_rows([](const OperatorRow& row) { return row.shape == ShapeRule::kEvenPieces; },
                 [](const auto& schema) { return takes(schema, "split_size") || takes(schema, "chunks"); }, "length");
  for (const c10::FunctionSchema& schema : schemas()) {
    const bool cuts = takes(schema, "split_size") || takes(schema, "chunks") || takes(schema, "split_sizes");
    if (!cuts || !returns_tensors(schema) || writes(schema)) continue;
    EXPECT_TRUE(is_cut(row_of(schema.name()))) << full_name(schema);
  }
}

TEST(OperatorTable, MasksAreArguments) {
  const auto uses = [](MaskUse one, MaskUse other) {
    return [one, other](const OperatorRow& row) { return row.masks == one || row.masks == other; };
  };
  expect_of_rows(
      uses(MaskUse::kIndexes, MaskUse::kPuts), [](const auto& schema) { return takes(schema, "indices"); }, "indices");
  expect_of_rows(
      uses(MaskUse::kSelects, MaskUse::kScatters), [](const auto& schema) { return takes(schema, "mask"); }, "mask");
  expect_of_rows(
      uses(MaskUse::kPuts, MaskUse::kPuts), [](const auto& schema) { return takes(schema, "values"); }, "values");
  expect_of_rows(
      uses(MaskUse::kScatters, MaskUse::kScatters), [](const auto& schema) { return takes(schema, "source"); },
      "source");
}

TEST(OperatorTable, FactsThatSchemasShow) {
  const auto has = [](std::uint64_t fact) { return [fact](const OperatorRow& row) { return row.is(fact); }; };
  expect_of_rows(
      has(kAsserts | kOnlyPrints), [](const auto& schema) { return schema.returns().empty(); },
      "schema without a result");
  expect_of_rows(
      has(kBetweenBounds), [](const auto& schema) { return takes(schema, "start") && takes(schema, "end"); }, "bounds");
  expect_of_rows(
      has(kByStrides), [](const auto& schema) { return takes(schema, "stride"); }, "strides");
  expect_of_rows(
      has(kObserves), [](const auto& schema) { return takes(schema, "observer_on"); }, "observer");
  expect_of_rows(
      has(kQuantises),
      [](const auto& schema) {
        return (takes(schema, "scale") && takes(schema, "zero_point")) || takes(schema, "scales");
      },
      "scale and zero point");
  expect_of_rows(
      has(kLinearLayer), [](const auto& schema) { return takes(schema, "weight") && takes(schema, "bias"); },
      "weight and bias");
  expect_of_rows([](const OperatorRow& row) { return row.packing != Packing::kNone; },
                 [](const auto& schema) { return takes(schema, "batch_first"); }, "batch_first");
}

// A view of the memory behind a tensor has sizes and strides of its own; only a number of numbers can be too many.
TEST(OperatorTable, StridesAndLengthsHaveRows) {
  for (const c10::FunctionSchema& schema : schemas()) {
    if (!is_allowed(permission_of(schema)) || writes(schema)) continue;
    if (returns_view(schema) && takes(schema, "stride") && takes(schema, "size")) {
      const OperatorRow& row = row_of(schema.name());
      EXPECT_TRUE(row.is(kByStrides) || row.undo == Undo::kReshape) << full_name(schema);
    }
    const bool has_tensors = std::any_of(schema.arguments().begin(), schema.arguments().end(), holds_tensors);
    const auto end = schema.argumentIndexWithName("end");
    const bool is_range =
        schema.name().starts_with("aten::") && !has_tensors && end && !takes(schema, "steps") &&
        schema.arguments()[static_cast<std::size_t>(*end)].type()->isSubtypeOf(*c10::NumberType::get());
    const bool makes_tensor = schema.returns().size() == 1 && holds_tensors(schema.returns()[0]);
    if (is_range && makes_tensor) {
      EXPECT_TRUE(row_of(schema.name()).is(kLengthFromNumbers)) << full_name(schema);
    }
  }
}

// --- item by item ---

// Arguments of a call whose tensors are x, x + 1, ...; nothing where one is of another kind.
std::optional<torch::jit::Stack> arguments_for(const c10::FunctionSchema& schema, const at::Tensor& x) {
  torch::jit::Stack stack;
  double added = 0;
  for (const c10::Argument& formal : schema.arguments()) {
    const auto kind = formal.type()->kind();
    const auto optional = formal.type()->cast<c10::OptionalType>();
    if (optional && optional->getElementType()->kind() == c10::TypeKind::NumberType) {
      stack.emplace_back(0.5);
    } else if (formal.default_value()) {
      stack.push_back(*formal.default_value());
    } else if (kind == c10::TypeKind::TensorType) {
      const bool is_condition = formal.name() == "mask" || formal.name() == "condition";
      stack.emplace_back(is_condition ? x.sin().gt(0) : x.add(added++).to(x.scalar_type()));
    } else if (kind == c10::TypeKind::NumberType || kind == c10::TypeKind::FloatType) {
      stack.emplace_back(1.0);
    } else if (kind == c10::TypeKind::OptionalType) {
      stack.emplace_back();
    } else {
      return std::nullopt;
    }
  }
  return stack;
}

// What the operator makes of x; undefined where it is not called with tensors and numbers, or not with these.
at::Tensor called_with(const torch::jit::Operator& op, const at::Tensor& x) {
  std::optional<torch::jit::Stack> stack = arguments_for(op.schema(), x);
  if (!stack) return {};
  try {
    op.getOperation()(*stack);
  } catch (const std::exception&) {
    return {};
  }
  return stack->size() == 1 && stack->front().isTensor() ? stack->front().toTensor() : at::Tensor();
}

bool same_items(const at::Tensor& a, const at::Tensor& b) {
  return a.sizes() == b.sizes() && a.eq(b).logical_or(a.ne(a).logical_and(b.ne(b))).all().item<bool>();  // NaN, too
}

// Of items in another order, an operator that works item by item makes the same items in that order.
TEST(OperatorTable, ItemwiseOperatorsKnowNoNeighbours) {
  const at::Tensor floats = at::tensor({0.9, 0.1, 0.5, 0.3, 0.7}, at::kFloat), integers = floats.mul(10).to(at::kLong);
  for (const OperatorRow& row : operator_rows()) {
    if (!row.is(kItemwise)) continue;
    std::size_t calls = 0;
    for (const auto& op : torch::jit::getAllOperatorsFor(c10::Symbol::fromQualString(std::string(row.name)))) {
      if (writes(op->schema())) continue;
      for (const at::Tensor& x : {floats, integers}) {
        const at::Tensor y = called_with(*op, x), of_flipped = called_with(*op, x.flip({0}));
        if (!y.defined() || y.dim() != 1) continue;
        ++calls;
        EXPECT_TRUE(same_items(y.flip({0}), of_flipped)) << full_name(op->schema());
      }
    }
    EXPECT_GT(calls, 0U) << row.name << " was not called";
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
