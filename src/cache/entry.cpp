#include "cache/entry.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <nlohmann/json.hpp>
#include <optional>
#include <system_error>

#include "base/atomic_file.h"
#include "base/descriptor.h"
#include "base/text.h"
#include "pome/error.h"

namespace pome::cache {
namespace {

namespace fs = std::filesystem;
using base::cat;
using nlohmann::json;

constexpr std::string_view magic = "POMEPACK";
constexpr std::uint64_t schema = 1;
constexpr std::size_t header_size = 128;
constexpr std::size_t signed_size = 64;  // of the header: what is before the SHA-256
constexpr std::size_t alignment = 64;
constexpr unsigned owner_reads = 0400;

std::size_t aligned(std::size_t offset) {
  return (offset + alignment - 1) / alignment * alignment;
}

void put(std::vector<std::byte>& out, std::uint64_t value) {
  for (int i = 0; i < 8; ++i) out.push_back(static_cast<std::byte>(value >> (8 * i)));
}

void put(std::vector<std::byte>& out, std::string_view text) {
  put(out, text.size());
  const auto bytes = std::as_bytes(std::span(text.data(), text.size()));
  out.insert(out.end(), bytes.begin(), bytes.end());
}

/// Reads what `put` wrote; every step is checked, the first that fails makes all later ones fail.
class Reader {
 public:
  explicit Reader(std::span<const std::byte> bytes) : left_(bytes) {}

  std::uint64_t number() {
    std::uint64_t value = 0;
    const auto bytes = take(8);
    for (std::size_t i = bytes.size(); i-- > 0;)
      value = value << 8 | std::to_integer<std::uint64_t>(bytes[i]);
    return value;
  }
  std::string_view text() {
    const auto bytes = take(number());
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
  }
  bool failed() const noexcept { return failed_; }
  bool done() const noexcept { return left_.empty(); }

 private:
  std::span<const std::byte> take(std::uint64_t n) {
    if (failed_ || n > left_.size()) {
      failed_ = true;
      return {};
    }
    const auto out = left_.first(static_cast<std::size_t>(n));
    left_ = left_.subspan(static_cast<std::size_t>(n));
    return out;
  }

