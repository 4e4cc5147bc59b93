// Plugins go wrong in every way: one function each, for modules of tools/examples.
#include <stdexcept>

#include "export/modules/extractor.h"

namespace {

using torch2nnef::extractor::Call;

[[maybe_unused]] void wrong_shape(Call& call) { call.result(0, call.add("relu", {call.tensor("reduce.weight")})); }

[[maybe_unused]] void wrong_dtype(Call& call) { call.result(0, call.cast(call.input(0), "i64")); }

[[maybe_unused]] void throws(Call&) { throw std::runtime_error("I do not feel like it"); }

[[maybe_unused]] void forgets(Call&) {}

[[maybe_unused]] void misses(Call& call) { call.result(0, call.tensor("no_such_weight")); }

[[maybe_unused]] void refuses(Call& call) { call.unsupported("images only", "give images"); }

}  // namespace

TORCH2NNEF_PLUGIN("wrong", plugin) {
#if defined(WRONG_SHAPE)
  plugin.module("SqueezeExcite", wrong_shape);
#elif defined(WRONG_DTYPE)
  plugin.module("SqueezeExcite", wrong_dtype);
#elif defined(THROWS)
  plugin.module("SqueezeExcite", throws);
#elif defined(FORGETS)
  plugin.module_at("excite", forgets);
#elif defined(MISSES)
  plugin.module("SqueezeExcite", misses);
#elif defined(REFUSES)
  plugin.module("SqueezeExcite", refuses);
#elif defined(CLAIMS_NOTHING)
  plugin.module("SqueezeAndExcite", throws);
#endif
}
