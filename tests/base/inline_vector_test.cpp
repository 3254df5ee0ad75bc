#include "base/inline_vector.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace pome::base {
namespace {

using testing::ElementsAre;
using Small = InlineVector<int, 3>;

TEST(InlineVector, GrowsPastItsInlineElements) {
  Small v;
  for (int i = 0; i < 10; ++i) v.push_back(i);
  EXPECT_THAT(v, ElementsAre(0, 1, 2, 3, 4, 5, 6, 7, 8, 9));
}

TEST(InlineVector, CopiesAreIndependent) {
  for (const std::size_t size : {2U, 3U, 4U}) {
    const Small original(size, 7);
    Small copy = original;
    copy[0] = 1;
    EXPECT_EQ(original[0], 7) << size;
    EXPECT_EQ(copy.size(), size);
  }
}

TEST(InlineVector, MovedFromIsEmptyAndUsable) {
  for (const int size : {2, 5}) {
    Small from(static_cast<std::size_t>(size), 4);
    const Small to = std::move(from);
    EXPECT_EQ(to.size(), static_cast<std::size_t>(size));
    EXPECT_TRUE(from.empty());  // NOLINT(bugprone-use-after-move): the state promised
    for (int i = 0; i < 5; ++i) from.push_back(i);
    EXPECT_THAT(from, ElementsAre(0, 1, 2, 3, 4));
  }
}

TEST(InlineVector, MoveAssignmentReplacesHeapByInline) {
  Small target(8, 1);
  target = Small{5, 6};
  EXPECT_THAT(target, ElementsAre(5, 6));
  for (int i = 0; i < 4; ++i) target.push_back(i);
  EXPECT_THAT(target, ElementsAre(5, 6, 0, 1, 2, 3));
}

TEST(InlineVector, SelfAssignmentKeepsElements) {
  Small v{1, 2, 3, 4};
  const Small& alias = v;
  v = alias;
  EXPECT_THAT(v, ElementsAre(1, 2, 3, 4));
}

TEST(InlineVector, InsertsAndErasesAnywhere) {
  Small v{1, 2, 3};
  v.insert(v.begin(), 0);
  v.insert(v.end(), 9);
  v.insert(v.begin() + 2, 5);
  EXPECT_THAT(v, ElementsAre(0, 1, 5, 2, 3, 9));
  v.erase(v.begin());
  v.erase(v.begin() + 4);
  EXPECT_THAT(v, ElementsAre(1, 5, 2, 3));
}

TEST(InlineVector, ResizeFillsOnlyWhatIsNew) {
  Small v{1, 2};
  v.resize(5, 8);
  EXPECT_THAT(v, ElementsAre(1, 2, 8, 8, 8));
  v.resize(1);
  EXPECT_THAT(v, ElementsAre(1));
}

TEST(InlineVector, ComparesByElements) {
  EXPECT_EQ((Small{1, 2}), (Small{1, 2}));
  EXPECT_FALSE((Small{1, 2}) == (Small{1, 2, 3}));
}

}  // namespace
}  // namespace pome::base
