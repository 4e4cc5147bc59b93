// Tables of rows with 8 bits an item. Each row has a scale and a zero point of its own, which is a fraction: the
// numbers of the table are constants that an engine computes when it loads the archive.

#include "export/lower/sub_call.h"

namespace torch2nnef {
namespace {

// As CallArguments writes it: items [rows, width], scales [rows, 1], zero points [rows, 1].
Value table_of(Call& call) {
  const TapeList* held = call.tape_call().find("weight")->list();
  if (!held || held->size() != 3) {
    throw Unsupported("a packed embedding of fewer than 8 bits an item", "quantise the embedding to quint8");
  }
  Builder& b = call.builder();
  const auto part = [&](std::size_t index) { return call.value(*held->at(index).value()); };
  const Value codes = b.binary("sub", b.cast(part(0), DType::kF32), part(2));
  return b.binary("mul", codes, part(1));
}

void refuse_pruned(const Call& call) {
  if (call.flag("pruned_weights")) throw Unsupported("an embedding whose rows were pruned");
}

void lower_embedding(Call& call) {
  refuse_pruned(call);
  SubCall sub(call, "aten::embedding");
  sub.argument("weight", {sub.tensor(table_of(call))});
  sub.argument("indices", {sub.tensor(call.tensor("indices"))});
  sub.argument("padding_idx", {Dim(-1)}, true);
  sub.expect(ScalarType::kFloat32, call.result_shape());
  call.result(sub.run().at(0));
}

// The kernel sums the rows of a bag.
void lower_embedding_bag(Call& call) {
  refuse_pruned(call);
  if (call.has("compressed_indices_mapping")) throw Unsupported("an embedding whose rows were pruned");
  if (!call.has("offsets")) throw Unsupported("a quantised embedding_bag without offsets", "give it offsets");
  SubCall sub(call, "aten::embedding_bag");
  sub.argument("weight", {sub.tensor(table_of(call))});
  sub.argument("indices", {sub.tensor(call.tensor("indices"))});
  TapeValueInfo offsets = call.info("offsets");
  sub.argument("offsets", {offsets.constant ? sub.constant(std::move(offsets)) : sub.tensor(call.tensor("offsets"))});
  sub.argument("mode", {Dim(0)});
  sub.argument("include_last_offset", *call.tape_call().find("include_last_offset"));
  const bool is_weighted = call.has("per_sample_weights");
  sub.argument("per_sample_weights",
               is_weighted ? TapeArgument{sub.tensor(call.tensor("per_sample_weights"))} : TapeArgument{});
  sub.expect(ScalarType::kFloat32, call.result_shape());
  call.result(sub.run().at(0));
}

}  // namespace

void register_quantised_embedding(Registry& registry) {
  registry.add("quantized::embedding_byte", lower_embedding);
  registry.add("quantized::embedding_bag_byte", lower_embedding_bag, "offsets must be constants");
}

}  // namespace torch2nnef
