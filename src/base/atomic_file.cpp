#include "base/atomic_file.h"

#include <fcntl.h>
#include <sys/random.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

#include "base/text.h"
#include "pome/error.h"

namespace pome::base {
namespace {

namespace fs = std::filesystem;

constexpr int attempts = 100;  // names tried before giving up

}  // namespace

fs::path temporary_beside(const fs::path& path) {
  std::uint64_t random = 0;
  if (::getrandom(&random, sizeof random, 0) != static_cast<ssize_t>(sizeof random)) {
    random = static_cast<std::uint64_t>(::getpid());
  }
  return path.parent_path() / cat(".pome-", random, ".tmp");
}

AtomicFile::AtomicFile(fs::path path, unsigned mode)
    : path_(std::move(path)), folder_(path_.parent_path()) {
  if (folder_.empty()) folder_ = ".";
  if (path_.filename().empty()) fail(EISDIR);
  fd_ = Descriptor(::open(folder_.c_str(), O_TMPFILE | O_WRONLY | O_CLOEXEC, mode));
  if (fd_) return;
  if (errno != EOPNOTSUPP && errno != EISDIR && errno != EINVAL) fail(errno);
  for (int i = 0; i < attempts && !fd_; ++i) {
    fs::path candidate = temporary_beside(path_);
    fd_ = Descriptor(::open(candidate.c_str(), O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, mode));
    if (fd_) {
      temporary_ = std::move(candidate);
    } else if (errno != EEXIST) {
      break;
    }
  }
  if (!fd_) fail(errno);
}

AtomicFile::~AtomicFile() {
  if (!temporary_.empty()) ::unlink(temporary_.c_str());
}

void AtomicFile::append(std::span<const std::byte> bytes) {
  write_at(size_, bytes);
  size_ += static_cast<std::int64_t>(bytes.size());
}

void AtomicFile::overwrite(std::int64_t offset, std::span<const std::byte> bytes) {
  if (offset < 0 || offset > size_ || bytes.size() > static_cast<std::size_t>(size_ - offset)) {
    throw Error(ErrorCode::io, cat("cannot write ", base::quoted(path_.native()),
                                   ": bytes to replace lie outside of what was written"));
  }
  write_at(offset, bytes);
}

void AtomicFile::write_at(std::int64_t offset, std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    const ssize_t written = ::pwrite(fd_.get(), bytes.data(), bytes.size(), offset);
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) fail(errno);
    bytes = bytes.subspan(static_cast<std::size_t>(written));
    offset += written;
  }
}

// A file without a name cannot replace another one in one step, so it gets a temporary name first.
void AtomicFile::name_temporary() {
  const std::string self = cat("/proc/self/fd/", fd_.get());
  for (int i = 0; i < attempts; ++i) {
    fs::path candidate = temporary_beside(path_);
    if (::linkat(AT_FDCWD, self.c_str(), AT_FDCWD, candidate.c_str(), AT_SYMLINK_FOLLOW) == 0) {
      temporary_ = std::move(candidate);
      return;
    }
    if (errno != EEXIST) break;
  }
  fail(errno);
}

void AtomicFile::commit() {
  if (::fsync(fd_.get()) != 0) fail(errno);
  if (temporary_.empty()) name_temporary();
  if (::rename(temporary_.c_str(), path_.c_str()) != 0) fail(errno);
  temporary_.clear();
  const Descriptor folder(::open(folder_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  // Some file systems cannot sync folders; the file itself is safe by then.
  if (folder && ::fsync(folder.get()) != 0 && errno != EINVAL) fail(errno);
}

void AtomicFile::fail(int reason) const {
  throw Error(ErrorCode::io, cat("cannot write ", base::quoted(path_.native()), ": ",
                                 std::generic_category().message(reason)));
}

}  // namespace pome::base
