// Each pass changes what it says, and programs give the same numbers before and after.
#include <gmock/gmock.h>

#include <cmath>
#include <cstring>
#include <random>

#include "devices/cpu/cpu_device.h"
#include "ops/resolve.h"
#include "passes/pass.h"
#include "support/mil.h"
#include "support/random_program.h"

namespace pome::passes {
namespace {

using base::HostTensor;
using test::mil;

std::vector<std::string> all_but(std::string_view kept) {
  std::vector<std::string> names;
  for (const auto& pass : all()) {
    if (pass.name != kept && pass.name != "dead_code") names.emplace_back(pass.name);
  }
  return names;
}

std::vector<std::string> every_name() {
  std::vector<std::string> names;
  for (const auto& pass : all()) names.emplace_back(pass.name);
  return names;
}

/// Types of the operations that one pass (and dead_code behind it) leaves, `const` left out.
std::vector<std::string> after(std::string_view pass, std::string_view text) {
  auto program = test::parse_mil(text);
  auto& function = *program->find("main");
  ops::resolve(function);
  ops::infer_types(function);
  run_all(function, all_but(pass));
  std::vector<std::string> types;
  ir::for_each_op(*function.body, [&](ir::Op& op) {
    if (op.type() != "const") types.push_back(op.type());
  });
  return types;
}

std::vector<HostTensor> run(std::string_view text, const std::vector<HostTensor>& inputs,
                            std::vector<std::string> disabled,
                            std::vector<const exec::Device*> devices = {}) {
  compiler::CompileOptions options;
  options.disabled_passes = std::move(disabled);
  options.devices = std::move(devices);
  return test::run(test::compile_mil(text, std::move(options)), inputs);
}

HostTensor random_tensor(const base::Dims& dims, unsigned seed) {
  std::mt19937 random(seed);
  std::int64_t n = 1;
  for (const auto d : dims) n *= d;
  std::vector<float> v;
  for (std::int64_t i = 0; i < n; ++i)
    v.push_back(static_cast<float>(static_cast<int>(random() % 2001) - 1000) / 500);
  return test::floats(dims, v);
}

bool same_bits(const HostTensor& a, const HostTensor& b) {
  return a.dims() == b.dims() && std::memcmp(a.view().data, b.view().data, a.byte_size()) == 0;
}

void expect_near(const HostTensor& a, const HostTensor& b, float bound) {
  const auto x = test::values(a);
  const auto y = test::values(b);
  ASSERT_EQ(x.size(), y.size());
  for (std::size_t i = 0; i < x.size(); ++i) {
    if (std::isnan(y[i])) {
      EXPECT_TRUE(std::isnan(x[i])) << i;
    } else {
      ASSERT_NEAR(x[i], y[i], bound) << i;
    }
  }
}

// What torch's MultiheadAttention becomes: one projection, heads split by reshape and transpose.
constexpr std::string_view vit_attention = R"(
  tensor<fp32, [7, 1, 3, 12]> a = reshape(x = x, shape = tensor<int32, [4]>([7, 1, 3, 12]));
  tensor<fp32, [1, 7, 1, 3, 12]> b = expand_dims(x = a, axes = tensor<int32, [1]>([0]));
  tensor<fp32, [3, 7, 1, 1, 12]> c = transpose(x = b, perm = tensor<int32, [5]>([-2, 1, 2, 0, 4]));
  tensor<fp32, [3, 7, 1, 12]> d = squeeze(x = c, axes = tensor<int32, [1]>([-2]));
  tensor<fp32, [7, 1, 12]> q0 = slice_by_index(x = d, begin = tensor<int32, [4]>([0, 0, 0, 0]),
    end = tensor<int32, [4]>([1, 7, 1, 12]), end_mask = tensor<bool, [4]>([false, true, true, true]),
    squeeze_mask = tensor<bool, [4]>([true, false, false, false]));
  tensor<fp32, [7, 1, 12]> k0 = slice_by_index(x = d, begin = tensor<int32, [4]>([1, 0, 0, 0]),
    end = tensor<int32, [4]>([2, 7, 1, 12]), end_mask = tensor<bool, [4]>([false, true, true, true]),
    squeeze_mask = tensor<bool, [4]>([true, false, false, false]));
  tensor<fp32, [7, 1, 12]> v0 = slice_by_index(x = d, begin = tensor<int32, [4]>([-1, 0, 0, 0]),
    end = tensor<int32, [4]>([3, 7, 1, 12]), end_mask = tensor<bool, [4]>([true, true, true, true]),
    squeeze_mask = tensor<bool, [4]>([true, false, false, false]));
  tensor<fp32, [7, 3, 4]> q1 = reshape(x = q0, shape = tensor<int32, [3]>([7, 3, 4]));
  tensor<fp32, [7, 3, 4]> k1 = reshape(x = k0, shape = tensor<int32, [3]>([7, 3, 4]));
  tensor<fp32, [7, 3, 4]> v1 = reshape(x = v0, shape = tensor<int32, [3]>([7, 3, 4]));
  tensor<fp32, [3, 7, 4]> q2 = transpose(x = q1, perm = tensor<int32, [3]>([1, 0, 2]));
  tensor<fp32, [3, 7, 4]> k2 = transpose(x = k1, perm = tensor<int32, [3]>([1, 0, 2]));
  tensor<fp32, [3, 7, 4]> v2 = transpose(x = v1, perm = tensor<int32, [3]>([1, 0, 2]));
  tensor<fp32, [1, 3, 7, 4]> q = reshape(x = q2, shape = tensor<int32, [4]>([1, 3, 7, 4]));
  tensor<fp32, [1, 3, 7, 4]> k = reshape(x = k2, shape = tensor<int32, [4]>([1, 3, 7, 4]));
  tensor<fp32, [1, 3, 7, 4]> v = reshape(x = v2, shape = tensor<int32, [4]>([1, 3, 7, 4]));
  tensor<fp32, [1, 3, 7, 4]> qs = mul(x = q, y = fp32(0.5));
  tensor<fp32, [1, 3, 7, 7]> s = matmul(x = qs, y = k, transpose_y = bool(true));
  tensor<fp32, [1, 3, 7, 7]> p = softmax(x = s, axis = int32(-1));
  tensor<fp32, [1, 3, 7, 4]> o = matmul(x = p, y = v);
  tensor<fp32, [7, 1, 3, 4]> y = transpose(x = o, perm = tensor<int32, [4]>([2, 0, 1, 3]));
)";

std::string vit() {
  return mil("tensor<fp32, [7, 1, 36]> x", vit_attention, "y");
}

// BERT's: a mask that is added, keys transposed by hand, scores divided.
std::string bert(int queries, int keys) {
  const auto l = std::to_string(queries);
  const auto s = std::to_string(keys);
  const auto scores = "tensor<fp32, [2, 3, " + l + ", " + s + "]> ";
  return mil(
      "tensor<fp32, [2, " + l + ", 3, 5]> a, tensor<fp32, [2, " + s +
          ", 3, 5]> b, tensor<fp32, [2, " + s + ", 3, 6]> c, tensor<fp32, [2, 1, 1, " + s + "]> m",
      "tensor<fp32, [2, 3, " + l +
          ", 5]> q = transpose(x = a, perm = tensor<int32, [4]>([0, 2, 1, 3]));\n"
          "tensor<fp32, [2, 3, 5, " +
          s +
          "]> k = transpose(x = b, perm = tensor<int32, [4]>([0, 2, 3, 1]));\n"
          "tensor<fp32, [2, 3, " +
          s + ", 6]> v = transpose(x = c, perm = tensor<int32, [4]>([0, 2, 1, 3]));\n" + scores +
          "s0 = matmul(x = q, y = k);\n" + scores + "s1 = real_div(x = s0, y = fp32(2.5));\n" +
          scores + "s2 = add(x = m, y = s1);\n" + scores +
          "p = softmax(x = s2, axis = int32(3));\n"
          "tensor<fp32, [2, 3, " +
          l +
          ", 6]> o = matmul(x = p, y = v);\n"
          "tensor<fp32, [2, " +
          l + ", 3, 6]> y = transpose(x = o, perm = tensor<int32, [4]>([0, 2, 1, 3]));\n",
      "y");
}

TEST(Attention, HeadsOfOneProjectionAreReadWhereTheyLie) {
  EXPECT_THAT(after("attention", vit()),
              testing::ElementsAre("reshape", "reshape", "reshape", "pome.attention"));
}

TEST(Attention, OneProjectionGivesTheSameNumbers) {
  const std::vector<HostTensor> in{random_tensor({7, 1, 36}, 1)};
  const auto plain = run(vit(), in, every_name());
  expect_near(run(vit(), in, {})[0], plain[0], 2e-6F);
  expect_near(run(vit(), in, {}, {&devices::cpu_device()})[0], plain[0], 2e-6F);
}

TEST(Attention, TransposesAroundItGo) {
  EXPECT_THAT(after("attention", bert(4, 6)), testing::Contains("pome.attention"));
  EXPECT_THAT(after("attention", bert(4, 6)), testing::Not(testing::Contains("transpose")));
}

/// Queries and keys: one, few, tails of tiles, several tasks, several blocks of keys.
class AttentionSizes : public testing::TestWithParam<std::pair<int, int>> {};

TEST_P(AttentionSizes, GiveTheSameNumbers) {
  const auto [l, s] = GetParam();
  const auto text = bert(l, s);
  std::vector<HostTensor> in{random_tensor({2, l, 3, 5}, 1), random_tensor({2, s, 3, 5}, 2),
                             random_tensor({2, s, 3, 6}, 3), random_tensor({2, 1, 1, s}, 4)};
  const auto plain = run(text, in, every_name());
  expect_near(run(text, in, {})[0], plain[0], 4e-6F);
  expect_near(run(text, in, {}, {&devices::cpu_device()})[0], plain[0], 4e-6F);
}

TEST_P(AttentionSizes, MaskedKeysHaveNoPartAndARowWithoutAnyIsNaN) {
  const auto [l, s] = GetParam();
  const auto text = bert(l, s);
  std::vector<float> mask(static_cast<std::size_t>(2 * s), -INFINITY);
  for (int i = s / 2; i < s; ++i)
    mask[static_cast<std::size_t>(i)] = 0;  // none in the second batch
  const std::vector<HostTensor> in{random_tensor({2, l, 3, 5}, 1), random_tensor({2, s, 3, 5}, 2),
                                   random_tensor({2, s, 3, 6}, 3),
                                   test::floats({2, 1, 1, s}, mask)};
  const auto plain = run(text, in, every_name());
  EXPECT_FALSE(std::isnan(test::values(plain[0]).front()));
  EXPECT_TRUE(std::isnan(test::values(plain[0]).back()));
  expect_near(run(text, in, {}, {&devices::cpu_device()})[0], plain[0], 4e-6F);
}

INSTANTIATE_TEST_SUITE_P(Sizes, AttentionSizes,
                         testing::Values(std::pair{1, 1}, std::pair{1, 37}, std::pair{5, 9},
                                         std::pair{49, 64}, std::pair{250, 17},
                                         std::pair{6, 1100}));

TEST(Attention, ScoresThatAreUsedElsewhereStay) {
  const auto text = mil("tensor<fp32, [1, 3, 4]> q",
                        R"(tensor<fp32, [1, 3, 4]> a = abs(x = q);
  tensor<fp32, [1, 3, 3]> s = matmul(x = a, y = a, transpose_y = bool(true));
  tensor<fp32, [1, 3, 3]> p = softmax(x = s, axis = int32(-1));
  tensor<fp32, [1, 3, 4]> y = matmul(x = p, y = a);)",
                        "y, p");
  EXPECT_THAT(after("attention", text), testing::Not(testing::Contains("pome.attention")));
}

