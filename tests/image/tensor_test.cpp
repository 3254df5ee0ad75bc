#include "image/tensor.h"

#include <gmock/gmock.h>

#include <cmath>
#include <limits>

#include "pome/error.h"
#include "pome/float16.h"

namespace pome::image {
namespace {

using ::testing::ElementsAre;

// Reads the tensor as its definition says: data[sum of index times stride].
std::vector<float> read(const PictureTensor& tensor) {
  std::vector<float> out;
  for (std::int64_t c = 0; c < tensor.dims[1]; ++c) {
    for (std::int64_t y = 0; y < tensor.dims[2]; ++y) {
      for (std::int64_t x = 0; x < tensor.dims[3]; ++x) {
        const std::int64_t at =
            c * tensor.strides[1] + y * tensor.strides[2] + x * tensor.strides[3];
        out.push_back(static_cast<float>(static_cast<const std::uint8_t*>(tensor.data)[at]));
      }
    }
  }
  return out;
}

// Two pixels, (1 2 3) and (4 5 6) as red, green, blue, in one row of each format.
PixelBuffer two_pixels(PixelFormat format) {
  PixelBuffer rgb(PixelFormat::rgb8, 2, 1);
  for (int i = 0; i < 6; ++i) rgb.mutable_row(0)[i] = static_cast<std::byte>(i + 1);
  return rgb.converted_to(format);
}

TEST(PictureTensor, ReadsChannelsInTheOrderOfTheColourSpace) {
  for (const PixelFormat format : {PixelFormat::rgb8, PixelFormat::rgba8, PixelFormat::bgra8}) {
    const PixelBuffer picture = two_pixels(format);
    EXPECT_THAT(read(view(picture, ColorSpace::rgb)), ElementsAre(1, 4, 2, 5, 3, 6));
    EXPECT_THAT(read(view(picture, ColorSpace::bgr)), ElementsAre(3, 6, 2, 5, 1, 4));
  }
}

TEST(PictureTensor, RepeatsGreyAsColour) {
  PixelBuffer gray(PixelFormat::gray8, 2, 1);
  gray.mutable_row(0)[1] = std::byte{9};
  EXPECT_THAT(read(view(gray, ColorSpace::rgb)), ElementsAre(0, 9, 0, 9, 0, 9));
  EXPECT_THAT(read(view(gray, ColorSpace::grayscale)), ElementsAre(0, 9));
  EXPECT_FALSE(can_view(two_pixels(PixelFormat::rgb8), ColorSpace::grayscale));
}

TEST(PictureTensor, FollowsRowsWithGaps) {
  std::byte memory[16] = {};
  memory[8] = std::byte{7};
  const PixelBuffer picture = PixelBuffer::wrap(memory, PixelFormat::gray8, 2, 2, 8);
  EXPECT_THAT(read(view(picture, ColorSpace::grayscale)), ElementsAre(0, 0, 7, 0));
}

TEST(PictureTensor, ReadsHalvesAsTheyAre) {
  const PixelBuffer picture(PixelFormat::gray16f, 3, 2);
  const PictureTensor tensor = view(picture, ColorSpace::grayscale_float16);
  EXPECT_EQ(tensor.dtype, DataType::fp16);
  EXPECT_THAT(tensor.strides, ElementsAre(6, 0, 3, 1));
}

TEST(FromPlanes, RoundsAndClamps) {
  const std::vector<float> planes{-3,     0.5F, 1.5F,
                                  254.6F, 300,  std::numeric_limits<float>::quiet_NaN()};
  const PixelBuffer picture = from_planes(planes, ColorSpace::grayscale, 6, 1);
  std::vector<int> got;
  for (int i = 0; i < 6; ++i) got.push_back(static_cast<int>(picture.row(0)[i]));
  EXPECT_THAT(got, ElementsAre(0, 0, 2, 255, 255, 0));
}

TEST(FromPlanes, PutsPlanesIntoTheFormatOfTheColourSpace) {
  const std::vector<float> planes{10, 20, 30};
  const PixelBuffer rgb = from_planes(planes, ColorSpace::rgb, 1, 1);
  EXPECT_EQ(rgb.format(), PixelFormat::rgba8);
  EXPECT_EQ(static_cast<int>(rgb.row(0)[0]), 10);
  const PixelBuffer bgr = from_planes(planes, ColorSpace::bgr, 1, 1);
  EXPECT_EQ(bgr.format(), PixelFormat::bgra8);
  EXPECT_EQ(static_cast<int>(bgr.row(0)[0]), 10);  // the first plane is blue
  EXPECT_EQ(static_cast<int>(bgr.row(0)[3]), 255);
}

TEST(FromPlanes, KeepsHalves) {
  const std::vector<float> planes{-0.25F};
  const PixelBuffer picture = from_planes(planes, ColorSpace::grayscale_float16, 1, 1);
  const auto* half = reinterpret_cast<const Float16*>(picture.row(0));
  EXPECT_EQ(half->bits, 0xB400);
}

}  // namespace
}  // namespace pome::image
