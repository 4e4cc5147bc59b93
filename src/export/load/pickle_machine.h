// The stack machine of pickles, for what TorchScript writes and for what torch.save writes: it keeps values and what
// they hold, and makes nothing of them. What globals, calls and objects mean is for its users. No torch here.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "export/load/pickle_scan.h"
#include "export/load/pickle_values.h"

namespace torch2nnef {

class PickleMachine {
 public:
  enum class Writer { kTorchScript, kPython };

  // The bytes must outlive it.
  PickleMachine(std::string_view bytes, Writer writer) : bytes_(bytes), writer_(writer) {}
  virtual ~PickleMachine() = default;
  PickleMachine(const PickleMachine&) = delete;
  PickleMachine& operator=(const PickleMachine&) = delete;

 protected:
  using Kind = PickleValue::Kind;

  // Throws nnef::FormatError for what is wrong. Returns the one value that is left in the end.
  std::uint32_t run();

  virtual bool is_known(std::string_view module, std::string_view name) const = 0;
  // REDUCE, NEWOBJ and BUILD: they take their operands from the stack and put the result there.
  virtual void call() = 0;
  virtual void new_object() = 0;
  virtual void build() = 0;

  void push(Kind kind, std::int64_t number = 0, std::string_view text = {}, std::vector<std::uint32_t> items = {});
  void push_value(std::uint32_t value) { stack_.push_back(value); }
  std::uint32_t pop();
  std::uint32_t top() const;
  const PickleValue& of_kind(std::uint32_t value, Kind kind, const char* what) const {
    return value_of_kind(values_, value, kind, what);
  }
  void push_tensor(const std::vector<std::uint32_t>& given, bool quantised);

  PickleValues values_;
  std::vector<PickledTensor> tensors_;  // by the number of a value of kTensor

 private:
  std::string_view take(std::size_t count);
  unsigned byte() { return static_cast<unsigned char>(take(1)[0]); }
  std::uint64_t number(std::size_t count);
  std::string_view line();
  std::vector<std::uint32_t> pop_to_mark();
  void push_tuple(std::size_t count);
  void put(std::uint64_t place);
  void get(std::uint64_t place);
  void append(const std::vector<std::uint32_t>& items, Kind kind);
  void check_dict(const std::vector<std::uint32_t>& items) const;
  void push_global();
  void push_long();
  void push_storage();
  bool step();
  void step_container(unsigned char opcode);

  std::string_view bytes_;
  Writer writer_;
  std::size_t at_ = 0;
  std::vector<std::uint32_t> stack_;
  std::vector<std::size_t> marks_;
  std::unordered_map<std::uint64_t, std::uint32_t> memo_;
};

}  // namespace torch2nnef
