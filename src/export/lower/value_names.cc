#include "export/lower/value_names.h"

#include <algorithm>
#include <cctype>
#include <map>
#include <set>
#include <string_view>
#include <utility>

#include "export/lower/module_paths.h"
#include "nnef/builder/builder.h"

namespace torch2nnef {
namespace {

bool is_digit(char c) { return std::isdigit(static_cast<unsigned char>(c)) != 0; }

// NAME of "NAME = ...".
std::string assigned_in(std::string_view line) {
  const auto is_of_name = [](char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_'; };
  const auto end = static_cast<std::size_t>(std::find_if_not(line.begin(), line.end(), is_of_name) - line.begin());
  const bool assigns = end > 0 && !is_digit(line.front()) && line.substr(end).starts_with(" = ");
  return assigns ? std::string(line.substr(0, end)) : "";
}

std::string variable_of(const Location& where) {
  if (where.stack.empty()) return "";
  return assigned_in(where.stack.front().text);
}

bool is_same_line(const Location& a, const Location& b) {
  if (a.module_path != b.module_path || a.stack.empty() || b.stack.empty()) return false;
  const SourceLine &x = a.stack.front(), &y = b.stack.front();
  return x.line == y.line && x.file == y.file;
}

// The lines in which a class assigns a variable.
class Assignments {
 public:
  explicit Assignments(const Tape& tape) {
    for (const TapeCall& call : tape.calls) {
      const std::string name = variable_of(call.where);
      if (!name.empty()) lines_[key(call.where, name)].insert(call.where.stack.front().line);
    }
  }

  bool is_assigned_once(const Location& where, const std::string& name) const {
    return lines_.at(key(where, name)).size() == 1;
  }

 private:
  static std::pair<std::string, std::string> key(const Location& where, const std::string& name) {
    return {where.module_class + " " + where.stack.front().function, name};
  }

  std::map<std::pair<std::string, std::string>, std::set<int>> lines_;
};

// The last part of a module's path: "conv1"; "" of a place in a list.
std::string module_name(const std::string& path) {
  const std::string name = path.substr(path.rfind('.') + 1);
  return std::all_of(name.begin(), name.end(), is_digit) ? "" : name;
}

std::set<std::string> names_to_keep(const nnef::Graph& graph, const std::map<nnef::Value, std::string>& wanted) {
  std::set<std::string> taken(graph.symbols.begin(), graph.symbols.end());
  for (nnef::Value input : graph.inputs) taken.insert(graph.info(input).name);
  for (const nnef::Fragment& fragment : graph.fragments) taken.insert(fragment.body.name);
  for (const nnef::Operation& operation : graph.operations) {
    for (nnef::Value result : operation.results) {
      if (!wanted.contains(result)) taken.insert(graph.info(result).name);
    }
  }
  return taken;
}

}  // namespace

std::vector<std::string> names_in_program(const Tape& tape) {
  const ModulePaths modules(tape);
  const Assignments assignments(tape);
  std::vector<std::string> names;
  for (std::size_t i = 0; i < tape.calls.size(); ++i) {
    const Location& where = tape.calls[i].where;
    const Location* next = i + 1 < tape.calls.size() ? &tape.calls[i + 1].where : nullptr;
    std::string name;
    const bool ends_module = next == nullptr || next->module_path != where.module_path;
    if (ends_module && !where.module_path.empty() && !modules.has_modules(where.module_path))
      name = module_name(where.module_path);
    const bool ends_line = next == nullptr || !is_same_line(where, *next);
    const std::string variable = name.empty() && ends_line ? variable_of(where) : "";
    if (!variable.empty() && assignments.is_assigned_once(where, variable)) name = variable;
    names.push_back(std::move(name));
  }
  return names;
}

void name_values(nnef::Graph& graph, const Tape& tape, const Lineage& lineage) {
  const std::vector<std::string> names = names_in_program(tape);
  std::map<nnef::Value, std::string> wanted;
  for (std::size_t i = 0; i < tape.calls.size(); ++i) {
    if (names[i].empty() || tape.calls[i].results.size() != 1) continue;
    const nnef::Value value = lineage.standing.at(static_cast<std::size_t>(tape.calls[i].results[0].id)).value;
    if (value && lineage.call_of.at(static_cast<std::size_t>(value.id)) == static_cast<std::int32_t>(i))
      wanted.emplace(value, nnef::make_identifier(names[i]));
  }
  for (nnef::Value output : graph.outputs) wanted.erase(output);
  for (nnef::Value input : graph.inputs) {  // the line gives the argument another value
    std::erase_if(wanted, [&](const auto& one) { return one.second == graph.info(input).name; });
  }
  for (const nnef::Operation& operation : graph.operations) {
    if (operation.op == "variable") wanted.erase(operation.results.at(0));
  }
  std::set<std::string> taken = names_to_keep(graph, wanted);
  std::map<std::string, int> numbers;
  std::map<std::string, std::string> new_names;
  for (const nnef::Operation& operation : graph.operations) {
    for (nnef::Value result : operation.results) {
      const auto found = wanted.find(result);
      if (found == wanted.end()) continue;
      std::string name = found->second;
      while (!taken.insert(name).second) name = found->second + "_" + std::to_string(++numbers[found->second]);
      new_names.emplace(std::exchange(graph.info(result).name, name), name);
    }
  }
  std::map<std::string, nnef::QuantEntry> quant;
  for (auto& [name, entry] : graph.quant) {
    const auto renamed = new_names.find(name);
    quant.emplace(renamed == new_names.end() ? name : renamed->second, std::move(entry));
  }
  graph.quant = std::move(quant);
}

}  // namespace torch2nnef
