#include "export/exported_program/loaded_program.h"

#include <array>
#include <functional>
#include <map>

#include "export/diagnostics.h"
#include "export/exported_program/container.h"
#include "export/exported_program/json.h"
#include "export/exported_program/saved_values.h"
#include "export/exported_program/storages.h"
#include "export/exported_program/tree.h"
#include "nnef/io.h"

namespace torch2nnef {
namespace {

constexpr const char* kAgain = "export the model again with a newer torch (2.9 or later is best), or trace it";

// Throws FormatError and Unsupported again, with the record's name.
template <typename Work>
auto in_record(const std::string& record, Work work) {
  try {
    return work();
  } catch (const nnef::FormatError& error) {
    throw nnef::FormatError("the record '" + record + "': " + error.what());
  }
}

// torch 2.1 to 2.5 write other schemas into the same container.
void check_age(const ProgramFile& file) {
  if (!file.is_legacy()) return;
  const std::string version(file.record("version"));
  if (version.starts_with("8.")) return;
  throw Unsupported("a program that torch before 2.6 wrote (schema " + version.substr(0, 10) + "), which is not read",
                    kAgain);
}

// The name of the one program, "" in the older family.
std::string name_of(const ProgramFile& file) {
  if (file.is_legacy()) return "";
  std::vector<std::string> names;
  for (const std::string& record : file.names("models/")) {
    if (record.ends_with(".json")) names.push_back(record.substr(7, record.size() - 12));
  }
  if (names.empty()) throw nnef::FormatError("there is no record 'models/model.json'");
  std::string all;
  for (const std::string& name : names) {
    if (name == "model") return name;
    all += (all.empty() ? "" : ", ") + name;
  }
  if (names.size() > 1) {
    throw Unsupported("an archive of several programs (" + all + ")", "save the program that you want alone");
  }
  return names[0];
}

// Weights or constants by name, read when they are asked for.
class TensorTable {
 public:
  TensorTable(const ProgramFile& file, const std::string& record, Storages& storages)
      : file_(file), record_(record), storages_(storages) {
    if (!file.has(record)) return;
    if (record.ends_with(".json")) {
      in_record(record, [&] { read_config(parse_json(file.record(record))); });
    } else if (!file.record(record).empty()) {
      for (auto& [name, tensor] : saved_tensors(read_saved(file, record, storages), record)) {
        saved_.emplace(name, std::move(tensor));
      }
    }
  }

  // Undefined when there is none of that name.
  at::Tensor find(const std::string& name) const {
    if (const auto found = saved_.find(name); found != saved_.end()) return found->second;
    const auto found = entries_.find(name);
    if (found == entries_.end()) return {};
    return in_record(record_, [&] { return stored(name, found->second); });
  }

 private:
  void read_config(Json config) {
    const Json& entries = config.at("config").object();
    for (std::size_t i = 0; i < entries.items.size(); ++i) entries_.emplace(entries.keys[i], entries.items[i]);
  }

  at::Tensor stored(const std::string& name, const Json& entry) const {
    const std::string& path = entry.at("path_name").string();
    const Json* pickled = entry.find("use_pickle");
    if (pickled != nullptr && pickled->boolean()) {
      throw Unsupported(
          "the weight " + name + " is a tensor of a class of its own (record '" + path + "')",
          "before saving, call ep.run_decompositions({}), or torchao.utils.unwrap_tensor_subclass(model)");
    }
    const Json& meta = entry.at("tensor_meta");
    const std::string record = record_.substr(0, record_.rfind('/') + 1) + path;
    return in_record(record, [&] {
      constexpr std::int64_t kStrided = 7;
      if (meta.at("layout").number() != kStrided) throw Unsupported("the weight " + name + " is a sparse tensor");
      StoredView view{integers(meta.at("sizes")), integers(meta.at("strides")),
                      meta.at("storage_offset").at("as_int").number()};
      return storages_.view(file_.record(record), dtype_of(meta.at("dtype").number()), view);
    });
  }

  static std::vector<std::int64_t> integers(const Json& list) {
    std::vector<std::int64_t> result;
    for (const Json& item : list.list()) result.push_back(item.at("as_int").number());
    return result;
  }