  std::span<const std::byte> left_;
  bool failed_ = false;
};

json to_json(const EntryInfo& info) {
  json sources = json::array();
  for (const SourceFile& source : info.sources) {
    const auto& id = source.identity;
    sources.push_back({source.path, id.device, id.inode, id.size, id.modified, id.changed});
  }
  return {{"model", info.model},
          {"configuration", info.configuration},
          {"created", info.created},
          {"sources", std::move(sources)}};
}

// What a digest vouches for was written by us: its types are right.
void from_json(const json& value, EntryInfo& info) {
  info.model = value.at("model").get<std::string>();
  info.configuration = value.at("configuration").get<std::string>();
  info.created = value.at("created").get<std::int64_t>();
  for (const json& one : value.at("sources")) {
    info.sources.push_back({one.at(0).get<std::string>(),
                            {one.at(1).get<std::uint64_t>(), one.at(2).get<std::uint64_t>(),
                             one.at(3).get<std::int64_t>(), one.at(4).get<std::int64_t>(),
                             one.at(5).get<std::int64_t>()}});
  }
}

/// The index for packs that begin at `first`.
std::vector<std::byte> make_index(const EntryInfo& info, const NamedPacks& packs,
                                  std::size_t first) {
  std::vector<std::byte> out;
  // Paths may be any bytes; they are for people and for comparing with themselves.
  put(out, to_json(info).dump(-1, ' ', false, json::error_handler_t::replace));
  put(out, packs.size());
  for (const auto& [name, pack] : packs) {
    put(out, name);
    put(out, first);
    put(out, pack->bytes().size());
    put(out, base::xxh3(pack->bytes()));
    first = aligned(first + pack->bytes().size());
  }
  return out;
}

std::size_t size_of(const NamedPacks& packs, std::size_t first) {
  for (const auto& [name, pack] : packs) first = aligned(first + pack->bytes().size());
  return first;
}

/// Header and digest for an index.
std::vector<std::byte> make_header(const base::Digest& key, std::span<const std::byte> index,
                                   std::size_t file_size) {
  std::vector<std::byte> out;
  const auto text = std::as_bytes(std::span(magic.data(), magic.size()));
  out.insert(out.end(), text.begin(), text.end());
  put(out, schema);
  put(out, file_size);
  put(out, index.size());
  out.insert(out.end(), key.bytes.begin(), key.bytes.end());
  base::Sha256 digest;
  const auto sum = digest.update(out).update(index).finish();
  out.insert(out.end(), sum.bytes.begin(), sum.bytes.end());
  out.resize(header_size);
  return out;
}

[[noreturn]] void fail(const fs::path& file, std::string_view why) {
  throw Error(ErrorCode::io, cat("cache entry ", base::quoted(file.native()), ' ', why));
}

/// An entry must be ours, or the administrator's, and nobody else may be able to write to it.
void check_owner(const fs::path& file, const struct stat& status) {
  if (!S_ISREG(status.st_mode)) fail(file, "is no regular file");
  if (status.st_uid != ::geteuid() && status.st_uid != 0) fail(file, "belongs to another user");
  if ((status.st_mode & (S_IWGRP | S_IWOTH)) != 0) fail(file, "can be written to by others");
}

}  // namespace

void write_entry(const fs::path& file, const EntryInfo& info, const NamedPacks& packs) {
  // Offsets have a fixed width, so the size of the index does not depend on them.
  const std::size_t first = aligned(header_size + make_index(info, packs, 0).size());
  const auto index = make_index(info, packs, first);
  base::AtomicFile out(file, owner_reads);
  out.append(make_header(info.key, index, size_of(packs, first)));
  out.append(index);
  constexpr std::array<std::byte, alignment> zeros{};
  const auto pad = [&] {
    const auto size = static_cast<std::size_t>(out.size());
    out.append(std::span(zeros).first(aligned(size) - size));
  };
  pad();
  for (const auto& [name, pack] : packs) {
    out.append(pack->bytes());
    pad();
  }
  out.commit();
}

std::shared_ptr<const Entry> Entry::open(const fs::path& file) {
  const base::Descriptor fd(::open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
  if (!fd) fail(file, cat("cannot be opened: ", std::generic_category().message(errno)));
  struct stat status {};
  if (::fstat(fd.get(), &status) != 0) fail(file, "cannot be examined");
  check_owner(file, status);
  const auto size = static_cast<std::size_t>(status.st_size);
  if (size < header_size) fail(file, "is too short");
  void* const at = ::mmap(nullptr, size, PROT_READ, MAP_SHARED, fd.get(), 0);
  if (at == MAP_FAILED)
    fail(file, cat("cannot be mapped: ", std::generic_category().message(errno)));
  const std::shared_ptr<Entry> out(new Entry({static_cast<const std::byte*>(at), size}));
  out->read(file.native());
  return out;
}

Entry::~Entry() {
  ::munmap(const_cast<std::byte*>(bytes_.data()), bytes_.size());
}

void Entry::read(const std::string& name) {
  const auto header = bytes_.first(header_size);
  if (std::memcmp(header.data(), magic.data(), magic.size()) != 0) fail(name, "is no cache entry");
  Reader numbers(header.subspan(magic.size()));
  if (numbers.number() != schema) fail(name, "has another schema");
  const std::uint64_t file_size = numbers.number();
  const std::uint64_t index_size = numbers.number();
  if (file_size != bytes_.size() || index_size > bytes_.size() - header_size)
    fail(name, "is damaged: its size is not what it says");
  std::copy_n(header.begin() + 32, 32, info_.key.bytes.begin());
  const auto index = bytes_.subspan(header_size, static_cast<std::size_t>(index_size));
  base::Sha256 digest;
  const auto sum = digest.update(header.first(signed_size)).update(index).finish();
  if (!std::ranges::equal(sum.bytes, header.subspan(signed_size, 32)))
    fail(name, "is damaged: its index has another digest");
  Reader reader(index);
  try {
    from_json(json::parse(reader.text()), info_);
  } catch (const json::exception&) {
    fail(name, "is damaged: its description cannot be read");
  }
  const std::uint64_t count = reader.number();
  for (std::uint64_t i = 0; i < count && !reader.failed(); ++i) {
    std::string pack(reader.text());
    const std::uint64_t offset = reader.number();
    const std::uint64_t size = reader.number();
    const std::uint64_t checksum = reader.number();
    if (offset > bytes_.size() || size > bytes_.size() - offset || offset % alignment != 0)
      fail(name, "is damaged: a pack lies outside of it");
    packs_[std::move(pack)] = {
        bytes_.subspan(static_cast<std::size_t>(offset), static_cast<std::size_t>(size)), checksum};
  }
  if (reader.failed() || !reader.done()) fail(name, "is damaged: its index is incomplete");
}

std::shared_ptr<const exec::Pack> Entry::find(std::string_view name, std::size_t bytes) const {
  const auto found = packs_.find(name);
  if (found == packs_.end() || found->second.bytes.size() != bytes) return nullptr;
  return std::make_shared<const exec::Pack>(found->second.bytes, shared_from_this());
}

bool Entry::intact() const noexcept {
  return std::ranges::all_of(packs_, [](const auto& item) {
    return base::xxh3(item.second.bytes) == item.second.checksum;
  });
}

}  // namespace pome::cache
