// Facts about operators stand in operators.def: nowhere else in the exporter is one decided by an operator's name. What
// a call that the recorder writes itself is named, and what a lowering is registered for, are not facts of that kind.

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <regex>
#include <set>
#include <string>

namespace {

namespace fs = std::filesystem;

const fs::path kSources = EXPORT_SOURCES;

// Files that still compare with names: each fact is to become one of its row.
const std::set<std::string> kStillCompare = {"exported_program/operator_calls.cc",
                                             "record/call_arguments.cc",
                                             "record/call_results.cc",
                                             "record/masked_items.cc",
                                             "record/masked_operators.cc",
                                             "record/operator_recorder.cc",
                                             "record/other_calls.cc",
                                             "record/packed_sequences.cc",
                                             "sizes/baked_sizes.cc",
                                             "sizes/combined_shapes.cc",
                                             "sizes/constraints.cc",
                                             "sizes/moved_axes.cc",
                                             "sizes/pieces.cc",
                                             "sizes/shape_rules.cc",
                                             "torchscript/second_values.cc"};

// Operators that this libtorch lacks and what is computed in their place: kernels, as those of load/compat_ops.
const std::string kStandIns = "exported_program/stand_ins.cc";

bool is_home_of_names(const fs::path& file) {
  const fs::path place = fs::relative(file, kSources);
  const std::string folder = place.begin()->string();
  return folder == "operators" || folder == "ops" || folder == "load" || place == kStandIns ||
         kStillCompare.count(place.string()) > 0;
}

std::string text_of(const fs::path& file) {
  std::ifstream stream(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(stream), {}};
}

std::string place_of(const fs::path& file, const std::string& text, std::ptrdiff_t offset) {
  return fs::relative(file, kSources).string() + ":" +
         std::to_string(1 + std::count(text.begin(), text.begin() + offset, '\n'));
}

struct Form {
  const char* what;
  std::regex pattern;
};

const std::string kName = R"re("(aten|prim|quantized|torchvision)::[A-Za-z0-9_.]*")re";

std::vector<Form> forms() {
  return {{"compares with a name", std::regex(R"([=!]=\s*)" + kName)},
          {"a list of names", std::regex(kName + R"(\s*,\s*)" + kName)},
          {"a table by names", std::regex(R"(\{\s*)" + kName + R"(\s*,[^{}]*\}\s*,\s*\{\s*)" + kName)},
          {"looks for a part of a name",
           std::regex(R"re((call\.op|name\(\)|\bop_?)\.(find|rfind|starts_with|ends_with|contains)\("[A-Za-z_])re")}};
}

TEST(Names, DecideNothingOutsideOfTheTable) {
  std::size_t files = 0;
  for (const auto& entry : fs::recursive_directory_iterator(kSources)) {
    const fs::path& file = entry.path();
    if ((file.extension() != ".cc" && file.extension() != ".h") || is_home_of_names(file)) continue;
    ++files;
    const std::string text = text_of(file);
    for (const Form& form : forms()) {
      for (auto found = std::sregex_iterator(text.begin(), text.end(), form.pattern); found != std::sregex_iterator();
           ++found) {
        ADD_FAILURE() << place_of(file, text, found->position()) << " " << form.what << ": " << found->str();
      }
    }
  }
  EXPECT_GT(files, 50U);
}

TEST(Names, AreFoundInEveryForm) {
  const char* samples[] = {R"(if (op == "aten::add"))", R"({"aten::add", "prim::min"})",
                           R"({"aten::add", 1}, {"aten::sub", 2})", R"(call.op.find("empty"))"};
  const std::vector<Form> all = forms();
  for (std::size_t i = 0; i < all.size(); ++i) EXPECT_TRUE(std::regex_search(samples[i], all[i].pattern)) << i;
  EXPECT_FALSE(std::regex_search(R"(tape.call1("aten::to", "dtype"))", all[1].pattern));
}

}  // namespace
