// Loads through the cache: the same numbers, whatever happens to the entry.
#include "pome/cache.h"

#include <gmock/gmock.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <fstream>
#include <thread>

#include "pome/error.h"
#include "support/shared.h"
#include "temporary_folder.h"

namespace pome {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

/// A copy of a sample model, old enough to be remembered, and a cache folder of its own.
class ModelCache : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    const auto sample = test::sample_model("EfficientNetLite0.mlpackage");
    if (!sample) return;
    shared_ = std::make_unique<test::TemporaryFolder>();
    fs::copy(*sample, *shared_ / "M.mlpackage", fs::copy_options::recursive);
    // Files that changed within the last two seconds are not remembered.
    std::this_thread::sleep_for(std::chrono::milliseconds(2100));
  }
  static void TearDownTestSuite() { shared_.reset(); }

  void SetUp() override {
    if (!shared_) GTEST_SKIP() << test::sample_absent;
    ::setenv("POME_CACHE", "on", 1);
    ::setenv("POME_CACHE_DIR", (own_ / "cache").c_str(), 1);
  }
  void TearDown() override {
    ::setenv("POME_CACHE", "off", 1);
    ::unsetenv("POME_CACHE_DIR");
    ::unsetenv("POME_CACHE_LIMIT");
  }

  fs::path model() const { return *shared_ / "M.mlpackage"; }

  static std::vector<float> predict(const Model& model) {
    const auto& feature = model.description().inputs.at(0);
    PixelBuffer picture(PixelFormat::rgb8, 224, 224);
    for (std::int64_t y = 0; y < 224; ++y) {
      for (std::int64_t x = 0; x < 3 * 224; ++x)
        picture.mutable_row(y)[x] = static_cast<std::byte>((x * 7 + y * 13) % 251);
    }
    const auto outputs = model.predict({{feature.name, picture}});
    std::vector<float> out;
    for (const auto& [name, value] : outputs) {
      if (value.type() != FeatureType::dictionary) continue;
      for (const auto& [label, probability] : value.string_dictionary_value())
        out.push_back(static_cast<float>(probability));
    }
    return out;
  }

  static inline std::unique_ptr<test::TemporaryFolder> shared_;
  test::TemporaryFolder own_;
};

TEST_F(ModelCache, TheSecondLoadIsCachedAndGivesTheSameNumbers) {
  EXPECT_FALSE(is_cached(model()));
  const Model first = Model::open(model());
  EXPECT_FALSE(first.load_report().cached);
  EXPECT_EQ(first.wait_for_cache(), "");
  EXPECT_TRUE(is_cached(model()));
  const Model second = Model::open(model());
  EXPECT_TRUE(second.load_report().cached);
  const auto expected = predict(first);
  ASSERT_THAT(expected, SizeIs(1000));
  EXPECT_EQ(predict(second), expected);
  const auto entries = Cache().entries();
  ASSERT_THAT(entries, SizeIs(1));
  EXPECT_EQ(entries[0].model, "M.mlpackage");
  EXPECT_EQ(entries[0].damage, "");
  EXPECT_GT(entries[0].bytes, 8'000'000);
}

TEST_F(ModelCache, AnotherConfigurationHasAnEntryOfItsOwn) {
  prefetch(model());
  Configuration configuration;
  configuration.numerics = Numerics::as_declared;
  EXPECT_FALSE(is_cached(model(), configuration));
  prefetch(model(), configuration);
  EXPECT_TRUE(is_cached(model(), configuration));
  EXPECT_THAT(Cache().entries(), SizeIs(2));
}