TEST(Attention, IsLeftSpelledOutWhereEveryResultIsRounded) {
  auto program = test::parse_mil(vit());
  auto& function = *program->find("main");
  ops::resolve(function);
  ops::infer_types(function);
  for (const auto& report : run_all(function, {}, true)) EXPECT_NE(report.name, "attention");
}

TEST(Algebra, LeavesOutWhatChangesNothing) {
  const auto text = mil("tensor<fp32, [2, 3]> x", R"(
  tensor<fp32, [2, 3]> a = mul(x = x, y = fp32(1));
  tensor<fp32, [2, 3]> b = real_div(x = a, y = fp32(1));
  tensor<fp32, [2, 3]> c = sub(x = b, y = fp32(0));
  tensor<fp32, [3, 2]> d = transpose(x = c, perm = tensor<int32, [2]>([1, 0]));
  tensor<fp32, [2, 3]> e = transpose(x = d, perm = tensor<int32, [2]>([1, 0]));
  tensor<fp32, [1, 2, 3]> f = expand_dims(x = e, axes = tensor<int32, [1]>([0]));
  tensor<fp32, [2, 3]> g = squeeze(x = f, axes = tensor<int32, [1]>([0]));
  tensor<fp32, [2, 3]> y = abs(x = g);)",
                        "y");
  EXPECT_THAT(after("algebra", text), testing::ElementsAre("abs"));
}

