// Reductions, norms, indices, contractions, signals and loops.

#include <cstring>
#include <memory>
#include <tuple>

#include "dialect_bench.h"

namespace dialect_tests {
namespace {

constexpr DType kFloats[] = {DType::kF32, DType::kF16, DType::kF64};

const std::vector<Axes> kAxes = {{0}, {1}, {2}, {0, 2}, {1, 2}, {0, 1, 2}, {}};

void add_reductions(Cases& cases, const Axes& axes) {
  const Shape shape{2, 3, kS};
  for (DType dtype : kFloats) {
    for (const char* op : {"sum_reduce", "max_reduce", "min_reduce", "mean_reduce", "tract_core_product_reduce"}) {
      cases.unary(op, shape, dtype, Fill::kPlain, {{"axes", axes}});
    }
  }
  for (DType dtype : {DType::kI64, DType::kI32, DType::kI8, DType::kU8}) {
    for (const char* op : {"sum_reduce", "max_reduce", "min_reduce"}) {
      cases.unary(op, shape, dtype, Fill::kPlain, {{"axes", axes}});
      cases.unary(op, shape, dtype, Fill::kLarge, {{"axes", axes}});
    }
  }
  if (axes.empty()) return;
  for (const char* op : {"any_reduce", "all_reduce"}) {
    cases.unary(op, shape, DType::kBool, Fill::kPlain, {{"axes", axes}});
  }
  cases.unary("sum_reduce", shape, DType::kF32, Fill::kPlain, {{"axes", axes}, {"normalize", true}});
  cases.unary("tract_core_product_reduce", shape, DType::kI64, Fill::kPlain, {{"axes", axes}});
  cases.unary("tract_core_product_reduce", shape, DType::kI64, Fill::kLarge, {{"axes", axes}});
  for (const char* op :
       {"argmax_reduce", "argmin_reduce", "tract_core_argmax_reduce_last", "tract_core_argmin_reduce_last"}) {
    for (Fill fill : {Fill::kDistinct, Fill::kEqual}) {
      cases.unary(op, shape, DType::kF32, fill, {{"axes", axes}});
      cases.unary(op, shape, DType::kI64, fill, {{"axes", axes}});
    }
  }
  cases.add("moments", "over axes", [=](Bench& bench) {
    return bench.add_multi("moments", {bench.input(shape)}, {{"axes", axes}});
  });
  for (const char* op : {"softmax", "tract_core_softmax", "tract_core_log_softmax"}) {
    for (DType dtype : kFloats) {
      if (axes.size() > 1 && std::string_view(op) == "tract_core_log_softmax") continue;
      cases.unary(op, shape, dtype, Fill::kPlain, {{"axes", axes}});
    }
  }
  for (const char* op : {"l1_normalization", "l2_normalization"}) {
    cases.unary(op, shape, DType::kF32, Fill::kPlain, {{"axes", axes}, {"bias", 0.5}, {"epsilon", 0.25}});
  }
}

}  // namespace

void add_reduce_cases(Cases& cases) {
  for (const Axes& axes : kAxes) add_reductions(cases, axes);
  for (const char* op : {"max_reduce", "min_reduce"}) {
    cases.unary(op, {2, 9}, DType::kF32, Fill::kSpecial, {{"axes", Axes{1}}});
  }
  for (bool exclusive : {false, true}) {
    for (bool reverse : {false, true}) {
      for (DType dtype : {DType::kF32, DType::kF16, DType::kF64, DType::kI64}) {
        cases.unary("tract_core_cumsum", {2, kS, 3}, dtype, Fill::kPlain,
                    {{"axis", 1}, {"exclusive", exclusive}, {"reverse", reverse}});
      }
    }
  }
  for (DType dtype : {DType::kF32, DType::kF16}) {
    for (const char* op : {"tract_core_rms_norm", "tract_transformers_rms_norm"}) {
      cases.unary(op, {2, kS, 3}, dtype, Fill::kPlain, {{"axis", 2}, {"eps", 0.125}});
    }
    cases.add("tract_core_scaled_rms_norm", "last axis", [=](Bench& bench) -> std::vector<Value> {
      return {bench.add("tract_core_scaled_rms_norm", {bench.input({2, kS, 3}, dtype), bench.input({3}, dtype)},
                        {{"axis", 2}, {"eps", 0.125}})};
    });
  }
  cases.add("batch_normalization", "of images", [](Bench& bench) -> std::vector<Value> {
    const Value x = bench.input({2, 3, kS, 4});
    const auto parameter = [&](Fill fill, int number) { return bench.input({1, 3}, DType::kF32, fill, number); };
    return {bench.add("batch_normalization",
                      {x, parameter(Fill::kPlain, 0), parameter(Fill::kPositive, 0), parameter(Fill::kPlain, 1),
                       parameter(Fill::kPlain, 2)},
                      {{"epsilon", 0.125}})};
  });
}

namespace {

void add_scatters(Cases& cases) {
  for (const char* reduction : {"add", "mul", "max", "min"}) {
    cases.add("tract_core_scatter_elements", reduction, [=](Bench& bench) -> std::vector<Value> {
      return {bench.add("tract_core_scatter_elements",
                        {bench.input({3, 4, 3}), bench.input({2, 4, 3}, DType::kI64, Fill::kIndex),
                         bench.input({2, 4, 3}, DType::kF32, Fill::kPositive)},
                        {{"axis", 0}, {"reduction", reduction}})};
    });
    cases.add("tract_core_scatter_nd", reduction, [=](Bench& bench) -> std::vector<Value> {
      return {bench.add("tract_core_scatter_nd",
                        {bench.input({3, 4, 3}), bench.input({4, 2}, DType::kI64, Fill::kIndex),
                         bench.input({4, 3}, DType::kF32, Fill::kPositive)},
                        {{"reduction", reduction}})};
    });
  }
}

void add_orders(Cases& cases) {
  for (DType dtype : {DType::kF32, DType::kF16, DType::kF64, DType::kI64}) {
    for (bool largest : {false, true}) {
      for (Fill fill : {Fill::kDistinct, Fill::kEqual}) {
        cases.add("tract_core_topk", "", [=](Bench& bench) {
          return bench.add_multi("tract_core_topk", {bench.input({4, 3, 2}, dtype, fill)},
                                 {{"k", 3}, {"axis", 0}, {"largest", largest}});
        });
      }
    }
    for (int k : {-1, 0, 2}) {
      for (bool upper : {false, true}) {
        cases.unary("tract_core_trilu", {2, kS, 4}, dtype, Fill::kPlain, {{"k", k}, {"upper", upper}});
      }
    }
  }
  cases.add("tract_core_range", "of sizes", [](Bench& bench) -> std::vector<Value> {
    bench.input({2, kS});
    const auto range = [&](const Dim& start, const Dim& end, int step) {
      return bench.add("tract_core_range", {}, {{"start", start}, {"end", end}, {"step", step}});
    };
    return {range(0, kS, 1), range(1, kS * 2, 3), range(2, 9, 2), range(5, 0, -2)};
  });
  cases.add("tract_core_range", "of floats", [](Bench& bench) -> std::vector<Value> {
    return {bench.builder().binary(
        "add", bench.add("tract_core_range", {}, {{"start", 0.5}, {"end", 2.5}, {"step", 0.5}}), bench.input({1}))};
  });
}

}  // namespace

void add_index_cases(Cases& cases) {
  const auto add = [&](const char* op, const Shape& indices, const std::vector<NamedArgument>& attributes,
                       const Shape& updates = {}) {
    for (DType dtype : {DType::kF32, DType::kF16, DType::kI64, DType::kBool}) {
      for (DType index : {DType::kI64, DType::kI32}) {
        const bool scatters = std::string_view(op).find("scatter") != std::string_view::npos;
        if (dtype == DType::kBool && std::string_view(op) == "tract_core_scatter_elements") continue;
        cases.add(op, nnef::to_string(indices), [=](Bench& bench) -> std::vector<Value> {
          std::vector<Argument> tensors = {bench.input({3, 4, 3}, dtype), bench.input(indices, index, Fill::kIndex)};
          if (scatters) tensors.emplace_back(bench.input(updates, dtype, Fill::kPositive));
          return {bench.add(op, tensors, attributes)};
        });
      }
    }
  };
  for (int axis : {0, 1, 2}) {
    for (const Shape& shape : {Shape{2}, Shape{kS, 2}, Shape{}}) add("tract_core_gather", shape, {{"axis", axis}});
    add("tract_core_gather_elements", {2, 2, 3}, {{"axis", axis}});
  }
  add("tract_core_gather_nd", {2, kS, 2}, {{"batch_dims", 0}});
  add("tract_core_gather_nd", {kS, 3}, {{"batch_dims", 0}});
  add("tract_core_gather_nd", {3, 2, 1}, {{"batch_dims", 1}});
  add_scatters(cases);
  add("tract_core_scatter_elements", {1, 4, 3}, {{"axis", 0}}, {1, 4, 3});
  add("tract_core_scatter_elements", {3, 1, 3}, {{"axis", 1}}, {3, 1, 3});
  add("tract_core_scatter_nd", {1, 1}, {}, {1, 4, 3});
  add("tract_core_scatter_nd", {1, 3}, {}, {1});
  for (int axis : {0, 1, 2}) {
    cases.unary("tract_core_one_hot", {2, kS}, DType::kI64, Fill::kIndex, {{"axis", axis}, {"dim", 4}});
    cases.unary("tract_core_one_hot", {2, kS}, DType::kI64, Fill::kIndex,
                {{"axis", axis}, {"dim", 3}, {"value_off", -0.5}, {"value_on", 2.0}});
  }
  add_orders(cases);
}

namespace {

void add_products(Cases& cases) {
  for (DType dtype : {DType::kF32, DType::kF16, DType::kF64, DType::kI32}) {
    for (bool a : {false, true}) {
      for (bool b : {false, true}) {
        cases.add("matmul", std::string(nnef::to_string(dtype)), [=](Bench& bench) -> std::vector<Value> {
          const Value x = bench.input(a ? Shape{2, 4, kS} : Shape{2, kS, 4}, dtype);
          const Value y = bench.input(b ? Shape{1, 3, 4} : Shape{1, 4, 3}, dtype, Fill::kPositive);
          return {bench.add("matmul", {x, y}, {{"transposeA", a}, {"transposeB", b}})};
        });
      }
    }
  }
  cases.add("linear", "with a bias and without", [](Bench& bench) -> std::vector<Value> {
    const Value x = bench.input({kS, 4}), w = bench.input({3, 4}), bias = bench.input({1, 3});
    return {bench.add("linear", {x, w, bias}), bench.add("linear", {x, w, 0.0})};
  });
  const std::vector<std::tuple<std::string, Shape, Shape>> einsums = {{"bmk,bkn->bmn", {2, kS, 4}, {2, 4, 3}},
                                                                      {"bmk,bkn->mbn", {2, kS, 4}, {2, 4, 3}},
                                                                      {"mk,nk->n", {2, 4}, {3, 4}},
                                                                      {"i,j->ij", {kS}, {3}},
                                                                      {"bij,bij->bij", {2, 3, 4}, {2, 3, 4}},
                                                                      {"bmk,bkn->mn", {2, kS, 4}, {2, 4, 3}},
                                                                      {"mk,mk->", {2, 3}, {2, 3}},
                                                                      {"bik,bjk->bij", {1, 2, 4}, {3, 2, 4}}};
  for (const auto& [text, a, b] : einsums) {
    for (DType dtype : {DType::kF32, DType::kF16}) {
      for (const char* acc : {"f32", "f16"}) {
        if (dtype == DType::kF32 && std::string_view(acc) == "f16") continue;
        // Bindings are named, for clang before 16.
        cases.add("tract_core_einsum", text,
                  [text = text, a = a, b = b, dtype, acc](Bench& bench) -> std::vector<Value> {
                    const std::vector<Value> operands = {bench.input(a, dtype), bench.input(b, dtype, Fill::kPositive)};
                    return {bench.add("tract_core_einsum", {Argument(operands)}, {{"expr", text}, {"acc", acc}})};
                  });
      }
    }
  }
  for (const char* text : {"ij->ji", "ij->i", "ij->j"}) {
    cases.add("tract_core_einsum", text, [=](Bench& bench) -> std::vector<Value> {
      return {bench.add("tract_core_einsum", {Argument(std::vector<Value>{bench.input({3, kS})})},
                        {{"expr", text}, {"acc", "f32"}})};
    });
  }
}

void add_attention(Cases& cases) {
  for (bool causal : {false, true}) {
    cases.add("tract_transformers_sdpa", causal ? "causal" : "plain", [=](Bench& bench) -> std::vector<Value> {
      const auto tensor = [&](int number) { return bench.input({1, 2, 4, 8}, DType::kF32, Fill::kPlain, number); };
      return {bench.add("tract_transformers_sdpa", {tensor(0), tensor(1), tensor(2)},
                        {{"datum_type", "f32"}, {"acc_datum_type", "f32"}, {"is_causal", causal}})};
    });
  }
  cases.add("tract_transformers_sdpa", "with a mask", [](Bench& bench) -> std::vector<Value> {
    const auto tensor = [&](int number) { return bench.input({1, 2, 4, 8}, DType::kF32, Fill::kPlain, number); };
    return {bench.add("tract_transformers_sdpa", {tensor(0), tensor(1), tensor(2), bench.input({1, 2, 4, 4})},
                      {{"datum_type", "f32"}, {"acc_datum_type", "f32"}, {"is_causal", false}, {"scale", 0.5}})};
  });
  cases.add("tract_transformers_apply_rope", "", [](Bench& bench) -> std::vector<Value> {
    const Value x = bench.input({1, 2, kS, 8}), cos = bench.input({1, 1, kS, 8}, DType::kF32, Fill::kUnit);
    return {
        bench.add("tract_transformers_apply_rope", {x, cos, bench.input({1, 1, kS, 8}, DType::kF32, Fill::kUnit, 1)})};
  });
  for (DType dtype : {DType::kF32, DType::kBool}) {
    cases.add("tract_transformers_scaled_masked_softmax", std::string(nnef::to_string(dtype)),
              [=](Bench& bench) -> std::vector<Value> {
                return {bench.add("tract_transformers_scaled_masked_softmax",
                                  {bench.input({1, 2, 4, 8}), bench.input({1, 1, 4, 8}, dtype)}, {{"scale", 0.5}})};
              });
  }
}

}  // namespace

void add_linear_cases(Cases& cases) {
  add_products(cases);
  add_attention(cases);
}

namespace {

void add_signals(Cases& cases) {
  for (DType dtype : {DType::kF32, DType::kF64}) {
    for (bool inverse : {false, true}) {
      cases.unary("tract_core_fft", {2, 6, 3, 2}, dtype, Fill::kPlain, {{"axis", 1}, {"inverse", inverse}});
    }
  }
  cases.unary("tract_core_fft", {2, kS, 2}, DType::kF32, Fill::kPlain, {{"axis", 1}, {"inverse", false}});
  cases.unary("tract_core_stft", {2, 20, 2}, DType::kF32, Fill::kPlain, {{"axis", 1}, {"frame", 8}, {"stride", 3}});
  cases.add("tract_core_stft", "with a window", [](Bench& bench) -> std::vector<Value> {
    const auto window = std::make_shared<nnef::OwnedTensor>(DType::kF32, Axes{8}, [] {
      const float items[8] = {0.1F, 0.4F, 0.7F, 1, 1, 0.7F, 0.4F, 0.1F};
      const auto* bytes = reinterpret_cast<const std::byte*>(items);
      return std::vector<std::byte>(bytes, bytes + sizeof items);
    }());
    return {bench.add("tract_core_stft", {bench.input({2, 20, 2}), bench.builder().variable("window", window)},
                      {{"axis", 1}, {"frame", 8}, {"stride", 3}})};
  });
}

// h' = h * w + x, walked either way.
void add_scan(Cases& cases, int chunk, const Dim& length) {
  cases.add("tract_core_scan", std::to_string(chunk), [=](Bench& bench) -> std::vector<Value> {
    nnef::Graph& graph = bench.graph();
    const Value x = bench.input({length, 3}), h = bench.input({1, 3}, DType::kF32, Fill::kPositive);
    const Value w = bench.input({1, 3}, DType::kF32, Fill::kUnit);
    graph.fragments.emplace_back();
    nnef::Graph& body = graph.fragments.back().body;
    body.name = "cell_" + std::to_string(graph.fragments.size());
    nnef::Builder inner(body, bench.dialect());
    const Value item = inner.parameter("item", DType::kF32, {1, 3}),
                state = inner.parameter("state", DType::kF32, {1, 3});
    const Value weight = inner.parameter("weight", DType::kF32, {1, 3});
    const Value next = inner.binary("add", inner.binary("mul", state, weight), item);
    inner.name_output(next, "next");
    inner.name_output(inner.unary("neg", next), "seen");
    const auto list = [](std::vector<Argument> items) { return Argument::Array{{Argument::tuple(std::move(items))}}; };
    Argument::Array output = list({"seen", "full", 0, chunk});
    output.items.push_back(Argument::tuple({"next", "last", 0, 1}));
    return bench.builder().add_multi("tract_core_scan", {},
                                     {{"body", body.name},
                                      {"scan", list({"item", x, 0, chunk})},
                                      {"full", list({"weight", w})},
                                      {"state", list({"state", h, "next"})},
                                      {"output", output}});
  });
}

}  // namespace

namespace {

void add_cells(Cases& cases) {
  for (DType dtype : {DType::kF32, DType::kF16}) {
    cases.add("tract_core_lstm_epilogue", "", [=](Bench& bench) {
      return bench.add_multi("tract_core_lstm_epilogue", {bench.input({kS, 12}, dtype), bench.input({kS, 3}, dtype)},
                             {{"hidden", 3}});
    });
    cases.add("tract_core_gru_epilogue", "", [=](Bench& bench) -> std::vector<Value> {
      const Value x = bench.input({kS, 9}, dtype), h = bench.input({kS, 9}, dtype, Fill::kPlain, 1);
      return {bench.add("tract_core_gru_epilogue", {x, h, bench.input({kS, 3}, dtype)}, {{"hidden", 3}})};
    });
  }
}

// The products with the state want a constant.
nnef::TensorDataPtr gru_weight(std::vector<std::int64_t> shape, int seed) {
  std::int64_t count = 1;
  for (std::int64_t size : shape) count *= size;
  std::vector<float> items;
  for (std::int64_t i = 0; i < count; ++i) items.push_back(static_cast<float>((i * 7 + seed) % 11 - 5) / 8);
  std::vector<std::byte> bytes(items.size() * sizeof(float));
  std::memcpy(bytes.data(), items.data(), bytes.size());
  return std::make_shared<nnef::OwnedTensor>(DType::kF32, std::move(shape), std::move(bytes));
}

void add_gru(Cases& cases, int chunk, bool has_bias, const Dim& batch, const Dim& time) {
  cases.add("tract_core_gru_seq", has_bias ? "with a bias" : "without", [=](Bench& bench) {
    nnef::Builder& b = bench.builder();
    std::vector<Argument> tensors{bench.input({batch, time, 2}), b.variable("w", gru_weight({9, 2}, 1)),
                                  b.variable("r", gru_weight({9, 3}, 2))};
    std::vector<NamedArgument> attributes{
        {"initial_h", bench.input({batch, 1, 3})}, {"hidden", 3}, {"chunk", chunk}, {"reset_every_turn", 1}};
    if (has_bias) {
      tensors.emplace_back(b.variable("b", gru_weight({18}, 3)));
      attributes.push_back({"has_bias", 1});
    }
    return bench.add_multi("tract_core_gru_seq", std::move(tensors), std::move(attributes));
  });
}

}  // namespace

void add_other_cases(Cases& cases) {
  add_cells(cases);
  for (int chunk : {1, -1}) {
    add_gru(cases, chunk, true, 2, kS);
    add_gru(cases, chunk, false, kS, 4);
  }
  add_signals(cases);
  add_scan(cases, 1, 4);
  add_scan(cases, -1, 4);
  add_scan(cases, 1, kS);
  cases.add("tract_core_dyn_slice", "", [](Bench& bench) -> std::vector<Value> {
    bench.graph().symbols = {"S", "D"};
    const Value at = bench.input({}, DType::kI64, Fill::kIndex);
    const Value end = bench.builder().binary("add", at, 2);
    return {bench.builder().cast(bench.add("tract_core_dyn_slice", {bench.input({kS, 4})},
                                           {{"start", at}, {"end", end}, {"len", Dim::symbol("D")}, {"axis", 0}}),
                                 DType::kF64)};
  });
}

}  // namespace dialect_tests
