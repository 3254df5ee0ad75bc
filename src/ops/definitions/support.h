// Small helpers that many definitions share.
#pragma once

#include <cstdint>
#include <initializer_list>

#include "ops/call.h"

namespace pome::ops::definitions {

/// Inference of operations whose result has the type of parameter 0.
void infer_same(InferContext& call);

/// True when one of these (present) parameters has an unknown number of dimensions.
bool any_unranked(const Call& call, std::initializer_list<int> params);

/// Copies element `i` of `from` to element `j` of `to`; both of one storage type.
void copy_element(const TensorView& from, std::int64_t i, const MutableTensorView& to,
                  std::int64_t j) noexcept;
/// Copies `n` consecutive elements; both tensors of one storage type.
void copy_elements(const TensorView& from, std::int64_t i, const MutableTensorView& to,
                   std::int64_t j, std::int64_t n) noexcept;
/// Copies all elements of a tensor to one of equal size (nothing to do when it is the same memory).
void copy_all(const TensorView& from, const MutableTensorView& to) noexcept;

/// Product of the known dims in [first, last); `ir::unknown_dim` when one is unknown.
std::int64_t extent(const Dims& dims, std::size_t first, std::size_t last) noexcept;

/// The epsilon of an operation as a constant of the element type of parameter 0 holds it.
double epsilon_or(const Call& call, int param, double otherwise);

/// The axes of a parameter as flags per dimension; fails for axes outside and for repeated ones.
/// Absent: all dimensions when `all_when_absent`.
base::InlineVector<bool, 8> axis_flags(const Call& call, int param, std::size_t rank,
                                       bool all_when_absent);

/// Integers of a runtime or constant parameter when they are known, else nothing: `found` is false.
Dims ints_if_known(const Call& call, int param, bool& found);

/// Fails unless a runtime parameter can be a vector with one entry for each of `rank` dimensions.
void expect_entries(const Call& call, int param, std::size_t rank);

/// NaN when one of both is NaN, else the greater (smaller).
double max_or_nan(double a, double b) noexcept;
double min_or_nan(double a, double b) noexcept;

}  // namespace pome::ops::definitions