TEST(Algebra, KeepsAnAdditionOfZeroWhichChangesMinusZero) {
  const auto text = mil("tensor<fp32, [2]> x", R"(
  tensor<fp32, [2]> a = add(x = x, y = fp32(0));
  tensor<fp32, [2]> y = abs(x = a);)",
                        "y");
  EXPECT_THAT(after("algebra", text), testing::ElementsAre("add", "abs"));
}

TEST(Algebra, KeepsACastToFloat16) {
  const auto text = mil("tensor<fp32, [2]> x", R"(
  tensor<fp16, [2]> a = cast(x = x, dtype = string("fp16"));
  tensor<fp16, [2]> b = mul(x = a, y = fp16(3));
  tensor<fp16, [2]> c = cast(x = b, dtype = string("fp16"));
  tensor<fp32, [2]> y = cast(x = c, dtype = string("fp32"));)",
                        "y");
  EXPECT_THAT(after("algebra", text), testing::ElementsAre("cast", "mul", "cast", "cast"));
}

TEST(Algebra, MakesAViewOfATransposeOfDimensionsOfOne) {
  const auto text = mil("tensor<fp32, [1, 5, 3]> x", R"(
  tensor<fp32, [5, 1, 3]> a = transpose(x = x, perm = tensor<int32, [3]>([1, 0, 2]));
  tensor<fp32, [5, 1, 3]> y = abs(x = a);)",
                        "y");
  EXPECT_THAT(after("algebra", text), testing::ElementsAre("reshape", "abs"));
}

