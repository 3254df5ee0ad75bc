// Building blocks of the generated message structs (tools/protogen.py) and their reader.
//
// Messages are plain structs over the caller's buffer: strings, bytes and arrays of fixed-width
// numbers are views into it and live as long as it does. Messages can be moved, not copied.
//
// Reader and Writer stand on protozero's primitives rather than on its pbf_reader and pbf_writer:
// those cut lengths to 32 bits without a word, and a model may hold more than 4 GiB.
#pragma once

#include <algorithm>
#include <bit>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "base/budget.h"

namespace pome::proto {

using Bytes = std::span<const std::byte>;

/// Nesting of messages that is accepted; entries of maps count too. protobuf's own limit.
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
    // A copy of this view keeps what it has seen.
    if (!owned_ || owned_.use_count() > 1) {
      const Bytes now = bytes();
      owned_ = std::make_shared<std::vector<std::byte>>(now.begin(), now.end());
    }
    owned_->insert(owned_->end(), more.begin(), more.end());
  }
  /// Holds a copy of `values`.
  void assign(std::span<const T> values) {
    const auto raw = std::as_bytes(values);
    owned_ = std::make_shared<std::vector<std::byte>>(raw.begin(), raw.end());
  }

 private:
  Bytes view_;
  std::shared_ptr<std::vector<std::byte>> owned_;
};

/// The fields of a message that its schema does not know, as they stand in the file. They are
/// written back after the known ones, so that files of later versions lose nothing.
class UnknownFields {
 public:
  /// Whole fields, tags included.
  std::span<const Bytes> chunks() const noexcept {
    return chunks_ ? std::span<const Bytes>(*chunks_) : std::span<const Bytes>();
  }
  bool empty() const noexcept { return chunks().empty(); }
  void clear() noexcept { chunks_.reset(); }
  /// True when `field` continues the last chunk, so that keeping it takes no memory.
  bool continues(Bytes field) const noexcept {
    return chunks_ && chunks_->back().data() + chunks_->back().size() == field.data();
  }
  void keep(Bytes field);

 private:
  std::unique_ptr<std::vector<Bytes>> chunks_;  // most messages have none: one pointer
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
      message_ = {new T(), [](void* message) { delete static_cast<T*>(message); }};
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
  std::unique_ptr<void, void (*)(void*)> message_{nullptr, [](void*) {}};
  Scalar scalar_;
};

/// Reads one message level. Every malformed byte ends in Error{io}; what the message takes in
/// memory beside the buffer is booked before it is allocated.
class Reader {
 public:
  Reader(Bytes bytes, base::Budget& budget, int depth = 0) noexcept
      : at_(reinterpret_cast<const char*>(bytes.data())),
        end_(at_ + bytes.size()),
        start_(at_),
        budget_(&budget),
        depth_(depth) {}

  /// Moves to the next field; false at the end.
  bool next();
  int field() const noexcept { return field_; }
  /// Passes over the field; its bytes, tag included.
  Bytes skip();
  /// Passes over a field that the schema does not know and keeps its bytes.
  void keep(UnknownFields& out);

  std::int64_t varint() { return static_cast<std::int64_t>(unsigned_varint()); }
  std::uint64_t unsigned_varint();
  bool boolean() { return unsigned_varint() != 0; }
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
  /// One more element at the end of `out`.
  template <typename T>
  T& add(std::vector<T>& out) {
    make_room(out, 1);
    return out.emplace_back();
  }

  /// Books memory for `size` bytes.
  void book(std::size_t size);

  [[noreturn]] void fail(std::string_view what) const;

 private:
  enum class Wire : std::uint8_t { varint = 0, fixed64 = 1, bytes = 2, fixed32 = 5 };

  void expect(Wire type) const;
  std::uint64_t decode();
  Bytes take(std::uint64_t size);
  template <typename T>
  T fixed(Wire type);
  template <typename T>
  void append_fixed(PackedView<T>& out, Wire type);
  template <typename T>
  void make_room(std::vector<T>& out, std::size_t more) {
    if (out.capacity() - out.size() >= more) return;
    const std::size_t capacity = std::max(out.size() + more, 2 * out.capacity());
    book((capacity - out.capacity()) * sizeof(T));
    out.reserve(capacity);
  }

