#include "format/asset.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "format/blob_storage.h"
#include "helpers.h"

namespace pome::format {
namespace {

namespace fs = std::filesystem;
using test::TemporaryFolder;
using testing::ElementsAre;
using testing::HasSubstr;

Asset open(const fs::path& path) {
  base::Budget budget;
  return open_asset(path, budget);
}
std::string refused(const fs::path& path) {
  return error_of([&] { open(path); });
}

// A specification as far as this room looks: field 1, version 9.
constexpr std::string_view spec = "\x08\x09";
constexpr std::string_view weight_name = "@model_path/weights/weight.bin";

TEST(OpenAsset, OpensAFileWhateverItsSuffix) {
  const TemporaryFolder folder;
  const Asset asset = open(folder.put("model.bin", spec));
  EXPECT_EQ(asset.kind(), AssetKind::model_file);
  EXPECT_EQ(text_of(*asset.spec()), spec);
  EXPECT_EQ(asset.total_size(), 2);
  EXPECT_EQ(asset.compiled(), nullptr);
  EXPECT_THAT(error_of([&] { asset.blob(weight_name); }), HasSubstr("no such file beside it"));
}

TEST(OpenAsset, SaysWhyAFileIsNoModel) {
  const TemporaryFolder folder;
  EXPECT_THAT(refused(folder / "none.mlmodel"), HasSubstr("none.mlmodel' does not exist"));
  EXPECT_THAT(refused(folder.put("empty.mlmodel", "")), HasSubstr("is empty"));
  EXPECT_THAT(refused(folder.put("a", "version https://git-lfs.github.com/spec/v1\n")),
              HasSubstr("Git LFS pointer"));
  EXPECT_THAT(refused(folder.put("b", "PK\x03\x04zip")), HasSubstr("zip archive"));
  EXPECT_THAT(refused(folder.put("c", "{\"json\": 1}")), HasSubstr("is no Core ML model"));
  EXPECT_THAT(refused(folder.put("d", std::string(1, '\0'))), HasSubstr("is no Core ML model"));
}

TEST(OpenAsset, SaysWhyAFolderIsNoModel) {
  const TemporaryFolder folder;
  fs::create_directory(folder / "empty");
  EXPECT_THAT(refused(folder / "empty"), HasSubstr("is an empty folder"));
  folder.put("photos/a.jpg", "x");
  EXPECT_THAT(refused(folder / "photos"), HasSubstr("is no Core ML model"));
  folder.put("p.mlpackage/Data/com.apple.CoreML/model.mlmodel", spec);
  EXPECT_THAT(refused(folder / "p.mlpackage"), HasSubstr("without its 'Manifest.json'"));
  folder.put("c.mlmodelc/model.mil", "program(1.0)");
  EXPECT_THAT(refused(folder / "c.mlmodelc"), HasSubstr("without its 'coremldata.bin'"));
}

TEST(OpenAsset, SaysWhichFileIsAPointerOfGit) {
  const TemporaryFolder folder;
  const std::string pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:00\n";
  folder.put("c.mlmodelc/coremldata.bin", pointer);
  EXPECT_THAT(refused(folder / "c.mlmodelc"), HasSubstr("coremldata.bin' is a Git LFS pointer"));
  EXPECT_THAT(error_of([&] { BlobFile(source_of(pointer)); }), HasSubstr("Git LFS pointer"));
}

TEST(OpenAsset, RefusesAManifestBehindALink) {
  const TemporaryFolder folder;
  folder.put("secret", "{}");
  fs::create_directory(folder / "p.mlpackage");
  fs::create_symlink(folder / "secret", folder / "p.mlpackage/Manifest.json");
  EXPECT_THAT(refused(folder / "p.mlpackage"), HasSubstr("link"));
}

TEST(OpenAsset, OpensFilesPastTwoGigabytes) {
  const TemporaryFolder folder;
  const auto path = folder.put("big.mlmodel", spec);
  fs::resize_file(path, std::uintmax_t{3} << 30);
  EXPECT_EQ(open(path).spec()->size(), std::int64_t{3} << 30);
}

// A package with one blob of three fp16 numbers.
fs::path make_package(const TemporaryFolder& folder) {
  BlobWriter writer(folder / "weight.bin");
  writer.add(DataType::fp16, 3, bytes_of("aabbcc"));
  writer.commit();
  const std::vector<PackageFile> files{
      {"weights/weight.bin", base::open_file(folder / "weight.bin")}};
  write_package(folder / "m.mlpackage", bytes_of(spec), files);
  return folder / "m.mlpackage";
}

TEST(OpenAsset, OpensPackages) {
  const TemporaryFolder folder;
  const Asset asset = open(make_package(folder));
  EXPECT_EQ(asset.kind(), AssetKind::package);
  EXPECT_EQ(text_of(*asset.spec()), spec);
  ASSERT_NE(asset.manifest(), nullptr);
  EXPECT_EQ(asset.weights_size(), 64 + 64 + 6);
  EXPECT_GT(asset.total_size(), asset.weights_size());
  EXPECT_EQ(BlobFile(asset.blob(weight_name)).at(64).elements, 3);
}

TEST(OpenAsset, OpensABlobOnce) {
  const TemporaryFolder folder;
  const Asset asset = open(make_package(folder));
  EXPECT_EQ(asset.blob(weight_name), asset.blob("weights/weight.bin"));
  EXPECT_EQ(asset.blob(weight_name), asset.blob("@model_path/./weights//weight.bin"));
}

TEST(OpenAsset, NamesWeightsThatAreMissing) {
  const TemporaryFolder folder;
  const fs::path package = make_package(folder);
  fs::remove_all(package / "Data/com.apple.CoreML/weights");
  const Asset asset = open(package);
  EXPECT_THAT(asset.missing_items(), ElementsAre("weights"));
  EXPECT_THAT(error_of([&] { asset.blob(weight_name); }),
              HasSubstr("weight file '@model_path/weights/weight.bin': cannot open"));
}

TEST(OpenAsset, RefusesBlobNamesThatLeaveTheModel) {
  const TemporaryFolder folder;
  const Asset asset = open(make_package(folder));
  for (const char* name : {"@model_path/../../../weight.bin", "/etc/passwd",
                           "@model_path//etc/passwd", "", "@model_path/", "@model_path/weights"}) {
    EXPECT_THROW(asset.blob(name), Error) << name;
  }
}

TEST(OpenAsset, EmptySpecificationInAPackage) {
  const TemporaryFolder folder;
  const fs::path package = make_package(folder);
  fs::resize_file(package / "Data/com.apple.CoreML/model.mlmodel", 0);
  EXPECT_THAT(refused(package), HasSubstr("model.mlmodel' is empty"));
}

fs::path make_compiled(const TemporaryFolder& folder) {
  CompiledProgram program;
  program.specification_version = 8;
  program.description = bytes_of("description");
  program.mil = "program(1.0) {}";
  program.metadata.class_name = "m";
  program.files.emplace_back("weights/weight.bin", source_of("weights"));
  write_compiled_program(folder / "m.mlmodelc", program);
  return folder / "m.mlmodelc";
}

TEST(OpenAsset, OpensCompiledPrograms) {
  const TemporaryFolder folder;
  const Asset asset = open(make_compiled(folder));
  EXPECT_EQ(asset.kind(), AssetKind::compiled_program);
  EXPECT_EQ(asset.spec(), nullptr);
  EXPECT_EQ(text_of(*asset.description()), "description");
  EXPECT_EQ(text_of(*asset.mil()), "program(1.0) {}");
  ASSERT_NE(asset.compiled(), nullptr);
  EXPECT_EQ(asset.compiled()->specification_version, 8U);
  ASSERT_NE(asset.metadata(), nullptr);
  EXPECT_EQ(asset.metadata()->class_name, "m");
  EXPECT_EQ(text_of(*asset.blob(weight_name)), "weights");
  EXPECT_EQ(asset.weights_size(), 7);
}

TEST(OpenAsset, SaysWhatACompiledProgramLacks) {
  const TemporaryFolder folder;
  const fs::path path = make_compiled(folder);
  fs::remove(path / "metadata.json");
  EXPECT_EQ(open(path).metadata(), nullptr);
  fs::resize_file(path / "model.mil", 0);
  EXPECT_THAT(refused(path), HasSubstr("model.mil' is empty"));
  fs::remove(path / "model.mil");
  EXPECT_THAT(refused(path), HasSubstr("without its 'model.mil'"));
  fs::resize_file(path / "coremldata.bin", 50);
  EXPECT_THAT(refused(path), HasSubstr("coremldata.bin' ends in"));
  fs::resize_file(path / "coremldata.bin", 0);
  EXPECT_THAT(refused(path), HasSubstr("coremldata.bin' is empty"));
}

TEST(WriteCompiledProgram, LeavesNothingWhenItFails) {
  const TemporaryFolder folder;
  CompiledProgram program;
  program.files.emplace_back("../x", source_of("x"));
  EXPECT_THROW(write_compiled_program(folder / "m.mlmodelc", program), Error);
  EXPECT_TRUE(fs::is_empty(folder.path()));
}

TEST(AssetFromMemory, FindsBlobsByEitherName) {
  const MemoryBlobs blobs{{"weights/weight.bin", bytes_of("one")},
                          {"@model_path/other.bin", bytes_of("two")}};
  const Asset asset = asset_from_memory(bytes_of(spec), blobs, nullptr);
  EXPECT_EQ(asset.kind(), AssetKind::memory);
  EXPECT_EQ(text_of(*asset.blob(weight_name)), "one");
  EXPECT_EQ(text_of(*asset.blob("@model_path/other.bin")), "two");
  EXPECT_EQ(asset.total_size(), 8);
  EXPECT_THAT(error_of([&] { asset.blob("@model_path/none.bin"); }),
              HasSubstr("weight file '@model_path/none.bin'"));
}

TEST(AssetFromMemory, RefusesWhatIsNoSpecification) {
  EXPECT_THAT(error_of([] { asset_from_memory({}, {}, nullptr); }),
              HasSubstr("'model in memory' is empty"));
  EXPECT_THAT(error_of([] { asset_from_memory(bytes_of("{}"), {}, nullptr); }),
              HasSubstr("is no Core ML model"));
}

TEST(OpenAsset, OpensEveryRealModel) {
  POME_NEEDS_SHARED("models");
  int opened = 0;
  for (fs::recursive_directory_iterator it(test::shared_data() / "models"), end; it != end; ++it) {
    const std::string suffix = it->path().extension();
    if (suffix != ".mlmodel" && suffix != ".mlpackage" && suffix != ".mlmodelc") continue;
    if (it->is_directory()) it.disable_recursion_pending();
    const Asset asset = open(it->path());
    EXPECT_EQ(asset.kind() == AssetKind::model_file, suffix == ".mlmodel") << it->path();
    EXPECT_EQ(asset.kind() == AssetKind::package, suffix == ".mlpackage") << it->path();
    EXPECT_GT(asset.total_size(), 0) << it->path();
    ++opened;
  }
  EXPECT_GE(opened, 20);
}

TEST(OpenAsset, TellsCompiledNetworks) {
  const char* const path = "models/waifu2x-espresso/up_photo_noise1_scale2x_model.mlmodelc";
  POME_NEEDS_SHARED(path);
  const Asset asset = open(test::shared_data() / path);
  EXPECT_EQ(asset.kind(), AssetKind::compiled_network);
  EXPECT_GT(asset.open_inside("model.espresso.net")->size(), 0);
  EXPECT_EQ(asset.weights_size(), 2267264);
}

}  // namespace
}  // namespace pome::format
