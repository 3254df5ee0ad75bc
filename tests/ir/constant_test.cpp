#include "ir/constant.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>

#include "pome/error.h"

namespace pome::ir {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

std::vector<std::byte> raw(std::initializer_list<int> values) {
  std::vector<std::byte> out;
  for (const int v : values) out.push_back(static_cast<std::byte>(v));
  return out;
}

TEST(Constant, HoldsItsElementsLittleEndian) {
  const auto number = make_int32(-2);
  EXPECT_TRUE(std::ranges::equal(number->bytes(), raw({0xFE, 0xFF, 0xFF, 0xFF})));
  const auto half = make_fp16(0.1F);  // 0.1 in binary16 is 0x2E66
  EXPECT_TRUE(std::ranges::equal(half->bytes(), raw({0x66, 0x2E})));
}

TEST(Constant, BytesOutliveTheConstantThatMadeThem) {
  ImmediateBytes kept;
  {
    const auto constant = make_tensor(Type::tensor(DataType::uint8, {2}), raw({7, 9}));
    kept = std::get<ImmediateBytes>(constant->data);
  }
  EXPECT_EQ(std::to_integer<int>(kept.view[1]), 9);
}

TEST(Constant, SubByteElementsArePacked) {
  EXPECT_EQ(make_tensor(Type::tensor(DataType::uint3, {5}), raw({1, 2}))->bytes().size(), 2U);
  EXPECT_THROW(make_tensor(Type::tensor(DataType::uint3, {6}), raw({1, 2})), Error);
}

TEST(Constant, RefusesBytesThatDoNotMatchTheShape) {
  try {
    make_tensor(Type::tensor(DataType::fp32, {2}), raw({0, 0, 0, 0}));
    FAIL() << "no error";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::parameters);
    EXPECT_THAT(error.what(), HasSubstr("tensor<fp32, [2]> has 4 bytes, expected 8"));
  }
  EXPECT_THROW(make_tensor(Type::tensor(DataType::fp32, {unknown_dim}), {}), Error);
}

TEST(Constant, EqualComparesTypesAndContents) {
  EXPECT_TRUE(equal(*make_strings({"a", "b"}), *make_strings({"a", "b"})));
  EXPECT_FALSE(equal(*make_strings({"a", "b"}), *make_strings({"a", "c"})));
  EXPECT_FALSE(equal(*make_int32(0), *make_fp32(0)));
  Constant blob{Type::tensor(DataType::fp16, {4}), BlobReference{"weights", 64}, ""};
  Constant same = blob;
  same.doc = "does not count";
  EXPECT_TRUE(equal(blob, same));
  same.data = BlobReference{"weights", 128};
  EXPECT_FALSE(equal(blob, same));
}

TEST(Constant, BlobsHaveNoElementsInPlace) {
  const Constant blob{Type::tensor(DataType::fp16, {4}), BlobReference{"weights", 64}, ""};
  EXPECT_TRUE(blob.is_blob());
  EXPECT_TRUE(blob.bytes().empty());
  EXPECT_TRUE(blob.strings().empty());
}

TEST(Constant, ArraysOfScalars) {
  const std::array<bool, 3> flags{true, false, true};
  const auto bools = make_bools(flags);
  EXPECT_THAT(bools->bytes(), ElementsAre(std::byte{1}, std::byte{0}, std::byte{1}));
  EXPECT_THAT(make_strings({"x"})->strings(), ElementsAre("x"));
  EXPECT_EQ(make_strings({"x"})->type.rank(), 1U);
  EXPECT_EQ(make_string("x")->type.rank(), 0U);
}

}  // namespace
}  // namespace pome::ir
