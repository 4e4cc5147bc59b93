#include "nnef/dialect/target_rules.h"

#include <algorithm>
#include <array>
#include <map>
#include <set>
#include <string_view>

#include "nnef/builder/narrow_reshape.h"
#include "nnef/dim/dim_sum.h"

namespace nnef {
namespace {

const ValueInfo* tensor_of(const Graph& graph, const Operation& operation, std::string_view name) {
  const Argument* argument = operation.find(name);
  return argument && argument->value() ? &graph.info(*argument->value()) : nullptr;
}

std::vector<Dim> dims_of(const Operation& operation, std::string_view name) {
  std::vector<Dim> dims;
  const Argument* argument = operation.find(name);
  if (!argument || !argument->array()) return dims;
  for (const Argument& item : argument->array()->items) {
    if (item.dim()) dims.push_back(*item.dim());
  }
  return dims;
}

// T-SCATTER-REDUCTION
bool reduces(const Graph&, const Operation& operation) {
  const Argument* reduction = operation.find("reduction");
  const auto* text = reduction ? std::get_if<std::string>(&reduction->is) : nullptr;
  return text && *text != "none";
}

// The memory of a sum is not set before it is added to (T-BOX-SUM).
bool adds_up(const Graph&, const Operation& operation) {
  const Argument* normalize = operation.find("normalize");
  return !normalize || std::get_if<bool>(&normalize->is) == nullptr || !std::get<bool>(normalize->is);
}

// An end of 0 is read as the end of the axis (T-SLICE-EMPTY).
bool is_empty_slice(const Graph&, const Operation& operation) {
  const std::vector<Dim> begin = dims_of(operation, "begin"), end = dims_of(operation, "end");
  for (std::size_t i = 0; i < std::min(begin.size(), end.size()); ++i) {
    if (begin[i] == end[i]) return true;
  }
  return false;
}

// T-SLICE-STRIDE-SYMBOL
bool strides_over_symbols(const Graph& graph, const Operation& operation) {
  const ValueInfo* input = tensor_of(graph, operation, "input");
  const std::vector<Dim> axes = dims_of(operation, "axes"), strides = dims_of(operation, "stride");
  for (std::size_t i = 0; input && i < std::min(axes.size(), strides.size()); ++i) {
    if (!axes[i].is_constant() || strides[i] == Dim(1) || strides[i] == Dim(-1)) continue;
    if (!input->shape.at(static_cast<std::size_t>(axes[i].value())).is_constant()) return true;
  }
  return false;
}

bool has_division(const Dim& size) {
  if (size.is_constant()) return false;
  const Dim::Sum sum = Dim::Sum::of(size);
  return std::any_of(sum.terms.begin(), sum.terms.end(), [](const auto& term) {
    return std::any_of(term.first.atoms.begin(), term.first.atoms.end(),
                       [](const DimAtomPtr& atom) { return atom->kind == DimAtom::Kind::kFloorDiv; });
  });
}

bool is_sum(const Dim& size) { return !size.is_constant() && Dim::Sum::of(size).terms.size() > 1; }

// The size of [0:S/2] of an axis of S items stays min(S,S/2) to the engine (T-SLICE-FRACTION).
bool is_cut_at_fraction(const Graph& graph, const Dim& size) {
  if (!has_division(size)) return false;
  return std::any_of(graph.operations.begin(), graph.operations.end(), [&](const Operation& operation) {
    if (operation.op != "slice") return false;
    const std::vector<Dim> begin = dims_of(operation, "begin"), end = dims_of(operation, "end");
    for (std::size_t i = 0; i < std::min(begin.size(), end.size()); ++i) {
      if (has_division(end[i]) && end[i] - begin[i] == size) return true;
    }
    return false;
  });
}

std::int64_t number_of(const Operation& operation, std::string_view name, std::int64_t otherwise) {
  const Argument* argument = operation.find(name);
  return argument && argument->dim() ? argument->dim()->constant().value_or(otherwise) : otherwise;
}

// Numbers of items are compared as they come out, and 3*(H+2) is not 6+3*H (T-RESHAPE-SUM).
bool regroups_sums(const Graph& graph, const Operation& operation) {
  const ValueInfo* input = tensor_of(graph, operation, "input");
  if (!input) return false;
  const std::int64_t rank = std::ssize(input->shape), start = number_of(operation, "axis_start", 0);
  const std::int64_t given = number_of(operation, "axis_count", -1), count = given < 0 ? rank - start : given;
  if (start < 0 || count < 0 || start + count > rank) return false;
  Shape from(input->shape.begin() + start, input->shape.begin() + start + count), to = dims_of(operation, "shape");
  if (from.empty() || to.empty()) return false;
  const ChangedAxes changed = changed_axes(from, to);
  from = Shape(from.begin() + changed.begin, from.begin() + changed.end_of_from);
  to = Shape(to.begin() + changed.begin, to.begin() + changed.end_of_to);
  std::erase(from, Dim(1));
  std::erase(to, Dim(1));
  const auto has_forms = [&](const Dim& size) { return is_sum(size) || is_cut_at_fraction(graph, size); };
  return from != to &&
         (std::any_of(from.begin(), from.end(), has_forms) || std::any_of(to.begin(), to.end(), has_forms));
}

// T-QCONV-I32
bool gives_sums(const Graph&, const Operation& operation) {
  const Argument* type = operation.find("output_dt");
  const auto* text = type ? std::get_if<std::string>(&type->is) : nullptr;
  return text && *text == "i32";
}

struct Rule {
  std::string_view op;
  Version first;  // that is right
  bool (*applies)(const Graph&, const Operation&);
  std::string_view what;
};

constexpr std::array<Rule, 7> kRules = {{
    {"tract_core_scatter_elements", {0, 23, 0}, reduces, "its reduction"},
    {"tract_core_scatter_nd", {0, 23, 0}, reduces, "its reduction"},
    {"box", {0, 23, 5}, adds_up, "sums"},
    {"slice", {0, 23, 0}, is_empty_slice, "an empty slice"},
    {"slice", {0, 23, 0}, strides_over_symbols, "a stride over a dynamic axis"},
    {"tract_core_qconv", {0, 23, 9}, gives_sums, "sums in i32"},
    {"reshape", {0, 23, 0}, regroups_sums, "merging or splitting a dynamic axis whose size is a sum or a fraction"},
}};

// Sizes that are as large as others, by their texts.
class Bounds {
 public:
  void add(const Dim& size, const Dim& bound) {
    const Dim rest = size - bound;
    if (rest.is_constant()) return;
    if (bound.is_constant()) {
      std::int64_t& least = least_[size.to_string()];
      least = std::max(least, bound.value());
    } else if (!has_division(size) && !has_division(bound)) {  // T-ASSERT-THIRDS
      others_.insert(size.to_string() + " >= " + bound.to_string());
    }
  }

