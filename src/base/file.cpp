#include "base/file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <system_error>

#include "base/atomic_file.h"
#include "base/checked.h"
#include "base/descriptor.h"
#include "base/text.h"
#include "pome/error.h"

namespace pome::base {
namespace {

namespace fs = std::filesystem;

void check_range(const ByteSource& source, std::int64_t offset, std::size_t length) {
  const auto count = checked_cast<std::int64_t>(length);
  const auto end = count ? checked_add(offset, *count) : std::nullopt;
  if (offset >= 0 && end && *end <= source.size()) return;
  throw Error(ErrorCode::io, cat(base::quoted(source.name()), " has ", source.size(),
                                 " bytes, expected ", length, " at offset ", offset));
}

class FileSource final : public ByteSource {
 public:
  FileSource(std::string name, Descriptor fd, std::int64_t size)
      : name_(std::move(name)), fd_(std::move(fd)), size_(size) {}

  const std::string& name() const noexcept override { return name_; }
  std::int64_t size() const noexcept override { return size_; }

  std::optional<FileIdentity> identity() const noexcept override {
    struct stat status {};
    if (::fstat(fd_.get(), &status) != 0) return std::nullopt;
    const auto nanoseconds = [](const timespec& time) {
      return std::int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec;
    };
    return FileIdentity{status.st_dev, status.st_ino, status.st_size, nanoseconds(status.st_mtim),
                        nanoseconds(status.st_ctim)};
  }

  void read(std::int64_t offset, std::span<std::byte> out) const override {
    check_range(*this, offset, out.size());
    while (!out.empty()) {
      const ssize_t got = ::pread(fd_.get(), out.data(), out.size(), offset);
      if (got < 0 && errno == EINTR) continue;
      if (got < 0) {
        throw Error(ErrorCode::io, cat("cannot read ", base::quoted(name_), ": ",
                                       std::generic_category().message(errno)));
      }
      if (got == 0) {
        throw Error(ErrorCode::io,
                    cat(base::quoted(name_), " got shorter while it was read: it ends at ", offset,
                        ", it had ", size_, " bytes when it was opened"));
      }
      out = out.subspan(static_cast<std::size_t>(got));
      offset += got;
    }
  }

 private:
  std::string name_;
  Descriptor fd_;
  std::int64_t size_;
};

class MemorySource final : public ByteSource {
 public:
  MemorySource(std::string name, std::span<const std::byte> bytes,
               std::shared_ptr<const void> owner)
      : name_(std::move(name)), bytes_(bytes), owner_(std::move(owner)) {}

  const std::string& name() const noexcept override { return name_; }
  std::int64_t size() const noexcept override { return static_cast<std::int64_t>(bytes_.size()); }
  std::span<const std::byte> memory() const noexcept override { return bytes_; }

  void read(std::int64_t offset, std::span<std::byte> out) const override {
    check_range(*this, offset, out.size());
    if (!out.empty()) std::memcpy(out.data(), bytes_.data() + offset, out.size());
  }

 private:
  std::string name_;
  std::span<const std::byte> bytes_;
  std::shared_ptr<const void> owner_;
};

std::shared_ptr<const ByteSource> source_of(std::string name, Descriptor fd) {
  struct stat status {};
  if (::fstat(fd.get(), &status) != 0) {
    throw Error(ErrorCode::io, cat("cannot examine ", base::quoted(name), ": ",
                                   std::generic_category().message(errno)));
  }
  if (S_ISDIR(status.st_mode)) {
    throw Error(ErrorCode::io, cat(base::quoted(name), " is a folder, expected a file"));
  }
  if (!S_ISREG(status.st_mode)) {
    throw Error(ErrorCode::io, cat(base::quoted(name), " is not a regular file"));
  }
  return std::make_shared<FileSource>(std::move(name), std::move(fd), status.st_size);
}

}  // namespace

std::shared_ptr<const ByteSource> open_file(const fs::path& path) {
  Descriptor fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK));
  if (!fd) {
    const std::string why = std::generic_category().message(errno);
    throw Error(ErrorCode::io, cat("cannot open ", base::quoted(path.native()), ": ", why));
  }
  return source_of(path.native(), std::move(fd));
}

std::shared_ptr<const ByteSource> open_beneath(const fs::path& folder, const fs::path& relative) {
  return source_of((folder / relative).native(), open_descriptor_beneath(folder, relative));
}

std::shared_ptr<const ByteSource> from_memory(std::string name, std::span<const std::byte> bytes,
                                              std::shared_ptr<const void> owner) {
  return std::make_shared<MemorySource>(std::move(name), bytes, std::move(owner));
}

std::shared_ptr<const ByteSource> from_bytes(std::string name, std::vector<std::byte> bytes) {
  auto owner = std::make_shared<const std::vector<std::byte>>(std::move(bytes));
  const std::span<const std::byte> view(*owner);
  return from_memory(std::move(name), view, std::move(owner));
}

std::vector<std::byte> read_all(const ByteSource& source, Budget& budget) {
  budget.take(source.size(), base::quoted(source.name()));
  std::vector<std::byte> out(static_cast<std::size_t>(source.size()));
  source.read(0, out);
  return out;
}

void write_file(const fs::path& path, std::span<const std::byte> bytes) {
  AtomicFile file(path);
  file.append(bytes);
  file.commit();
}

}  // namespace pome::base
