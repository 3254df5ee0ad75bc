// What inference keeps of shapes of which only a part is known.
#include <gtest/gtest.h>

#include <memory>
#include <utility>
#include <vector>

#include "ir/program.h"
#include "ops/flat.h"
#include "ops/resolve.h"

namespace pome::ops {
namespace {

using Arguments = std::vector<std::pair<std::string, std::vector<ir::Binding>>>;

constexpr auto u = ir::unknown_dim;
constexpr auto batch = ir::symbol_dim(0);

ir::ConstantPtr ints(std::vector<std::int32_t> values) {
  return ir::make_int32s(values);
}

/// A function that is put together operation by operation.
class Builder {
 public:
  explicit Builder(std::string opset = "ios17") : function_("main", std::move(opset)) {}

  ir::Value* input(DataType dtype, Dims dims) {
    const auto name = "x" + std::to_string(function_.body->inputs().size());
    return &function_.body->add_input(name, ir::Type::tensor(dtype, std::move(dims)));
  }
  ir::Value* op(const std::string& type, Arguments arguments,
                ir::Type declared = ir::Type::unranked(DataType::fp32)) {
    auto op = std::make_unique<ir::Op>(type, type);
    for (auto& [name, bindings] : arguments) op->set_argument(name, std::move(bindings));
    auto* value = &op->add_result(type + std::to_string(count_++), std::move(declared));
    function_.body->append(std::move(op));
    return value;
  }
  ir::Type infer(const ir::Value* value) {
    resolve(function_);
    const auto flat = flatten(function_);
    std::vector<ir::Type> inputs;
    for (const auto& in : function_.body->inputs()) inputs.push_back(in->type);
    return ops::infer(flat, inputs).types[value->id];
  }

 private:
  ir::Function function_;
  int count_ = 0;
};

ir::Type floats(Dims dims) {
  return ir::Type::tensor(DataType::fp32, std::move(dims));
}

TEST(PartialShape, ReshapeFindsTheRestBesideKeptDimensions) {
  Builder b;
  auto* x = b.input(DataType::fp32, {batch, 196, 768});
  EXPECT_EQ(b.infer(b.op("reshape", {{"x", {x}}, {"shape", {ints({0, 12, -1})}}})),
            floats({batch, 12, 12544}));
}

TEST(PartialShape, ReshapeLeavesTheRestOpenWhenADimensionIsNotKept) {
  Builder b("ios15");
  auto* x = b.input(DataType::fp32, {batch, 4});
  EXPECT_EQ(b.infer(b.op("reshape", {{"x", {x}}, {"shape", {ints({-1, 2})}}})), floats({u, 2}));
}

TEST(PartialShape, ReshapeByAComputedShapeHasItsRank) {
  Builder b;
  auto* x = b.input(DataType::fp32, {2, 6});
  auto* shape = b.input(DataType::int32, {3});
  EXPECT_EQ(b.infer(b.op("reshape", {{"x", {x}}, {"shape", {shape}}})), floats({u, u, u}));
}

TEST(PartialShape, SymbolsTravel) {
  Builder b;
  auto* x = b.input(DataType::fp32, {batch, 3, u});
  auto* y = b.op("relu", {{"x", {x}}});
  auto* z = b.op("transpose", {{"x", {y}}, {"perm", {ints({2, 0, 1})}}});
  EXPECT_EQ(b.infer(z), floats({u, batch, 3}));
}

TEST(PartialShape, BroadcastingAKnownSizeDecides) {
  Builder b;
  auto* x = b.input(DataType::fp32, {u, 1, batch});
  auto* y = b.input(DataType::fp32, {5, 4, 1});
  EXPECT_EQ(b.infer(b.op("add", {{"x", {x}}, {"y", {y}}})), floats({5, 4, batch}));
}

TEST(PartialShape, SqueezeOfAnUnknownDimensionBelievesTheDeclaredRank) {
  Builder b;
  auto* x = b.input(DataType::fp32, {1, u, 3});
  auto* kept = b.op("squeeze", {{"x", {x}}, {"axes", {ints({0, 1})}}}, floats({u, u}));
  auto* gone = b.op("squeeze", {{"x", {x}}, {"axes", {ints({0, 1})}}}, floats({u}));
  auto* open = b.op("squeeze", {{"x", {x}}, {"axes", {ints({0, 1})}}});
  EXPECT_EQ(b.infer(kept), floats({u, 3}));
  EXPECT_EQ(b.infer(gone), floats({3}));
  EXPECT_EQ(b.infer(open), ir::Type::unranked(DataType::fp32));
}

TEST(PartialShape, SliceKeepsWholeDimensions) {
  Builder b;
  auto* x = b.input(DataType::fp32, {batch, u, 8});
  const bool whole[] = {true, false, false};
  auto* y = b.op("slice_by_index", {{"x", {x}},
                                    {"begin", {ints({0, 0, 2})}},
                                    {"end", {ints({0, 4, 6})}},
                                    {"begin_mask", {ir::make_bools(whole)}},
                                    {"end_mask", {ir::make_bools(whole)}}});
  EXPECT_EQ(b.infer(y), floats({batch, u, 4}));
}

TEST(PartialShape, ConcatAddsOnlyKnownSizes) {
  Builder b;
  auto* x = b.input(DataType::fp32, {batch, 3});
  auto* y = b.input(DataType::fp32, {2, u});
  auto* rows = b.op("concat", {{"values", {x, y}}, {"axis", {ir::make_int32(0)}}});
  EXPECT_EQ(b.infer(rows), floats({u, 3}));
}

TEST(PartialShape, PoolingLeavesUnknownSpatialDimensions) {
  Builder b;
  auto* x = b.input(DataType::fp32, {batch, 16, u, 9});
  auto* y = b.op("max_pool", {{"x", {x}},
                              {"kernel_sizes", {ints({3, 3})}},
                              {"strides", {ints({2, 2})}},
                              {"pad_type", {ir::make_string("same")}}});
  EXPECT_EQ(b.infer(y), floats({batch, 16, u, 5}));
}

TEST(PartialShape, ShapeArithmeticIsFolded) {
  Builder b;
  auto* x = b.input(DataType::fp32, {2, 6, 5});
  const auto ints_of = [](Dims dims) { return ir::Type::tensor(DataType::int32, std::move(dims)); };
  auto* shape = b.op("shape", {{"x", {x}}}, ints_of({3}));
  const bool yes[] = {true};
  auto* last = b.op("slice_by_size",
                    {{"x", {shape}}, {"begin", {ints({2})}}, {"size", {ints({1})}}}, ints_of({1}));
  auto* twice = b.op("mul", {{"x", {last}}, {"y", {ir::make_int32(2)}}}, ints_of({1}));
  auto* scalar = b.op("slice_by_index",
                      {{"x", {shape}},
                       {"begin", {ints({0})}},
                       {"end", {ints({0})}},
                       {"squeeze_mask", {ir::make_bools(yes)}}},
                      ints_of({}));
  auto* first = b.op("expand_dims", {{"x", {scalar}}, {"axes", {ints({0})}}}, ints_of({1}));
  auto* target =
      b.op("concat", {{"values", {first, ints({-1}), twice}}, {"axis", {ir::make_int32(0)}}},
           ints_of({3}));
  EXPECT_EQ(b.infer(b.op("reshape", {{"x", {x}}, {"shape", {target}}})), floats({2, 3, 10}));
}

}  // namespace
}  // namespace pome::ops
