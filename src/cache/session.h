// What one load has to do with the cache: looking for an entry, and writing one afterwards.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "cache/folder.h"
#include "format/asset.h"

namespace pome::cache {

/// What a load is, beside the contents of the model's files.
struct Request {
  std::string configuration;  ///< all that changes packs, in words: devices, numerics, function
  std::string model;          ///< name for people
};

/// One load of one function. Made before weights are read, kept by the model. `find` and `publish`
/// are called by the thread that loads; the rest is thread-safe.
class Session {
 public:
  /// Looks for the entry of this load. Never throws: what goes wrong is in `note`, and the load
  /// goes on without the cache. Null when there is nothing to cache (a model in memory, caching
  /// switched off).
  static std::unique_ptr<Session> begin(const format::Asset& asset, Request request,
                                        const Settings& settings);

  /// Waits until the entry is written, where this process still exists as it was (not in a forked
  /// child).
  ~Session();
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  /// The entry that was found; null: none.
  const std::shared_ptr<const Entry>& entry() const noexcept { return entry_; }
  /// One sentence on why the cache does not serve, or empty.
  const std::string& note() const noexcept { return note_; }

  /// Writes what was packed, in a thread of its own, when it is not all in the entry already.
  void publish(std::shared_ptr<const exec::WeightStore> weights);
  /// Waits for that. Returns the reason why nothing was written, or an empty text.
  std::string wait();

  /// Takes the entry out of the cache: it is damaged.
  void discard() const;

 private:
  Session(const format::Asset& asset, Request request, const Settings& settings);

  void look();
  base::Digest key(const std::vector<base::Digest>& digests) const;
  std::vector<base::Digest> digests() const;
  void write(const exec::WeightStore& weights) const;

  format::Asset asset_;
  Request request_;
  Folder folder_;
  std::optional<std::int64_t> limit_;
  std::vector<format::PackageFile> sources_;
  std::vector<base::FileIdentity> identities_;
  std::shared_ptr<const Entry> entry_;
  std::string note_;
  std::string failure_;  // of the writer; read after it was joined
  std::thread writer_;
  int process_ = 0;  // that started the writer
};

}  // namespace pome::cache
