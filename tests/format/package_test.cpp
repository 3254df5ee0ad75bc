#include "format/package.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "helpers.h"

namespace pome::format {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using test::TemporaryFolder;
using testing::ElementsAre;
using testing::HasSubstr;

json good_manifest() {
  return json::parse(R"({
    "fileFormatVersion": "1.0.0",
    "itemInfoEntries": {
      "AAAA": {"author": "com.apple.CoreML", "description": "s", "name": "model.mlmodel",
               "path": "com.apple.CoreML/model.mlmodel"},
      "BBBB": {"author": "com.apple.CoreML", "description": "w", "name": "weights",
               "path": "com.apple.CoreML/weights"}},
    "rootModelIdentifier": "AAAA"})");
}

Manifest read(const std::string& text) {
  base::Budget budget;
  return read_manifest(*source_of(text), budget);
}

std::string refused(const json& manifest) {
  return error_of([&] { read(manifest.dump()); });
}

TEST(Manifest, ListsItems) {
  const Manifest manifest = read(good_manifest().dump());
  EXPECT_EQ(manifest.version, "1.0.0");
  ASSERT_EQ(manifest.items.size(), 2U);
  EXPECT_EQ(manifest.items[manifest.root].path, "com.apple.CoreML/model.mlmodel");
  EXPECT_EQ(manifest.items[1].name, "weights");
  EXPECT_EQ(manifest.items[1].author, "com.apple.CoreML");
}

TEST(Manifest, RefusesWhatIsNotJson) {
  EXPECT_THAT(error_of([] { read(""); }), HasSubstr("is empty, expected JSON"));
  EXPECT_THAT(error_of([] { read("{\"fileFormatVersion\": "); }), HasSubstr("is not JSON"));
  EXPECT_THAT(error_of([] { read("[1]"); }), HasSubstr("holds no JSON object"));
  EXPECT_THAT(error_of([] { read(std::string(100000, '[')); }), HasSubstr("nested deeper than"));
}

TEST(Manifest, RefusesMissingKeys) {
  for (const char* key : {"fileFormatVersion", "itemInfoEntries", "rootModelIdentifier"}) {
    json manifest = good_manifest();
    manifest.erase(key);
    EXPECT_THAT(refused(manifest), HasSubstr(key));
  }
  for (const char* key : {"path", "name", "author"}) {
    json manifest = good_manifest();
    manifest["itemInfoEntries"]["BBBB"].erase(key);
    EXPECT_THAT(refused(manifest), HasSubstr(std::string("lacks the key '") + key));
    EXPECT_THAT(refused(manifest), HasSubstr("in item 'BBBB'"));
  }
}

TEST(Manifest, RefusesOtherTypesOfValues) {
  json manifest = good_manifest();
  manifest["rootModelIdentifier"] = 3;
  EXPECT_THAT(refused(manifest), HasSubstr("no text for the key 'rootModelIdentifier'"));
  manifest = good_manifest();
  manifest["itemInfoEntries"] = json::array();
  EXPECT_THAT(refused(manifest), HasSubstr("itemInfoEntries"));
  manifest = good_manifest();
  manifest["itemInfoEntries"]["BBBB"] = "text";
  EXPECT_THAT(refused(manifest), HasSubstr("no object for item 'BBBB'"));
}

TEST(Manifest, RefusesVersionsItDoesNotKnow) {
  for (const char* version : {"1.0.1", "1.1.0", "2.0.0", "1.0", "1.0.0.0", "one", "", "-1.0.0"}) {
    json manifest = good_manifest();
    manifest["fileFormatVersion"] = version;
    EXPECT_THAT(refused(manifest), HasSubstr("has fileFormatVersion")) << version;
  }
}

TEST(Manifest, RefusesPathsOutOfThePackage) {
  const auto with_path = [](const char* path) {
    json manifest = good_manifest();
    manifest["itemInfoEntries"]["BBBB"]["path"] = path;
    return refused(manifest);
  };
  EXPECT_THAT(with_path("/etc/passwd"), HasSubstr("which is absolute"));
  EXPECT_THAT(with_path("../../secret"), HasSubstr("which leaves the package"));
  EXPECT_THAT(with_path("a/../../b"), HasSubstr("which leaves the package"));
  EXPECT_THAT(with_path(""), HasSubstr("empty path"));
}

TEST(Manifest, RefusesARootThatIsNotListed) {
  json manifest = good_manifest();
  manifest["rootModelIdentifier"] = "CCCC";
  EXPECT_THAT(refused(manifest), HasSubstr("names the root model 'CCCC'"));
}

TEST(Manifest, SurvivesDamage) {
  damage(good_manifest().dump(), read);
}

// A package on disk whose parts the tests then spoil.
class PackageOnDisk : public testing::Test {
 protected:
  void SetUp() override {
    folder_.put("m.mlpackage/Manifest.json", good_manifest().dump());
    folder_.put("m.mlpackage/Data/com.apple.CoreML/model.mlmodel", "spec");
    folder_.put("m.mlpackage/Data/com.apple.CoreML/weights/weight.bin", "weights");
  }
  Package open() const {
    base::Budget budget;
    return Package(folder_ / "m.mlpackage", budget);
  }

