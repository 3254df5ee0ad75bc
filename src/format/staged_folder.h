// A folder that appears whole under its name, or not at all.
#pragma once

#include <filesystem>

#include "base/file.h"

namespace pome::format {

/// A new folder beside `target`, filled by its owner and renamed to `target` by `commit`; removed
/// when it is destroyed before that. Not thread-safe.
class StagedFolder {
 public:
  /// Throws Error{io} when `target` exists already or the folder cannot be made.
  explicit StagedFolder(const std::filesystem::path& target);
  StagedFolder(const StagedFolder&) = delete;
  StagedFolder& operator=(const StagedFolder&) = delete;
  ~StagedFolder();

  /// Where to write until `commit`.
  const std::filesystem::path& path() const noexcept { return staging_; }

  /// Copies a source to `relative` inside, making the folders above it. Throws Error{io}.
  void add(const std::filesystem::path& relative, const base::ByteSource& source) const;
  void add(const std::filesystem::path& relative, std::span<const std::byte> bytes) const;

  /// Gives the folder its name. Throws Error{io} when something took the name meanwhile.
  void commit();

 private:
  std::filesystem::path target_;
  std::filesystem::path staging_;  // empty once committed
};

}  // namespace pome::format