  const char* at_;
  const char* end_;
  const char* start_;  // of the current field
  base::Budget* budget_;
  int depth_;
  int field_ = 0;
  Wire wire_{};
};

/// What becomes of fields that the schemas do not know when a message is written.
enum class Unknown { keep, drop };

/// Writes a message in two walks over it: the first measures, so that the second can put every
/// length before its bytes without moving any.
class Writer {
 public:
  explicit Writer(Unknown unknown = Unknown::keep) noexcept
      : keep_unknown_(unknown == Unknown::keep) {}

  /// Bytes that the first walk has found the message to take.
  std::size_t size() const noexcept { return size_; }
  /// Starts the second walk, which appends to `out`.
  void begin_output(std::string& out);

  void varint(int field, std::uint64_t value);
  template <std::signed_integral T>
  void varint(int field, T value) {
    varint(field, static_cast<std::uint64_t>(static_cast<std::int64_t>(value)));
  }
  void fixed(int field, float value);
  void fixed(int field, double value);
  void bytes(int field, Bytes value);
  void text(int field, std::string_view value) { bytes(field, std::as_bytes(std::span(value))); }
  template <typename T>
  void packed(int field, const std::vector<T>& values);
  void unknown(const UnknownFields& fields);
  template <typename T>
  void message(int field, const T& value) {
    const auto mark = open(field);
    write(value, *this);
    close(mark);
  }

  struct Mark {
    std::size_t index, before;
  };
  /// Begins and ends a submessage that is written field by field.
  Mark open(int field);
  void close(Mark mark);

 private:
  void tag(int field, int wire);
  void raw_varint(std::uint64_t value);
  void raw(const void* data, std::size_t size);

  bool keep_unknown_;
  std::string* out_ = nullptr;  // null: measuring
  std::size_t size_ = 0;        // measured so far
  std::vector<std::size_t>
      sizes_;             // of submessages and packed arrays, in the order of their starts
  std::size_t next_ = 0;  // of sizes_, while writing
};

/// True for what a field without presence has when it is not in the file. A negative zero is not.
template <typename T>
bool is_default(const T& value) noexcept {
  if constexpr (std::same_as<T, float>) return std::bit_cast<std::uint32_t>(value) == 0;
  if constexpr (std::same_as<T, double>) return std::bit_cast<std::uint64_t>(value) == 0;
  if constexpr (requires { value.empty(); }) {
    return value.empty();
  } else {
    return value == T{};
  }
}

/// Called while an Error is being handled: adds the place and throws it on, so that it reads
/// "Model.mlProgram: Program.functions: ...". `name` is empty when the schema does not know the
/// field, `field` is 0 between fields.
[[noreturn]] void rethrow_within(std::string_view message, int field, std::string_view name);

extern template void Reader::append_varints(std::vector<std::int32_t>&);
extern template void Reader::append_varints(std::vector<std::int64_t>&);
extern template void Reader::append_varints(std::vector<std::uint32_t>&);
extern template void Reader::append_varints(std::vector<std::uint64_t>&);
extern template void Reader::append_varints(std::vector<std::uint8_t>&);
extern template void Writer::packed(int, const std::vector<std::int32_t>&);
extern template void Writer::packed(int, const std::vector<std::int64_t>&);
extern template void Writer::packed(int, const std::vector<std::uint32_t>&);
extern template void Writer::packed(int, const std::vector<std::uint64_t>&);
extern template void Writer::packed(int, const std::vector<std::uint8_t>&);

/// Parses a message. The result's views point into `bytes`.
/// Throws Error{io} naming the field, Error{out_of_memory} when the budget does not suffice.
template <typename T>
T parse(Bytes bytes, base::Budget& budget) {
  T message;
  read(message, Reader(bytes, budget));
  return message;
}

/// Serializes a message: fields in order of their numbers, maps in file order, unknown fields last.
/// The same message gives the same bytes.
template <typename T>
std::string serialize(const T& message, Unknown unknown = Unknown::keep) {
  Writer writer(unknown);
  write(message, writer);
  std::string out;
  writer.begin_output(out);
  write(message, writer);
  return out;
}

}  // namespace pome::proto
