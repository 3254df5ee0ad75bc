#include "frontend/classical/numbers.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace pome::classical {

std::vector<double> copy_numbers(const proto::PackedView<double>& values, base::Budget& budget,
                                 std::string_view what) {
  budget.take(static_cast<std::int64_t>(values.size() * sizeof(double)), what);
  std::vector<double> out(values.size());
  for (std::size_t i = 0; i < out.size(); ++i) out[i] = values[i];
  return out;
}

double logistic(double x) noexcept {
  if (x >= 0) return 1.0 / (1.0 + std::exp(-x));
  const double e = std::exp(x);
  return e / (1.0 + e);
}

double normal_cdf(double x) noexcept {
  return 0.5 * std::erfc(-x / std::numbers::sqrt2);
}

void softmax(std::span<double> values) noexcept {
  if (values.empty()) return;
  const double most = *std::ranges::max_element(values);
  double sum = 0;
  for (double& value : values) {
    value = std::exp(value - most);
    sum += value;
  }
  for (double& value : values) value /= sum;
}

}  // namespace pome::classical
