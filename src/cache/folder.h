// The folder that the cache lives in: entries, what is remembered of source files, the cap.
//
//     entries/<key>.pome     one specialised function each (entry.h)
//     sources/<hash>.json    digests of source files by what the system says of them
//
// The folder and all in it belong to one user. Writers hold a lock on `entries/`, which the system
// releases when a process dies; readers need none, since entries appear whole and are only
// unlinked.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/descriptor.h"
#include "base/file.h"
#include "base/hash.h"
#include "cache/entry.h"

namespace pome::cache {

/// An entry as a list shows it.
struct Listed {
  std::filesystem::path file;
  EntryInfo info;         ///< empty where `damage` is not
  std::int64_t size = 0;  ///< bytes
  std::int64_t used = 0;  ///< last use, seconds since 1970
  std::string damage;     ///< why it cannot be used; empty: it can
};

/// A cache folder. Cheap to make; thread-safe. Nothing is created before something is written.
class Folder {
 public:
  explicit Folder(std::filesystem::path path) : path_(std::move(path)) {}

  const std::filesystem::path& path() const noexcept { return path_; }
  std::filesystem::path entry_file(const base::Digest& key) const;

  /// Maps an entry and notes that it was used; null when there is none. One that is damaged is
  /// removed, and there is none. `why` gets the reason for anything but absence.
  std::shared_ptr<const Entry> find(const base::Digest& key, std::string& why) const;

  /// The digest of a file, where it was remembered and the file is unchanged.
  std::optional<base::Digest> remembered(const base::FileIdentity& identity) const;
  /// Remembers a digest. Nothing is remembered of a file that changed within the last two seconds:
  /// it may change again without its times telling.
  void remember(const base::FileIdentity& identity, const base::Digest& digest) const;

  /// True when it exists and this process may not write to it: part of a container image, say.
  bool is_fixed() const noexcept;

  /// The right to write, until it is destroyed. Makes the folder. Throws Error{io} when it cannot
  /// be written to.
  base::Descriptor lock() const;

  /// All entries, the latest used first. Empty when there is no folder.
  std::vector<Listed> list() const;

  /// Unlinks an entry. True when it was there.
  static bool remove(const std::filesystem::path& entry) noexcept;

  /// To be called with the lock held: removes what a killed writer left, entries whose sources are
  /// gone or changed, and the entries not used for longest until all take at most `limit` bytes.
  void tidy(std::int64_t limit) const;

 private:
  std::filesystem::path entries() const { return path_ / "entries"; }
  std::filesystem::path source_file(const base::FileIdentity& identity) const;

  std::filesystem::path path_;
};

/// Whether and where this process caches, from its environment: POME_CACHE=off switches it off,
/// POME_CACHE_DIR names the folder (else XDG_CACHE_HOME/pome, else ~/.cache/pome), POME_CACHE_LIMIT
/// the cap in bytes.
struct Settings {
  bool on = true;
  std::filesystem::path folder;
  std::optional<std::int64_t> limit;
};
Settings environment_settings();

/// The cap for a folder when none is set: a tenth of what is free and cached, at most 20 GiB.
std::int64_t default_limit(const Folder& folder);

}  // namespace pome::cache
