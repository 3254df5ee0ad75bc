// Programs that are built here, compiled and run: classifiers, and weights from an asset's files.
#include "runtime/load.h"

#include <gmock/gmock.h>

#include <array>
#include <atomic>
#include <cstring>
#include <thread>

#include "format/blob_storage.h"
#include "pome/error.h"
#include "specs.inc"
#include "temporary_folder.h"

namespace pome::runtime {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Pair;

template <typename Call>
std::string error_of(Call&& call) {
  try {
    call();
  } catch (const Error& error) {
    return error.what();
  }
  return "no error";
}

format::Asset empty_asset() {
  return format::asset_from_memory(std::as_bytes(std::span(functions_spec)), {}, nullptr);
}

// main(x: tensor<fp32, [3]>) -> relu(x), then classify as coremltools writes it.
std::shared_ptr<ir::Program> classifier_program(ir::ConstantPtr classes) {
  auto program = std::make_shared<ir::Program>();
  auto& function =
      program->functions.emplace_back(std::make_unique<ir::Function>("main", "CoreML6"));
  ir::Block& body = *function->body;
  const auto three = ir::Type::tensor(DataType::fp32, {3});
  ir::Value& x = body.add_input("x", three);
  auto relu = std::make_unique<ir::Op>("relu", "relu_0");
  relu->set_argument("x", ir::Binding(&x));
  ir::Value& probabilities = relu->add_result("probs", three);
  body.append(std::move(relu));
  auto classify = std::make_unique<ir::Op>("classify", "classify_0");
  classify->set_argument("probabilities", ir::Binding(&probabilities));
  classify->set_argument("classes", ir::Binding(std::move(classes)));
  ir::Value& label = classify->add_result("label", ir::Type::scalar(DataType::string));
  ir::Type dictionary;
  dictionary.kind = ir::Type::Kind::dictionary;
  dictionary.parameters = {ir::Type::scalar(DataType::string), ir::Type::scalar(DataType::fp64)};
  ir::Value& scores = classify->add_result("scores", dictionary);
  body.append(std::move(classify));
  body.set_outputs({&label, &scores});
  return program;
}

ir::ConstantPtr list_of(std::vector<ir::ConstantPtr> items, DataType type) {
  auto out = std::make_shared<ir::Constant>();
  out->type = ir::Type::list(ir::Type::scalar(type), static_cast<std::int64_t>(items.size()));
  out->data = std::move(items);
  return out;
}

ir::ConstantPtr words() {
  return list_of({ir::make_string("cat"), ir::make_string("dog"), ir::make_string("cup")},
                 DataType::string);
}

ir::ConstantPtr int64(std::int64_t value) {
  std::vector<std::byte> bytes(sizeof value);
  std::memcpy(bytes.data(), &value, sizeof value);
  return ir::make_tensor(ir::Type::scalar(DataType::int64), std::move(bytes));
}

LoadedFunction load(std::shared_ptr<ir::Program> program, const std::string& function = "") {
  return load_function(std::move(program), empty_asset(), function, {},
                       std::make_shared<base::Budget>());
}

TEST(LoadFunction, TakesTheClassifierOut) {
  const LoadedFunction loaded = load(classifier_program(words()));
  ASSERT_TRUE(loaded.classifier);
  EXPECT_EQ(loaded.classifier->label_output, "label");
  EXPECT_EQ(loaded.classifier->dictionary_output, "scores");
  ASSERT_EQ(loaded.executable->outputs().size(), 1U);
  EXPECT_EQ(loaded.executable->outputs()[0].name, "probs");
}

TEST(LoadFunction, ReadsTextAndNumberLabels) {
  auto texts = classifier_program(words());
  EXPECT_THAT(std::get<std::vector<std::string>>(class_labels(*texts->find("main"))),
              ElementsAre("cat", "dog", "cup"));
  auto numbers = classifier_program(list_of({int64(-7), int64(8), int64(1)}, DataType::int64));
  EXPECT_THAT(std::get<std::vector<std::int64_t>>(class_labels(*numbers->find("main"))),
              ElementsAre(-7, 8, 1));
}

TEST(LoadFunction, RefusesClassesThatMixTypes) {
  EXPECT_THAT(
      error_of([&] {
        load(classifier_program(list_of({ir::make_string("a"), int64(1)}, DataType::string)));
      }),
      HasSubstr("function 'main': operation 'classify_0' (classify): parameter 'classes': the "
                "list mixes strings and numbers"));
  EXPECT_THAT(error_of([&] { load(classifier_program(list_of({}, DataType::string))); }),
              HasSubstr("parameter 'classes': the list is empty"));
  EXPECT_THAT(error_of([&] { load(classifier_program(ir::make_fp32(1))); }),
              HasSubstr("parameter 'classes': found tensor<fp32, []>"));
}

TEST(LoadFunction, NamesFunctionsThatThereAre) {
  EXPECT_THAT(error_of([&] { load(classifier_program(words()), "extend"); }),
              HasSubstr("there is no function 'extend', expected 'main'"));
}

TEST(LoadFunction, PredictsLabels) {
  auto model = std::make_shared<ModelData>();
  model->function = load(classifier_program(words()));
  FeatureDescription x;
  x.name = "x";
  x.type = FeatureType::multi_array;
  x.multi_array_constraint = MultiArrayConstraint{DataType::fp16, {3}, {}, {}};
  FeatureDescription label;
  label.name = "label";
  label.type = FeatureType::string;
  FeatureDescription scores;
  scores.name = "scores";
  scores.type = FeatureType::dictionary;
  model->description.inputs = {x};
  model->description.outputs = {label, scores};
  connect(*model);
  const auto values = MultiArray::copy_of<float>({-1, 0.25F, 0.75F}, {3});
  const FeatureProvider out = predict(model, {{"x", values}}, nullptr, {});
  EXPECT_EQ(out["label"].string_value(), "cup");
  EXPECT_THAT(out["scores"].string_dictionary_value(),
              ElementsAre(Pair("cat", 0), Pair("cup", 0.75), Pair("dog", 0.25)));
}

TEST(LoadFunction, PredictsFromSeveralThreads) {
  auto model = std::make_shared<ModelData>();
  model->function = load(classifier_program(words()));
  FeatureDescription x;
  x.name = "x";
  x.type = FeatureType::multi_array;
  x.multi_array_constraint = MultiArrayConstraint{DataType::fp32, {3}, {}, {}};
  FeatureDescription label;
  label.name = "label";
  label.type = FeatureType::string;
  model->description.inputs = {x};
  model->description.outputs = {label};
  connect(*model);
  const std::array<std::string, 3> labels{"cat", "dog", "cup"};
  std::atomic<int> wrong{0};
  std::vector<std::jthread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < 50; ++i) {
        const int best = (i + t) % 3;
        MultiArray values(DataType::fp32, {3});
        values.set({best}, 1);
        const FeatureProvider out = predict(model, {{"x", values}}, nullptr, {});
        if (out["label"].string_value() != labels[static_cast<std::size_t>(best)]) ++wrong;
      }
    });
  }
  threads.clear();
  EXPECT_EQ(wrong.load(), 0);
}

