// Exported programs: the reader of expressions, of files, and whole exports of the files beside this one.
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <filesystem>
#include <fstream>

#include "export/export.h"
#include "export/exported_program/expression.h"
#include "export/exported_program/guards.h"
#include "export/exported_program/json.h"
#include "export/exported_program/program.h"
#include "nnef/io.h"

namespace torch2nnef {
namespace {

namespace fs = std::filesystem;

const nnef::Bindings kSizes = {{"s0", 7}, {"s1", 4}};

double value_of(const std::string& srepr) { return evaluate(parse_srepr(srepr), kSizes).value_or(-1); }
double python(const std::string& text) { return evaluate(parse_python(text), kSizes).value_or(-1); }

constexpr const char* kS0 = "Symbol('s0', positive=True, integer=True)";

TEST(Expression, ReadsSrepr) {
  const std::string s0 = kS0;
  EXPECT_EQ(value_of(s0), 7);
  EXPECT_EQ(value_of("Integer(-3)"), -3);
  EXPECT_EQ(value_of("Float('1.5', precision=53)"), 1.5);
  EXPECT_EQ(value_of("Add(Mul(Integer(2), " + s0 + "), Integer(1))"), 15);
  EXPECT_EQ(value_of("FloorDiv(" + s0 + ", Integer(2))"), 3);
  EXPECT_EQ(value_of("Mod(Mul(Integer(-1), " + s0 + "), Integer(4))"), 1) << "Python's sign";
  EXPECT_EQ(value_of("Max(Integer(1), " + s0 + ", Symbol('s1', integer=True))"), 7);
  EXPECT_EQ(value_of("TruncToInt(FloatTrueDiv(ToFloat(" + s0 + "), Float('2.0', precision=53)))"), 3);
  EXPECT_EQ(value_of("CeilToInt(IntTrueDiv(" + s0 + ", Integer(2)))"), 4);
  EXPECT_EQ(value_of("OpaqueUnaryFn_sqrt(Symbol('s1', integer=True))"), 2);
  EXPECT_EQ(value_of("GreaterThan(" + s0 + ", Integer(7))"), 1);
  EXPECT_EQ(value_of("StrictGreaterThan(" + s0 + ", Integer(7))"), 0);
}

TEST(Expression, ReadsPython) {
  EXPECT_EQ(python("2*s0 + 1"), 15);
  EXPECT_EQ(python("(-1) + s0 // 2"), 2);
  EXPECT_EQ(python("(s0 % 2) == 1 and s1 <= 4"), 1);
  EXPECT_EQ(python("s0 == 1 or not s1 == 4"), 0);
  EXPECT_EQ(python("1 < s1 <= 4"), 1);
  EXPECT_EQ(python("torch.sym_max(1, s0 - 2*s1)"), 1);
  EXPECT_EQ(python("math.trunc(0.75*torch.sym_float(s0))"), 5);
  EXPECT_EQ(python("2**3"), 8);
  EXPECT_EQ(parse_python("L['d']['b'][0].size()[1] >= 2").arguments.at(0).symbol, "L['d']['b'][0].size()[1]");
  EXPECT_EQ(parse_python("L['b'].ids.size()[0]").symbol, "L['b'].ids.size()[0]");
}

TEST(Expression, HasNoValueWhereThereIsNone) {
  EXPECT_FALSE(evaluate(parse_python("s0 // 0"), kSizes));
  EXPECT_FALSE(evaluate(parse_python("other + 1"), kSizes));
  EXPECT_FALSE(evaluate(parse_srepr("Pow(Integer(10), Integer(400))"), kSizes));
}

TEST(Expression, RefusesWhatIsNotOne) {
  for (const char* text :
       {"", "Symbol(", "Symbol('a'", "Unknown(Integer(1))", "Integer(x)", "Add(Integer(1)) 2", "Mod(Integer(1))"}) {
    EXPECT_THROW(parse_srepr(text), nnef::FormatError) << text;
  }
  for (const char* text : {"", "1 +", "(1", "f(1)", "1 1", "L['x"}) {
    EXPECT_THROW(parse_python(text), nnef::FormatError) << text;
  }
  std::string deep = "Integer(1)";
  for (int i = 0; i < 200; ++i) deep = "Add(" + deep + ")";
  EXPECT_THROW(parse_srepr(deep), nnef::FormatError);
  EXPECT_THROW(parse_python(std::string(5000, '(')), nnef::FormatError);
}

TEST(Expression, BecomesADim) {
  const std::map<std::string, nnef::Dim> names = {{"s0", nnef::Dim::symbol("S")}};
  const auto dim = to_dim(parse_srepr(std::string("Add(Mul(Integer(2), ") + kS0 + "), Integer(1))"), names);
  ASSERT_TRUE(dim);
  EXPECT_EQ(dim->to_string(), "2*S+1");
  EXPECT_FALSE(to_dim(parse_python("s1 + 1"), names));
  EXPECT_FALSE(to_dim(parse_python("7777*47777774477744744"), names)) << "more than 64 bits";
  std::string remainders = "s0";
  for (int i = 0; i < 60; ++i) remainders += " % 1" + std::to_string(i);
  EXPECT_FALSE(to_dim(parse_python(remainders), names)) << "a text that doubles with each";
  EXPECT_EQ(to_text(parse_python("(s0 % 2) == 0"), {{"s0", "S"}}), "(S % 2) == 0");
}

// The length of a mask is that of the past plus that of the new tokens.
TEST(Sizes, ASymbolThatGuardsDetermineIsReplaced) {
  Program program;
  for (const char* name : {"ids", "past", "mask"}) {
    ProgramInput input;
    input.name = name;
    program.inputs.push_back(input);
    const std::string symbol = "s" + std::to_string(program.inputs.size());
    program.graph.shapes[name] = {parse_srepr("Symbol('" + symbol + "', positive=True, integer=True)")};
  }
  program.guards = {"L['ids'].size()[0] + L['past'].size()[0] + ((-1)*L['mask'].size()[0]) <= 0",
                    "L['mask'].size()[0] <= L['ids'].size()[0] + L['past'].size()[0]"};
  const ProgramSizes sizes(program);
  EXPECT_EQ(sizes.symbols(), (std::vector<std::string>{"s1", "s2"}));
  EXPECT_EQ(evaluate(sizes.inputs().at(2).shape.at(0), {{"s1", 3}, {"s2", 5}}), 8);
  EXPECT_FALSE(sizes.bounds_of("s1", {{"s1", 3}, {"s2", 5}}).is_fixed);
}

TEST(Json, KeepsIntegersAndReadsPythonsWords) {
  const Json json = parse_json(
      R"({"a": 9223372036854775807, "c": 9223372036854775808, "b": [Infinity, -Infinity, NaN, "Infinity NaN"]})");
  EXPECT_EQ(json.at("a").number(), 9223372036854775807);
  EXPECT_THROW(json.at("c").number(), nnef::FormatError);
  EXPECT_EQ(json.at("c").floating(), 0x1p63);
  EXPECT_TRUE(std::isinf(json.at("b").list()[0].floating()));
  EXPECT_EQ(json.at("b").list()[3].string(), "Infinity NaN");
}

TEST(Json, RefusesWhatIsNotJson) {
  for (const std::string& text : {std::string("{"), std::string("[1,]"), std::string(3000, '[')}) {
    EXPECT_THROW(parse_json(text), nnef::FormatError) << text.substr(0, 20);
  }
  EXPECT_THROW(parse_json("{}").at("a"), nnef::FormatError);
}

// --- whole exports, checked by the reference ---

class Exports : public testing::Test {
 protected:
  Exports() : folder_(fs::temp_directory_path() / ("t2n_pt2_" + std::to_string(::getpid()))) {
    fs::create_directories(folder_);
  }
  ~Exports() override { fs::remove_all(folder_); }
  // A file with an input x of [rows, 4].
  fs::path inputs(const std::string& name, std::int64_t rows) {
    std::vector<float> items(static_cast<std::size_t>(rows) * 4);
    for (std::size_t i = 0; i < items.size(); ++i) items[i] = static_cast<float>(i % 7) - 3;
    std::vector<std::byte> bytes(items.size() * sizeof(float));
    std::memcpy(bytes.data(), items.data(), bytes.size());
    const std::vector<std::int64_t> shape{rows, 4};
    const fs::path file = folder_ / name;
    nnef::write_npz(file, {{"x", std::make_shared<nnef::OwnedTensor>(nnef::DType::kF32, shape, std::move(bytes))}});
    return file;
  }
  ExportReport run(const std::string& name, ExportOptions options = {}) {
    options.check = Check::kReference;
    return export_model_to_nnef(fs::path(PROGRAMS) / (name + ".pt2"), folder_ / (name + ".nnef.tgz"), options);
  }
  std::string refusal(const std::string& name, const ExportOptions& options = {}) {
    try {
      run(name, options);
    } catch (const ExportError& error) {
      std::string text;
      for (const Diagnostic& one : error.diagnostics()) {
        text += one.code + ": " + one.text + " | " + one.hint + " | " + one.where.to_string() + "\n";
      }
      return text;
    }
    return "it was exported";
  }

