// Calls that kernels absorb: which ones, and that nothing changes in the results.
#include "devices/cpu/families/epilogue.h"

#include <gtest/gtest.h>

#include "compiler/lowered.h"
#include "devices/cpu/cpu_device.h"
#include "ops/layout.h"
#include "sweep.h"

namespace pome::test {
namespace {

using base::Dims;
using Outputs = std::vector<ir::Value*>;

/// Builds a program from its random inputs.
struct Net {
  std::vector<Dims> inputs;
  std::function<Outputs(ProgramBuilder&, std::span<ir::Value* const>)> build;

  std::shared_ptr<ir::Program> program() const {
    ProgramBuilder b;
    std::vector<ir::Value*> values;
    for (std::size_t i = 0; i < inputs.size(); ++i) {
      values.push_back(
          b.input("in" + std::to_string(i), ir::Type::tensor(DataType::fp32, inputs[i])));
    }
    auto outputs = build(b, values);
    return b.finish(std::move(outputs));
  }
};

std::shared_ptr<const compiler::Executable> compile_plain(const Net& net,
                                                          const exec::Device* device) {
  auto weights = std::make_shared<exec::WeightStore>(
      [](const ir::BlobReference&, const ir::Type&) { return exec::BlobRange{}; },
      std::make_shared<base::Budget>());
  compiler::CompileOptions options;
  options.devices = {device};
  options.absorb = false;
  return compiler::compile(net.program(), "main", std::move(weights), std::move(options));
}

/// Calls of the program, and those of them that have a kernel; changes of layout left out.
struct Counts {
  std::size_t calls = 0, kernels = 0;
};
Counts counts_of(const compiler::Executable& executable) {
  const auto& lowered = executable.lowered();
  Counts n;
  for (std::size_t i = 0; i < lowered.calls[0].size(); ++i) {
    if (ops::is_layout_change(*lowered.flat.body().calls[i].def)) continue;
    ++n.calls;
    if (lowered.calls[0][i].kernel) ++n.kernels;
  }
  return n;
}

/// Runs with and without absorbing, on every instruction set: `kernels` with, equal to the bit.
void check(const Net& net, std::size_t kernels) {
  Random r(7);
  std::vector<base::HostTensor> inputs;
  for (const auto& dims : net.inputs) inputs.push_back(random_tensor(r, dims, 2));
  for (const auto& isa : instruction_sets()) {
    SCOPED_TRACE(isa);
    const auto* device = devices::cpu_device(isa);
    const auto fused = compile(net.program(), {device});
    const auto plain = compile_plain(net, device);
    EXPECT_EQ(counts_of(*fused).kernels, kernels);
    EXPECT_EQ(counts_of(*plain).kernels, counts_of(*fused).calls);
    const auto found = predict(*fused, inputs);
    const auto expected = predict(*plain, inputs);
    ASSERT_EQ(found.size(), expected.size());
    for (std::size_t i = 0; i < found.size(); ++i) {
      ASSERT_EQ(found[i].dims(), expected[i].dims());
      EXPECT_EQ(std::memcmp(found[i].view().data, expected[i].view().data, found[i].byte_size()),
                0);
    }
  }
}

ir::Value* conv(ProgramBuilder& b, ir::Value* x, const Dims& weight, std::int64_t groups = 1) {
  Random r(3);
  std::int64_t n = 1;
  for (const auto d : weight) n *= d;
  return b.op("conv",
              {{"x", {x}},
               {"weight", {constant(DataType::fp16, weight, random_values(r, n))}},
               {"strides", {ints({1, 1})}},
               {"pad_type", {ir::make_string("same")}},
               {"pad", {ints({0, 0, 0, 0})}},
               {"dilations", {ints({1, 1})}},
               {"groups", {ir::make_int32(static_cast<std::int32_t>(groups))}}},
              DataType::fp32);
}
ir::Value* linear(ProgramBuilder& b, ir::Value* x, std::int64_t outputs, std::int64_t depth) {
  Random r(4);
  return b.op(
      "linear",
      {{"x", {x}},
       {"weight", {constant(DataType::fp32, {outputs, depth}, random_values(r, outputs * depth))}}},
      DataType::fp32);
}
ir::Value* two(ProgramBuilder& b, const std::string& op, ir::Binding x, ir::Binding y) {
  return b.op(op, {{"x", {std::move(x)}}, {"y", {std::move(y)}}}, DataType::fp32);
}
ir::Value* one(ProgramBuilder& b, const std::string& op, ir::Value* x) {
  return b.op(op, {{"x", {x}}}, DataType::fp32);
}
ir::ConstantPtr vector(const Dims& dims) {
  Random r(5);
  std::int64_t n = 1;
  for (const auto d : dims) n *= d;
  return constant(DataType::fp32, dims, random_values(r, n));
}

TEST(CpuEpilogue, ResidualAndActivationBehindConv) {
  check({{{2, 5, 13, 11}, {2, 19, 13, 11}},
         [](ProgramBuilder& b, auto in) {
           auto* sum = two(b, "add", conv(b, in[0], {19, 5, 3, 3}), in[1]);
           return Outputs{one(b, "relu", sum)};
         }},
        1);
}

TEST(CpuEpilogue, RunningValueAsSecondOperand) {
  check({{{1, 4, 9, 9}, {1, 6, 9, 9}},
         [](ProgramBuilder& b, auto in) {
           return Outputs{two(b, "sub", in[1], conv(b, in[0], {6, 4, 1, 1}))};
         }},
        1);
}

TEST(CpuEpilogue, VectorOverChannelsBehindConv) {
  check({{{2, 4, 9, 7}},
         [](ProgramBuilder& b, auto in) {
           auto* scaled = two(b, "mul", conv(b, in[0], {18, 4, 3, 3}), vector({1, 18, 1, 1}));
           return Outputs{one(b, "sigmoid", scaled)};
         }},
        1);
}

TEST(CpuEpilogue, Depthwise) {
  check({{{1, 24, 40, 40}, {1, 24, 40, 40}},
         [](ProgramBuilder& b, auto in) {
           auto* scaled = two(b, "mul", conv(b, in[0], {24, 1, 3, 3}, 24), vector({24, 1, 1}));
           return Outputs{one(b, "relu6", two(b, "add", scaled, in[1]))};
         }},
        1);
}

TEST(CpuEpilogue, OnePixelThatSeesTheWholeInput) {
  check({{{3, 8, 1, 1}},
         [](ProgramBuilder& b, auto in) {
           auto* scaled = two(b, "mul", conv(b, in[0], {37, 8, 1, 1}), vector({1, 37, 1, 1}));
           return Outputs{one(b, "tanh", scaled)};
         }},
        1);
}

TEST(CpuEpilogue, VectorOverColumnsBehindLinear) {
  check({{{5, 300, 33}, {5, 300, 70}},
         [](ProgramBuilder& b, auto in) {
           auto* moved = two(b, "add", linear(b, in[0], 70, 33), vector({70}));
           return Outputs{two(b, "mul", in[1], one(b, "gelu", moved))};
         }},
        1);
}

TEST(CpuEpilogue, ScaleBehindMatmul) {
  check({{{3, 20, 8}, {3, 8, 31}},
         [](ProgramBuilder& b, auto in) {
           auto* product = b.op("matmul", {{"x", {in[0]}}, {"y", {in[1]}}}, DataType::fp32);
           return Outputs{two(b, "mul", product, vector({}))};
         }},
        1);
}

TEST(CpuEpilogue, ChainOfElementwiseCalls) {
  check({{{3, 50000}, {3, 50000}},
         [](ProgramBuilder& b, auto in) {
           auto* x = two(b, "add", in[0], in[1]);
           x = two(b, "mul", one(b, "exp", x), vector({}));
           return Outputs{two(b, "real_div", in[1], x)};
         }},
        1);
}

TEST(CpuEpilogue, InputThatIsReadAgainAtTheEnd) {
  // x * sigmoid(x): x must survive until it is multiplied.
  check({{{4, 30000}},
         [](ProgramBuilder& b, auto in) {
           auto* x = one(b, "exp", one(b, "relu", in[0]));
           auto* y = two(b, "add", x, vector({}));
           return Outputs{two(b, "mul", y, one(b, "sigmoid", y))};
         }},
        2);
}

TEST(CpuEpilogue, ValueThatIsUsedTwiceIsKept) {
  check({{{1, 4, 9, 9}},
         [](ProgramBuilder& b, auto in) {
           auto* x = conv(b, in[0], {6, 4, 1, 1});
           return Outputs{one(b, "relu", x), one(b, "tanh", x)};
         }},
        3);
}

TEST(CpuEpilogue, OutputIsKept) {
  check({{{1, 4, 9, 9}},
         [](ProgramBuilder& b, auto in) {
           auto* x = conv(b, in[0], {6, 4, 1, 1});
           return Outputs{x, one(b, "relu", x)};
         }},
        2);
}

TEST(CpuEpilogue, BroadcastOfTheRunningValueIsNotAbsorbed) {
  check({{{1, 6}, {5, 6}},
         [](ProgramBuilder& b, auto in) {
           return Outputs{two(b, "add", one(b, "relu", in[0]), in[1])};
         }},
        2);
}

}  // namespace
}  // namespace pome::test