TEST(CommonSubexpressions, AreComputedOnce) {
  const auto text = mil("tensor<fp32, [2]> x", R"(
  tensor<fp32, [2]> a = add(x = x, y = fp32(2));
  tensor<fp32, [2]> b = add(x = x, y = fp32(2));
  tensor<fp32, [2]> c = add(x = x, y = fp32(3));
  tensor<fp32, [2]> d = mul(x = a, y = b);
  tensor<fp32, [2]> y = mul(x = d, y = c);)",
                        "y");
  EXPECT_THAT(after("common_subexpressions", text),
              testing::ElementsAre("add", "add", "mul", "mul"));
}

TEST(CommonSubexpressions, LeaveRandomNumbersAlone) {
  const auto text = mil("tensor<fp32, [2]> x", R"(
  tensor<fp32, [2]> a = random_normal(shape = tensor<int32, [1]>([2]), mean = fp32(0),
    stddev = fp32(1), seed = int32(-1));
  tensor<fp32, [2]> b = random_normal(shape = tensor<int32, [1]>([2]), mean = fp32(0),
    stddev = fp32(1), seed = int32(-1));
  tensor<fp32, [2]> c = sub(x = a, y = b);
  tensor<fp32, [2]> y = add(x = c, y = x);)",
                        "y");
  EXPECT_THAT(after("common_subexpressions", text),
              testing::ElementsAre("random_normal", "random_normal", "sub", "add"));
}

/// Each pass for itself, and all together, on thirty random programs with loops and branches.
class RandomPrograms : public testing::TestWithParam<std::string> {};

TEST_P(RandomPrograms, GiveTheSameBits) {
  for (unsigned seed = 0; seed < 30; ++seed) {
    const auto text = test::RandomProgram(seed).text(40);
    const auto in = test::RandomProgram::inputs(seed, static_cast<int>(seed % 4));
    const auto plain = run(text, in, every_name());
    const auto rewritten =
        run(text, in, GetParam() == "all" ? std::vector<std::string>() : all_but(GetParam()));
    ASSERT_EQ(plain.size(), rewritten.size());
    for (std::size_t i = 0; i < plain.size(); ++i)
      EXPECT_TRUE(same_bits(plain[i], rewritten[i])) << "seed " << seed << "\n" << text;
  }
}

INSTANTIATE_TEST_SUITE_P(Passes, RandomPrograms,
                         testing::Values("common_subexpressions", "algebra", "attention",
                                         "dead_code", "all"),
                         [](const auto& one) { return one.param; });

}  // namespace
}  // namespace pome::passes
