// A file that appears whole under its name, or not at all.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>

#include "base/descriptor.h"

namespace pome::base {

/// A name beside `path` that nothing else uses, most likely: for what is renamed to `path` later.
std::filesystem::path temporary_beside(const std::filesystem::path& path);

/// Writes to a temporary in the folder of `path`; `commit` brings it to disk and gives it the name,
/// replacing what was there. Destroyed before that, nothing is left behind; where the file system
/// allows (O_TMPFILE), nothing is left even when the process is killed while it writes. Not
/// thread-safe. Every member throws Error{io} naming the path.
class AtomicFile {
 public:
  /// `mode`: permissions of the file, less the user's umask.
  explicit AtomicFile(std::filesystem::path path, unsigned mode = 0666);
  AtomicFile(const AtomicFile&) = delete;
  AtomicFile& operator=(const AtomicFile&) = delete;
  ~AtomicFile();

  /// Adds bytes at the end.
  void append(std::span<const std::byte> bytes);
  /// Replaces bytes that were appended before (headers that are known only at the end).
  void overwrite(std::int64_t offset, std::span<const std::byte> bytes);
  std::int64_t size() const noexcept { return size_; }

  /// fsync, rename, fsync of the folder. To be called once, last.
  void commit();

 private:
  void write_at(std::int64_t offset, std::span<const std::byte> bytes);
  void name_temporary();
  [[noreturn]] void fail(int reason) const;

  std::filesystem::path path_;
  std::filesystem::path folder_;
  std::filesystem::path temporary_;  // empty while the file has no name
  Descriptor fd_;
  std::int64_t size_ = 0;
};

}  // namespace pome::base
