// The sample models that the scripts in models/ make from published weights.
#include <gmock/gmock.h>

#include <algorithm>
#include <array>
#include <numeric>

#include "base/hash.h"
#include "image/image_file.h"
#include "oracle.h"
#include "support/shared.h"

namespace pome::test {
namespace {

constexpr const char* efficientnet = "EfficientNetLite0.mlpackage";
constexpr const char* minilm = "AllMiniLML6v2.mlpackage";

// Probabilities in the order of the labels, as numpy's.
MultiArray probabilities(const Model& model, const FeatureProvider& outputs) {
  const auto& labels = std::get<std::vector<std::string>>(model.description().class_labels);
  const StringDictionary& by_label = outputs["classLabel_probs"].string_dictionary_value();
  MultiArray out(DataType::fp64, {static_cast<std::int64_t>(labels.size())});
  std::size_t i = 0;
  for (double& element : out.mutable_elements<double>()) element = by_label.at(labels[i++]);
  return out;
}

// The five likeliest, as the manifest lists them.
std::vector<std::string> top_five(const FeatureProvider& outputs) {
  const StringDictionary& all = outputs["classLabel_probs"].string_dictionary_value();
  std::vector<std::pair<std::string, double>> sorted(all.begin(), all.end());
  std::ranges::partial_sort(sorted, sorted.begin() + 5,
                            [](const auto& a, const auto& b) { return a.second > b.second; });
  std::vector<std::string> out;
  for (int i = 0; i < 5; ++i) out.push_back(sorted[i].first);
  return out;
}

std::string digest_of_rgb(const PixelBuffer& picture) {
  base::Sha256 all;
  for (std::int64_t y = 0; y < picture.height(); ++y)
    all.update(std::span(picture.row(y), static_cast<std::size_t>(picture.width() * 3)));
  return base::hex(all.finish());
}

class EfficientNet : public ::testing::Test {
 protected:
  void SetUp() override {
    path_ = sample_model(efficientnet);
    if (!path_) GTEST_SKIP() << sample_absent;
  }

  void expect_numpy(const std::string& name, const PixelBuffer& picture,
                    const std::vector<Configuration>& configurations) const {
    ASSERT_TRUE(has_weights_of(*path_, name));
    const auto facts = oracle_facts(name);
    ASSERT_EQ(digest_of_rgb(picture), facts.at("image_sha256"));
    const Arrays arrays = oracle_arrays(name);
    std::vector<std::string> likeliest;
    for (const auto& entry : facts.at("top5")) likeliest.push_back(entry.at(0));
    for (const Configuration& configuration : configurations) {
      SCOPED_TRACE(text(configuration));
      const Model model = Model::open(*path_, configuration);
      const FeatureProvider got = model.predict({{"image", picture}});
      EXPECT_EQ(got["classLabel"].string_value(), facts.at("label"));
      EXPECT_EQ(top_five(got), likeliest);
      const MultiArray all = probabilities(model, got);
      // fp32 against float64 through 52 convolutions: 9e-7 was measured.
      EXPECT_LE(furthest(all, arrays.at("classLabel_probs")), 5e-6);
      // The network itself, whose weights are not rounded to fp16.
      EXPECT_LE(furthest(all, arrays.at("from_checkpoint")),
                facts.at("furthest_from_checkpoint").get<double>() + 5e-6);
    }
  }

  static PixelBuffer photo(const std::string& name) {
    return image::load_image(oracle_file(name + ".png"), {.format = PixelFormat::rgb8});
  }

