// Espresso files, from hand-made bytes and from two real bundles.
#include "format/espresso.h"

#include <gmock/gmock.h>

#include <array>

#include "format/little_endian.h"
#include "helpers.h"
#include "support/shared.h"

namespace pome::format {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

EspressoNetwork network_of(std::string_view text) {
  base::Budget budget;
  return read_espresso_network(*source_of(text), budget);
}

EspressoShapes shapes_of(std::string_view text) {
  base::Budget budget;
  return read_espresso_shapes(*source_of(text), budget);
}

// A weight file of these blobs: id and content.
std::string weight_file(const std::vector<std::pair<std::uint64_t, std::string>>& blobs) {
  std::vector<std::byte> out;
  append<std::uint64_t>(out, blobs.size());
  for (const auto& [id, content] : blobs) {
    append<std::uint64_t>(out, id);
    append<std::uint64_t>(out, content.size());
  }
  std::string text = text_of(out);
  for (const auto& [id, content] : blobs) text += content;
  return text;
}

EspressoWeights weights_of(std::string_view bytes) {
  base::Budget budget;
  return {*source_of(bytes), budget};
}

constexpr std::string_view small_network = R"({
  "storage": "model.espresso.weights", "format_version": 200, "properties": {},
  "transform_params": {"photo": {"scale": 0.5, "bias_r": -1, "bias_g": -2, "bias_b": -3,
                                 "bias_a": 4, "center_mean": 0, "is_network_bgr": 0}},
  "layers": [
    {"type": "convolution", "name": "c1", "bottom": "photo", "top": "a", "C": 8, "K": 3,
     "blob_weights": 3, "fused_relu": true, "weights": {"W_U8": 5}, "attributes": {"x": 1}},
    {"type": "elementwise", "name": "", "bottom": "a,b", "top": "sum", "operation": 0,
     "alpha": 0.25, "note": "text"}]})";

TEST(EspressoNetwork, layers_and_their_attributes) {
  const EspressoNetwork network = network_of(small_network);
  EXPECT_EQ(network.storage, "model.espresso.weights");
  ASSERT_EQ(network.layers.size(), 2U);
  const EspressoLayer& first = network.layers[0];
  EXPECT_EQ(first.type, "convolution");
  EXPECT_EQ(first.name, "c1");
  EXPECT_THAT(first.bottoms, ElementsAre("photo"));
  EXPECT_THAT(first.tops, ElementsAre("a"));
  EXPECT_EQ(std::get<double>(first.attributes.at("C")), 8);
  EXPECT_EQ(std::get<double>(first.attributes.at("fused_relu")), 1);
  EXPECT_TRUE(std::holds_alternative<std::monostate>(first.attributes.at("attributes")));
  EXPECT_FALSE(first.attributes.contains("type"));
  EXPECT_EQ(first.weights.at("W_U8"), 5U);
  const EspressoLayer& second = network.layers[1];
  EXPECT_EQ(second.name, "sum") << "a layer without a name has that of its first blob";
  EXPECT_THAT(second.bottoms, ElementsAre("a", "b"));
  EXPECT_EQ(std::get<double>(second.attributes.at("alpha")), 0.25);
  EXPECT_EQ(std::get<std::string>(second.attributes.at("note")), "text");
}

TEST(EspressoNetwork, transforms_of_image_inputs) {
  const EspressoTransform transform = network_of(small_network).transforms.at("photo");
  EXPECT_EQ(transform.scale, 0.5);
  EXPECT_EQ(transform.bias_r, -1);
  EXPECT_EQ(transform.bias_g, -2);
  EXPECT_EQ(transform.bias_b, -3);
  EXPECT_EQ(transform.bias_a, 4);
  EXPECT_FALSE(transform.center_mean);
}

// A network file, and what the sentence that refuses it must say.
struct Refusal {
  std::string_view text;
  std::string_view phrase;
};

