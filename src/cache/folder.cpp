#include "cache/folder.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <system_error>

#include "base/atomic_file.h"
#include "base/text.h"
#include "format/json.h"
#include "pome/error.h"

namespace pome::cache {
namespace {

namespace fs = std::filesystem;
using base::cat;
using nlohmann::json;

constexpr std::string_view suffix = ".pome";
constexpr unsigned owner_reads = 0400;
constexpr std::int64_t second = 1'000'000'000;

std::int64_t now_nanoseconds() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

std::vector<fs::path> files_in(const fs::path& folder) {
  std::vector<fs::path> out;
  std::error_code error;
  for (fs::directory_iterator it(folder, error), end; !error && it != end; it.increment(error))
    out.push_back(it->path());
  return out;
}

/// True when an entry's sources are where they were, unchanged. Sources on a disk that is not there
/// count as gone.
bool sources_stand(const EntryInfo& info) {
  return std::ranges::all_of(info.sources, [](const SourceFile& source) {
    try {
      return base::open_file(source.path)->identity() == source.identity;
    } catch (const Error&) {
      return false;
    }
  });
}

std::int64_t whole_number(const char* text) {
  std::int64_t value = 0;
  const std::string_view view(text);
  const auto [end, error] = std::from_chars(view.data(), view.data() + view.size(), value);
  if (error != std::errc() || end != view.data() + view.size() || value < 0)
    throw Error(ErrorCode::parameters,
                cat("POME_CACHE_LIMIT is ", base::quoted(view), ", expected a number of bytes"));
  return value;
}

}  // namespace

fs::path Folder::entry_file(const base::Digest& key) const {
  return entries() / cat(base::hex(key), suffix);
}

std::shared_ptr<const Entry> Folder::find(const base::Digest& key, std::string& why) const {
  const fs::path file = entry_file(key);
  if (::access(file.c_str(), F_OK) != 0) return nullptr;
  try {
    auto entry = Entry::open(file);
    if (entry->info().key != key) throw Error(ErrorCode::io, "a cache entry has another key");
    // The time of the last use; on a read-only cache it stays what it was.
    static_cast<void>(::utimensat(AT_FDCWD, file.c_str(), nullptr, AT_SYMLINK_NOFOLLOW));
    return entry;
  } catch (const Error& error) {
    why = error.what();
    remove(file);  // where that is allowed
    return nullptr;
  }
}

fs::path Folder::source_file(const base::FileIdentity& identity) const {
  base::Sha256 name;
  name.update(identity.device).update(identity.inode);
  return path_ / "sources" / cat(base::hex(name.finish()).substr(0, 32), ".json");
}

std::optional<base::Digest> Folder::remembered(const base::FileIdentity& identity) const {
  const fs::path file = source_file(identity);
  if (::access(file.c_str(), R_OK) != 0) return std::nullopt;
  try {
    base::Budget budget(1 << 20);
    const json value = format::parse_json(*base::open_file(file), budget);
    const base::FileIdentity known{
        value.at("device").get<std::uint64_t>(), value.at("inode").get<std::uint64_t>(),
        value.at("size").get<std::int64_t>(), value.at("modified").get<std::int64_t>(),
        value.at("changed").get<std::int64_t>()};
    if (known != identity) return std::nullopt;
    return base::parse_digest(value.at("sha256").get<std::string>());
  } catch (const std::exception&) {
    return std::nullopt;  // what cannot be read is as good as forgotten
  }
}

void Folder::remember(const base::FileIdentity& identity, const base::Digest& digest) const {
  if (now_nanoseconds() - std::max(identity.modified, identity.changed) < 2 * second) return;
  const json value{{"device", identity.device},   {"inode", identity.inode},
                   {"size", identity.size},       {"modified", identity.modified},
                   {"changed", identity.changed}, {"sha256", base::hex(digest)}};
  const std::string text = value.dump();
  base::AtomicFile out(source_file(identity), owner_reads);
  out.append(std::as_bytes(std::span(text.data(), text.size())));
  out.commit();
}

bool Folder::is_fixed() const noexcept {
  const fs::path folder = entries();
  return ::access(folder.c_str(), F_OK) == 0 && ::access(folder.c_str(), W_OK) != 0;
}

base::Descriptor Folder::lock() const {
  const auto fail = [&](std::string_view why) {
    throw Error(ErrorCode::io, cat("the cache folder ", base::quoted(path_.native()), ' ', why));
  };
  std::error_code error;
  fs::create_directories(path_.parent_path(), error);
  for (const fs::path& folder : {path_, entries(), path_ / "sources"}) {
    if (::mkdir(folder.c_str(), 0700) != 0 && errno != EEXIST)
      fail(cat("cannot be made: ", std::generic_category().message(errno)));
  }
  base::Descriptor fd(::open(entries().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW));
  struct stat status {};
  if (!fd || ::fstat(fd.get(), &status) != 0) fail("cannot be opened");
  if (status.st_uid != ::geteuid()) fail("belongs to another user");
  if ((status.st_mode & (S_IWGRP | S_IWOTH)) != 0) fail("can be written to by others");
  if (::access(entries().c_str(), W_OK) != 0) fail("cannot be written to");
  while (::flock(fd.get(), LOCK_EX) != 0) {
    if (errno != EINTR) fail("cannot be locked");
  }
  return fd;
}

std::vector<Listed> Folder::list() const {
  std::vector<Listed> out;
  for (const fs::path& file : files_in(entries())) {
    if (file.extension() != suffix) continue;
    struct stat status {};
    if (::lstat(file.c_str(), &status) != 0) continue;
    Listed one{file, {}, status.st_size, status.st_mtim.tv_sec, {}};
    try {
      one.info = Entry::open(file)->info();
    } catch (const Error& error) {
      one.damage = error.what();
    }
    out.push_back(std::move(one));
  }
  std::ranges::sort(out, [](const Listed& a, const Listed& b) {
    return a.used != b.used ? a.used > b.used : a.file < b.file;
  });
  return out;
}

bool Folder::remove(const fs::path& entry) noexcept {
  return ::unlink(entry.c_str()) == 0;
}

void Folder::tidy(std::int64_t limit) const {
  for (const fs::path& folder : {entries(), path_ / "sources"}) {
    for (const fs::path& file : files_in(folder)) {
      // Nobody writes while the lock is held.
      if (file.extension() == ".tmp") remove(file);
    }
  }
  std::int64_t total = 0;
  for (const Listed& one : list()) {
    const bool stale = !one.damage.empty() || !sources_stand(one.info);
    if (stale || one.size > limit - total) {
      remove(one.file);
    } else {
      total += one.size;
    }
  }
}

Settings environment_settings() {
  Settings out;
  const auto variable = [](const char* name) {
    const char* value = std::getenv(name);
    return value != nullptr && *value != '\0' ? value : nullptr;
  };
  if (const char* value = variable("POME_CACHE")) {
    const std::string_view text(value);
    if (text != "on" && text != "off")
      throw Error(ErrorCode::parameters,
                  cat("POME_CACHE is ", base::quoted(text), ", expected 'on' or 'off'"));
    out.on = text == "on";
  }
  if (const char* value = variable("POME_CACHE_LIMIT")) out.limit = whole_number(value);
  if (const char* value = variable("POME_CACHE_DIR")) {
    out.folder = value;
  } else if (const char* home = variable("XDG_CACHE_HOME"); home != nullptr && *home == '/') {
    out.folder = fs::path(home) / "pome";
  } else if (const char* user = variable("HOME")) {
    out.folder = fs::path(user) / ".cache" / "pome";
  } else {
    out.on = false;  // nowhere to put it
  }
  return out;
}

std::int64_t default_limit(const Folder& folder) {
  constexpr std::int64_t most = std::int64_t{20} << 30;
  std::error_code error;
  const auto space = fs::space(folder.path(), error);
  if (error) return most;
  std::int64_t cached = 0;
  for (const fs::path& file : files_in(folder.path() / "entries")) {
    const auto size = fs::file_size(file, error);
    if (!error) cached += static_cast<std::int64_t>(size);
  }
  const auto free = static_cast<std::int64_t>(std::min<std::uintmax_t>(space.available, 1LL << 60));
  return std::min(most, (free + cached) / 10);
}

}  // namespace pome::cache
