// Zip archives as .npz uses them: stored and deflated entries, also beyond 4 GB. Not trusted.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "base/atomic_file.h"
#include "base/budget.h"
#include "base/file.h"

namespace pome::cli {

/// One entry of an archive.
struct ZipEntry {
  std::string name;
  std::uint16_t method = 0;  ///< 0 stored, 8 deflated
  std::uint32_t checksum = 0;
  std::int64_t compressed_size = 0;
  std::int64_t size = 0;
  std::int64_t offset = 0;  ///< of the local header
};

/// The central directory. Throws Error{io} when the file is no archive or is damaged.
std::vector<ZipEntry> read_zip_directory(const base::ByteSource& file, base::Budget& budget);

/// The bytes of one entry, checked against its size and checksum. Throws Error{io}.
std::vector<std::byte> read_zip_entry(const base::ByteSource& file, const ZipEntry& entry,
                                      base::Budget& budget);

/// Writes an archive of stored entries with a fixed date, so that the same content makes the same
/// bytes. Not thread-safe. Throws Error{io}.
class ZipWriter {
 public:
  explicit ZipWriter(const std::filesystem::path& path) : file_(path) {}
  void add(const std::string& name, std::span<const std::byte> bytes);
  /// Writes the directory and gives the file its name. To be called once, last.
  void commit();

 private:
  base::AtomicFile file_;
  std::vector<ZipEntry> entries_;
};

}  // namespace pome::cli
