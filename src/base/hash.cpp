#include "base/hash.h"

#include <openssl/evp.h>
#include <xxhash.h>

#include <algorithm>
#include <vector>

#include "base/text.h"
#include "pome/error.h"

namespace pome::base {
namespace {

constexpr std::string_view digits = "0123456789abcdef";

int digit_value(char c) noexcept {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

void expect(int result) {
  if (result != 1) throw Error(ErrorCode::generic, "libcrypto cannot compute SHA-256 here");
}

}  // namespace

std::string hex(const Digest& digest) {
  std::string out;
  out.reserve(2 * digest.bytes.size());
  for (const std::byte byte : digest.bytes) {
    const auto value = std::to_integer<unsigned>(byte);
    out.push_back(digits[value >> 4]);
    out.push_back(digits[value & 15U]);
  }
  return out;
}

std::optional<Digest> parse_digest(std::string_view text) noexcept {
  Digest out;
  if (text.size() != 2 * out.bytes.size()) return std::nullopt;
  for (std::size_t i = 0; i < out.bytes.size(); ++i) {
    const int high = digit_value(text[2 * i]);
    const int low = digit_value(text[2 * i + 1]);
    if (high < 0 || low < 0) return std::nullopt;
    out.bytes[i] = static_cast<std::byte>(high * 16 + low);
  }
  return out;
}

void Sha256::Free::operator()(evp_md_ctx_st* context) const noexcept {
  EVP_MD_CTX_free(context);
}

Sha256::Sha256() : context_(EVP_MD_CTX_new()) {
  begin();
}

void Sha256::begin() {
  expect(context_ ? 1 : 0);
  expect(EVP_DigestInit_ex(context_.get(), EVP_sha256(), nullptr));
}

Sha256& Sha256::update(std::span<const std::byte> bytes) {
  expect(EVP_DigestUpdate(context_.get(), bytes.data(), bytes.size()));
  return *this;
}

Sha256& Sha256::update(std::string_view text) {
  return update(std::as_bytes(std::span(text.data(), text.size())));
}

Sha256& Sha256::update(std::uint64_t value) {
  std::array<std::byte, 8> bytes{};
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    bytes[i] = static_cast<std::byte>((value >> (8 * i)) & 0xFFU);
  }
  return update(bytes);
}

Digest Sha256::finish() {
  Digest out;
  unsigned int length = 0;
  expect(EVP_DigestFinal_ex(context_.get(), reinterpret_cast<unsigned char*>(out.bytes.data()),
                            &length));
  begin();
  return out;
}

Digest sha256(std::span<const std::byte> bytes) {
  return Sha256().update(bytes).finish();
}

Digest sha256(const ByteSource& source) {
  if (!source.memory().empty()) return sha256(source.memory());
  constexpr std::int64_t piece = std::int64_t{1} << 20;
  std::vector<std::byte> buffer(static_cast<std::size_t>(std::min(piece, source.size())));
  Sha256 hasher;
  for (std::int64_t at = 0; at < source.size(); at += piece) {
    const auto part =
        std::span(buffer).first(static_cast<std::size_t>(std::min(piece, source.size() - at)));
    source.read(at, part);
    hasher.update(part);
  }
  return hasher.finish();
}

std::uint64_t xxh3(std::span<const std::byte> bytes) noexcept {
  return XXH3_64bits(bytes.data(), bytes.size());
}

}  // namespace pome::base
