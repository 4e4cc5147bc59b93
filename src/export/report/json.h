// A JSON writer: values in, indented text out. Keys stay in the order in which they are written.
#pragma once

#include <concepts>
#include <string>
#include <string_view>

namespace torch2nnef {

// Objects and arrays are opened and closed by hand; inside an object every value follows its key().
class JsonWriter {
 public:
  JsonWriter& begin_object() { return open('{'); }
  JsonWriter& end_object() { return close('}'); }
  JsonWriter& begin_array() { return open('['); }
  JsonWriter& end_array() { return close(']'); }
  JsonWriter& key(std::string_view name);

  JsonWriter& value(std::string_view text);
  JsonWriter& value(const char* text) { return value(std::string_view(text)); }
  JsonWriter& value(const std::string& text) { return value(std::string_view(text)); }
  JsonWriter& value(bool flag);
  // JSON has no infinities and no NaN: these become the strings "inf", "-inf" and "nan".
  JsonWriter& value(double number);
  template <std::integral T>
  requires(!std::same_as<T, bool>) JsonWriter& value(T number) { return raw(std::to_string(number)); }
  template <class T>
  JsonWriter& member(std::string_view name, const T& member_value) {
    return key(name).value(member_value);
  }

  // The text, with a newline at its end.
  std::string text() const { return text_ + "\n"; }

 private:
  JsonWriter& open(char bracket);
  JsonWriter& close(char bracket);
  JsonWriter& raw(std::string_view text);
  void new_item();

  std::string text_;
  int depth_ = 0;
  bool is_first_ = true;  // of its object or array
  bool after_key_ = false;
};

}  // namespace torch2nnef
