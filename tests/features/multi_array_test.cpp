#include "pome/multi_array.h"

#include <gmock/gmock.h>

#include <array>
#include <cmath>
#include <limits>
#include <numeric>

#include "pome/error.h"

namespace pome {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

template <typename Call>
std::string error_of(Call&& call) {
  try {
    call();
  } catch (const Error& error) {
    return error.what();
  }
  return "no error";
}

TEST(MultiArray, IsZeroFilledDenseAndAligned) {
  MultiArray array(DataType::fp32, {2, 3});
  EXPECT_EQ(array.count(), 6);
  EXPECT_THAT(array.strides(), ElementsAre(3, 1));
  EXPECT_THAT(array.elements<float>(), ::testing::Each(0.0F));
  EXPECT_EQ(reinterpret_cast<std::uintptr_t>(array.data()) % 64, 0U);
}

TEST(MultiArray, CopiesShareElementsAndClonesDoNot) {
  MultiArray array(DataType::int32, {2});
  MultiArray same = array;
  MultiArray other = array.clone();
  array.mutable_elements<std::int32_t>()[1] = 7;
  EXPECT_EQ(same.at({1}), 7);
  EXPECT_EQ(other.at({1}), 0);
}

TEST(MultiArray, WrapsStridedMemoryWithoutCopy) {
  std::array<float, 6> memory{};
  std::iota(memory.begin(), memory.end(), 0.0F);
  const std::array<std::int64_t, 2> shape{3, 2};
  const std::array<std::int64_t, 2> strides{1, 3};  // the transpose
  const MultiArray array = MultiArray::wrap(memory.data(), DataType::fp32, shape, strides);
  EXPECT_EQ(array.data(), memory.data());
  EXPECT_FALSE(array.is_dense());
  EXPECT_EQ(array.at({2, 1}), 5);
  EXPECT_THAT(array.clone().elements<float>(), ElementsAre(0, 3, 1, 4, 2, 5));
}

TEST(MultiArray, WalksNegativeAndZeroStrides) {
  std::array<std::int32_t, 3> memory{1, 2, 3};
  const std::array<std::int64_t, 2> shape{2, 3};
  const std::array<std::int64_t, 2> strides{0, -1};
  const MultiArray array = MultiArray::wrap(memory.data() + 2, DataType::int32, shape, strides);
  EXPECT_THAT(array.clone().elements<std::int32_t>(), ElementsAre(3, 2, 1, 3, 2, 1));
}

TEST(MultiArray, KeepsTheOwnerOfWrappedMemory) {
  bool is_freed = false;
  {
    auto* memory = new float[2]{1, 2};  // NOLINT: what the deleter is for
    std::shared_ptr<float> owner(memory, [&](float* p) { delete[] p, is_freed = true; });
    const std::array<std::int64_t, 1> shape{2};
    MultiArray array = MultiArray::wrap(memory, DataType::fp32, shape, {}, std::move(owner));
    const MultiArray again = array;
    array = MultiArray();
    EXPECT_FALSE(is_freed);
    EXPECT_EQ(again.at({1}), 2);
  }
  EXPECT_TRUE(is_freed);
}

TEST(MultiArray, RefusesToWriteReadOnlyMemory) {
  const float memory[1] = {1};
  const std::array<std::int64_t, 1> shape{1};
  MultiArray array = MultiArray::wrap_const(memory, DataType::fp32, shape);
  EXPECT_THAT(error_of([&] { array.mutable_elements<float>(); }), HasSubstr("for reading only"));
}

TEST(MultiArray, ChecksTheTypeOfAnAccess) {
  const MultiArray array(DataType::fp16, {1});
  EXPECT_THAT(error_of([&] { (void)array.elements<float>(); }),
              HasSubstr("the elements are fp16, not fp32"));
}

TEST(MultiArray, ChecksIndices) {
  const MultiArray array(DataType::fp32, {2, 3});
  EXPECT_THAT(error_of([&] { (void)array.at({0, 3}); }), HasSubstr("outside 0..2"));
  EXPECT_THAT(error_of([&] { (void)array.at({0}); }), HasSubstr("array of 2 dimensions"));
}

TEST(MultiArray, RefusesWhatCannotBe) {
  const std::array<std::int64_t, 2> huge{std::int64_t{1} << 40, std::int64_t{1} << 40};
  EXPECT_THROW(MultiArray(DataType::fp32, huge), Error);
  EXPECT_THROW(MultiArray(DataType::fp32, {-1}), Error);
  EXPECT_THROW(MultiArray(DataType::int4, {2}), Error);
  EXPECT_THROW(MultiArray(DataType::string, {2}), Error);
  const std::array<std::byte, 3> bytes{};
  const std::array<std::int64_t, 1> one{1};
  EXPECT_THAT(error_of([&] { MultiArray::copy_of(bytes, DataType::fp32, one); }),
              HasSubstr("3 bytes given"));
}

TEST(MultiArray, ConvertsFloatsToIntegersTowardsZeroAndSaturates) {
  const MultiArray array =
      MultiArray::copy_of<double>({2.9, -2.9, 3e9, -3e9, std::numeric_limits<double>::quiet_NaN(),
                                   std::numeric_limits<double>::infinity()},
                                  {6});
  EXPECT_THAT(array.converted_to(DataType::int32).elements<std::int32_t>(),
              ElementsAre(2, -2, std::numeric_limits<std::int32_t>::max(),
                          std::numeric_limits<std::int32_t>::min(), 0,
                          std::numeric_limits<std::int32_t>::max()));
}

TEST(MultiArray, ConvertsIntegersExactly) {
  const std::int64_t large = (std::int64_t{1} << 53) + 1;  // not a double
  const MultiArray array = MultiArray::copy_of<std::int64_t>({large, -1}, {2});
  EXPECT_THAT(array.converted_to(DataType::uint64).elements<std::uint64_t>(),
              ElementsAre(large, 0));
  EXPECT_THAT(array.converted_to(DataType::int8).elements<std::int8_t>(), ElementsAre(127, -1));
}

// Values from numpy: np.array([...], dtype=np.float64).astype(np.float16).view(np.uint16).
TEST(MultiArray, RoundsDoublesToHalfOnce) {
  const MultiArray array = MultiArray::copy_of<double>(
      {1.0 + 0x1p-11 + 0x1p-40, 1.0 + 0x1p-11, 65519.999999, 65520.0, -0x1p-25, 0x1p-25 + 0x1p-60},
      {6});
  std::vector<int> bits;
  const MultiArray halves = array.converted_to(DataType::fp16);
  for (const Float16 half : halves.elements<Float16>()) bits.push_back(half.bits);
  EXPECT_THAT(bits, ElementsAre(0x3c01, 0x3c00, 0x7bff, 0x7c00, 0x8000, 0x0001));
}

TEST(MultiArray, ReshapesWithoutCopyWhereDense) {
  MultiArray array(DataType::fp32, {2, 3});
  const std::array<std::int64_t, 1> flat{6};
  const MultiArray reshaped = array.reshaped(flat);
  EXPECT_EQ(reshaped.data(), array.data());
  const std::array<std::int64_t, 1> wrong{5};
  EXPECT_THROW((void)array.reshaped(wrong), Error);
}

TEST(MultiArray, HoldsScalarsAndNothing) {
  const MultiArray scalar(DataType::fp32, std::span<const std::int64_t>());
  EXPECT_EQ(scalar.count(), 1);
  const MultiArray empty(DataType::fp32, {0, 3});
  EXPECT_EQ(empty.count(), 0);
  EXPECT_TRUE(empty.elements<float>().empty());
  EXPECT_FALSE(MultiArray());
  EXPECT_EQ(MultiArray().count(), 0);
}

}  // namespace
}  // namespace pome
