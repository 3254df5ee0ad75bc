// Digests: SHA-256 where bytes must be trusted, XXH3 where damage must be noticed fast.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/file.h"

struct evp_md_ctx_st;

namespace pome::base {

/// A SHA-256 digest.
struct Digest {
  std::array<std::byte, 32> bytes{};

  friend bool operator==(const Digest&, const Digest&) = default;
};

/// 64 lower-case hexadecimal digits.
std::string hex(const Digest& digest);

/// Reads what `hex` writes (upper case too); nothing for any other text.
std::optional<Digest> parse_digest(std::string_view text) noexcept;

/// SHA-256 over bytes that come in pieces. Not thread-safe; one per message.
class Sha256 {
 public:
  Sha256();

  Sha256& update(std::span<const std::byte> bytes);
  Sha256& update(std::string_view text);
  /// Eight bytes, little endian: lengths and numbers inside a key.
  Sha256& update(std::uint64_t value);

  /// The digest of everything so far; begins a new message.
  Digest finish();

 private:
  struct Free {
    void operator()(evp_md_ctx_st* context) const noexcept;
  };

  void begin();

  std::unique_ptr<evp_md_ctx_st, Free> context_;
};

Digest sha256(std::span<const std::byte> bytes);

/// Digest of a whole source, read in pieces of a megabyte.
Digest sha256(const ByteSource& source);

/// XXH3, 64 bits, seed 0. No protection against intent.
std::uint64_t xxh3(std::span<const std::byte> bytes) noexcept;

}  // namespace pome::base
