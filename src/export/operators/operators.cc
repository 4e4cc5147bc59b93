#include "export/operators/operators.h"

#include <unordered_map>

namespace torch2nnef {
namespace {

// --- the words of operators.def: each is a part of a row, and `|` puts parts together ---

constexpr OperatorRow operator|(OperatorRow a, const OperatorRow& b) {
  a.facts |= b.facts;
  if (b.undo != Undo::kNone) a.undo = b.undo;
  if (b.parts != Parts::kNone) a.parts = b.parts;
  if (b.metadata != Metadata::kNone) a.metadata = b.metadata;
  if (b.number != NumberOp::kNone) a.number = b.number;
  if (b.list != ListStep::kNone) a.list = b.list;
  if (b.shape != ShapeRule::kNone) a.shape = b.shape;
  if (b.fill != Fill::kNone) a.fill = b.fill;
  if (b.masks != MaskUse::kNone) a.masks = b.masks;
  if (b.packing != Packing::kNone) a.packing = b.packing;
  if (b.neutral != Neutral::kNone) a.neutral = b.neutral;
  if (b.cut_axis >= 0) a.cut_axis = b.cut_axis;
  if (!b.as_tensors.empty()) a.as_tensors = b.as_tensors;
  if (!b.length_argument.empty()) a.length_argument = b.length_argument;
  if (!b.index_argument.empty()) a.index_argument = b.index_argument;
  if (!b.place_argument.empty()) a.place_argument = b.place_argument;
  if (!b.order_argument.empty()) a.order_argument = b.order_argument;
  if (!b.indexed.empty()) a.indexed = b.indexed;
  if (b.choice != Choice::kNone) a.choice = b.choice;
  return a;
}

constexpr OperatorRow fact(std::uint64_t facts) {
  OperatorRow row;
  row.facts = facts;
  return row;
}

// A view moves items.
constexpr OperatorRow view(Undo undo = Undo::kNone) {
  OperatorRow row = fact(kView | kMoves);
  row.undo = undo;
  return row;
}

template <class Member, class Value>
constexpr OperatorRow column(Member OperatorRow::*member, Value value) {
  OperatorRow row;
  row.*member = value;
  return row;
}

constexpr OperatorRow parts(Parts value, Undo undo = Undo::kNone) {
  return view(undo) | column(&OperatorRow::parts, value);
}
constexpr OperatorRow reads(Metadata value) { return column(&OperatorRow::metadata, value); }
constexpr OperatorRow number(NumberOp value) { return column(&OperatorRow::number, value); }
constexpr OperatorRow list(ListStep value) { return column(&OperatorRow::list, value); }
constexpr OperatorRow shape(ShapeRule value) { return column(&OperatorRow::shape, value); }
constexpr OperatorRow fill(Fill value) { return column(&OperatorRow::fill, value); }
constexpr OperatorRow as_tensors(std::string_view name) { return column(&OperatorRow::as_tensors, name); }
constexpr OperatorRow as_long_as(std::string_view name) { return column(&OperatorRow::length_argument, name); }
constexpr OperatorRow says_where(std::string_view name) { return column(&OperatorRow::place_argument, name); }
constexpr OperatorRow ordered_if(std::string_view name) { return column(&OperatorRow::order_argument, name); }
constexpr OperatorRow masks(MaskUse value) { return column(&OperatorRow::masks, value); }
constexpr OperatorRow neutral(Neutral value) { return column(&OperatorRow::neutral, value); }
constexpr OperatorRow packing(Packing value) { return column(&OperatorRow::packing, value); }
constexpr OperatorRow cuts_axis(std::int8_t axis) { return column(&OperatorRow::cut_axis, axis); }
constexpr OperatorRow index(std::string_view name, Choice choice = Choice::kAlongDim, std::string_view of = "self") {
  return column(&OperatorRow::index_argument, name) | column(&OperatorRow::choice, choice) |
         column(&OperatorRow::indexed, of);
}

constexpr OperatorRow moves = fact(kMoves);
constexpr OperatorRow chooses = fact(kChooses);
constexpr OperatorRow on_codes = fact(kOnCodes);
constexpr OperatorRow scales = fact(kScales);
constexpr OperatorRow casts = fact(kCasts | kChooses);
constexpr OperatorRow meets_in_one_type = fact(kMeetsInOneType);
constexpr OperatorRow rounds_once = fact(kRoundsOnce);
constexpr OperatorRow random = fact(kRandom);
constexpr OperatorRow dropout = fact(kDropout);
constexpr OperatorRow random_training = fact(kRandomTraining);
constexpr OperatorRow batch_statistics = fact(kBatchStatistics);
constexpr OperatorRow uninitialised = fact(kUninitialised);
constexpr OperatorRow shape_from_data = fact(kShapeFromData);
constexpr OperatorRow itemwise = fact(kItemwise);
constexpr OperatorRow drops_ones = fact(kDropsOnes);
constexpr OperatorRow windows = fact(kWindows);
constexpr OperatorRow replaces_memory = fact(kReplacesMemory);
constexpr OperatorRow only_marks = fact(kOnlyMarks);
constexpr OperatorRow reads_item = fact(kReadsItem);
constexpr OperatorRow from_numbers = fact(kFromNumbers);
constexpr OperatorRow converts = fact(kConverts);
constexpr OperatorRow same_object = fact(kSameObject);
constexpr OperatorRow integer_division = fact(kIntegerDivision);
constexpr OperatorRow raises = fact(kRaises);
constexpr OperatorRow name_only = fact(kNameOnly);
constexpr OperatorRow harmless = fact(kHarmless);
constexpr OperatorRow refused = fact(kRefused);
constexpr OperatorRow orders = fact(kOrders);
constexpr OperatorRow between_bounds = fact(kBetweenBounds);
constexpr OperatorRow integers_fail = fact(kIntegersFail);
constexpr OperatorRow by_strides = fact(kByStrides);
constexpr OperatorRow length_from_numbers = fact(kLengthFromNumbers);
constexpr OperatorRow asserts = fact(kAsserts);
constexpr OperatorRow only_prints = fact(kOnlyPrints);
constexpr OperatorRow same_tensor = fact(kSameTensor);
constexpr OperatorRow linear_layer = fact(kLinearLayer);
constexpr OperatorRow quantises = fact(kQuantises);
constexpr OperatorRow observes = fact(kObserves);
constexpr OperatorRow along_axis = fact(kAlongAxis);

constexpr OperatorRow named(std::string_view name, OperatorRow row) {
  row.name = name;
  return row;
}

constexpr OperatorRow kRows[] = {
#define T2N_OPERATOR(name, facts) named(name, facts),
#include "export/operators/operators.def"
#undef T2N_OPERATOR
};

struct OperatorIndex {
  std::vector<OperatorRow> rows{std::begin(kRows), std::end(kRows)};
  std::unordered_map<std::string_view, const OperatorRow*> by_name;