TEST(EspressoNetwork, says_what_is_wrong) {
  constexpr std::array refusals{
      Refusal{"", "is empty, expected JSON"},
      Refusal{"[1]", "holds no JSON object"},
      Refusal{"{", "is not JSON"},
      Refusal{"pbze\1\2\3\4", "is compressed as Apple's own system models are (pbze)"},
      Refusal{"version https://git-lfs.github.com/spec/v1\noid sha256:1\nsize 1\n", "Git LFS"},
      Refusal{R"({"layers": []})", "has no 'format_version'"},
      Refusal{R"({"format_version": "200", "layers": []})", "has no 'format_version'"},
      Refusal{R"({"format_version": 300, "layers": []})", "format version 300, expected 200"},
      Refusal{R"({"format_version": 200})", "has no list 'layers'"},
      Refusal{R"({"format_version": 200, "layers": {}})", "has no list 'layers'"},
      Refusal{R"({"format_version": 200, "layers": [3]})", "layer 0 is no object"},
      Refusal{R"({"format_version": 200, "layers": [{"name": "n"}]})", "layer 'n' has no 'type'"},
      Refusal{R"({"format_version": 200, "layers": [{"type": "pool", "top": "a"}]})",
              "layer 0 has no 'bottom'"},
      Refusal{R"({"format_version": 200, "layers": [{"type": "pool", "bottom": "a"}]})",
              "layer 0 has no 'top'"},
      Refusal{R"({"format_version": 200, "layers": [{"type": "p", "bottom": 7, "top": "a"}]})",
              "layer 0: 'bottom' is no text"},
      Refusal{R"({"format_version": 200, "layers": [{"type": "p", "bottom": "a,,b", "top": "c"}]})",
              "layer 0: 'bottom' has an empty name"},
      Refusal{R"({"format_version": 200,
                  "layers": [{"type": "p", "bottom": "a", "top": "c", "weights": 4}]})",
              "layer 0: 'weights' is no object"},
      Refusal{R"({"format_version": 200,
                  "layers": [{"type": "p", "bottom": "a", "top": "c", "weights": {"W": -1}}]})",
              "layer 0: the weight 'W' is no number of a blob"},
      Refusal{R"({"format_version": 200, "layers": [], "transform_params": []})",
              "'transform_params' is no object"},
      Refusal{R"({"format_version": 200, "layers": [], "transform_params": {"x": 1}})",
              "transform of 'x' is no object"},
      Refusal{R"({"format_version": 200, "layers": [], "transform_params": {"x": {"scale": "1"}}})",
              "transform of 'x': 'scale' is no number"},
  };
  for (const Refusal& refusal : refusals) {
    EXPECT_THAT(error_of([&] { network_of(refusal.text); }), HasSubstr(std::string(refusal.phrase)))
        << refusal.text;
  }
}

TEST(EspressoNetwork, deep_nesting_is_refused) {
  const std::string deep = std::string(100000, '[') + std::string(100000, ']');
  EXPECT_THAT(error_of([&] { network_of(deep); }), HasSubstr("nested deeper"));
}

TEST(EspressoNetwork, survives_damage) {
  damage(std::string(small_network), [](const std::string& text) { network_of(text); });
}

TEST(EspressoShapes, sizes_by_blob) {
  const EspressoShapes shapes = shapes_of(R"({"layer_shapes": {
      "a": {"k": 3, "w": 5, "n": 1, "h": 4}, "b": {"k": 2, "w": 1, "n": 1, "h": 1, "seq": 7},
      "c": {"k": 1, "w": 9, "n": 1, "h": 8, "_rank": 2}}})");
  EXPECT_EQ(shapes.at("a").k, 3);
  EXPECT_EQ(shapes.at("a").h, 4);
  EXPECT_EQ(shapes.at("a").w, 5);
  EXPECT_EQ(shapes.at("a").seq, 1);
  EXPECT_LT(shapes.at("a").rank, 0);
  EXPECT_EQ(shapes.at("b").seq, 7);
  EXPECT_EQ(shapes.at("c").rank, 2);
}

