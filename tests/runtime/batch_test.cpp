// Batches and rows: the same results as single predictions, failures in their place.
#include <gmock/gmock.h>

#include <cmath>
#include <limits>

#include "pome/error.h"
#include "pome/model.h"
#include "support/shared.h"

namespace pome {
namespace {

using ::testing::HasSubstr;

Model open(const char* name) {
  return Model::open(test::source_folder() / "tests/data/classical" / name);
}

/// Numbers that are the same everywhere, between -3 and 3.
double number(std::int64_t i) {
  return static_cast<double>(i * 2654435761 % 6000) / 1000 - 3;
}

FeatureProvider row_of(const Model& model, const std::vector<double>& numbers) {
  FeatureProvider out;
  std::size_t next = 0;
  for (const auto& feature : model.description().inputs) {
    if (feature.type != FeatureType::multi_array) {
      out.set(feature.name, FeatureValue(numbers[next++]));
      continue;
    }
    MultiArray array(DataType::fp64, feature.multi_array_constraint->shape);
    for (double& element : array.mutable_elements<double>()) element = numbers[next++];
    out.set(feature.name, array);
  }
  return out;
}

std::int64_t width_of(const Model& model) {
  std::int64_t out = 0;
  for (const auto& feature : model.description().inputs) {
    std::int64_t count = 1;
    if (feature.multi_array_constraint)
      for (const auto d : feature.multi_array_constraint->shape) count *= d;
    out += count;
  }
  return out;
}

std::vector<std::vector<double>> rows_for(const Model& model, std::int64_t count) {
  std::vector<std::vector<double>> out;
  const std::int64_t width = width_of(model);
  for (std::int64_t r = 0; r < count; ++r) {
    auto& row = out.emplace_back();
    for (std::int64_t c = 0; c < width; ++c) row.push_back(number(r * width + c));
  }
  return out;
}

class Batches : public ::testing::TestWithParam<const char*> {};

TEST_P(Batches, RowsAreWhatSinglePredictionsAre) {
  const Model model = open(GetParam());
  const auto rows = rows_for(model, 300);
  std::vector<double> flat;
  for (const auto& row : rows) flat.insert(flat.end(), row.begin(), row.end());
  NumberRows numbers;
  numbers.data = flat.data();
  numbers.rows = 300;
  numbers.columns = width_of(model);
  const RowResults got = model.predict_rows(numbers);
  ASSERT_EQ(got.rows, 300);
  ASSERT_TRUE(got.failures.empty()) << got.failures[0].row;
  const auto& description = model.description();
  const auto* labels = std::get_if<std::vector<std::int64_t>>(&description.class_labels);
  const auto* texts = std::get_if<std::vector<std::string>>(&description.class_labels);
  for (std::size_t r = 0; r < rows.size(); ++r) {
    const auto single = model.predict(row_of(model, rows[r]));
    const FeatureValue& value = single.at(description.predicted_feature_name);
    if (labels != nullptr) {
      ASSERT_EQ((*labels)[static_cast<std::size_t>(got.labels[r])], value.int64_value()) << r;
    } else if (texts != nullptr) {
      ASSERT_EQ((*texts)[static_cast<std::size_t>(got.labels[r])], value.string_value()) << r;
    } else {
      ASSERT_EQ(got.numbers[r * static_cast<std::size_t>(got.width)], value.double_value()) << r;
    }
  }
}

TEST_P(Batches, ItemsAreInOrderAndFailInTheirPlace) {
  const Model model = open(GetParam());
  const auto rows = rows_for(model, 40);
  std::vector<FeatureProvider> inputs;
  for (const auto& row : rows) inputs.push_back(row_of(model, row));
  inputs[7] = FeatureProvider();
  const auto items = model.predict_batch(inputs);
  ASSERT_EQ(items.size(), 40U);
  const std::string& name = model.description().predicted_feature_name;
  for (std::size_t i = 0; i < items.size(); ++i) {
    if (i == 7) {
      ASSERT_TRUE(items[i].error.has_value());
      EXPECT_THAT(items[i].error->what(), HasSubstr(model.description().inputs[0].name));
      continue;
    }
    ASSERT_FALSE(items[i].error.has_value()) << items[i].error->what();
    EXPECT_EQ(items[i].outputs.at(name).text(), model.predict(inputs[i]).at(name).text()) << i;
  }
}

INSTANTIATE_TEST_SUITE_P(Models, Batches,
                         ::testing::Values("boosted_regression.mlmodel",
                                           "boosted_three_classes.mlmodel",
                                           "xgboost_regression.mlmodel",
                                           "forest_three_classes.mlmodel", "svm_rbf.mlmodel",
                                           "linear_regression.mlmodel"),
                         [](const auto& param) {
                           const std::string name(param.param);
                           return name.substr(0, name.find('.'));
                         });

TEST(Rows, OfTheWrongWidthAreRefused) {
  const Model model = open("boosted_regression.mlmodel");
  const std::vector<double> flat(3, 0.0);
  NumberRows numbers;
  numbers.data = flat.data();
  numbers.rows = 1;
  numbers.columns = width_of(model) + 1;
  EXPECT_THROW(model.predict_rows(numbers), Error);
}

}  // namespace
}  // namespace pome
