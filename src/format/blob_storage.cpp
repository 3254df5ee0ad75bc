#include "format/blob_storage.h"

#include <algorithm>
#include <array>

#include "base/checked.h"
#include "base/text.h"
#include "format/lfs_pointer.h"
#include "format/little_endian.h"
#include "pome/error.h"

namespace pome::format {
namespace {

using base::cat;

constexpr std::int64_t alignment = 64;
constexpr std::int64_t record_size = 64;  // of the header too
constexpr std::uint32_t version = 2;
constexpr std::uint32_t sentinel = 0xDEADBEEFU;

// Element types by code; code 0 does not exist.
constexpr std::array codes{
    DataType::invalid, DataType::fp16,      DataType::fp32,    DataType::uint8, DataType::int8,
    DataType::bf16,    DataType::int16,     DataType::uint16,  DataType::int4,  DataType::uint1,
    DataType::uint2,   DataType::uint4,     DataType::uint3,   DataType::uint6, DataType::int32,
    DataType::uint32,  DataType::fp8e4m3fn, DataType::fp8e5m2,
};

std::string hexadecimal(std::uint32_t value) {
  std::string out = "0x";
  for (int shift = 28; shift >= 0; shift -= 4) {
    out.push_back("0123456789ABCDEF"[(value >> shift) & 15U]);
  }
  return out;
}

using Record = std::array<std::byte, record_size>;

struct Fields {
  std::uint32_t sentinel = 0;
  std::uint32_t code = 0;
  std::uint64_t size = 0;
  std::uint64_t offset = 0;
  std::uint64_t unused_bits = 0;
};

Fields parse(const Record& bytes) noexcept {
  const std::span view(bytes);
  return {load<std::uint32_t>(view), load<std::uint32_t>(view.subspan(4)),
          load<std::uint64_t>(view.subspan(8)), load<std::uint64_t>(view.subspan(16)),
          load<std::uint64_t>(view.subspan(24))};
}

Record serialize(const Fields& fields) noexcept {
  Record out{};
  const std::span view(out);
  store(view, fields.sentinel);
  store(view.subspan(4), fields.code);
  store(view.subspan(8), fields.size);
  store(view.subspan(16), fields.offset);
  store(view.subspan(24), fields.unused_bits);
  return out;
}

// A record and the place it was read from, for messages.
class RecordReader {
 public:
  RecordReader(const base::ByteSource& source, std::uint64_t offset)
      : source_(source), offset_(offset) {}

  Blob read() const {
    const auto at = base::checked_cast<std::int64_t>(offset_);
    if (!at || *at < record_size || *at % alignment != 0) {
      fail(cat("no record can begin there, expected a multiple of ", alignment, " from ",
               record_size, " on"));
    }
    if (*at > source_.size() - record_size) {
      fail(cat("the record passes the end of the file, which has ", source_.size(), " bytes"));
    }
    Record bytes{};
    source_.read(*at, bytes);
    const Fields fields = parse(bytes);
    if (fields.sentinel != sentinel) {
      fail(cat("there is no record, its sentinel is ", hexadecimal(fields.sentinel), ", expected ",
               hexadecimal(sentinel)));
    }
    const DataType type = blob_type(fields.code);
    if (bits(type) == 0) {
      fail(cat("element type code ", fields.code, " is unknown, expected 1 to ", codes.size() - 1));
    }
    return with_elements(with_range(fields, *at, type), fields);
  }

 private:
  [[noreturn]] void fail(std::string_view why) const {
    throw Error(ErrorCode::io,
                cat(base::quoted(source_.name()), ", blob at offset ", offset_, ": ", why));
  }

  Blob with_range(const Fields& fields, std::int64_t at, DataType type) const {
    const auto offset = base::checked_cast<std::int64_t>(fields.offset);
    const auto size = base::checked_cast<std::int64_t>(fields.size);
    const auto end = offset && size ? base::checked_add(*offset, *size) : std::nullopt;
    if (!end || *end > source_.size()) {
      fail(cat(fields.size, " bytes at offset ", fields.offset,
               " pass the end of the file, which has ", source_.size(), " bytes"));
    }
    if (*offset % alignment != 0) {
      fail(cat("its bytes begin at offset ", *offset, ", expected a multiple of ", alignment));
    }
    if (*offset < record_size) fail("its bytes overlap the header of the file");
    if (*offset<at + record_size&& * end> at) fail("its bytes overlap its own record");
    Blob blob;
    blob.type = type;
    blob.offset = *offset;
    blob.size = *size;
    return blob;
  }

  Blob with_elements(Blob blob, const Fields& fields) const {
    const int width = bits(blob.type);
    if (width >= 8) {
      if (blob.size % (width / 8) != 0) fail(uneven(blob));
      blob.elements = blob.size / (width / 8);
      return blob;
    }
    if (fields.unused_bits >= 8 || (blob.size == 0 && fields.unused_bits != 0)) {
      fail(cat(fields.unused_bits, " unused bits in ", blob.size, " bytes, expected less than 8"));
    }
    blob.unused_bits = static_cast<int>(fields.unused_bits);
    // Counted in groups of eight elements, so that 8 * size cannot overflow.
    const std::int64_t tail = blob.size % width * 8 - blob.unused_bits;
    if (tail % width != 0) fail(uneven(blob));
    blob.elements = blob.size / width * 8 + tail / width;
    return blob;
  }

