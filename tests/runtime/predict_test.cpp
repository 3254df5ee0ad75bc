// Predictions through an executable that is a plain function here: what reaches it, and what is
// made of what it gives.
#include "runtime/predict.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <functional>
#include <limits>

#include "pome/error.h"

namespace pome::runtime {
namespace {

using base::Dims;
using base::HostTensor;
using compiler::InputTensor;
using compiler::Operand;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

class PlainExecutable final : public compiler::Executable {
 public:
  using Run = std::function<std::vector<HostTensor>(std::span<const InputTensor>)>;
  std::vector<Operand> ins, outs, kept;
  Run run;

  std::span<const Operand> inputs() const noexcept override { return ins; }
  std::span<const Operand> outputs() const noexcept override { return outs; }
  std::span<const Operand> states() const noexcept override { return kept; }
  void predict(std::span<const InputTensor> inputs, std::vector<HostTensor>& outputs,
               compiler::StateSet* /*state*/, const compiler::RunOptions&) const override {
    outputs = run(inputs);
  }
  std::shared_ptr<compiler::StateSet> make_state() const override { return nullptr; }
  std::int64_t weight_bytes() const noexcept override { return 0; }
  std::int64_t planned_signatures() const noexcept override { return 0; }
  const compiler::Lowered& lowered() const noexcept override { std::abort(); }
};

FeatureDescription array(std::string name, DataType type, std::vector<std::int64_t> shape) {
  FeatureDescription out;
  out.name = std::move(name);
  out.type = FeatureType::multi_array;
  out.multi_array_constraint = MultiArrayConstraint{};
  out.multi_array_constraint->data_type = type;
  out.multi_array_constraint->shape = std::move(shape);
  out.multi_array_constraint->shape_constraint.type = ShapeConstraintType::fixed;
  return out;
}

FeatureDescription picture(std::string name, ColorSpace space) {
  FeatureDescription out;
  out.name = std::move(name);
  out.type = FeatureType::image;
  out.image_constraint = ImageConstraint{};
  out.image_constraint->color_space = space;
  return out;
}

FeatureDescription plain(std::string name, FeatureType type) {
  FeatureDescription out;
  out.name = std::move(name);
  out.type = type;
  return out;
}

HostTensor floats(Dims dims, std::vector<float> values) {
  HostTensor out(DataType::fp32, std::move(dims));
  std::ranges::copy(values, out.mutable_view().as<float>().begin());
  return out;
}

// A model of one function around a PlainExecutable.
struct Fixture {
  std::shared_ptr<PlainExecutable> executable = std::make_shared<PlainExecutable>();
  std::shared_ptr<ModelData> model = std::make_shared<ModelData>();

