#include "frontend/classical/svm_kernel.h"

#include <algorithm>
#include <cmath>

#include "base/text.h"
#include "pome/error.h"

namespace pome::classical {

using base::cat;

namespace {

[[noreturn]] void fail(std::string_view message) {
  throw Error(ErrorCode::parameters, std::string(message));
}

// By squaring, as LIBSVM does.
double power(double base, int exponent) noexcept {
  double out = 1;
  for (; exponent > 0; exponent /= 2) {
    if (exponent % 2 == 1) out *= base;
    base *= base;
  }
  return out;
}

}  // namespace

SvmKernel::SvmKernel(const proto::Kernel* message) {
  if (message == nullptr) fail("there is no kernel");
  if (message->linearKernel() != nullptr) return;
  if (const auto* rbf = message->rbfKernel()) {
    kind_ = Kind::rbf;
    gamma_ = rbf->gamma;
  } else if (const auto* polynomial = message->polyKernel()) {
    kind_ = Kind::polynomial;
    gamma_ = polynomial->gamma;
    c_ = polynomial->c;
    degree_ = polynomial->degree;
  } else if (const auto* sigmoid = message->sigmoidKernel()) {
    kind_ = Kind::sigmoid;
    gamma_ = sigmoid->gamma;
    c_ = sigmoid->c;
  } else {
    fail("the kernel is of no known kind");
  }
  if (!(gamma_ >= 0)) fail(cat("the kernel's gamma is ", gamma_, ", expected 0 or more"));
  if (degree_ < 0) fail(cat("the kernel's degree is ", degree_, ", expected 0 or more"));
}

double SvmKernel::apply(double product_or_distance) const noexcept {
  switch (kind_) {
    case Kind::linear: break;
    case Kind::rbf: return std::exp(-gamma_ * product_or_distance);
    case Kind::polynomial: return power(gamma_ * product_or_distance + c_, degree_);
    case Kind::sigmoid: return std::tanh(gamma_ * product_or_distance + c_);
  }
  return product_or_distance;
}

SupportVectors::SupportVectors(const proto::SparseSupportVectors* sparse,
                               const proto::DenseSupportVectors* dense, const RowReader& reader,
                               base::Budget& budget) {
  if (sparse != nullptr) {
    add_sparse(*sparse, budget);
  } else if (dense != nullptr) {
    add_dense(*dense, budget);
    if (width_ != 0) reader.require(width_, "numbers in each support vector");
  } else {
    fail("there are no support vectors");
  }
  if (reader.width() && *reader.width() < width_)
    fail(cat("a support vector has a number at place ", width_, ", and the inputs hold ",
             *reader.width(), " numbers"));
}

void SupportVectors::add_sparse(const proto::SparseSupportVectors& message, base::Budget& budget) {
  for (std::size_t i = 0; i < message.vectors.size(); ++i) {
    const auto& nodes = message.vectors[i].nodes;
    budget.take(static_cast<std::int64_t>(nodes.size() * 32 + 16), "support vectors");
    std::vector<std::pair<std::uint32_t, double>> sorted;
    for (const auto& node : nodes) {
      if (node.index < 1)
        fail(cat("support vector ", i, " has a number at place ", node.index,
                 "; places begin with 1"));
      sorted.emplace_back(static_cast<std::uint32_t>(node.index - 1), node.value);
    }
    std::ranges::sort(sorted, {}, &std::pair<std::uint32_t, double>::first);
    for (std::size_t j = 0; j < sorted.size(); ++j) {
      if (j != 0 && sorted[j].first == sorted[j - 1].first)
        fail(cat("support vector ", i, " has two numbers at place ", sorted[j].first + 1));
      places_.push_back(sorted[j].first);
      values_.push_back(sorted[j].second);
    }
    if (!sorted.empty())
      width_ = std::max<std::size_t>(width_, sorted.back().first + std::size_t{1});
    starts_.push_back(values_.size());
  }
}

void SupportVectors::add_dense(const proto::DenseSupportVectors& message, base::Budget& budget) {
  for (std::size_t i = 0; i < message.vectors.size(); ++i) {
    const auto& numbers = message.vectors[i].values;
    if (i == 0) width_ = numbers.size();
    if (numbers.size() != width_)
      fail(cat("support vector ", i, " has ", numbers.size(), " numbers, and vector 0 has ",
               width_));
    budget.take(static_cast<std::int64_t>(numbers.size() * 16 + 16), "support vectors");
    for (std::size_t j = 0; j < numbers.size(); ++j) values_.push_back(numbers[j]);
    starts_.push_back(values_.size());
  }
}

double SupportVectors::product(std::size_t vector, std::span<const double> row) const noexcept {
  double sum = 0;
  const std::size_t begin = starts_[vector];
  for (std::size_t i = begin; i < starts_[vector + 1]; ++i)
    sum += values_[i] * row[places_.empty() ? i - begin : places_[i]];
  return sum;
}

double SupportVectors::distance(std::size_t vector, std::span<const double> row) const noexcept {
  double sum = 0;
  std::size_t at = starts_[vector];
  const std::size_t end = starts_[vector + 1];
  for (std::size_t j = 0; j < row.size(); ++j) {
    const bool is_here = at < end && (places_.empty() || places_[at] == j);
    const double difference = is_here ? row[j] - values_[at] : row[j];
    if (is_here) ++at;
    sum += difference * difference;
  }
  return sum;
}

std::vector<double> SupportVectors::kernels(const SvmKernel& kernel,
                                            std::span<const double> row) const {
  if (row.size() < width_)
    throw Error(ErrorCode::feature_type,
                cat("the inputs hold ", row.size(), " numbers, and support vectors have ", width_));
  std::vector<double> out(size());
  for (std::size_t i = 0; i < out.size(); ++i)
    out[i] = kernel.apply(kernel.needs_distance() ? distance(i, row) : product(i, row));
  return out;
}

}  // namespace pome::classical
