#include "export/load/pickle_scan.h"

#include <algorithm>
#include <array>
#include <utility>

#include "export/load/pickle_machine.h"
#include "nnef/io.h"

namespace torch2nnef {
namespace {

constexpr std::array<std::string_view, 4> kSchemes = {"per_tensor_affine", "per_channel_affine", "per_tensor_symmetric",
                                                      "per_channel_affine_float_qparams"};

[[noreturn]] void fail(const std::string& text) { throw nnef::FormatError(text); }

class Scanner final : public PickleMachine {
 public:
  explicit Scanner(std::string_view bytes) : PickleMachine(bytes, Writer::kTorchScript) {}

  PickleFacts run() {
    PickleMachine::run();
    return {std::move(tensors_), std::move(types_)};
  }

 private:
  bool is_known(std::string_view module, std::string_view name) const override {
    const auto is = [&](std::string_view a, std::initializer_list<std::string_view> names) {
      return module == a && std::find(names.begin(), names.end(), name) != names.end();
    };
    if (module == "torch" && name.ends_with("Storage")) return item_size(name.substr(0, name.size() - 7)) > 0;
    if (module == "torch" && std::find(kSchemes.begin(), kSchemes.end(), name) != kSchemes.end()) return true;
    return is("torch", {"device"}) || is("torch._utils", {"_rebuild_tensor_v2", "_rebuild_qtensor"}) ||
           is("collections", {"OrderedDict"}) || is("builtins", {"complex"}) ||
           is("torch.jit._pickle",
              {"build_intlist", "build_tensorlist", "build_doublelist", "build_boollist", "restore_type_tag"}) ||
           module == "__torch__" || module.starts_with("__torch__.");
  }

  void new_object() override {
    const std::uint32_t arguments = pop();
    if (!of_kind(arguments, Kind::kTuple, "an empty tuple").items.empty()) fail("the pickle makes an object of values");
    const PickleValue& global = of_kind(top(), Kind::kGlobal, "a class");
    if (!global.text.starts_with("__torch__")) fail("the pickle makes an object of something that is not a class");
  }

  void build() override { call(); }

  void call() override {
    const std::uint32_t argument = pop();
    const std::string_view name = of_kind(pop(), Kind::kGlobal, "a function").text;
    if (name.starts_with("__torch__")) return push(Kind::kObject, 0, {}, {argument});
    const std::vector<std::uint32_t> given = of_kind(argument, Kind::kTuple, "arguments").items;
    if (name == "collections\nOrderedDict") return push(Kind::kNone);  // hooks, which libtorch drops
    if (name == "builtins\ncomplex") {
      if (given.size() != 2) fail("the pickle has a complex number without its two parts");
      return push(Kind::kFloat);
    }
    if (name == "torch\ndevice") {
      if (given.size() != 1) fail("the pickle has a device without its name");
      of_kind(given[0], Kind::kString, "a device");
      return push(Kind::kNone);
    }
    if (name.starts_with("torch._utils\n")) return push_tensor(given, name.ends_with("_rebuild_qtensor"));
    if (name.starts_with("torch.jit._pickle\n")) return push_tagged(given, name.substr(18));
    fail("the pickle calls something that is not a function");
  }

  void push_tagged(const std::vector<std::uint32_t>& given, std::string_view function) {
    if (function == "restore_type_tag") {
      if (given.size() != 2) fail("the pickle has a type without its value");
      const std::string_view type = of_kind(given[1], Kind::kString, "a type").text;
      const Kind kind = type.starts_with("Dict") ? Kind::kDict : Kind::kList;
      of_kind(given[0], kind, "a list or dict");
      types_.push_back(type);
    } else {
      const Kind kind = function == "build_intlist"      ? Kind::kInt
                        : function == "build_tensorlist" ? Kind::kTensor
                        : function == "build_doublelist" ? Kind::kFloat
                                                         : Kind::kBool;
      if (given.size() != 1) fail("the pickle has a list without its values");
      for (std::uint32_t item : of_kind(given[0], Kind::kList, "a list").items)
        of_kind(item, kind, "an item of a list");
    }
    push_value(given[0]);
  }

  std::vector<std::string_view> types_;
};

}  // namespace

PickleFacts scan_pickle(std::string_view bytes) { return Scanner(bytes).run(); }

}  // namespace torch2nnef