TEST_F(ModelCache, ADamagedPackIsMadeAnew) {
  const Model first = Model::open(model());
  first.wait_for_cache();
  const fs::path entry = own_ / "cache/entries" / (Cache().entries().at(0).key + ".pome");
  fs::permissions(entry, fs::perms::owner_read | fs::perms::owner_write);
  {
    std::fstream file(entry, std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(-1'000'000, std::ios::end);
    file.put('x').put('y').put('z');
  }
  const Model second = Model::open(model());
  EXPECT_TRUE(second.load_report().cached);
  EXPECT_EQ(predict(second), predict(first));
  EXPECT_THAT(Cache().entries(), IsEmpty());
}

TEST_F(ModelCache, VerifyRemovesDamagedEntries) {
  prefetch(model());
  EXPECT_THAT(Cache().verify(), IsEmpty());
  const fs::path entry = own_ / "cache/entries" / (Cache().entries().at(0).key + ".pome");
  fs::permissions(entry, fs::perms::owner_read | fs::perms::owner_write);
  {
    std::fstream file(entry, std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(-1'000'000, std::ios::end);
    file.put('x').put('y').put('z');
  }
  const auto damaged = Cache().verify();
  ASSERT_THAT(damaged, SizeIs(1));
  EXPECT_THAT(damaged[0].damage, HasSubstr("another checksum"));
  EXPECT_THAT(Cache().entries(), IsEmpty());
}

TEST_F(ModelCache, AReplacedModelIsNotServed) {
  const fs::path copy = own_ / "N.mlpackage";
  fs::copy(model(), copy, fs::copy_options::recursive);
  std::this_thread::sleep_for(std::chrono::milliseconds(2100));
  prefetch(copy);
  EXPECT_TRUE(is_cached(copy));
  fs::path weights;
  for (const auto& file : fs::recursive_directory_iterator(copy)) {
    if (file.path().extension() == ".bin") weights = file.path();
  }
  {
    std::fstream file(weights, std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(4096);
    file.put('x');
  }
  EXPECT_FALSE(is_cached(copy));
}

TEST_F(ModelCache, PurgeRemovesOneModelOrAll) {
  prefetch(model());
  EXPECT_EQ(Cache().purge(own_ / "Other.mlpackage"), 0);
  EXPECT_GT(Cache().purge(model()), 8'000'000);
  EXPECT_FALSE(is_cached(model()));
  prefetch(model());
  EXPECT_GT(Cache().purge(), 8'000'000);
  EXPECT_THAT(Cache().entries(), IsEmpty());
}

TEST_F(ModelCache, AModelLargerThanTheCapIsLoadedAndNotKept) {
  ::setenv("POME_CACHE_LIMIT", "1000000", 1);
  const Model loaded = Model::open(model());
  EXPECT_THAT(loaded.wait_for_cache(), HasSubstr("the cache may hold 1 MB"));
  EXPECT_THAT(Cache().entries(), IsEmpty());
  EXPECT_THAT(predict(loaded), SizeIs(1000));
}

TEST_F(ModelCache, AFolderThatCannotBeMadeIsNoFailure) {
  own_.put("file", "");
  ::setenv("POME_CACHE_DIR", (own_ / "file/cache").c_str(), 1);
  const Model loaded = Model::open(model());
  EXPECT_THAT(loaded.wait_for_cache(), HasSubstr("cannot be made"));
  EXPECT_THAT(predict(loaded), SizeIs(1000));
}

TEST_F(ModelCache, CanBeSwitchedOff) {
  Configuration configuration;
  configuration.use_cache = false;
  Model::open(model(), configuration);
  ::setenv("POME_CACHE", "off", 1);
  Model::open(model());
  EXPECT_FALSE(fs::exists(own_ / "cache"));
}

// A pre-fork server: the child predicts with what the parent mapped, and ends without waiting for
// the parent's writer.
TEST_F(ModelCache, WorksInAForkedChild) {
  const auto loaded = std::make_unique<Model>(Model::open(model()));
  const auto expected = predict(*loaded);
  const pid_t child = ::fork();
  if (child == 0) {
    const bool same = predict(*loaded) == expected;
    ::_exit(same ? 0 : 1);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0);
  EXPECT_EQ(predict(*loaded), expected);
}

}  // namespace
}  // namespace pome
