// Where the tests find real models: the environment variable POME_SHARED, or the folder `shared`
// beside the source tree.
#pragma once

#include <cstdlib>
#include <filesystem>

namespace pome::test {

inline std::filesystem::path shared_data() {
  const char* named = std::getenv("POME_SHARED");
  return named != nullptr && *named != '\0' ? named : POME_SHARED_DEFAULT;
}

}  // namespace pome::test

/// Skips the running test, with one line that says so, when `path` beneath the shared data is
/// absent.
#define POME_NEEDS_SHARED(path)                                                     \
  if (!std::filesystem::exists(::pome::test::shared_data() / (path)))               \
  GTEST_SKIP() << "no " << (path) << " in " << ::pome::test::shared_data().string() \
               << " (set POME_SHARED)"
