// Shapes that depend on data: what runs behind them, inside and around control flow.
#include <gmock/gmock.h>

#include "support/mil.h"
#include "support/pretend_device.h"

namespace pome::compiler {
namespace {

using test::compile_mil;
using test::complaint;
using test::floats;
using test::int32s;
using test::integers;
using test::mil;
using test::PretendDevice;
using test::run;
using test::scalar;
using test::shape;
using test::values;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

/// The elements of x [?] that are not zero, doubled, their number and their sum plus 1.
std::string picked() {
  return mil("tensor<fp32, [?]> x", R"(
    tensor<fp32, [?]> before = mul(x = x, y = fp32(2));
    tensor<int32, [?, 1]> at = non_zero(x = x);
    tensor<fp32, [?]> some = gather_nd(x = before, indices = at);
    tensor<int32, [1]> sizes = shape(x = some);
    tensor<fp32, [1]> sum = reduce_sum(x = some, axes = tensor<int32, [1]>([0]),
        keep_dims = bool(true));
    tensor<fp32, [1]> more = add(x = sum, y = fp32(1)); )",
             "at, some, sizes, more", "ios16");
}

TEST(DynamicShape, FeedsDynamicAndStaticOperations) {
  const auto model = compile_mil(picked());
  const auto out = run(model, {floats({6}, {0, 3, 0, -1, 5, 0})});
  EXPECT_THAT(shape(out[0]), ElementsAre(3, 1));
  EXPECT_THAT(integers(out[0]), ElementsAre(1, 3, 4));
  EXPECT_THAT(values(out[1]), ElementsAre(6, -2, 10));
  EXPECT_THAT(integers(out[2]), ElementsAre(3));
  EXPECT_THAT(values(out[3]), ElementsAre(15));
}

TEST(DynamicShape, MayBeEmpty) {
  const auto out = run(compile_mil(picked()), {floats({3}, {0, 0, 0})});
  EXPECT_THAT(shape(out[0]), ElementsAre(0, 1));
  EXPECT_THAT(shape(out[1]), ElementsAre(0));
  EXPECT_THAT(integers(out[2]), ElementsAre(0));
  EXPECT_THAT(values(out[3]), ElementsAre(1));
}

TEST(DynamicShape, IsPlannedOnceForEachSizeThatComesOut) {
  PretendDevice device("pretend");
  const auto model = compile_mil(picked(), {&device});
  const auto plans = [&](std::vector<float> x) {
    const int before = device.planned;
    const auto n = static_cast<std::int64_t>(x.size());
    run(model, {floats({n}, x)});
    return device.planned - before;
  };
  const int prepared = device.prepared;
  EXPECT_GT(plans({1, 0, 2}), 0);
  EXPECT_EQ(plans({0, 3, 1}), 0) << "two elements again, at other places";
  EXPECT_GT(plans({4, 3, 1}), 0) << "three elements";
  EXPECT_EQ(plans({7, 8, 0}), 0);
  EXPECT_EQ(device.prepared, prepared);
  EXPECT_EQ(model->planned_signatures(), 1);
}

TEST(DynamicShape, AConstantUnderAnotherShapeIsReadOnTheOtherSide) {
  // 40 elements: more than inference computes with. `c` is made before the shape is known, and
  // needed behind it.
  std::string many = "[";
  for (int i = 0; i < 2000; ++i) many += (i == 0 ? "" : ", ") + std::to_string(i % 7);
  many += "]";
  const auto model = compile_mil(
      mil("tensor<fp32, [2]> x",
          "tensor<fp32, [2000]> w = const()[name = string(\"w\"), val = tensor<fp32, [2000]>(" +
              many + ")];\n" + R"(
    tensor<fp32, [1000, 2]> c = reshape(x = w, shape = tensor<int32, [2]>([1000, 2]));
    tensor<fp32, [1000, 2]> used = add(x = c, y = x);
    tensor<int32, [?, 1]> at = non_zero(x = x);
    tensor<int32, [2]> count = shape(x = at);
    tensor<fp32, [2]> first = slice_by_index(x = c, begin = tensor<int32, [2]>([2, 0]),
        end = tensor<int32, [2]>([3, 2]), squeeze_mask = tensor<bool, [2]>([true, false])); )",
          "count, first, used", "ios16"));
  const auto out = run(model, {floats({2}, {1, 1})});
  EXPECT_THAT(integers(out[0]), ElementsAre(2, 1));
  EXPECT_THAT(values(out[1]), ElementsAre(4, 5));
}

