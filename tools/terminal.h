// What the programs print: texts from files reach a terminal with nothing in them that could drive it.
#pragma once

#include <stdexcept>
#include <string>

namespace torch2nnef::cli {

// The standard output cannot be written.
class PrintError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

// On stdout, at once; a full one must not look like success. Throws PrintError.
void print(const std::string& text);
// On stderr. One that cannot be written changes nothing: the exit status says the same.
void complain(const std::string& text);

}  // namespace torch2nnef::cli
