// One entry of the cache: the packed weights of one specialised function, in one file.
//
//     header   128 bytes: magic, schema, size of the file and of the index, key of the entry,
//              SHA-256 of all before it and of the index
//     index    what the entry was made of (JSON), then name, offset, size and XXH3 of each pack
//     packs    each at a multiple of 64
//
// All numbers are little endian. Nothing in it is an address, so that it is used as it is mapped.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/file.h"
#include "base/hash.h"
#include "exec/weights.h"

namespace pome::cache {

/// A file that an entry was made from.
struct SourceFile {
  std::string path;
  base::FileIdentity identity;
};

/// What an entry says of itself.
struct EntryInfo {
  base::Digest key;
  std::string model;          ///< name for people
  std::string configuration;  ///< in words: devices, numerics, function
  std::vector<SourceFile> sources;
  std::int64_t created = 0;  ///< seconds since 1970
};

using NamedPacks = std::vector<std::pair<std::string, std::shared_ptr<const exec::Pack>>>;

/// Writes an entry, readable by its owner alone; it is there whole or not at all.
/// Throws Error{io}.
void write_entry(const std::filesystem::path& file, const EntryInfo& info, const NamedPacks& packs);

/// An entry, mapped. Immutable, thread-safe; packs keep it mapped.
class Entry final : public exec::PackArchive, public std::enable_shared_from_this<Entry> {
 public:
  /// Maps a file and verifies header and index. Throws Error{io}: missing, of another owner or
  /// writable by others, damaged, of another schema.
  static std::shared_ptr<const Entry> open(const std::filesystem::path& file);

  ~Entry() override;
  Entry(const Entry&) = delete;
  Entry& operator=(const Entry&) = delete;

  const EntryInfo& info() const noexcept { return info_; }
  std::int64_t size() const noexcept { return static_cast<std::int64_t>(bytes_.size()); }
  std::size_t pack_count() const noexcept { return packs_.size(); }

  std::shared_ptr<const exec::Pack> find(std::string_view name, std::size_t bytes) const override;

  /// Whether all packs are what was written: reads them once, at the speed of memory.
  bool intact() const noexcept;

 private:
  explicit Entry(std::span<const std::byte> bytes) noexcept : bytes_(bytes) {}
  void read(const std::string& name);

  struct Place {
    std::span<const std::byte> bytes;
    std::uint64_t checksum = 0;
  };

  std::span<const std::byte> bytes_;
  EntryInfo info_;
  std::map<std::string, Place, std::less<>> packs_;
};

}  // namespace pome::cache
