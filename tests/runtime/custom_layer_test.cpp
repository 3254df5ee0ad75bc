// Custom layers: registered by the program, from libraries, and as operations of a program.
#include "pome/custom_layer.h"

#include <gmock/gmock.h>

#include <array>
#include <numeric>
#include <stdexcept>

#include "pome/error.h"
#include "runtime/custom_operation.h"
#include "support/mil.h"
#include "support/program_builder.h"

namespace pome::runtime {
namespace {

using test::complaint;
using test::error_code;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

// Adds a parameter to each number and multiplies with the weights in turn.
class Shifted final : public CustomLayer {
 public:
  explicit Shifted(const CustomLayerDescription& from)
      : shift_(static_cast<float>(std::get<double>(from.parameters.at("shift")))),
        factors_(from.weights.at(0).values) {}

  std::vector<CustomLayerShape> output_shapes(
      std::span<const CustomLayerShape> inputs) const override {
    return {inputs.begin(), inputs.end()};
  }
  void evaluate(std::span<const CustomLayerInput> inputs,
                std::span<const CustomLayerOutput> outputs) const override {
    for (std::size_t i = 0; i < inputs.size(); ++i) {
      const auto& shape = inputs[i].shape;
      const auto count =
          std::accumulate(shape.begin(), shape.end(), std::int64_t{1}, std::multiplies<>());
      for (std::int64_t k = 0; k < count; ++k)
        outputs[i].data[k] =
            (inputs[i].data[k] + shift_) * factors_[static_cast<std::size_t>(k) % factors_.size()];
    }
  }

