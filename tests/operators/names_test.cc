// Facts about operators stand in operators.def: nowhere else is one decided by an operator's name. A name may stand
// where it is not looked at:
//   - in `operators`, where the table is, in `ops`, whose lowerings are registered by it, and in `load`, which says
//   what
//     a file may contain and implements the operators that this libtorch lacks;
//   - where a call is written: the name is what is called, as the second of a pair {"==", "aten::eq"} is;
//   - in a table {"aten::copy", copied}, which gives each name a function that computes it. Such a table implements the
//     operators, and a name belongs to what implements it;
//   - as a symbol of the syntax of TorchScript (c10::prim::If), which the front end executes itself;
//   - as a namespace alone ("aten::").

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <regex>
#include <set>
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

const std::string kSpace = R"((aten|prim|quantized|torchvision)::)";
const std::string kName = "\"" + kSpace + R"re([A-Za-z0-9_.]+")re";
const std::string kFunction =
    R"((?!true\b|false\b|k[A-Z])[a-z_][A-Za-z0-9_]*\s*\})";  // the rest of {"aten::copy", copied}
const std::string kLooks = R"(\.(find|rfind|starts_with|ends_with|contains|compare|count|at|emplace|insert|erase)\()";
const std::string kOperator =
    R"re((\b[a-z_]*op_?|(schema|function)\(?\)?(\.|->)name\(\)|op(\.|->)(name|full\(\))|\w*name\(\)))re";

const std::vector<Form>& forms() {
  static const std::vector<Form> all = {
      {"compares with a name",
       std::regex(R"([=!]=\s*(std::string(_view)?\()?)" + kName + "|" + kName + R"(\)?\s*[=!]=)")},
      {"compares with a symbol", std::regex(R"(\bc10::(aten|quantized|torchvision)::\w)")},
      {"makes a symbol of a name", std::regex(R"(fromQualString\(\s*")")},
      {"a constant that is a name", std::regex(R"(\bk[A-Z]\w*(\[\w*\])?\s*(=|\{|\()\s*\{?\s*)" + kName)},
      {"a list of names", std::regex(kName + R"(\s*,\s*)" + kName)},
      {"a container of names",
       std::regex(R"((set|vector|array|initializer_list|span)<[^;{}()]*>\s*\w*\s*=?\s*[{(]\s*)" + kName)},
      {"a table by names", std::regex(R"([{,]\s*\{\s*)" + kName + R"(\s*,(?!\s*)" + kFunction + ")")},
      {"a table by names", std::regex(R"(\[\s*)" + kName + R"(\s*\]\s*=)")},
      {"takes a name apart", std::regex(R"(\bop_?\.substr\(\s*[1-9])")},
      {"looks a name up", std::regex(kLooks + kName)},
      {"looks for a part of a name", std::regex(kLooks + "\"" + kSpace + "[A-Za-z0-9_]")},
      {"looks for a part of a name", std::regex(kOperator + kLooks + R"re("(?![a-z0-9_]*::")[A-Za-z_])re")}};
  return all;
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
  EXPECT_GT(files, 200U);
}

bool is_found(const std::string& text) {
  return std::any_of(forms().begin(), forms().end(),
                     [&](const Form& form) { return std::regex_search(text, form.pattern); });
}

TEST(Names, AreFoundInEveryForm) {
  for (const char* text : {R"(if (op == "aten::add"))",
                           R"(if ("aten::add" == op))",
                           R"(op != std::string_view("aten::add"))",
                           R"(kind == c10::aten::append)",
                           R"(case c10::aten::add:)",
                           R"(c10::Symbol::fromQualString("aten::warn"))",
                           R"(constexpr const char* kAdd = "aten::add";)",
                           R"(const std::string kAdd("aten::add");)",
                           R"(const char* kOne[] = {"aten::add"};)",
                           R"({"aten::add", "prim::min"})",
                           R"(std::set<std::string>{"aten::add"}.count(op))",
                           R"(const std::vector<std::string_view> names = {"aten::add"};)",
                           R"(std::map<std::string, int> table{{"aten::add", 1}};)",
                           R"(table = {{"aten::add", kRule}, {"aten::sub", kRule}})",
                           R"(table = {{"aten::add", true}})",
                           R"(table = {{"aten::add", {1, 2}}})",
                           R"(table["aten::add"] = 1;)",
                           R"(table.emplace("aten::add", 1))",
                           R"(names.count("aten::add"))",
                           R"(names.count(call.op.substr(6)))",
                           R"(name.starts_with("aten::sele"))",
                           R"(call.op.find("empty"))",
                           R"(op->name.ends_with("_copy"))",
                           R"(schema.name().rfind("pad"))"}) {
    EXPECT_TRUE(is_found(text)) << text;
  }
}

TEST(Names, MayBeCalledAndImplemented) {
  for (const char* text :
       {R"(tape.call1("aten::to", "dtype", {{"self", {value}}}))", R"(ViewStep{"aten::select", "int", {}})",
        R"(return {"aten::sum", "dim_IntList", true};)", R"({{"==", "aten::eq"}, {"<", "aten::lt"}})",
        R"({{"aten::copy", copied}, {"aten::alias", itself}})", R"(case c10::prim::If:)",
        R"(op->name.starts_with("aten::"))", R"(name.starts_with("export::"))"}) {
    EXPECT_FALSE(is_found(text)) << text;
  }
}

}  // namespace
