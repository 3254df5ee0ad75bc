// Ends and limits: cancelled predictions, byte budgets, programs that are very long, deep or wide.
#include <gmock/gmock.h>

#include <chrono>
#include <thread>

#include "compiler/lowered.h"
#include "devices/cpu/cpu_device.h"
#include "support/mil.h"
#include "support/pretend_device.h"

namespace pome::compiler {
namespace {

using test::compile_mil;
using test::complaint;
using test::error_code;
using test::floats;
using test::integers;
using test::mil;
using test::PretendDevice;
using test::run;
using test::scalar;
using test::values;
using testing::ElementsAre;
using testing::HasSubstr;

constexpr int cancelled = static_cast<int>(ErrorCode::prediction_cancelled);
constexpr int out_of_memory = static_cast<int>(ErrorCode::out_of_memory);

const std::string three = mil("tensor<fp32, [2]> x", R"(
    tensor<fp32, [2]> a = add(x = x, y = fp32(1));
    tensor<fp32, [2]> b = relu(x = a);
    tensor<fp32, [2]> c = mul(x = b, y = fp32(3)); )",
                              "c");

TEST(Cancel, BeforeTheFirstStep) {
  PretendDevice device("pretend");
  const auto model = compile_mil(three, {&device});
  std::stop_source stop;
  stop.request_stop();
  RunOptions options;
  options.stop = stop.get_token();
  EXPECT_EQ(error_code([&] { run(model, {floats({2}, {1, 2})}, nullptr, options); }), cancelled);
  EXPECT_EQ(device.ran, 0);
}

TEST(Cancel, BetweenTwoSteps) {
  PretendDevice device("pretend");
  std::stop_source stop;
  device.on_run = [&](exec::TaskContext&) {
    if (device.ran == 2) stop.request_stop();
    return exec::Status{};
  };
  const auto model = compile_mil(three, {&device});
  RunOptions options;
  options.stop = stop.get_token();
  EXPECT_EQ(complaint([&] {
              run(model, {floats({2}, {1, 2})}, nullptr, options);
            }),
            "function 'main': operation 'c' (mul): the prediction was cancelled");
  EXPECT_EQ(device.ran, 2);
  EXPECT_THAT(values(run(model, {floats({2}, {1, 2})})[0]), ElementsAre(6, 9))
      << "the next prediction is whole";
}

TEST(Cancel, AKernelSeesTheRequest) {
  PretendDevice device("pretend");
  std::stop_source stop;
  bool seen = false;
  device.on_run = [&](exec::TaskContext& task) {
    seen = task.stop.stop_requested();
    stop.request_stop();
    seen = !seen && task.stop.stop_requested();
    return exec::Status{.code = exec::Code::cancelled};
  };
  const auto model = compile_mil(three, {&device});
  RunOptions options;
  options.stop = stop.get_token();
  EXPECT_EQ(error_code([&] { run(model, {floats({2}, {1, 2})}, nullptr, options); }), cancelled);
  EXPECT_TRUE(seen);
}

/// Cancels a prediction that would not end by itself.
int code_of_endless(std::string_view text, const std::vector<base::HostTensor>& inputs) {
  const auto model = compile_mil(text);
  std::stop_source stop;
  std::jthread later([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
    stop.request_stop();
  });
  RunOptions options;
  options.stop = stop.get_token();
  return error_code([&] { run(model, inputs, nullptr, options); });
}

TEST(Cancel, AnEndlessLoop) {
  EXPECT_EQ(code_of_endless(mil("int32 n", R"(
    int32 m = while_loop(loop_vars = (n))
      (int32 c) { bool go = less(x = c, y = int32(1)); } -> (go),
      (int32 b) { int32 same = mul(x = b, y = int32(1)); } -> (same); )",
                                "m"),
                            {scalar(0)}),
            cancelled);
}

TEST(Cancel, AnEndlessLoopWithoutOperations) {
  EXPECT_EQ(code_of_endless(mil("int32 n, bool p", R"(
    int32 m = while_loop(loop_vars = (n)) (int32 c) { } -> (p), (int32 b) { } -> (b); )",
                                "m"),
                            {scalar(0),
                             [] {
                               base::HostTensor yes(DataType::boolean, {});
                               yes.mutable_view().as<std::uint8_t>()[0] = 1;
                               return yes;
                             }()}),
            cancelled);
}

