#include "export/load/pickle_scan.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <limits>
#include <unordered_map>
#include <utility>

#include "export/load/pickle_tensor.h"
#include "export/load/pickle_values.h"
#include "nnef/io.h"

namespace torch2nnef {
namespace {

using Kind = PickleValue::Kind;

constexpr std::size_t kMostValues = 8'000'000;

constexpr std::array<std::string_view, 4> kSchemes = {"per_tensor_affine", "per_channel_affine", "per_tensor_symmetric",
                                                      "per_channel_affine_float_qparams"};

[[noreturn]] void fail(const std::string& text) { throw nnef::FormatError(text); }

class Scanner {
 public:
  explicit Scanner(std::string_view bytes) : bytes_(bytes) {}

  PickleFacts run() {
    if (byte() != 0x80 || byte() != 2) fail("the pickle does not begin as one of protocol 2");
    while (step()) {
    }
    if (stack_.size() != 1 || !marks_.empty()) fail("the pickle ends with values left over");
    check_nesting(values_);
    return std::move(facts_);
  }

 private:
  // --- bytes
  std::string_view take(std::size_t count) {
    if (count > bytes_.size() - at_) fail("the pickle is cut short");
    at_ += count;
    return bytes_.substr(at_ - count, count);
  }
  unsigned byte() { return static_cast<unsigned char>(take(1)[0]); }
  std::uint64_t number(std::size_t count) {
    std::uint64_t value = 0;
    const std::string_view from = take(count);
    for (std::size_t i = count; i-- > 0;) value = value << 8 | static_cast<unsigned char>(from[i]);
    return value;
  }
  std::string_view line() {
    const std::size_t end = bytes_.find('\n', at_);
    if (end == std::string_view::npos) fail("the pickle is cut short");
    const std::string_view text = take(end - at_);
    take(1);
    return text;
  }

  // --- the stack
  void push(Kind kind, std::int64_t number = 0, std::string_view text = {}, std::vector<std::uint32_t> items = {}) {
    if (values_.size() >= kMostValues) fail("the pickle holds too many values");
    stack_.push_back(static_cast<std::uint32_t>(values_.size()));
    values_.push_back({kind, number, text, std::move(items)});
  }
  std::uint32_t pop() {
    const std::size_t floor = marks_.empty() ? 0 : marks_.back();
    if (stack_.size() <= floor) fail("the pickle takes a value that is not there");
    const std::uint32_t value = stack_.back();
    stack_.pop_back();
    return value;
  }
  std::vector<std::uint32_t> pop_to_mark() {
    if (marks_.empty()) fail("the pickle takes a mark that is not there");
    const auto begin = stack_.begin() + static_cast<std::ptrdiff_t>(marks_.back());
    std::vector<std::uint32_t> items(begin, stack_.end());
    stack_.erase(begin, stack_.end());
    marks_.pop_back();
    return items;
  }
  std::uint32_t top() const {
    if (stack_.size() <= (marks_.empty() ? 0 : marks_.back())) fail("the pickle takes a value that is not there");
    return stack_.back();
  }
  const PickleValue& of_kind(std::uint32_t value, Kind kind, const char* what) const {
    return value_of_kind(values_, value, kind, what);
  }
  void push_tuple(std::size_t count) {
    std::vector<std::uint32_t> items(count);
    for (std::size_t i = count; i-- > 0;) items[i] = pop();
    push(Kind::kTuple, 0, {}, std::move(items));
  }
  void put(std::uint64_t place) {
    if (place > bytes_.size()) fail("the pickle notes a value at a place that is too large");
    memo_[place] = top();
  }
  void get(std::uint64_t place) {
    const auto found = memo_.find(place);
    if (found == memo_.end()) fail("the pickle takes a value that it has not noted");
    stack_.push_back(found->second);
    if (stack_.size() > kMostValues) fail("the pickle holds too many values");
  }
  void append(const std::vector<std::uint32_t>& items, Kind kind) {
    PickleValue& into = values_[top()];
    if (into.kind != kind) fail("the pickle adds to a value that is not a list or dict");
    if (kind == Kind::kDict) check_dict(items);
    into.items.insert(into.items.end(), items.begin(), items.end());
  }
  // Keys are what libtorch can compare: texts and numbers.
  void check_dict(const std::vector<std::uint32_t>& items) const {
    if (items.size() % 2 != 0) fail("the pickle has a dict with a key without a value");
    for (std::size_t i = 0; i < items.size(); i += 2) {
      const Kind kind = values_[items[i]].kind;
      const bool good = kind == Kind::kString || kind == Kind::kInt || kind == Kind::kFloat || kind == Kind::kBool ||
                        kind == Kind::kTensor;
      if (!good) fail("the pickle has a dict with a key that cannot be one");
    }
  }

