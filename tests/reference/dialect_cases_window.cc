// Sliding windows, and resampling.

#include "dialect_bench.h"

namespace dialect_tests {
namespace {

struct Window {
  Shape input, filter;  // of a pool: its window, for the spatial axes
  Axes stride, dilation;
  Pairs padding;
  std::int64_t groups = 1;
};

std::vector<NamedArgument> attributes_of(const Window& window) {
  return {
      {"padding", window.padding}, {"stride", window.stride}, {"dilation", window.dilation}, {"groups", window.groups}};
}

void add_filters(Cases& cases, const std::string& op, const std::vector<Window>& windows) {
  for (const Window& window : windows) {
    for (DType dtype : {DType::kF32, DType::kF16, DType::kF64}) {
      cases.add(op, nnef::to_string(window.input) + nnef::to_string(window.filter), [=](Bench& bench) {
        const Value x = bench.input(window.input, dtype), w = bench.input(window.filter, dtype, Fill::kUnit);
        const Value bias = bench.input({window.filter[0]}, dtype);
        return std::vector<Value>{bench.add(op, {x, w, 0.0}, attributes_of(window)),
                                  bench.add(op, {x, w, bias}, attributes_of(window))};
      });
    }
  }
}

// Integers whose sums reach both ends of i8.
nnef::TensorDataPtr integers(DType dtype, const Axes& shape) {
  std::int64_t count = 1;
  for (std::int64_t size : shape) count *= size;
  std::vector<std::int64_t> items;
  for (std::int64_t i = 0; i < count; ++i) items.push_back(i * 37 % 255 - 127);
  const nnef::TensorDataPtr row = nnef::vector_tensor(dtype, items);
  std::vector<std::byte> bytes;
  row->stream([&](const void* data, std::size_t size) {
    const auto* begin = static_cast<const std::byte*>(data);
    bytes.insert(bytes.end(), begin, begin + size);
  });
  return std::make_shared<nnef::OwnedTensor>(dtype, shape, std::move(bytes));
}

// One scale for all, whose products are no ties, and sums as they are.
void add_integer_filters(Cases& cases) {
  const std::vector<Window> windows = {
      {{2, 3, 9}, {4, 3, 3}, {1}, {1}, {{0, 0}}},
      {{1, 3, kS + 4, 7}, {4, 3, 3, 2}, {2, 1}, {1, 2}, {{0, 0}, {0, 0}}},
      {{kS, 4, 6, 6}, {6, 2, 3, 3}, {1, 1}, {1, 1}, {{0, 0}, {0, 0}}, 2},
      {{1, 2, 4, 5, 4}, {3, 2, 2, 3, 2}, {1, 2, 1}, {1, 1, 1}, {{0, 0}, {0, 0}, {0, 0}}}};
  for (const Window& window : windows) {
    cases.add("tract_core_qconv", nnef::to_string(window.input), [=](Bench& bench) {
      Axes shape;
      for (const Dim& size : window.filter) shape.push_back(size.value());
      const Value x = bench.input(window.input, DType::kI8);
      const Value filter = bench.builder().variable("filter", integers(DType::kI8, shape));
      const Value bias = bench.builder().variable("bias", integers(DType::kI32, {shape[0]}));
      std::vector<Value> results;
      for (const char* type : {"i8", "i32"}) {
        const bool is_byte = std::string_view(type) == "i8";
        std::vector<NamedArgument> attributes = attributes_of(window);
        const std::vector<NamedArgument> more = {{"border", "constant"},
                                                 {"a0", 0},
                                                 {"a_scale", is_byte ? 0.0613 : 1.0},
                                                 {"b0", 0},
                                                 {"b_scale", 1.0},
                                                 {"c0", is_byte ? -7 : 0},
                                                 {"c_scale", 1.0},
                                                 {"output_dt", type}};
        attributes.insert(attributes.end(), more.begin(), more.end());
        results.push_back(bench.add("tract_core_qconv", {x, filter, bias}, attributes));
      }
      return results;
    });
  }
}

void add_convolutions(Cases& cases) {
  add_filters(cases, "conv",
              {{{2, 3, 9}, {4, 3, 3}, {1}, {1}, {{1, 1}}},
               {{2, 3, kS + 4}, {4, 3, 3}, {2}, {2}, {{2, 1}}},
               {{1, 3, kS, 7}, {4, 3, 3, 2}, {1, 2}, {1, 1}, {{1, 0}, {2, 1}}},
               {{1, 4, 6, 6}, {6, 2, 3, 3}, {1, 1}, {1, 1}, {{1, 1}, {1, 1}}, 2},
               {{1, 4, 6, kS}, {4, 1, 3, 3}, {1, 1}, {1, 1}, {{1, 1}, {0, 0}}, 4},
               {{1, 2, 4, 5, 4}, {3, 2, 2, 3, 2}, {1, 2, 1}, {1, 1, 2}, {{0, 0}, {1, 1}, {1, 0}}}});
  add_filters(cases, "deconv",
              {{{2, 3, 5}, {4, 3, 3}, {2}, {1}, {{1, 1}}},
               {{1, 3, kS}, {4, 3, 3}, {3}, {2}, {{2, 1}}},
               {{1, 3, 4, kS}, {3, 3, 3, 2}, {2, 1}, {1, 2}, {{1, 0}, {0, 1}}},
               {{1, 4, 3, 4}, {6, 2, 3, 3}, {2, 2}, {1, 1}, {{1, 1}, {1, 0}}, 2},
               {{1, 2, 3, 3, 2}, {3, 2, 2, 3, 2}, {1, 2, 1}, {1, 1, 1}, {{0, 0}, {1, 1}, {0, 0}}}});
  add_integer_filters(cases);
  cases.add("separable_conv", "2d", [](Bench& bench) -> std::vector<Value> {
    const Value x = bench.input({1, 3, 6, 5}), plane = bench.input({3, 1, 3, 3}), point = bench.input({4, 3, 1, 1});
    return {bench.add("separable_conv", {x, plane, point, 0.0},
                      {{"padding", Pairs{{1, 1}, {1, 1}}}, {"stride", Axes{1, 1}}, {"dilation", Axes{1, 1}}})};
  });
}

std::vector<NamedArgument> pool_attributes(const Window& window, const char* border) {
  const auto full = [](Axes axes) {
    axes.insert(axes.begin(), {1, 1});
    return axes;
  };
  Axes size;
  for (const Dim& dim : window.filter) size.push_back(dim.value());
  Pairs padding = window.padding;
  padding.insert(padding.begin(), {{0, 0}, {0, 0}});
  return {{"size", full(size)},
          {"padding", padding},
          {"stride", full(window.stride)},
          {"dilation", full(window.dilation)},
          {"border", border}};
}

void add_pools(Cases& cases) {
  const std::vector<Window> windows = {{{2, 3, 9}, {3}, {2}, {1}, {{1, 1}}},
                                       {{1, 3, kS + 2, 7}, {3, 2}, {2, 1}, {1, 1}, {{1, 1}, {0, 1}}},
                                       {{1, 2, 7, 8}, {2, 3}, {1, 2}, {2, 1}, {{0, 0}, {1, 1}}},
                                       {{1, 2, 4, 5, 4}, {2, 2, 3}, {1, 2, 1}, {1, 1, 1}, {{0, 1}, {1, 0}, {1, 1}}}};
  for (const Window& window : windows) {
    const std::string shape = nnef::to_string(window.input);
    for (DType dtype : {DType::kF32, DType::kF16, DType::kF64}) {
      for (const char* op : {"max_pool", "avg_pool", "box", "rms_pool"}) {
        cases.unary(op, window.input, dtype, Fill::kDistinct, pool_attributes(window, "ignore"));
      }
      cases.add("max_pool_with_index", shape, [=](Bench& bench) {
        return bench.add_multi("max_pool_with_index", {bench.input(window.input, dtype, Fill::kDistinct)},
                               pool_attributes(window, "ignore"));
      });
    }
    for (const char* op : {"avg_pool", "box", "max_pool"}) {
      cases.unary(op, window.input, DType::kF32, Fill::kPlain, pool_attributes(window, "constant"));
    }
    cases.add("max_pool_with_index", "constant" + shape, [=](Bench& bench) {
      return bench.add_multi("max_pool_with_index", {bench.input(window.input)}, pool_attributes(window, "constant"));
    });
    std::vector<NamedArgument> normalized = pool_attributes(window, "ignore");
    normalized.push_back({"normalize", true});
    cases.unary("box", window.input, DType::kF32, Fill::kDistinct, normalized);
    cases.unary("max_pool", window.input, DType::kI64, Fill::kDistinct, pool_attributes(window, "ignore"));
    cases.unary("max_pool", window.input, DType::kF32, Fill::kSpecial, pool_attributes(window, "ignore"));
    cases.add("max_pool_with_index", "equal" + shape, [=](Bench& bench) {
      return bench.add_multi("max_pool_with_index", {bench.input(window.input, DType::kF32, Fill::kEqual)},
                             pool_attributes(window, "ignore"));
    });
  }
  cases.unary("debox", {1, 2, 4, 5}, DType::kF32, Fill::kPlain,
              pool_attributes({{}, {2, 3}, {2, 1}, {1, 1}, {{0, 0}, {1, 1}}}, "constant"));
}

void add_resizes(Cases& cases) {
  const auto resize = [&](const Shape& shape, const char* transformer, const char* interpolator, const char* mode,
                          const NamedArgument& size, DType dtype) {
    cases.unary("tract_core_resize", shape, dtype, Fill::kPlain,
                {size, {"coord_transformer", transformer}, {"interpolator", interpolator}, {"nearest_mode", mode}});
  };
  const NamedArgument up{"sizes", Axes{1, 2, 7, 9}}, down{"sizes", Axes{1, 2, 3, 4}}, one{"sizes", Axes{1, 2, 1, 6}};
  const NamedArgument scales{"scales", Argument::Array{{1.0, 1.0, 2.0, 1.5}}};
  for (DType dtype : {DType::kF32, DType::kF16}) {
    for (const NamedArgument& size : {up, down, one}) {
      resize({1, 2, 5, 6}, "asymmetric", "nearest", "floor", size, dtype);
      resize({1, 2, 5, 6}, "half_pixel", "nearest", "round_prefer_ceil", size, dtype);
      for (const char* interpolator : {"linear", "cubic"}) {
        for (const char* transformer : {"half_pixel", "align_corners"}) {
          resize({1, 2, 5, 6}, transformer, interpolator, "floor", size, dtype);
        }
      }
    }
    resize({1, 2, kS, 6}, "half_pixel", "linear", "floor", scales, dtype);
    resize({1, 2, kS, 6}, "asymmetric", "nearest", "floor", scales, dtype);
  }
  cases.unary("nearest_upsample", {1, 2, 3, kS}, DType::kF32, Fill::kPlain, {{"factor", Axes{2, 3}}});
  for (const char* method : {"symmetric", "aligned"}) {
    cases.unary("multilinear_upsample", {1, 2, 3, 4}, DType::kF32, Fill::kPlain,
                {{"factor", Axes{2, 3}}, {"method", method}, {"border", "replicate"}});
  }
  for (const char* op : {"tract_core_grid_sample", "tract_onnx_grid_sample"}) {
    for (const char* mode : {"bilinear", "nearest", "bicubic"}) {
      for (const char* border : {"zeros", "border", "reflection"}) {
        if (std::string_view(mode) == "bicubic" && std::string_view(border) == "border") continue;
        for (bool aligned : {false, true}) {
          cases.add(op, std::string(mode) + " " + border, [=](Bench& bench) -> std::vector<Value> {
            return {bench.add(op, {bench.input({1, 2, 4, 5}), bench.input({1, 3, 4, 2}, DType::kF32, Fill::kUnit)},
                              {{"mode", mode}, {"padding_mode", border}, {"align_corners", aligned}})};
          });
        }
      }
    }
  }
}

}  // namespace

void add_window_cases(Cases& cases) {
  add_convolutions(cases);
  add_pools(cases);
  add_resizes(cases);
}

}  // namespace dialect_tests
