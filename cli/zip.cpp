#include "zip.h"

#include <zlib.h>

#include <algorithm>
#include <array>
#include <limits>

#include "base/checked.h"
#include "base/text.h"
#include "pome/error.h"

namespace pome::cli {

using base::cat;

namespace {

constexpr std::uint32_t local_magic = 0x04034b50;
constexpr std::uint32_t central_magic = 0x02014b50;
constexpr std::uint32_t end_magic = 0x06054b50;
constexpr std::uint32_t end64_magic = 0x06064b50;
constexpr std::uint32_t locator64_magic = 0x07064b50;
constexpr std::size_t local_size = 30;
constexpr std::size_t central_size = 46;
constexpr std::size_t end_size = 22;
constexpr std::size_t end64_size = 56;
constexpr std::size_t locator64_size = 20;
constexpr std::uint32_t in_extra = 0xffffffff;  // the value is in the zip64 field
constexpr std::uint16_t date = 0x21;            // 1 January 1980

[[noreturn]] void damaged(const std::string& name, std::string_view why) {
  throw Error(ErrorCode::io, cat(base::quoted(name), " is a damaged .npz archive: ", why));
}

// Little-endian numbers of a record whose size has been checked.
template <typename T>
T number(std::span<const std::byte> bytes, std::size_t at) {
  T out = 0;
  for (std::size_t i = 0; i < sizeof(T); ++i)
    out = static_cast<T>(out | static_cast<T>(static_cast<T>(bytes[at + i]) << (8 * i)));
  return out;
}

template <typename T>
void put(std::vector<std::byte>& out, T value) {
  for (std::size_t i = 0; i < sizeof(T); ++i)
    out.push_back(static_cast<std::byte>((value >> (8 * i)) & 0xff));
}

std::int64_t to_size(std::uint64_t value, const std::string& name) {
  const auto out = base::checked_cast<std::int64_t>(value);
  if (!out) damaged(name, "a size does not fit");
  return *out;
}

std::vector<std::byte> read_range(const base::ByteSource& file, std::int64_t offset,
                                  std::int64_t size, base::Budget& budget) {
  const auto end = base::checked_add(offset, size);
  if (offset < 0 || size < 0 || !end || *end > file.size())
    damaged(file.name(), "a part of it lies beyond its end");
  budget.take(size, "an .npz archive");
  std::vector<std::byte> out(static_cast<std::size_t>(size));
  file.read(offset, out);
  return out;
}

struct Directory {
  std::int64_t offset = 0;
  std::int64_t size = 0;
  std::int64_t entries = 0;
};

// The record at the end of the archive, found from behind over a comment of any length.
Directory find_directory(const base::ByteSource& file, base::Budget& budget) {
  constexpr std::int64_t longest = 65535 + end_size;
  const std::int64_t length = std::min(file.size(), longest);
  const std::int64_t start = file.size() - length;
  const auto tail = read_range(file, start, length, budget);
  if (tail.size() < end_size) damaged(file.name(), "it is cut short");
  std::size_t at = tail.size() - end_size;
  while (number<std::uint32_t>(tail, at) != end_magic) {
    if (at == 0) damaged(file.name(), "its directory is missing, the file may be cut short");
    --at;
  }
  const std::span<const std::byte> end(tail.data() + at, tail.size() - at);
  Directory out{number<std::uint32_t>(end, 16), number<std::uint32_t>(end, 12),
                number<std::uint16_t>(end, 10)};
  const std::int64_t locator_at =
      start + static_cast<std::int64_t>(at) - std::int64_t{locator64_size};
  if (locator_at < 0) return out;
  const auto locator = read_range(file, locator_at, locator64_size, budget);
  if (number<std::uint32_t>(locator, 0) != locator64_magic) return out;
  const auto end64 =
      read_range(file, to_size(number<std::uint64_t>(locator, 8), file.name()), end64_size, budget);
  if (number<std::uint32_t>(end64, 0) != end64_magic)
    damaged(file.name(), "its zip64 directory is missing");
  return {to_size(number<std::uint64_t>(end64, 48), file.name()),
          to_size(number<std::uint64_t>(end64, 40), file.name()),
          to_size(number<std::uint64_t>(end64, 32), file.name())};
}

// Sizes and offset that did not fit in 32 bits stand in the extra field with number 1.
void read_extra(ZipEntry& entry, std::span<const std::byte> extra,
                std::span<const std::byte> record, const std::string& name) {
  while (extra.size() >= 4) {
    const auto id = number<std::uint16_t>(extra, 0);
    const std::size_t size = number<std::uint16_t>(extra, 2);
    if (extra.size() - 4 < size) damaged(name, "an extra field passes its end");
    if (id == 1) {
      std::span<const std::byte> rest = extra.subspan(4, size);
      const auto take = [&](std::size_t at, std::int64_t& value) {
        if (number<std::uint32_t>(record, at) != in_extra) return;
        if (rest.size() < 8) damaged(name, "a zip64 field is cut short");
        value = to_size(number<std::uint64_t>(rest, 0), name);
        rest = rest.subspan(8);
      };
      take(24, entry.size);
      take(20, entry.compressed_size);
      take(42, entry.offset);
    }
    extra = extra.subspan(4 + size);
  }
}

std::vector<std::byte> inflated(std::span<const std::byte> bytes, const ZipEntry& entry,
                                const std::string& name, base::Budget& budget) {
  // Deflate cannot shrink below 1:1032; a larger claim is a lie that must not be allocated.
  if (entry.size / 1040 > entry.compressed_size + 64)
    damaged(name, cat("entry ", base::quoted(entry.name), " claims more bytes than it can hold"));
  budget.take(entry.size, "an .npz archive");
  std::vector<std::byte> out(static_cast<std::size_t>(entry.size));
  z_stream stream{};
  if (inflateInit2(&stream, -MAX_WBITS) != Z_OK)
    throw Error(ErrorCode::out_of_memory, "out of memory");
  std::size_t read = 0;
  std::size_t written = 0;
  int status = Z_OK;
  constexpr std::size_t chunk = std::numeric_limits<uInt>::max() / 2;
  while (status == Z_OK) {
    const std::size_t in = std::min(bytes.size() - read, chunk);
    const std::size_t room = std::min(out.size() - written, chunk);
    // zlib does not write through next_in; its older interface only lacks the const.
    stream.next_in = reinterpret_cast<Bytef*>(const_cast<std::byte*>(bytes.data() + read));
    stream.avail_in = static_cast<uInt>(in);
    stream.next_out = reinterpret_cast<Bytef*>(out.data() + written);
    stream.avail_out = static_cast<uInt>(room);
    status = inflate(&stream, Z_NO_FLUSH);
    read += in - stream.avail_in;
    written += room - stream.avail_out;
    if (stream.avail_in == in && stream.avail_out == room) break;  // no progress: cut short
  }
  inflateEnd(&stream);
  if (status != Z_STREAM_END || written != out.size())
    damaged(name, cat("entry ", base::quoted(entry.name), " cannot be unpacked"));
  return out;
}

std::uint32_t checksum_of(std::span<const std::byte> bytes) {
  uLong out = crc32(0, nullptr, 0);
  constexpr std::size_t chunk = std::size_t{1} << 30;
  while (!bytes.empty()) {
    const std::size_t size = std::min(bytes.size(), chunk);
    out = crc32(out, reinterpret_cast<const Bytef*>(bytes.data()), static_cast<uInt>(size));
    bytes = bytes.subspan(size);
  }
  return static_cast<std::uint32_t>(out);
}

}  // namespace

std::vector<ZipEntry> read_zip_directory(const base::ByteSource& file, base::Budget& budget) {
  const Directory directory = find_directory(file, budget);
  const auto bytes = read_range(file, directory.offset, directory.size, budget);
  std::span<const std::byte> rest(bytes);
  std::vector<ZipEntry> out;
  for (std::int64_t i = 0; i < directory.entries; ++i) {
    if (rest.size() < central_size || number<std::uint32_t>(rest, 0) != central_magic)
      damaged(file.name(), "its directory is cut short");
    const std::size_t name_size = number<std::uint16_t>(rest, 28);
    const std::size_t extra_size = number<std::uint16_t>(rest, 30);
    const std::size_t comment_size = number<std::uint16_t>(rest, 32);
    const std::size_t whole = central_size + name_size + extra_size + comment_size;
    if (rest.size() < whole) damaged(file.name(), "its directory is cut short");
    ZipEntry entry;
    entry.name.assign(reinterpret_cast<const char*>(rest.data()) + central_size, name_size);
    entry.method = number<std::uint16_t>(rest, 10);
    entry.checksum = number<std::uint32_t>(rest, 16);
    entry.compressed_size = number<std::uint32_t>(rest, 20);
    entry.size = number<std::uint32_t>(rest, 24);
    entry.offset = number<std::uint32_t>(rest, 42);
    if ((number<std::uint16_t>(rest, 8) & 1U) != 0)
      damaged(file.name(), cat("entry ", base::quoted(entry.name), " is encrypted"));
    read_extra(entry, rest.subspan(central_size + name_size, extra_size), rest, file.name());
    out.push_back(std::move(entry));
    rest = rest.subspan(whole);
  }
  return out;
}

std::vector<std::byte> read_zip_entry(const base::ByteSource& file, const ZipEntry& entry,
                                      base::Budget& budget) {
  const auto local = read_range(file, entry.offset, local_size, budget);
  if (number<std::uint32_t>(local, 0) != local_magic)
    damaged(file.name(),
            cat("entry ", base::quoted(entry.name), " is not where its directory says"));
  const std::int64_t names =
      std::int64_t{number<std::uint16_t>(local, 26)} + number<std::uint16_t>(local, 28);
  auto bytes = read_range(file, entry.offset + std::int64_t{local_size} + names,
                          entry.compressed_size, budget);
  if (entry.method == 8) {
    auto whole = inflated(bytes, entry, file.name(), budget);
    budget.give_back(entry.compressed_size);
    bytes = std::move(whole);
  } else if (entry.method != 0) {
    damaged(file.name(), cat("entry ", base::quoted(entry.name), " is packed by method ",
                             entry.method, ", expected stored or deflated"));
  }
  const bool whole = static_cast<std::int64_t>(bytes.size()) == entry.size;
  if (!whole || checksum_of(bytes) != entry.checksum)
    damaged(file.name(), cat("entry ", base::quoted(entry.name), " does not match its checksum"));
  return bytes;
}

void ZipWriter::add(const std::string& name, std::span<const std::byte> bytes) {
  ZipEntry entry{name,
                 0,
                 checksum_of(bytes),
                 static_cast<std::int64_t>(bytes.size()),
                 static_cast<std::int64_t>(bytes.size()),
                 file_.size()};
  std::vector<std::byte> head;
  put<std::uint32_t>(head, local_magic);
  put<std::uint16_t>(head, 45);  // version that knows zip64
  put<std::uint16_t>(head, 0);
  put<std::uint16_t>(head, 0);  // stored
  put<std::uint16_t>(head, 0);
  put<std::uint16_t>(head, date);
  put<std::uint32_t>(head, entry.checksum);
  put<std::uint32_t>(head, in_extra);
  put<std::uint32_t>(head, in_extra);
  put<std::uint16_t>(head, static_cast<std::uint16_t>(name.size()));
  put<std::uint16_t>(head, 20);
  for (const char c : name) head.push_back(static_cast<std::byte>(c));
  put<std::uint16_t>(head, 1);
  put<std::uint16_t>(head, 16);
  put<std::uint64_t>(head, static_cast<std::uint64_t>(entry.size));
  put<std::uint64_t>(head, static_cast<std::uint64_t>(entry.size));
  file_.append(head);
  file_.append(bytes);
  entries_.push_back(std::move(entry));
}

void ZipWriter::commit() {
  const std::int64_t start = file_.size();
  std::vector<std::byte> out;
  for (const ZipEntry& entry : entries_) {
    put<std::uint32_t>(out, central_magic);
    put<std::uint16_t>(out, 45);
    put<std::uint16_t>(out, 45);
    for (int i = 0; i < 3; ++i) put<std::uint16_t>(out, 0);  // flags, stored, time
    put<std::uint16_t>(out, date);
    put<std::uint32_t>(out, entry.checksum);
    put<std::uint32_t>(out, in_extra);
    put<std::uint32_t>(out, in_extra);
    put<std::uint16_t>(out, static_cast<std::uint16_t>(entry.name.size()));
    put<std::uint16_t>(out, 28);
    for (int i = 0; i < 3; ++i) put<std::uint16_t>(out, 0);  // comment, disk, inner attributes
    put<std::uint32_t>(out, 0);
    put<std::uint32_t>(out, in_extra);
    for (const char c : entry.name) out.push_back(static_cast<std::byte>(c));
    put<std::uint16_t>(out, 1);
    put<std::uint16_t>(out, 24);
    put<std::uint64_t>(out, static_cast<std::uint64_t>(entry.size));
    put<std::uint64_t>(out, static_cast<std::uint64_t>(entry.size));
    put<std::uint64_t>(out, static_cast<std::uint64_t>(entry.offset));
  }
  const std::uint64_t size = out.size();
  const std::uint64_t count = entries_.size();
  const auto at = static_cast<std::uint64_t>(start);
  put<std::uint32_t>(out, end64_magic);
  put<std::uint64_t>(out, end64_size - 12);
  put<std::uint16_t>(out, 45);
  put<std::uint16_t>(out, 45);
  put<std::uint64_t>(out, 0);
  put<std::uint64_t>(out, count);
  put<std::uint64_t>(out, count);
  put<std::uint64_t>(out, size);
  put<std::uint64_t>(out, at);
  put<std::uint32_t>(out, locator64_magic);
  put<std::uint32_t>(out, 0);
  put<std::uint64_t>(out, at + size);
  put<std::uint32_t>(out, 1);
  put<std::uint32_t>(out, end_magic);
  put<std::uint32_t>(out, 0);
  put<std::uint16_t>(out, static_cast<std::uint16_t>(std::min<std::uint64_t>(count, 0xffff)));
  put<std::uint16_t>(out, static_cast<std::uint16_t>(std::min<std::uint64_t>(count, 0xffff)));
  put<std::uint32_t>(out, in_extra);
  put<std::uint32_t>(out, in_extra);
  put<std::uint16_t>(out, 0);
  file_.append(out);
  file_.commit();
}

}  // namespace pome::cli
