#include "support/shared.h"

#include <cstdlib>

namespace pome::test {
namespace {

std::optional<std::filesystem::path> beneath(const char* variable,
                                             const std::filesystem::path& otherwise,
                                             const std::filesystem::path& relative) {
  const char* named = std::getenv(variable);
  const bool set = named != nullptr && *named != '\0';
  const auto path = (set ? std::filesystem::path(named) : source_folder() / otherwise) / relative;
  std::error_code ignored;
  if (!std::filesystem::exists(path, ignored)) return std::nullopt;
  return path;
}

}  // namespace

std::filesystem::path source_folder() {
  return POME_SOURCE_FOLDER;
}

std::optional<std::filesystem::path> shared(const std::filesystem::path& relative) {
  return beneath("POME_SHARED", std::filesystem::path("..") / "shared", relative);
}

std::optional<std::filesystem::path> sample_model(const std::filesystem::path& relative) {
  return beneath("POME_MODELS", std::filesystem::path("build") / "models", relative);
}

}  // namespace pome::test
