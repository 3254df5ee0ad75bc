#include <gmock/gmock.h>

#include <filesystem>
#include <fstream>

#include "pome/error.h"
#include "pome/model.h"
#include "proto/Model.pb.h"
#include "temporary_folder.h"

namespace pome {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

void add_double(std::vector<proto::FeatureDescription>& features, std::string_view name) {
  auto& feature = features.emplace_back();
  feature.name = name;
  feature.type.make().make_doubleType();
}

void save(const proto::Model& model, const fs::path& path) {
  std::ofstream(path, std::ios::binary) << proto::serialize(model);
}

proto::Model described() {
  proto::Model out;
  out.specificationVersion = 4;
  add_double(out.description.make().input, "x");
  add_double(out.description.make().output, "y");
  return out;
}

class LinkedModels : public ::testing::Test {
 protected:
  LinkedModels() {
    proto::Model scaler = described();
    scaler.make_scaler().scaleValue.assign(std::vector<double>{3});
    fs::create_directory(folder.path() / "parts");
    save(scaler, folder.path() / "parts" / "scaler.mlmodel");
  }

  Model open(std::string_view file, std::string_view search) {
    proto::Model link = described();
    auto& message = link.make_linkedModel().make_linkedModelFile();
    message.linkedModelFileName.make().defaultValue = file;
    message.linkedModelSearchPath.make().defaultValue = search;
    save(link, folder.path() / "link.mlmodel");
    return Model::open(folder.path() / "link.mlmodel");
  }

  std::string error(std::string_view file, std::string_view search) {
    try {
      open(file, search);
    } catch (const Error& found) {
      return found.what();
    }
    return "no error";
  }

  test::TemporaryFolder folder;
};

TEST_F(LinkedModels, AreFoundOnTheSearchPath) {
  const Model model = open("scaler.mlmodel", "nowhere:parts");
  EXPECT_EQ(model.predict({{"x", 2.0}}).at("y").double_value(), 6);
}

TEST_F(LinkedModels, StayInTheModelsFolder) {
  EXPECT_THAT(error("scaler.mlmodel", "parts/../.."), HasSubstr("leads out of the model's folder"));
  EXPECT_THAT(error("/etc/passwd", ""), HasSubstr("leads out of the model's folder"));
}

TEST_F(LinkedModels, ThatAreMissingOrEndlessAreNamed) {
  EXPECT_THAT(error("other.mlmodel", "parts"),
              HasSubstr("the linked model 'other.mlmodel' is not"));
  EXPECT_THAT(error("link.mlmodel", ""), HasSubstr("more than 8 links follow each other"));
  EXPECT_THAT(error("", "parts"), HasSubstr("the link names no file"));
}

}  // namespace
}  // namespace pome
