// Support vectors and their kernels.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "base/budget.h"
#include "frontend/classical/row.h"
#include "proto/SVM.pb.h"

namespace pome::classical {

/// K(x, v) = x.v, exp(-gamma |x - v|^2), (gamma x.v + c)^degree or tanh(gamma x.v + c).
class SvmKernel {
 public:
  /// Throws Error{parameters} where there is no kernel, or its parameters make none.
  explicit SvmKernel(const proto::Kernel* message);

  bool needs_distance() const noexcept { return kind_ == Kind::rbf; }
  /// Of the product x.v, or of the distance |x - v|^2 where needs_distance().
  double apply(double product_or_distance) const noexcept;

 private:
  enum class Kind : std::uint8_t { linear, rbf, polynomial, sigmoid };
  Kind kind_ = Kind::linear;
  int degree_ = 0;
  double gamma_ = 0;
  double c_ = 0;
};

/// The support vectors of one model, dense or sparse as in the file.
class SupportVectors {
 public:
  /// Exactly one of the two is not null. Throws Error{parameters} where vectors differ in length or
  /// have places that rows of `reader` lack.
  SupportVectors(const proto::SparseSupportVectors* sparse, const proto::DenseSupportVectors* dense,
                 const RowReader& reader, base::Budget& budget);

  std::size_t size() const noexcept { return starts_.size() - 1; }
  /// The kernel of every vector with `row`. Throws Error{feature_type} where the row is too short.
  std::vector<double> kernels(const SvmKernel& kernel, std::span<const double> row) const;

 private:
  void add_sparse(const proto::SparseSupportVectors& message, base::Budget& budget);
  void add_dense(const proto::DenseSupportVectors& message, base::Budget& budget);
  double product(std::size_t vector, std::span<const double> row) const noexcept;
  double distance(std::size_t vector, std::span<const double> row) const noexcept;

  std::vector<std::size_t> starts_{0};  // into the two below, one more than vectors
  std::vector<double> values_;
  std::vector<std::uint32_t> places_;  // ascending in each vector; empty where dense
  std::size_t width_ = 0;              // numbers that a row must have
};

}  // namespace pome::classical
