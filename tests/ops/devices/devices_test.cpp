// The cases of tests/ops on the CPU device, with every instruction set that this machine has.
//
// Calls that the device refuses run on the reference, as they do in a model.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "base/half.h"
#include "base/text.h"
#include "case_runner.h"
#include "compiler/lowered.h"
#include "devices/cpu/cpu_device.h"
#include "ops/call.h"
#include "pome/error.h"
#include "support/program_builder.h"

namespace pome::ops::testing {
namespace {

using base::HostTensor;

/// Output `tensor` in its storage type.
HostTensor widened(const HostTensor& tensor) {
  if (tensor.dtype() != DataType::fp16) return tensor;
  HostTensor out(DataType::fp32, tensor.dims());
  const auto from = tensor.view().as<std::uint16_t>();
  const auto to = out.mutable_view().as<float>();
  for (std::size_t i = 0; i < from.size(); ++i) to[i] = base::f32_from_f16(from[i]);
  return out;
}

/// What a device may be off: a few roundings of fp32 at the size of the largest result, since sums
/// are of numbers of that size; and the rounding of a published fp16.
struct Bounds {
  double relative, absolute;
  bool half;
};

Bounds bounds_of(const CaseProgram& test, const HostTensor& expected, DataType published) {
  double largest = 0;
  for (std::int64_t i = 0; i < expected.size(); ++i) {
    const double v = std::fabs(load_f(expected.view(), i));
    if (std::isfinite(v)) largest = std::max(largest, v);
  }
  const bool half = published == DataType::fp16;
  const double rounding = half ? 0x1p-11 : 0;
  return {std::max(test.relative, 1e-6) + rounding,
          std::max(test.absolute, 1e-6 * largest) + (half ? 0x1p-25 : 0), half};
}

bool close(double found, double expected, const Bounds& bounds) {
  if (bounds.half) expected = base::round_to_f16(static_cast<float>(expected));
  if (std::isnan(expected) || std::isnan(found)) return std::isnan(expected) && std::isnan(found);
  if (std::isinf(expected) || std::isinf(found)) return expected == found;
  return std::fabs(found - expected) <= bounds.absolute + bounds.relative * std::fabs(expected);
}

void compare(const HostTensor& found, const HostTensor& expected, const Bounds& bounds) {
  ASSERT_EQ(base::shape_text(found.dims()), base::shape_text(expected.dims()));
  ASSERT_EQ(name(found.dtype()), name(expected.dtype()));
  int wrong = 0;
  for (std::int64_t i = 0; i < expected.size() && wrong < 3; ++i) {
    const double f = load_f(found.view(), i);
    const double e = load_f(expected.view(), i);
    const bool equal = is_float(expected.dtype()) ? close(f, e, bounds) : f == e;
    if (!equal) ++wrong;
    EXPECT_TRUE(equal) << "element " << i << " is " << f << ", expected " << e;
  }
}

/// Runs a case; true when the device itself ran its operation.
bool run_on(const exec::Device& device, const Case& test, bool weights) {
  auto program = program_of(test.json, weights);
  const auto executable = test::compile(program.program, {&device});
  const auto found = test::predict(*executable, program.inputs);
  EXPECT_EQ(found.size(), program.expected.size());
  for (std::size_t i = 0; i < found.size(); ++i) {
    // Masks of one bit are for other constant expressions: no program has them as outputs.
    if (bits(found[i].dtype()) < 8 && found[i].dtype() != DataType::string) continue;
    SCOPED_TRACE(base::cat("result ", i));
    const auto bounds = bounds_of(program, program.expected[i], found[i].dtype());
    compare(widened(found[i]), program.expected[i], bounds);
  }
  const auto& lowered = executable->lowered();
  return std::ranges::any_of(lowered.calls.at(0), [&](const compiler::LoweredCall& call) {
    return call.placement.device == &device;
  });
}

class OnDevices : public ::testing::TestWithParam<std::string> {};

TEST_P(OnDevices, AgreeWithNumpy) {
  int cases = 0, placed = 0;
  for (const char* isa : {"avx2", "avx512", "neon"}) {
    const auto* device = devices::cpu_device(isa);
    if (!device) continue;
    for (const auto& test : load_cases(GetParam())) {
      if (test.json.contains("error") || test.json.contains("reference")) continue;
      for (const bool weights : {false, true}) {
        SCOPED_TRACE(base::cat(test.name, " with ", isa, weights ? " and constants" : ""));
        try {
          ++cases;
          placed += run_on(*device, test, weights) ? 1 : 0;
        } catch (const Error& error) {
          ADD_FAILURE() << error.what();
        }
      }
    }
  }
  RecordProperty("cases", cases);
  RecordProperty("on_the_device", placed);
}

INSTANTIATE_TEST_SUITE_P(Files, OnDevices, ::testing::ValuesIn(case_files()),
                         [](const auto& file) { return file.param; });

}  // namespace
}  // namespace pome::ops::testing