class BlobsInMemory : public ::testing::Test {
 protected:
  void SetUp() override {
    const auto path = folder.path() / "weight.bin";
    format::BlobWriter writer(path);
    const std::array<float, 2> values{1.5F, -2};
    offset = writer.add(DataType::fp32, 2, std::as_bytes(std::span(values)));
    writer.commit();
    base::Budget budget;
    bytes = base::read_all(*base::open_file(path), budget);
  }
  exec::BlobReader reader() {
    return blob_reader(format::asset_from_memory(std::as_bytes(std::span(functions_spec)),
                                                 {{"weights/weight.bin", bytes}}, nullptr));
  }
  test::TemporaryFolder folder;
  std::uint64_t offset = 0;
  std::vector<std::byte> bytes;
};

TEST_F(BlobsInMemory, AreFoundByTheNamesOfThePrograms) {
  const exec::BlobRange range = reader()({"@model_path/weights/weight.bin", offset},
                                         ir::Type::tensor(DataType::fp32, {2, 1}));
  ASSERT_EQ(range.bytes, 8);
  std::array<float, 2> values{};
  range.source->read(range.offset, std::as_writable_bytes(std::span(values)));
  EXPECT_THAT(values, ElementsAre(1.5F, -2));
}

TEST_F(BlobsInMemory, MustHaveTheDeclaredTypeAndSize) {
  EXPECT_THROW(
      reader()({"@model_path/weights/weight.bin", offset}, ir::Type::tensor(DataType::fp32, {3})),
      Error);
  EXPECT_THROW(
      reader()({"@model_path/weights/weight.bin", offset}, ir::Type::tensor(DataType::int32, {2})),
      Error);
  EXPECT_THROW(
      reader()({"@model_path/weights/other.bin", offset}, ir::Type::tensor(DataType::fp32, {2})),
      Error);
}

TEST(WhyNotRunnable, NamesTheTypeAndWhatIsMissing) {
  ModelDescription description;
  description.model_type = "mlProgram";
  EXPECT_FALSE(why_not_runnable(description));
  description.model_type = "neuralNetworkClassifier";
  EXPECT_FALSE(why_not_runnable(description));
  description.model_type = "serializedModel";
  EXPECT_EQ(why_not_runnable(description),
            "models of type 'serializedModel' cannot run here: their content is private to the "
            "program that wrote it");
  description.model_type = "visionFeaturePrint";
  EXPECT_THAT(why_not_runnable(description).value_or(""), HasSubstr("Apple devices only"));
  description.model_type = "treeEnsembleClassifier";
  EXPECT_FALSE(why_not_runnable(description));
}

}  // namespace
}  // namespace pome::runtime
