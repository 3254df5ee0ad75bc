#include "image/image_file.h"

#include <gmock/gmock.h>

#include <cstdlib>

#include "pictures.inc"
#include "pome/error.h"

namespace pome::image {
namespace {

using ::testing::HasSubstr;

class ImageFile : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!can_load_images()) GTEST_SKIP() << "built without the image module";
  }
};

template <std::size_t N>
PixelBuffer load(const unsigned char (&bytes)[N], const LoadOptions& options = {}) {
  return load_image(std::as_bytes(std::span(bytes)), "test picture", options);
}

std::vector<int> pixels(const PixelBuffer& picture) {
  std::vector<int> out;
  for (std::int64_t y = 0; y < picture.height(); ++y) {
    const std::int64_t bytes = picture.width() * bytes_per_pixel(picture.format());
    for (std::int64_t i = 0; i < bytes; ++i) out.push_back(static_cast<int>(picture.row(y)[i]));
  }
  return out;
}

template <std::size_t N>
std::vector<int> expected(const unsigned char (&bytes)[N]) {
  return {bytes, bytes + N};
}

// Largest difference, and the mean one.
std::pair<int, double> difference(const std::vector<int>& a, const std::vector<int>& b) {
  EXPECT_EQ(a.size(), b.size());
  int largest = 0;
  double sum = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    largest = std::max(largest, std::abs(a[i] - b[i]));
    sum += std::abs(a[i] - b[i]);
  }
  return {largest, sum / static_cast<double>(a.size())};
}

template <typename Call>
std::string error_of(Call&& call) {
  try {
    call();
  } catch (const Error& error) {
    return error.what();
  }
  return "no error";
}

TEST_F(ImageFile, DecodesColour) {
  const PixelBuffer picture = load(rgb_png, {.format = PixelFormat::rgb8});
  EXPECT_EQ(picture.width(), 4);
  EXPECT_EQ(picture.height(), 3);
  EXPECT_EQ(pixels(picture), expected(rgb_pixels));
}

TEST_F(ImageFile, GivesEveryPixelFormat) {
  const PixelBuffer rgba = load(rgb_png, {.format = PixelFormat::rgba8});
  EXPECT_EQ(static_cast<int>(rgba.row(0)[3]), 255);
  EXPECT_EQ(pixels(rgba.converted_to(PixelFormat::rgb8)), expected(rgb_pixels));
  const PixelBuffer bgra = load(rgb_png, {.format = PixelFormat::bgra8});
  EXPECT_EQ(bgra.row(0)[0], rgba.row(0)[2]);
  const PixelBuffer half = load(gray_png, {.format = PixelFormat::gray16f});
  EXPECT_EQ(pixels(half.converted_to(PixelFormat::gray8)), expected(gray_pixels));
}

TEST_F(ImageFile, TurnsColourToGreyByLuma) {
  const auto gray = pixels(load(rgb_png, {.format = PixelFormat::gray8}));
  EXPECT_LE(difference(gray, expected(rgb_as_gray)).first, 1);
}

TEST_F(ImageFile, DecodesGreyAndRepeatsItAsColour) {
  EXPECT_EQ(pixels(load(gray_png, {.format = PixelFormat::gray8})), expected(gray_pixels));
  const auto colour = pixels(load(gray_png, {.format = PixelFormat::rgb8}));
  EXPECT_EQ(colour[0], gray_pixels[0]);
  EXPECT_EQ(colour[2], gray_pixels[0]);
}

TEST_F(ImageFile, DecodesSixteenBits) {
  const auto gray = pixels(load(gray16_png, {.format = PixelFormat::gray8}));
  EXPECT_LE(difference(gray, expected(gray16_high_bytes)).first, 1);
}

TEST_F(ImageFile, LaysTransparencyOverWhite) {
  EXPECT_EQ(pixels(load(rgba_png, {.format = PixelFormat::rgb8})), expected(rgba_over_white));
}

