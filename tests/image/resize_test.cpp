// Resizing and turning of pictures, against what numpy computes from the definition.
#include <gmock/gmock.h>

#include <cstdlib>
#include <span>
#include <string>
#include <vector>

#include "pome/error.h"
#include "pome/pixel_buffer.h"
#include "resized.inc"

namespace pome::image {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

PixelBuffer noise() {
  return PixelBuffer::wrap_const(noise_23x17, PixelFormat::rgb8, 23, 17);
}

std::vector<int> pixels(const PixelBuffer& picture) {
  std::vector<int> out;
  const std::int64_t bytes = picture.width() * bytes_per_pixel(picture.format());
  for (std::int64_t y = 0; y < picture.height(); ++y) {
    for (std::int64_t i = 0; i < bytes; ++i) out.push_back(std::to_integer<int>(picture.row(y)[i]));
  }
  return out;
}

struct Case {
  const char* name;
  CropAndScale mode;
  std::int64_t width;
  std::int64_t height;
  std::span<const unsigned char> expected;
};

constexpr CropAndScale fill = CropAndScale::scale_fill;
constexpr CropAndScale crop = CropAndScale::center_crop;
constexpr CropAndScale fit = CropAndScale::scale_fit;

const Case cases[] = {
    {"shrink", fill, 7, 5, fill_7x5},     {"enlarge", fill, 40, 31, fill_40x31},
    {"both", fill, 50, 6, fill_50x6},     {"one_pixel", fill, 1, 1, fill_1x1},
    {"square", crop, 10, 10, crop_10x10}, {"wide", crop, 31, 8, crop_31x8},
    {"tall", crop, 5, 13, crop_5x13},     {"fit_square", fit, 16, 16, fit_16x16},
    {"fit_wide", fit, 40, 11, fit_40x11}, {"fit_tall", fit, 3, 30, fit_3x30},
};

class Resized : public ::testing::TestWithParam<Case> {};

// The sums are of at most a few hundred float32 terms: only where the exact number lies within
// 1e-4 of the middle of two may the other one come out. Random middles are that near in less than
// a thousandth of all cases.
TEST_P(Resized, as_numpy_computes_it) {
  const Case& one = GetParam();
  const auto got = pixels(noise().resized(one.width, one.height, one.mode));
  ASSERT_EQ(got.size(), one.expected.size());
  int others = 0;
  for (std::size_t i = 0; i < got.size(); ++i) {
    const int distance = std::abs(got[i] - static_cast<int>(one.expected[i]));
    EXPECT_LE(distance, 1) << "byte " << i;
    others += distance;
  }
  EXPECT_LE(others, static_cast<int>(got.size() / 500));
}

INSTANTIATE_TEST_SUITE_P(Pictures, Resized, ::testing::ValuesIn(cases),
                         [](const auto& param) { return std::string(param.param.name); });

TEST(Resize, every_format_alike) {
  const PixelBuffer colour = noise();
  const auto expected = pixels(colour.resized(9, 8, fill));
  for (const PixelFormat format : {PixelFormat::rgba8, PixelFormat::bgra8}) {
    const PixelBuffer got = colour.converted_to(format).resized(9, 8, fill);
    EXPECT_EQ(got.format(), format);
    EXPECT_EQ(pixels(got.converted_to(PixelFormat::rgb8)), expected);
    EXPECT_EQ(std::to_integer<int>(got.row(7)[35]), 255);
  }
  const PixelBuffer gray = colour.converted_to(PixelFormat::gray8);
  const PixelBuffer half = gray.converted_to(PixelFormat::gray16f).resized(9, 8, fill);
  EXPECT_EQ(half.format(), PixelFormat::gray16f);
  const auto rounded = pixels(half.converted_to(PixelFormat::gray8));
  const auto bytes = pixels(gray.resized(9, 8, fill));
  for (std::size_t i = 0; i < bytes.size(); ++i) EXPECT_NEAR(rounded[i], bytes[i], 1);
}

TEST(Resize, the_same_size_changes_nothing) {
  for (const CropAndScale mode : {fill, fit, crop})
    EXPECT_EQ(pixels(noise().resized(23, 17, mode)), pixels(noise()));
}

TEST(Resize, rows_with_gaps) {
  // The left 20 columns of each row.
  const PixelBuffer part = PixelBuffer::wrap_const(noise_23x17, PixelFormat::rgb8, 20, 17, 23 * 3);
  EXPECT_EQ(pixels(part.resized(11, 9, fill)), pixels(part.clone().resized(11, 9, fill)));
}

TEST(Resize, refuses_sizes_that_are_none) {
  EXPECT_THROW(noise().resized(0, 5, fill), Error);
  EXPECT_THROW(noise().resized(5, -1, crop), Error);
  EXPECT_THROW(noise().resized(std::int64_t{1} << 40, 1, crop), Error);
  EXPECT_THROW(PixelBuffer().resized(5, 5, crop), Error);
}

// A stored picture of 3 x 2 whose upright form is, by EXIF's definition of where its first row and
// first column are, the one given.
TEST(Upright, all_eight_orientations) {
  const unsigned char stored[] = {1, 2, 3, 4, 5, 6};
  const PixelBuffer picture = PixelBuffer::wrap_const(stored, PixelFormat::gray8, 3, 2);
  const auto turned = [&](int number) { return pixels(picture.upright(number)); };
  EXPECT_THAT(turned(1), ElementsAre(1, 2, 3, 4, 5, 6));  // row 0 is the top, column 0 the left
  EXPECT_THAT(turned(2), ElementsAre(3, 2, 1, 6, 5, 4));  // top, right
  EXPECT_THAT(turned(3), ElementsAre(6, 5, 4, 3, 2, 1));  // bottom, right
  EXPECT_THAT(turned(4), ElementsAre(4, 5, 6, 1, 2, 3));  // bottom, left
  EXPECT_THAT(turned(5), ElementsAre(1, 4, 2, 5, 3, 6));  // row 0 is the left, column 0 the top
  EXPECT_THAT(turned(6), ElementsAre(4, 1, 5, 2, 6, 3));  // right, top
  EXPECT_THAT(turned(7), ElementsAre(6, 3, 5, 2, 4, 1));  // right, bottom
  EXPECT_THAT(turned(8), ElementsAre(3, 6, 2, 5, 1, 4));  // left, bottom
  EXPECT_EQ(picture.upright(6).width(), 2);
  EXPECT_EQ(picture.upright(6).height(), 3);
}

TEST(Upright, refuses_numbers_that_are_none) {
  EXPECT_THROW(noise().upright(0), Error);
  EXPECT_THROW(noise().upright(9), Error);
  EXPECT_THROW(PixelBuffer().upright(1), Error);
}

}  // namespace
}  // namespace pome::image
