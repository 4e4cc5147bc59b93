// Which value of the archive stands for which result of a call.
#pragma once

#include <string>
#include <unordered_map>
#include <vector>

#include "export/torch_compat.h"
#include "export/verify/reference.h"

namespace torch2nnef {

// A tensor of the archive for a value of the Tape, its real or imaginary part, or the items of its codes.
struct Paired {
  enum class Part { kWhole, kReal, kImaginary, kBytes };
  nnef::Value value;         // of the archive
  Part part = Part::kWhole;  // of the Tape's value
};

class Pairing {
 public:
  explicit Pairing(const CheckSubject& subject);
  // What simplify() left of what stands for the value; empty for inputs and constants.
  const std::vector<Paired>& of(TapeValue value) const { return pairs_.at(static_cast<std::size_t>(value.id)); }
  // Whether the archive computes in f16 what the model computes in f32 (--cast).
  bool casts_to_half() const { return casts_to_half_; }
  Paired of_output(std::size_t index) const { return outputs_.at(index); }
  // The operation that makes a value of the archive, and the call that it was made for; -1 for none.
  std::int32_t maker(nnef::Value value) const { return makers_.at(static_cast<std::size_t>(value.id)); }
  std::int32_t call(nnef::Value value) const { return calls_.at(static_cast<std::size_t>(value.id)); }

 private:
  nnef::Value find(const nnef::Graph& graph, nnef::Value value) const;
  std::unordered_map<std::string, nnef::Value> by_name_;
  std::vector<std::vector<Paired>> pairs_;
  std::vector<Paired> outputs_;
  std::vector<std::int32_t> makers_, calls_;
  bool casts_to_half_ = false;
};

}  // namespace torch2nnef
