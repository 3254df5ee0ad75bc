#include "ops/definitions/support.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "base/half.h"
#include "base/text.h"

namespace pome::ops::definitions {

void infer_same(InferContext& call) {
  call.set_result(call.type(0));
}

bool any_unranked(const Call& call, std::initializer_list<int> params) {
  for (const int p : params) {
    for (int i = 0; i < call.count(p); ++i) {
      if (!call.type(p, i).ranked) return true;
    }
  }
  return false;
}

void copy_elements(const TensorView& from, std::int64_t i, const MutableTensorView& to,
                   std::int64_t j, std::int64_t n) noexcept {
  if (n <= 0) return;
  const auto width = static_cast<std::int64_t>(bits(from.dtype) / 8);
  std::memcpy(static_cast<std::byte*>(to.data) + j * width,
              static_cast<const std::byte*>(from.data) + i * width,
              static_cast<std::size_t>(n * width));
}

void copy_element(const TensorView& from, std::int64_t i, const MutableTensorView& to,
                  std::int64_t j) noexcept {
  copy_elements(from, i, to, j, 1);
}

void copy_all(const TensorView& from, const MutableTensorView& to) noexcept {
  if (from.data != to.data) copy_elements(from, 0, to, 0, from.size());
}

std::int64_t extent(const Dims& dims, std::size_t first, std::size_t last) noexcept {
  std::int64_t n = 1;
  for (std::size_t i = first; i < last; ++i) {
    if (!ir::is_known(dims[i])) return ir::unknown_dim;
    n *= dims[i];
  }
  return n;
}

double epsilon_or(const Call& call, int param, double otherwise) {
  if (call.has(param)) return call.float_or(param, otherwise);
  const auto single = static_cast<float>(otherwise);
  return call.type(0).dtype == DataType::fp16 ? base::round_to_f16(single) : single;
}

base::InlineVector<bool, 8> axis_flags(const Call& call, int param, std::size_t rank,
                                       bool all_when_absent) {
  base::InlineVector<bool, 8> flags(rank, all_when_absent && !call.has(param));
  for (const auto value : call.ints_or(param, {})) {
    const auto axis = static_cast<std::size_t>(call.axis(param, value, rank));
    if (flags[axis]) call.fail(param, base::cat("axis ", value, " is given twice"));
    flags[axis] = true;
  }
  return flags;
}

Dims ints_if_known(const Call& call, int param, bool& found) {
  found = static_cast<bool>(call.known(param));
  return found ? call.ints_or(param, {}) : Dims{};
}

void expect_entries(const Call& call, int param, std::size_t rank) {
  const auto& type = call.type(param);
  if (!type.ranked) return;
  if (type.rank() != 1) {
    call.fail(param, base::cat("expected a vector, found shape ", base::shape_text(type.dims)));
  }
  if (ir::is_known(type.dims[0]) && type.dims[0] != static_cast<std::int64_t>(rank)) {
    call.fail(param, base::cat("has ", type.dims[0], " entries, expected one for each of the ",
                               rank, " dimensions of x"));
  }
}

double max_or_nan(double a, double b) noexcept {
  if (std::isnan(a) || std::isnan(b)) return std::nan("");
  return std::max(a, b);
}

double min_or_nan(double a, double b) noexcept {
  if (std::isnan(a) || std::isnan(b)) return std::nan("");
  return std::min(a, b);
}

}  // namespace pome::ops::definitions
