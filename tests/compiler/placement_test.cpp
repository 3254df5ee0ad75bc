// Devices that refuse, prefer, fail: where operations run and what becomes of errors.
#include <gmock/gmock.h>

#include <stdexcept>

#include "compiler/lowered.h"
#include "support/mil.h"
#include "support/pretend_device.h"
#include "support/random_program.h"

namespace pome::compiler {
namespace {

using exec::CallSite;
using exec::Support;
using test::compile_mil;
using test::complaint;
using test::error_code;
using test::floats;
using test::mil;
using test::PretendDevice;
using test::RandomProgram;
using test::run;
using test::values;
using testing::ElementsAre;
using testing::HasSubstr;

const std::string chain = mil("tensor<fp32, [2]> x", R"(
    tensor<fp32, [2]> a = add(x = x, y = fp32(1));
    tensor<fp32, [2]> b = relu(x = a);
    tensor<fp32, [2]> c = mul(x = b, y = fp32(3));
    tensor<fp32, [2]> d = sub(x = c, y = a); )",
                              "d");

/// Names of the devices of a function's calls, in order.
std::vector<std::string> devices_of(const test::Compiled& model) {
  std::vector<std::string> names;
  for (const auto& call : model->lowered().calls[0]) {
    names.emplace_back(call.placement.device->name());
  }
  return names;
}

auto only(std::vector<std::string_view> operations) {
  return [operations](const CallSite& site) {
    const bool yes = std::ranges::find(operations, site.call->def->name) != operations.end();
    return yes ? Support{} : Support::no("it knows a few operations only");
  };
}

TEST(Placement, FollowsWhatDevicesSupportAndCost) {
  PretendDevice small("small");
  PretendDevice large("large");
  small.on_supports = only({"add", "relu"});
  small.on_cost = [](const CallSite& site) { return site.call->def->name == "add" ? 1.0 : 9.0; };
  large.on_supports = only({"add", "relu", "mul"});
  large.on_cost = [](const CallSite&) { return 5.0; };
  const auto model = compile_mil(chain, {&small, &large});
  EXPECT_THAT(devices_of(model), ElementsAre("small", "large", "large", "reference"));
  EXPECT_THAT(values(run(model, {floats({2}, {1, -5})})[0]), ElementsAre(4, 4));
  EXPECT_EQ(small.ran, 1);
  EXPECT_EQ(large.ran, 2);
}

TEST(Placement, EqualCostsGoToTheFirstDevice) {
  PretendDevice first("first");
  PretendDevice second("second");
  EXPECT_THAT(devices_of(compile_mil(chain, {&first, &second})), testing::Each("first"));
}

TEST(Placement, TheReferenceDeviceDoesNotCompete) {
  PretendDevice slow("slow");
  slow.on_cost = [](const CallSite&) { return 1e9; };
  EXPECT_THAT(devices_of(compile_mil(chain, {&slow})), testing::Each("slow"));
  EXPECT_THAT(devices_of(compile_mil(chain, {&devices::reference_device(), &slow})),
              testing::Each("slow"))
      << "named first, it still comes last";
}

TEST(Placement, KeepsTheReasonsOfRefusals) {
  PretendDevice first("first");
  PretendDevice second("second");
  first.on_supports = [](const CallSite&) { return Support::no("it is resting"); };
  second.on_supports = only({"add"});
  const auto model = compile_mil(chain, {&first, &second});
  const auto& refusals = model->lowered().calls[0][1].placement.refusals;
  ASSERT_EQ(refusals.size(), 2U);
  EXPECT_EQ(refusals[0].device, "first");
  EXPECT_EQ(refusals[0].reason, "it is resting");
  EXPECT_EQ(refusals[1].device, "second");
  EXPECT_EQ(refusals[1].reason, "it knows a few operations only");
}

TEST(Placement, AnErrorWhileKernelsArePreparedNamesDeviceAndOperation) {
  PretendDevice device("pretend");
  device.on_prepare = [](const CallSite& site) {
    if (site.call->def->name == "mul") {
      throw Error(ErrorCode::parameters, site.call->op->place() + ": its weight is odd");
    }
  };
  EXPECT_EQ(complaint([&] { compile_mil(chain, {&device}); }),
            "function 'main': operation 'c' (mul): its weight is odd");
}

/// What a prediction says when the third kernel gives this status.
std::string failure(const exec::Status& status, int* code = nullptr) {
  PretendDevice device("pretend");
  device.on_run = [&](exec::TaskContext&) { return device.ran == 3 ? status : exec::Status{}; };
  const auto model = compile_mil(chain, {&device});
  std::string text;
  const auto call = [&] {
    try {
      run(model, {floats({2}, {1, 2})});
    } catch (const Error& error) {
      text = error.what();
      throw;
    }
  };
  const int found = error_code(call);
  if (code) *code = found;
  // The failed prediction gave its memory back; the next one is whole.
  EXPECT_THAT(values(run(model, {floats({2}, {1, -5})})[0]), ElementsAre(4, 4));
  return text;
}

TEST(Failure, OfAKernelNamesTheOperation) {
  int code = 0;
  EXPECT_EQ(failure({.code = exec::Code::bad_index, .payload = {9, 4}}, &code),
            "function 'main': operation 'c' (mul): index 9 is outside a dimension of 4");
  EXPECT_EQ(code, static_cast<int>(ErrorCode::parameters));
  EXPECT_EQ(failure({.code = exec::Code::division_by_zero}),
            "function 'main': operation 'c' (mul): integer division by zero");
  EXPECT_EQ(failure({.code = exec::Code::out_of_memory}, &code),
            "function 'main': operation 'c' (mul): out of memory");
  EXPECT_EQ(code, static_cast<int>(ErrorCode::out_of_memory));
  EXPECT_EQ(failure({.code = exec::Code::cancelled}, &code),
            "function 'main': operation 'c' (mul): the prediction was cancelled");
  EXPECT_EQ(code, static_cast<int>(ErrorCode::prediction_cancelled));
  EXPECT_EQ(failure({.code = exec::Code::failed}), "function 'main': operation 'c' (mul): failed");
}

TEST(Failure, AnErrorOfAKernelGetsItsPlace) {
  PretendDevice device("pretend");
  device.on_run = [](exec::TaskContext& task) {
    task.error = std::make_exception_ptr(Error(ErrorCode::parameters, "the dice fell badly"));
    return exec::Status{.code = exec::Code::failed};
  };
  const auto model = compile_mil(chain, {&device});
  const auto text = complaint([&] { run(model, {floats({2}, {1, 2})}); });
  EXPECT_THAT(text, HasSubstr("the dice fell badly"));
  EXPECT_THAT(text, HasSubstr("function 'main'"));
}

TEST(Failure, WhenMemoryRunsOutInAKernelIsAnErrorOfPome) {
  PretendDevice device("pretend");
  device.on_run = [](exec::TaskContext& task) {
    task.error = std::make_exception_ptr(std::bad_alloc());
    return exec::Status{.code = exec::Code::failed};
  };
  const auto model = compile_mil(chain, {&device});
  EXPECT_EQ(error_code([&] {
              run(model, {floats({2}, {1, 2})});
            }),
            static_cast<int>(ErrorCode::out_of_memory));
}

TEST(Failure, LeavesTheOutputsAsTheyWere) {
  PretendDevice device("pretend");
  device.on_run = [&](exec::TaskContext&) {
    return exec::Status{.code = device.ran == 8 ? exec::Code::failed : exec::Code::ok};
  };
  const auto model = compile_mil(chain, {&device});
  const auto x = floats({2}, {1, -5});
  const std::vector<InputTensor> in{{x.view().data, x.dtype(), x.dims(), {}}};
  std::vector<base::HostTensor> out;
  model->predict(in, out, nullptr, {});
  EXPECT_EQ(error_code([&] { model->predict(in, out, nullptr, {}); }),
            static_cast<int>(ErrorCode::generic));
  EXPECT_THAT(values(out[0]), ElementsAre(4, 4));
}

void expect_same_on_mixed_devices(unsigned seed) {
  const auto text = RandomProgram(seed).text(25);
  SCOPED_TRACE(text);
  PretendDevice odd("odd");
  PretendDevice even("even");
  int calls = 0;
  odd.on_supports = [&](const CallSite&) {
    return ++calls % 3 == 0 ? Support::no("not this one") : Support{};
  };
  odd.on_cost = [&](const CallSite&) { return calls % 2; };
  even.on_cost = [](const CallSite&) { return 0.5; };
  const auto mixed = compile_mil(text, {&odd, &even});
  const auto plain = compile_mil(text);
  for (std::int32_t n = 0; n < 4; ++n) {
    const auto in = RandomProgram::inputs(seed + 1000, n);
    const auto found = run(mixed, in);
    const auto expected = run(plain, in);
    for (std::size_t i = 0; i < found.size(); ++i) {
      ASSERT_EQ(values(found[i]), values(expected[i]));
    }
  }
  EXPECT_GT(odd.ran, 0);
  EXPECT_GT(even.ran, 0);
}

TEST(Placement, CallsOnThreeDevicesByChanceComputeWhatTheReferenceComputes) {
  for (unsigned seed = 0; seed < 60 && !HasFailure(); ++seed) expect_same_on_mixed_devices(seed);
}

}  // namespace
}  // namespace pome::compiler
