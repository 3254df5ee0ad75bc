// Random numbers follow their distributions. The seeds are fixed, so that a run is like any other;
// limits are those that a right generator exceeds once in a million seeds (normal deviations of
// 4.9 sigma).
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "case_runner.h"
#include "ops/call.h"

namespace pome::ops::testing {
namespace {

using nlohmann::json;

constexpr int count = 20000;
constexpr double sigmas = 4.9;

json scalar(const std::string& dtype, const json& value) {
  return {{"dtype", dtype}, {"dims", json::array()}, {"data", json::array({value})}};
}

std::vector<double> draw(const std::string& op, const json& more, int seed,
                         const std::string& dtype = "fp32") {
  json test{{"op", op}, {"opset", "ios15"}, {"inputs", more}};
  if (!more.contains("x")) {
    test["inputs"]["shape"] = {{"dtype", "int32"}, {"dims", {1}}, {"data", {count}}};
  }
  test["inputs"]["seed"] = scalar("int32", seed);
  test["outputs"] = json::array({{{"dtype", dtype}, {"dims", {0}}, {"data", json::array()}}});
  const auto tensor = evaluate_case(test).at(0);
  std::vector<double> values;
  for (std::int64_t i = 0; i < tensor.size(); ++i) values.push_back(load_f(tensor.view(), i));
  return values;
}

/// The greatest distance of the values' distribution from `cdf` (Kolmogorov and Smirnov).
template <typename Cdf>
double distance(std::vector<double> values, Cdf cdf) {
  std::ranges::sort(values);
  const auto n = static_cast<double>(values.size());
  double most = 0;
  for (std::size_t i = 0; i < values.size(); ++i) {
    const double p = cdf(values[i]);
    most = std::max({most, std::fabs(p - static_cast<double>(i) / n),
                     std::fabs(p - static_cast<double>(i + 1) / n)});
  }
  return most;
}

/// Exceeded once in a million by the distance of n right values: sqrt(ln(2e6) / 2 n).
double limit() {
  return std::sqrt(std::log(2e6) / (2 * count));
}

double share(const std::vector<double>& values, double of) {
  return static_cast<double>(std::ranges::count(values, of)) / static_cast<double>(values.size());
}
double spread(double chance) {
  return sigmas * std::sqrt(chance * (1 - chance) / count);
}

TEST(Random, UniformFillsItsInterval) {
  for (const int seed : {1, 2, 2147483647}) {
    const auto values =
        draw("random_uniform", {{"low", scalar("fp32", -1)}, {"high", scalar("fp32", 3)}}, seed);
    EXPECT_LT(distance(values, [](double v) { return (v + 1) / 4; }), limit()) << seed;
    EXPECT_GE(*std::ranges::min_element(values), -1);
    EXPECT_LT(*std::ranges::max_element(values), 3);
  }
}

TEST(Random, UniformOfHalvesNeverReachesOne) {
  const auto values =
      draw("random_uniform", {{"low", scalar("fp16", 0)}, {"high", scalar("fp16", 1)}}, 3, "fp16");
  EXPECT_LT(*std::ranges::max_element(values), 1);
  // Steps of 2^-11 move a share of the values by as much.
  EXPECT_LT(distance(values, [](double v) { return v; }), limit() + 0x1p-11);
}

TEST(Random, NormalHasMeanAndDeviation) {
  for (const int seed : {1, 2, 77}) {
    const auto values =
        draw("random_normal", {{"mean", scalar("fp32", 2)}, {"stddev", scalar("fp32", 3)}}, seed);
    const auto cdf = [](double v) { return 0.5 * std::erfc(-(v - 2) / (3 * std::sqrt(2.0))); };
    EXPECT_LT(distance(values, cdf), limit()) << seed;
  }
}

TEST(Random, NeighboursAreNotRelated) {
  const auto values = draw("random_normal", json::object(), 5);
  double sum = 0;
  for (std::size_t i = 1; i < values.size(); ++i) sum += values[i] * values[i - 1];
  EXPECT_LT(std::fabs(sum / count), sigmas / std::sqrt(double{count}));
}

TEST(Random, BernoulliHitsItsChance) {
  for (const double chance : {0.1, 0.5, 0.9}) {
    const auto values = draw("random_bernoulli", {{"prob", scalar("fp32", chance)}}, 11);
    EXPECT_NEAR(share(values, 1), chance, spread(chance));
    EXPECT_DOUBLE_EQ(share(values, 0) + share(values, 1), 1);
  }
}

TEST(Random, CategoricalDrawsClassesByWeight) {
  const json weights{{"dtype", "fp32"}, {"dims", {4}}, {"data", {1, 2, 0, 5}}};
  const auto values = draw(
      "random_categorical",
      {{"x", weights}, {"mode", scalar("string", "probs")}, {"size", scalar("int32", count)}}, 13);
  ASSERT_EQ(values.size(), std::size_t{count});
  EXPECT_NEAR(share(values, 0), 1.0 / 8, spread(1.0 / 8));
  EXPECT_NEAR(share(values, 1), 2.0 / 8, spread(2.0 / 8));
  EXPECT_EQ(share(values, 2), 0);
  EXPECT_NEAR(share(values, 3), 5.0 / 8, spread(5.0 / 8));
}

TEST(Random, ASeedRepeatsItsNumbersAndNoSeedDoesNot) {
  EXPECT_EQ(draw("random_normal", json::object(), 9), draw("random_normal", json::object(), 9));
  EXPECT_NE(draw("random_normal", json::object(), 9), draw("random_normal", json::object(), 10));
  EXPECT_NE(draw("random_normal", json::object(), -1), draw("random_normal", json::object(), -1));
}

}  // namespace
}  // namespace pome::ops::testing
