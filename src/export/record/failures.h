// How a recording ends before its time.
#pragma once

#include <stdexcept>
#include <string>
#include <utility>

#include "export/tape/tape.h"

namespace torch2nnef {

// A world other than the sample fails, or takes another way: other sizes may do better.
class WorldFailed : public std::runtime_error {
 public:
  WorldFailed(std::string what, Location where, std::string code, std::string bounds = "", std::string hint = "")
      : std::runtime_error(what),
        where_(std::move(where)),
        code_(std::move(code)),
        bounds_(std::move(bounds)),
        hint_(std::move(hint)) {}
  const Location& where() const { return where_; }
  const std::string& code() const { return code_; }
  // Bounds of a symbol within which it would not fail, as --symbol takes them; "" when none are known.
  const std::string& bounds() const { return bounds_; }
  // What to do; "" when nothing special is known.
  const std::string& hint() const { return hint_; }

 private:
  Location where_;
  std::string code_, bounds_, hint_;
};

// Ends the recording; the reasons are in the diagnostics.
class RecordingStopped : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

}  // namespace torch2nnef
