#include "export/tape/tape_text.h"

#include <variant>

namespace torch2nnef {
namespace {

std::string name_of(const Tape& tape, TapeValue value) {
  if (!value) return "_";
  const TapeValueInfo& info = tape.info(value);
  if (info.kind == TapeValueInfo::Kind::kResult) return "%" + std::to_string(value.id);
  return info.label.empty() ? "constant_" + std::to_string(value.id) : info.label;
}

std::string text_of(const Tape& tape, const TapeArgument& argument) {
  if (argument.is_none()) return "None";
  if (const TapeValue* value = argument.value()) return name_of(tape, *value);
  if (const auto* dim = std::get_if<nnef::Dim>(&argument.is)) return dim->to_string();
  if (const auto* number = std::get_if<double>(&argument.is)) {
    std::string text = std::to_string(*number);
    return text;
  }
  if (const auto* flag = std::get_if<bool>(&argument.is)) return *flag ? "True" : "False";
  if (const auto* text = std::get_if<std::string>(&argument.is)) return "'" + *text + "'";
  std::string text;
  for (const TapeArgument& item : *argument.list()) text += (text.empty() ? "" : ", ") + text_of(tape, item);
  return "[" + text + "]";
}

std::string facts_of(const Tape& tape, TapeValue value) {
  if (!value) return "";
  const TapeValueInfo& info = tape.info(value);
  return std::string(to_string(info.type)) + nnef::to_string(info.shape);
}

}  // namespace

std::string to_text(const Tape& tape) {
  std::string text;
  for (TapeValue input : tape.inputs) text += "input " + name_of(tape, input) + ": " + facts_of(tape, input) + "\n";
  for (const TapeCall& call : tape.calls) {
    std::string results, facts, arguments;
    for (TapeValue result : call.results) {
      results += (results.empty() ? "" : ", ") + name_of(tape, result);
      facts += (facts.empty() ? "" : ", ") + facts_of(tape, result);
    }
    for (const auto& [name, argument] : call.arguments) {
      if (call.equals_default(name)) continue;
      arguments += (arguments.empty() ? "" : ", ") + name + "=" + text_of(tape, argument);
    }
    text += results + " = " + call.full_name() + "(" + arguments + ")    # " + facts;
    std::string where = call.where.to_string();
    text += (where.empty() ? "" : "  " + where) + "\n";
  }
  for (const auto& [name, value] : tape.outputs) {
    text += "output " + name + " = " + name_of(tape, value) + ": " + facts_of(tape, value) + "\n";
  }
  for (const std::string& constraint : tape.constraints) text += "constraint " + constraint + "\n";
  return text;
}

}  // namespace torch2nnef