 private:
  float shift_;
  std::vector<float> factors_;
};

// A layer whose two functions are given.
class Given final : public CustomLayer {
 public:
  std::function<std::vector<CustomLayerShape>()> shapes = [] {
    return std::vector<CustomLayerShape>{{2}};
  };
  std::function<void()> run = [] {};
  std::vector<CustomLayerShape> output_shapes(
      std::span<const CustomLayerShape> /*inputs*/) const override {
    return shapes();
  }
  void evaluate(std::span<const CustomLayerInput> /*inputs*/,
                std::span<const CustomLayerOutput> /*outputs*/) const override {
    run();
  }
};

proto::CustomLayerParams message(std::string_view class_name, std::string_view description = {}) {
  proto::CustomLayerParams out;
  out.className = class_name;
  out.description = description;
  return out;
}

// y = custom(x), of a vector of 2 unless the shape is left open.
std::shared_ptr<ir::Program> program_of(std::shared_ptr<const ops::CustomOperation> code,
                                        std::int64_t size = 2) {
  test::ProgramBuilder builder;
  ir::Value* x = builder.input("x", ir::Type::tensor(DataType::fp32, {size}));
  ir::Value* y = builder.op("pome.custom", {{"values", {x}}}, DataType::fp32);
  y->producer->custom = std::move(code);
  return builder.finish({y});
}

test::Compiled compile(std::shared_ptr<ir::Program> program) {
  test::Compiled out{test::store_without_files(), nullptr};
  out.executable = compiler::compile(std::move(program), "main", out.weights, {});
  return out;
}

TEST(CustomLayer, runs_with_its_parameters_and_weights) {
  CustomLayers layers;
  layers.add("Shifted", [](const auto& from) { return std::make_unique<Shifted>(from); });
  proto::CustomLayerParams shifted = message("Shifted");
  shifted.parameters.emplace_back("shift", proto::CustomLayerParams_CustomLayerParamValue());
  shifted.parameters.back().second.set_doubleValue(0.5);
  shifted.weights.emplace_back();
  shifted.weights.back().floatValue.assign(std::array{2.0F, -4.0F});
  const auto compiled =
      compile(program_of(custom_operation(layers, shifted, "s"), ir::unknown_dim));
  EXPECT_THAT(test::values(test::run(compiled, {test::floats({2}, {1, 2})})[0]),
              ElementsAre(3, -10));
  EXPECT_THAT(test::values(test::run(compiled, {test::floats({3}, {0, 0, 1})})[0]),
              ElementsAre(1, -2, 3));
}

TEST(CustomLayer, gets_all_that_the_file_says) {
  CustomLayerDescription seen;
  CustomLayers layers;
  layers.add("C", [&](const CustomLayerDescription& from) {
    seen = from;
    return std::make_unique<Given>();
  });
  proto::CustomLayerParams c = message("C", "what it does");
  const auto parameter = [&](std::string_view name) -> auto& {
    c.parameters.emplace_back(name, proto::CustomLayerParams_CustomLayerParamValue());
    return c.parameters.back().second;
  };
  parameter("double").set_doubleValue(1.5);
  parameter("text").set_stringValue("words");
  parameter("int").set_intValue(-7);
  parameter("long").set_longValue(std::int64_t{1} << 40);
  parameter("flag").set_boolValue(true);
  const std::array halves{std::byte{0x00}, std::byte{0x3C}, std::byte{0x00}, std::byte{0xC0}};
  c.weights.resize(3);
  c.weights[0].floatValue.assign(std::array{3.0F});
  c.weights[1].float16Value = halves;
  c.weights[2].rawValue = halves;
  custom_operation(layers, c, "layer 1");
  EXPECT_EQ(seen.class_name, "C");
  EXPECT_EQ(seen.layer_name, "layer 1");
  EXPECT_EQ(seen.description, "what it does");
  EXPECT_EQ(std::get<double>(seen.parameters.at("double")), 1.5);
  EXPECT_EQ(std::get<std::string>(seen.parameters.at("text")), "words");
  EXPECT_EQ(std::get<std::int64_t>(seen.parameters.at("int")), -7);
  EXPECT_EQ(std::get<std::int64_t>(seen.parameters.at("long")), std::int64_t{1} << 40);
  EXPECT_TRUE(std::get<bool>(seen.parameters.at("flag")));
  ASSERT_EQ(seen.weights.size(), 3U);
  EXPECT_THAT(seen.weights[0].values, ElementsAre(3));
  EXPECT_THAT(seen.weights[1].values, ElementsAre(1, -2));
  EXPECT_EQ(seen.weights[2].bytes.size(), 4U);
}

TEST(CustomLayer, without_code_is_named_with_its_description) {
  const auto make = [] { custom_operation({}, message("Swish", "x * sigmoid(x)"), "act"); };
  EXPECT_EQ(
      complaint(make),
      "no code is registered for the custom layer of class 'Swish'; the model describes it as "
      "'x * sigmoid(x)'");
  EXPECT_EQ(error_code(make), static_cast<int>(ErrorCode::custom_layer));
}

TEST(CustomLayer, failures_of_its_code_are_errors) {
  const auto with = [](std::unique_ptr<Given> code) {
    CustomLayers layers;
    layers.add("G", [&](const auto&) { return std::move(code); });
    return complaint([&] {
      test::run(compile(program_of(custom_operation(layers, message("G"), "g"))),
                {test::floats({2}, {1, 2})});
    });
  };
  auto throws = std::make_unique<Given>();
  throws->run = [] { throw std::runtime_error("out of ink"); };
  EXPECT_THAT(with(std::move(throws)),
              HasSubstr("layer 'g' (custom layer of class 'G'): out of ink"));
  auto negative = std::make_unique<Given>();
  negative->shapes = [] { return std::vector<CustomLayerShape>{{-3}}; };
  EXPECT_THAT(with(std::move(negative)), HasSubstr("its code gave the shape"));
  auto two = std::make_unique<Given>();
  two->shapes = [] { return std::vector<CustomLayerShape>{{2}, {2}}; };
  EXPECT_THAT(with(std::move(two)), HasSubstr("its code gave 2 shapes, expected 1"));
  EXPECT_THAT(with(nullptr), HasSubstr("its maker made nothing"));
}

TEST(CustomLayer, an_operation_without_code_does_not_compile) {
  EXPECT_THAT(complaint([] { compile(program_of(nullptr)); }),
              HasSubstr("there is no code for it in this program"));
}

// --- libraries ---

CustomLayers example_layers() {
  CustomLayers layers;
  layers.add_folder("/nowhere");
  layers.add_folder(POME_CUSTOM_LAYERS);
  return layers;
}

TEST(CustomLayerLibrary, is_found_by_the_class_name) {
  const auto code = custom_operation(example_layers(), message("RescaleOutputLambda"), "r");
  EXPECT_THAT(test::values(test::run(compile(program_of(code)), {test::floats({2}, {-1, 0.5})})[0]),
              ElementsAre(0, 191.25));
}

TEST(CustomLayerLibrary, crops_pictures) {
  const auto code = custom_operation(example_layers(), message("ResCropBlockLambda"), "c");
  const std::array dims{base::Dims{2, 5, 6}};
  ASSERT_EQ(code->infer(dims, 1).front(), (base::Dims{2, 1, 2}));
  std::vector<float> in(60);
  std::iota(in.begin(), in.end(), 0.0F);
  std::vector<float> out(4);
  const std::array inputs{base::TensorView{in.data(), DataType::fp32, dims[0]}};
  const base::Dims shape{2, 1, 2};
  const std::array outputs{base::MutableTensorView{out.data(), DataType::fp32, shape}};
  code->evaluate(inputs, outputs);
  EXPECT_THAT(out, ElementsAre(14, 15, 44, 45));
  const std::array small{base::Dims{2, 4, 6}};
  EXPECT_THAT(complaint([&] { code->infer(small, 1); }),
              AllOf(HasSubstr("layer 'c'"), HasSubstr("the picture is too small to be cropped")));
}

TEST(CustomLayerLibrary, names_of_strangers_reach_no_other_file) {
  for (const char* name : {"../ResCropBlockLambda", "a/b", "", "x y"}) {
    EXPECT_THAT(complaint([&] { custom_operation(example_layers(), message(name), "n"); }),
                HasSubstr("no code is registered"))
        << name;
  }
}

}  // namespace
}  // namespace pome::runtime
