#include "ir/constant.h"

#include <algorithm>
#include <cstring>

#include "base/checked.h"
#include "base/half.h"
#include "base/text.h"
#include "pome/error.h"

namespace pome::ir {
namespace {

template <typename T>
std::vector<std::byte> bytes_of(std::span<const T> values) {
  std::vector<std::byte> out(values.size_bytes());
  if (!out.empty()) std::memcpy(out.data(), values.data(), out.size());
  return out;
}

template <typename T>
ConstantPtr scalar(DataType type, T value) {
  return make_tensor(Type::scalar(type), bytes_of(std::span<const T>(&value, 1)));
}

bool same_bytes(std::span<const std::byte> a, std::span<const std::byte> b) noexcept {
  return std::ranges::equal(a, b);
}

}  // namespace

std::span<const std::byte> Constant::bytes() const noexcept {
  const auto* immediate = std::get_if<ImmediateBytes>(&data);
  return immediate ? immediate->view : std::span<const std::byte>{};
}

std::span<const std::string> Constant::strings() const noexcept {
  const auto* values = std::get_if<Strings>(&data);
  return values ? std::span<const std::string>(*values) : std::span<const std::string>{};
}

// Tuples, lists and dictionaries nest as deep as the reader let them (it has a cap).
bool equal(const Constant& a, const Constant& b) noexcept {
  if (!(a.type == b.type) || a.data.index() != b.data.index()) return false;
  if (const auto* items = std::get_if<Constant::Items>(&a.data)) {
    return std::ranges::equal(*items, std::get<Constant::Items>(b.data),
                              [](const auto& x, const auto& y) { return equal(*x, *y); });
  }
  if (const auto* entries = std::get_if<Constant::Entries>(&a.data)) {
    return std::ranges::equal(*entries, std::get<Constant::Entries>(b.data),
                              [](const auto& x, const auto& y) {
                                return equal(*x.first, *y.first) && equal(*x.second, *y.second);
                              });
  }
  if (const auto* blob = std::get_if<BlobReference>(&a.data)) {
    return *blob == std::get<BlobReference>(b.data);
  }
  if (std::holds_alternative<ImmediateBytes>(a.data)) return same_bytes(a.bytes(), b.bytes());
  return std::ranges::equal(a.strings(), b.strings());
}

ConstantPtr make_tensor(Type type, std::vector<std::byte> bytes) {
  const auto count = base::element_count(type.dims);
  const auto need = count ? base::byte_count(*count, type.dtype) : count;
  if (!need || static_cast<std::size_t>(*need) != bytes.size()) {
    throw Error(ErrorCode::parameters,
                base::cat("a constant of type ", text(type), " has ", bytes.size(),
                          " bytes, expected ", need.value_or(-1)));
  }
  auto owner = std::make_shared<const std::vector<std::byte>>(std::move(bytes));
  auto out = std::make_shared<Constant>();
  out->type = std::move(type);
  out->data = ImmediateBytes{*owner, owner};
  return out;
}

ConstantPtr make_strings(std::vector<std::string> values) {
  auto out = std::make_shared<Constant>();
  out->type = Type::tensor(DataType::string, Dims{static_cast<std::int64_t>(values.size())});
  out->data = std::move(values);
  return out;
}

ConstantPtr make_string(std::string value) {
  auto out = std::make_shared<Constant>();
  out->type = Type::scalar(DataType::string);
  out->data = Constant::Strings{std::move(value)};
  return out;
}

ConstantPtr make_bool(bool value) {
  return scalar(DataType::boolean, static_cast<std::uint8_t>(value));
}
ConstantPtr make_int32(std::int32_t value) {
  return scalar(DataType::int32, value);
}
ConstantPtr make_fp32(float value) {
  return scalar(DataType::fp32, value);
}
ConstantPtr make_fp16(float value) {
  return scalar(DataType::fp16, base::f16_from_f32(value));
}

ConstantPtr make_int32s(std::span<const std::int32_t> values) {
  return make_tensor(Type::tensor(DataType::int32, Dims{static_cast<std::int64_t>(values.size())}),
                     bytes_of(values));
}

ConstantPtr make_bools(std::span<const bool> values) {
  std::vector<std::byte> bytes;
  bytes.reserve(values.size());
  for (const bool v : values) bytes.push_back(static_cast<std::byte>(v));
  return make_tensor(
      Type::tensor(DataType::boolean, Dims{static_cast<std::int64_t>(values.size())}),
      std::move(bytes));
}

}  // namespace pome::ir
