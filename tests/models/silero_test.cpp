// One voice detector as package, compiled, quantized, palettized and pruned, on sung vowels.
#include <gmock/gmock.h>

#include <algorithm>
#include <functional>

#include "oracle.h"
#include "support/shared.h"

namespace pome::test {
namespace {

constexpr const char* package = "silero-vad-unified-v6.0.0.mlpackage";
constexpr const char* compiled = "silero-vad-unified-v6.0.0.mlmodelc";
constexpr const char* int8 = "unified_int8.mlpackage";
constexpr const char* palette4 = "unified_palette_4bit.mlpackage";
constexpr const char* pruned = "unified_pruned_int8.mlmodelc";

constexpr const char* speech = "vad_output";
constexpr const char* hidden = "new_hidden_state";
constexpr const char* cell = "new_cell_state";

// The recurrence's hidden state is rounded to fp16, in the program itself, and published so. Where
// the exact value lies close to the middle of two fp16 numbers, fp32 arithmetic may take the other
// one. That is rare: fp32's error after the deepest chain (six products of at most 516 terms, each
// rounding by about sqrt(516) x 2^-24 of its terms) is a few thousandths of their distance.
constexpr double allowed_neighbours = 0.01;
// One element that takes its neighbour moves the answer by at most 2^-11 (of a state below 1) x 4
// (the largest weight of the last convolution) / 4 (the sigmoid's slope) = 4.9e-4; ordinary ones,
// of states about 0.1 and weights about 0.5, by 6e-6. Measured: 1.3e-5.
constexpr double neighbour = 5e-5;

std::filesystem::path model_file(const std::string& name) {
  return *shared("models") / "silero-vad" / name;
}

MultiArray silence() {
  return {DataType::fp32, {1, 128}};
}

// Outputs of all windows. `before(i, output)` gives the state that window i > 0 starts with.
using Outputs = std::vector<FeatureProvider>;
using StateBefore = std::function<MultiArray(std::int64_t, const char*, const Outputs&)>;

Outputs listen(const std::string& name, const Configuration& configuration,
               const StateBefore& before) {
  const Model model = Model::open(model_file(name), configuration);
  const MultiArray audio = oracle_arrays("silero-audio").at("audio_input");
  Outputs out;
  for (std::int64_t i = 0; i < audio.shape()[0]; ++i) {
    out.push_back(model.predict({{"audio_input", row(audio, i)},
                                 {"hidden_state", i == 0 ? silence() : before(i, hidden, out)},
                                 {"cell_state", i == 0 ? silence() : before(i, cell, out)}}));
  }
  return out;
}

// As an application does it: each window starts with the states that the last one left.
Outputs listen(const std::string& name, const Configuration& configuration = {}) {
  return listen(name, configuration, [](std::int64_t i, const char* output, const Outputs& so_far) {
    return so_far[static_cast<std::size_t>(i - 1)][output].multi_array_value();
  });
}

double furthest(const Outputs& a, const Outputs& b, const char* output) {
  double out = 0;
  for (std::size_t i = 0; i < a.size(); ++i)
    out = std::max(
        out, test::furthest(a[i][output].multi_array_value(), b[i][output].multi_array_value()));
  return out;
}

double furthest(const Outputs& got, const MultiArray& expected) {
  double out = 0;
  for (std::size_t i = 0; i < got.size(); ++i)
    out = std::max(out, test::furthest(got[i][speech].multi_array_value(),
                                       row(expected, static_cast<std::int64_t>(i))));
  return out;
}

class Silero : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!shared("models")) GTEST_SKIP() << shared_absent;
  }

  // Every window starts with numpy's states, so that each prediction stands for itself.
  static void expect_numpy(const std::string& name, const std::string& expected) {
    ASSERT_TRUE(has_weights_of(model_file(name), expected));
    const Arrays arrays = oracle_arrays(expected);
    for (const Configuration& configuration : configurations()) {
      SCOPED_TRACE(text(configuration));
      const Outputs got = listen(
          name, configuration, [&](std::int64_t i, const char* output, const Outputs& /*so_far*/) {
            return row(arrays.at(output), i - 1);
          });
      EXPECT_LE(furthest(got, arrays.at(speech)), neighbour);
      for (const char* state : {hidden, cell}) {
        double neighbours = 0;
        for (std::size_t i = 0; i < got.size(); ++i)
          neighbours += share_of_neighbours(got[i][state].multi_array_value(),
                                            row(arrays.at(state), static_cast<std::int64_t>(i)));
        EXPECT_LE(neighbours / static_cast<double>(got.size()), allowed_neighbours) << state;
      }
    }
  }
};

TEST_F(Silero, PackageFollowsNumpy) {
  expect_numpy(package, "silero-float16");
}

TEST_F(Silero, CompiledFormFollowsNumpy) {
  expect_numpy(compiled, "silero-float16");
}

TEST_F(Silero, Int8FollowsNumpy) {
  expect_numpy(int8, "silero-int8");
}

TEST_F(Silero, PaletteOfSixteenFollowsNumpy) {
  expect_numpy(palette4, "silero-palette4");
}

TEST_F(Silero, PrunedFollowsNumpy) {
  expect_numpy(pruned, "silero-pruned");
}

TEST_F(Silero, PackageAndCompiledFormAgree) {
  const Outputs from_package = listen(package);
  const Outputs from_compiled = listen(compiled);
  for (const char* output : {speech, hidden, cell})
    EXPECT_LE(furthest(from_package, from_compiled, output), 1e-5) << output;
}

// Weights of 8 bits a channel are off by at most 1/254 of the channel's largest, 0.2 % of it on
// average; the detector is that robust. numpy finds the same distances: 0.0073 and 0.0084. The
// palette has no such limit: sixteen values for a whole matrix move the answer by up to 0.54
// (numpy: 0.54 too), so that its own expected results are its only check.
TEST_F(Silero, QuantizedAndPrunedHearTheSame) {
  const Outputs original = listen(package);
  EXPECT_LE(furthest(original, listen(int8), speech), 0.01);
  EXPECT_LE(furthest(original, listen(pruned), speech), 0.01);
}

// Rounding every result to 11 bits moves the answer a little, and it does round.
TEST_F(Silero, RoundsEveryResultWhereAskedTo) {
  const double moved =
      furthest(listen(package), listen(package, {.numerics = Numerics::as_declared}), speech);
  EXPECT_LE(moved, 2e-3);
  EXPECT_GT(moved, 1e-5);
}

TEST_F(Silero, HearsTheVowelsAndNothingElse) {
  for (const char* name : {package, compiled, int8, pruned}) {
    SCOPED_TRACE(name);
    std::vector<std::size_t> heard;
    const Outputs out = listen(name);
    for (std::size_t i = 0; i < out.size(); ++i) {
      if (out[i][speech].multi_array_value().elements<float>()[0] > 0.5F) heard.push_back(i);
    }
    EXPECT_THAT(heard, ::testing::ElementsAre(3, 4, 5, 6, 7, 8, 9, 10, 11, 12));
  }
}

}  // namespace
}  // namespace pome::test
