#include "export/exported_program/saved_values.h"

#include <algorithm>
#include <array>
#include <string_view>

#include "export/exported_program/json.h"
#include "export/load/pickle_machine.h"
#include "nnef/io.h"

namespace torch2nnef {
namespace {

at::ScalarType type_of_storage(std::string_view item) {
  constexpr std::array<std::pair<std::string_view, at::ScalarType>, 13> kTypes = {{
      {"Byte", at::kByte},
      {"Char", at::kChar},
      {"Short", at::kShort},
      {"Int", at::kInt},
      {"Long", at::kLong},
      {"Half", at::kHalf},
      {"Float", at::kFloat},
      {"Double", at::kDouble},
      {"ComplexHalf", at::kComplexHalf},
      {"ComplexFloat", at::kComplexFloat},
      {"ComplexDouble", at::kComplexDouble},
      {"Bool", at::kBool},
      {"BFloat16", at::kBFloat16},
  }};
  for (const auto& [name, type] : kTypes) {
    if (name == item) return type;
  }
  damaged("it holds a tensor of torch." + std::string(item) + "Storage, a dtype that is not read");
}

class Unpickler final : public PickleMachine {
 public:
  explicit Unpickler(std::string_view bytes) : PickleMachine(bytes, Writer::kPython) {}

  SavedValues run(std::vector<PickledTensor>& tensors) {
    SavedValues saved;
    saved.root = PickleMachine::run();
    saved.values = std::move(values_);
    tensors = std::move(tensors_);
    return saved;
  }

 private:
  bool is_known(std::string_view module, std::string_view name) const override {
    if (module != "torch" || !name.ends_with("Storage")) return true;  // names alone do no harm
    return item_size(name.substr(0, name.size() - 7)) > 0;
  }

  void new_object() override {
    const std::uint32_t arguments = pop(), type = pop();
    const std::string_view name = of_kind(type, Kind::kGlobal, "a class").text;
    push(Kind::kObject, 0, name, of_kind(arguments, Kind::kTuple, "arguments").items);
  }

  // The state of a dict (its _metadata) and of a tensor says nothing of their values.
  void build() override {
    const std::uint32_t state = pop();
    PickleValue& value = values_[top()];
    if (value.kind == Kind::kObject) value.items.push_back(state);
  }

  void call() override {
    const std::uint32_t argument = pop();
    const std::string_view name = of_kind(pop(), Kind::kGlobal, "a function").text;
    call(name, of_kind(argument, Kind::kTuple, "arguments").items);
  }

  void call(std::string_view name, const std::vector<std::uint32_t>& given) {
    if (name == "torch._utils\n_rebuild_tensor_v2") return push_tensor(given, false);
    if (name == "torch._utils\n_rebuild_parameter") {
      if (given.empty()) damaged("the pickle has a parameter without its tensor");
      of_kind(given[0], Kind::kTensor, "a tensor");
      return push_value(given[0]);
    }
    if (name == "torch._tensor\n_rebuild_from_type_v2") return rebuild(given);
    if (name == "collections\nOrderedDict") return push_dict(given);
    if (name == "torch\nSize" && given.size() == 1) return push_value(given[0]);
    push(Kind::kObject, 0, name, given);
  }

  // A plain tensor with attributes of its own: those of a dimension that was marked dynamic.
  void rebuild(const std::vector<std::uint32_t>& given) {
    if (given.size() != 4) damaged("the pickle has a tensor of another type with other arguments");
    const std::string_view function = of_kind(given[0], Kind::kGlobal, "a function").text;
    const std::string_view type = of_kind(given[1], Kind::kGlobal, "a type").text;
    if (function == "torch._tensor\n_rebuild_from_type_v2") damaged("the pickle rebuilds a tensor of a tensor");
    if (type != "torch\nTensor" && type != "torch.nn.parameter\nParameter" && type != "torch.nn.parameter\nBuffer") {
      std::string shown(type);
      std::replace(shown.begin(), shown.end(), '\n', '.');
      damaged("it holds a tensor of the type " + shown.substr(0, 200) + ", which is not read");
    }
    call(function, of_kind(given[2], Kind::kTuple, "arguments").items);
  }

  void push_dict(const std::vector<std::uint32_t>& given) {
    std::vector<std::uint32_t> items;
    if (!given.empty()) {
      for (const std::uint32_t pair : values_[given[0]].items) {
        const std::vector<std::uint32_t>& both = values_[pair].items;
        if (both.size() != 2) damaged("the pickle has a dict of something that is not pairs");
        items.insert(items.end(), both.begin(), both.end());
      }
    }
    push(Kind::kDict, 0, {}, std::move(items));
  }
};

// The records of an archive inside of a record.
class InnerArchive {
 public:
  explicit InnerArchive(std::string_view bytes) : bytes_(bytes), zip_(bytes) {
    for (const nnef::ZipEntry& entry : zip_.entries()) {
      if (entry.name.ends_with("/data.pkl")) folder_ = entry.name.substr(0, entry.name.size() - 8);
    }
    if (folder_.empty()) damaged("it is not what torch.save writes: there is no data.pkl in it");
    if (const nnef::ZipEntry* order = zip_.find(folder_ + "byteorder")) {
      if (zip_.read(*order, 64) != "little") damaged("a big-endian machine wrote it");
    }
  }
  std::string_view record(const std::string& name) const {
    const nnef::ZipEntry* entry = zip_.find(folder_ + name);
    if (entry == nullptr) damaged("there is no '" + name.substr(0, 100) + "' in it");
    if (!entry->is_stored) damaged("'" + name.substr(0, 100) + "' in it is compressed");
    return bytes_.substr(static_cast<std::size_t>(entry->data), static_cast<std::size_t>(entry->size));
  }

 private:
  std::string_view bytes_;
  nnef::ZipReader zip_;
  std::string folder_;
};

SavedValues read_inner(std::string_view bytes, Storages& storages) {
  const InnerArchive archive(bytes);
  std::vector<PickledTensor> tensors;
  SavedValues saved = Unpickler(archive.record("data.pkl")).run(tensors);
  for (const PickledTensor& tensor : tensors) {
    const at::ScalarType type = type_of_storage(tensor.item);
    const std::string_view items = archive.record("data/" + std::string(tensor.key));
    saved.tensors.push_back(storages.view(items, type, {tensor.sizes, tensor.strides, tensor.offset}));
  }
  return saved;
}

}  // namespace

SavedValues read_saved(const ProgramFile& file, const std::string& record, Storages& storages) {
  try {
    return read_inner(file.record(record), storages);
  } catch (const nnef::FormatError& error) {
    damaged("the record '" + record + "': " + error.what());
  }
}

std::vector<std::pair<std::string, at::Tensor>> saved_tensors(const SavedValues& saved, const std::string& record) {
  const PickleValue& root = saved.at(saved.root);
  if (root.kind != PickleValue::Kind::kDict) damaged("the record '" + record + "' is not a dict of tensors");
  std::vector<std::pair<std::string, at::Tensor>> tensors;
  for (std::size_t i = 0; i + 1 < root.items.size(); i += 2) {
    const PickleValue &key = saved.at(root.items[i]), &value = saved.at(root.items[i + 1]);
    if (key.kind != PickleValue::Kind::kString) damaged("the record '" + record + "' has a key that is not a text");
    if (value.kind != PickleValue::Kind::kTensor) continue;  // extra state: refused when something uses it
    tensors.emplace_back(std::string(key.text), saved.tensors.at(static_cast<std::size_t>(value.number)));
  }
  return tensors;
}

}  // namespace torch2nnef
