#include "base/descriptor.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>
#include <vector>

#include "base/text.h"
#include "pome/error.h"

namespace pome::base {
namespace {

namespace fs = std::filesystem;

// Non-blocking, so that a FIFO in place of a file does not hang the open.
constexpr int read_flags = O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK;

[[noreturn]] void refuse(const fs::path& relative, std::string_view why) {
  throw Error(ErrorCode::io, cat("path ", base::quoted(relative.native()), ' ', why));
}

void check_lexically(const fs::path& relative) {
  if (relative.empty()) refuse(relative, "is empty, expected a path inside the folder");
  if (relative.native().find('\0') != std::string::npos) refuse(relative, "holds a zero byte");
  if (relative.is_absolute()) refuse(relative, "is absolute, expected one relative to the folder");
  for (const fs::path& part : relative) {
    if (part == "..") refuse(relative, "leaves the folder through '..'");
  }
}

Descriptor open_by_kernel(int folder, const fs::path& relative) noexcept {
  open_how how{};
  how.flags = static_cast<decltype(how.flags)>(read_flags);
  how.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS;
  const long fd = ::syscall(SYS_openat2, folder, relative.c_str(), &how, sizeof how);
  return Descriptor(static_cast<int>(fd));
}

// The cause of a failed open in errno, with a link told apart from a file (both are ENOTDIR).
Descriptor failed(int at, const fs::path& part) noexcept {
  const int reason = errno;
  struct stat status {};
  const bool found = ::fstatat(at, part.c_str(), &status, AT_SYMLINK_NOFOLLOW) == 0;
  errno = found && S_ISLNK(status.st_mode) ? ELOOP : reason;
  return Descriptor();
}

// errno tells why when the result is empty; ELOOP stands for a link, as openat2 has it.
Descriptor open_by_walking(int folder, const fs::path& relative) {
  std::vector<fs::path> parts;
  for (const fs::path& part : relative) {
    if (!part.empty() && part != ".") parts.push_back(part);
  }
  if (parts.empty()) parts.emplace_back(".");
  Descriptor current;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    const bool last = i + 1 == parts.size();
    const int at = current ? current.get() : folder;
    const int flags = last ? read_flags : O_PATH | O_DIRECTORY | O_CLOEXEC;
    Descriptor next(::openat(at, parts[i].c_str(), flags | O_NOFOLLOW));
    if (!next) return failed(at, parts[i]);
    current = std::move(next);
  }
  return current;
}

}  // namespace

void Descriptor::close() noexcept {
  if (fd_ >= 0) ::close(fd_);
  fd_ = -1;
}

Descriptor open_descriptor_beneath(const fs::path& folder, const fs::path& relative,
                                   Resolver resolver) {
  check_lexically(relative);
  const Descriptor base(::open(folder.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!base) {
    const std::string why = std::generic_category().message(errno);
    throw Error(ErrorCode::io,
                cat("cannot open folder ", base::quoted(folder.native()), ": ", why));
  }
  Descriptor found;
  if (resolver != Resolver::walk) found = open_by_kernel(base.get(), relative);
  // Old kernels and sandboxes lack openat2; EAGAIN is its answer to a race it cannot decide.
  const bool missing = errno == ENOSYS || errno == EPERM || errno == EAGAIN;
  if (resolver == Resolver::walk || (resolver == Resolver::automatic && !found && missing)) {
    found = open_by_walking(base.get(), relative);
  }
  if (found) return found;
  const int reason = errno;
  if (reason == ELOOP) refuse(relative, "is or passes through a link, which a package may not");
  if (reason == EXDEV) refuse(relative, "leaves the folder");
  throw Error(ErrorCode::io, cat("cannot open ", base::quoted((folder / relative).native()), ": ",
                                 std::generic_category().message(reason)));
}

}  // namespace pome::base
