#include <cstring>

#include "base/checked.h"
#include "base/half.h"
#include "base/text.h"
#include "ops/resolve.h"
#include "pome/error.h"

namespace pome::ops {

void unpack(std::span<const std::byte> packed, DataType dtype, const base::MutableTensorView& out) {
  const auto* bytes = reinterpret_cast<const unsigned char*>(packed.data());
  const auto n = static_cast<std::size_t>(out.size());
  const int width = bits(dtype);
  if (dtype == DataType::fp16 || dtype == DataType::bf16) {
    auto* to = static_cast<float*>(out.data);
    for (std::size_t i = 0; i < n; ++i) {
      std::uint16_t h = 0;
      std::memcpy(&h, bytes + 2 * i, 2);
      to[i] = dtype == DataType::fp16 ? base::f32_from_f16(h) : base::f32_from_bf16(h);
    }
  } else if (width < 8) {
    auto* to = static_cast<std::uint8_t*>(out.data);
    const unsigned mask = (1U << width) - 1;
    for (std::size_t i = 0; i < n; ++i) {
      const std::size_t bit = i * static_cast<std::size_t>(width);
      unsigned word = bytes[bit / 8];
      if (bit % 8 + static_cast<std::size_t>(width) > 8) word |= unsigned{bytes[bit / 8 + 1]} << 8;
      unsigned value = (word >> (bit % 8)) & mask;
      if (dtype == DataType::int4 && value > 7) value |= 0xF0U;  // sign
      to[i] = static_cast<std::uint8_t>(value);
    }
  } else if (n != 0) {
    std::memcpy(out.data, bytes, n * static_cast<std::size_t>(width / 8));
  }
}

base::HostTensor materialize(const ir::Constant& constant) {
  const auto& type = constant.type;
  if (!type.is_tensor() || constant.is_blob()) {
    throw Error(ErrorCode::parameters,
                base::cat("expected an immediate tensor, found ", ir::text(type)));
  }
  if (type.dtype == DataType::string) {
    const auto strings = constant.strings();
    return {type.dims, {strings.begin(), strings.end()}};
  }
  base::HostTensor tensor(base::storage_type(type.dtype), type.dims);
  const auto need = base::byte_count(tensor.size(), type.dtype);
  if (!need || static_cast<std::size_t>(*need) != constant.bytes().size()) {
    throw Error(ErrorCode::parameters,
                base::cat("a constant of type ", ir::text(type), " has ", constant.bytes().size(),
                          " bytes, expected ", need.value_or(-1)));
  }
  unpack(constant.bytes(), type.dtype, tensor.mutable_view());
  return tensor;
}

}  // namespace pome::ops
