// Code that the data decides about, and single rounds of loops: what may not be done there.
#pragma once

#include <cstddef>
#include <optional>
#include <string>

#include "export/record/callee.h"
#include "export/record/context.h"

namespace torch2nnef {

// While it lives, what is executed belongs to a branch or round that the data asks for, or not. Regions nest: code that
// the sample does not take has no part that it takes.
class DataRegionScope {
 public:
  DataRegionScope(RecordContext& context, std::string what, bool is_taken);
  ~DataRegionScope() { context_.region = outer_; }
  DataRegionScope(const DataRegionScope&) = delete;
  DataRegionScope& operator=(const DataRegionScope&) = delete;

 private:
  RecordContext& context_;
  std::optional<DataRegion> outer_;
};

// While it lives, one round of a loop is recorded.
class RoundScope {
 public:
  explicit RoundScope(RecordContext& context) : context_(context) { context.round_began_at = context.cells.made(); }
  ~RoundScope() { context_.round_began_at.reset(); }
  RoundScope(const RoundScope&) = delete;
  RoundScope& operator=(const RoundScope&) = delete;

 private:
  RecordContext& context_;
};

// In a data region: the side that the data does not ask for is computed all the same, so that nothing may fail there.
// Throws Unsupported for calls that fail at some values.
void refuse_fragile(RecordContext& context, const c10::FunctionSchema& schema, const Slots& inputs);

// Before a tensor is written to in a data region or a round: one that is older is refused.
void refuse_older(RecordContext& context, Cell& cell);

}  // namespace torch2nnef
