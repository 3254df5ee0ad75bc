// Building blocks of the generated message structs (tools/protogen.py) and their reader.
//
// Messages are plain structs over the caller's buffer: strings, bytes and arrays of fixed-width
// numbers are views into it and live as long as it does.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <optional>
#include <protozero/pbf_message.hpp>
#include <protozero/pbf_writer.hpp>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "base/budget.h"

namespace pome::proto {

using Bytes = std::span<const std::byte>;

/// Nesting of messages that is accepted.
inline constexpr int max_message_depth = 100;

/// An optional submessage on the heap. Null: absent.
template <typename T>
class Box {
 public:
  explicit operator bool() const noexcept { return value_ != nullptr; }
  const T& operator*() const noexcept { return *value_; }
  const T* operator->() const noexcept { return value_.get(); }
  const T* get() const noexcept { return value_.get(); }
  /// The message, made when it is absent.
  T& make() {
    if (!value_) value_ = std::make_unique<T>();
    return *value_;
  }

 private:
  std::unique_ptr<T> value_;
};

/// Map fields in file order. A key that comes twice counts with its last value.
template <typename K, typename V>
class Map : public std::vector<std::pair<K, V>> {
 public:
  const V* find(const K& key) const noexcept {
    for (auto it = this->rbegin(); it != this->rend(); ++it) {
      if (it->first == key) return &it->second;
    }
    return nullptr;
  }
};

/// Repeated float or double: a view of the packed bytes in the file, which may lie unaligned.
template <typename T>
class PackedView {
 public:
  std::size_t size() const noexcept { return bytes().size() / sizeof(T); }
  bool empty() const noexcept { return size() == 0; }
  T operator[](std::size_t i) const noexcept {
    T value;
    std::memcpy(&value, bytes().data() + i * sizeof(T), sizeof(T));
    return value;
  }
  /// Little-endian elements.
  Bytes bytes() const noexcept { return owned_ ? Bytes(*owned_) : view_; }

  /// True when the elements were copied out of the file's buffer (the array came in pieces).
  bool is_copy() const noexcept { return owned_ != nullptr; }

  /// Appends elements; the first chunk stays a view, a second one makes a copy of both.
  void append(Bytes more) {
    if (bytes().empty()) {
      view_ = more;
      return;
    }
    if (!owned_) owned_ = std::make_shared<std::vector<std::byte>>(view_.begin(), view_.end());
    owned_->insert(owned_->end(), more.begin(), more.end());
  }
  void assign(std::span<const T> values) {
    const auto raw = std::as_bytes(values);
    owned_ = std::make_shared<std::vector<std::byte>>(raw.begin(), raw.end());
  }

 private:
  Bytes view_;
  std::shared_ptr<std::vector<std::byte>> owned_;
};

/// Storage of a oneof: the field number that is set, and its value.
class Oneof {
 public:
  using Scalar = std::variant<std::monostate, std::int64_t, std::uint64_t, double, float, bool,
                              std::string_view, Bytes>;
  int which() const noexcept { return which_; }
  void clear() noexcept {
    which_ = 0;
    message_.reset();
    scalar_ = {};
  }
  template <typename T>
  const T* message(int field) const noexcept {
    return which_ == field ? static_cast<const T*>(message_.get()) : nullptr;
  }
  /// The message of this field; what another field held is dropped.
  template <typename T>
  T& make(int field) {
    if (which_ != field || !message_) {
      scalar_ = {};
      message_ = std::make_shared<T>();
      which_ = field;
    }
    return *static_cast<T*>(message_.get());
  }
  template <typename Stored, typename T>
  std::optional<T> scalar(int field) const noexcept {
    if (which_ != field) return std::nullopt;
    return static_cast<T>(std::get<Stored>(scalar_));
  }
  template <typename Stored>
  void set(int field, Stored value) {
    message_.reset();
    scalar_ = value;
    which_ = field;
  }

 private:
  int which_ = 0;
  std::shared_ptr<void> message_;
  Scalar scalar_;
};

/// Reads one message level. Every malformed byte ends in Error{io}.
class Reader {
 public:
  Reader(Bytes bytes, base::Budget& budget, int depth = 0)
      : pbf_(reinterpret_cast<const char*>(bytes.data()), bytes.size()),
        budget_(&budget),
        depth_(depth) {}

  /// Moves to the next field; false at the end.
  bool next();
  int field() const noexcept { return static_cast<int>(pbf_.tag()); }
  void skip();

  std::int64_t varint();  ///< int32, int64, enum
  std::uint64_t unsigned_varint();
  bool boolean();
  float fixed_float();
  double fixed_double();
  std::string_view text();  ///< checked UTF-8
  Bytes bytes();
  /// Reader of a submessage, one level deeper.
  Reader message();

  void append(PackedView<float>& out);
  void append(PackedView<double>& out);
  template <typename T>
  void append_varints(std::vector<T>& out);

  /// Books memory for one more element of `size` bytes.
  void book(std::size_t size) { budget_->take(static_cast<std::int64_t>(size), "messages"); }

  [[noreturn]] void fail(std::string_view what) const;

 private:
  void expect(protozero::pbf_wire_type type);
  template <typename Get>
  auto get(protozero::pbf_wire_type type, Get&& get);
  void append_fixed(std::size_t width, Bytes& chunk);

  protozero::pbf_reader pbf_;
  base::Budget* budget_;
  int depth_;
};

/// Called while an Error is being handled: adds the place and throws it on, so that it reads
/// "Model.mlProgram: Program.functions: ...". `name` is empty when the field has none.
[[noreturn]] void rethrow_within(std::string_view message, int field, std::string_view name);

extern template void Reader::append_varints(std::vector<std::int32_t>&);
extern template void Reader::append_varints(std::vector<std::int64_t>&);
extern template void Reader::append_varints(std::vector<std::uint32_t>&);
extern template void Reader::append_varints(std::vector<std::uint64_t>&);
extern template void Reader::append_varints(std::vector<std::uint8_t>&);

/// Parses a message. The result's views point into `bytes`.
/// Throws Error{io} naming the field, Error{out_of_memory} when the budget does not suffice.
template <typename T>
T parse(Bytes bytes, base::Budget& budget) {
  T message;
  read(message, Reader(bytes, budget));
  return message;
}

/// Serializes a message; fields in order of their numbers, maps in file order.
template <typename T>
std::string serialize(const T& message) {
  std::string out;
  protozero::pbf_writer writer(out);
  write(message, writer);
  return out;
}

}  // namespace pome::proto
