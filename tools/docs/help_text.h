// The text that a program prints for --help, taken apart. All programs of this project print it in one form:
//
//   Title of a group:                  (the first may lack its title)
//     -o, --output OUT      what it does,
//                           on further lines if need be
//     --check[=HOW]         a value that may be left out
//     -O                    a letter alone
//
//   Exit status: 0 done, 1 ...
#pragma once

#include <string>
#include <vector>

namespace docs {

struct Option {
  std::vector<std::string> names;  // "-o", "--output"
  std::string value;               // "OUT", "" for none
  bool value_is_optional = false;  // --check[=HOW]
  bool repeatable = false;         // the text ends in "(repeatable)"
  std::string text;                // one line
};
struct Group {
  std::string title;
  std::vector<Option> options;
};
struct HelpText {
  std::vector<Group> groups;
  std::string exit_status;  // what follows "Exit status: "
};

// Throws std::runtime_error when there is no option or no exit status.
HelpText parse_help(const std::string& text);

}  // namespace docs
