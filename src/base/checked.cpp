#include "base/checked.h"

namespace pome::base {

std::optional<std::int64_t> element_count(std::span<const std::int64_t> dims) noexcept {
  constexpr std::int64_t largest = std::int64_t{1} << 62;
  std::int64_t product = 1;
  bool empty = false;
  for (const std::int64_t dim : dims) {
    if (dim < 0) return std::nullopt;
    if (dim == 0) {
      empty = true;
      continue;
    }
    const auto next = checked_mul(product, dim);
    if (!next || *next > largest) return std::nullopt;
    product = *next;
  }
  return empty ? 0 : product;
}

std::optional<std::int64_t> byte_count(std::int64_t count, DataType type) noexcept {
  const std::int64_t width = bits(type);
  if (count < 0 || width == 0) return std::nullopt;
  if (width >= 8) return checked_mul<std::int64_t>(count, width / 8);
  return count / 8 * width + (count % 8 * width + 7) / 8;
}

}  // namespace pome::base
