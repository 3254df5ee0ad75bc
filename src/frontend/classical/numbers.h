// Arrays of numbers in messages, and the functions that turn scores into probabilities.
#pragma once

#include <span>
#include <string_view>
#include <vector>

#include "base/budget.h"
#include "proto/message.h"

namespace pome::classical {

/// A copy, booked as `what`.
std::vector<double> copy_numbers(const proto::PackedView<double>& values, base::Budget& budget,
                                 std::string_view what);

/// 1 / (1 + e^-x), without overflow.
double logistic(double x) noexcept;

/// The normal distribution's cumulative function.
double normal_cdf(double x) noexcept;

/// e^x_i / sum e^x_j in place, without overflow.
void softmax(std::span<double> values) noexcept;

}  // namespace pome::classical
