#include "proto/message.h"

#include <bit>
#include <protozero/exception.hpp>

#include "base/text.h"
#include "pome/error.h"

namespace pome::proto {

using protozero::pbf_wire_type;

// The packed bytes of a file are used as they are.
static_assert(std::endian::native == std::endian::little);

void Reader::fail(std::string_view what) const {
  throw Error(ErrorCode::io, std::string(what));
}

template <typename Get>
auto Reader::get(pbf_wire_type type, Get&& get_value) {
  expect(type);
  try {
    return get_value();
  } catch (const protozero::exception&) {
    fail("the bytes end in the middle of a value, or a number is malformed");
  }
}

void Reader::expect(pbf_wire_type type) {
  if (pbf_.wire_type() != type) {
    fail(base::cat("found wire type ", static_cast<int>(pbf_.wire_type()), ", expected ",
                   static_cast<int>(type)));
  }
}

bool Reader::next() {
  try {
    return pbf_.next();
  } catch (const protozero::exception&) {
    fail("a field's tag is malformed");
  }
}

void Reader::skip() {
  try {
    pbf_.skip();
  } catch (const protozero::exception&) {
    fail("the bytes end in the middle of a field");
  }
}

std::int64_t Reader::varint() {
  return get(pbf_wire_type::varint, [&] { return pbf_.get_int64(); });
}
std::uint64_t Reader::unsigned_varint() {
  return get(pbf_wire_type::varint, [&] { return pbf_.get_uint64(); });
}
bool Reader::boolean() {
  return unsigned_varint() != 0;
}
float Reader::fixed_float() {
  return get(pbf_wire_type::fixed32, [&] { return pbf_.get_float(); });
}
double Reader::fixed_double() {
  return get(pbf_wire_type::fixed64, [&] { return pbf_.get_double(); });
}

Bytes Reader::bytes() {
  const auto view = get(pbf_wire_type::length_delimited, [&] { return pbf_.get_view(); });
  return {reinterpret_cast<const std::byte*>(view.data()), view.size()};
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

void Reader::append_fixed(std::size_t width, Bytes& chunk) {
  if (pbf_.wire_type() == pbf_wire_type::length_delimited) {
    chunk = bytes();
    if (chunk.size() % width != 0) {
      fail(base::cat("an array of ", width, "-byte numbers has ", chunk.size(), " bytes"));
    }
    return;
  }
  // One element that is not packed: its bytes are the last `width` before the next field.
  expect(width == 4 ? pbf_wire_type::fixed32 : pbf_wire_type::fixed64);
  skip();
  chunk = {reinterpret_cast<const std::byte*>(pbf_.data().data()) - width, width};
}

void Reader::append(PackedView<float>& out) {
  Bytes chunk;
  append_fixed(sizeof(float), chunk);
  if (!out.empty()) book(chunk.size());
  out.append(chunk);
}

void Reader::append(PackedView<double>& out) {
  Bytes chunk;
  append_fixed(sizeof(double), chunk);
  if (!out.empty()) book(chunk.size());
  out.append(chunk);
}

template <typename T>
void Reader::append_varints(std::vector<T>& out) {
  if (pbf_.wire_type() != pbf_wire_type::length_delimited) {
    book(sizeof(T));
    out.push_back(static_cast<T>(varint()));
    return;
  }
  const auto chunk = bytes();
  // A varint takes at least a byte, so this bounds the elements.
  book(chunk.size() * sizeof(T));
  const auto* at = reinterpret_cast<const char*>(chunk.data());
  const auto* end = at + chunk.size();
  try {
    while (at != end) out.push_back(static_cast<T>(protozero::decode_varint(&at, end)));
  } catch (const protozero::exception&) {
    fail("a number in an array is malformed");
  }
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
    error.within(field_name.empty() ? base::cat(message, ", field ", field)
                                    : base::cat(message, ".", field_name));
    throw;
  }
}

}  // namespace pome::proto
