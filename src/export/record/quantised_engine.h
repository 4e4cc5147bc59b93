// Which of torch's engines makes and runs quantised weights.
#pragma once

#include <ATen/Context.h>

#include <algorithm>

namespace torch2nnef {

// The one whose sums do not saturate, and that alone packs transposed convolutions quantised by channel.
inline bool has_exact_engine() {
  const auto& engines = at::globalContext().supportedQEngines();
  return std::find(engines.begin(), engines.end(), at::QEngine::QNNPACK) != engines.end();
}

// That engine, for as long as this lives.
class ExactEngineInUse {
 public:
  ExactEngineInUse() : before_(at::globalContext().qEngine()) { at::globalContext().setQEngine(at::QEngine::QNNPACK); }
  ~ExactEngineInUse() { at::globalContext().setQEngine(before_); }
  ExactEngineInUse(const ExactEngineInUse&) = delete;
  ExactEngineInUse& operator=(const ExactEngineInUse&) = delete;

 private:
  at::QEngine before_;
};

}  // namespace torch2nnef