TEST(Cancel, AnEndlessLoopOfDynamicShapes) {
  EXPECT_EQ(code_of_endless(mil("tensor<fp32, [?]> x", R"(
    int32 i1, tensor<fp32, [?]> y = while_loop(loop_vars = (int32(0), x))
      (int32 ci, tensor<fp32, [?]> cx) { bool go = less(x = ci, y = int32(1)); } -> (go),
      (int32 i, tensor<fp32, [?]> v) {
        tensor<int32, [?, 1]> at = non_zero(x = v);
        tensor<fp32, [?]> w = gather_nd(x = v, indices = at);
        int32 same = mul(x = i, y = int32(1));
      } -> (same, w); )",
                                "y", "ios16"),
                            {floats({2}, {1, 2})}),
            cancelled);
}

// --- byte budgets ---

TEST(Budget, APredictionThatNeedsMoreIsRefusedInOneSentence) {
  const auto model = compile_mil(
      mil("tensor<fp32, [?, 1000]> x", "tensor<fp32, [?, 1000]> y = cumsum(x = x);", "y"));
  base::Budget budget(100000);
  RunOptions options;
  options.budget = &budget;
  const auto rows = [&](std::int64_t n) {
    return std::vector{floats({n, 1000}, std::vector<float>(static_cast<std::size_t>(n * 1000)))};
  };
  run(model, rows(2), nullptr, options);
  EXPECT_EQ(budget.used(), 0) << "given back";
  EXPECT_EQ(error_code([&] { run(model, rows(100), nullptr, options); }), out_of_memory);
  const auto text = complaint([&] { run(model, rows(100), nullptr, options); });
  EXPECT_THAT(text, HasSubstr("the memory of a prediction, most of it for operation 'y' (cumsum), "
                              "needs 800 kB"));
  EXPECT_THAT(text, HasSubstr("passes the limit of 100 kB"));
  EXPECT_EQ(budget.used(), 0);
}

TEST(Budget, CountsWhatGrowsWhileRunning) {
  // Doubles its length in every trip.
  const auto model = compile_mil(mil("tensor<fp32, [?]> x, int32 n", R"(
    int32 i1, tensor<fp32, [?]> x1 = while_loop(loop_vars = (int32(0), x))
      (int32 ci, tensor<fp32, [?]> cx) { bool go = less(x = ci, y = n); } -> (go),
      (int32 i, tensor<fp32, [?]> v) {
        int32 i2 = add(x = i, y = int32(1));
        tensor<fp32, [?]> w = concat(values = (v, v), axis = int32(0), interleave = bool(false));
      } -> (i2, w); )",
                                     "x1", "ios16"));
  base::Budget budget(1 << 20);
  RunOptions options;
  options.budget = &budget;
  EXPECT_EQ(run(model, {floats({1}, {1}), scalar(10)}, nullptr, options)[0].size(), 1024);
  EXPECT_EQ(budget.used(), 0);
  EXPECT_EQ(error_code([&] {
              run(model, {floats({1}, {1}), scalar(60)}, nullptr, options);
            }),
            out_of_memory);
  EXPECT_EQ(budget.used(), 0);
}

TEST(Budget, CountsListsThatGrow) {
  const auto model = compile_mil(mil("tensor<fp32, [1000]> x, int32 n", R"(
    list<tensor<fp32, [1000]>, ?> l = make_list(init_length = int32(1), elem_shape =
        tensor<int32, [1]>([1000]), dtype = string("fp32"));
    int32 i1, list<tensor<fp32, [1000]>, ?> l1 = while_loop(loop_vars = (int32(0), l))
      (int32 ci, list<tensor<fp32, [1000]>, ?> cl) { bool go = less(x = ci, y = n); } -> (go),
      (int32 i, list<tensor<fp32, [1000]>, ?> bl) {
        int32 i2 = add(x = i, y = int32(1));
        list<tensor<fp32, [1000]>, ?> l2 = list_write(ls = bl, index = i, value = x);
      } -> (i2, l2);
    int32 length = list_length(ls = l1); )",
                                     "length"));
  base::Budget budget(1 << 20);
  RunOptions options;
  options.budget = &budget;
  const auto x = floats({1000}, std::vector<float>(1000, 1));
  EXPECT_THAT(integers(run(model, {x, scalar(100)}, nullptr, options)[0]), ElementsAre(100));
  EXPECT_EQ(budget.used(), 0);
  EXPECT_EQ(error_code([&] { run(model, {x, scalar(1000)}, nullptr, options); }), out_of_memory);
  EXPECT_EQ(budget.used(), 0);
}