  std::string uneven(const Blob& blob) const {
    return cat(blob.size, " bytes with ", blob.unused_bits, " unused bits are no whole number of ",
               name(blob.type), " elements");
  }

  const base::ByteSource& source_;
  std::uint64_t offset_;
};

}  // namespace

std::optional<std::uint32_t> blob_code(DataType type) noexcept {
  for (std::uint32_t code = 1; code < codes.size(); ++code) {
    if (codes[code] == type) return code;
  }
  return std::nullopt;
}

DataType blob_type(std::uint32_t code) noexcept {
  return code < codes.size() ? codes[code] : DataType::invalid;
}

BlobFile::BlobFile(std::shared_ptr<const base::ByteSource> source) : source_(std::move(source)) {
  refuse_lfs_pointer(*source_);
  const std::string file = base::quoted(source_->name());
  if (source_->size() < record_size) {
    throw Error(ErrorCode::io,
                cat(file, " has ", source_->size(),
                    " bytes, expected a weight file with a header of ", record_size));
  }
  std::array<std::byte, 8> header{};
  source_->read(0, header);
  count_ = load<std::uint32_t>(header);
  const auto found = load<std::uint32_t>(std::span(header).subspan(4));
  if (found != version) {
    throw Error(ErrorCode::io, cat(file, " is no weight file of version ", version,
                                   ": its header says version ", found));
  }
}

Blob BlobFile::at(std::uint64_t offset) const {
  return RecordReader(*source_, offset).read();
}

Blob BlobFile::at(std::uint64_t offset, DataType type, std::int64_t elements) const {
  const Blob blob = at(offset);
  if (blob.type == type && blob.elements == elements) return blob;
  throw Error(ErrorCode::io, cat(base::quoted(source_->name()), ", blob at offset ", offset,
                                 ": holds ", blob.elements, " elements of ", name(blob.type),
                                 ", expected ", elements, " of ", name(type)));
}

std::vector<std::uint64_t> BlobFile::offsets(base::Budget& budget) const {
  if (count_ > source_->size() / record_size) {
    throw Error(ErrorCode::io, cat(base::quoted(source_->name()), ": the header claims ", count_,
                                   " blobs, more than the file has room for"));
  }
  budget.take(static_cast<std::int64_t>(count_) * 8, "the list of blobs");
  std::vector<std::uint64_t> out;
  out.reserve(count_);
  std::int64_t next = record_size;
  for (std::uint32_t i = 0; i < count_; ++i) {
    const Blob blob = at(static_cast<std::uint64_t>(next));
    if (blob.offset < next) {
      throw Error(ErrorCode::io, cat(base::quoted(source_->name()), ", blob at offset ", next,
                                     ": its bytes overlap an earlier blob"));
    }
    out.push_back(static_cast<std::uint64_t>(next));
    const auto end = base::align_up(blob.offset + blob.size, alignment);
    if (!end) break;  // only at the end of the largest file there is
    next = *end;
  }
  return out;
}

BlobWriter::BlobWriter(std::filesystem::path path) : file_(std::move(path)) {
  file_.append(Record{});
}

void BlobWriter::pad() {
  const Record zeros{};
  const auto over = static_cast<std::size_t>(file_.size() % alignment);
  if (over != 0) file_.append(std::span(zeros).first(alignment - over));
}

std::uint64_t BlobWriter::begin(DataType type, std::int64_t elements) {
  const auto code = blob_code(type);
  const auto size = base::byte_count(elements, type);
  if (!code || !size || missing_ != 0 || count_ == ~std::uint32_t{0}) {
    throw Error(ErrorCode::parameters,
                missing_ != 0
                    ? cat("a blob begins while the last one lacks ", missing_, " bytes")
                    : cat("a weight file cannot hold ", elements, " elements of ", name(type)));
  }
  pad();
  const std::int64_t at = file_.size();
  Fields fields{sentinel, *code, static_cast<std::uint64_t>(*size),
                static_cast<std::uint64_t>(at + record_size), 0};
  const int width = bits(type);
  if (width < 8) {
    fields.unused_bits = static_cast<std::uint64_t>((8 - elements % 8 * width % 8) % 8);
  }
  file_.append(serialize(fields));
  missing_ = *size;
  ++count_;
  return static_cast<std::uint64_t>(at);
}

void BlobWriter::append(std::span<const std::byte> bytes) {
  if (bytes.size() > static_cast<std::size_t>(missing_)) {
    throw Error(ErrorCode::parameters,
                cat("a blob gets ", bytes.size(), " bytes, expected at most ", missing_, " more"));
  }
  file_.append(bytes);
  missing_ -= static_cast<std::int64_t>(bytes.size());
}

std::uint64_t BlobWriter::add(DataType type, std::int64_t elements,
                              std::span<const std::byte> bytes) {
  const auto size = base::byte_count(elements, type);
  if (size && static_cast<std::size_t>(*size) != bytes.size()) {
    throw Error(ErrorCode::parameters, cat(elements, " elements of ", name(type), " take ", *size,
                                           " bytes, got ", bytes.size()));
  }
  const std::uint64_t at = begin(type, elements);
  append(bytes);
  return at;
}

void BlobWriter::commit() {
  if (missing_ != 0) {
    throw Error(ErrorCode::parameters, cat("the last blob lacks ", missing_, " bytes"));
  }
  std::array<std::byte, 8> header{};
  store(std::span(header), count_);
  store(std::span(header).subspan(4), version);
  file_.overwrite(0, header);
  file_.commit();
}

}  // namespace pome::format
