// while_loop and cond: loop variables, lists, nesting. Expected values follow from the programs.
#include <gmock/gmock.h>

#include <map>

#include "support/mil.h"

namespace pome::compiler {
namespace {

using test::compile_mil;
using test::complaint;
using test::floats;
using test::integers;
using test::mil;
using test::run;
using test::scalar;
using test::values;
using testing::ElementsAre;
using testing::HasSubstr;

// A list of the powers of two times x: item i is x * 2^i, for i below n.
std::string doubling(std::string_view behind, std::string_view outputs) {
  std::string body = R"(
    list<tensor<fp32, [2]>, ?> l = make_list(init_length = int32(1), dynamic_length = bool(true),
        elem_shape = tensor<int32, [1]>([2]), dtype = string("fp32"));
    int32 i1, tensor<fp32, [2]> x1, list<tensor<fp32, [2]>, ?> l1 =
        while_loop(loop_vars = (int32(0), x, l))
      (int32 ci, tensor<fp32, [2]> cx, list<tensor<fp32, [2]>, ?> cl) {
        bool go = less(x = ci, y = n);
      } -> (go),
      (int32 bi, tensor<fp32, [2]> bx, list<tensor<fp32, [2]>, ?> bl) {
        list<tensor<fp32, [2]>, ?> bl2 = list_write(ls = bl, index = bi, value = bx);
        tensor<fp32, [2]> bx2 = mul(x = bx, y = fp32(2));
        int32 bi2 = add(x = bi, y = int32(1));
      } -> (bi2, bx2, bl2);
    int32 length = list_length(ls = l1);
  )";
  body += behind;
  return mil("tensor<fp32, [2]> x, int32 n", body, outputs);
}

TEST(While, FillsAListAndReadsItBehindTheLoop) {
  const auto model = compile_mil(doubling(R"(
    tensor<fp32, [2, 2]> some = list_gather(ls = l1, indices = tensor<int32, [2]>([3, 1]));
    tensor<fp32, [2]> one = list_read(ls = l1, index = int32(2)); )",
                                          "i1, x1, length, some, one"));
  const auto out = run(model, {floats({2}, {1, -3}), scalar(4)});
  EXPECT_THAT(integers(out[0]), ElementsAre(4));
  EXPECT_THAT(values(out[1]), ElementsAre(16, -48));
  EXPECT_THAT(integers(out[2]), ElementsAre(4));
  EXPECT_THAT(values(out[3]), ElementsAre(8, -24, 2, -6));
  EXPECT_THAT(values(out[4]), ElementsAre(4, -12));
}

TEST(While, WithoutATripGivesWhatWentIn) {
  const auto model = compile_mil(doubling(
      "tensor<fp32, [2]> one = list_read(ls = l1, index = int32(0));", "i1, x1, length, one"));
  const auto out = run(model, {floats({2}, {1, -3}), scalar(0)});
  EXPECT_THAT(integers(out[0]), ElementsAre(0));
  EXPECT_THAT(values(out[1]), ElementsAre(1, -3));
  EXPECT_THAT(integers(out[2]), ElementsAre(1)) << "the initial length";
  EXPECT_THAT(values(out[3]), ElementsAre(0, 0)) << "an element that was never written";
}

TEST(While, AListStartsEmptyInEachPrediction) {
  const auto model = compile_mil(doubling("", "length"));
  EXPECT_THAT(integers(run(model, {floats({2}, {1, 1}), scalar(9)})[0]), ElementsAre(9));
  EXPECT_THAT(integers(run(model, {floats({2}, {1, 1}), scalar(3)})[0]), ElementsAre(3));
}

TEST(While, ReadingBehindTheEndOfAListNamesIndexAndLength) {
  const auto model = compile_mil(
      doubling("tensor<fp32, [2]> late = list_read(ls = l1, index = int32(7));", "late"));
  const auto text = complaint([&] { run(model, {floats({2}, {1, 1}), scalar(5)}); });
  EXPECT_THAT(text, HasSubstr("'late'"));
  EXPECT_THAT(text, HasSubstr("index 7 is outside a list of 5 elements"));
}

std::string fibonacci() {
  return mil("int32 n", R"(
    int32 i1, int32 a1, int32 b1 = while_loop(loop_vars = (int32(0), int32(0), int32(1)))
      (int32 ci, int32 ca, int32 cb) { bool go = less(x = ci, y = n); } -> (go),
      (int32 i, int32 a, int32 b) {
        int32 i2 = add(x = i, y = int32(1));
        int32 sum = add(x = a, y = b);
      } -> (i2, b, sum); )",
             "a1, b1");
}

