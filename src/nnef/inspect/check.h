// Checks an archive that anybody wrote against a target and reports everything that is wrong with it, each with its
// place.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "nnef/io.h"

namespace nnef {

struct Finding {
  enum class Severity { kError, kWarning };
  Severity severity = Severity::kError;
  std::string file;          // inside the archive, "" for the container itself
  int line = 0, column = 0;  // 0 where there is no such thing, as in a tensor file
  std::string text;          // no full stop
};
// "graph.nnef:3:5: error: ...".
std::string to_string(const Finding& finding);

struct CheckedArchive {
  std::vector<Finding> findings;  // by file and place
  Graph graph;                    // as far as it could be read; its variables have no data
  bool is_valid() const;          // no errors; there may be warnings
};

// Reads the container, the text with all its statements, graph.quant and the tensor files, going on after what is
// wrong, and checks the graph as validate() does; for Khronos NNEF also what its specification says of the text
// (chapter 3, section 5.2) and its readers check. The data of tensors are counted, not kept. Throws IoError when the
// archive cannot be opened.
CheckedArchive check_archive(const std::filesystem::path& path, const Dialect& dialect, const ReadLimits& limits = {});

}  // namespace nnef
