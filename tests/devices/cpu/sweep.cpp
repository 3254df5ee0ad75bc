#include "sweep.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>

#include "compiler/lowered.h"
#include "devices/cpu/cpu_device.h"
#include "exec/thread_pool.h"
#include "ops/call.h"

namespace pome::test {

std::vector<double> random_values(Random& r, std::int64_t n, double scale) {
  std::uniform_real_distribution<float> uniform(static_cast<float>(-scale),
                                                static_cast<float>(scale));
  std::vector<double> values(static_cast<std::size_t>(n));
  for (auto& v : values) v = uniform(r);
  return values;
}

base::HostTensor tensor(DataType dtype, const base::Dims& dims, std::span<const double> values) {
  base::HostTensor t(base::storage_type(dtype), dims);
  for (std::int64_t i = 0; i < t.size(); ++i) {
    ops::store_f(t.mutable_view(), i, values[static_cast<std::size_t>(i)]);
  }
  return t;
}

base::HostTensor random_tensor(Random& r, const base::Dims& dims, double scale) {
  base::HostTensor t(DataType::fp32, dims);
  const auto values = random_values(r, t.size(), scale);
  return tensor(DataType::fp32, dims, values);
}

namespace {

/// A convolution runs over one or two spatial dimensions.
bool can_be_channels_last(const Case& c) {
  return !c.inputs.empty() &&
         std::ranges::all_of(c.inputs.front().second, [](const base::HostTensor& t) {
           return t.dtype() == DataType::fp32 && t.size() > 0 && t.dims().size() > 2 &&
                  t.dims().size() < 5;
         });
}

/// x times one, each channel for itself.
ir::Value* through_convolution(ProgramBuilder& b, ir::Value* x) {
  const auto channels = x->type.dims[1];
  base::Dims weight(x->type.dims.size(), 1);
  weight[0] = channels;
  const std::vector<double> ones(static_cast<std::size_t>(channels), 1);
  const auto spatial = x->type.dims.size() - 2;
  return b
      .ops("conv",
           {{"x", {x}},
            {"weight", {constant(DataType::fp32, weight, ones)}},
            {"strides", {ints(base::Dims(spatial, 1))}},
            {"pad_type", {ir::make_string("valid")}},
            {"pad", {ints(base::Dims(2 * spatial, 0))}},
            {"dilations", {ints(base::Dims(spatial, 1))}},
            {"groups", {ir::make_int32(static_cast<std::int32_t>(channels))}}},
           {DataType::fp32})
      .front();
}

std::shared_ptr<ir::Program> build(const Case& c) {
  ProgramBuilder b(c.opset);
  ProgramBuilder::Arguments arguments;
  int number = 0;
  for (const auto& [name, tensors] : c.inputs) {
    std::vector<ir::Binding> bindings;
    for (const auto& t : tensors) {
      auto* value = b.input("in" + std::to_string(number++), ir::Type::tensor(t.dtype(), t.dims()));
      const bool first = &tensors == &c.inputs.front().second;
      bindings.emplace_back(c.channels_last && first ? through_convolution(b, value) : value);
    }
    arguments.emplace_back(name, std::move(bindings));
  }
  for (const auto& [name, value] : c.constants) arguments.push_back({name, {value}});
  if (c.more) {
    for (auto& argument : c.more(b)) arguments.push_back(std::move(argument));
  }
  return b.finish(b.ops(c.op, arguments, c.results));
}

void expect_placed(const Case& c, const compiler::Executable& executable) {
  const auto& lowered = executable.lowered();
  for (std::size_t i = 0; i < lowered.flat.body().calls.size(); ++i) {
    if (lowered.flat.body().calls[i].def->name != c.op) continue;
    const auto& placement = lowered.calls[0][i].placement;
    EXPECT_EQ(placement.device->name(), "cpu")
        << (placement.refusals.empty() ? "" : placement.refusals.front().reason);
  }
}

}  // namespace

std::vector<base::HostTensor> run_case(const Case& c, const exec::Device* device,
                                       std::shared_ptr<exec::Workers> workers) {
  std::vector<const exec::Device*> devices;
  if (device) devices.push_back(device);
  const auto executable = compile(build(c), devices, std::move(workers));
  if (device) expect_placed(c, *executable);
  std::vector<base::HostTensor> inputs;
  for (const auto& [name, tensors] : c.inputs) {
    inputs.insert(inputs.end(), tensors.begin(), tensors.end());
  }
  return predict(*executable, inputs);
}

std::vector<std::string> instruction_sets() {
  std::vector<std::string> names;
  for (const auto* name : {"avx2", "avx512", "neon"}) {
    if (devices::cpu_device(name)) names.emplace_back(name);
  }
  return names;
}

namespace {

/// Number of elements beyond the bound, the first of which is described in `first`.
int differences(const base::HostTensor& expected, const base::HostTensor& found, std::size_t result,
                const Bound& bound, std::string& first) {
  int wrong = 0;
  for (std::int64_t i = 0; i < expected.size(); ++i) {
    const double e = ops::load_f(expected.view(), i);
    const double f = ops::load_f(found.view(), i);
    if (e == f || (std::isnan(e) && std::isnan(f))) continue;
    const double limit = bound(result, i, e);
    if (std::fabs(e - f) <= limit) continue;
    if (wrong++ == 0) {
      first = "result " + std::to_string(result) + " element " + std::to_string(i) + ": expected " +
              std::to_string(e) + ", found " + std::to_string(f) + ", allowed difference " +
              std::to_string(limit);
    }
  }
  return wrong;
}

bool same_bits(const base::HostTensor& a, const base::HostTensor& b) {
  return a.byte_size() == b.byte_size() &&
         (a.byte_size() == 0 || std::memcmp(a.view().data, b.view().data, a.byte_size()) == 0);
}

}  // namespace

namespace {

void compare_with_reference(const Case& c, const Bound& bound) {
  const auto expected = run_case(c, nullptr);
  for (const auto& isa : instruction_sets()) {
    SCOPED_TRACE(c.op + " " + c.text + (c.channels_last ? " channels-last" : "") + " on " + isa);
    const auto found = run_case(c, devices::cpu_device(isa));
    const auto by_three = run_case(c, devices::cpu_device(isa), exec::thread_pool(3));
    ASSERT_EQ(expected.size(), found.size());
    for (std::size_t r = 0; r < expected.size(); ++r) {
      ASSERT_EQ(expected[r].dims(), found[r].dims());
      EXPECT_TRUE(same_bits(found[r], by_three[r])) << "three threads give other bits";
      std::string first;
      EXPECT_EQ(differences(expected[r], found[r], r, bound, first), 0) << first;
    }
  }
}

}  // namespace

void expect_like_reference(const Case& c, const Bound& bound) {
  compare_with_reference(c, bound);
  if (!can_be_channels_last(c)) return;
  Case other = c;
  other.channels_last = true;
  compare_with_reference(other, bound);
}

void expect_exact(const Case& c) {
  expect_like_reference(c, [](std::size_t, std::int64_t, double) { return 0.0; });
}

Bound sum_bound(const Case& of_sizes, double terms) {
  auto sizes = std::make_shared<std::vector<base::HostTensor>>(run_case(of_sizes, nullptr));
  return [sizes, terms](std::size_t r, std::int64_t i, double) {
    return (terms + 2) * std::ldexp(1, -24) * std::fabs(ops::load_f((*sizes)[r].view(), i)) + 1e-37;
  };
}

Bound ulp_bound(double count, double absolute) {
  return [=](std::size_t, std::int64_t, double expected) {
    // A unit in the last place of fp32, or of its subnormals.
    const double size = std::max(std::fabs(expected), std::ldexp(1, -126));
    return count * std::ldexp(size, -23) + absolute;
  };
}

}  // namespace pome::test
