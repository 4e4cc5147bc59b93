// Facts about operators stand in operators.def: nowhere else in the exporter is one decided by an operator's name. What
// a call that the recorder writes itself is named, and what a lowering is registered for, are not facts of that kind.

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <regex>
#include <string>

namespace {

namespace fs = std::filesystem;

const fs::path kSources = EXPORT_SOURCES;

bool is_home_of_names(const fs::path& file) {
  const std::string folder = fs::relative(file, kSources).begin()->string();
  return folder == "operators" || folder == "ops" || folder == "load";
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
