#include "export/record/regions/regions.h"

#include "export/operators/operators.h"

namespace torch2nnef {
namespace {

bool is_integer(const c10::IValue& value) {
  return value.isInt() ||
         (value.isTensor() && value.toTensor().defined() && at::isIntegralType(value.toTensor().scalar_type(), true));
}

}  // namespace

DataRegionScope::DataRegionScope(RecordContext& context, std::string what, bool is_taken)
    : context_(context), outer_(context.region) {
  context.region = {context.cells.made(), std::move(what), is_taken && (!outer_ || outer_->is_taken)};
}

void refuse_fragile(RecordContext& context, const c10::FunctionSchema& schema, const Slots& inputs) {
  if (!context.region) return;
  std::string why;
  const OperatorRow& row = row_of(schema.name(), schema.overload_name());
  if (!row.index_argument.empty()) {  // T-GATHER-RANGE
    auto place = schema.argumentIndexWithName(std::string(row.index_argument));
    if (place && context.depends(inputs.at(static_cast<std::size_t>(*place))))
      why = "has an index that depends on the inputs";
  }
  // T-DIV-ZERO
  if (row.is(kIntegerDivision) && inputs.size() > 1 && is_integer(inputs[0].sample()) &&
      is_integer(inputs[1].sample()) && context.depends(inputs[1])) {
    why = "divides integers by what depends on the inputs";
  }
  if (why.empty()) return;
  throw Unsupported(schema.name() + " " + why + ", in " + context.region->what +
                        ": it is computed for every input, also where that fails",
                    "compute it outside, with values that are right at all inputs, and choose with torch.where");
}

void refuse_older(RecordContext& context, Cell& cell) {
  const std::size_t made_at = Cells::root(cell).made_at;
  if (context.round_began_at && made_at <= *context.round_began_at) {
    context.no_scan(
        "it writes into a tensor from outside or from the round before (append to a list and torch.stack() it)");
  }
  if (context.region && made_at <= context.region->began_at) {
    throw Unsupported("a tensor from outside is written to in " + context.region->what,
                      "compute a new tensor there, and use torch.where");
  }
}

}  // namespace torch2nnef