  OperatorIndex() {
    for (const OperatorRow& row : rows) by_name.emplace(row.name, &row);
    for (const OperatorRow& row : rows) {
      const std::size_t dot = row.name.find('.');
      if (dot == std::string_view::npos) continue;
      const auto whole = by_name.find(row.name.substr(0, dot));
      if (whole != by_name.end()) rows[static_cast<std::size_t>(whole->second - rows.data())].facts |= kOverloads;
    }
  }
};

const OperatorIndex& operator_index() {
  static const OperatorIndex made;
  return made;
}

constexpr OperatorRow kUnknown;

// The same of a copy: it shares no memory.
const OperatorRow& copying_form(std::string_view name) {
  static const std::unordered_map<std::string_view, OperatorRow> made = [] {
    std::unordered_map<std::string_view, OperatorRow> copies;
    for (OperatorRow row : operator_rows()) {
      if (!row.is(kView)) continue;
      row.facts &= ~static_cast<std::uint64_t>(kView);
      row.undo = Undo::kNone;
      row.parts = Parts::kNone;
      copies.emplace(row.name, row);
    }
    return copies;
  }();
  const auto found = made.find(name);
  return found == made.end() ? kUnknown : found->second;
}

}  // namespace

const std::vector<OperatorRow>& operator_rows() { return operator_index().rows; }

const OperatorRow& row_of(std::string_view name) {
  const auto& rows = operator_index().by_name;
  if (const auto found = rows.find(name); found != rows.end()) return *found->second;
  constexpr std::string_view kCopy = "_copy";
  if (name.ends_with(kCopy)) return copying_form(name.substr(0, name.size() - kCopy.size()));
  if (const auto found = rows.find(functional_name(name)); found != rows.end()) return *found->second;
  return kUnknown;
}

const OperatorRow& row_of(std::string_view name, std::string_view overload) {
  const OperatorRow& row = row_of(name);
  if (!row.is(kOverloads)) return row;
  const auto& rows = operator_index().by_name;
  const auto found = rows.find(std::string(name) + "." + std::string(overload));
  return found == rows.end() ? row : *found->second;
}

std::string functional_name(std::string_view name) {
  // Python's operators with "=" have names of their own.
  constexpr std::pair<std::string_view, std::string_view> kAugmented[] = {{"aten::__iand__", "aten::bitwise_and"},
                                                                          {"aten::__ior__", "aten::bitwise_or"},
                                                                          {"aten::__ixor__", "aten::bitwise_xor"},
                                                                          {"aten::__ilshift__", "aten::__lshift__"},
                                                                          {"aten::__irshift__", "aten::__rshift__"}};
  for (const auto& [augmented, functional] : kAugmented) {
    if (name == augmented) return std::string(functional);
  }
  const bool is_in_place = name.ends_with('_') && !name.ends_with("__");
  return is_in_place ? std::string(name.substr(0, name.size() - 1)) : "";
}

}  // namespace torch2nnef
