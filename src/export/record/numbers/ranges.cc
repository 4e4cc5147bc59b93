#include "export/record/numbers/ranges.h"

#include "export/operators/operators.h"
#include "export/record/numbers/size_math.h"

namespace torch2nnef {

std::optional<Items> end_of_range(RecordContext& context, const c10::FunctionSchema& schema, const Slots& inputs) {
  if (inputs.empty() || !inputs[0].sample().isTensor()) return std::nullopt;
  CellPtr cell = context.cells.find(inputs[0].sample().toTensor());
  const Range* range = cell ? Cells::range(*cell) : nullptr;
  if (!range) return std::nullopt;
  const OperatorRow& row = row_of(schema.name(), schema.overload_name());
  nnef::Dim place;
  bool rises = range->step.numerator.is_constant() && range->step.numerator.value() > 0;
  if (row.undo == Undo::kSelect && !context.notes.any(inputs[2]) && inputs[2].sample().isInt()) {
    std::int64_t index = inputs[2].sample().toInt();
    place = index < 0 ? range->size + nnef::Dim(index) : nnef::Dim(index);
  } else if (row.number == NumberOp::kLargest && inputs.size() == 1 && rises) {
    place = range->size - nnef::Dim(1);
  } else if (row.number != NumberOp::kSmallest || inputs.size() != 1 || !rises) {
    return std::nullopt;
  }
  std::optional<Ratio> away = apply(NumberOp::kMul, range->step, {place, 1});
  std::optional<Ratio> item = away ? apply(NumberOp::kAdd, range->start, *away) : std::nullopt;
  if (!item) return std::nullopt;
  return Items{*item};
}

void carry_range(RecordContext& context, const c10::FunctionSchema& schema, const Slots& inputs, const Slots& results) {
  if (results.size() != 1 || !results[0].sample().isTensor() || results[0].sample().toTensor().dim() != 1) return;
  CellPtr cell = context.cells.find(results[0].sample().toTensor());
  if (!cell || cell->range || !c10::isIntegralType(results[0].sample().toTensor().scalar_type(), false)) return;
  auto number = [&](const char* name) -> std::optional<Ratio> {
    auto index = schema.argumentIndexWithName(name);
    auto items = index && static_cast<std::size_t>(*index) < inputs.size()
                     ? contents_of(context, inputs[static_cast<std::size_t>(*index)])
                     : std::nullopt;
    return items && items->size() == 1 ? std::optional<Ratio>(items->front()) : std::nullopt;
  };
  std::optional<Range> range;
  if (row_of(schema.name()).number == NumberOp::kRange) {
    bool has_start = schema.argumentIndexWithName("start").has_value(),
         has_step = schema.argumentIndexWithName("step").has_value();
    std::optional<Ratio> start = has_start ? number("start") : Ratio{nnef::Dim(0), 1};
    std::optional<Ratio> step = has_step ? number("step") : Ratio{nnef::Dim(1), 1};
    if (start && step) range = Range{*start, *step, cell->shape.at(0)};
  } else if (auto op = number_op(schema.name()); op && inputs[0].sample().isTensor()) {
    CellPtr source = context.cells.find(inputs[0].sample().toTensor());
    const Range* old = source ? Cells::range(*source) : nullptr;
    if (!old) return;
    if (*op == NumberOp::kSame) range = *old;
    auto other = number("other"), alpha = number("alpha");
    bool shifts =
        (*op == NumberOp::kAdd || *op == NumberOp::kSub) && other && alpha && alpha->numerator == nnef::Dim(1);
    if (auto start = shifts ? apply(*op, old->start, *other) : std::nullopt)
      range = Range{*start, old->step, old->size};
  }
  if (!range) return;
  for (std::size_t world = 0; world < context.world_count(); ++world) {
    at::Tensor items = results[0].worlds[world].toTensor().to(at::kDouble);
    const nnef::Bindings& sizes = context.worlds()[world];
    at::Tensor expected =
        at::arange(items.size(0), at::kDouble) * range->step.evaluate(sizes) + range->start.evaluate(sizes);
    if (range->size.evaluate(sizes) != items.size(0) || !at::equal(items, expected)) return;
  }
  cell->range = std::move(range);
  cell->contents_seen = Cells::root(*cell).generation;
}

}  // namespace torch2nnef