  const ProgramFile& file_;
  std::string record_;
  Storages& storages_;
  std::map<std::string, Json> entries_;
  std::map<std::string, at::Tensor> saved_;
};

struct Records {
  std::string program, weights, constants, samples;
};

Records records_of(const ProgramFile& file, const std::string& name) {
  if (file.is_legacy()) {
    return {"serialized_exported_program.json", "serialized_state_dict.pt", "serialized_constants.pt",
            "serialized_example_inputs.pt"};
  }
  const auto tensors = [&](const std::string& kind) {
    const std::string config = "data/" + kind + "/" + name + "_" + kind + "_config.json";
    return file.has(config) ? config : "data/" + kind + "/" + name + ".pt";
  };
  return {"models/" + name + ".json", tensors("weights"), tensors("constants"), "data/sample_inputs/" + name + ".pt"};
}

void read_tensors(const ProgramFile& file, const Records& records, Storages& storages, LoadedProgram& loaded) {
  const TensorTable weights(file, records.weights, storages), constants(file, records.constants, storages);
  for (const ProgramInput& input : loaded.program.inputs) {
    at::Tensor tensor;
    const bool is_users = input.kind == ProgramInput::Kind::kUser || input.kind == ProgramInput::Kind::kBaked;
    if (!is_users) {
      const bool is_constant = input.kind == ProgramInput::Kind::kConstant || !input.is_persistent;
      tensor = (is_constant ? constants : weights).find(input.attribute);
      if (!tensor.defined()) tensor = (is_constant ? weights : constants).find(input.attribute);
      if (!tensor.defined()) {
        throw nnef::FormatError("the record '" + (is_constant ? records.constants : records.weights) +
                                "' has no tensor '" + input.attribute + "'");
      }
    }
    loaded.tensors.push_back(std::move(tensor));
  }
}

// The value of an example input as a tensor; undefined for what is none.
at::Tensor sample_of(const SavedValues& saved, const PickleValue& value) {
  if (value.kind == PickleValue::Kind::kTensor) return saved.tensors.at(static_cast<std::size_t>(value.number));
  if (value.kind == PickleValue::Kind::kInt) return at::scalar_tensor(value.number, at::kLong);
  return {};
}

void read_samples(const ProgramFile& file, const std::string& record, Storages& storages, LoadedProgram& loaded) {
  if (!file.has(record) || file.record(record).empty() || loaded.program.in_spec.empty()) return;
  const SavedValues saved = read_saved(file, record, storages);
  if (saved.at(saved.root).kind == PickleValue::Kind::kNone) return;
  in_record(record, [&] {
    const std::vector<std::uint32_t> leaves = leaves_of(parse_tree(loaded.program.in_spec), saved);
    std::vector<at::Tensor> samples;
    std::size_t next = 0;
    for (const ProgramInput& input : loaded.program.inputs) {
      const bool is_user = input.kind == ProgramInput::Kind::kUser;
      if (!is_user && input.kind != ProgramInput::Kind::kBaked) continue;
      if (next == leaves.size()) throw nnef::FormatError("there are fewer example inputs than the signature has");
      const PickleValue& leaf = saved.at(leaves[next++]);
      if (!is_user) continue;
      samples.push_back(sample_of(saved, leaf));
      if (!samples.back().defined()) throw nnef::FormatError("the example of '" + input.name + "' is not a tensor");
    }
    loaded.samples = std::move(samples);
  });
}

}  // namespace

std::shared_ptr<const LoadedProgram> load_program(const std::filesystem::path& path) {
  const ProgramFile file(path);
  check_age(file);
  const Records records = records_of(file, name_of(file));
  auto loaded = std::make_shared<LoadedProgram>();
  loaded->program = in_record(records.program, [&] { return parse_program(file.record(records.program)); });
  Storages storages(file.memory());
  read_tensors(file, records, storages, *loaded);
  read_samples(file, records.samples, storages, *loaded);
  return loaded;
}

at::ScalarType dtype_of(std::int64_t number) {
  constexpr std::array<at::ScalarType, 14> kTypes = {at::ScalarType::Undefined,
                                                     at::kByte,
                                                     at::kChar,
                                                     at::kShort,
                                                     at::kInt,
                                                     at::kLong,
                                                     at::kHalf,
                                                     at::kFloat,
                                                     at::kDouble,
                                                     at::kComplexHalf,
                                                     at::kComplexFloat,
                                                     at::kComplexDouble,
                                                     at::kBool,
                                                     at::kBFloat16};
  if (number > 0 && number < static_cast<std::int64_t>(kTypes.size())) return kTypes[static_cast<std::size_t>(number)];
  constexpr std::array<const char*, 8> kNewer = {"uint16",          "float8_e4m3fn",  "float8_e5m2", "float8_e4m3fnuz",
                                                 "float8_e5m2fnuz", "float8_e8m0fnu", "uint32",      "uint64"};
  constexpr std::int64_t kFirstNewer = 28;
  const bool is_known = number >= kFirstNewer && number < kFirstNewer + static_cast<std::int64_t>(kNewer.size());
  throw Unsupported("the dtype " +
                        (is_known ? std::string(kNewer[static_cast<std::size_t>(number - kFirstNewer)])
                                  : "number " + std::to_string(number)) +
                        " is not one that libtorch " + std::to_string(TORCH_VERSION_MAJOR) + "." +
                        std::to_string(TORCH_VERSION_MINOR) + " has",
                    "store the tensor in another dtype");
}

}  // namespace torch2nnef
