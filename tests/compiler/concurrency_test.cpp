// Many predictions on one executable at the same time. Worth most under ThreadSanitizer.
#include <gmock/gmock.h>

#include <atomic>
#include <thread>

#include "devices/cpu/cpu_device.h"
#include "exec/thread_pool.h"
#include "support/mil.h"

namespace pome::compiler {
namespace {

using test::floats;
using test::mil;
using test::run;
using test::scalar;
using test::values;

constexpr int threads = 4;
constexpr int rounds = 200;

CompileOptions everything() {
  CompileOptions options;
  options.devices = {&devices::cpu_device()};
  options.workers = exec::thread_pool(3);
  return options;
}

/// Runs body(thread, round) on four threads; an Error there is a failure here.
template <typename Body>
void on_threads(Body&& body) {
  std::vector<std::jthread> pool;
  for (int t = 0; t < threads; ++t) {
    pool.emplace_back([&, t] {
      for (int i = 0; i < rounds; ++i) {
        EXPECT_EQ(test::complaint([&] { body(t, i); }), "");
      }
    });
  }
}

TEST(Concurrency, OneModelWithManyShapes) {
  const auto model = test::compile_mil(mil("tensor<fp32, [?, 2]> x", R"(
    tensor<fp32, [?, 3]> y = linear(x = x, weight = tensor<fp32, [3, 2]>([[1, 0], [0, 1], [1, 1]]),
        bias = tensor<fp32, [3]>([0, 0, 1]));
    tensor<fp32, [?, 3]> z = relu(x = y);
    tensor<fp32, [?, 1]> s = reduce_sum(x = z, axes = tensor<int32, [1]>([1]),
        keep_dims = bool(true));
    tensor<fp32, [?, 3]> w = add(x = z, y = s); )",
                                           "w"),
                                       everything());
  std::atomic<int> wrong = 0;
  on_threads([&](int t, int i) {
    // More shapes than are kept planned, so that plans come and go under way.
    const std::int64_t rows = 1 + (i * 7 + t * 13) % 90;
    const auto a = static_cast<float>(t + 1);
    std::vector<float> x;
    for (std::int64_t r = 0; r < rows; ++r) x.insert(x.end(), {a, static_cast<float>(r)});
    const auto out = values(run(model, {floats({rows, 2}, x)})[0]);
    for (std::int64_t r = 0; r < rows; ++r) {
      // z = [a, r, a + r + 1], s = 2 a + 2 r + 1
      const auto b = static_cast<float>(r);
      const auto s = 2 * a + 2 * b + 1;
      const auto* row = out.data() + 3 * r;
      if (row[0] != a + s || row[1] != b + s || row[2] != a + b + 1 + s) ++wrong;
    }
  });
  EXPECT_EQ(wrong, 0);
  EXPECT_EQ(model->planned_signatures(), 64);
}

TEST(Concurrency, ShapesThatDependOnData) {
  const auto model = test::compile_mil(mil("tensor<fp32, [?]> x, int32 n", R"(
    tensor<int32, [?, 1]> at = non_zero(x = x);
    tensor<fp32, [?]> some = gather_nd(x = x, indices = at);
    int32 i1, tensor<fp32, [?]> v1 = while_loop(loop_vars = (int32(0), some))
      (int32 ci, tensor<fp32, [?]> cv) { bool go = less(x = ci, y = n); } -> (go),
      (int32 i, tensor<fp32, [?]> v) {
        int32 i2 = add(x = i, y = int32(1));
        tensor<fp32, [?]> w = concat(values = (v, v), axis = int32(0), interleave = bool(false));
      } -> (i2, w);
    tensor<fp32, [1]> sum = reduce_sum(x = v1, axes = tensor<int32, [1]>([0]),
        keep_dims = bool(true)); )",
                                           "sum", "ios16"),
                                       everything());
  std::atomic<int> wrong = 0;
  on_threads([&](int t, int i) {
    // 1 .. k with zeros between, doubled n times: k (k + 1) / 2 * 2^n
    const int k = 1 + (i + 5 * t) % 40;
    const int n = (i + t) % 4;
    std::vector<float> x;
    for (int v = 1; v <= k; ++v) x.insert(x.end(), {0, static_cast<float>(v)});
    const auto out = run(model, {floats({2 * k}, x), scalar(n)});
    if (values(out[0])[0] != static_cast<float>((k * (k + 1) / 2) << n)) ++wrong;
  });
  EXPECT_EQ(wrong, 0);
}

TEST(Concurrency, ListsAndLoops) {
  const auto model = test::compile_mil(mil("tensor<fp32, [2]> x, int32 n", R"(
    list<tensor<fp32, [2]>, ?> l = make_list(init_length = int32(1), elem_shape =
        tensor<int32, [1]>([2]), dtype = string("fp32"));
    int32 i1, list<tensor<fp32, [2]>, ?> l1 = while_loop(loop_vars = (int32(0), l))
      (int32 ci, list<tensor<fp32, [2]>, ?> cl) { bool go = less(x = ci, y = n); } -> (go),
      (int32 i, list<tensor<fp32, [2]>, ?> bl) {
        int32 i2 = add(x = i, y = int32(1));
        fp32 f = cast(x = i, dtype = string("fp32"));
        tensor<fp32, [2]> v = mul(x = x, y = f);
        list<tensor<fp32, [2]>, ?> l2 = list_write(ls = bl, index = i, value = v);
      } -> (i2, l2);
    int32 last = sub(x = i1, y = int32(1));
    tensor<fp32, [2]> y = list_read(ls = l1, index = last); )",
                                           "y"),
                                       everything());
  std::atomic<int> wrong = 0;
  on_threads([&](int t, int i) {
    const auto a = static_cast<float>(t + 1);
    const int n = 1 + i % 10;
    const auto out = values(run(model, {floats({2}, {a, -a}), scalar(n)})[0]);
    const auto expected = a * static_cast<float>(n - 1);
    if (out[0] != expected || out[1] != -expected) ++wrong;
  });
  EXPECT_EQ(wrong, 0);
}

TEST(Concurrency, APredictionKeepsWhatItNeedsWhenTheModelGoes) {
  // The last handle is dropped by the predicting threads themselves, in any order.
  for (int round = 0; round < 50; ++round) {
    auto model = test::compile_mil(
        mil("tensor<fp32, [?]> x", "tensor<fp32, [?]> y = relu(x = x);", "y"), everything());
    std::vector<std::jthread> pool;
    for (int t = 0; t < threads; ++t) {
      pool.emplace_back([mine = model.executable] {
        const std::vector<base::HostTensor> x{floats({3}, {-1, 2, 3})};
        EXPECT_EQ(values(run(*mine, x)[0])[1], 2);
      });
    }
    model.executable = nullptr;
  }
}

}  // namespace
}  // namespace pome::compiler
