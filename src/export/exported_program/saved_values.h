// What torch.save wrote into a record: weights and constants of torch 2.6 to 2.8, and example inputs of all releases.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "export/exported_program/container.h"
#include "export/exported_program/storages.h"
#include "export/load/pickle_values.h"
#include "export/torch_compat.h"

namespace torch2nnef {

// The values of one pickle. Their texts are parts of the mapped file. Objects of classes that are not known are
// kObject: text is the class ("collections\nnamedtuple", with a line's end between module and name), items are the
// arguments that it is made of and, where there is one, its state.
struct SavedValues {
  PickleValues values;
  std::vector<at::Tensor> tensors;  // by the number of a value of kTensor
  std::uint32_t root = 0;
  const PickleValue& at(std::uint32_t value) const { return values.at(value); }
};

// Nothing that the pickle names is imported or called: a closed set of functions makes tensors and dicts, all else are
// objects. Throws nnef::FormatError with the record's name.
SavedValues read_saved(const ProgramFile& file, const std::string& record, Storages& storages);

// A dict of tensors by name. Throws nnef::FormatError for anything else.
std::vector<std::pair<std::string, at::Tensor>> saved_tensors(const SavedValues& saved, const std::string& record);

}  // namespace torch2nnef