  void input(FeatureDescription feature, ir::Type type) {
    executable->ins.push_back({feature.name, std::move(type)});
    model->description.inputs.push_back(std::move(feature));
  }
  void output(FeatureDescription feature, ir::Type type) {
    executable->outs.push_back({feature.name, std::move(type)});
    model->description.outputs.push_back(std::move(feature));
  }
  FeatureProvider predict(const FeatureProvider& inputs, PlainExecutable::Run run) {
    executable->run = std::move(run);
    if (!model->function.executable) {
      model->function.executable = executable;
      connect(*model);
    }
    return runtime::predict(model, inputs, nullptr, {});
  }
};

const ir::Type floats_1x2 = ir::Type::tensor(DataType::fp32, {1, 2});

std::vector<HostTensor> nothing(std::span<const InputTensor> /*inputs*/) {
  return {};
}

template <typename Call>
std::string error_of(Call&& call) {
  try {
    call();
  } catch (const Error& error) {
    return error.what();
  }
  return "no error";
}

TEST(Predict, HandsArraysOverWithoutCopy) {
  Fixture f;
  f.input(array("x", DataType::fp32, {1, 2}), floats_1x2);
  const std::array<float, 3> memory{1, 2, 3};
  const std::array<std::int64_t, 2> shape{1, 2};
  const std::array<std::int64_t, 2> strides{1, 2};
  const auto x = MultiArray::wrap_const(memory.data(), DataType::fp32, shape, strides);
  f.predict({{"x", x}}, [&](std::span<const InputTensor> inputs) {
    EXPECT_EQ(inputs[0].data, memory.data());
    EXPECT_THAT(inputs[0].strides, ElementsAre(1, 2));
    return std::vector<HostTensor>();
  });
}

TEST(Predict, LeavesConversionToTheExecutableWhereTheTypesAreDescribedSo) {
  Fixture f;
  f.input(array("x", DataType::fp32, {1, 2}), floats_1x2);
  const auto x = MultiArray::copy_of<double>({1.5, 2.5}, {1, 2});
  f.predict({{"x", x}}, [&](std::span<const InputTensor> inputs) {
    EXPECT_EQ(inputs[0].dtype, DataType::fp64);
    return std::vector<HostTensor>();
  });
}

TEST(Predict, RoundsToTheDescribedTypeFirst) {
  Fixture f;
  f.input(array("x", DataType::int32, {1, 2}), floats_1x2);
  const auto x = MultiArray::copy_of<float>({2.7F, -2.7F}, {1, 2});
  f.predict({{"x", x}}, [&](std::span<const InputTensor> inputs) {
    EXPECT_EQ(inputs[0].dtype, DataType::int32);
    EXPECT_EQ(static_cast<const std::int32_t*>(inputs[0].data)[1], -2);
    return std::vector<HostTensor>();
  });
}

TEST(Predict, GivesAScalarProgramAScalar) {
  Fixture f;
  f.input(array("x", DataType::fp32, {1}), ir::Type::scalar(DataType::fp32));
  f.input(array("y", DataType::int32, {1}), ir::Type::tensor(DataType::int32, {1}));
  const auto x = MultiArray::copy_of<float>({4}, {1});
  f.predict({{"x", x}, {"y", 3}}, [&](std::span<const InputTensor> inputs) {
    EXPECT_TRUE(inputs[0].dims.empty());
    EXPECT_THAT(inputs[1].dims, ElementsAre(1));
    EXPECT_EQ(inputs[1].dtype, DataType::int64);
    EXPECT_EQ(*static_cast<const std::int64_t*>(inputs[1].data), 3);
    return std::vector<HostTensor>();
  });
}

TEST(Predict, FillsOptionalInputs) {
  Fixture f;
  FeatureDescription x = array("x", DataType::fp32, {1, 2});
  x.is_optional = true;
  x.multi_array_constraint->default_optional_value = 0.5;
  f.input(x, floats_1x2);
  f.predict({}, [&](std::span<const InputTensor> inputs) {
    EXPECT_THAT(inputs[0].dims, ElementsAre(1, 2));
    EXPECT_EQ(inputs[0].dtype, DataType::fp64);
    EXPECT_EQ(static_cast<const double*>(inputs[0].data)[1], 0.5);
    return std::vector<HostTensor>();
  });
}

TEST(Predict, ReadsPicturesInPlace) {
  Fixture f;
  f.input(picture("photo", ColorSpace::bgr), ir::Type::tensor(DataType::fp32, {1, 3, 1, 2}));
  PixelBuffer photo(PixelFormat::rgba8, 2, 1);
  photo.mutable_row(0)[6] = std::byte{9};  // blue of the second pixel
  f.predict({{"photo", photo}}, [&](std::span<const InputTensor> inputs) {
    EXPECT_EQ(inputs[0].dtype, DataType::uint8);
    EXPECT_THAT(inputs[0].dims, ElementsAre(1, 3, 1, 2));
    const auto* first = static_cast<const std::uint8_t*>(inputs[0].data);
    EXPECT_EQ(first[inputs[0].strides[3]], 9);  // channel 0 is blue
    return std::vector<HostTensor>();
  });
}

TEST(Predict, TurnsColourIntoGreyForGreyInputs) {
  Fixture f;
  f.input(picture("photo", ColorSpace::grayscale), ir::Type::tensor(DataType::fp32, {1, 1, 1, 1}));
  PixelBuffer photo(PixelFormat::rgb8, 1, 1);
  photo.mutable_row(0)[1] = std::byte{100};
  f.predict({{"photo", photo}}, [&](std::span<const InputTensor> inputs) {
    EXPECT_EQ(*static_cast<const std::uint8_t*>(inputs[0].data), 59);
    return std::vector<HostTensor>();
  });
}

TEST(Predict, ChecksInputsBeforeAnythingRuns) {
  Fixture f;
  f.input(array("x", DataType::fp32, {1, 2}), floats_1x2);
  EXPECT_THAT(error_of([&] {
                f.predict({{"x", MultiArray(DataType::fp32, {3})}},
                          [](std::span<const InputTensor>) -> std::vector<HostTensor> {
                            ADD_FAILURE() << "it ran";
                            return {};
                          });
              }),
              HasSubstr("MultiArray Shape (3) does not match"));
}

TEST(Predict, GivesOutputsInTheirDescribedType) {
  Fixture f;
  f.output(array("a", DataType::fp32, {2}), ir::Type::tensor(DataType::fp32, {2}));
  f.output(array("b", DataType::fp64, {2}), ir::Type::tensor(DataType::fp32, {2}));
  f.output(array("c", DataType::fp32, {}), ir::Type::scalar(DataType::fp32));
  const FeatureProvider out = f.predict({}, [](std::span<const InputTensor>) {
    return std::vector<HostTensor>{floats({2}, {1, 2}), floats({2}, {3, 4}), floats({}, {5})};
  });
  EXPECT_THAT(out.feature_names(), ElementsAre("a", "b", "c"));
  EXPECT_THAT(out["a"].multi_array_value().elements<float>(), ElementsAre(1, 2));
  EXPECT_THAT(out["b"].multi_array_value().elements<double>(), ElementsAre(3, 4));
  EXPECT_THAT(out["c"].multi_array_value().shape(), ElementsAre(1));
}

TEST(Predict, GivesEmptyArrays) {
  Fixture f;
  f.output(array("found", DataType::fp32, {}), ir::Type::tensor(DataType::fp32, {-1, 4}));
  const FeatureProvider out = f.predict({}, [](std::span<const InputTensor>) {
    return std::vector<HostTensor>{floats({0, 4}, {})};
  });
  EXPECT_THAT(out["found"].multi_array_value().shape(), ElementsAre(0, 4));
}

TEST(Predict, GivesPicturesRoundedAndClamped) {
  Fixture f;
  f.output(picture("styled", ColorSpace::rgb), ir::Type::tensor(DataType::fp32, {1, 3, 1, 1}));
  const FeatureProvider out = f.predict({}, [](std::span<const InputTensor>) {
    return std::vector<HostTensor>{floats({1, 3, 1, 1}, {300, -4, 12.4F})};
  });
  const PixelBuffer& styled = out["styled"].image_buffer_value();
  EXPECT_EQ(styled.format(), PixelFormat::rgba8);
  EXPECT_EQ(static_cast<int>(styled.row(0)[0]), 255);
  EXPECT_EQ(static_cast<int>(styled.row(0)[1]), 0);
  EXPECT_EQ(static_cast<int>(styled.row(0)[2]), 12);
}

TEST(Predict, RefusesPicturesOfAnotherShape) {
  Fixture f;
  f.output(picture("styled", ColorSpace::rgb), ir::Type::tensor(DataType::fp32, {1, 2, 1, 1}));
  EXPECT_THAT(
      error_of([&] {
        f.predict({}, [](std::span<const InputTensor>) {
          return std::vector<HostTensor>{floats({1, 2, 1, 1}, {1, 2})};
        });
      }),
      HasSubstr("feature 'styled': it is described as an image (RGB), and the program gives "
                "(1 x 2 x 1 x 1)"));
}

class ClassifierPrediction : public ::testing::Test {
 protected:
  void SetUp() override {
    f.executable->outs.push_back({"probs", ir::Type::tensor(DataType::fp32, {1, 3})});
    f.model->description.outputs = {plain("label", FeatureType::string),
                                    plain("label_probs", FeatureType::dictionary)};
    f.model->function.classifier =
        Classifier{"label", "label_probs", "probs", std::vector<std::string>{"cat", "dog", "cup"}};
  }
  FeatureProvider predict(std::vector<float> probabilities) {
    return f.predict({}, [&](std::span<const InputTensor>) {
      const auto count = static_cast<std::int64_t>(probabilities.size());
      return std::vector<HostTensor>{floats({1, count}, probabilities)};
    });
  }
  Fixture f;
};

TEST_F(ClassifierPrediction, NamesTheLikeliestClass) {
  const FeatureProvider out = predict({0.25F, 0.5F, 0.25F});
  EXPECT_EQ(out["label"].string_value(), "dog");
  EXPECT_THAT(out["label_probs"].string_dictionary_value(),
              ElementsAre(std::pair("cat", 0.25), std::pair("cup", 0.25), std::pair("dog", 0.5)));
}

TEST_F(ClassifierPrediction, TakesTheFirstOfEqualClasses) {
  EXPECT_EQ(predict({0.25F, 0.5F, 0.5F})["label"].string_value(), "dog");
  const float nan = std::numeric_limits<float>::quiet_NaN();
  EXPECT_EQ(predict({nan, 0.5F, 0.5F})["label"].string_value(), "dog");
}

TEST_F(ClassifierPrediction, KeepsTheLikeliestOfEqualLabels) {
  f.model->function.classifier->labels = std::vector<std::string>{"crane", "dog", "crane"};
  EXPECT_EQ(predict({0.5F, 0.25F, 0.25F})["label_probs"].string_dictionary_value().at("crane"),
            0.5);
}

TEST_F(ClassifierPrediction, GivesIntegerLabels) {
  f.model->function.classifier->labels = std::vector<std::int64_t>{7, 8, 9};
  EXPECT_EQ(predict({0, 0, 1})["label"].int64_value(), 9);
}

TEST_F(ClassifierPrediction, CountsClasses) {
  EXPECT_EQ(error_of([&] {
              predict({0.5F, 0.5F});
            }),
            "the model gives 2 probabilities for 3 classes");
}

TEST(Connect, NamesOperandsThatTheDescriptionLacks) {
  Fixture f;
  f.executable->ins.push_back({"hidden", floats_1x2});
  EXPECT_EQ(error_of([&] { f.predict({}, nothing); }),
            "the program has an input 'hidden' that the description lacks");
}

TEST(Connect, NamesOutputsThatTheProgramLacks) {
  Fixture f;
  f.model->description.outputs = {array("y", DataType::fp32, {1})};
  EXPECT_EQ(error_of([&] { f.predict({}, nothing); }),
            "the description has an output 'y' that the program does not give");
}

TEST(PredictWithState, IsAskedFor) {
  Fixture f;
  f.executable->kept.push_back({"cache", ir::Type::state(floats_1x2)});
  EXPECT_THAT(error_of([&] { f.predict({}, nothing); }),
              HasSubstr("the model keeps a state 'cache'"));
}

TEST(PredictWithState, OfAnotherModelIsRefused) {
  Fixture f;
  f.predict({}, nothing);
  StateData state;
  EXPECT_EQ(error_of([&] { runtime::predict(f.model, {}, &state, {}); }),
            "the state belongs to another model");
}

TEST(PredictWithState, ReadsAndWritesInTheDeclaredType) {
  const compiler::Operand cache{"cache", ir::Type::tensor(DataType::fp16, {1, 2})};
  StateData state;
  state.set = std::make_shared<compiler::StateSet>(std::span(&cache, 1));
  EXPECT_THAT(read_state(state, "cache").converted_to(DataType::fp32).elements<float>(),
              ElementsAre(0, 0));
  write_state(state, "cache", MultiArray::copy_of<double>({1.0 / 3, 70000}, {1, 2}));
  const MultiArray kept = read_state(state, "cache");
  EXPECT_EQ(kept.data_type(), DataType::fp16);
  // numpy: float(np.float16(1 / 3))
  EXPECT_EQ(kept.at({0, 0}), 0.333251953125);
  EXPECT_EQ(kept.at({0, 1}), std::numeric_limits<double>::infinity());
  EXPECT_THAT(error_of([&] { write_state(state, "cache", MultiArray(DataType::fp16, {2})); }),
              HasSubstr("state 'cache': MultiArray (fp16, 2) was given, expected (1 x 2)"));
  EXPECT_THAT(error_of([&] { (void)read_state(state, "cahe"); }), HasSubstr("'cache'"));
}

TEST(PredictWithState, RefusesAccessWhileItIsInUse) {
  const compiler::Operand cache{"cache", ir::Type::tensor(DataType::fp16, {1, 2})};
  StateData state;
  state.set = std::make_shared<compiler::StateSet>(std::span(&cache, 1));
  const compiler::StateSet::Use use(*state.set);
  EXPECT_THAT(error_of([&] { (void)read_state(state, "cache"); }), HasSubstr("in use"));
}

TEST(Predict, AsksTheBudgetBeforeItConverts) {
  Fixture f;
  f.input(array("x", DataType::int32, {1, 2}), floats_1x2);
  f.predict({{"x", MultiArray(DataType::int32, {1, 2})}}, nothing);
  PredictionOptions options;
  options.byte_budget = 4;
  EXPECT_THROW(
      runtime::predict(f.model, {{"x", MultiArray(DataType::fp64, {1, 2})}}, nullptr, options),
      Error);
}

}  // namespace
}  // namespace pome::runtime
