// The folder of real models and expected outputs that lies beside the repository, not in it.
#pragma once

#include <filesystem>
#include <optional>
#include <string_view>

namespace pome::test {

/// Folder or file `relative` of the shared folder, which is named by the environment variable
/// POME_SHARED, or else is `../shared` seen from the source folder. Nothing when it is absent.
///
///     const auto models = test::shared("models");
///     if (!models) GTEST_SKIP() << test::shared_absent;
std::optional<std::filesystem::path> shared(const std::filesystem::path& relative = {});

/// The sample model `relative` that a script in models/ made, beneath POME_MODELS or else
/// `build/models` of the source folder. Nothing when it was not made.
std::optional<std::filesystem::path> sample_model(const std::filesystem::path& relative);

/// The source folder of the repository, for files that tests read from it.
std::filesystem::path source_folder();

inline constexpr std::string_view shared_absent =
    "needs the folder ../shared (or POME_SHARED), which is absent";
inline constexpr std::string_view sample_absent = "needs the sample models that ./dev test makes";

}  // namespace pome::test