  std::optional<std::filesystem::path> path_;
};

TEST_F(EfficientNet, FollowsNumpyOnAPattern) {
  expect_numpy("efficientnet-pattern", pattern(224), fast_configurations());
}

TEST_F(EfficientNet, NamesWhatIsOnPhotographs) {
  if (!image::can_load_images()) GTEST_SKIP() << "needs the image module, which is absent";
  for (const char* name : {"efficientnet-cat", "efficientnet-coffee", "efficientnet-rocket"}) {
    SCOPED_TRACE(name);
    expect_numpy(name, photo(name), {{}});
  }
}

TEST_F(EfficientNet, TakesPicturesInEveryColourLayout) {
  const Model model = Model::open(*path_);
  const MultiArray wanted =
      probabilities(model, model.predict({{"image", pattern(224, PixelFormat::rgb8)}}));
  for (const PixelFormat format : {PixelFormat::rgba8, PixelFormat::bgra8}) {
    const FeatureProvider got = model.predict({{"image", pattern(224, format)}});
    EXPECT_EQ(furthest(probabilities(model, got), wanted), 0) << name(format);
  }
}

class MiniLm : public ::testing::Test {
 protected:
  void SetUp() override {
    path_ = sample_model(minilm);
    if (!path_) GTEST_SKIP() << sample_absent;
  }

  static FeatureProvider tokens(const Arrays& arrays) {
    return {{"input_ids", arrays.at("input_ids")}, {"attention_mask", arrays.at("attention_mask")}};
  }

  std::optional<std::filesystem::path> path_;
};

double dot(const MultiArray& a, const MultiArray& b) {
  double out = 0;
  for (std::int64_t i = 0; i < a.count(); ++i) out += a.at({0, i}) * b.at({0, i});
  return out;
}

TEST_F(MiniLm, FollowsNumpyAtEveryLength) {
  for (const Configuration& configuration : fast_configurations()) {
    SCOPED_TRACE(text(configuration));
    const Model model = Model::open(*path_, configuration);
    for (int i = 0; i < 4; ++i) {
      const std::string name = "minilm-" + std::to_string(i);
      SCOPED_TRACE(name);
      ASSERT_TRUE(has_weights_of(*path_, name));
      const Arrays arrays = oracle_arrays(name);
      const FeatureProvider outputs = model.predict(tokens(arrays));
      const MultiArray& got = outputs["embedding"].multi_array_value();
      // fp32 against float64 through six layers: 1.4e-7 was measured.
      EXPECT_LE(furthest(got, arrays.at("embedding")), 1e-6);
      // The network itself, whose weights are not rounded to fp16.
      EXPECT_LE(furthest(row(got, 0), arrays.at("from_checkpoint")),
                oracle_facts(name).at("furthest_from_checkpoint").get<double>() + 1e-6);
      EXPECT_NEAR(dot(got, got), 1, 1e-6);
    }
  }
}

TEST_F(MiniLm, PutsSentencesOfOneMeaningTogether) {
  const Model model = Model::open(*path_);
  std::vector<MultiArray> all;
  for (const char* name : {"minilm-0", "minilm-1", "minilm-2"})
    all.push_back(model.predict(tokens(oracle_arrays(name)))["embedding"].multi_array_value());
  EXPECT_GT(dot(all[0], all[1]), 0.5);  // a cat on the sofa, a kitten on a couch
  EXPECT_LT(dot(all[0], all[2]), 0.2);  // interest rates
}

TEST_F(MiniLm, IgnoresPaddingThatTheMaskHides) {
  const Model model = Model::open(*path_);
  const Arrays padded = oracle_arrays("minilm-3");
  const auto mask = padded.at("attention_mask").elements<std::int32_t>();
  const std::int64_t length = std::accumulate(mask.begin(), mask.end(), std::int64_t{0});
  ASSERT_LT(length, padded.at("input_ids").count());
  const std::array<std::int64_t, 2> shape{1, length};
  const auto cut = [&](const char* name) {
    return MultiArray::wrap_const(padded.at(name).data(), DataType::int32, shape);
  };
  const FeatureProvider alone =
      model.predict({{"input_ids", cut("input_ids")}, {"attention_mask", cut("attention_mask")}});
  const FeatureProvider with_padding = model.predict(tokens(padded));
  EXPECT_LE(furthest(alone["embedding"].multi_array_value(),
                     with_padding["embedding"].multi_array_value()),
            1e-5);
}

}  // namespace
}  // namespace pome::test
