// Makes the man page and the shell completions of a program from what it prints for --help, so that they cannot say
// anything else:
//
//   make_docs NAME VERSION HELP PAGE FOLDER
//
// HELP is the text, PAGE the part of the man page that is written by hand (NAME.man): `@OPTIONS@`, `@EXIT@` and
// `@VERSION@` stand in it for what is made. Comments of the page tell the completions what the text cannot:
//
//   .\" choices --check none tract reference       the words that a value may be
//   .\" words run dump                             words that are arguments by themselves
//
// FOLDER gets NAME.1, NAME.bash, _NAME (zsh) and NAME.fish.
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <sstream>

#include "completions.h"
#include "help_text.h"

namespace docs {
namespace {

namespace fs = std::filesystem;

std::string read(const fs::path& file) {
  std::ifstream stream(file, std::ios::binary);
  if (!stream) throw std::runtime_error(file.string() + " cannot be read");
  return {std::istreambuf_iterator<char>(stream), {}};
}

void write(const fs::path& file, const std::string& text) {
  std::ofstream stream(file, std::ios::binary);
  stream << text;
  stream.close();
  if (!stream) throw std::runtime_error(file.string() + " cannot be written");
}

// A character that roff would read as its own.
std::string roff(const std::string& text) {
  std::string escaped;
  for (char letter : text) {
    if (letter == '\\') {
      escaped += "\\e";
    } else if (letter == '-') {
      escaped += "\\-";
    } else {
      escaped += letter;
    }
  }
  return escaped.starts_with('.') || escaped.starts_with('\'') ? "\\&" + escaped : escaped;
}

std::string options_section(const HelpText& help) {
  std::string text;
  for (const Group& group : help.groups) {
    if (!group.title.empty()) text += ".SS " + roff(group.title) + "\n";
    for (const Option& option : group.options) {
      text += ".TP\n";
      for (const std::string& name : option.names) {
        text += (&name == &option.names.front() ? "\\fB" : ", \\fB") + roff(name) + "\\fR";
      }
      if (option.value_is_optional) {
        text += "[=\\fI" + roff(option.value) + "\\fR]";
      } else if (!option.value.empty()) {
        text += " \\fI" + roff(option.value) + "\\fR";
      }
      text += "\n" + roff(option.text) + (option.repeatable ? " (repeatable)\n" : "\n");
    }
  }
  return text;
}

std::string replaced(std::string text, const std::string& mark, const std::string& with) {
  const std::size_t at = text.find(mark);
  if (at == std::string::npos) throw std::runtime_error("the page has no " + mark);
  return text.replace(at, mark.size(), with);
}

Hints read_hints(const std::string& page) {
  Hints hints;
  std::istringstream lines(page);
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line);
    std::string comment, kind, word;
    words >> comment >> kind;
    if (comment != ".\\\"" || (kind != "choices" && kind != "words")) continue;
    std::string option;
    if (kind == "choices") words >> option;
    std::vector<std::string>& list = kind == "choices" ? hints.choices[option] : hints.words;
    while (words >> word) list.push_back(word);
  }
  return hints;
}

void make(const std::string& name, const std::string& version, const fs::path& help_file, const fs::path& page_file,
          const fs::path& folder) {
  const HelpText help = parse_help(read(help_file));
  const std::string page = read(page_file);
  std::string manual = replaced(page, "@VERSION@", version);
  manual = replaced(manual, "@OPTIONS@\n", options_section(help));
  manual = replaced(manual, "@EXIT@", roff(help.exit_status));
  fs::create_directories(folder);
  write(folder / (name + ".1"), manual);
  const Hints hints = read_hints(page);
  write(folder / (name + ".bash"), bash_completion(name, help, hints));
  write(folder / ("_" + name), zsh_completion(name, help, hints));
  write(folder / (name + ".fish"), fish_completion(name, help, hints));
}

}  // namespace
}  // namespace docs

int main(int argc, char** argv) {
  if (argc != 6) {
    std::cerr << "usage: make_docs NAME VERSION HELP PAGE FOLDER\n";
    return 2;
  }
  try {
    docs::make(argv[1], argv[2], argv[3], argv[4], argv[5]);
    return 0;
  } catch (const std::exception& error) {
    std::cerr << "make_docs: " << argv[1] << ": " << error.what() << "\n";
    return 1;
  }
}