  TemporaryFolder folder_;
  fs::path data_ = folder_ / "m.mlpackage/Data/com.apple.CoreML";
};

TEST_F(PackageOnDisk, OpensModelAndWeights) {
  const Package package = open();
  EXPECT_EQ(text_of(*package.open_root()), "spec");
  EXPECT_EQ(text_of(*package.open_beside_root("weights/weight.bin")), "weights");
  EXPECT_TRUE(package.missing_items().empty());
}

TEST_F(PackageOnDisk, NeedsItsRootModel) {
  fs::remove(data_ / "model.mlmodel");
  EXPECT_THAT(error_of([&] { open(); }), HasSubstr("root model: cannot open"));
}

TEST_F(PackageOnDisk, OpensWithoutWeightsAndNamesThem) {
  fs::remove_all(data_ / "weights");
  const Package package = open();
  ASSERT_EQ(package.missing_items().size(), 1U);
  EXPECT_EQ(package.missing_items()[0]->name, "weights");
  EXPECT_THAT(error_of([&] { package.open_beside_root("weights/weight.bin"); }),
              HasSubstr("weights/weight.bin': No such file"));
}

TEST_F(PackageOnDisk, RefusesLinks) {
  folder_.put("secret", "s");
  fs::remove(data_ / "weights/weight.bin");
  fs::create_symlink(folder_ / "secret", data_ / "weights/weight.bin");
  EXPECT_THAT(error_of([&] { open().open_beside_root("weights/weight.bin"); }), HasSubstr("link"));
  fs::remove(data_ / "model.mlmodel");
  fs::create_symlink(folder_ / "secret", data_ / "model.mlmodel");
  EXPECT_THAT(error_of([&] { open(); }), HasSubstr("link"));
}

TEST_F(PackageOnDisk, RefusesBlobsOutside) {
  folder_.put("secret", "s");
  const Package package = open();
  EXPECT_THAT(error_of([&] { package.open_beside_root("../../../secret"); }),
              HasSubstr("leaves the folder"));
  EXPECT_THAT(error_of([&] { package.open_beside_root(folder_ / "secret"); }),
              HasSubstr("is absolute"));
}

TEST(WritePackage, IsReadBack) {
  const TemporaryFolder folder;
  const std::vector<PackageFile> files{{"weights/weight.bin", source_of("weights")}};
  write_package(folder / "new.mlpackage", bytes_of("spec"), files);
  base::Budget budget;
  const Package package(folder / "new.mlpackage", budget);
  EXPECT_EQ(text_of(*package.open_root()), "spec");
  EXPECT_EQ(text_of(*package.open_beside_root("weights/weight.bin")), "weights");
  ASSERT_EQ(package.manifest().items.size(), 2U);
  EXPECT_TRUE(package.missing_items().empty());
}

TEST(WritePackage, SameContentMakesSameBytes) {
  const TemporaryFolder folder;
  const std::vector<PackageFile> files{{"weights/weight.bin", source_of("weights")}};
  write_package(folder / "a", bytes_of("spec"), files);
  write_package(folder / "b", bytes_of("spec"), files);
  write_package(folder / "c", bytes_of("speC"), files);
  const auto manifest = [&](const char* name) {
    return TemporaryFolder::get(folder / name / "Manifest.json");
  };
  EXPECT_EQ(manifest("a"), manifest("b"));
  EXPECT_NE(manifest("a"), manifest("c"));
}

TEST(WritePackage, RefusesToReplaceOrLeave) {
  const TemporaryFolder folder;
  folder.put("there", "x");
  EXPECT_THAT(error_of([&] { write_package(folder / "there", bytes_of("s"), {}); }),
              HasSubstr("exists already"));
  const std::vector<PackageFile> outside{{"../x", source_of("x")}};
  EXPECT_THAT(error_of([&] { write_package(folder / "new", bytes_of("s"), outside); }),
              HasSubstr("cannot hold a file '../x'"));
  std::vector<std::string> left;
  for (const auto& entry : fs::directory_iterator(folder.path())) {
    left.push_back(entry.path().filename());
  }
  EXPECT_THAT(left, ElementsAre("there"));
}

// coremltools' own package reader opens what we write, where a Python with coremltools is named.
TEST(WritePackage, CoremltoolsReadsIt) {
  const char* python = std::getenv("POME_PYTHON");
  if (python == nullptr) GTEST_SKIP() << "POME_PYTHON names no Python";
  const TemporaryFolder folder;
  const std::vector<PackageFile> files{{"weights/weight.bin", source_of("weights")}};
  write_package(folder / "new.mlpackage", bytes_of("spec"), files);
  const std::string command =
      std::string(python) +
      " -c \"import sys; from coremltools.libmodelpackage import ModelPackage as P;"
      "p = P(sys.argv[1]); r = open(p.getRootModel().path(), 'rb').read();"
      "w = p.findItemByNameAuthor('weights', 'com.apple.CoreML').path();"
      "assert r == b'spec', r; assert open(w + '/weight.bin', 'rb').read() == b'weights'\" '" +
      (folder / "new.mlpackage").string() + "' 2>/dev/null";
  EXPECT_EQ(std::system(command.c_str()), 0);
}

}  // namespace
}  // namespace pome::format