TEST(DynamicShape, AnInputUnderAnotherShapeIsReadOnTheOtherSide) {
  const auto model = compile_mil(mil("tensor<fp32, [4]> x", R"(
    tensor<fp32, [2, 2]> square = reshape(x = x, shape = tensor<int32, [2]>([2, 2]));
    tensor<int32, [?, 1]> at = non_zero(x = x);
    tensor<fp32, [4]> some = relu(x = x);
    tensor<fp32, [2]> sums = reduce_sum(x = square, axes = tensor<int32, [1]>([1]),
        keep_dims = bool(false)); )",
                                     "sums, at, some", "ios16"));
  EXPECT_THAT(values(run(model, {floats({4}, {1, 2, 3, 4})})[0]), ElementsAre(3, 7));
}

TEST(DynamicShape, ValuesFromSeveralPartsMeet) {
  const auto model = compile_mil(mil("tensor<fp32, [?]> x, tensor<fp32, [?]> y", R"(
    tensor<fp32, [?]> x1 = add(x = x, y = fp32(1));
    tensor<int32, [?, 1]> i = non_zero(x = x);
    tensor<fp32, [?]> p = gather_nd(x = x1, indices = i);
    tensor<fp32, [?]> y1 = add(x = y, y = fp32(2));
    tensor<int32, [?, 1]> j = non_zero(x = y);
    tensor<fp32, [?]> q = gather_nd(x = y1, indices = j);
    tensor<fp32, [?]> both = concat(values = (p, q), axis = int32(0), interleave = bool(false));
    tensor<int32, [?, 1]> k = non_zero(x = both);
    tensor<fp32, [?]> r = gather_nd(x = both, indices = k);
    tensor<fp32, [?]> s = mul(x = r, y = fp32(10)); )",
                                     "both, s", "ios16"));
  const auto out = run(model, {floats({3}, {-1, 0, 4}), floats({4}, {0, 7, -2, 0})});
  EXPECT_THAT(values(out[0]), ElementsAre(0, 5, 9, 0));
  EXPECT_THAT(values(out[1]), ElementsAre(50, 90));
}

TEST(DynamicShape, InsideCond) {
  const auto model = compile_mil(mil("tensor<fp32, [4]> x, int32 n", R"(
    bool p = greater(x = n, y = int32(0));
    tensor<fp32, [4]> twice = mul(x = x, y = fp32(2));
    tensor<fp32, [?]> y = cond(pred = p) {
      tensor<int32, [?, 1]> at = non_zero(x = x);
      tensor<fp32, [?]> some = gather_nd(x = twice, indices = at);
    } -> (some), {
    } -> (x);
    tensor<fp32, [1]> sum = reduce_sum(x = y, axes = tensor<int32, [1]>([0]),
        keep_dims = bool(true)); )",
                                     "y, sum", "ios16"));
  auto out = run(model, {floats({4}, {0, 1, 2, 0}), scalar(1)});
  EXPECT_THAT(values(out[0]), ElementsAre(2, 4));
  EXPECT_THAT(values(out[1]), ElementsAre(6));
  out = run(model, {floats({4}, {0, 1, 2, 0}), scalar(0)});
  EXPECT_THAT(values(out[0]), ElementsAre(0, 1, 2, 0));
  EXPECT_THAT(values(out[1]), ElementsAre(3));
}

