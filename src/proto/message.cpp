#include "proto/message.h"

#include <limits>
#include <protozero/exception.hpp>
#include <protozero/varint.hpp>

#include "base/text.h"
#include "pome/error.h"

namespace pome::proto {
namespace {

// The packed bytes of a file are used as they are.
static_assert(std::endian::native == std::endian::little);

std::string_view wire_name(int wire) {
  switch (wire) {
    case 0: return "a varint";
    case 1: return "8 bytes";
    case 2: return "bytes with a length";
    case 5: return "4 bytes";
    default: return "an unknown wire type";
  }
}

template <typename T>
std::uint64_t widen(T value) {
  if constexpr (std::signed_integral<T>) {
    return static_cast<std::uint64_t>(static_cast<std::int64_t>(value));
  } else {
    return value;
  }
}

}  // namespace

void UnknownFields::keep(Bytes field) {
  if (continues(field)) {
    auto& last = chunks_->back();
    last = {last.data(), last.size() + field.size()};
    return;
  }
  if (!chunks_) chunks_ = std::make_unique<std::vector<Bytes>>();
  chunks_->push_back(field);
}

// --- Reader ---

void Reader::fail(std::string_view what) const {
  throw Error(ErrorCode::io, std::string(what));
}

void Reader::book(std::size_t size) {
  constexpr auto most = static_cast<std::size_t>(std::numeric_limits<std::int64_t>::max());
  budget_->take(static_cast<std::int64_t>(std::min(size, most)), "messages");
}

std::uint64_t Reader::decode() {
  if (at_ != end_ && static_cast<unsigned char>(*at_) < 0x80) {
    return static_cast<unsigned char>(*at_++);
  }
  try {
    return protozero::decode_varint(&at_, end_);
  } catch (const protozero::end_of_buffer_exception&) {
    fail("the bytes end in the middle of a number");
  } catch (const protozero::exception&) {
    fail("a number has more than 64 bits");
  }
}

Bytes Reader::take(std::uint64_t size) {
  const auto left = static_cast<std::uint64_t>(end_ - at_);
  if (size > left) {
    fail(base::cat("the bytes end early: ", left, left == 1 ? " is" : " are", " left, expected ",
                   size));
  }
  const Bytes out(reinterpret_cast<const std::byte*>(at_), static_cast<std::size_t>(size));
  at_ += size;
  return out;
}

bool Reader::next() {
  if (at_ == end_) return false;
  start_ = at_;
  const std::uint64_t key = decode();
  const auto wire = static_cast<int>(key & 7);
  field_ = key >> 32 == 0 ? static_cast<int>(key >> 3) : 0;
  if (field_ == 0) fail("found a field number out of range, expected 1 to 536870911");
  if (wire == 3 || wire == 4 || wire > 5) {
    fail(base::cat("found wire type ", wire, ", expected 0, 1, 2 or 5"));
  }
  wire_ = static_cast<Wire>(wire);
  return true;
}

void Reader::expect(Wire type) const {
  if (wire_ == type) return;
  fail(base::cat("found ", wire_name(static_cast<int>(wire_)), ", expected ",
                 wire_name(static_cast<int>(type))));
}

Bytes Reader::skip() {
  switch (wire_) {
    case Wire::varint: decode(); break;
    case Wire::fixed64: take(8); break;
    case Wire::bytes: take(decode()); break;
    case Wire::fixed32: take(4); break;
  }
  return {reinterpret_cast<const std::byte*>(start_), static_cast<std::size_t>(at_ - start_)};
}

void Reader::keep(UnknownFields& out) {
  const Bytes field = skip();
  // Twice, since the vector grows by doubling.
  if (!out.continues(field)) book(2 * sizeof(Bytes));
  out.keep(field);
}

std::uint64_t Reader::unsigned_varint() {
  expect(Wire::varint);
  return decode();
}

template <typename T>
T Reader::fixed(Wire type) {
  expect(type);
  T value;
  std::memcpy(&value, take(sizeof(T)).data(), sizeof(T));
  return value;
}

float Reader::fixed_float() {
  return fixed<float>(Wire::fixed32);
}
double Reader::fixed_double() {
  return fixed<double>(Wire::fixed64);
}

Bytes Reader::bytes() {
  expect(Wire::bytes);
  return take(decode());
}

std::string_view Reader::text() {
  const auto raw = bytes();
  const std::string_view out(reinterpret_cast<const char*>(raw.data()), raw.size());
  if (!base::is_utf8(out)) fail("a text is not valid UTF-8");
  return out;
}

Reader Reader::message() {
  if (depth_ >= max_message_depth) {
    fail(base::cat("messages are nested deeper than ", max_message_depth));
  }
  return {bytes(), *budget_, depth_ + 1};
}

template <typename T>
void Reader::append_fixed(PackedView<T>& out, Wire type) {
  Bytes chunk;
  if (wire_ == Wire::bytes) {
    chunk = bytes();
    if (chunk.size() % sizeof(T) != 0) {
      fail(base::cat("found ", chunk.size(), " bytes, expected a multiple of ", sizeof(T)));
    }
  } else {  // one element that is not packed
    expect(type);
    chunk = take(sizeof(T));
  }
  // What comes in pieces is copied, into a vector that grows by doubling.
  if (!out.empty()) book(2 * (chunk.size() + (out.is_copy() ? 0 : out.bytes().size())));
  out.append(chunk);
}

void Reader::append(PackedView<float>& out) {
  append_fixed(out, Wire::fixed32);
}

void Reader::append(PackedView<double>& out) {
  append_fixed(out, Wire::fixed64);
}

template <typename T>
void Reader::append_varints(std::vector<T>& out) {
  // A bool is any number that is not zero.
  const auto value = [](std::uint64_t number) {
    return std::same_as<T, std::uint8_t> ? static_cast<T>(number != 0) : static_cast<T>(number);
  };
  if (wire_ != Wire::bytes) {
    const T single = value(unsigned_varint());
    add(out) = single;
    return;
  }
  const Bytes chunk = bytes();
  // Each number ends in the one byte of its own whose top bit is clear.
  const auto is_last = [](std::byte byte) { return std::to_integer<int>(byte) < 0x80; };
  const auto count = std::count_if(chunk.begin(), chunk.end(), is_last);
  make_room(out, static_cast<std::size_t>(count));
  Reader numbers(chunk, *budget_);
  while (numbers.at_ != numbers.end_) out.push_back(value(numbers.decode()));
}

template void Reader::append_varints(std::vector<std::int32_t>&);
template void Reader::append_varints(std::vector<std::int64_t>&);
template void Reader::append_varints(std::vector<std::uint32_t>&);
template void Reader::append_varints(std::vector<std::uint64_t>&);
template void Reader::append_varints(std::vector<std::uint8_t>&);

void rethrow_within(std::string_view message, int field, std::string_view field_name) {
  try {
    throw;
  } catch (Error& error) {
    if (field == 0) error.within(message);
    if (field != 0 && field_name.empty()) error.within(base::cat(message, ", field ", field));
    if (field != 0 && !field_name.empty()) error.within(base::cat(message, ".", field_name));
    throw;
  }
}

// --- Writer ---

void Writer::begin_output(std::string& out) {
  out_ = &out;
  next_ = 0;
  out.reserve(out.size() + size_);
}

void Writer::raw(const void* data, std::size_t size) {
  if (out_ == nullptr) {
    size_ += size;
  } else {
    out_->append(static_cast<const char*>(data), size);
  }
}

void Writer::raw_varint(std::uint64_t value) {
  char buffer[protozero::max_varint_length];
  raw(buffer, static_cast<std::size_t>(protozero::write_varint(buffer, value)));
}

void Writer::tag(int field, int wire) {
  raw_varint(static_cast<std::uint64_t>(field) << 3 | static_cast<std::uint64_t>(wire));
}

void Writer::varint(int field, std::uint64_t value) {
  tag(field, 0);
  raw_varint(value);
}

void Writer::fixed(int field, float value) {
  tag(field, 5);
  raw(&value, sizeof value);
}

void Writer::fixed(int field, double value) {
  tag(field, 1);
  raw(&value, sizeof value);
}

void Writer::bytes(int field, Bytes value) {
  tag(field, 2);
  raw_varint(value.size());
  raw(value.data(), value.size());
}

template <typename T>
void Writer::packed(int field, const std::vector<T>& values) {
  if (values.empty()) return;
  const auto mark = open(field);
  for (const T value : values) raw_varint(widen(value));
  close(mark);
}

template void Writer::packed(int, const std::vector<std::int32_t>&);
template void Writer::packed(int, const std::vector<std::int64_t>&);
template void Writer::packed(int, const std::vector<std::uint32_t>&);
template void Writer::packed(int, const std::vector<std::uint64_t>&);
template void Writer::packed(int, const std::vector<std::uint8_t>&);

void Writer::unknown(const UnknownFields& fields) {
  if (!keep_unknown_) return;
  for (const Bytes chunk : fields.chunks()) raw(chunk.data(), chunk.size());
}

Writer::Mark Writer::open(int field) {
  tag(field, 2);
  if (out_ != nullptr) {
    raw_varint(sizes_[next_++]);
    return {};
  }
  sizes_.push_back(0);
  return {sizes_.size() - 1, size_};
}

void Writer::close(Mark mark) {
  if (out_ != nullptr) return;
  sizes_[mark.index] = size_ - mark.before;
  raw_varint(sizes_[mark.index]);
}

}  // namespace pome::proto
