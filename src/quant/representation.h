// How the items of a torch dtype are kept in a graph, which has fewer item types.
#pragma once

#include <cstdint>

#include "nnef/dtype.h"

namespace torch2nnef TORCH2NNEF_API {

// The smallest and the largest item of a quantised dtype: -128 and 127 of qint8.
struct ItemRange {
  double low = 0, high = 0;
};

struct Representation {
  enum class Form : std::uint8_t {
    kPlain,    // items of the same type
    kRounded,  // bfloat16: f32 that holds values of bfloat16 alone (bfloat16.h)
    kCodes,    // quantised: codes in f32, with a scale and a zero point (affine.h)
    kPair,     // complex: two real tensors, or one with a last axis of 2 (complex_pair.h)
    kNone,     // nothing represents it
  };
  Form form = Form::kNone;
  nnef::DType item = nnef::DType::kF32;  // in the graph: of each part of a pair, of the codes
  ItemRange range = {};                  // kCodes
};

}  // namespace torch2nnef
