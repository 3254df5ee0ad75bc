// `pome cache` and what `pome predict` says of it, with a cache folder of its own.
#include <gmock/gmock.h>

#include <chrono>
#include <cstdlib>
#include <thread>

#include "fixtures.h"
#include "temporary_folder.h"

namespace pome::cli {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

class CacheCommand : public testing::Test {
 protected:
  void SetUp() override {
    ::setenv("POME_CACHE", "on", 1);
    ::setenv("POME_CACHE_DIR", (folder_ / "cache").c_str(), 1);
  }
  void TearDown() override {
    ::setenv("POME_CACHE", "off", 1);
    ::unsetenv("POME_CACHE_DIR");
  }
  Finished run(const std::vector<std::string>& words) const {
    return run_pome(words, folder_.path());
  }
  test::TemporaryFolder folder_;
};

TEST_F(CacheCommand, NothingIsListedAndNothingIsMade) {
  const Finished listed = run({"cache", "list"});
  EXPECT_EQ(listed.exit_code, 0);
  EXPECT_THAT(listed.out, HasSubstr("cache: 0 entries, 0 bytes of at most "));
  EXPECT_FALSE(std::filesystem::exists(folder_ / "cache"));
}

TEST_F(CacheCommand, PrefetchedModelsLoadCached) {
  write_models(folder_.path(), "p.mlpackage");
  std::this_thread::sleep_for(std::chrono::milliseconds(2100));
  EXPECT_EQ(run({"cache", "prefetch", "p.mlpackage"}).out, "p.mlpackage: cached\n");
  EXPECT_EQ(run({"cache", "prefetch", "p.mlpackage"}).out, "p.mlpackage: was cached already\n");
  EXPECT_THAT(run({"predict", "p.mlpackage", "-i", "x=[1,2,3]"}).out, HasSubstr(", cached\n"));
  EXPECT_THAT(run({"predict", "p.mlpackage", "-i", "x=[1,2,3]", "--json"}).out,
              HasSubstr("\"cached\": true"));
  EXPECT_THAT(run({"cache", "list"}).out, HasSubstr("p.mlpackage"));
  EXPECT_EQ(run({"cache", "verify"}).out, "Every entry is intact\n");
  EXPECT_THAT(run({"cache", "purge", "p.mlpackage"}).out, StartsWith("Freed "));
  EXPECT_THAT(run({"cache", "list"}).out, HasSubstr(": 0 entries"));
}

TEST_F(CacheCommand, UsageIsExplained) {
  const Finished purge = run({"cache", "purge"});
  EXPECT_EQ(purge.exit_code, 2);
  EXPECT_EQ(purge.err, "pome: 'pome cache purge' needs a MODEL, or --all\n");
  EXPECT_EQ(run({"cache", "burn"}).exit_code, 2);
}

TEST_F(CacheCommand, AWrongVariableIsNamed) {
  ::setenv("POME_CACHE", "maybe", 1);
  write_models(folder_.path(), "p.mlpackage");
  const Finished finished = run({"predict", "p.mlpackage", "-i", "x=[1,2,3]"});
  EXPECT_EQ(finished.exit_code, 3);
  EXPECT_THAT(finished.err, HasSubstr("POME_CACHE is 'maybe', expected 'on' or 'off'"));
}

}  // namespace
}  // namespace pome::cli