TEST_F(ImageFile, TurnsPicturesUpright) {
  const PixelBuffer upright = load(turned_jpeg, {.format = PixelFormat::rgb8});
  EXPECT_EQ(upright.width(), 8);
  EXPECT_EQ(upright.height(), 16);
  EXPECT_GT(static_cast<int>(upright.row(0)[0]), 240);   // red above
  EXPECT_GT(static_cast<int>(upright.row(15)[2]), 240);  // blue below
  const PixelBuffer stored =
      load(turned_jpeg, {.format = PixelFormat::rgb8, .apply_orientation = false});
  EXPECT_EQ(stored.width(), 16);
}

TEST_F(ImageFile, StretchesToFill) {
  const auto got = pixels(load(
      smooth_png,
      {.width = 16, .height = 16, .mode = CropAndScale::scale_fill, .format = PixelFormat::rgb8}));
  const auto [largest, mean] = difference(got, expected(smooth_fill_16x16));
  EXPECT_LE(largest, 1);
  EXPECT_LE(mean, 0.1);
}

TEST_F(ImageFile, CutsOutTheMiddle) {
  const auto got = pixels(load(
      smooth_png,
      {.width = 16, .height = 16, .mode = CropAndScale::center_crop, .format = PixelFormat::rgb8}));
  const auto [largest, mean] = difference(got, expected(smooth_crop_16x16));
  EXPECT_LE(largest, 1);
  EXPECT_LE(mean, 0.1);
}

TEST_F(ImageFile, FitsWithBlackBorders) {
  const PixelBuffer got = load(
      smooth_png,
      {.width = 32, .height = 32, .mode = CropAndScale::scale_fit, .format = PixelFormat::rgba8});
  ASSERT_EQ(got.width(), 32);
  ASSERT_EQ(got.height(), 32);
  const auto at = [&](std::int64_t y, std::int64_t i) { return static_cast<int>(got.row(y)[i]); };
  EXPECT_EQ(at(3, 40) + at(3, 41) + at(3, 42), 0);
  EXPECT_EQ(at(3, 43), 255);
  EXPECT_EQ(at(28, 40) + at(28, 41) + at(28, 42), 0);
  EXPECT_GT(at(4, 40) + at(4, 41) + at(4, 42), 0);
}

TEST_F(ImageFile, EnlargesToo) {
  const PixelBuffer got =
      load(rgb_png, {.width = 9, .height = 7, .mode = CropAndScale::scale_fill});
  EXPECT_EQ(got.width(), 9);
  EXPECT_EQ(got.height(), 7);
}

TEST_F(ImageFile, NamesFilesThatAreNotThere) {
  EXPECT_EQ(error_of([] { load_image("no/such/cat.jpg"); }),
            "'no/such/cat.jpg': there is no such file");
  EXPECT_THAT(error_of([] { load_image("/"); }), HasSubstr("not a regular file"));
}

TEST_F(ImageFile, RefusesWhatIsNoPicture) {
  const unsigned char text[] = "this is no picture at all";
  EXPECT_THAT(error_of([&] { load(text); }),
              HasSubstr("'test picture': not a picture that can be decoded"));
  EXPECT_THROW(load_image(std::span<const std::byte>(), "nothing"), Error);
}

TEST_F(ImageFile, RefusesTruncatedPictures) {
  const auto bytes = std::as_bytes(std::span(smooth_png));
  EXPECT_THROW(load_image(bytes.first(bytes.size() / 2), "half"), Error);
}

TEST_F(ImageFile, RefusesPicturesAboveTheLimit) {
  EXPECT_THAT(error_of([] { load(smooth_png, {.pixel_limit = 100}); }),
              HasSubstr("64 x 48 pixels, more than the limit of 100"));
}

TEST_F(ImageFile, RefusesSizesThatAreHalfGiven) {
  EXPECT_THAT(error_of([] { load(rgb_png, {.width = 16}); }), HasSubstr("16 x 0"));
}

}  // namespace
}  // namespace pome::image
