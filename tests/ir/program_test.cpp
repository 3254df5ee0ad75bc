#include "ir/program.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "pome/error.h"

namespace pome::ir {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::UnorderedElementsAre;

const Type number = Type::scalar(DataType::fp32);

Op& add_op(Block& block, const std::string& type, const std::string& result,
           std::vector<std::pair<std::string, Value*>> arguments) {
  auto& op = block.append(std::make_unique<Op>(type, result));
  for (auto& [param, value] : arguments) op.set_argument(param, Binding(value));
  op.add_result(result, number);
  return op;
}

/// main(x) { a = relu(x); b = add(a, a) } -> (b)
struct Small {
  Function main{"main", "CoreML5"};
  Value& x = main.body->add_input("x", number);
  Op& a = add_op(*main.body, "relu", "a", {{"x", &x}});
  Op& b = add_op(*main.body, "add", "b", {{"x", &a.result()}, {"y", &a.result()}});

  Small() { main.body->set_outputs({&b.result()}); }
};

std::string complaint(const Function& function) {
  try {
    verify(function);
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

TEST(Program, ListsEachUseOnce) {
  Small p;
  EXPECT_THAT(p.x.users, ElementsAre(&p.a));
  EXPECT_THAT(p.a.result().users, ElementsAre(&p.b, &p.b));
  EXPECT_EQ(p.b.result().block_uses, 1U);
  EXPECT_EQ(complaint(p.main), "");
}

TEST(Program, ChangedArgumentsGiveTheirUseBack) {
  Small p;
  p.b.set_argument("y", Binding(&p.x));
  EXPECT_THAT(p.a.result().users, ElementsAre(&p.b));
  EXPECT_THAT(p.x.users, UnorderedElementsAre(&p.a, &p.b));
  p.b.remove_argument("y");
  EXPECT_THAT(p.x.users, ElementsAre(&p.a));
  EXPECT_EQ(p.b.argument("y"), nullptr);
  EXPECT_EQ(complaint(p.main), "");
}

TEST(Program, AnArgumentMayBeSetToItself) {
  Small p;
  p.b.set_argument("x", Binding(&p.a.result()));
  EXPECT_THAT(p.a.result().users, ElementsAre(&p.b, &p.b));
}

TEST(Program, ErasedOperationsGiveTheirUsesBack) {
  Small p;
  p.main.body->set_outputs({&p.x});
  p.main.body->erase(&p.b);
  EXPECT_FALSE(p.a.result().used());
  p.main.body->erase(&p.a);
  EXPECT_TRUE(p.main.body->operations().empty());
  EXPECT_TRUE(p.x.users.empty());
  EXPECT_EQ(complaint(p.main), "");
}

TEST(Program, EraseIfSweepsFromTheEnd) {
  Small p;
  p.main.body->set_outputs({&p.x});
  p.main.body->erase_if([](const Op& op) { return !op.result().used(); });
  EXPECT_TRUE(p.main.body->operations().empty());
}

TEST(Program, InsertPutsBefore) {
  Small p;
  auto op = std::make_unique<Op>("tanh", "c");
  op->set_argument("x", Binding(&p.x));
  op->add_result("c", number);
  p.main.body->insert(&p.a, std::move(op));
  std::vector<std::string> order;
  for (const auto& o : p.main.body->operations()) order.push_back(o->name());
  EXPECT_THAT(order, ElementsAre("c", "a", "b"));
  EXPECT_EQ(p.main.body->operations().front()->result().block, p.main.body.get());
  EXPECT_EQ(complaint(p.main), "");
}

/// main(x) { b = cond(x) { t = relu(x) } -> (t, x), { } -> (x, x) } -> (b)
struct Nested {
  Function main{"main", "CoreML5"};
  Value& x = main.body->add_input("x", number);
  Op& b = add_op(*main.body, "cond", "b", {{"pred", &x}});
  Block& yes = b.add_block();
  Block& no = b.add_block();
  Op& t = add_op(yes, "relu", "t", {{"x", &x}});

  Nested() {
    yes.set_outputs({&t.result(), &x});
    no.set_outputs({&x, &x});
    main.body->set_outputs({&b.result()});
  }
};

TEST(Program, UsesInNestedBlocksCount) {
  Nested p;
  EXPECT_EQ(complaint(p.main), "");
  EXPECT_THAT(p.x.users, UnorderedElementsAre(&p.b, &p.t));
  EXPECT_EQ(p.x.block_uses, 3U);
}

TEST(Program, ErasingAnOperationTakesTheUsesOfItsBlocks) {
  Nested p;
  p.main.body->set_outputs({&p.x});
  p.main.body->erase(&p.b);
  EXPECT_TRUE(p.x.users.empty());
  EXPECT_EQ(p.x.block_uses, 1U);
  EXPECT_EQ(complaint(p.main), "");
}

TEST(Program, ReplaceAllUsesReachesNestedBlocks) {
  Nested p;
  auto op = std::make_unique<Op>("tanh", "c");
  auto& c = op->add_result("c", number);
  p.main.body->insert(&p.b, std::move(op));
  replace_all_uses(*p.main.body, &p.x, &c);
  EXPECT_FALSE(p.x.used());
  EXPECT_EQ(p.t.input_value("x"), &c);
  EXPECT_THAT(p.no.outputs(), ElementsAre(&c, &c));
  EXPECT_EQ(complaint(p.main), "");
}

TEST(Program, ReplacingAValueByItselfChangesNothing) {
  Nested p;
  replace_all_uses(*p.main.body, &p.x, &p.x);
  EXPECT_EQ(p.x.block_uses, 3U);
  EXPECT_EQ(complaint(p.main), "");
}

TEST(Program, VisitsOperationsBeforeTheirBlocks) {
  Nested p;
  add_op(*p.main.body, "relu", "z", {{"x", &p.x}});
  std::vector<std::string> names;
  for_each_op(*p.main.body, [&](const Op& op) { names.push_back(op.name()); });
  EXPECT_THAT(names, ElementsAre("b", "t", "z"));
}

TEST(Program, ConstantsAreSeenThroughConstOperations) {
  Small p;
  auto op = std::make_unique<Op>("const", "k");
  op->set_attribute("val", make_fp32(2));
  auto& k = op->add_result("k", number);
  p.main.body->insert(&p.a, std::move(op));
  p.b.set_argument("y", Binding(&k));
  ASSERT_NE(p.b.input("y")->constant(), nullptr);
  EXPECT_TRUE(equal(*p.b.input("y")->constant(), *make_fp32(2)));
  EXPECT_EQ(p.b.input("x")->constant(), nullptr);
  p.b.set_argument("y", Binding(make_fp32(3)));
  EXPECT_TRUE(equal(*p.b.input("y")->constant(), *make_fp32(3)));
  EXPECT_TRUE(k.users.empty());
}

// --- verify ---

TEST(Verify, FindsUsesBeforeTheirDefinition) {
  Small p;
  p.a.set_argument("x", Binding(&p.b.result()));
  EXPECT_THAT(complaint(p.main), HasSubstr("operation 'a' (relu): parameter 'x' is not defined"));
}

TEST(Verify, FindsUsesOfValuesInsideBlocks) {
  Nested p;
  p.main.body->set_outputs({&p.t.result()});
  EXPECT_THAT(complaint(p.main), HasSubstr("block output 0 is not defined"));
}

TEST(Verify, FindsNamesGivenTwice) {
  Small p;
  p.b.result().name = "a";
  EXPECT_THAT(complaint(p.main), HasSubstr("'a' is given twice"));
}

TEST(Verify, BlocksBesideEachOtherMayShareNames) {
  Nested p;
  auto& other = add_op(p.no, "relu", "t", {{"x", &p.x}});
  p.no.set_outputs({&other.result(), &p.x});
  EXPECT_EQ(complaint(p.main), "");
}

TEST(Verify, FindsMissingNamesAndTypes) {
  Small p;
  p.b.result().name.clear();
  EXPECT_THAT(complaint(p.main), HasSubstr("has no name"));
  p.b.result().name = "b";
  p.b.result().type = Type{};
  EXPECT_THAT(complaint(p.main), HasSubstr("'b' has no type"));
}

TEST(Verify, FindsAUserThatIsNotOne) {
  Small p;
  p.x.users.push_back(&p.b);
  EXPECT_THAT(complaint(p.main), HasSubstr("'x' is used 1 times, its list of users has 2"));
}

TEST(Verify, FindsTheWrongUserOfTheRightNumber) {
  Small p;
  p.x.users = {&p.b};
  EXPECT_THAT(complaint(p.main), HasSubstr("does not use the value"));
}

TEST(Verify, FindsAWrongCountOfBlockOutputs) {
  Small p;
  p.b.result().block_uses = 5;
  EXPECT_THAT(complaint(p.main), HasSubstr("'b' is a block output 1 times, it counts 5"));
}

TEST(Verify, FindsWrongBackPointers) {
  Small p;
  p.b.result().index = 1;
  EXPECT_THAT(complaint(p.main), HasSubstr("'b' does not know where it is defined"));
}

TEST(Verify, FindsConstsWithoutAValueOrOfAnotherType) {
  Small p;
  auto op = std::make_unique<Op>("const", "k");
  op->add_result("k", number);
  auto& k = p.main.body->append(std::move(op));
  EXPECT_THAT(complaint(p.main), HasSubstr("has no attribute 'val'"));
  k.set_attribute("val", make_int32(1));
  EXPECT_THAT(complaint(p.main),
              HasSubstr("declares tensor<fp32, []>, its value is tensor<int32, []>"));
}

TEST(Verify, RefusesDeepNesting) {
  Function main("main", "CoreML5");
  Block* block = main.body.get();
  for (int depth = 0; depth <= max_block_depth; ++depth) {
    block = &add_op(*block, "cond", "c" + std::to_string(depth), {}).add_block();
  }
  EXPECT_THAT(complaint(main), HasSubstr("nested deeper than 64"));
}

TEST(Verify, FindsFunctionsOfOneName) {
  Program program;
  program.functions.push_back(std::make_unique<Function>("main", "CoreML5"));
  program.functions.push_back(std::make_unique<Function>("main", "CoreML5"));
  EXPECT_THROW(verify(program), Error);
}

}  // namespace
}  // namespace pome::ir
