// The one place that includes libtorch's headers and tells its versions apart; precompiled for src/export/record.
//
// Everything used here is in 1.13 as in the newest version: the JIT's IR and its operators (not the shape passes),
// serialization, and ATen's tensor interface.
#pragma once

#include <ATen/ATen.h>
#include <c10/core/InferenceMode.h>
#include <c10/util/Exception.h>
#include <caffe2/serialize/inline_container.h>
#include <torch/csrc/jit/api/function_impl.h>
#include <torch/csrc/jit/ir/constants.h>
#include <torch/csrc/jit/ir/ir.h>
#include <torch/csrc/jit/runtime/operator.h>
#include <torch/csrc/jit/serialization/import.h>
#include <torch/csrc/jit/serialization/import_read.h>
#include <torch/csrc/jit/serialization/pickle.h>
#include <torch/library.h>
#include <torch/script.h>
#include <torch/version.h>
