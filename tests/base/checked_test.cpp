#include "base/checked.h"

#include <gtest/gtest.h>

#include <array>
#include <cstdint>
#include <limits>
#include <vector>

#include "base/budget.h"
#include "pome/error.h"

namespace pome::base {
namespace {

constexpr auto max64 = std::numeric_limits<std::int64_t>::max();

TEST(Checked, AddAndMultiplyReportOverflow) {
  EXPECT_EQ(checked_add<std::int64_t>(max64, 0), max64);
  EXPECT_FALSE(checked_add<std::int64_t>(max64, 1));
  EXPECT_FALSE(checked_add<std::uint8_t>(200, 56));
  EXPECT_EQ(checked_mul<std::int64_t>(1 << 30, 1 << 30), std::int64_t{1} << 60);
  EXPECT_FALSE(checked_mul<std::int64_t>(std::int64_t{1} << 32, std::int64_t{1} << 31));
}

TEST(Checked, ElementCountMultipliesDimensions) {
  using Shape = std::vector<std::int64_t>;
  EXPECT_EQ(element_count(Shape{}), 1);
  EXPECT_EQ(element_count(Shape{2, 3, 5}), 30);
  EXPECT_EQ(element_count(Shape{2, 0, 5}), 0);
  EXPECT_EQ(element_count(Shape{std::int64_t{1} << 62}), std::int64_t{1} << 62);
  EXPECT_FALSE(element_count(Shape{(std::int64_t{1} << 62) + 1}));
  EXPECT_FALSE(element_count(Shape{std::int64_t{1} << 32, std::int64_t{1} << 32}));
  EXPECT_FALSE(element_count(Shape{2, -1}));
  EXPECT_FALSE(element_count(Shape{-1, 0}));
  EXPECT_FALSE(element_count(Shape{0, std::int64_t{1} << 40, std::int64_t{1} << 40}));
}

TEST(Checked, ByteCountPacksSubByteTypes) {
  EXPECT_EQ(byte_count(5, DataType::fp32), 20);
  EXPECT_EQ(byte_count(5, DataType::int4), 3);
  EXPECT_EQ(byte_count(9, DataType::uint1), 2);
  EXPECT_EQ(byte_count(3, DataType::uint3), 2);
  EXPECT_EQ(byte_count(8, DataType::uint3), 3);
  EXPECT_EQ(byte_count(5, DataType::uint6), 4);
  EXPECT_EQ(byte_count(0, DataType::uint2), 0);
  EXPECT_EQ(byte_count(7, DataType::boolean), 7);
}

TEST(Checked, ByteCountRefusesWhatHasNoSize) {
  EXPECT_FALSE(byte_count(-1, DataType::fp32));
  EXPECT_FALSE(byte_count(1, DataType::string));
  EXPECT_FALSE(byte_count(1, DataType::invalid));
  EXPECT_FALSE(byte_count(max64 / 4, DataType::fp64));
  EXPECT_EQ(byte_count(max64, DataType::uint6), 6917529027641081856);  // ceil(max64 * 6 / 8)
}

TEST(Checked, CastFailsInsteadOfTruncating) {
  EXPECT_EQ(checked_cast<std::uint8_t>(255), std::uint8_t{255});
  EXPECT_FALSE(checked_cast<std::uint8_t>(256));
  EXPECT_FALSE(checked_cast<std::uint64_t>(-1));
  EXPECT_FALSE(checked_cast<std::int64_t>(~std::uint64_t{0}));
}

TEST(Checked, AlignUpReportsOverflow) {
  EXPECT_EQ(align_up<std::int64_t>(0, 64), 0);
  EXPECT_EQ(align_up<std::int64_t>(1, 64), 64);
  EXPECT_EQ(align_up<std::int64_t>(64, 64), 64);
  EXPECT_FALSE(align_up<std::int64_t>(max64, 64));
}

TEST(Budget, RefusesWhatPassesTheLimit) {
  Budget budget(100);
  budget.take(60, "weights");
  EXPECT_FALSE(budget.try_take(41));
  EXPECT_FALSE(budget.try_take(max64));
  EXPECT_FALSE(budget.try_take(-1));
  EXPECT_EQ(budget.used(), 60);
  EXPECT_TRUE(budget.try_take(40));
  budget.give_back(100);
  EXPECT_EQ(budget.used(), 0);
}

TEST(Budget, ErrorNamesWhatAndHowMuch) {
  Budget budget(100);
  try {
    budget.take(2000, "weights");
    FAIL() << "took more than the limit";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::out_of_memory);
    EXPECT_STREQ(error.what(),
                 "weights needs 2 kB, which with 0 bytes in use passes the limit of 100 bytes");
  }
}

}  // namespace
}  // namespace pome::base
