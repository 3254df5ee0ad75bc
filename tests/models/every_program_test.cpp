// Every ML Program beside the repository opens and predicts something sane from random inputs.
#include <gmock/gmock.h>

#include <algorithm>
#include <cmath>

#include "inputs.h"
#include "oracle.h"
#include "support/shared.h"

namespace pome::test {
namespace {

namespace fs = std::filesystem;
using ::testing::IsEmpty;

// ML Programs beneath the folder of models; a package that was published without weights is taken
// from the sample models, where it has some.
struct Programs {
  std::vector<fs::path> found;
  std::vector<std::string> without_weights;
};

Programs programs() {
  Programs out;
  for (auto entry = fs::recursive_directory_iterator(*shared("models")); entry != end(entry);
       ++entry) {
    const fs::path path = entry->path();
    const bool is_folder = entry->is_directory();
    if (path.extension() != ".mlpackage" && path.extension() != ".mlmodelc" &&
        path.extension() != ".mlmodel")
      continue;
    if (is_folder) entry.disable_recursion_pending();
    if (Asset::from_path(path).description().model_type != "mlProgram") continue;
    const auto made = sample_model(path.filename());
    if (!is_folder || fs::exists(weight_file(path))) {
      out.found.push_back(path);
    } else if (made) {
      out.found.push_back(*made);
    } else {
      out.without_weights.push_back(path.filename());
    }
  }
  std::ranges::sort(out.found);
  return out;
}

FeatureProvider random_inputs(const ModelDescription& description, std::uint64_t seed) {
  FeatureProvider out;
  for (const FeatureDescription& input : description.inputs)
    out.set(input.name, cli::random_value(input, seed));
  return out;
}

void expect_sane(const FeatureDescription& output, const FeatureValue& value) {
  SCOPED_TRACE(output.name);
  ASSERT_EQ(value.type(), output.type);
  ASSERT_EQ(output.type, FeatureType::multi_array) << "these models give nothing else";
  const MultiArray& array = value.multi_array_value();
  const MultiArrayConstraint& declared = *output.multi_array_constraint;
  EXPECT_EQ(array.data_type(), declared.data_type);
  if (!declared.shape.empty()) {
    EXPECT_TRUE(std::ranges::equal(array.shape(), declared.shape)) << array.text();
  }
  const MultiArray wide = array.converted_to(DataType::fp64);
  const auto elements = wide.elements<double>();
  EXPECT_TRUE(std::ranges::all_of(elements, [](double v) { return std::isfinite(v); }));
  EXPECT_TRUE(std::ranges::any_of(elements, [](double v) { return v != 0; }));
}

TEST(EveryProgram, PredictsFromRandomInputs) {
  if (!shared("models")) GTEST_SKIP() << shared_absent;
  const Programs all = programs();
  ASSERT_THAT(all.found, ::testing::Not(IsEmpty()));
  for (const fs::path& path : all.found) {
    SCOPED_TRACE(path);
    const Model model = Model::open(path);
    for (const std::uint64_t seed : {1, 2}) {
      const FeatureProvider outputs = model.predict(random_inputs(model.description(), seed));
      EXPECT_EQ(outputs.size(), model.description().outputs.size());
      for (const FeatureDescription& output : model.description().outputs)
        expect_sane(output, outputs[output.name]);
    }
  }
  if (!all.without_weights.empty())
    GTEST_SKIP() << "all but " << ::testing::PrintToString(all.without_weights)
                 << ", whose weights were not made: " << sample_absent;
}

// The same inputs give the same numbers, whichever handle and whichever prediction gives them.
TEST(EveryProgram, PredictsTheSameTwice) {
  if (!shared("models")) GTEST_SKIP() << shared_absent;
  for (const fs::path& path : programs().found) {
    SCOPED_TRACE(path);
    const Model model = Model::open(path);
    const FeatureProvider inputs = random_inputs(model.description(), 3);
    const FeatureProvider first = model.predict(inputs);
    model.predict(random_inputs(model.description(), 4));
    const FeatureProvider again = model.predict(inputs);
    const FeatureProvider anew = Model::open(path).predict(inputs);
    for (const auto& [name, value] : first) {
      EXPECT_EQ(furthest(value.multi_array_value(), again[name].multi_array_value()), 0) << name;
      EXPECT_EQ(furthest(value.multi_array_value(), anew[name].multi_array_value()), 0) << name;
    }
  }
}

}  // namespace
}  // namespace pome::test
