// States: what a prediction reads, what it leaves, who may use one at the same time.
#include <gmock/gmock.h>

#include <array>
#include <latch>
#include <thread>

#include "support/mil.h"
#include "support/pretend_device.h"

namespace pome::compiler {
namespace {

using test::compile_mil;
using test::complaint;
using test::floats;
using test::mil;
using test::PretendDevice;
using test::run;
using test::scalar;
using test::values;
using testing::ElementsAre;
using testing::HasSubstr;

/// sum += x; gives the sum before and behind the update.
std::string summing(std::string_view type = "fp32") {
  const std::string t = "tensor<" + std::string(type) + ", [2]>";
  return mil("state<" + t + "> sum, " + t + " x",
             t + " old = read_state(input = sum);\n" + t + " more = add(x = old, y = x);\n" + t +
                 " new = coreml_update_state(state = sum, value = more);\n" + t +
                 " before = identity(x = old);\n" + t + " now = read_state(input = sum);",
             "before, new, now");
}

TEST(State, StartsAtZeroAndIsKeptBetweenPredictions) {
  const auto model = compile_mil(summing());
  const auto state = model->make_state();
  auto out = run(model, {floats({2}, {1, 2})}, state.get());
  EXPECT_THAT(values(out[0]), ElementsAre(0, 0));
  EXPECT_THAT(values(out[1]), ElementsAre(1, 2));
  out = run(model, {floats({2}, {10, 20})}, state.get());
  EXPECT_THAT(values(out[0]), ElementsAre(1, 2)) << "a value that was read stays as it was";
  EXPECT_THAT(values(out[1]), ElementsAre(11, 22));
  EXPECT_THAT(values(out[2]), ElementsAre(11, 22));
}

TEST(State, TwoStatesOfOneModelAreIndependent) {
  const auto model = compile_mil(summing());
  const auto a = model->make_state();
  const auto b = model->make_state();
  run(model, {floats({2}, {1, 2})}, a.get());
  run(model, {floats({2}, {100, 200})}, b.get());
  EXPECT_THAT(values(run(model, {floats({2}, {1, 2})}, a.get())[1]), ElementsAre(2, 4));
  EXPECT_THAT(values(run(model, {floats({2}, {1, 2})}, b.get())[1]), ElementsAre(101, 202));
}

TEST(State, IsRoundedToItsDeclaredType) {
  const auto model = compile_mil(summing("fp16"));
  const auto state = model->make_state();
  // 2048 + 1 is halfway between two numbers of binary16: to even. In fp32 the sum would be 2049.
  run(model, {floats({2}, {2048, 0})}, state.get());
  run(model, {floats({2}, {1, 0})}, state.get());
  const StateSet::Use use(*state);
  EXPECT_THAT(values(use.tensors()[0]), ElementsAre(2048, 0));
}

TEST(State, AModelWithStatesAsksForOne) {
  const auto model = compile_mil(summing());
  EXPECT_THAT(complaint([&] { run(model, {floats({2}, {1, 2})}); }), HasSubstr("'sum'"));
}

TEST(State, AModelWithoutStatesTakesAnEmptyOne) {
  const auto model =
      compile_mil(mil("tensor<fp32, [2]> x", "tensor<fp32, [2]> y = relu(x = x);", "y"));
  const auto state = model->make_state();
  EXPECT_THAT(values(run(model, {floats({2}, {-1, 2})}, state.get())[0]), ElementsAre(0, 2));
  EXPECT_THAT(values(run(model, {floats({2}, {-1, 2})})[0]), ElementsAre(0, 2));
}

TEST(State, IsWrittenInALoopAndInABranch) {
  const auto model = compile_mil(mil("state<tensor<fp32, [2]>> s, tensor<fp32, [2]> x, int32 n", R"(
    int32 i1 = while_loop(loop_vars = (int32(0)))
      (int32 ci) { bool go = less(x = ci, y = n); } -> (go),
      (int32 i) {
        int32 i2 = add(x = i, y = int32(1));
        int32 rest = mod(x = i, y = int32(2));
        bool even = equal(x = rest, y = int32(0));
        int32 done = cond(pred = even) {
          tensor<fp32, [2]> old = read_state(input = s);
          tensor<fp32, [2]> more = add(x = old, y = x);
          write_state(input = s, data = more);
        } -> (i2), {
        } -> (i2);
      } -> (done);
    tensor<fp32, [2]> now = read_state(input = s); )",
                                     "now"));
  const auto state = model->make_state();
  // i = 0, 2, 4 are even.
  EXPECT_THAT(values(run(model, {floats({2}, {1, 5}), scalar(5)}, state.get())[0]),
              ElementsAre(3, 15));
  EXPECT_THAT(values(run(model, {floats({2}, {1, 5}), scalar(0)}, state.get())[0]),
              ElementsAre(3, 15));
}

TEST(State, IsWrittenBehindAShapeThatDependsOnData) {
  const auto model = compile_mil(mil("state<tensor<fp32, [1]>> s, tensor<fp32, [?]> x", R"(
    tensor<int32, [?, 1]> at = non_zero(x = x);
    tensor<fp32, [?]> some = gather_nd(x = x, indices = at);
    tensor<fp32, [1]> sum = reduce_sum(x = some, axes = tensor<int32, [1]>([0]),
        keep_dims = bool(true));
    tensor<fp32, [1]> old = read_state(input = s);
    tensor<fp32, [1]> more = add(x = old, y = sum);
    tensor<fp32, [1]> new = coreml_update_state(state = s, value = more); )",
                                     "new"));
  const auto state = model->make_state();
  run(model, {floats({3}, {1, 0, 2})}, state.get());
  EXPECT_THAT(values(run(model, {floats({2}, {0, 7})}, state.get())[0]), ElementsAre(10));
}