  // --- what libtorch makes of globals
  void push_global() {
    const std::size_t begin = at_;
    const std::string_view module = line(), name = line();
    const std::string_view text = bytes_.substr(begin, module.size() + 1 + name.size());  // with the line's end between
    if (!is_known(module, name)) {
      std::string shown(module);
      fail("the pickle names " + shown + "." + std::string(name) + ", which is not part of a TorchScript archive");
    }
    push(Kind::kGlobal, 0, text);
  }
  static bool is_known(std::string_view module, std::string_view name) {
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

  void new_object() {
    const std::uint32_t arguments = pop();
    if (!of_kind(arguments, Kind::kTuple, "an empty tuple").items.empty()) fail("the pickle makes an object of values");
    const PickleValue& global = of_kind(top(), Kind::kGlobal, "a class");
    if (!global.text.starts_with("__torch__")) fail("the pickle makes an object of something that is not a class");
  }

  void call() {
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
      facts_.types.push_back(type);
    } else {
      const Kind kind = function == "build_intlist"      ? Kind::kInt
                        : function == "build_tensorlist" ? Kind::kTensor
                        : function == "build_doublelist" ? Kind::kFloat
                                                         : Kind::kBool;
      if (given.size() != 1) fail("the pickle has a list without its values");
      for (std::uint32_t item : of_kind(given[0], Kind::kList, "a list").items)
        of_kind(item, kind, "an item of a list");
    }
    stack_.push_back(given[0]);
  }

  void push_storage() {
    const std::vector<std::uint32_t> id = of_kind(pop(), Kind::kTuple, "a storage").items;
    if (id.size() < 5 || of_kind(id[0], Kind::kString, "a storage").text != "storage")
      fail("the pickle has no storage");
    const std::string_view type = of_kind(id[1], Kind::kGlobal, "a type of storage").text;
    if (!type.starts_with("torch\n") || !type.ends_with("Storage")) fail("the pickle has a storage of no type");
    of_kind(id[2], Kind::kString, "the key of a storage");
    of_kind(id[3], Kind::kString, "a device");
    if (of_kind(id[4], Kind::kInt, "the size of a storage").number < 0)
      fail("the pickle has a storage of negative size");
    push(Kind::kStorage, 0, {}, {id[1], id[2], id[4]});
  }

  void push_tensor(const std::vector<std::uint32_t>& given, bool quantised) {
    facts_.tensors.push_back(pickled_tensor(values_, facts_.tensors, given, quantised));
    push(Kind::kTensor, static_cast<std::int64_t>(facts_.tensors.size() - 1));
  }

  // --- one instruction; false after the last one
  bool step() {
    switch (const auto opcode = static_cast<unsigned char>(byte()); opcode) {
      case '.':
        return false;
      case 'N':
        push(Kind::kNone);
        break;
      case 0x88:
      case 0x89:
        push(Kind::kBool, opcode == 0x88);
        break;
      case 'K':
        push(Kind::kInt, static_cast<std::int64_t>(number(1)));
        break;
      case 'M':
        push(Kind::kInt, static_cast<std::int64_t>(number(2)));
        break;
      case 'J':
        push(Kind::kInt, static_cast<std::int32_t>(number(4)));
        break;
      case 0x8a:  // libtorch writes and reads 8 bytes only
        if (byte() != 8) fail("the pickle has an integer of more than 64 bits");
        push(Kind::kInt, static_cast<std::int64_t>(number(8)));
        break;
      case 'G':
        take(8);
        push(Kind::kFloat);
        break;
      case 'X':
        push(Kind::kString, 0, take(static_cast<std::size_t>(number(4))));
        break;
      case 'c':
        push_global();
        break;
      case 'q':
        put(number(1));
        break;
      case 'r':
        put(number(4));
        break;
      case 'h':
        get(number(1));
        break;
      case 'j':
        get(number(4));
        break;
      case 0x81:
        new_object();
        break;
      case 'b':
      case 'R':
        call();
        break;
      case 'Q':
        push_storage();
        break;
      default:
        step_container(opcode);
    }
    return true;
  }

  void step_container(unsigned char opcode) {
    switch (opcode) {
      case '(':
        marks_.push_back(stack_.size());
        break;
      case ')':
        push(Kind::kTuple);
        break;
      case 't':
        push(Kind::kTuple, 0, {}, pop_to_mark());
        break;
      case 0x85:
      case 0x86:
      case 0x87:
        push_tuple(opcode - 0x84u);
        break;
      case ']':
        push(Kind::kList);
        break;
      case 'l':
        push(Kind::kList, 0, {}, pop_to_mark());
        break;
      case 'e':
        append(pop_to_mark(), Kind::kList);
        break;
      case '}':
        push(Kind::kDict);
        break;
      case 'd': {
        std::vector<std::uint32_t> items = pop_to_mark();
        check_dict(items);
        push(Kind::kDict, 0, {}, std::move(items));
        break;
      }
      case 'u':
        append(pop_to_mark(), Kind::kDict);
        break;
      case 's': {
        const std::uint32_t value = pop(), key = pop();
        append({key, value}, Kind::kDict);
        break;
      }
      default:
        fail("the pickle has the opcode " + std::to_string(opcode) + ", which TorchScript does not write");
    }
  }

  std::string_view bytes_;
  std::size_t at_ = 0;
  PickleValues values_;
  std::vector<std::uint32_t> stack_;
  std::vector<std::size_t> marks_;
  std::unordered_map<std::uint64_t, std::uint32_t> memo_;
  PickleFacts facts_;
};

}  // namespace

PickleFacts scan_pickle(std::string_view bytes) { return Scanner(bytes).run(); }

}  // namespace torch2nnef