TEST(While, VariablesMayMoveIntoEachOther) {
  const auto model = compile_mil(fibonacci());
  const std::map<int, int> expected{{0, 0}, {1, 1}, {2, 1}, {10, 55}, {20, 6765}, {40, 102334155}};
  for (const auto& [n, value] : expected) {
    EXPECT_THAT(integers(run(model, {scalar(n)})[0]), ElementsAre(value)) << n;
  }
}

TEST(While, VariablesMayChangePlaces) {
  const auto model = compile_mil(mil("tensor<fp32, [2]> x, tensor<fp32, [2]> y, int32 n", R"(
    int32 i1, tensor<fp32, [2]> a1, tensor<fp32, [2]> b1, tensor<fp32, [2]> c1 =
        while_loop(loop_vars = (int32(0), x, y, x))
      (int32 ci, tensor<fp32, [2]> ca, tensor<fp32, [2]> cb, tensor<fp32, [2]> cc) {
        bool go = less(x = ci, y = n); } -> (go),
      (int32 i, tensor<fp32, [2]> a, tensor<fp32, [2]> b, tensor<fp32, [2]> c) {
        int32 i2 = add(x = i, y = int32(1));
      } -> (i2, b, a, a); )",
                                     "a1, b1, c1"));
  const auto in = [](int n) {
    return std::vector{floats({2}, {1, 2}), floats({2}, {3, 4}), scalar(n)};
  };
  // (a, b, c) = (x, y, x), then (y, x, x), (x, y, y), (y, x, x) ...
  auto out = run(model, in(3));
  EXPECT_THAT(values(out[0]), ElementsAre(3, 4));
  EXPECT_THAT(values(out[1]), ElementsAre(1, 2));
  EXPECT_THAT(values(out[2]), ElementsAre(1, 2));
  out = run(model, in(2));
  EXPECT_THAT(values(out[0]), ElementsAre(1, 2));
  EXPECT_THAT(values(out[1]), ElementsAre(3, 4));
  EXPECT_THAT(values(out[2]), ElementsAre(3, 4));
}

TEST(While, ListsMayChangePlaces) {
  const std::string l = "list<tensor<int32, [1]>, ?>";
  const std::string make =
      " = make_list(init_length = int32(1), elem_shape = "
      "tensor<int32, [1]>([1]), dtype = string(\"int32\"));\n";
  const auto model = compile_mil(
      mil("int32 n",
          l + " e" + make + l + " f" + make + l +
              " p = list_write(ls = e, index = int32(0), value = tensor<int32, [1]>([10]));\n" + l +
              " q = list_write(ls = f, index = int32(0), value = tensor<int32, [1]>([20]));\n" +
              "int32 i1, " + l + " p1, " + l +
              " q1 = while_loop(loop_vars = (int32(0), p, q)) (int32 "
              "ci, " +
              l + " cp, " + l + " cq) { bool go = less(x = ci, y = n); } -> (go), (int32 i, " + l +
              " bp, " + l +
              " bq) { int32 i2 = add(x = i, y = int32(1)); } -> (i2, bq, bp);\n"
              "tensor<int32, [1]> u = list_read(ls = p1, index = int32(0));"
              "tensor<int32, [1]> v = list_read(ls = q1, index = int32(0));",
          "u, v"));
  for (const int n : {0, 1, 2, 5}) {
    const auto out = run(model, {scalar(n)});
    EXPECT_THAT(integers(out[0]), ElementsAre(n % 2 == 0 ? 10 : 20)) << n;
    EXPECT_THAT(integers(out[1]), ElementsAre(n % 2 == 0 ? 20 : 10)) << n;
  }
}

TEST(While, AListUsedInsideAndBehindKeepsItsOldContent) {
  const std::string l = "list<tensor<int32, [1]>, ?>";
  const auto model = compile_mil(mil(
      "int32 n",
      l +
          " e = make_list(init_length = int32(1), elem_shape = tensor<int32, [1]>([1]), dtype = "
          "string(\"int32\"));\n" +
          l + " p = list_write(ls = e, index = int32(0), value = tensor<int32, [1]>([7]));\n" +
          "int32 i1, " + l + " p1 = while_loop(loop_vars = (int32(0), p)) (int32 ci, " + l +
          " cp) { bool go = less(x = ci, y = n); } -> (go), (int32 i, " + l +
          " bp) { int32 i2 = add(x = i, y = int32(1)); tensor<int32, [1]> old = list_read(ls = p, "
          "index = int32(0)); tensor<int32, [1]> now = list_read(ls = bp, index = int32(0)); "
          "tensor<int32, [1]> sum = add(x = old, y = now); " +
          l +
          " b2 = list_write(ls = bp, index = int32(0), value = sum); } -> (i2, b2);\n"
          "tensor<int32, [1]> u = list_read(ls = p, index = int32(0));"
          "tensor<int32, [1]> v = list_read(ls = p1, index = int32(0));",
      "u, v"));
  const auto out = run(model, {scalar(4)});
  EXPECT_THAT(integers(out[0]), ElementsAre(7));
  EXPECT_THAT(integers(out[1]), ElementsAre(7 * 5));
}

