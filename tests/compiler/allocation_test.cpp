// Nothing is allocated while a planned program runs. This file replaces operator new of the whole
// test program by one that counts; under sanitizers, which bring their own, it is left out.
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
#include <gmock/gmock.h>

#include <algorithm>
#include <cstddef>
#include <cstdlib>
#include <new>
#include <optional>

#include "compiler/lowered.h"
#include "devices/cpu/cpu_device.h"
#include "exec/thread_pool.h"
#include "support/mil.h"

namespace {

thread_local std::int64_t allocations = 0;

void* counted(std::size_t size, std::size_t alignment) {
  ++allocations;
  const auto rounded = (std::max<std::size_t>(size, 1) + alignment - 1) / alignment * alignment;
  void* memory = std::aligned_alloc(alignment, rounded);
  if (memory == nullptr) throw std::bad_alloc();
  return memory;
}

}  // namespace

void* operator new(std::size_t size) {
  return counted(size, alignof(std::max_align_t));
}
void* operator new[](std::size_t size) {
  return counted(size, alignof(std::max_align_t));
}
void* operator new(std::size_t size, std::align_val_t alignment) {
  return counted(size, static_cast<std::size_t>(alignment));
}
void* operator new[](std::size_t size, std::align_val_t alignment) {
  return counted(size, static_cast<std::size_t>(alignment));
}
void operator delete(void* memory) noexcept {
  std::free(memory);
}
void operator delete[](void* memory) noexcept {
  std::free(memory);
}
void operator delete(void* memory, std::size_t) noexcept {
  std::free(memory);
}
void operator delete[](void* memory, std::size_t) noexcept {
  std::free(memory);
}
void operator delete(void* memory, std::align_val_t) noexcept {
  std::free(memory);
}
void operator delete[](void* memory, std::align_val_t) noexcept {
  std::free(memory);
}
void operator delete(void* memory, std::size_t, std::align_val_t) noexcept {
  std::free(memory);
}
void operator delete[](void* memory, std::size_t, std::align_val_t) noexcept {
  std::free(memory);
}

