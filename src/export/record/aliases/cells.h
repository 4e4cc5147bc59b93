// Which Tape value a tensor of libtorch stands for at this moment, writes through views included.
//
// Aliasing is observed on the storages, not deduced: a tensor whose storage is that of an argument is a view of it.
// Each tensor (TensorImpl of world 0) has a cell; a view's cell knows its base and the call that made it. A write gives
// the cell a new value, carries it back along the chain of views to the root, and every other view of the root is
// stale: it is derived again when it is next read.
#pragma once

#include <memory>
#include <stdexcept>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "export/record/tape_writer.h"

namespace torch2nnef {

// The address of a tensor's memory; null when it has none.
inline const void* storage_of(const at::Tensor& tensor) {
  return tensor.defined() && tensor.has_storage() ? tensor.storage().unsafeGetStorageImpl() : nullptr;
}

// The call that made a view of its base, kept so that it can be repeated on a newer base, or undone.
struct ViewStep {
  std::string op, overload;
  std::vector<std::pair<std::string, TapeArgument>> arguments;  // all but the base
  std::string base_argument = "self";
  std::size_t result = 0, results = 1;  // which of how many
};

// start, start + step, ...: a 1-d tensor that arange made, as long as the expression says.
struct Range {
  Ratio start, step;
  nnef::Dim size;
};

struct Cell {
  c10::weak_intrusive_ptr<c10::TensorImpl> key{c10::intrusive_ptr<c10::TensorImpl>()};  // the address stays taken
  TapeValue value;
  int seen = 0;  // the root's generation that `value` belongs to
  nnef::Shape shape;
  ScalarType type = ScalarType::kFloat32;
  std::shared_ptr<Cell> base;  // null for a root
  at::Tensor base_tensor;      // world 0's tensor of the base
  ViewStep step;
  std::vector<Ratio> contents;  // the items, when they follow from sizes
  bool has_contents = false;
  int contents_seen = 0;
  std::optional<Range> range;    // valid as contents are
  std::size_t made_at = 0;       // its number, by age
  bool shape_from_data = false;  // its sizes depend on the values of an input
  // Of a root:
  bool live = false;  // its values depend on an input or on a dynamic size
  int generation = 0;
  std::string label;         // attribute path
  std::string owner;         // "attribute conv.weight": belongs to the archive, must not be written
  std::string not_writable;  // why a write to it cannot be followed, "" when it can
  std::string unset;         // an attribute that the model writes before it reads it: its path, until it is written
};
using CellPtr = std::shared_ptr<Cell>;

// Dtype and shape of a cell, for a result on the Tape.
TapeValueInfo facts_of(const Cell& cell);
// A shape as an argument: int[].
TapeArgument dims_argument(const nnef::Shape& shape);

// The model writes into an attribute. Whoever drives the recording begins it again with another tensor in its place.
class AttributeWritten : public std::runtime_error {
 public:
  explicit AttributeWritten(std::string path)
      : std::runtime_error("attribute " + path + " is written"), path_(std::move(path)) {}
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

class Cells {
 public:
  // `follows_state`: a write into an attribute throws AttributeWritten, else Unsupported.
  Cells(TapeWriter& tape, bool follows_state) : tape_(tape), follows_state_(follows_state) {}

  // The cell of a tensor; one that nobody made is a constant.
  CellPtr of(const at::Tensor& tensor);
  CellPtr find(const at::Tensor& tensor) const;  // null when there is none
  // A new root. Not live: a constant.
  CellPtr add_root(const at::Tensor& tensor, nnef::Shape shape, bool live, TapeValue value);
  CellPtr add_view(const at::Tensor& tensor, nnef::Shape shape, const at::Tensor& base_tensor, ViewStep step,
                   TapeValue value);
  // The tensor's metadata was changed in place by `step`; `before` is an alias of it as it was.
  void change_view(const at::Tensor& tensor, nnef::Shape shape, const at::Tensor& before, ViewStep step,
                   TapeValue value);

  static Cell& root(Cell& cell);
  static bool live(Cell& cell) { return root(cell).live; }
  // Items that follow from sizes, or null.
  static const std::vector<Ratio>* contents(Cell& cell);
  static const Range* range(Cell& cell);

  // The tensor's present value on the Tape.
  TapeValue read(const CellPtr& cell, const at::Tensor& tensor, const Location& where);
  // A root of which nothing is known before it is written: `path` is the attribute whose place it takes.
  void add_unset(const at::Tensor& tensor, const std::string& path);
  // Before something recorded is written into a tensor: its root stops being a constant. Throws Unsupported when the
  // write could not be recorded.
  void prepare_write(const CellPtr& cell, const at::Tensor& tensor);
  void write(const CellPtr& cell, TapeValue value, const Location& where);
  // Before, and after, constants are written into a constant.
  void prepare_constant_write(const CellPtr& cell, const at::Tensor& tensor);
  void constant_written(const CellPtr& cell) { ++root(*cell).generation; }
  // How many cells were made so far: what is older than a moment has a number up to that.
  std::size_t made() const { return made_; }
  static CellPtr root_of(CellPtr cell);
  TapeValue read_root(Cell& root, const Location& where) { return read_live(root, where); }
  // Gives a root another value, and its views with it.
  void renew_root(Cell& root, TapeValue value);
  // The same, with a value that nothing on the Tape makes; it is as new as a tensor that is made now.
  TapeValue make_unknown(Cell& root);
  // Whether a tensor that is older than a moment (see made()) has a value of the Tape from `first_value` on.
  bool was_written(std::size_t made_before, std::size_t first_value) const;
  // Values of the Tape from that one on are taken away from it: views are derived again when they are read.
  void forget_since(std::size_t first_value);
  // To be called when a tensor may have gone: a view that nobody holds lets go of its base.
  void release(const void* tensor);

 private:
  // Forgets tensors that are gone.
  void sweep();
  TapeValue read_live(Cell& cell, const Location& where);
  TapeValue derive(Cell& cell, TapeValue base, const Location& where);
  TapeValue write_back(Cell& cell, TapeValue base, TapeValue value, const Location& where);
  void check_writable(Cell& cell);

  TapeWriter& tape_;
  bool follows_state_;
  std::unordered_map<const void*, CellPtr> cells_;
  std::size_t sweep_at_ = 4096, made_ = 0;
};

// Whether a write through a view made by that operator can be carried back, and if so by what: see cells_steps.cc.
bool is_invertible(const ViewStep& step);
// The base's new value after `value` was written through the view.
TapeValue scattered(TapeWriter& tape, const ViewStep& step, const TapeValueInfo& base_facts, TapeValue base,
                    TapeValue value, const Location& where);

}  // namespace torch2nnef
