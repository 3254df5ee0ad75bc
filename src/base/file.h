// Files and byte ranges of files. Source files are read, never mapped: they may shrink under us.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/budget.h"

namespace pome::base {

/// What the system says of a file. Two that are equal are the same file, unchanged, as far as its
/// clock can tell. Times are in nanoseconds since 1970.
struct FileIdentity {
  std::uint64_t device = 0;
  std::uint64_t inode = 0;
  std::int64_t size = 0;
  std::int64_t modified = 0;  ///< the contents
  std::int64_t changed = 0;   ///< contents, name, owner or permissions

  friend bool operator==(const FileIdentity&, const FileIdentity&) = default;
};

/// Random-access bytes: a file on disk or memory that the caller keeps. Immutable, thread-safe.
class ByteSource {
 public:
  virtual ~ByteSource() = default;
  /// Name for messages: the path, or what the caller called the bytes.
  virtual const std::string& name() const noexcept = 0;
  virtual std::int64_t size() const noexcept = 0;
  /// Fills `out` from `offset`. Throws Error{io} when the range is outside or the file got shorter.
  virtual void read(std::int64_t offset, std::span<std::byte> out) const = 0;
  /// The bytes themselves when they are in memory already; empty for files.
  virtual std::span<const std::byte> memory() const noexcept { return {}; }
  /// Of the file behind it at this moment; nothing for memory.
  virtual std::optional<FileIdentity> identity() const noexcept { return std::nullopt; }
};

/// Opens a regular file for reading. Throws Error{io}: missing, a folder, no permission.
/// Links are followed only for the path that the user typed; files inside a package are opened
/// through `open_beneath`.
std::shared_ptr<const ByteSource> open_file(const std::filesystem::path& path);

/// Opens `relative` beneath `folder` without following any link and without leaving the folder
/// (absolute paths and ".." are refused). Throws Error{io}.
std::shared_ptr<const ByteSource> open_beneath(const std::filesystem::path& folder,
                                               const std::filesystem::path& relative);

/// Bytes in memory. `owner` keeps them alive (may be null when the caller promises to).
std::shared_ptr<const ByteSource> from_memory(std::string name, std::span<const std::byte> bytes,
                                              std::shared_ptr<const void> owner);

/// Takes ownership of the bytes.
std::shared_ptr<const ByteSource> from_bytes(std::string name, std::vector<std::byte> bytes);

/// Reads a whole source, booked against the budget.
std::vector<std::byte> read_all(const ByteSource& source, Budget& budget);

/// Writes `bytes` to `path` through a temporary in the same folder, fsync and rename: the file is
/// there whole or not at all. Throws Error{io}.
void write_file(const std::filesystem::path& path, std::span<const std::byte> bytes);

}  // namespace pome::base
