// Fields of a protobuf message, one after the other, with every kind of damage as an Error.
//
// Descriptions are small and flat, and what surrounds them (weights) must be passed over unread,
// so they are read straight from the wire.
#pragma once

#include <cstddef>
#include <cstdint>
#include <protozero/pbf_reader.hpp>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "base/text.h"
#include "pome/error.h"

namespace pome::runtime::wire {

/// The bytes of a message. A view.
using Message = std::span<const std::byte>;

/// One field. Its accessors take the wire types that the field's declared type may have, and throw
/// Error{io} for any other.
class Field {
 public:
  explicit Field(protozero::pbf_reader& reader)
      : number(reader.tag()), reader_(reader), type_(reader.wire_type()) {}

  const std::uint32_t number;

  std::uint64_t unsigned_value() const {
    expect(protozero::pbf_wire_type::varint);
    return reader_.get_uint64();
  }
  /// int32, int64 and enumerations.
  std::int64_t signed_value() const {
    expect(protozero::pbf_wire_type::varint);
    return reader_.get_int64();
  }
  float float_value() const {
    expect(protozero::pbf_wire_type::fixed32);
    return reader_.get_float();
  }
  double double_value() const {
    expect(protozero::pbf_wire_type::fixed64);
    return reader_.get_double();
  }
  Message message() const {
    expect(protozero::pbf_wire_type::length_delimited);
    const auto view = reader_.get_view();
    return std::as_bytes(std::span(view.data(), view.size()));
  }
  std::string text() const {
    expect(protozero::pbf_wire_type::length_delimited);
    return reader_.get_string();
  }
  /// repeated int64, packed or one by one.
  void append_to(std::vector<std::int64_t>& out) const {
    if (type_ == protozero::pbf_wire_type::varint) {
      out.push_back(reader_.get_int64());
      return;
    }
    expect(protozero::pbf_wire_type::length_delimited);
    for (const std::int64_t value : reader_.get_packed_int64()) out.push_back(value);
  }

 private:
  void expect(protozero::pbf_wire_type wanted) const {
    if (type_ != wanted)
      throw Error(ErrorCode::io,
                  base::cat("the specification is damaged: field ", number, " has wire type ",
                            static_cast<int>(type_), ", expected ", static_cast<int>(wanted)));
  }

  protozero::pbf_reader& reader_;
  protozero::pbf_wire_type type_;
};

/// Calls visit(field) for every field, in the order of the file. A field of which nothing was read
/// is passed over. Throws Error{io} when the message is cut short or malformed.
template <typename Visit>
void for_each(Message message, Visit&& visit) {
  protozero::pbf_reader reader(reinterpret_cast<const char*>(message.data()), message.size());
  try {
    while (reader.next()) {
      const std::size_t before = reader.data().size();
      visit(Field(reader));
      if (reader.data().size() == before) reader.skip();
    }
  } catch (const protozero::exception& damage) {
    throw Error(ErrorCode::io, base::cat("the specification is damaged: ", damage.what()));
  }
}

}  // namespace pome::runtime::wire
