#include "ops/definitions/sampling.h"

#include <algorithm>
#include <array>
#include <cmath>

namespace pome::ops::definitions {

namespace {

constexpr std::array<std::string_view, 5> grid_names{
    "DEFAULT", "STRICT_ALIGN_CORNERS", "ALIGN_CORNERS", "OFFSET_CORNERS", "UNALIGN_CORNERS"};

}  // namespace

std::optional<GridMode> grid_mode(std::string_view name) noexcept {
  const auto* const found = std::ranges::find(grid_names, name);
  if (found == grid_names.end()) return std::nullopt;
  return static_cast<GridMode>(found - grid_names.begin());
}

GridMode read_grid_mode(const Call& call, int param) {
  return static_cast<GridMode>(call.choice_or(param, 0, grid_names));
}

double grid_point(GridMode mode, std::int64_t i, std::int64_t in, std::int64_t out) noexcept {
  const auto at = static_cast<double>(i);
  const auto from = static_cast<double>(in);
  const auto to = static_cast<double>(out);
  double point = 0;
  switch (mode) {
    case GridMode::normal: point = at * from / to; break;
    case GridMode::strict_align: point = out == 1 ? 0 : at * (from - 1) / (to - 1); break;
    case GridMode::align: point = out == 1 ? (from - 1) / 2 : at * (from - 1) / (to - 1); break;
    case GridMode::offset: point = (at + 0.5) * std::max(1.0, from - 1) / to; break;
    case GridMode::unalign: point = (at + 0.5) * from / to - 0.5; break;
  }
  return std::clamp(point, 0.0, from - 1);
}

std::int64_t nearest_point(GridMode mode, std::int64_t i, std::int64_t in,
                           std::int64_t out) noexcept {
  const auto from = mode == GridMode::normal ? GridMode::unalign : mode;
  const auto at = static_cast<std::int64_t>(std::floor(grid_point(from, i, in, out) + 0.5));
  return std::min(at, in - 1);
}

Taps taps(double at, std::int64_t size) noexcept {
  const auto low = std::clamp<std::int64_t>(static_cast<std::int64_t>(at), 0, size - 1);
  return {low, std::min(low + 1, size - 1), at - static_cast<double>(low)};
}

double bilinear(const TensorView& image, std::int64_t first, std::int64_t width, const Taps& y,
                const Taps& x) noexcept {
  const auto row = [&](std::int64_t at) {
    const auto base = first + at * width;
    const double low = load_f(image, base + x.low);
    return x.weight == 0 ? low : low * (1 - x.weight) + load_f(image, base + x.high) * x.weight;
  };
  const double low = row(y.low);
  return y.weight == 0 ? low : low * (1 - y.weight) + row(y.high) * y.weight;
}

}  // namespace pome::ops::definitions
