#include "pome/cache.h"

#include <algorithm>
#include <utility>

#include "base/text.h"
#include "cache/folder.h"
#include "pome/error.h"
#include "runtime/asset_data.h"
#include "runtime/caching.h"

namespace pome {

namespace fs = std::filesystem;

namespace {

// The longest path that all source files of an entry are at or beneath.
fs::path common_path(const std::vector<cache::SourceFile>& sources) {
  if (sources.empty()) return {};
  fs::path out(sources.front().path);
  for (const cache::SourceFile& source : sources) {
    while (!out.empty() && out != out.root_path()) {
      const fs::path relative = fs::path(source.path).lexically_relative(out);
      if (!relative.empty() && *relative.begin() != "..") break;
      out = out.parent_path();
    }
  }
  return out;
}

CacheEntry entry_of(const cache::Listed& listed) {
  CacheEntry out;
  out.key = listed.file.stem().native();
  out.model = listed.info.model;
  out.source = common_path(listed.info.sources);
  out.configuration = listed.info.configuration;
  out.bytes = listed.size;
  out.created = listed.info.created;
  out.last_used = listed.used;
  out.damage = listed.damage;
  return out;
}

bool is_beneath(const fs::path& path, const fs::path& folder) {
  const fs::path relative = path.lexically_relative(folder);
  return !relative.empty() && *relative.begin() != "..";
}

template <typename Wanted>
std::int64_t remove_if(const fs::path& folder, Wanted&& wanted) {
  std::int64_t freed = 0;
  for (const cache::Listed& one : cache::Folder(folder).list()) {
    if (wanted(one) && cache::Folder::remove(one.file)) freed += one.size;
  }
  return freed;
}

}  // namespace

Cache::Cache() {
  cache::Settings settings = cache::environment_settings();
  folder_ = std::move(settings.folder);
  on_ = settings.on;
}

Cache::Cache(fs::path folder) : folder_(std::move(folder)) {}

std::int64_t Cache::limit() const {
  const auto limit = cache::environment_settings().limit;
  return limit ? *limit : cache::default_limit(cache::Folder(folder_));
}

std::vector<CacheEntry> Cache::entries() const {
  std::vector<CacheEntry> out;
  for (const cache::Listed& one : cache::Folder(folder_).list()) out.push_back(entry_of(one));
  return out;
}

std::int64_t Cache::purge() const {
  return remove_if(folder_, [](const cache::Listed&) { return true; });
}

std::int64_t Cache::purge(const fs::path& model) const {
  fs::path folder = fs::absolute(model).lexically_normal();
  if (folder.filename().empty()) folder = folder.parent_path();
  return remove_if(folder_, [&](const cache::Listed& one) {
    return is_beneath(common_path(one.info.sources).lexically_normal(), folder);
  });
}

std::vector<CacheEntry> Cache::verify() const {
  std::vector<CacheEntry> out;
  for (const cache::Listed& one : cache::Folder(folder_).list()) {
    CacheEntry entry = entry_of(one);
    if (entry.damage.empty()) {
      try {
        if (!cache::Entry::open(one.file)->intact())
          entry.damage = base::cat("cache entry ", base::quoted(one.file.native()),
                                   " is damaged: a pack has another checksum");
      } catch (const Error& error) {
        entry.damage = error.what();
      }
    }
    if (entry.damage.empty()) continue;
    cache::Folder::remove(one.file);
    out.push_back(std::move(entry));
  }
  return out;
}

bool is_cached(const fs::path& model, const Configuration& configuration) {
  const Asset asset = Asset::from_path(model);
  const ModelDescription description = configuration.function_name.empty()
                                           ? asset.description()
                                           : asset.description(configuration.function_name);
  const auto session = runtime::begin_session(asset.data()->files, configuration, description);
  return session != nullptr && session->entry() != nullptr;
}

void prefetch(const fs::path& model, const Configuration& configuration) {
  const Model loaded = Model::open(model, configuration);
  std::string problem = loaded.wait_for_cache();
  if (problem.empty()) problem = loaded.load_report().cache_note;
  if (!problem.empty() && !loaded.load_report().cached) throw Error(ErrorCode::io, problem);
}

}  // namespace pome
