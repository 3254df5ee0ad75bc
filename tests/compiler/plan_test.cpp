// Plans of whole functions: memory that is shared over time holds what it should.
#include "compiler/plan.h"

#include <gmock/gmock.h>

#include <atomic>
#include <cstring>
#include <thread>

#include "compiler/run.h"
#include "devices/cpu/cpu_device.h"
#include "ops/resolve.h"
#include "support/interpreter.h"
#include "support/mil.h"
#include "support/pretend_device.h"
#include "support/random_program.h"

namespace pome::compiler {
namespace {

using base::HostTensor;
using test::floats;
using test::mil;
using test::PretendDevice;
using test::RandomProgram;
using test::values;

/// A function lowered and planned for its declared shapes.
struct Planned {
  std::shared_ptr<const Lowered> lowered;
  std::shared_ptr<Plan> plan;

  explicit Planned(std::string_view text, std::vector<const exec::Device*> devices = {}) {
    auto program = test::parse_mil(text);
    auto* function = program->find("main");
    ops::resolve(*function);
    ops::infer_types(*function);
    CompileOptions options;
    options.devices = std::move(devices);
    lowered = lower(program, *function, test::store_without_files(), std::move(options));
    plan = make_plan(lowered, 0, 0, lowered->facts, lowered->list_slots);
  }

  /// Overwrites the memory of the pooled context, so that nothing of an earlier run can help.
  void poison() const {
    auto context = plan->acquire();
    std::memset(context->arena.get(), 0xFF, plan->arena_bytes);
    plan->release(std::move(context));
  }

  std::vector<HostTensor> run(const std::vector<HostTensor>& inputs) const {
    exec::Slots slots;
    base::Budget budget;
    Run run(*lowered, slots, {}, budget);
    std::vector<void*> imports(inputs.size(), nullptr);  // staged, so that inputs lie in the arena
    const auto refs = run.root(plan, imports, [&](std::size_t i, void* to) {
      std::memcpy(to, inputs[i].view().data, inputs[i].byte_size());
    });
    std::vector<HostTensor> out;
    for (const auto& ref : refs) {
      out.emplace_back(ref.dtype, base::Dims(ref.shape()));
      std::memcpy(out.back().mutable_view().data, ref.data, out.back().byte_size());
    }
    return out;
  }
};

/// Each test runs thirty programs, from the parameter on.
class RandomPlan : public testing::TestWithParam<unsigned> {
 protected:
  template <typename Check>
  void each_program(Check&& check) {
    for (unsigned seed = GetParam(); seed < GetParam() + 30 && !HasFatalFailure(); ++seed) {
      const auto text = RandomProgram(seed).text(40);
      SCOPED_TRACE(text);
      check(text, seed);
    }
  }

