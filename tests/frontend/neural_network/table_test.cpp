// Every layer type of the schema is in the table of translations.
#include <gtest/gtest.h>

#include <fstream>
#include <map>
#include <regex>
#include <string>

#include "frontend/neural_network/layer.h"
#include "support/shared.h"

namespace pome::frontend::network {
namespace {

/// Fields of the oneof `layer` in the schema: number -> name.
std::map<int, std::string> fields_of_schema() {
  std::ifstream file(test::source_folder() / "proto/NeuralNetwork.proto");
  std::map<int, std::string> out;
  bool inside = false;
  const std::regex field(R"(\s*\w+ (\w+) = (\d+);.*)");
  for (std::string line; std::getline(file, line);) {
    if (line.find("oneof layer {") != std::string::npos) inside = true;
    std::smatch match;
    if (inside && std::regex_match(line, match, field)) out[std::stoi(match[2])] = match[1];
    if (inside && line.find('}') != std::string::npos) break;
  }
  return out;
}

TEST(LayerTable, HasEveryLayerOfTheSchema) {
  const auto fields = fields_of_schema();
  ASSERT_GT(fields.size(), 150U);
  for (const auto& [number, name] : fields) {
    const LayerType* type = find_layer_type(number);
    ASSERT_NE(type, nullptr) << name;
    EXPECT_EQ(type->name, name);
    EXPECT_NE(type->translate, nullptr) << name;
  }
  EXPECT_EQ(layer_types().size(), fields.size());
}

TEST(LayerTable, OtherFieldsAreUnknown) {
  EXPECT_EQ(find_layer_type(0), nullptr);
  EXPECT_EQ(find_layer_type(9999), nullptr);
}

}  // namespace
}  // namespace pome::frontend::network
