#include "export/verify/engine_message.h"

#include <gtest/gtest.h>

namespace torch2nnef {
namespace {

struct Case {
  const char* errors;
  const char* message;
};

TEST(EngineMessage, InnermostCause) {
  const Case cases[] = {
      {"[2026-01-01T00:00:00.1Z ERROR tract] File not found m.tgz\n", "File not found m.tgz"},
      {"[2026-01-01T00:00:00.1Z ERROR tract] ModelBuildingError\n    \n    Caused by:\n"
       "        0: In ModelBuilder::translate\n        1: No definition for operator Identifier(\"nosuch\")\n",
       "No definition for operator Identifier(\"nosuch\")"},
      {"[2026-01-01T00:00:00.1Z ERROR tract] Checking output 0\n    \n    Caused by:\n        Mismatch. First "
       "outlier\n",
       "Mismatch. First outlier"},
      {"[2026-01-01T00:00:00.1Z ERROR tract] 0: at line 5, in Tag:\n      y = x +;\n      ^\n    \n    \n",
       "at line 5, in Tag: y = x +;"},
      {"tract-run: opening file \"m\"\n\nCaused by:\n    0: Wiring\n    1: Registry not found\n", "Registry not found"},
      {"tract-run: Unmatched tensor x\n", "Unmatched tensor x"},
      {"[.. WARN  tract] odd\n[.. ERROR tract] zip file error: Duplicate filename: y.npy\n    \n    Caused by:\n"
       "        invalid Zip archive: Duplicate filename: y.npy\n",
       "two results of the graph are one value, which tract cannot save (invalid Zip archive: Duplicate filename: "
       "y.npy)"},
      {"\nthread 'main' (1) panicked at /a/registry/tract-core/src/ops/reduce.rs:462:18:\nindex out of bounds\nnote: "
       "run\n"
       "\nthread 'main' (1) panicked at core/src/panicking.rs:225:5:\npanic in a function that cannot unwind\n",
       "tract panicked: index out of bounds (reduce.rs:462)"},
      {"Segmentation fault\n", "Segmentation fault"},
      {"", "tract ended with status 9 without a message"},
      {"  \n\n", "tract ended with status 9 without a message"},
  };
  for (const Case& one : cases) EXPECT_EQ(engine_message(9, one.errors), one.message);
}

TEST(EngineMessage, IsNotLong) {
  const std::string message = engine_message(1, "[ ERROR tract] For input x: " + std::string(10000, '1'));
  EXPECT_LT(message.size(), 500u);
  EXPECT_EQ(message.substr(message.size() - 3), "...");
}

}  // namespace
}  // namespace torch2nnef
