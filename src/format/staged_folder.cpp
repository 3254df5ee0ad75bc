#include "format/staged_folder.h"

#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <system_error>
#include <vector>

#include "base/atomic_file.h"
#include "base/text.h"
#include "pome/error.h"

namespace pome::format {
namespace {

namespace fs = std::filesystem;

[[noreturn]] void fail(const fs::path& path, std::string_view why) {
  throw Error(ErrorCode::io, base::cat("cannot write ", base::quoted(path.native()), ": ", why));
}

// "a/b/" and "a/b" are the same folder, and only the second has a name.
fs::path without_trailing_slash(const fs::path& path) {
  return path.has_filename() ? path : path.parent_path();
}

}  // namespace

StagedFolder::StagedFolder(const fs::path& target) : target_(without_trailing_slash(target)) {
  std::error_code ignored;
  if (fs::exists(fs::symlink_status(target_, ignored))) fail(target_, "it exists already");
  fs::path staging = base::temporary_beside(target_);
  if (::mkdir(staging.c_str(), 0777) != 0) fail(target_, std::generic_category().message(errno));
  staging_ = std::move(staging);
}

StagedFolder::~StagedFolder() {
  std::error_code ignored;
  if (!staging_.empty()) fs::remove_all(staging_, ignored);
}

void StagedFolder::add(const fs::path& relative, const base::ByteSource& source) const {
  const fs::path path = staging_ / relative;
  std::error_code error;
  fs::create_directories(path.parent_path(), error);
  if (error) fail(target_ / relative, error.message());
  base::AtomicFile file(path);
  constexpr std::int64_t piece = std::int64_t{1} << 20;
  std::vector<std::byte> buffer(static_cast<std::size_t>(std::min(piece, source.size())));
  for (std::int64_t at = 0; at < source.size(); at += piece) {
    const auto part =
        std::span(buffer).first(static_cast<std::size_t>(std::min(piece, source.size() - at)));
    source.read(at, part);
    file.append(part);
  }
  file.commit();
}

void StagedFolder::add(const fs::path& relative, std::span<const std::byte> bytes) const {
  add(relative, *base::from_memory(relative.native(), bytes, nullptr));
}

void StagedFolder::commit() {
  // rename() would replace an empty folder, and never a full one.
  if (::rename(staging_.c_str(), target_.c_str()) != 0) {
    fail(target_, std::generic_category().message(errno));
  }
  staging_.clear();
}

}  // namespace pome::format
