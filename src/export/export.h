// torch2nnef's public interface: turn a TorchScript model into an NNEF archive, checked.
//
//   torch2nnef::ExportOptions options;
//   options.inputs.push_back({.name = "x", .dtype = "f32", .dims = "1,3,224,224"});
//   torch2nnef::ExportReport report = torch2nnef::export_model_to_nnef("resnet18.pt", "resnet18.nnef.tgz", options);
//
// The library never prints and never exits. It returns a report or throws ExportError (diagnostics.h), and then there
// is no output file. No torch header is included here.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "export/diagnostics.h"
#include "export/outcome.h"
#include "export/request.h"
#include "export/version.h"

namespace torch::jit {
struct Module;
}
namespace c10 {
struct IValue;
}

namespace torch2nnef TORCH2NNEF_API {

// Exports the archive at `model`. `output` ends in .tgz, .tar.gz or .tar, else it is a folder.
ExportReport export_model_to_nnef(const std::filesystem::path& model, const std::filesystem::path& output,
                                  const ExportOptions& options);
// Exports a loaded module; `inputs` are the arguments of forward.
ExportReport export_model_to_nnef(const torch::jit::Module& model, const std::vector<c10::IValue>& inputs,
                                  const std::filesystem::path& output, const ExportOptions& options);

// Removes what the exports that run in this process have written so far, for a program that a signal ends. From any
// thread; not from a signal handler.
void remove_unfinished_outputs();

}  // namespace torch2nnef
