#include "base/text.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <vector>

#include "pome/data_type.h"
#include "pome/error.h"

namespace pome::base {
namespace {

TEST(Text, CatJoinsTextAndNumbers) {
  EXPECT_EQ(cat("a", 'b', 3, -4L, true, std::string("c"), 1.5), "ab3-4truec1.5");
  EXPECT_EQ(cat(std::numeric_limits<std::int64_t>::min()), "-9223372036854775808");
  EXPECT_EQ(cat(std::uint8_t{200}), "200");
  EXPECT_EQ(cat(0.1, ' ', -std::nan(""), ' ', -std::numeric_limits<double>::infinity()),
            "0.1 nan -inf");
}

TEST(Text, QuotedEscapesWhatGarblesATerminal) {
  EXPECT_EQ(quoted("conv_1/weight"), "'conv_1/weight'");
  EXPECT_EQ(quoted("a\x1b[2Jb\n"), "'a\\x1b[2Jb\\n'");
  EXPECT_EQ(quoted(std::string_view("a\0b", 3)), "'a\\x00b'");
  EXPECT_EQ(quoted("it's"), "'it\\'s'");
  EXPECT_EQ(quoted("\xE2\x80\xAE"), "'\\u{202e}'");  // right-to-left override
}

TEST(Text, QuotedKeepsUtf8AndEscapesTheRest) {
  EXPECT_EQ(quoted("Größe 模型"), "'Größe 模型'");
  EXPECT_EQ(quoted("\xFF\xC3"), "'\\xff\\xc3'");
}

TEST(Text, QuotedShortensLongNames) {
  EXPECT_EQ(quoted("abcdef", 4), "'abcd...'");
  EXPECT_EQ(quoted("abcd", 4), "'abcd'");
  EXPECT_EQ(quoted("aßß", 4), "'aß...'");  // not in the middle of a character
}

TEST(Text, ShapePrintsUnknownDimensions) {
  EXPECT_EQ(shape_text(std::vector<std::int64_t>{1, -1, 224}), "[1, ?, 224]");
  EXPECT_EQ(shape_text({}), "[]");
}

TEST(Text, ListNamesChoices) {
  const std::vector<std::string_view> names{"a", "b", "c", "d"};
  EXPECT_EQ(list_text({}), "nothing");
  EXPECT_EQ(list_text(std::span(names).first(1)), "'a'");
  EXPECT_EQ(list_text(std::span(names).first(2)), "'a' or 'b'");
  EXPECT_EQ(list_text(names), "'a', 'b', 'c' or 'd'");
  EXPECT_EQ(list_text(names, 2), "'a', 'b' or 2 more");
}

TEST(Text, NearestFindsTypingErrorsOnly) {
  const std::vector<std::string_view> names{"softmax", "sigmoid", "matmul"};
  EXPECT_EQ(nearest("softmaks", names), "softmax");
  EXPECT_EQ(nearest("matmull", names), "matmul");
  EXPECT_EQ(nearest("gather_nd", names), "");
  EXPECT_EQ(nearest("inof", std::vector<std::string_view>{"info"}), "info");  // one swap
  EXPECT_EQ(nearest("z", std::vector<std::string_view>{"x", "y"}), "");
  EXPECT_EQ(nearest("", names), "");
  EXPECT_EQ(nearest(std::string(100000, 'a'), names), "");
}

TEST(Text, RecognisesUtf8) {
  EXPECT_TRUE(is_utf8(""));
  EXPECT_TRUE(is_utf8("aß模😀"));
  EXPECT_FALSE(is_utf8("\xC0\x80"));          // overlong
  EXPECT_FALSE(is_utf8("\xED\xA0\x80"));      // surrogate
  EXPECT_FALSE(is_utf8("\xF4\x90\x80\x80"));  // above U+10FFFF
  EXPECT_FALSE(is_utf8("\xE6\xA8"));          // ends inside
  EXPECT_FALSE(is_utf8("\x80"));
}

TEST(Text, SizesInPowersOfThousand) {
  EXPECT_EQ(size_text(0), "0 bytes");
  EXPECT_EQ(size_text(1), "1 byte");
  EXPECT_EQ(size_text(999), "999 bytes");
  EXPECT_EQ(size_text(1000), "1 kB");
  EXPECT_EQ(size_text(1540000), "1.5 MB");
  EXPECT_EQ(size_text(340000), "340 kB");
  EXPECT_EQ(size_text(999499), "999 kB");
  EXPECT_EQ(size_text(999500), "1 MB");
  EXPECT_EQ(size_text(99960), "100 kB");
  EXPECT_EQ(size_text(~std::uint64_t{0}), "18.4 EB");
}

TEST(DataTypeNames, EveryTypeReadsWhatItPrints) {
  for (int i = 1; i <= static_cast<int>(DataType::uint64); ++i) {
    const auto type = static_cast<DataType>(i);
    EXPECT_EQ(parse_data_type(name(type)), type) << i;
  }
  EXPECT_FALSE(parse_data_type("fp17"));
  EXPECT_FALSE(parse_data_type("invalid"));
}

TEST(ErrorText, PlacesAreAddedFromTheInsideOut) {
  Error error(ErrorCode::parameters, "found rank 3, expected 4");
  error.within("operation 'conv'").within("function 'main'");
  EXPECT_STREQ(error.what(), "function 'main': operation 'conv': found rank 3, expected 4");
}

}  // namespace
}  // namespace pome::base
