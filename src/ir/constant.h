// Values that are known when a model is loaded: attributes, const operations, inline arguments.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "ir/type.h"

namespace pome::ir {

struct Constant;
using ConstantPtr = std::shared_ptr<const Constant>;

/// Immediate elements, little endian, packed as in a blob (sub-byte types low bits first). A view;
/// `owner` keeps the bytes alive (the model's file buffer, or a vector of their own).
struct ImmediateBytes {
  std::span<const std::byte> view;
  std::shared_ptr<const void> owner;
};

/// A range of a weight file: the offset is that of the blob's metadata record, as files write it.
struct BlobReference {
  std::string file;  ///< "@model_path/weights/weight.bin"
  std::uint64_t offset = 0;
  friend bool operator==(const BlobReference&, const BlobReference&) = default;
};

/// A constant of any MIL type. Immutable once built and shared.
struct Constant {
  using Strings = std::vector<std::string>;
  using Items = std::vector<ConstantPtr>;                            // tuple or list
  using Entries = std::vector<std::pair<ConstantPtr, ConstantPtr>>;  // dictionary

  Type type;
  std::variant<ImmediateBytes, Strings, BlobReference, Items, Entries> data;
  std::string doc;

  bool is_blob() const noexcept { return std::holds_alternative<BlobReference>(data); }
  /// Bytes of an immediate tensor that is not of strings; empty for everything else.
  std::span<const std::byte> bytes() const noexcept;
  /// Elements of an immediate string tensor; empty for everything else.
  std::span<const std::string> strings() const noexcept;
};

/// Structural equality: types, bytes, blob references; `doc` does not count.
bool equal(const Constant& a, const Constant& b) noexcept;

/// Builders for passes, frontends and tests. `values` are copied.
ConstantPtr make_string(std::string value);
ConstantPtr make_strings(std::vector<std::string> values);
ConstantPtr make_bool(bool value);
ConstantPtr make_int32(std::int32_t value);
ConstantPtr make_fp32(float value);
ConstantPtr make_fp16(float value);  ///< rounded to nearest even
ConstantPtr make_int32s(std::span<const std::int32_t> values);
ConstantPtr make_bools(std::span<const bool> values);
/// A tensor from raw little-endian bytes, which must match the type's size exactly.
/// Throws Error{parameters} when they do not.
ConstantPtr make_tensor(Type type, std::vector<std::byte> bytes);

}  // namespace pome::ir