  fs::path folder_;
};

std::string shapes(const std::vector<IoReport>& all) {
  std::string text;
  for (const IoReport& one : all) text += one.name + nnef::to_string(one.shape) + " ";
  return text;
}

TEST_F(Exports, TakeInputsFromTheFile) {
  const ExportReport report = run("linear");
  EXPECT_EQ(report.inputs_from, "carried by the program");
  EXPECT_EQ(shapes(report.inputs), "x[2,4] ");
  EXPECT_EQ(shapes(report.outputs), "output[2,3] ");
}

TEST_F(Exports, ReadEveryFamily) {
  for (const char* name : {"pickled", "legacy"}) EXPECT_EQ(shapes(run(name).outputs), "output[2,3] ") << name;
}

TEST_F(Exports, NameSymbolsAfterInputAndAxis) {
  const ExportReport report = run("dynamic");
  EXPECT_EQ(shapes(report.inputs), "x[x_0,4] ");
  ASSERT_EQ(report.symbols.size(), 1U);
  EXPECT_EQ(report.symbols[0].maximum, 64);
}

TEST_F(Exports, AreCheckedOnFurtherInputs) {
  ExportOptions options;
  options.inputs_file = inputs("a.npz", 4);
  options.other_inputs_files = {inputs("b.npz", 7)};
  const ExportReport report = run("dynamic", options);
  EXPECT_TRUE(std::any_of(report.check.outputs.begin(), report.check.outputs.end(),
                          [](const CheckReport::Output& one) { return one.sizes.at("x_0") == 7; }));
  options.other_inputs_files = {inputs("c.npz", 70)};
  EXPECT_NE(refusal("dynamic", options)
                .find("T2N-C011: the inputs of c.npz are of sizes that the archive is not for: "
                      "it needs x_0 <= 64"),
            std::string::npos);
}

TEST_F(Exports, GiveComplexOutputsAsPairs) {
  EXPECT_NE(refusal("complex").find("--complex-outputs pairs"), std::string::npos);
  ExportOptions options;
  options.complex_pairs = true;
  EXPECT_EQ(shapes(run("complex", options).outputs), "output[4,2] ");
}

TEST_F(Exports, LetTheUserNameThem) {
  ExportOptions options;
  options.dynamic_axes.push_back({"x", 0, nnef::Dim::symbol("B")});
  EXPECT_EQ(shapes(run("dynamic", options).outputs), "output[B,3] ");
}

TEST_F(Exports, FollowTheGuards) {
  const ExportReport even = run("multiples");
  EXPECT_EQ(shapes(even.inputs), "x[2*x_0_2,3] ");
  EXPECT_EQ(shapes(run("pinned").inputs), "x[5,3] ");
}

TEST_F(Exports, TieSizesThatMustAgree) {
  const ExportReport report = run("apart");
  EXPECT_EQ(shapes(report.inputs), "x[x_0,3] table[x_0,3] ");
  const std::vector<Diagnostic>& said = report.diagnostics.list();
  EXPECT_TRUE(std::any_of(said.begin(), said.end(), [](const Diagnostic& one) {
    return one.code == "T2N-R020" && one.text.find("axis 0 of table is as large as that of x") == 0;
  }));
}

TEST_F(Exports, NameTreesByTheirKeys) {
  const ExportReport report = run("trees");
  EXPECT_EQ(shapes(report.inputs), "d_mask[2,3] d_ids[2,3] ");
  EXPECT_EQ(shapes(report.outputs), "last_hidden_state[2,3] kept_0[2,3] ");
}

TEST_F(Exports, HoldBranchesAndLoops) {
  EXPECT_EQ(shapes(run("branch").outputs), "output[2,3] ");
  ExportOptions options;
  EXPECT_NE(refusal("loop", options).find("--max-iterations"), std::string::npos);
  options.max_iterations = 6;
  EXPECT_EQ(shapes(run("loop", options).outputs), "output_0[3] output_1[] ");
  EXPECT_EQ(shapes(run("scan").outputs), "output_0[3] output_1[x_0,3] ");
}

TEST_F(Exports, ComputeBothSidesOfABranchThatASizeDecides) {
  const ExportReport report = run("by_size");
  EXPECT_EQ(shapes(report.outputs), "output[x_0,3] ");
  EXPECT_TRUE(report.constraints.empty());
  bool is_larger_too = false;
  for (const CheckReport::Output& output : report.check.outputs) {
    EXPECT_TRUE(output.agrees);
    is_larger_too = is_larger_too || output.sizes.at("x_0") > 4;
  }
  EXPECT_TRUE(is_larger_too);
}

TEST_F(Exports, CastWhatAutocastCasts) {
  const ExportReport report = run("autocast");
  EXPECT_EQ(shapes(report.outputs), "output[2,3] ");
  EXPECT_EQ(report.operators.at("aten::to"), 2);  // the input of the product and that of softmax
}

TEST_F(Exports, HoldDefinitionsOfVisionOperators) { EXPECT_EQ(shapes(run("vision").outputs), "output[2,2,2,3] "); }

// Writes `fragments` into a file and exports with it.
struct WithFragments {
  explicit WithFragments(const fs::path& folder, const std::string& fragments) {
    std::ofstream(folder / "mine.nnef") << "extension torch2nnef_rows 1;\n" + fragments;
    options.fragment_files.push_back(folder / "mine.nnef");
  }
  ExportOptions options;
};

constexpr const char* kAffine =
    "fragment module__Affine(x: tensor<scalar>, w: tensor<scalar>, b: tensor<scalar>) -> (result: tensor<scalar>)\n"
    "{\n    result = x * w + b;\n}\n";

TEST_F(Exports, MakeOneCallOfEachClaimedModule) {
  const ExportReport report = run("modules", WithFragments(folder_, kAffine).options);
  EXPECT_EQ(shapes(report.outputs), "output[x_0,4] ");
  EXPECT_EQ(report.operators.at("module::Affine"), 2);
  EXPECT_EQ(report.operators.count("aten::mul"), 0U);
  EXPECT_EQ(report.operators.count("aten::add"), 0U);
  for (const CheckReport::Output& output : report.check.outputs) EXPECT_TRUE(output.agrees);
}

TEST_F(Exports, FindAClaimThatIsWrong) {
  std::string text = kAffine;
  text.replace(text.find("x * w + b"), 9, "x * w - b");
  EXPECT_THROW(run("modules", WithFragments(folder_, text).options), ExportError);
}

TEST_F(Exports, RefuseAClaimOfAModuleInPieces) {
  const std::string mix =
      "fragment module__Mix(x: tensor<scalar>, y: tensor<scalar>) -> (result: tensor<scalar>)\n"
      "{\n    result = tanh(x) - y;\n}\n";
  const std::string text = refusal("modules", WithFragments(folder_, mix).options);
  EXPECT_NE(text.find("module::Mix claims the module mix (of class model.Mix)"), std::string::npos) << text;
  EXPECT_NE(text.find("do not stand together"), std::string::npos) << text;
}

TEST_F(Exports, WarnOfAClaimOfNothing) {
  std::string text = kAffine;
  text.replace(text.find("Affine"), 6, "Afine");
  const ExportReport report = run("modules", WithFragments(folder_, text).options);
  bool is_said = false;
  for (const Diagnostic& one : report.diagnostics.list()) is_said = is_said || one.code == "T2N-P004";
  EXPECT_TRUE(is_said);
}

TEST_F(Exports, RefuseStateOrMakeItAnInput) {
  for (const char* name : {"state", "mutation"}) {
    EXPECT_NE(refusal(name).find("--state=io"), std::string::npos) << name;
    ExportOptions options;
    options.state_io = true;
    const ExportReport report = run(name, options);
    EXPECT_EQ(shapes(report.inputs), "x[3] h[3] ") << name;
    EXPECT_EQ(shapes(report.outputs), "output[3] h_next[3] ") << name;
    ASSERT_EQ(report.states.size(), 1U) << name;
    EXPECT_EQ(report.states[0].initial, "1,2,3") << name;
  }
}

TEST_F(Exports, StandInForMissingOperators) { EXPECT_EQ(shapes(run("stand_ins").outputs), "output[6] "); }

TEST_F(Exports, ListAllForbiddenOperatorsAtOnce) {
  const std::string text = refusal("foreign");
  EXPECT_NE(text.find("T2N-R016: mylib::twice"), std::string::npos) << text;
  EXPECT_NE(text.find("T2N-R016: aten::save"), std::string::npos) << text;
  EXPECT_NE(text.find("higher_order.associative_scan is not supported"), std::string::npos) << text;
  EXPECT_NE(text.find("model.py:11"), std::string::npos) << text;
  EXPECT_EQ(text.find("secret"), std::string::npos) << "a path of the machine that exported it";
}

TEST_F(Exports, RefuseOtherFilesByName) {
  EXPECT_NE(refusal("compiled").find("AOTInductor"), std::string::npos);
  EXPECT_NE(refusal("several").find("first, second"), std::string::npos);
  EXPECT_NE(refusal("old").find("torch before 2.6"), std::string::npos);
}

}  // namespace
}  // namespace torch2nnef