  static void expect_like_interpreter(const Planned& planned, unsigned seed) {
    for (std::int32_t n = 0; n < 4; ++n) {
      const auto inputs = RandomProgram::inputs(seed + 500, n);
      const auto expected = test::Interpreter(planned.lowered->flat, inputs).run();
      planned.poison();
      const auto found = planned.run(inputs);
      ASSERT_EQ(found.size(), expected.size());
      for (std::size_t i = 0; i < found.size(); ++i) {
        ASSERT_EQ(values(found[i]), values(expected[i])) << "n = " << n;
      }
    }
  }
};

TEST_P(RandomPlan, GivesWhatValuesInMemoryOfTheirOwnGive) {
  each_program(
      [](const std::string& text, unsigned seed) { expect_like_interpreter(Planned(text), seed); });
}

TEST_P(RandomPlan, GivesTheSameOnTheCpu) {
  each_program([](const std::string& text, unsigned seed) {
    expect_like_interpreter(Planned(text, {&devices::cpu_device()}), seed);
  });
}

TEST_P(RandomPlan, BuffersAliveTogetherAreApart) {
  each_program([](const std::string& text, unsigned) {
    const Planned planned(text);
    const auto& buffers = planned.plan->buffers;
    for (std::size_t i = 0; i < buffers.size(); ++i) {
      for (std::size_t k = 0; k < i; ++k) {
        const auto& a = buffers[i];
        const auto& b = buffers[k];
        if (a.first > b.last || b.first > a.last) continue;
        ASSERT_TRUE(a.offset + a.size <= b.offset || b.offset + b.size <= a.offset)
            << i << " and " << k;
      }
    }
  });
}

TEST_P(RandomPlan, BuffersOfTheirOwnGiveTheSame) {
  each_program([](const std::string& text, unsigned seed) {
    const Planned packed(text);
    const Planned apart(text);
    std::size_t end = 0;
    for (auto& buffer : apart.plan->buffers) {
      buffer.offset = end;
      end += buffer.size;
    }
    apart.plan->arena_bytes = end;
    EXPECT_LE(packed.plan->arena_bytes, end);
    const auto inputs = RandomProgram::inputs(seed, 3);
    const auto a = packed.run(inputs);
    const auto b = apart.run(inputs);
    for (std::size_t i = 0; i < a.size(); ++i) ASSERT_EQ(values(a[i]), values(b[i]));
  });
}

INSTANTIATE_TEST_SUITE_P(Programs, RandomPlan, testing::Range(0U, 300U, 30U));

std::string chain(int length, std::string_view op) {
  std::string body;
  for (int i = 0; i < length; ++i) {
    body += "tensor<fp32, [256]> v" + std::to_string(i + 1) + " = " + std::string(op) + "(x = v" +
            std::to_string(i) + ");\n";
  }
  return mil("tensor<fp32, [256]> v0", body, "v" + std::to_string(length));
}

TEST(PlanMemory, AChainOfElementwiseOperationsWorksInPlace) {
  // 256 float32 are 1024 bytes: one buffer for the converted input, one for all results.
  EXPECT_EQ(Planned(chain(50, "relu")).plan->arena_bytes, 2048U);
}

TEST(PlanMemory, ResultsThatOverwriteNothingTakeTurns) {
  // cumsum is not elementwise. The input's buffer, and two for results in turn.
  EXPECT_EQ(Planned(chain(50, "cumsum")).plan->arena_bytes, 3072U);
}

TEST(PlanMemory, ViewsTakeNothing) {
  const Planned planned(mil("tensor<fp32, [16, 16]> x", R"(
    tensor<fp32, [16, 16]> a = relu(x = x);
    tensor<fp32, [256]> b = reshape(x = a, shape = tensor<int32, [1]>([256]));
    tensor<fp32, [1, 256]> c = expand_dims(x = b, axes = tensor<int32, [1]>([0]));
    tensor<fp32, [256]> d = squeeze(x = c, axes = tensor<int32, [1]>([0]));
    tensor<fp32, [256]> e = relu(x = d); )",
                            "e"));
  EXPECT_EQ(planned.plan->arena_bytes, 2048U);
  EXPECT_EQ(planned.plan->steps.size(), 2U);
}

TEST(PlanMemory, AWideFanOutHoldsWhatIsNeededAtOnce) {
  // 40 results of one value, added up at the end from the first on: all alive together.
  std::string body;
  for (int i = 0; i < 40; ++i) {
    body += "tensor<fp32, [256]> w" + std::to_string(i) + " = add(x = x, y = fp32(" +
            std::to_string(i) + "));\n";
  }
  for (int i = 0; i < 40; ++i) {
    body += "tensor<fp32, [256]> s" + std::to_string(i + 1) +
            " = add(x = " + (i == 0 ? "x" : "s" + std::to_string(i)) + ", y = w" +
            std::to_string(i) + ");\n";
  }
  const Planned planned(mil("tensor<fp32, [256]> x", body, "s40"));
  EXPECT_EQ(planned.plan->arena_bytes, 1024U * (1 + 40 + 1));
  const auto out = planned.run({floats({256}, std::vector<float>(256, 1))});
  // 1 + the sum of (1 + i) for i below 40
  EXPECT_EQ(values(out[0]), std::vector<float>(256, 1 + 40 + 780));
}

TEST(PlanCache, KeepsTheLatestUpToItsCapacity) {
  PlanCache cache(3);
  int made = 0;
  const auto get = [&](std::int64_t key) {
    return cache.get(base::Dims{key}, [&] {
      ++made;
      return std::make_shared<Plan>();
    });
  };
  const auto first = get(1);
  get(2);
  get(3);
  EXPECT_EQ(get(1), first);
  EXPECT_EQ(made, 3);
  get(4);  // displaces 2
  EXPECT_EQ(cache.size(), 3U);
  EXPECT_EQ(get(1), first);
  EXPECT_EQ(get(3).use_count(), 2);
  EXPECT_EQ(made, 4);
  get(2);
  EXPECT_EQ(made, 5);
}

TEST(PlanCache, KeepsNothingOfAPlanThatCouldNotBeMade) {
  PlanCache cache(3);
  EXPECT_THROW(
      cache.get(base::Dims{1},
                []() -> std::shared_ptr<Plan> { throw Error(ErrorCode::parameters, "no"); }),
      Error);
  EXPECT_EQ(cache.size(), 0U);
}

TEST(PlanCache, GivesAllThreadsTheSamePlan) {
  PlanCache cache(8);
  std::vector<std::shared_ptr<Plan>> found(4);
  {
    std::vector<std::jthread> threads;
    for (auto& plan : found) {
      threads.emplace_back([&] {
        for (std::int64_t i = 0; i < 2000; ++i) {
          cache.get(base::Dims{i % 7}, [] { return std::make_shared<Plan>(); });
        }
        plan = cache.get(base::Dims{3}, [] { return std::make_shared<Plan>(); });
      });
    }
  }
  EXPECT_THAT(found, testing::Each(found[0]));
  EXPECT_EQ(cache.size(), 7U);
}

}  // namespace
}  // namespace pome::compiler
