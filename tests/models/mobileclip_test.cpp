// MobileCLIP-S0's two programs with weights from a seed (tests/oracle/mobileclip_weights.py).
#include <gmock/gmock.h>

#include "oracle.h"
#include "support/shared.h"

namespace pome::test {
namespace {

// Results are rounded to fp16. fp32 arithmetic through the whole network (some 60 products, sums of
// up to 3,072 terms) is off by about a hundredth of the distance of two fp16 numbers, so that few
// elements take the other neighbour. Measured: see the share that each test records.
constexpr double allowed_neighbours = 0.02;

void expect_numpy(const std::string& package, const std::string& expected,
                  const FeatureProvider& inputs, const std::string& output) {
  const auto path = sample_model(package);
  if (!path) GTEST_SKIP() << sample_absent;
  ASSERT_TRUE(has_weights_of(*path, expected));
  const MultiArray wanted = oracle_arrays(expected).at(output);
  for (const Configuration& configuration : fast_configurations()) {
    SCOPED_TRACE(text(configuration));
    const FeatureProvider got = Model::open(*path, configuration).predict(inputs);
    EXPECT_EQ(got[output].multi_array_value().data_type(), DataType::fp16);
    const double share = share_of_neighbours(got[output].multi_array_value(), wanted);
    EXPECT_LE(share, allowed_neighbours);
  }
}

TEST(MobileClip, ImageTowerFollowsNumpy) {
  expect_numpy("clip_mci_image.mlpackage", "mobileclip-image", {{"input_image", pattern(256)}},
               "var_1259");
}

TEST(MobileClip, TextTowerFollowsNumpy) {
  expect_numpy("clip_text.mlpackage", "mobileclip-text",
               {{"input_text", oracle_arrays("mobileclip-text").at("input_text")}}, "var_475");
}

}  // namespace
}  // namespace pome::test
