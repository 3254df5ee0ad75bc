#include "pome/pixel_buffer.h"

#include <gmock/gmock.h>

#include <array>
#include <memory>

#include "pome/error.h"

namespace pome {
namespace {

using ::testing::ElementsAre;

std::vector<int> row(const PixelBuffer& picture, std::int64_t y = 0) {
  std::vector<int> out;
  for (std::int64_t i = 0; i < picture.width() * bytes_per_pixel(picture.format()); ++i)
    out.push_back(static_cast<int>(picture.row(y)[i]));
  return out;
}

TEST(PixelBuffer, WrapsWithoutCopyAndKeepsItsOwner) {
  auto memory = std::make_shared<std::array<std::byte, 12>>();
  const std::weak_ptr<void> watch = memory;
  auto* bytes = memory->data();
  {
    PixelBuffer picture = PixelBuffer::wrap(bytes, PixelFormat::rgb8, 2, 2, 6, std::move(memory));
    EXPECT_EQ(picture.row(1), bytes + 6);
    EXPECT_FALSE(watch.expired());
  }
  EXPECT_TRUE(watch.expired());
}

TEST(PixelBuffer, ConvertsColourOrder) {
  PixelBuffer rgb(PixelFormat::rgb8, 1, 1);
  for (int i = 0; i < 3; ++i) rgb.mutable_row(0)[i] = static_cast<std::byte>(10 * (i + 1));
  EXPECT_THAT(row(rgb.converted_to(PixelFormat::bgra8)), ElementsAre(30, 20, 10, 255));
  EXPECT_THAT(row(rgb.converted_to(PixelFormat::rgba8)), ElementsAre(10, 20, 30, 255));
  // 0.299 * 10 + 0.587 * 20 + 0.114 * 30 = 18.15
  EXPECT_THAT(row(rgb.converted_to(PixelFormat::gray8)), ElementsAre(18));
}

TEST(PixelBuffer, KeepsGreyExactly) {
  PixelBuffer gray(PixelFormat::gray8, 256, 1);
  for (int i = 0; i < 256; ++i) gray.mutable_row(0)[i] = static_cast<std::byte>(i);
  EXPECT_EQ(row(gray.converted_to(PixelFormat::rgba8).converted_to(PixelFormat::gray8)), row(gray));
  EXPECT_EQ(row(gray.converted_to(PixelFormat::gray16f).converted_to(PixelFormat::gray8)),
            row(gray));
}

TEST(PixelBuffer, RefusesSizesThatCannotBe) {
  std::byte memory[4] = {};
  EXPECT_THROW(PixelBuffer(PixelFormat::gray8, 0, 1), Error);
  EXPECT_THROW(PixelBuffer(PixelFormat::gray8, std::int64_t{1} << 40, std::int64_t{1} << 40),
               Error);
  EXPECT_THROW(PixelBuffer::wrap(memory, PixelFormat::rgba8, 2, 1, 4), Error);
  EXPECT_THROW(PixelBuffer::wrap(nullptr, PixelFormat::gray8, 1, 1), Error);
  EXPECT_THROW(PixelBuffer::wrap(memory + 1, PixelFormat::gray16f, 1, 1), Error);
}

TEST(PixelBuffer, RefusesToWriteReadOnlyMemory) {
  const std::byte memory[1] = {};
  PixelBuffer picture = PixelBuffer::wrap_const(memory, PixelFormat::gray8, 1, 1);
  EXPECT_THROW((void)picture.mutable_row(0), Error);
}

}  // namespace
}  // namespace pome