TEST(Budget, AFailedPredictionGivesBackWhatItTook) {
  PretendDevice device("pretend");
  device.on_run = [](exec::TaskContext&) { return exec::Status{.code = exec::Code::failed}; };
  const auto model = compile_mil(three, {&device});
  base::Budget budget;
  RunOptions options;
  options.budget = &budget;
  EXPECT_NE(complaint([&] { run(model, {floats({2}, {1, 2})}, nullptr, options); }), "");
  EXPECT_EQ(budget.used(), 0);
}

TEST(Budget, PackedWeightsCountForTheLoad) {
  std::string zeros = "[0";
  for (int i = 1; i < 5000; ++i) zeros += ", 0";
  const auto text = mil("tensor<fp32, [5000]> x",
                        "tensor<fp32, [5000]> w = const()[name = string(\"w\"), val = "
                        "tensor<fp32, [5000]>(" +
                            zeros +
                            "])];\n"
                            "tensor<fp32, [5000]> y = add(x = x, y = w);",
                        "y");
  const auto store = std::make_shared<exec::WeightStore>(
      [](const ir::BlobReference&, const ir::Type&) { return exec::BlobRange{}; },
      std::make_shared<base::Budget>(10000));
  const auto load = [&] { compile(test::parse_mil(text), "main", store, {}); };
  EXPECT_EQ(error_code(load), out_of_memory);
  EXPECT_THAT(complaint(load), HasSubstr("packed weights"));
}

TEST(Budget, SizesBeyondReasonAreRefusedInOneSentence) {
  const auto model = compile_mil(mil("tensor<int32, [2]> dims", R"(
    tensor<fp32, [?, ?]> y = fill(shape = dims, value = fp32(1));
    tensor<fp32, [?, ?]> z = relu(x = y); )",
                                     "z"));
  const auto sizes = [](int a, int b) { return std::vector{test::int32s({2}, {a, b})}; };
  EXPECT_EQ(run(model, sizes(2, 3))[0].size(), 6);
  EXPECT_EQ(error_code([&] { run(model, sizes(2000000000, 2000000000)); }), out_of_memory);
  EXPECT_EQ(error_code([&] { run(model, sizes(1000000, 1000000)); }), out_of_memory);
  EXPECT_EQ(error_code([&] { run(model, sizes(-1, 2)); }), static_cast<int>(ErrorCode::parameters));
}

TEST(Budget, AStateBeyondReasonIsRefused) {
  const auto text = mil("state<tensor<fp32, [2000000000, 2000000000]>> s, tensor<fp32, [1]> x",
                        "tensor<fp32, [1]> y = relu(x = x);", "y");
  EXPECT_EQ(error_code([&] { compile_mil(text)->make_state(); }), out_of_memory);
}

// --- long, deep, wide ---

std::string chain(int length) {
  std::string body;
  for (int i = 0; i < length; ++i) {
    body += "tensor<fp32, [2]> v" + std::to_string(i + 1) + " = add(x = v" + std::to_string(i) +
            ", y = fp32(1));\n";
  }
  return mil("tensor<fp32, [2]> v0", body, "v" + std::to_string(length));
}

TEST(Extent, TenThousandOperationsInAChain) {
  for (const exec::Device* device : {&devices::reference_device(), &devices::cpu_device()}) {
    const auto model = compile_mil(chain(10000), {device});
    EXPECT_THAT(values(run(model, {floats({2}, {0, 5})})[0]), ElementsAre(10000, 10005));
  }
}

TEST(Extent, TenThousandDeadOperationsInAChain) {
  auto text = chain(10000);
  text.replace(text.rfind("v10000"), 6, "v1");
  const auto model = compile_mil(text);
  EXPECT_EQ(model->lowered().flat.body().calls.size(), 1U);
}

