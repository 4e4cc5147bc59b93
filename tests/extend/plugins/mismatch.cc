// A plugin that says that it was built for something else.
#include "export/modules/extractor.h"

extern "C" __attribute__((visibility("default"))) const torch2nnef::extractor::Description* torch2nnef_plugin() {
  static const torch2nnef::extractor::Description description{ABI, "mismatch", TORCH, COMPILER,
                                                              [](torch2nnef::extractor::Plugin&) {}};
  return &description;
}