TEST(While, AValueFromOutsideIsReadInEveryTrip) {
  const auto model = compile_mil(mil("tensor<fp32, [4]> x, int32 n", R"(
    tensor<fp32, [4]> step = add(x = x, y = fp32(1));
    tensor<fp32, [4]> start = mul(x = x, y = fp32(0));
    int32 i1, tensor<fp32, [4]> s1 = while_loop(loop_vars = (int32(0), start))
      (int32 ci, tensor<fp32, [4]> cs) { bool go = less(x = ci, y = n); } -> (go),
      (int32 i, tensor<fp32, [4]> s) {
        int32 i2 = add(x = i, y = int32(1));
        tensor<fp32, [4]> t = add(x = step, y = s);
        tensor<fp32, [4]> u = relu(x = t);
        tensor<fp32, [4]> v = mul(x = u, y = fp32(1));
        tensor<fp32, [4]> w = add(x = v, y = fp32(0));
      } -> (i2, w); )",
                                     "s1"));
  const auto out = run(model, {floats({4}, {0, 1, 2, 3}), scalar(1000)});
  EXPECT_THAT(values(out[0]), ElementsAre(1000, 2000, 3000, 4000));
}

TEST(While, AVariableMayBeLookedAtUnderAnotherShape) {
  const auto model = compile_mil(mil("tensor<fp32, [2, 2]> x, int32 n", R"(
    int32 i1, tensor<fp32, [2, 2]> a1, tensor<fp32, [4]> b1 = while_loop(loop_vars =
        (int32(0), x, tensor<fp32, [4]>([0, 0, 0, 0])))
      (int32 ci, tensor<fp32, [2, 2]> ca, tensor<fp32, [4]> cb) {
        bool go = less(x = ci, y = n); } -> (go),
      (int32 i, tensor<fp32, [2, 2]> a, tensor<fp32, [4]> b) {
        int32 i2 = add(x = i, y = int32(1));
        tensor<fp32, [4]> flat = reshape(x = a, shape = tensor<int32, [1]>([4]));
        tensor<fp32, [2, 2]> square = reshape(x = b, shape = tensor<int32, [2]>([2, 2]));
        tensor<fp32, [2, 2]> more = add(x = square, y = fp32(1));
      } -> (i2, more, flat); )",
                                     "a1, b1"));
  // a, b = b + 1, a: after 2 trips both grew once, after 3 trips a is the old b + 1, grown.
  auto out = run(model, {floats({2, 2}, {1, 2, 3, 4}), scalar(2)});
  EXPECT_THAT(values(out[0]), ElementsAre(2, 3, 4, 5));
  EXPECT_THAT(values(out[1]), ElementsAre(1, 1, 1, 1));
  out = run(model, {floats({2, 2}, {1, 2, 3, 4}), scalar(3)});
  EXPECT_THAT(values(out[0]), ElementsAre(2, 2, 2, 2));
  EXPECT_THAT(values(out[1]), ElementsAre(2, 3, 4, 5));
}

/// Number of steps n -> n / 2 or 3 n + 1 until 1.
std::string collatz() {
  return mil("int32 n", R"(
    int32 steps, int32 end = while_loop(loop_vars = (int32(0), n))
      (int32 ci, int32 cn) { bool go = not_equal(x = cn, y = int32(1)); } -> (go),
      (int32 i, int32 m) {
        int32 i2 = add(x = i, y = int32(1));
        int32 rest = mod(x = m, y = int32(2));
        bool odd = equal(x = rest, y = int32(1));
        int32 next = cond(pred = odd) {
          int32 triple = mul(x = m, y = int32(3));
          int32 up = add(x = triple, y = int32(1));
        } -> (up), {
          int32 half = floor_div(x = m, y = int32(2));
        } -> (half);
      } -> (i2, next); )",
             "steps, end");
}

TEST(While, HoldsACond) {
  const auto model = compile_mil(collatz());
  // Known lengths of these sequences (OEIS A006577).
  const std::map<int, int> expected{{1, 0}, {2, 1}, {3, 7}, {6, 8}, {7, 16}, {27, 111}, {97, 118}};
  for (const auto& [n, steps] : expected) {
    const auto out = run(model, {scalar(n)});
    EXPECT_THAT(integers(out[0]), ElementsAre(steps)) << n;
    EXPECT_THAT(integers(out[1]), ElementsAre(1)) << n;
  }
}

