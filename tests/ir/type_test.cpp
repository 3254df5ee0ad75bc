#include "ir/type.h"

#include <gtest/gtest.h>

namespace pome::ir {
namespace {

Type fp16(Dims dims) {
  return Type::tensor(DataType::fp16, std::move(dims));
}

TEST(Type, IsSpeltAsInMil) {
  EXPECT_EQ(text(fp16({1, unknown_dim, 4})), "tensor<fp16, [1, ?, 4]>");
  EXPECT_EQ(text(Type::scalar(DataType::boolean)), "tensor<bool, []>");
  EXPECT_EQ(text(Type::list(fp16({2}), 5)), "list<tensor<fp16, [2]>, 5>");
  EXPECT_EQ(text(Type::list(fp16({2}))), "list<tensor<fp16, [2]>, ?>");
  EXPECT_EQ(text(Type::state(fp16({2, 3}))), "state<tensor<fp16, [2, 3]>>");
  EXPECT_EQ(text(Type::unranked(DataType::fp32)), "tensor<fp32, ?>");
}

TEST(Type, SymbolsAreUnknownInTextButNotEqualToUnknown) {
  const Type symbol = fp16({symbol_dim(0)});
  EXPECT_EQ(text(symbol), "tensor<fp16, [?]>");
  EXPECT_FALSE(symbol == fp16({unknown_dim}));
  EXPECT_FALSE(symbol.is_static());
  EXPECT_TRUE(is_symbol(symbol_dim(0)));
  EXPECT_FALSE(is_symbol(unknown_dim));
}

TEST(Type, UnknownDimensionsAgreeWithEverything) {
  EXPECT_TRUE(compatible(fp16({1, unknown_dim}), fp16({1, 7})));
  EXPECT_TRUE(compatible(fp16({symbol_dim(3)}), fp16({7})));
  EXPECT_TRUE(compatible(Type::unranked(DataType::fp16), fp16({1, 2, 3})));
  EXPECT_TRUE(compatible(Type::list(fp16({2})), Type::list(fp16({2}), 9)));
}

TEST(Type, KnownContradictionsDoNotAgree) {
  EXPECT_FALSE(compatible(fp16({1, 2}), fp16({1, 3})));
  EXPECT_FALSE(compatible(fp16({1, 2}), fp16({1, 2, 1})));
  EXPECT_FALSE(compatible(fp16({1}), Type::tensor(DataType::fp32, {1})));
  EXPECT_FALSE(compatible(fp16({1}), Type::state(fp16({1}))));
  EXPECT_FALSE(compatible(Type::list(fp16({2}), 4), Type::list(fp16({2}), 5)));
}

TEST(Type, PartsOfTuplesAgreeOneByOne) {
  const auto tuple = [](std::vector<Type> parts) {
    Type out;
    out.kind = Type::Kind::tuple;
    out.parameters = std::move(parts);
    return out;
  };
  EXPECT_TRUE(compatible(tuple({fp16({unknown_dim})}), tuple({fp16({2})})));
  EXPECT_FALSE(compatible(tuple({fp16({3})}), tuple({fp16({2})})));
  EXPECT_FALSE(compatible(tuple({fp16({3})}), tuple({fp16({3}), fp16({3})})));
}

TEST(Type, MergeKeepsWhatEitherKnows) {
  EXPECT_EQ(merge(fp16({1, unknown_dim}), fp16({unknown_dim, 4})), fp16({1, 4}));
  EXPECT_EQ(merge(Type::unranked(DataType::fp16), fp16({1, 4})), fp16({1, 4}));
  EXPECT_EQ(merge(fp16({unknown_dim}), fp16({symbol_dim(2)})), fp16({symbol_dim(2)}));
  EXPECT_EQ(merge(Type::list(fp16({2})), Type::list(fp16({2}), 5)), Type::list(fp16({2}), 5));
}

}  // namespace
}  // namespace pome::ir