TEST(DynamicShape, ALoopVariableMayGrow) {
  const auto model = compile_mil(mil("tensor<fp32, [?]> x, int32 n", R"(
    int32 i1, tensor<fp32, [?]> x1 = while_loop(loop_vars = (int32(0), x))
      (int32 ci, tensor<fp32, [?]> cx) { bool go = less(x = ci, y = n); } -> (go),
      (int32 i, tensor<fp32, [?]> v) {
        int32 i2 = add(x = i, y = int32(1));
        tensor<fp32, [?]> v1 = add(x = v, y = fp32(1));
        tensor<fp32, [?]> v2 = concat(values = (v1, v), axis = int32(0), interleave = bool(false));
      } -> (i2, v2);
    tensor<fp32, [?]> y = mul(x = x1, y = fp32(2)); )",
                                     "x1, y", "ios16"));
  auto out = run(model, {floats({1}, {0}), scalar(3)});
  // [0] -> [1 0] -> [2 1 1 0] -> [3 2 2 1 2 1 1 0]
  EXPECT_THAT(values(out[0]), ElementsAre(3, 2, 2, 1, 2, 1, 1, 0));
  EXPECT_THAT(values(out[1]), ElementsAre(6, 4, 4, 2, 4, 2, 2, 0));
  out = run(model, {floats({2}, {5, 6}), scalar(0)});
  EXPECT_THAT(values(out[0]), ElementsAre(5, 6));
}

TEST(DynamicShape, InsideALoopOfStaticVariables) {
  // Halving below until nothing is left: counts trips, and sums what is left after each.
  const auto model = compile_mil(mil("tensor<int32, [4]> x", R"(
    int32 i1, tensor<int32, [4]> x1, int32 s1 = while_loop(loop_vars = (int32(0), x, int32(0)))
      (int32 ci, tensor<int32, [4]> cx, int32 cs) {
        int32 most = reduce_max(x = cx, axes = tensor<int32, [1]>([0]), keep_dims = bool(false));
        bool go = greater(x = most, y = int32(0)); } -> (go),
      (int32 i, tensor<int32, [4]> v, int32 s) {
        int32 i2 = add(x = i, y = int32(1));
        tensor<int32, [4]> v2 = floor_div(x = v, y = int32(2));
        tensor<int32, [?, 1]> at = non_zero(x = v2);
        tensor<int32, [?]> left = gather_nd(x = v2, indices = at);
        int32 sum = reduce_sum(x = left, axes = tensor<int32, [1]>([0]), keep_dims = bool(false));
        int32 s2 = add(x = s, y = sum);
      } -> (i2, v2, s2); )",
                                     "i1, s1", "ios16"));
  // 9 4 0 1: 4 2 0 0 (6), 2 1 0 0 (3), 1 0 0 0 (1), 0 (0).
  const auto out = run(model, {int32s({4}, {9, 4, 0, 1})});
  EXPECT_THAT(integers(out[0]), ElementsAre(4));
  EXPECT_THAT(integers(out[1]), ElementsAre(10));
}

TEST(DynamicShape, ListsChangePlacesInALoop) {
  const std::string l = "list<tensor<fp32, [?]>, ?>";
  const std::string make =
      " = make_list(init_length = int32(1), elem_shape = tensor<int32, [1]>([-1]), dtype = "
      "string(\"fp32\"));\n";
  const auto model = compile_mil(mil(
      "tensor<fp32, [?]> x, int32 n",
      l + " e" + make + l + " f" + make + l +
          " p = list_write(ls = e, index = int32(0), value = x);\n" +
          "tensor<int32, [?, 1]> at = non_zero(x = x); tensor<fp32, [?]> some = gather_nd(x = x, "
          "indices = at);\n" +
          l + " q = list_write(ls = f, index = int32(0), value = some);\n" + "int32 i1, " + l +
          " p1, " + l + " q1 = while_loop(loop_vars = (int32(0), p, q)) (int32 ci, " + l + " cp, " +
          l + " cq) { bool go = less(x = ci, y = n); } -> (go), (int32 i, " + l + " bp, " + l +
          " bq) { int32 i2 = add(x = i, y = int32(1)); tensor<fp32, [?]> look = list_read(ls = bp, "
          "index = int32(0)); } -> (i2, bq, bp);\n"
          "tensor<fp32, [?]> u = list_read(ls = p1, index = int32(0));"
          "tensor<fp32, [?]> v = list_read(ls = q1, index = int32(0));",
      "u, v", "ios16"));
  for (const int n : {0, 1, 2}) {
    const auto out = run(model, {floats({3}, {0, 8, 9}), scalar(n)});
    EXPECT_EQ(shape(out[0])[0], n % 2 == 0 ? 3 : 2) << n;
    EXPECT_EQ(shape(out[1])[0], n % 2 == 0 ? 2 : 3) << n;
  }
}