TEST(While, HoldsAWhile) {
  // The sum over i < n of the sum over j < i of j: n (n - 1) (n - 2) / 6.
  const auto model = compile_mil(mil("int32 n", R"(
    int32 i1, int32 s1 = while_loop(loop_vars = (int32(0), int32(0)))
      (int32 ci, int32 cs) { bool go = less(x = ci, y = n); } -> (go),
      (int32 i, int32 s) {
        int32 j1, int32 t1 = while_loop(loop_vars = (int32(0), s))
          (int32 cj, int32 ct) { bool on = less(x = cj, y = i); } -> (on),
          (int32 j, int32 t) {
            int32 t2 = add(x = t, y = j);
            int32 j2 = add(x = j, y = int32(1));
          } -> (j2, t2);
        int32 i2 = add(x = i, y = int32(1));
      } -> (i2, t1); )",
                                     "s1"));
  for (const int n : {0, 1, 2, 3, 10, 50}) {
    EXPECT_THAT(integers(run(model, {scalar(n)})[0]), ElementsAre(n * (n - 1) * (n - 2) / 6)) << n;
  }
}

TEST(While, MakesManyTrips) {
  const auto model = compile_mil(fibonacci());
  // Addition modulo 2^32; the period of the sequence modulo 2^32 is 3 * 2^31, so no short cycle.
  std::uint32_t a = 0;
  std::uint32_t b = 1;
  for (int i = 0; i < 100000; ++i) a = std::exchange(b, a + b);
  EXPECT_THAT(integers(run(model, {scalar(100000)})[0]), ElementsAre(static_cast<int>(a)));
}

TEST(Cond, GivesTheResultOfOneBlock) {
  const auto model = compile_mil(mil("tensor<fp32, [2]> x, int32 n", R"(
    bool p = greater(x = n, y = int32(0));
    tensor<fp32, [2]> y, tensor<fp32, [2]> z = cond(pred = p) {
      tensor<fp32, [2]> t = mul(x = x, y = fp32(2));
    } -> (t, x), {
      tensor<fp32, [2]> f = mul(x = x, y = fp32(3));
    } -> (x, f);
    tensor<fp32, [2]> sum = add(x = y, y = z); )",
                                     "y, z, sum"));
  auto out = run(model, {floats({2}, {1, 2}), scalar(1)});
  EXPECT_THAT(values(out[0]), ElementsAre(2, 4));
  EXPECT_THAT(values(out[1]), ElementsAre(1, 2));
  EXPECT_THAT(values(out[2]), ElementsAre(3, 6));
  out = run(model, {floats({2}, {1, 2}), scalar(0)});
  EXPECT_THAT(values(out[0]), ElementsAre(1, 2));
  EXPECT_THAT(values(out[1]), ElementsAre(3, 6));
  EXPECT_THAT(values(out[2]), ElementsAre(4, 8));
}

TEST(Cond, OnlyTheTakenBlockRuns) {
  const auto model = compile_mil(mil("int32 a, int32 b", R"(
    bool p = not_equal(x = b, y = int32(0));
    int32 y = cond(pred = p) {
      int32 q = floor_div(x = a, y = b);
    } -> (q), {
    } -> (a); )",
                                     "y"));
  EXPECT_THAT(integers(run(model, {scalar(7), scalar(2)})[0]), ElementsAre(3));
  EXPECT_THAT(integers(run(model, {scalar(7), scalar(0)})[0]), ElementsAre(7));
}

TEST(Cond, BlocksMayGiveListsAndTensorsOfTheSameName) {
  const std::string l = "list<tensor<int32, [1]>, ?>";
  const auto model = compile_mil(mil(
      "int32 n",
      l +
          " e = make_list(init_length = int32(1), elem_shape = tensor<int32, [1]>([1]), dtype = "
          "string(\"int32\"));\nbool p = greater(x = n, y = int32(0));\n" +
          l + " r = cond(pred = p) { " + l +
          " w = list_write(ls = e, index = int32(2), value = tensor<int32, [1]>([5])); } -> (w), "
          "{ } -> (e);\nint32 length = list_length(ls = r); int32 old = list_length(ls = e);",
      "length, old"));
  auto out = run(model, {scalar(1)});
  EXPECT_THAT(integers(out[0]), ElementsAre(3));
  EXPECT_THAT(integers(out[1]), ElementsAre(1));
  out = run(model, {scalar(0)});
  EXPECT_THAT(integers(out[0]), ElementsAre(1));
}

}  // namespace
}  // namespace pome::compiler
