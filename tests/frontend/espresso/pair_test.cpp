// A real network in both forms: what is translated from the compiled one says the same as the
// specification that Apple's compiler made it of.
#include <gtest/gtest.h>

#include <map>
#include <string>

#include "base/file.h"
#include "frontend/espresso/espresso.h"
#include "proto/Model.pb.h"
#include "support/shared.h"

namespace pome::frontend {
namespace {

using Layer = proto::NeuralNetworkLayer;

class SsdOcr : public ::testing::Test {
 protected:
  void SetUp() override {
    const auto folder = test::shared("models/ssd-ocr");
    if (!folder) GTEST_SKIP() << test::shared_absent;
    bytes_ = base::read_all(*base::open_file(*folder / "SSDOcr.mlmodel"), budget_);
    model_ = proto::parse<proto::Model>(bytes_, budget_);
    const auto bundle = *folder / "SSDOcr.mlmodelc";
    const auto open = [&](const char* name) { return base::open_file(bundle / name); };
    translated_ =
        import_espresso(format::read_espresso_network(*open("model.espresso.net"), budget_),
                        format::read_espresso_shapes(*open("model.espresso.shape"), budget_),
                        format::EspressoWeights(*open("model.espresso.weights"), budget_), budget_);
    for (const Layer& layer : model_.neuralNetwork()->layers) by_name_[layer.name] = &layer;
  }

  // Calls `check` for each translated layer that the specification has under the same name.
  template <typename Check>
  int each(Check&& check) {
    int count = 0;
    for (const Layer& layer : translated_.network.layers) {
      const auto found = by_name_.find(layer.name);
      if (found == by_name_.end()) continue;
      SCOPED_TRACE(std::string(layer.name));
      if (check(layer, *found->second)) ++count;
    }
    return count;
  }

  base::Budget budget_;
  std::vector<std::byte> bytes_;
  proto::Model model_;
  EspressoMessages translated_;
  std::map<std::string_view, const Layer*> by_name_;
};

TEST_F(SsdOcr, convolutions_have_the_same_form) {
  const int count = each([](const Layer& got, const Layer& expected) {
    const auto* a = got.convolution();
    const auto* b = expected.convolution();
    if (a == nullptr || b == nullptr) return false;
    EXPECT_EQ(a->outputChannels, b->outputChannels);
    EXPECT_EQ(a->kernelChannels, b->kernelChannels);
    EXPECT_EQ(a->nGroups, b->nGroups);
    EXPECT_EQ(a->kernelSize, b->kernelSize);
    EXPECT_EQ(a->stride, b->stride);
    EXPECT_EQ(a->isDeconvolution, b->isDeconvolution);
    EXPECT_EQ(got.input, expected.input);
    const auto& padding = b->valid()->paddingAmounts->borderAmounts;
    for (std::size_t i = 0; i < 2; ++i) {
      const auto& edge = a->valid()->paddingAmounts->borderAmounts.at(i);
      EXPECT_EQ(edge.startEdgeSize, padding.at(i).startEdgeSize);
      EXPECT_EQ(edge.endEdgeSize, padding.at(i).endEdgeSize);
    }
    return true;
  });
  EXPECT_EQ(count, 64);
}

TEST_F(SsdOcr, permutations_and_shapes_are_the_same) {
  const int permutations = each([](const Layer& got, const Layer& expected) {
    if (got.permute() == nullptr) return false;
    EXPECT_EQ(got.permute()->axis, expected.permute()->axis);
    EXPECT_EQ(got.output, expected.output);
    return true;
  });
  EXPECT_EQ(permutations, 7);
  const int reshapes = each([](const Layer& got, const Layer& expected) {
    if (got.reshape() == nullptr) return false;
    EXPECT_EQ(got.reshape()->targetShape, expected.reshape()->targetShape);
    EXPECT_EQ(static_cast<int>(got.reshape()->mode), static_cast<int>(expected.reshape()->mode));
    return true;
  });
  EXPECT_EQ(reshapes, 5);
}

TEST_F(SsdOcr, activations_have_the_same_numbers) {
  const int linear = each([](const Layer& got, const Layer& expected) {
    if (got.activation() == nullptr || got.activation()->linear() == nullptr) return false;
    EXPECT_EQ(got.activation()->linear()->alpha, expected.activation()->linear()->alpha);
    EXPECT_EQ(got.activation()->linear()->beta, expected.activation()->linear()->beta);
    return true;
  });
  EXPECT_EQ(linear, 4);
  const int hard = each([](const Layer& got, const Layer& expected) {
    if (got.activation() == nullptr || got.activation()->sigmoidHard() == nullptr) return false;
    EXPECT_EQ(got.activation()->sigmoidHard()->alpha, expected.activation()->sigmoidHard()->alpha);
    EXPECT_EQ(got.activation()->sigmoidHard()->beta, expected.activation()->sigmoidHard()->beta);
    return true;
  });
  EXPECT_EQ(hard, 2);
}

TEST_F(SsdOcr, the_picture_is_scaled_alike) {
  const auto& got = translated_.network.preprocessing.at(0);
  const auto& expected = model_.neuralNetwork()->preprocessing.at(0);
  EXPECT_EQ(got.featureName, expected.featureName);
  EXPECT_EQ(got.scaler()->channelScale, expected.scaler()->channelScale);
  EXPECT_EQ(got.scaler()->redBias, expected.scaler()->redBias);
  EXPECT_EQ(got.scaler()->greenBias, expected.scaler()->greenBias);
  EXPECT_EQ(got.scaler()->blueBias, expected.scaler()->blueBias);
}

}  // namespace
}  // namespace pome::frontend
