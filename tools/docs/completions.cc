#include "completions.h"

#include <algorithm>
#include <set>
#include <stdexcept>

namespace docs {
namespace {

std::string joined(const std::vector<std::string>& words, const std::string& by = " ") {
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "" : by) + word;
  return text;
}

// In single quotes, for all three shells.
std::string quoted(const std::string& text) {
  std::string result = "'";
  for (char letter : text) result += letter == '\'' ? std::string("'\\''") : std::string(1, letter);
  return result + "'";
}

std::vector<Option> all_options(const HelpText& help, const Hints& hints) {
  std::vector<Option> options;
  std::set<std::string> names;
  for (const Group& group : help.groups) {
    for (const Option& option : group.options) {
      options.push_back(option);
      names.insert(option.names.begin(), option.names.end());
    }
  }
  for (const auto& [name, words] : hints.choices) {
    if (names.count(name) == 0) throw std::runtime_error("choices are given for " + name + ", which is not an option");
  }
  return options;
}

// Null when there are none.
const std::vector<std::string>* choices_of(const Option& option, const Hints& hints) {
  for (const std::string& name : option.names) {
    if (const auto found = hints.choices.find(name); found != hints.choices.end()) return &found->second;
  }
  return nullptr;
}

bool takes_file(const Option& option) {
  static const std::vector<std::string> kWords = {"FILE", "PATH", "PLACE", "OUT", "FOLDER", "ARCHIVE", "DIR"};
  return std::any_of(kWords.begin(), kWords.end(),
                     [&](const std::string& word) { return option.value.starts_with(word); });
}

// `--name|--name=` as bash sees the two ways to give a value; one that may be left out is only given by the second.
std::string bash_pattern(const Option& option) {
  std::vector<std::string> patterns;
  for (const std::string& name : option.names) {
    if (!option.value_is_optional) patterns.push_back(name);
    if (name.starts_with("--")) patterns.push_back(name + "=");
  }
  return joined(patterns, "|");
}

// zsh reads brackets, colons and backslashes of a specification.
std::string zsh_text(const std::string& text) {
  std::string result;
  for (char letter : text) {
    if (letter == '[' || letter == ']' || letter == ':' || letter == '\\') result += '\\';
    result += letter;
  }
  return result;
}

std::string zsh_value(const Option& option, const Hints& hints) {
  if (option.value.empty()) return "";
  const std::vector<std::string>* choices = choices_of(option, hints);
  const std::string action = choices ? "(" + joined(*choices) + ")" : takes_file(option) ? "_files" : " ";
  return (option.value_is_optional ? "::" : ":") + zsh_text(option.value) + ":" + action;
}

}  // namespace

std::string bash_completion(const std::string& name, const HelpText& help, const Hints& hints) {
  std::string cases;
  std::vector<std::string> names;
  for (const Option& option : all_options(help, hints)) {
    for (const std::string& one : option.names) {
      names.push_back(option.value_is_optional && one.starts_with("--") ? one + " " + one + "=" : one);
    }
    if (option.value.empty()) continue;
    const std::vector<std::string>* choices = choices_of(option, hints);
    cases += "    " + bash_pattern(option) + ") ";
    cases += choices ? "words=" + quoted(joined(*choices)) : takes_file(option) ? "files=yes" : ":";
    cases += " ;;\n";
  }
  std::string function = name;
  std::replace(function.begin(), function.end(), '-', '_');
  return "# Completion of " + name + " for bash.\n_" + function +
         "() {\n"
         "  local word=${COMP_WORDS[COMP_CWORD]} option= words= files= line\n"
         "  ((COMP_CWORD > 0)) && option=${COMP_WORDS[COMP_CWORD-1]}\n"
         "  if [[ $word == = ]]; then\n"  // bash makes three words of --check=tract
         "    option+== word=\n"
         "  elif [[ $option == = ]] && ((COMP_CWORD > 1)); then\n"
         "    option=${COMP_WORDS[COMP_CWORD-2]}=\n"
         "  fi\n"
         "  case $option in\n" +
         cases +
         "    *)\n"
         "      if [[ $word == -* ]]; then\n"
         "        words=" +
         quoted(joined(names)) +
         "\n"
         "      else\n"
         "        files=yes words=" +
         quoted(joined(hints.words)) +
         "\n"
         "      fi ;;\n"
         "  esac\n"
         "  COMPREPLY=()\n"
         "  while IFS= read -r line; do COMPREPLY+=(\"$line\"); done < <(compgen -W \"$words\" -- \"$word\")\n"
         "  [[ -n $files ]] || return 0\n"
         "  while IFS= read -r line; do COMPREPLY+=(\"$line\"); done < <(compgen -f -- \"$word\")\n"
         "  compopt -o filenames 2>/dev/null\n"
         "  return 0\n"
         "}\n"
         "complete -F _" +
         function + " " + name + "\n";
}

std::string zsh_completion(const std::string& name, const HelpText& help, const Hints& hints) {
  std::string text = "#compdef " + name + "\n# Completion of " + name + " for zsh.\n_arguments -S";
  for (const Option& option : all_options(help, hints)) {
    const std::string others = option.repeatable         ? "*"
                               : option.names.size() > 1 ? "(" + joined(option.names) + ")"
                                                         : "";
    for (const std::string& one : option.names) {
      const bool is_long = one.starts_with("--");
      const std::string sign = option.value.empty() || !is_long ? "" : option.value_is_optional ? "=-" : "=";
      text += " \\\n  " + quoted(others + one + sign + "[" + zsh_text(option.text) + "]" + zsh_value(option, hints));
    }
  }
  const std::string argument = hints.words.empty() ? "_files" : "{ compadd " + joined(hints.words) + "; _files }";
  return text + " \\\n  " + quoted("*:argument:" + argument) + "\n";
}

std::string fish_completion(const std::string& name, const HelpText& help, const Hints& hints) {
  std::string text = "# Completion of " + name + " for fish.\n";
  for (const Option& option : all_options(help, hints)) {
    text += "complete -c " + name;
    for (const std::string& one : option.names)
      text += one.starts_with("--") ? " -l " + one.substr(2) : " -s " + one.substr(1);
    const std::vector<std::string>* choices = choices_of(option, hints);
    if (!option.value.empty()) text += option.value_is_optional ? " -f" : takes_file(option) ? " -r -F" : " -x";
    if (choices) text += " -a " + quoted(joined(*choices));
    text += " -d " + quoted(option.text) + "\n";
  }
  if (!hints.words.empty()) text += "complete -c " + name + " -a " + quoted(joined(hints.words)) + "\n";
  return text;
}

}  // namespace docs