TEST(EspressoShapes, says_what_is_wrong) {
  constexpr std::array refusals{
      Refusal{"{}", "has no object 'layer_shapes'"},
      Refusal{R"({"layer_shapes": []})", "has no object 'layer_shapes'"},
      Refusal{R"({"layer_shapes": {"a": 1}})", "shape of 'a' is no object"},
      Refusal{R"({"layer_shapes": {"a": {"k": -1}}})", "shape of 'a': 'k' is no size"},
      Refusal{R"({"layer_shapes": {"a": {"w": 1e30}}})", "shape of 'a': 'w' is no size"},
      Refusal{R"({"layer_shapes": {"a": {"h": 18446744073709551615}}})", "'h' is no size"},
      Refusal{R"({"layer_shapes": {"a": {"_rank": 6}}})", "'_rank' is no number of dimensions"},
  };
  for (const Refusal& refusal : refusals) {
    EXPECT_THAT(error_of([&] { shapes_of(refusal.text); }), HasSubstr(std::string(refusal.phrase)))
        << refusal.text;
  }
}

TEST(EspressoWeights, blobs_by_id) {
  const EspressoWeights weights = weights_of(weight_file({{0, "pad"}, {3, "abcd"}, {1, ""}}));
  EXPECT_EQ(weights.size(), 3U);
  EXPECT_EQ(text_of(weights.blob(3).value()), "abcd");
  EXPECT_EQ(text_of(weights.blob(0).value()), "pad");
  EXPECT_TRUE(weights.blob(1).value().empty());
  EXPECT_FALSE(weights.blob(2).has_value());
}

TEST(EspressoWeights, says_what_is_wrong) {
  const auto refused = [](const std::string& bytes) {
    return error_of([&] { weights_of(bytes); });
  };
  EXPECT_THAT(refused("abc"), HasSubstr("has 3 bytes, expected a table of weight blobs"));
  std::string many = weight_file({{1, "abcd"}});
  many[0] = 2;
  EXPECT_THAT(refused(many), HasSubstr("announces 2 blobs"));
  many[7] = '\x7F';
  EXPECT_THAT(refused(many), HasSubstr("announces 9151314442816847874 blobs"));
  EXPECT_THAT(refused(weight_file({{5, "a"}, {5, "b"}})), HasSubstr("two blobs of the number 5"));
  std::string cut = weight_file({{1, "abcd"}, {3, "efgh"}});
  cut.pop_back();
  EXPECT_THAT(refused(cut), HasSubstr("blob 3 has 4 bytes, only 3 are left"));
}

TEST(EspressoWeights, survives_damage) {
  damage(weight_file({{0, "pad"}, {1, "abcdefgh"}}), [](const std::string& bytes) {
    const EspressoWeights weights = weights_of(bytes);
    for (std::uint64_t id = 0; id < 4; ++id) {
      if (const auto blob = weights.blob(id)) static_cast<void>(text_of(*blob));
    }
  });
}

// Every layer of a real bundle names blobs that are there, and every blob that it makes has a
// shape.
void check_bundle(const std::string& folder, std::size_t layers, std::size_t blobs) {
  const auto bundle = test::shared(folder);
  if (!bundle) GTEST_SKIP() << test::shared_absent;
  base::Budget budget;
  const EspressoNetwork network =
      read_espresso_network(*base::open_file(*bundle / "model.espresso.net"), budget);
  const EspressoShapes shapes =
      read_espresso_shapes(*base::open_file(*bundle / "model.espresso.shape"), budget);
  const EspressoWeights weights(*base::open_file(*bundle / network.storage), budget);
  EXPECT_EQ(network.layers.size(), layers);
  EXPECT_EQ(weights.size(), blobs);
  for (const EspressoLayer& layer : network.layers) {
    for (const std::string& top : layer.tops) EXPECT_TRUE(shapes.contains(top)) << top;
    for (const auto& [key, value] : layer.attributes) {
      if (!key.starts_with("blob_")) continue;
      EXPECT_TRUE(weights.blob(static_cast<std::uint64_t>(std::get<double>(value)))) << key;
    }
  }
}

TEST(EspressoBundles, ssd_ocr) {
  check_bundle("models/ssd-ocr/SSDOcr.mlmodelc", 102, 256);
}

TEST(EspressoBundles, waifu2x) {
  check_bundle("models/waifu2x-espresso/up_photo_noise1_scale2x_model.mlmodelc", 13, 32);
}

}  // namespace
}  // namespace pome::format
