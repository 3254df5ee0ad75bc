// Where values declared float16 are rounded, in exact and in as-declared numerics. 2048 is the end
// of the whole numbers that binary16 holds: 2049 lies halfway between 2048 and 2050 and goes to the
// even.
#include <gmock/gmock.h>

#include "devices/cpu/cpu_device.h"
#include "support/mil.h"

namespace pome::compiler {
namespace {

using test::Compiled;
using test::floats;
using test::mil;
using test::run;
using test::values;
using testing::ElementsAre;

Compiled compile(const std::string& text, exec::Numerics numerics,
                 const exec::Device* device = nullptr) {
  CompileOptions options;
  options.numerics = numerics;
  if (device) options.devices = {device};
  Compiled out;
  out.weights = std::make_shared<exec::WeightStore>(
      [](const ir::BlobReference&, const ir::Type&) { return exec::BlobRange{}; },
      std::make_shared<base::Budget>(), numerics == exec::Numerics::as_declared);
  out.executable = compiler::compile(test::parse_mil(text), "main", out.weights, options);
  return out;
}

/// (x + 1) - 2048 in float16, handed out as float32.
std::string difference(const std::string& outputs) {
  return mil("tensor<fp16, [1]> x",
             R"(tensor<fp16, [1]> more = add(x = x, y = tensor<fp16, [1]>([1]));
                tensor<fp16, [1]> less = sub(x = more, y = tensor<fp16, [1]>([2048]));
                tensor<fp32, [1]> z = cast(x = less, dtype = string("fp32"));
                tensor<fp32, [1]> wide = cast(x = more, dtype = string("fp32"));)",
             outputs);
}

class Numerics : public testing::TestWithParam<const exec::Device*> {};

TEST_P(Numerics, ExactKeepsWhatIsBetweenOperations) {
  const auto model = compile(difference("z, wide"), exec::Numerics::exact, GetParam());
  const auto out = run(model, {floats({1}, {2048})});
  EXPECT_THAT(values(out[0]), ElementsAre(1));
  EXPECT_THAT(values(out[1]), ElementsAre(2049)) << "a cast to float32 is no rounding";
}

TEST_P(Numerics, ExactRoundsOnlyTheCopyThatIsPublished) {
  const auto model = compile(difference("z, more"), exec::Numerics::exact, GetParam());
  const auto out = run(model, {floats({1}, {2048})});
  EXPECT_THAT(values(out[0]), ElementsAre(1));
  ASSERT_EQ(out[1].dtype(), DataType::fp16);
  EXPECT_EQ(out[1].view().as<std::uint16_t>()[0], 0x6800) << "2048";
}

TEST_P(Numerics, AsDeclaredRoundsEveryResult) {
  const auto model = compile(difference("z, wide"), exec::Numerics::as_declared, GetParam());
  const auto out = run(model, {floats({1}, {2048})});
  EXPECT_THAT(values(out[0]), ElementsAre(0));
  EXPECT_THAT(values(out[1]), ElementsAre(2048));
}

TEST_P(Numerics, InputsAndCastsAreRoundedInBoth) {
  const auto text = mil("tensor<fp16, [1]> x, tensor<fp32, [2]> y",
                        R"(tensor<fp32, [1]> a = cast(x = x, dtype = string("fp32"));
                           tensor<fp16, [2]> half = cast(x = y, dtype = string("fp16"));
                           tensor<fp32, [2]> b = cast(x = half, dtype = string("fp32"));)",
                        "a, b");
  for (const auto numerics : {exec::Numerics::exact, exec::Numerics::as_declared}) {
    const auto model = compile(text, numerics, GetParam());
    const auto out = run(model, {floats({1}, {2049}), floats({2}, {2049, 70000})});
    EXPECT_THAT(values(out[0]), ElementsAre(2048));
    EXPECT_THAT(values(out[1]), ElementsAre(2048, INFINITY));
  }
}

TEST_P(Numerics, ExpandedWeightsAreRoundedAsDeclared) {
  // 0.0999755859375 is float16's 0.1; three times that needs one bit more than float16 has.
  const auto text = mil("tensor<fp32, [1]> x",
                        R"(tensor<fp16, [1]> w = constexpr_affine_dequantize()[
                             quantized_data = tensor<int8, [1]>([3]), zero_point = int8(0),
                             scale = fp16(0.0999755859375), axis = int32(0)];
                           tensor<fp32, [1]> wide = cast(x = w, dtype = string("fp32"));
                           tensor<fp32, [1]> z = add(x = x, y = wide);)",
                        "z");
  const auto result = [&](exec::Numerics numerics) {
    return values(run(compile(text, numerics, GetParam()), {floats({1}, {0})})[0])[0];
  };
  EXPECT_EQ(result(exec::Numerics::exact), 0.2999267578125F);
  EXPECT_EQ(result(exec::Numerics::as_declared), 0.2998046875F) << "to even";
}

INSTANTIATE_TEST_SUITE_P(Devices, Numerics, testing::Values(nullptr, &devices::cpu_device()),
                         [](const auto& one) {
                           return std::string(one.param ? "cpu" : "reference");
                         });

}  // namespace
}  // namespace pome::compiler