  std::vector<std::string> texts() const {
    std::vector<std::string> texts;
    for (const auto& [size, least] : least_) texts.push_back(size + " >= " + std::to_string(least));
    texts.insert(texts.end(), others_.begin(), others_.end());
    return texts;
  }

 private:
  std::map<std::string, std::int64_t> least_;
  std::set<std::string> others_;
};

void add_bounds_of_slices(const Graph& graph, Bounds& bounds) {
  for (const Operation& operation : graph.operations) {
    const ValueInfo* input = operation.op == "slice" ? tensor_of(graph, operation, "input") : nullptr;
    if (!input) continue;
    const std::vector<Dim> axes = dims_of(operation, "axes");
    for (const char* end : {"begin", "end"}) {
      const std::vector<Dim> places = dims_of(operation, end);
      for (std::size_t i = 0; i < std::min(axes.size(), places.size()); ++i) {
        bounds.add(input->shape.at(static_cast<std::size_t>(axes[i].value())), places[i]);
      }
    }
  }
  for (const Fragment& fragment : graph.fragments) add_bounds_of_slices(fragment.body, bounds);
}

}  // namespace

std::string why_wrong(const Graph& graph, const Operation& operation, const Target& target) {
  if (target.kind != Target::Kind::kTract) return "";
  for (const Rule& rule : kRules) {
    if (operation.op == rule.op && target.version < rule.first && rule.applies(graph, operation)) {
      return "needs tract >= " + rule.first.to_string() + " for " + std::string(rule.what);
    }
  }
  return "";
}

Version first_right(const Graph& graph, const Operation& operation) {
  Version first;
  for (const Rule& rule : kRules) {
    if (operation.op == rule.op && rule.first > first && rule.applies(graph, operation)) first = rule.first;
  }
  return first;
}

std::vector<std::string> assertions_about_slices(const Graph& graph, const Target& target) {
  Bounds bounds;
  if (target.kind == Target::Kind::kTract && target.version < Version{0, 23, 0}) add_bounds_of_slices(graph, bounds);
  return bounds.texts();
}

}  // namespace nnef