TEST(DynamicShape, AWeightIsReadBehindIt) {
  // y = rows @ w^T + b for the rows of x whose flag is set; by numpy's definition, by hand.
  const auto text = mil("tensor<fp32, [3, 2]> x, tensor<fp32, [3]> flags", R"(
    tensor<int32, [?, 1]> at = non_zero(x = flags);
    tensor<fp32, [?, 2]> rows = gather_nd(x = x, indices = at);
    tensor<fp32, [?, 2]> y = linear(x = rows, weight = tensor<fp32, [2, 2]>([[1, 2], [3, 4]]),
        bias = tensor<fp32, [2]>([10, 20]));
    tensor<fp32, [?, 2]> z = relu(x = y); )",
                        "z", "ios16");
  PretendDevice device("pretend");
  for (const auto& devices :
       {std::vector<const exec::Device*>{}, std::vector<const exec::Device*>{&device}}) {
    const auto model = compile_mil(text, devices);
    const auto out = run(model, {floats({3, 2}, {1, 0, 0, 1, -50, 1}), floats({3}, {1, 0, 1})});
    EXPECT_THAT(shape(out[0]), ElementsAre(2, 2));
    EXPECT_THAT(values(out[0]), ElementsAre(11, 23, 0, 0));
  }
}

TEST(DynamicShape, AnErrorBehindItNamesTheOperation) {
  const auto model = compile_mil(mil("tensor<fp32, [?]> x", R"(
    tensor<int32, [?, 1]> at = non_zero(x = x);
    tensor<fp32, [3]> w = mul(x = fp32(1), y = tensor<fp32, [3]>([1, 2, 3]));
    tensor<fp32, [?]> some = gather_nd(x = x, indices = at);
    tensor<fp32, [?]> sum = add(x = some, y = w)[name = string("late_sum")]; )",
                                     "sum", "ios16"));
  EXPECT_THAT(values(run(model, {floats({3}, {1, 1, 1})})[0]), ElementsAre(2, 3, 4));
  EXPECT_THAT(complaint([&] { run(model, {floats({3}, {1, 1, 0})}); }), HasSubstr("'late_sum'"));
}

TEST(DynamicShape, ABoundOfASliceMayDependOnData) {
  const auto model =
      compile_mil(mil("tensor<fp32, [?]> x, tensor<int32, [1]> begin, "
                      "tensor<int32, [1]> end",
                      R"(
    tensor<fp32, [?]> part = slice_by_index(x = x, begin = begin, end = end);
    tensor<fp32, [?]> y = add(x = part, y = fp32(1)); )",
                      "y", "ios16"));
  const auto slice = [&](int from, int to) {
    return values(
        run(model, {floats({5}, {0, 1, 2, 3, 4}), int32s({1}, {from}), int32s({1}, {to})})[0]);
  };
  EXPECT_THAT(slice(1, 4), ElementsAre(2, 3, 4));
  EXPECT_THAT(slice(0, 1), ElementsAre(1));
  EXPECT_THAT(slice(-2, 5), ElementsAre(4, 5));
  EXPECT_THAT(slice(2, 2), IsEmpty());
}

}  // namespace
}  // namespace pome::compiler
