// Networks that contradict themselves: each is refused with a sentence that names the layer, and
// runs once what the sentence complains about is mended. The tables are in cases/, the models that
// make_cases.py makes of them in cases.json.
#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "pome/model.h"

namespace pome::test {
namespace {

std::vector<std::byte> bytes_of(const std::string& hex) {
  std::vector<std::byte> out;
  for (std::size_t i = 0; i + 1 < hex.size(); i += 2)
    out.push_back(static_cast<std::byte>(std::stoi(hex.substr(i, 2), nullptr, 16)));
  return out;
}

// Opens the model and predicts with zeros under a small budget. The error's sentence; empty when it
// runs. Whatever is not a pome::Error comes out as it is.
std::string run(const std::string& hex) {
  const auto bytes = bytes_of(hex);
  try {
    Configuration configuration;
    configuration.byte_budget = std::int64_t{64} << 20;
    const Model model = Model::open(Asset::from_memory(bytes, {}), configuration);
    FeatureProvider inputs;
    for (const FeatureDescription& input : model.description().inputs)
      inputs.set(input.name, MultiArray(DataType::fp32, input.multi_array_constraint->shape));
    PredictionOptions options;
    options.byte_budget = configuration.byte_budget;
    model.predict(inputs, options);
    return {};
  } catch (const Error& error) {
    return error.what();
  }
}

nlohmann::json cases() {
  std::ifstream file(POME_BAD_NETWORKS);
  return nlohmann::json::parse(file);
}

TEST(BadNetworks, are_refused_with_the_name_of_the_layer) {
  for (const auto& one : cases()) {
    SCOPED_TRACE(one.at("case").get<std::string>());
    const std::string sentence = run(one.at("broken"));
    if (one.at("accepted").get<bool>()) {
      // A gap that is known: whoever closes it takes the word out of the table.
      EXPECT_EQ(sentence, "");
      continue;
    }
    if (sentence.empty()) {
      ADD_FAILURE() << "it runs";
      continue;
    }
    const auto layer = one.at("layer").get<std::string>();
    if (!layer.empty()) {
      EXPECT_NE(sentence.find("layer '" + layer + "'"), std::string::npos) << sentence;
    }
    std::size_t at = 0;
    for (const std::string phrase : one.at("phrases")) {
      const std::size_t found = sentence.find(phrase, at);
      EXPECT_NE(found, std::string::npos) << "'" << phrase << "' in: " << sentence;
      if (found != std::string::npos) at = found + phrase.size();
    }
  }
}

TEST(BadNetworks, run_when_they_are_mended) {
  for (const auto& one : cases()) {
    SCOPED_TRACE(one.at("case").get<std::string>());
    EXPECT_EQ(run(one.at("mended")), "");
  }
}

}  // namespace
}  // namespace pome::test
