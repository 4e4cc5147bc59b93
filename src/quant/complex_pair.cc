#include "quant/complex_pair.h"

namespace torch2nnef {

ComplexParts parts_of_packed(nnef::Builder& b, nnef::Value packed) {
  const int last = b.rank(packed) - 1;
  const auto part = [&](int which) { return b.squeeze(b.slice(packed, last, which, which + 1), {last}); };
  const nnef::Value re = part(0);
  return {re, part(1)};
}

nnef::Value packed_of_parts(nnef::Builder& b, ComplexParts parts) {
  const int last = b.rank(parts.re);
  const nnef::Value re = b.unsqueeze(parts.re, {last});
  return b.concat({re, b.unsqueeze(parts.im, {last})}, last);
}

}  // namespace torch2nnef
