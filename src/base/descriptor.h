// Ownership of a file descriptor, and opening beneath a folder.
#pragma once

#include <filesystem>
#include <utility>

namespace pome::base {

/// Owns one open file descriptor, or none (-1). Moves, does not copy.
class Descriptor {
 public:
  Descriptor() noexcept = default;
  explicit Descriptor(int fd) noexcept : fd_(fd) {}
  Descriptor(Descriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Descriptor& operator=(Descriptor&& other) noexcept {
    if (this != &other) {
      close();
      fd_ = std::exchange(other.fd_, -1);
    }
    return *this;
  }
  ~Descriptor() { close(); }

  int get() const noexcept { return fd_; }
  explicit operator bool() const noexcept { return fd_ >= 0; }

 private:
  void close() noexcept;

  int fd_ = -1;
};

/// How a path is resolved beneath a folder: by the kernel in one call (openat2), by opening folder
/// after folder without following links, or by the first with the second where it is missing.
enum class Resolver { automatic, kernel, walk };

/// Opens `relative` (a file or a folder, for reading) beneath `folder`, following no link in
/// `relative` and never leaving the folder. Throws Error{io} for absolute paths, "..", empty
/// paths, links, and whatever the system refuses.
Descriptor open_descriptor_beneath(const std::filesystem::path& folder,
                                   const std::filesystem::path& relative,
                                   Resolver resolver = Resolver::automatic);

}  // namespace pome::base
