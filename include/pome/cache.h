// The cache of specialised models: what is in it, whether a load will be served from it.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "pome/export.h"
#include "pome/model.h"

namespace pome {

/// One model, specialised for this machine and one configuration.
struct CacheEntry {
  std::string key;    ///< 64 hexadecimal digits; equal keys are equal contents
  std::string model;  ///< name of the model
  std::filesystem::path
      source;                 ///< of the model's files, the folder that holds them all or the file
  std::string configuration;  ///< devices, numerics and function, in words
  std::int64_t bytes = 0;
  std::int64_t created = 0;    ///< seconds since 1970
  std::int64_t last_used = 0;  ///< seconds since 1970
  std::string damage;          ///< why it cannot be used; empty: it can
};

/// A cache folder. Thread-safe; other processes may use it at the same time. Members throw
/// Error{io} when the folder is there and cannot be read or written to.
class POME_API Cache {
 public:
  /// The folder of this process: POME_CACHE_DIR, else XDG_CACHE_HOME/pome, else ~/.cache/pome.
  Cache();
  explicit Cache(std::filesystem::path folder);

  const std::filesystem::path& folder() const noexcept { return folder_; }
  /// False when POME_CACHE=off, or when there is no folder to use.
  bool is_on() const noexcept { return on_; }
  /// Most bytes that entries may take: POME_CACHE_LIMIT, else a tenth of the free disk and 20 GiB
  /// at most.
  std::int64_t limit() const;

  /// All entries, the latest used first.
  std::vector<CacheEntry> entries() const;
  /// Removes every entry, or those of one model (a path that its files lie at or beneath). Models
  /// that are loaded keep what they have mapped. Returns the bytes that were freed.
  std::int64_t purge() const;
  std::int64_t purge(const std::filesystem::path& model) const;
  /// Reads every entry whole and removes the damaged ones, which are returned.
  std::vector<CacheEntry> verify() const;

 private:
  std::filesystem::path folder_;
  bool on_ = true;
};

/// True when a load of the model with this configuration would find its packed weights in the
/// cache. Reads no weights. Throws as Asset::from_path.
POME_API bool is_cached(const std::filesystem::path& model,
                        const Configuration& configuration = {});

/// Loads the model once and waits until its entry is in the cache. Throws as Model::open, and
/// Error{io} with the reason when no entry could be written.
POME_API void prefetch(const std::filesystem::path& model, const Configuration& configuration = {});

}  // namespace pome
