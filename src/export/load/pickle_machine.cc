#include "export/load/pickle_machine.h"

#include <utility>

#include "export/load/pickle_tensor.h"
#include "nnef/io.h"

namespace torch2nnef {
namespace {

constexpr std::size_t kMostMachineValues = 8'000'000;

[[noreturn]] void wrong(const std::string& text) { throw nnef::FormatError(text); }

}  // namespace

std::uint32_t PickleMachine::run() {
  if (byte() != 0x80 || byte() != 2) wrong("the pickle does not begin as one of protocol 2");
  while (step()) {
  }
  if (stack_.size() != 1 || !marks_.empty()) wrong("the pickle ends with values left over");
  check_nesting(values_);
  return stack_[0];
}

std::string_view PickleMachine::take(std::size_t count) {
  if (count > bytes_.size() - at_) wrong("the pickle is cut short");
  at_ += count;
  return bytes_.substr(at_ - count, count);
}

std::uint64_t PickleMachine::number(std::size_t count) {
  std::uint64_t value = 0;
  const std::string_view from = take(count);
  for (std::size_t i = count; i-- > 0;) value = value << 8 | static_cast<unsigned char>(from[i]);
  return value;
}

std::string_view PickleMachine::line() {
  const std::size_t end = bytes_.find('\n', at_);
  if (end == std::string_view::npos) wrong("the pickle is cut short");
  const std::string_view text = take(end - at_);
  take(1);
  return text;
}

void PickleMachine::push(Kind kind, std::int64_t number, std::string_view text, std::vector<std::uint32_t> items) {
  if (values_.size() >= kMostMachineValues) wrong("the pickle holds too many values");
  stack_.push_back(static_cast<std::uint32_t>(values_.size()));
  values_.push_back({kind, number, text, std::move(items)});
}

std::uint32_t PickleMachine::pop() {
  const std::size_t floor = marks_.empty() ? 0 : marks_.back();
  if (stack_.size() <= floor) wrong("the pickle takes a value that is not there");
  const std::uint32_t value = stack_.back();
  stack_.pop_back();
  return value;
}

std::vector<std::uint32_t> PickleMachine::pop_to_mark() {
  if (marks_.empty()) wrong("the pickle takes a mark that is not there");
  const auto begin = stack_.begin() + static_cast<std::ptrdiff_t>(marks_.back());
  std::vector<std::uint32_t> items(begin, stack_.end());
  stack_.erase(begin, stack_.end());
  marks_.pop_back();
  return items;
}

std::uint32_t PickleMachine::top() const {
  if (stack_.size() <= (marks_.empty() ? 0 : marks_.back())) wrong("the pickle takes a value that is not there");
  return stack_.back();
}

void PickleMachine::push_tuple(std::size_t count) {
  std::vector<std::uint32_t> items(count);
  for (std::size_t i = count; i-- > 0;) items[i] = pop();
  push(Kind::kTuple, 0, {}, std::move(items));
}

void PickleMachine::put(std::uint64_t place) {
  if (place > bytes_.size()) wrong("the pickle notes a value at a place that is too large");
  memo_[place] = top();
}

void PickleMachine::get(std::uint64_t place) {
  const auto found = memo_.find(place);
  if (found == memo_.end()) wrong("the pickle takes a value that it has not noted");
  stack_.push_back(found->second);
  if (stack_.size() > kMostMachineValues) wrong("the pickle holds too many values");
}

void PickleMachine::append(const std::vector<std::uint32_t>& items, Kind kind) {
  PickleValue& into = values_[top()];
  if (into.kind != kind) wrong("the pickle adds to a value that is not a list or dict");
  if (kind == Kind::kDict) check_dict(items);
  into.items.insert(into.items.end(), items.begin(), items.end());
}

void PickleMachine::check_dict(const std::vector<std::uint32_t>& items) const {
  if (items.size() % 2 != 0) wrong("the pickle has a dict with a key without a value");
  for (std::size_t i = 0; i < items.size(); i += 2) {
    const Kind kind = values_[items[i]].kind;
    const bool good = kind == Kind::kString || kind == Kind::kInt || kind == Kind::kFloat || kind == Kind::kBool ||
                      kind == Kind::kTensor;
    if (!good) wrong("the pickle has a dict with a key that cannot be one");
  }
}

void PickleMachine::push_global() {
  const std::size_t begin = at_;
  const std::string_view module = line(), name = line();
  const std::string_view text = bytes_.substr(begin, module.size() + 1 + name.size());  // with the line's end between
  if (!is_known(module, name)) {
    std::string shown(module);
    wrong("the pickle names " + shown + "." + std::string(name) + ", which does not belong in such a file");
  }
  push(Kind::kGlobal, 0, text);
}

void PickleMachine::push_storage() {
  const std::vector<std::uint32_t> id = of_kind(pop(), Kind::kTuple, "a storage").items;
  if (id.size() < 5 || of_kind(id[0], Kind::kString, "a storage").text != "storage") wrong("the pickle has no storage");
  const std::string_view type = of_kind(id[1], Kind::kGlobal, "a type of storage").text;
  if (!type.starts_with("torch\n") || !type.ends_with("Storage")) wrong("the pickle has a storage of no type");
  of_kind(id[2], Kind::kString, "the key of a storage");
  of_kind(id[3], Kind::kString, "a device");
  if (of_kind(id[4], Kind::kInt, "the size of a storage").number < 0)
    wrong("the pickle has a storage of negative size");
  push(Kind::kStorage, 0, {}, {id[1], id[2], id[4]});
}

// libtorch writes and reads 8 bytes only, Python as few as hold the number.
void PickleMachine::push_long() {
  const unsigned count = byte();
  if (count > 8 || (writer_ == Writer::kTorchScript && count != 8)) {
    wrong("the pickle has an integer of more than 64 bits");
  }
  std::uint64_t value = number(count);
  const bool is_negative = count > 0 && (value >> (8 * count - 1) & 1) != 0;
  if (is_negative && count < 8) value |= ~std::uint64_t{0} << (8 * count);
  push(Kind::kInt, static_cast<std::int64_t>(value));
}

void PickleMachine::push_tensor(const std::vector<std::uint32_t>& given, bool quantised) {
  tensors_.push_back(pickled_tensor(values_, tensors_, given, quantised));
  push(Kind::kTensor, static_cast<std::int64_t>(tensors_.size() - 1));
}

// One instruction; false after the last one.
bool PickleMachine::step() {
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
    case 0x8a:
      push_long();
      break;
    case 'G':
      push(Kind::kFloat, 0, take(8));
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
      build();
      break;
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

void PickleMachine::step_container(unsigned char opcode) {
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
    case 'a': {
      if (writer_ == Writer::kTorchScript) wrong("the pickle has the opcode 97, which TorchScript does not write");
      const std::uint32_t value = pop();
      append({value}, Kind::kList);
      break;
    }
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
      wrong("the pickle has the opcode " + std::to_string(opcode) + ", which TorchScript does not write");
  }
}

}  // namespace torch2nnef
