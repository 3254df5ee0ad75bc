// Sweeps: one operation with random shapes and attributes on every instruction set of the machine,
// against the reference evaluation.
#pragma once

#include <functional>
#include <random>
#include <string>
#include <vector>

#include "support/program_builder.h"

namespace pome::test {

using Random = std::mt19937;

inline std::int64_t pick(Random& r, std::int64_t low, std::int64_t high) {
  return std::uniform_int_distribution<std::int64_t>(low, high)(r);
}
template <typename T>
T pick(Random& r, std::initializer_list<T> choices) {
  return *(choices.begin() + pick(r, 0, static_cast<std::int64_t>(choices.size()) - 1));
}

/// Values in [-scale, scale]; `magnitudes` takes their sizes.
std::vector<double> random_values(Random& r, std::int64_t n, double scale = 2);
base::HostTensor tensor(DataType dtype, const base::Dims& dims, std::span<const double> values);
base::HostTensor random_tensor(Random& r, const base::Dims& dims, double scale = 2);

/// A call to test. `values` are the constants that take part in sums, by position in `constants`.
struct Case {
  std::string op{};
  std::string text{};  ///< shapes and attributes, for messages
  std::string opset = "CoreML7";
  /// Arguments: "name" -> tensor given at run time.
  std::vector<std::pair<std::string, std::vector<base::HostTensor>>> inputs{};
  /// Constant arguments.
  std::vector<std::pair<std::string, ir::ConstantPtr>> constants{};
  /// Adds what else the call needs (constant expressions) and returns further arguments.
  std::function<ProgramBuilder::Arguments(ProgramBuilder&)> more{};
  std::vector<DataType> results{DataType::fp32};
  /// The first argument comes out of a convolution that changes nothing, channels-last.
  bool channels_last = false;
};

/// Greatest allowed difference for element i of result r, given the reference's value.
using Bound = std::function<double(std::size_t r, std::int64_t i, double expected)>;

/// Results of the case on one device (null: the reference device), where every operation of the
/// case's type must have been placed. Without workers all tasks run on the calling thread.
std::vector<base::HostTensor> run_case(const Case& c, const exec::Device* device,
                                       std::shared_ptr<exec::Workers> workers = nullptr);

/// The names of the instruction sets to test on this machine.
std::vector<std::string> instruction_sets();

/// Compares all results on every instruction set with the reference. Three threads must give the
/// same bits as one. Where the first argument can come channels-last, that is tried too.
void expect_like_reference(const Case& c, const Bound& bound);
/// The same bits.
void expect_exact(const Case& c);

/// Bounds for sums of `terms` products: terms * 2^-24 * the sum of their sizes, which is what the
/// case gives with every number replaced by its size.
Bound sum_bound(const Case& of_sizes, double terms);
/// `count` units in the last place, and `absolute` besides.
Bound ulp_bound(double count, double absolute = 0);

}  // namespace pome::test