namespace pome::compiler {
namespace {

using test::floats;
using test::mil;

/// Allocations of predictions 2 to 10, whose outputs stay in place; the first one warms up.
std::int64_t allocations_of(const test::Compiled& model, const std::vector<base::HostTensor>& in,
                            StateSet* state = nullptr) {
  std::vector<InputTensor> inputs;
  for (const auto& t : in) inputs.push_back({t.view().data, t.dtype(), t.dims(), {}});
  std::vector<base::HostTensor> outputs;
  base::Budget budget;
  RunOptions options;
  options.budget = &budget;
  model->predict(inputs, outputs, state, options);
  const auto before = allocations;
  for (int i = 0; i < 9; ++i) model->predict(inputs, outputs, state, options);
  return allocations - before;
}

/// Compiled for the CPU; nothing when a call of it goes elsewhere.
std::optional<test::Compiled> on_cpu(std::string_view text,
                                     std::shared_ptr<exec::Workers> workers = nullptr) {
  CompileOptions options;
  options.devices = {&devices::cpu_device()};
  options.workers = std::move(workers);
  auto model = test::compile_mil(text, std::move(options));
  const auto& lowered = model->lowered();
  for (std::size_t b = 0; b < lowered.calls.size(); ++b) {
    for (std::size_t i = 0; i < lowered.calls[b].size(); ++i) {
      const auto& call = lowered.calls[b][i];
      const bool view = lowered.flat.blocks[b].calls[i].def->alias == ops::Alias::view;
      if (call.kernel && !view && call.placement.device->name() != "cpu") return std::nullopt;
    }
  }
  return model;
}

std::string identity_weight() {
  std::string rows = "[";
  for (int i = 0; i < 32; ++i) {
    rows += i == 0 ? "[" : ", [";
    for (int k = 0; k < 32; ++k) rows += std::string(k == 0 ? "" : ", ") + (i == k ? "1" : "0");
    rows += "]";
  }
  return "tensor<fp16, [32, 32]>(" + rows + "])";
}

const std::string layers = R"(
    tensor<fp32, [8, 32]> a = linear(x = x, weight = )" +
                           identity_weight() + R"();
    tensor<fp32, [8, 32]> b = relu(x = a);
    tensor<fp32, [8, 32]> c = add(x = b, y = x);
    tensor<fp32, [256]> d = reshape(x = c, shape = tensor<int32, [1]>([256]));
    tensor<fp32, [256]> e = mul(x = d, y = fp32(2)); )";

base::HostTensor sample() {
  return floats({8, 32}, std::vector<float>(256, 1));
}

TEST(Allocation, OfThisProgramAreCounted) {
  const auto before = allocations;
  const auto one = std::make_unique<int>(3);
  const std::vector<double> two(5);
  EXPECT_EQ(allocations - before, 2);
}

TEST(Allocation, NoneInAStaticProgram) {
  const auto model = on_cpu(mil("tensor<fp32, [8, 32]> x", layers, "e, c, a"));
  if (!model) GTEST_SKIP() << "no kernels for this processor";
  EXPECT_EQ(allocations_of(*model, {sample()}), 0);
}

TEST(Allocation, NoneWithThreads) {
  const auto model = on_cpu(mil("tensor<fp32, [8, 32]> x", layers, "e"), exec::thread_pool(3));
  if (!model) GTEST_SKIP() << "no kernels for this processor";
  EXPECT_EQ(allocations_of(*model, {sample()}), 0);
}

TEST(Allocation, NoneWhereInputsAndOutputsAreConverted) {
  const auto model = on_cpu(mil("tensor<fp16, [8, 32]> x",
                                "tensor<fp16, [8, 32]> y = relu(x = x); tensor<fp16, [8, 32]> z = "
                                "add(x = y, y = x);",
                                "z"));
  if (!model) GTEST_SKIP() << "no kernels for this processor";
  EXPECT_EQ(allocations_of(*model, {sample()}), 0);
}

TEST(Allocation, NoneInLoopsAndBranches) {
  const auto model = on_cpu(mil("tensor<fp32, [4]> x, fp32 n", R"(
    fp32 i1, tensor<fp32, [4]> s1 = while_loop(loop_vars = (fp32(0), x))
      (fp32 ci, tensor<fp32, [4]> cs) { bool go = less(x = ci, y = n); } -> (go),
      (fp32 i, tensor<fp32, [4]> s) {
        fp32 i2 = add(x = i, y = fp32(1));
        bool late = greater(x = i, y = fp32(5));
        tensor<fp32, [4]> t = cond(pred = late) {
          tensor<fp32, [4]> u = add(x = s, y = x);
        } -> (u), {
          tensor<fp32, [4]> v = mul(x = s, y = fp32(2));
        } -> (v);
      } -> (i2, t); )",
                                "s1"));
  if (!model) GTEST_SKIP() << "a call is not placed on the CPU";
  EXPECT_EQ(allocations_of(*model, {floats({4}, {1, 2, 3, 4}), floats({}, {10})}), 0);
}

TEST(Allocation, NoneWithAState) {
  const auto model = on_cpu(mil("state<tensor<fp16, [8, 32]>> s, tensor<fp16, [8, 32]> x", R"(
    tensor<fp16, [8, 32]> old = read_state(input = s);
    tensor<fp16, [8, 32]> more = add(x = old, y = x);
    tensor<fp16, [8, 32]> new = coreml_update_state(state = s, value = more); )",
                                "new"));
  if (!model) GTEST_SKIP() << "no kernels for this processor";
  const auto state = (*model)->make_state();
  EXPECT_EQ(allocations_of(*model, {sample()}, state.get()), 0);
}

TEST(Allocation, NoneWithManyInputsAndOutputs) {
  std::string inputs;
  std::string body;
  std::string outputs;
  std::vector<base::HostTensor> in;
  for (int i = 0; i < 12; ++i) {
    const auto n = std::to_string(i);
    const std::string comma = i == 0 ? "" : ", ";
    inputs += comma + "tensor<fp32, [1, 1, 4]> x" + n;
    body += "tensor<fp32, [1, 1, 4]> y" + n + " = relu(x = x" + n + ");\n";
    outputs += comma + "y" + n;
    in.push_back(floats({1, 1, 4}, {1, 2, 3, 4}));
  }
  const auto model = on_cpu(mil(inputs, body, outputs));
  if (!model) GTEST_SKIP() << "no kernels for this processor";
  EXPECT_EQ(allocations_of(*model, in), 0);
}

}  // namespace
}  // namespace pome::compiler

#endif