TEST(State, AnUpdateWithoutAReaderStays) {
  const auto model = compile_mil(mil("state<tensor<fp32, [1]>> s, tensor<fp32, [1]> x",
                                     "tensor<fp32, [1]> u = coreml_update_state(state = s, value "
                                     "= x); tensor<fp32, [1]> y = identity(x = x);",
                                     "y"));
  const auto state = model->make_state();
  run(model, {floats({1}, {5})}, state.get());
  const StateSet::Use use(*state);
  EXPECT_THAT(values(use.tensors()[0]), ElementsAre(5));
}

TEST(State, SeveralStatesAreKeptApart) {
  const auto model = compile_mil(
      mil("state<tensor<fp32, [1]>> a, state<tensor<int32, [2]>> b, tensor<fp32, [1]> x", R"(
    tensor<fp32, [1]> a1 = read_state(input = a);
    tensor<fp32, [1]> a2 = add(x = a1, y = x);
    tensor<fp32, [1]> a3 = coreml_update_state(state = a, value = a2);
    tensor<int32, [2]> b1 = read_state(input = b);
    tensor<int32, [2]> b2 = add(x = b1, y = tensor<int32, [2]>([1, 2]));
    tensor<int32, [2]> b3 = coreml_update_state(state = b, value = b2); )",
          "a3, b3"));
  const auto state = model->make_state();
  EXPECT_EQ(state->find("b"), 1U);
  EXPECT_THAT(complaint([&] { (void)state->find("c"); }), HasSubstr("there is no state 'c'"));
  run(model, {floats({1}, {0.5F})}, state.get());
  const auto out = run(model, {floats({1}, {0.5F})}, state.get());
  EXPECT_THAT(values(out[0]), ElementsAre(1));
  EXPECT_THAT(test::integers(out[1]), ElementsAre(2, 4));
}

TEST(State, ServesOnePredictionAtATime) {
  PretendDevice device("pretend");
  std::latch inside(1);
  std::latch leave(1);
  device.on_run = [&](exec::TaskContext&) {
    inside.count_down();
    leave.wait();
    return exec::Status{};
  };
  const auto model = compile_mil(summing(), {&device});
  const auto state = model->make_state();
  std::jthread first([&] { run(model, {floats({2}, {1, 2})}, state.get()); });
  inside.wait();
  EXPECT_THAT(complaint([&] {
                run(model, {floats({2}, {1, 2})}, state.get());
              }),
              HasSubstr("in use by another prediction"));
  leave.count_down();
  first.join();
  EXPECT_THAT(values(run(model, {floats({2}, {1, 2})}, state.get())[1]), ElementsAre(2, 4))
      << "the refused prediction changed nothing";
}

TEST(State, PredictionsAtTheSameTimeWithStatesOfTheirOwn) {
  const auto model = compile_mil(summing());
  constexpr int threads = 4;
  constexpr int rounds = 200;
  std::array<std::vector<float>, threads> sums;
  {
    std::vector<std::jthread> pool;
    for (int t = 0; t < threads; ++t) {
      pool.emplace_back([&, t] {
        const auto state = model->make_state();
        const auto x = floats({2}, {static_cast<float>(t), 1});
        for (int i = 0; i < rounds; ++i) sums[t] = values(run(model, {x}, state.get())[1]);
      });
    }
  }
  for (int t = 0; t < threads; ++t) {
    EXPECT_THAT(sums[t], ElementsAre(static_cast<float>(t * rounds), rounds)) << t;
  }
}

TEST(State, IsFreeAgainAfterAnError) {
  PretendDevice device("pretend");
  bool fails = true;
  device.on_run = [&](exec::TaskContext&) {
    return exec::Status{.code = fails ? exec::Code::out_of_memory : exec::Code::ok};
  };
  const auto model = compile_mil(summing(), {&device});
  const auto state = model->make_state();
  EXPECT_THAT(complaint([&] {
                run(model, {floats({2}, {1, 2})}, state.get());
              }),
              HasSubstr("out of memory"));
  fails = false;
  EXPECT_THAT(values(run(model, {floats({2}, {1, 2})}, state.get())[1]), ElementsAre(1, 2));
}

}  // namespace
}  // namespace pome::compiler
