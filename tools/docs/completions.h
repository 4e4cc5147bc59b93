// Completions for bash, zsh and fish, from the options of a program.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "help_text.h"

namespace docs {

// What the options' text does not tell.
struct Hints {
  std::map<std::string, std::vector<std::string>> choices;  // by option: the words that its value may be
  std::vector<std::string> words;                           // arguments by themselves, beside files
};

// Throw std::runtime_error when a hint is of an option that does not exist.
std::string bash_completion(const std::string& name, const HelpText& help, const Hints& hints);
std::string zsh_completion(const std::string& name, const HelpText& help, const Hints& hints);
std::string fish_completion(const std::string& name, const HelpText& help, const Hints& hints);

}  // namespace docs
