// Blob storage v2: the `weights/weight.bin` of ML Programs.
//
// The file is a 64-byte header and, for each blob, a 64-byte record followed by its bytes; records
// and bytes begin at multiples of 64. Everything is little endian.
//
//     header  u32 count of blobs, u32 version = 2, 56 bytes reserved
//     record  u32 sentinel 0xDEADBEEF, u32 element type, u64 size in bytes, u64 offset of the bytes
//             in the file, u64 unused bits in the last byte (sub-byte types only), 32 reserved
//
// A program names a blob by the offset of its record. Reserved fields (and the unused bits of
// types of whole bytes) were not initialised before iOS 18, so they are not looked at.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "base/atomic_file.h"
#include "base/budget.h"
#include "base/file.h"
#include "pome/data_type.h"

namespace pome::format {

/// One blob: where its elements lie in the file. The range has been checked against the file.
struct Blob {
  DataType type = DataType::invalid;
  std::int64_t offset = 0;    ///< of the first element's byte in the file
  std::int64_t size = 0;      ///< in bytes, unused bits included
  std::int64_t elements = 0;  ///< from size, type and unused bits
  int unused_bits = 0;        ///< at the end of the last byte, below 8; 0 for whole-byte types
};

/// Reads records of a blob file. Immutable and thread-safe; copies share the source.
class BlobFile {
 public:
  /// Checks the header. Throws Error{io}.
  explicit BlobFile(std::shared_ptr<const base::ByteSource> source);

  /// The blob whose record lies at `offset`. Throws Error{io} when there is no record, its type is
  /// unknown, or its bytes lie outside of the file, over the header or over the record.
  Blob at(std::uint64_t offset) const;

  /// As above, of a blob that must hold `elements` of `type`. Throws Error{io} when it does not.
  Blob at(std::uint64_t offset, DataType type, std::int64_t elements) const;

  /// Offsets of all records, found by walking the file from its beginning as writers lay it out.
  std::vector<std::uint64_t> offsets(base::Budget& budget) const;

  /// How many blobs the header claims.
  std::uint32_t count() const noexcept { return count_; }
  const std::shared_ptr<const base::ByteSource>& source() const noexcept { return source_; }

 private:
  std::shared_ptr<const base::ByteSource> source_;
  std::uint32_t count_ = 0;
};

/// Writes a blob file, one blob after the other; the file appears at `commit`. The same blobs make
/// the same bytes, which are those that coremltools writes. Not thread-safe. Throws Error{io}.
class BlobWriter {
 public:
  explicit BlobWriter(std::filesystem::path path);

  /// Adds a blob at once; returns the offset of its record. Throws Error{parameters} when the type
  /// has no code or `bytes` are not those of `elements`.
  std::uint64_t add(DataType type, std::int64_t elements, std::span<const std::byte> bytes);

  /// Adds a blob in pieces: `begin`, then `append` until its bytes are complete.
  std::uint64_t begin(DataType type, std::int64_t elements);
  void append(std::span<const std::byte> bytes);

  /// Writes the header and brings the file to its name. To be called once, last.
  void commit();

 private:
  void pad();

  base::AtomicFile file_;
  std::uint32_t count_ = 0;
  std::int64_t missing_ = 0;  // bytes that the blob in progress still needs
};

/// The format's code of an element type, or nothing when blobs cannot hold it.
std::optional<std::uint32_t> blob_code(DataType type) noexcept;
/// The element type of a code, or `invalid`.
DataType blob_type(std::uint32_t code) noexcept;

}  // namespace pome::format
