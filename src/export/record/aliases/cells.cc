#include "export/record/aliases/cells.h"

#include "export/diagnostics.h"
#include "export/record/torch_types.h"

namespace torch2nnef {
namespace {

const void* key_of(const at::Tensor& tensor) { return tensor.unsafeGetTensorImpl(); }

}  // namespace

TapeValueInfo facts_of(const Cell& cell) {
  TapeValueInfo info;
  info.type = cell.type;
  info.shape = cell.shape;
  return info;
}

Cell& Cells::root(Cell& cell) {
  Cell* at = &cell;
  while (at->base) at = at->base.get();
  return *at;
}

const std::vector<Ratio>* Cells::contents(Cell& cell) {
  return cell.has_contents && cell.contents_seen == root(cell).generation ? &cell.contents : nullptr;
}

const Range* Cells::range(Cell& cell) {
  return cell.range && cell.contents_seen == root(cell).generation ? &*cell.range : nullptr;
}

CellPtr Cells::find(const at::Tensor& tensor) const {
  auto found = cells_.find(key_of(tensor));
  return found == cells_.end() ? nullptr : found->second;
}

CellPtr Cells::of(const at::Tensor& tensor) {
  if (CellPtr cell = find(tensor)) return cell;
  return add_root(tensor, nnef::make_shape(tensor.sizes().vec()), false, {});
}

CellPtr Cells::add_root(const at::Tensor& tensor, nnef::Shape shape, bool live, TapeValue value) {
  sweep();
  auto cell = std::make_shared<Cell>();
  cell->key = c10::weak_intrusive_ptr<c10::TensorImpl>(tensor.getIntrusivePtr());
  cell->shape = std::move(shape);
  cell->type = from_torch(tensor.scalar_type());
  cell->live = live;
  cell->value = value;
  cell->made_at = ++made_;
  cells_[key_of(tensor)] = cell;
  return cell;
}

void Cells::add_unset(const at::Tensor& tensor, const std::string& path) {
  add_root(tensor, nnef::make_shape(tensor.sizes().vec()), true, {})->unset = path;
}

CellPtr Cells::add_view(const at::Tensor& tensor, nnef::Shape shape, const at::Tensor& base_tensor, ViewStep step,
                        TapeValue value) {
  CellPtr base = of(base_tensor);
  CellPtr cell = add_root(tensor, std::move(shape), false, value);
  cell->base = base;
  cell->base_tensor = base_tensor;
  cell->step = std::move(step);
  cell->seen = root(*cell).generation;
  return cell;
}

void Cells::change_view(const at::Tensor& tensor, nnef::Shape shape, const at::Tensor& before, ViewStep step,
                        TapeValue value) {
  CellPtr old = of(tensor);
  cells_[key_of(before)] = old;
  add_view(tensor, std::move(shape), before, std::move(step), value);
}

TapeValue Cells::read(const CellPtr& cell, const at::Tensor& tensor, const Location& where) {
  Cell& top = root(*cell);
  if (top.live) return read_live(*cell, where);
  if (!cell->value || cell->seen != top.generation) {
    cell->value = tape_.constant(tensor, cell->label);
    cell->seen = top.generation;
  }
  return cell->value;
}

TapeValue Cells::read_live(Cell& cell, const Location& where) {
  if (const std::vector<Ratio>* items = contents(cell); items && !cell.value) {
    cell.value = tape_.dims(*items, static_cast<int>(cell.shape.size()), cell.type, where);
    cell.seen = root(cell).generation;
  }
  if (!cell.base) {
    if (!cell.unset.empty()) {
      throw Unsupported("the attribute " + cell.unset +
                            " is read before the model writes to all of it, so the results depend on earlier calls",
                        "export it as an input and an output (--state=io)");
    }
    if (!cell.value) {
      throw Unsupported("an item of a list that is as long as a dynamic size is used by itself",
                        "join the list by torch.stack or torch.cat, or go through it in a loop (for item in list)");
    }
    return cell.value;
  }
  Cell& top = root(cell);
  if (cell.value && cell.seen == top.generation) return cell.value;
  TapeValue base = read_live(*cell.base, where);
  cell.value = derive(cell, base, where);
  cell.seen = top.generation;
  return cell.value;
}

TapeValue Cells::derive(Cell& cell, TapeValue base, const Location& where) {
  std::vector<std::pair<std::string, TapeArgument>> arguments = cell.step.arguments;
  arguments.emplace_back(cell.step.base_argument, TapeArgument{base});
  if (cell.step.results != 1)
    throw Unsupported("a view of a tensor that was written to is read again (" + cell.step.op + ")");
  return tape_.call1(cell.step.op, cell.step.overload, std::move(arguments), facts_of(cell), where);
}

void Cells::check_writable(Cell& cell) {
  for (Cell* at = &cell; at; at = at->base.get()) {
    if (!at->not_writable.empty())
      throw Unsupported("a write into a tensor that cannot be exported: " + at->not_writable,
                        "write into a copy (.clone()), or build the result with torch.stack or torch.cat");
    if (at->base && !is_invertible(at->step)) {
      throw Unsupported("a write through a view made by " + at->step.op + " cannot be exported",
                        "write into a copy (.clone()) instead");
    }
    if (!at->base && !at->owner.empty()) {
      if (follows_state_ && at->owner.starts_with("attribute ")) throw AttributeWritten(at->label);
      throw Unsupported("the model writes to its own " + at->owner + ", so its results depend on earlier calls",
                        "export it as an input and an output (--state=io)");
    }
  }
}

void Cells::prepare_write(const CellPtr& cell, const at::Tensor& tensor) {
  check_writable(*cell);
  Cell& top = root(*cell);
  if (top.live) return;
  at::Tensor root_tensor = tensor;
  for (Cell* at = cell.get(); at->base; at = at->base.get()) root_tensor = at->base_tensor;
  tape_.detach_constants(root_tensor);
  top.value = tape_.constant(root_tensor.clone(), "");
  top.live = true;
  ++top.generation;
  top.seen = top.generation;
}

void Cells::prepare_constant_write(const CellPtr& cell, const at::Tensor& tensor) {
  for (Cell* at = cell.get(); at; at = at->base.get()) {
    if (!at->base && (!at->owner.empty() || !at->not_writable.empty())) check_writable(*at);
  }
  tape_.detach_constants(tensor);
}

void Cells::write(const CellPtr& cell, TapeValue value, const Location& where) {
  Cell& top = root(*cell);
  Cell* at = cell.get();
  std::vector<std::pair<Cell*, TapeValue>> chain{{at, value}};
  while (at->base) {
    TapeValue base = read_live(*at->base, where);
    value = scattered(tape_, at->step, facts_of(*at->base), base, value, where);
    at = at->base.get();
    chain.emplace_back(at, value);
  }
  ++top.generation;
  for (auto& [written, new_value] : chain) {
    written->value = new_value;
    written->seen = top.generation;
    written->unset.clear();
    written->has_contents = false;
    written->range.reset();
  }
}

CellPtr Cells::root_of(CellPtr cell) {
  while (cell->base) cell = cell->base;
  return cell;
}

void Cells::renew_root(Cell& root, TapeValue value) {
  root.value = value;
  root.seen = ++root.generation;
  root.has_contents = false;
  root.range.reset();
}

TapeValue Cells::make_unknown(Cell& root) {
  renew_root(root, tape_.unknown(facts_of(root)));
  root.made_at = ++made_;
  return root.value;
}

bool Cells::was_written(std::size_t made_before, std::size_t first_value) const {
  return std::any_of(cells_.begin(), cells_.end(), [&](const auto& entry) {
    const Cell& cell = *entry.second;
    if (cell.base || cell.made_at > made_before || !cell.value) return false;
    return static_cast<std::size_t>(cell.value.id) >= first_value &&
           tape_.info(cell.value).kind != TapeValueInfo::Kind::kConstant;
  });
}

void Cells::forget_since(std::size_t first_value) {
  for (auto& [tensor, cell] : cells_) {
    if (!cell->value || static_cast<std::size_t>(cell->value.id) < first_value) continue;
    if (tape_.info(cell->value).kind != TapeValueInfo::Kind::kConstant) cell->value = {};
  }
}

// Of a chain of views each may have been held by the next one alone.
void Cells::release(const void* tensor) {
  for (auto found = cells_.find(tensor); found != cells_.end(); found = cells_.find(tensor)) {
    if (!found->second->key.expired()) return;
    tensor = found->second->base ? key_of(found->second->base_tensor) : nullptr;
    cells_.erase(found);
  }
}

void Cells::sweep() {
  if (cells_.size() < sweep_at_) return;
  for (auto cell = cells_.begin(); cell != cells_.end();) {
    cell = cell->second->key.expired() ? cells_.erase(cell) : std::next(cell);
  }
  sweep_at_ = std::max<std::size_t>(4096, 2 * cells_.size());
}

}  // namespace torch2nnef
