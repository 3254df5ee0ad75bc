// The neural networks of ../shared/models against LiteRT and numpy.
//
// Tolerances: the 1e-4 and 1e-3 are far above what float32 makes of these networks; where a
// smaller one is given, it is about ten times the difference between LiteRT's or numpy's float32
// and float64 results of the same network.
#include <gmock/gmock.h>

#include <algorithm>
#include <cmath>

#include "image/image_file.h"
#include "oracle.h"
#include "support/shared.h"

namespace pome::test {
namespace {

std::filesystem::path network_file(const std::string& name) {
  return *shared("models") / name;
}

#define NEEDS_SHARED \
  if (!shared("models")) GTEST_SKIP() << shared_absent

// A photograph of 224 x 224 in another size, each pixel repeated: floor(224 x / width).
PixelBuffer photo(const std::string& name, std::int64_t width, std::int64_t height) {
  const PixelBuffer small = image::load_image(oracle_file("efficientnet-" + name + ".png"),
                                              {.format = PixelFormat::rgb8});
  PixelBuffer out(PixelFormat::rgb8, width, height);
  for (std::int64_t y = 0; y < height; ++y) {
    std::byte* to = out.mutable_row(y);
    const std::byte* from = small.row(y * 224 / height);
    for (std::int64_t x = 0; x < width; ++x)
      std::copy_n(from + 3 * (x * 224 / width), 3, to + 3 * x);
  }
  return out;
}

std::vector<double> numbers(const MultiArray& array) {
  const MultiArray wide = array.converted_to(DataType::fp64);
  const auto elements = wide.elements<double>();
  return {elements.begin(), elements.end()};
}

// Every n-th element of the first dimension that is not 1.
double furthest_apart(const std::vector<double>& got, const std::vector<double>& expected) {
  EXPECT_EQ(got.size(), expected.size());
  double out = 0;
  for (std::size_t i = 0; i < std::min(got.size(), expected.size()); ++i) {
    EXPECT_TRUE(std::isfinite(got[i]));
    out = std::max(out, std::abs(got[i] - expected[i]));
  }
  return out;
}

const MultiArray& array_of(const FeatureProvider& outputs, const std::string& name) {
  return outputs.at(name).multi_array_value();
}

TEST(Networks, hourglass_agrees_with_its_tflite_twin) {
  NEEDS_SHARED;
  const auto expected = network_arrays("pose").at("hourglass_out_3__0");
  for (const Configuration& configuration : fast_configurations()) {
    const Model model =
        Model::open(network_file("pose-hourglass/model_hourglass.mlmodel"), configuration);
    const auto outputs = model.predict({{"image__0", photo("cat", 192, 192)}});
    EXPECT_LE(furthest_apart(numbers(array_of(outputs, "hourglass_out_3__0")), numbers(expected)),
              2e-5)
        << text(configuration);
  }
}

// Every ninth row of `width` numbers.
std::vector<double> ninth(const MultiArray& array, std::size_t width) {
  const auto all = numbers(array);
  std::vector<double> out;
  for (std::size_t row = 0; row < all.size() / width; row += 9)
    out.insert(out.end(), all.begin() + static_cast<std::ptrdiff_t>(row * width),
               all.begin() + static_cast<std::ptrdiff_t>((row + 1) * width));
  return out;
}

// The compiled form has its batch norms folded into convolutions whose weights are rounded to
// float16, which changes the numbers by some hundredths. Both forms are compared with numpy's
// evaluation of what they say.
TEST(Networks, ssd_ocr_in_both_forms) {
  NEEDS_SHARED;
  const Arrays expected = network_arrays("ssd");
  const PixelBuffer picture = photo("coffee", 600, 375);
  const auto plain = Model::open(network_file("ssd-ocr/SSDOcr.mlmodel")).predict({{"0", picture}});
  EXPECT_LE(furthest_apart(ninth(array_of(plain, "scores"), 10), numbers(expected.at("scores"))),
            1e-4);
  EXPECT_LE(furthest_apart(ninth(array_of(plain, "boxes"), 4), numbers(expected.at("boxes"))),
            1e-4);
  EXPECT_LE(furthest_apart(ninth(array_of(plain, "filter"), 1), numbers(expected.at("filter"))),
            1e-4);
  const auto compiled =
      Model::open(network_file("ssd-ocr/SSDOcr.mlmodelc")).predict({{"0", picture}});
  EXPECT_LE(furthest_apart(ninth(array_of(compiled, "scores"), 10),
                           numbers(expected.at("compiled.scores"))),
            1e-4);
  EXPECT_LE(
      furthest_apart(ninth(array_of(compiled, "boxes"), 4), numbers(expected.at("compiled.boxes"))),
      1e-4);
  EXPECT_LE(
      furthest_apart(ninth(array_of(compiled, "594"), 1), numbers(expected.at("compiled.filter"))),
      1e-4);
}

TEST(Networks, waifu2x_from_its_bundle) {
  NEEDS_SHARED;
  const Model model =
      Model::open(network_file("waifu2x-espresso/up_photo_noise1_scale2x_model.mlmodelc"));
  const PixelBuffer picture = photo("coffee", 156, 156);
  MultiArray input(DataType::fp64, {3, 156, 156});
  auto values = input.mutable_elements<double>();
  for (std::int64_t c = 0; c < 3; ++c) {
    for (std::int64_t y = 0; y < 156; ++y) {
      for (std::int64_t x = 0; x < 156; ++x)
        values[static_cast<std::size_t>((c * 156 + y) * 156 + x)] =
            std::to_integer<int>(picture.row(y)[3 * x + c]) / 255.0;
    }
  }
  const auto outputs = model.predict({{"input", input}});
  const auto got = numbers(array_of(outputs, "conv7"));
  const MultiArray expected = network_arrays("waifu2x").at("conv7");
  const auto wanted = numbers(expected);
  ASSERT_EQ(got.size(), 3U * 284 * 284);
  std::vector<double> grid;
  for (std::size_t c = 0; c < 3; ++c) {
    for (std::size_t y = 0; y < 284; y += 5) {
      for (std::size_t x = 0; x < 284; x += 5) grid.push_back(got[(c * 284 + y) * 284 + x]);
    }
  }
  EXPECT_LE(furthest_apart(grid, wanted), 1e-5);
}

TEST(Networks, deeplab_labels_pixels_as_numpy_does) {
  NEEDS_SHARED;
  const Arrays expected = network_arrays("deeplab");
  const Model model = Model::open(network_file("deeplab-v3-int8lut/DeepLabV3Int8LUT.mlmodel"));
  for (const std::string name : {"cat", "coffee"}) {
    const auto outputs = model.predict({{"image", photo(name, 513, 513)}});
    const auto got = numbers(array_of(outputs, "semanticPredictions"));
    const auto labels = numbers(expected.at(name + ".labels"));
    const auto certain = numbers(expected.at(name + ".certain"));
    ASSERT_EQ(got.size(), labels.size());
    std::size_t compared = 0;
    for (std::size_t i = 0; i < got.size(); ++i) {
      // Bits of bytes, the first one highest: the two best scores are 2e-3 apart or more.
      if ((static_cast<int>(certain[i / 8]) >> (7 - i % 8) & 1) == 0) continue;
      ++compared;
      EXPECT_EQ(got[i], labels[i]) << name << ", pixel " << i;
    }
    EXPECT_GT(compared, labels.size() * 99 / 100);
  }
}

MultiArray one_hot(std::int64_t size, std::int64_t at) {
  MultiArray out(DataType::fp64, {size});
  out.mutable_elements<double>()[static_cast<std::size_t>(at)] = 1;
  return out;
}

// Letter by letter through the encoder, its state into the decoder, English letters out.
TEST(Networks, spanish_sentences_become_english_ones) {
  NEEDS_SHARED;
  const Arrays expected = network_arrays("seq2seq");
  const Model encoder = Model::open(network_file("seq2seq-lstm/Es2EnCharEncoder16Bit.mlmodel"));
  const Model decoder = Model::open(network_file("seq2seq-lstm/Es2EnCharDecoder16Bit.mlmodel"));
  for (const std::string sentence : {"0.", "1.", "2.", "3."}) {
    FeatureProvider state;
    for (const double code : numbers(expected.at(sentence + "codes"))) {
      FeatureProvider inputs{{"encodedSeq", one_hot(101, static_cast<std::int64_t>(code))}};
      for (const auto& [from, to] : {std::pair{"encoder_lstm_h_out", "encoder_lstm_h_in"},
                                     std::pair{"encoder_lstm_c_out", "encoder_lstm_c_in"}}) {
        if (const FeatureValue* value = state.find(from)) inputs.set(to, *value);
      }
      state = encoder.predict(inputs);
    }
    EXPECT_LE(furthest_apart(numbers(array_of(state, "encoder_lstm_h_out")),
                             numbers(expected.at(sentence + "h"))),
              1e-4);
    EXPECT_LE(furthest_apart(numbers(array_of(state, "encoder_lstm_c_out")),
                             numbers(expected.at(sentence + "c"))),
              1e-4);
    const auto chosen = numbers(expected.at(sentence + "chosen"));
    const MultiArray& probabilities = expected.at(sentence + "probabilities");
    FeatureValue h = state.at("encoder_lstm_h_out");
    FeatureValue c = state.at("encoder_lstm_c_out");
    std::int64_t letter = 0;
    for (std::size_t i = 0; i < chosen.size(); ++i) {
      const auto step = decoder.predict({{"encodedChar", one_hot(87, letter)},
                                         {"decoder_lstm_h_in", h},
                                         {"decoder_lstm_c_in", c}});
      const auto likely = numbers(array_of(step, "nextCharProbs"));
      EXPECT_LE(furthest_apart(likely, numbers(row(probabilities, static_cast<std::int64_t>(i)))),
                1e-3);
      letter = std::max_element(likely.begin(), likely.end()) - likely.begin();
      EXPECT_EQ(static_cast<double>(letter), chosen[i]) << sentence << " letter " << i;
      h = step.at("decoder_lstm_h_out");
      c = step.at("decoder_lstm_c_out");
    }
  }
}

TEST(Networks, gestures_are_classified) {
  NEEDS_SHARED;
  const Arrays expected = network_arrays("gesture");
  const Model model = Model::open(network_file("gesture-lstm/GestureClassifier.mlmodel"));
  const auto outputs = model.predict({{"features", expected.at("features")}});
  EXPECT_LE(
      furthest_apart(numbers(array_of(outputs, "hiddenOut")), numbers(expected.at("hiddenOut"))),
      1e-4);
  EXPECT_LE(furthest_apart(numbers(array_of(outputs, "cellOut")), numbers(expected.at("cellOut"))),
            1e-4);
  const auto& labels = std::get<std::vector<std::string>>(model.description().class_labels);
  const auto probabilities = numbers(expected.at("activityProbability"));
  ASSERT_EQ(labels.size(), probabilities.size());
  const auto& got = outputs.at("activityProbability").string_dictionary_value();
  double best = 0;
  std::string label;
  for (std::size_t i = 0; i < labels.size(); ++i) {
    EXPECT_NEAR(got.at(labels[i]), probabilities[i], 1e-4);
    if (probabilities[i] > best) label = labels[i];
    best = std::max(best, probabilities[i]);
  }
  EXPECT_EQ(outputs.at("activity").string_value(), label);
}

// The picture is not scaled, so that the numbers go up to 5118: sums of up to 1152 float32 terms of
// that size are off by about sqrt(1152) x 2^-24 x 5118 = 0.01.
TEST(Networks, drawings_are_embedded) {
  NEEDS_SHARED;
  const Arrays expected = network_arrays("drawing");
  const Model model = Model::open(network_file("updatable-drawing/TinyDrawingEmbedding.mlmodel"));
  const PixelBuffer drawing =
      PixelBuffer::wrap_const(expected.at("drawing").data(), PixelFormat::gray8, 28, 28);
  const auto outputs = model.predict({{"drawing", drawing}});
  EXPECT_LE(
      furthest_apart(numbers(array_of(outputs, "embedding")), numbers(expected.at("embedding"))),
      1e-2);
}

TEST(Networks, pictures_are_painted_with_custom_layers) {
  NEEDS_SHARED;
  Configuration configuration;
  configuration.custom_layers.add_folder(POME_CUSTOM_LAYERS);
  const Model model = Model::open(
      network_file("style-transfer-custom-layer/FastStyleTransferVanGoghStarryNight.mlmodel"),
      configuration);
  const auto outputs = model.predict({{"image", photo("cat", 320, 320)}});
  const PixelBuffer painted =
      outputs.at("output").image_buffer_value().converted_to(PixelFormat::rgb8);
  const auto expected = numbers(network_arrays("style").at("output"));
  for (std::int64_t y = 0; y < 80; ++y) {
    for (std::int64_t x = 0; x < 240; ++x) {
      const double wanted = std::clamp(expected[static_cast<std::size_t>(y * 240 + x)], 0.0, 255.0);
      // Rounded to a byte; next to the middle of two it may be the other one.
      EXPECT_NEAR(std::to_integer<int>(painted.row(4 * y)[12 * (x / 3) + x % 3]), wanted, 0.51);
    }
  }
}

TEST(Networks, a_custom_layer_without_code_is_named) {
  NEEDS_SHARED;
  try {
    Model::open(
        network_file("style-transfer-custom-layer/FastStyleTransferVanGoghStarryNight.mlmodel"));
    FAIL() << "it opened";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::custom_layer);
    EXPECT_THAT(error.what(), ::testing::AllOf(::testing::HasSubstr("'ResCropBlockLambda'"),
                                               ::testing::HasSubstr("return x[:, 2:-2, 2:-2]")));
  }
}

}  // namespace
}  // namespace pome::test