/// cond in cond in cond: `depth` blocks around one addition a level.
std::string nested(int depth) {
  std::string head;
  std::string tail;
  for (int i = 0; i < depth; ++i) {
    const auto n = std::to_string(i);
    head += "tensor<fp32, [2]> r" + n + " = cond(pred = p) {\n";
    tail = "tensor<fp32, [2]> s" + n +
           " = add(x = " + (i + 1 == depth ? "x" : "r" + std::to_string(i + 1)) +
           ", y = fp32(1));\n} -> (s" + n + "), {\n} -> (x);\n" + tail;
  }
  std::string reversed;
  return mil("tensor<fp32, [2]> x, bool p", head + tail, "r0");
}

base::HostTensor truth(bool value) {
  base::HostTensor out(DataType::boolean, {});
  out.mutable_view().as<std::uint8_t>()[0] = value ? 1 : 0;
  return out;
}

TEST(Extent, BlocksAsDeepAsAllowed) {
  const auto model = compile_mil(nested(ir::max_block_depth - 1));
  EXPECT_THAT(values(run(model, {floats({2}, {0, 5}), truth(true)})[0]), ElementsAre(63, 68));
  EXPECT_THAT(values(run(model, {floats({2}, {0, 5}), truth(false)})[0]), ElementsAre(0, 5));
}

TEST(Extent, FiveHundredNestedBlocksAreRefused) {
  EXPECT_THAT(complaint([] { compile_mil(nested(500)); }), HasSubstr("nested too deep"));
}

TEST(Extent, BlocksTooDeepThatWereNotParsedAreRefused) {
  // The same program by the IR's own interface, as an import or a pass would make it.
  auto program = test::parse_mil(mil("tensor<fp32, [2]> x, bool p", "", "x"));
  auto* block = program->functions[0]->body.get();
  auto* x = block->inputs()[0].get();
  auto* p = block->inputs()[1].get();
  for (int i = 0; i < 500; ++i) {
    auto op = std::make_unique<ir::Op>("cond", "c" + std::to_string(i));
    op->set_argument("pred", ir::Binding(p));
    op->add_result("r" + std::to_string(i), x->type);
    auto& inner = op->add_block();
    op->add_block().set_outputs({x});
    inner.set_outputs({x});
    block->append(std::move(op));
    block = &inner;
  }
  EXPECT_THAT(complaint([&] { ir::verify(*program); }), HasSubstr("nested deeper than"));
}

TEST(Extent, AValueWithTenThousandUsers) {
  std::string body;
  std::string all;
  for (int i = 0; i < 10000; ++i) {
    const auto n = std::to_string(i);
    body += "tensor<fp32, [1]> w" + n + " = add(x = x, y = fp32(" + n + "));\n";
    all += (i == 0 ? "w" : ", w") + n;
  }
  body += "tensor<fp32, [10000]> y = concat(values = (" + all +
          "), axis = int32(0), interleave = bool(false));\n";
  for (const exec::Device* device : {&devices::reference_device(), &devices::cpu_device()}) {
    const auto out =
        run(compile_mil(mil("tensor<fp32, [1]> x", body, "y"), {device}), {floats({1}, {1})});
    EXPECT_EQ(values(out[0])[0], 1);
    EXPECT_EQ(values(out[0])[9999], 10000);
  }
}

TEST(Extent, AThousandInputsAndOutputs) {
  std::string inputs;
  std::string outputs;
  std::string body;
  std::vector<base::HostTensor> in;
  for (int i = 0; i < 1000; ++i) {
    const auto n = std::to_string(i);
    const std::string comma = i == 0 ? "" : ", ";
    inputs += comma + "tensor<fp32, [2]> x" + n;
    outputs += comma + "y" + n;
    body += "tensor<fp32, [2]> y" + n + " = add(x = x" + n + ", y = fp32(1));\n";
    in.push_back(floats({2}, {static_cast<float>(i), 0}));
  }
  const auto out = run(compile_mil(mil(inputs, body, outputs)), in);
  ASSERT_EQ(out.size(), 1000U);
  EXPECT_THAT(values(out[999]), ElementsAre(1000, 1));
}

}  // namespace
}  // namespace pome::compiler
