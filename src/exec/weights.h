// Weights: constant expressions as kernels read them, and the packs made from them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <new>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/budget.h"
#include "base/file.h"
#include "base/tensor.h"
#include "ir/constant.h"
#include "ops/flat.h"

namespace pome::exec {

using base::Dims;

/// Where the elements of a blob lie: found, checked against the declared type.
struct BlobRange {
  std::shared_ptr<const base::ByteSource> source;
  std::int64_t offset = 0;
  std::int64_t bytes = 0;
};

/// Finds the range of a blob reference whose elements must be of `type`.
/// Throws Error{io} when there is none, or its type or size differ.
using BlobReader = std::function<BlobRange(const ir::BlobReference&, const ir::Type& type)>;

/// A constant tensor: an immediate, a blob range, or a `constexpr_*` operation over constants.
/// Immutable and thread-safe; elements are read when asked for, tile by tile.
class Weight {
 public:
  enum class Encoding : std::uint8_t { dense, affine, lut, other };

  virtual ~Weight() = default;
  virtual DataType dtype() const noexcept = 0;  ///< declared element type of the tensor
  virtual const Dims& dims() const noexcept = 0;
  virtual Encoding encoding() const noexcept = 0;
  /// Identity of the contents: equal keys are equal elements.
  virtual const std::string& key() const noexcept = 0;

  /// Elements [first, first + out.size()) in row-major order, expanded to fp32.
  virtual void read(std::int64_t first, std::span<float> out) const = 0;
  /// Dense weights: packed bytes as the file holds them, in the declared type.
  virtual void read_raw(std::int64_t first, std::span<std::byte> out) const;
  /// The constant argument of a `constexpr_*` weight with this parameter name; null when absent.
  virtual const Weight* part(std::string_view param) const noexcept;
  /// Small constants as tensors in their storage type (whole). For parts and integer weights.
  virtual base::HostTensor tensor() const = 0;

  std::int64_t size() const noexcept {
    std::int64_t n = 1;
    for (const auto d : dims()) n *= d;
    return n;
  }
};

/// 64-byte aligned, immutable bytes: a weight in the form that one kernel family reads.
class Pack {
 public:
  explicit Pack(std::size_t size);
  /// Bytes that lie in memory already (a mapped file), aligned and never written to; `owner` keeps
  /// them there.
  Pack(std::span<const std::byte> bytes, std::shared_ptr<const void> owner);

  std::span<std::byte> bytes() noexcept { return {data_.get(), size_}; }
  std::span<const std::byte> bytes() const noexcept { return {data_.get(), size_}; }
  template <typename T>
  const T* as() const noexcept {
    return reinterpret_cast<const T*>(data_.get());
  }
  template <typename T>
  T* as() noexcept {
    return reinterpret_cast<T*>(data_.get());
  }

 private:
  std::shared_ptr<std::byte> data_;
  std::size_t size_;
};

/// Packs that were made before, by the names that WeightStore gives them. Immutable, thread-safe.
class PackArchive {
 public:
  virtual ~PackArchive() = default;
  /// The pack of this name, or null when there is none of exactly this size.
  virtual std::shared_ptr<const Pack> find(std::string_view name, std::size_t bytes) const = 0;
};

/// Packs of one model, shared by all its functions and input signatures. Thread-safe.
class WeightStore {
 public:
  /// `round_f16`: expanded weights that are declared fp16 are rounded to it, for as-declared
  /// numerics. `archive` is asked for a pack before it is made; null: every pack is made.
  WeightStore(BlobReader reader, std::shared_ptr<base::Budget> budget, bool round_f16 = false,
              std::shared_ptr<const PackArchive> archive = nullptr)
      : reader_(std::move(reader)),
        budget_(std::move(budget)),
        round_f16_(round_f16),
        archive_(std::move(archive)) {}

  /// The weight behind a value of a flat function, or null when it is not a constant expression.
  std::shared_ptr<const Weight> find(const ops::FlatFunction& flat, ops::ValueId id);

  /// The pack of a weight in the named form, made by `fill` when it is not there yet.
  /// `form` names layout and element type ("gemm_a_f16_m8"): equal weight and form, equal pack.
  std::shared_ptr<const Pack> pack(const Weight& weight, std::string_view form, std::size_t bytes,
                                   const std::function<void(Pack&)>& fill);

  /// The weight as a dense tensor of its storage type (fp16 as fp32): what references read.
  std::shared_ptr<const Pack> dense(const Weight& weight);

  std::int64_t packed_bytes() const noexcept;
  std::size_t pack_count() const noexcept;

  /// All packs with their names, which are the same in every process that loads the same model.
  std::vector<std::pair<std::string, std::shared_ptr<const Pack>>> packs() const;
  /// How many packs were made because the archive did not have them.
  std::size_t made() const noexcept;

 private:
  BlobReader reader_;
  std::shared_ptr<base::Budget> budget_;
  bool round_f16_;
  std::shared_ptr<const PackArchive> archive_;
  mutable std::mutex mutex_;
  std::map<std::string, std::shared_ptr<const Pack>> packs_;
  std::int64_t packed_bytes_ = 0;
  std::size_t made_ = 0;
};

}  // namespace pome::exec
