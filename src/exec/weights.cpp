#include "exec/weights.h"

#include <algorithm>
#include <cstring>

#include "base/checked.h"
#include "base/half.h"
#include "base/hash.h"
#include "base/text.h"
#include "ops/resolve.h"
#include "pome/error.h"

namespace pome::exec {
namespace {

using base::cat;
using base::HostTensor;

std::int64_t count_of(const ir::Type& type) {
  const auto count = base::element_count(type.dims);
  if (!count) throw Error(ErrorCode::parameters, cat("bad weight shape in ", ir::text(type)));
  return *count;
}

/// Elements of an immediate or a blob, packed as the file holds them.
class DenseWeight final : public Weight {
 public:
  DenseWeight(const ir::Constant& constant, const BlobReader& reader) : type_(constant.type) {
    const auto need = base::byte_count(count_of(type_), type_.dtype);
    if (const auto* blob = std::get_if<ir::BlobReference>(&constant.data)) {
      range_ = reader(*blob, type_);
      key_ = cat("blob ", blob->file, "+", blob->offset, " ", ir::text(type_));
    } else {
      memory_ = constant.bytes();
      range_.bytes = static_cast<std::int64_t>(memory_.size());
      // Its contents identify an immediate, in this process and in any other.
      key_ = cat("immediate ", base::xxh3(memory_), " ", ir::text(type_));
    }
    if (type_.dtype != DataType::string && (!need || range_.bytes < *need)) {
      throw Error(ErrorCode::io, cat("a weight of type ", ir::text(type_), " has ", range_.bytes,
                                     " bytes, expected ", need.value_or(-1)));
    }
    if (type_.dtype == DataType::string) {
      strings_ = HostTensor(type_.dims, {constant.strings().begin(), constant.strings().end()});
    }
  }

  DataType dtype() const noexcept override { return type_.dtype; }
  const Dims& dims() const noexcept override { return type_.dims; }
  Encoding encoding() const noexcept override { return Encoding::dense; }
  const std::string& key() const noexcept override { return key_; }

  void read_raw(std::int64_t first, std::span<std::byte> out) const override {
    const std::int64_t offset = first * bits(type_.dtype) / 8;
    if (range_.source) {
      range_.source->read(range_.offset + offset, out);
    } else if (!out.empty()) {
      std::memcpy(out.data(), memory_.data() + offset, out.size());
    }
  }

  void read(std::int64_t first, std::span<float> out) const override {
    constexpr std::int64_t tile = 4096;  // elements; a multiple of 8, so that tiles begin on bytes
    std::byte raw[tile * 8];
    // Sub-byte elements before `first` in its byte are expanded and dropped.
    const std::int64_t lead = bits(type_.dtype) < 8 ? first % 8 : 0;
    first -= lead;
    std::vector<std::byte> wide(static_cast<std::size_t>(tile) * 8);
    std::int64_t done = -lead;
    const auto total = static_cast<std::int64_t>(out.size());
    while (done < total) {
      const std::int64_t n = std::min(tile, total - done);
      const auto bytes = static_cast<std::size_t>(*base::byte_count(n, type_.dtype));
      read_raw(first, {raw, bytes});
      const Dims dims{n};
      const base::MutableTensorView view{wide.data(), base::storage_type(type_.dtype), dims};
      ops::unpack({raw, bytes}, type_.dtype, view);
      for (std::int64_t i = std::max<std::int64_t>(0, -done); i < n; ++i) {
        out[static_cast<std::size_t>(done + i)] = static_cast<float>(ops::load_f(view, i));
      }
      done += n;
      first += n;
    }
  }

  HostTensor tensor() const override {
    if (type_.dtype == DataType::string) return strings_;
    HostTensor out(base::storage_type(type_.dtype), type_.dims);
    const auto bytes = static_cast<std::size_t>(*base::byte_count(out.size(), type_.dtype));
    if (range_.source) {
      std::vector<std::byte> raw(bytes);
      read_raw(0, raw);
      ops::unpack(raw, type_.dtype, out.mutable_view());
    } else {
      ops::unpack(memory_.first(bytes), type_.dtype, out.mutable_view());
    }
    return out;
  }

 private:
  ir::Type type_;
  BlobRange range_;
  std::span<const std::byte> memory_;
  HostTensor strings_;
  std::string key_;
};

/// `result` is the position among the producer's results.
std::shared_ptr<const Weight> make_weight(const ir::Constant* constant, const ir::Op* producer,
                                          std::uint32_t result, const BlobReader& reader,
                                          bool round_f16, int depth);

/// A `constexpr_*` operation over constants.
class ExpressionWeight final : public Weight {
 public:
  ExpressionWeight(const ir::Op& op, std::uint32_t result, const BlobReader& reader, bool round_f16,
                   int depth)
      : op_(&op), result_(result), round_f16_(round_f16) {
    key_ = cat(op.type(), "#", result, "(");
    for (const auto& param : op.def->params()) {
      std::shared_ptr<const Weight> part;
      if (const auto* binding = op.input(param.name)) {
        const auto* value = binding->value;
        part = make_weight(binding->constant(), value ? value->producer : nullptr,
                           value ? value->index : 0, reader, round_f16, depth + 1);
        if (!part) {
          throw Error(ErrorCode::parameters,
                      cat(op.place(), ": parameter ", base::quoted(param.name),
                          " must be a constant or a constant expression"));
        }
        key_ += cat(param.name, "=", part->key(), ";");
      }
      parts_.push_back(std::move(part));
    }
    key_ += ")";
    // Whoever multiplies by the scales afterwards does not round.
    const bool rounded = round_f16 && dtype() == DataType::fp16;
    if (op.type() == "constexpr_affine_dequantize" && !rounded) encoding_ = Encoding::affine;
    if (op.type() == "constexpr_lut_to_dense" && part("shape") != nullptr) {
      encoding_ = Encoding::lut;
    }
  }

  DataType dtype() const noexcept override { return type().dtype; }
  const Dims& dims() const noexcept override { return type().dims; }
  Encoding encoding() const noexcept override { return encoding_; }
  const std::string& key() const noexcept override { return key_; }

  const Weight* part(std::string_view param) const noexcept override {
    const auto params = op_->def->params();
    for (std::size_t i = 0; i < params.size(); ++i) {
      if (params[i].name == param) return parts_[i].get();
    }
    return nullptr;
  }

  void read(std::int64_t first, std::span<float> out) const override {
    const auto whole = evaluate();
    const auto view = whole->view();
    for (std::size_t i = 0; i < out.size(); ++i) {
      out[i] = static_cast<float>(ops::load_f(view, first + static_cast<std::int64_t>(i)));
    }
  }

  HostTensor tensor() const override { return *evaluate(); }

 private:
  /// The expanded tensor, by the reference; kept while this object lives, which is while a kernel
  /// packs it.
  std::shared_ptr<const HostTensor> evaluate() const {
    const std::scoped_lock lock(mutex_);
    if (whole_) return whole_;
    std::vector<HostTensor> made;
    std::vector<ops::EvalContext::Result> results;
    made.reserve(op_->result_count());
    for (std::size_t i = 0; i < op_->result_count(); ++i) {
      const auto& declared = op_->result(i).type;
      made.emplace_back(base::storage_type(declared.dtype), declared.dims);
      results.push_back({&declared, made.back().mutable_view(), nullptr});
    }
    ops::EvalContext call(*op_->def, op_, results, {});
    std::vector<HostTensor> tensors;
    std::vector<ir::Type> types;
    tensors.reserve(parts_.size());
    types.reserve(parts_.size());
    for (const auto& part : parts_) {
      if (!part) {
        call.push_param({});
        continue;
      }
      tensors.push_back(part->tensor());
      types.push_back(ir::Type::tensor(part->dtype(), part->dims()));
      const ops::Call::Arg arg[] = {{&types.back(), tensors.back().view(), nullptr}};
      call.push_param(arg);
    }
    op_->def->evaluate(call);
    if (round_f16_ && dtype() == DataType::fp16) round(made[result_]);
    whole_ = std::make_shared<const HostTensor>(std::move(made[result_]));
    return whole_;
  }

  static void round(HostTensor& tensor) {
    auto* values = static_cast<float*>(tensor.mutable_view().data);
    std::transform(values, values + tensor.view().size(), values, base::round_to_f16);
  }

  const ir::Type& type() const noexcept { return op_->result(result_).type; }

  const ir::Op* op_;
  std::uint32_t result_;
  bool round_f16_;
  std::vector<std::shared_ptr<const Weight>> parts_;
  Encoding encoding_ = Encoding::other;
  std::string key_;
  mutable std::mutex mutex_;
  mutable std::shared_ptr<const HostTensor> whole_;
};

std::shared_ptr<const Weight> make_weight(const ir::Constant* constant, const ir::Op* producer,
                                          std::uint32_t result, const BlobReader& reader,
                                          bool round_f16, int depth) {
  constexpr int max_depth = 16;
  if (depth > max_depth) {
    throw Error(ErrorCode::parameters,
                cat("constant expressions are nested deeper than ", max_depth));
  }
  if (constant) return std::make_shared<DenseWeight>(*constant, reader);
  if (producer && producer->def && producer->def->effects == ops::Effects::compress) {
    return std::make_shared<ExpressionWeight>(*producer, result, reader, round_f16, depth);
  }
  return nullptr;
}

}  // namespace

void Weight::read_raw(std::int64_t, std::span<std::byte>) const {
  throw Error(ErrorCode::generic, "a constant expression has no raw bytes");
}

const Weight* Weight::part(std::string_view) const noexcept {
  return nullptr;
}

Pack::Pack(std::size_t size)
    : data_(static_cast<std::byte*>(
                ::operator new[](std::max<std::size_t>(size, 1), std::align_val_t{64})),
            [](std::byte* p) { ::operator delete[](p, std::align_val_t{64}); }),
      size_(size) {}

// Only whoever fills a pack writes to it, and this one is full.
Pack::Pack(std::span<const std::byte> bytes, std::shared_ptr<const void> owner)
    : data_(std::const_pointer_cast<void>(std::move(owner)), const_cast<std::byte*>(bytes.data())),
      size_(bytes.size()) {}

std::shared_ptr<const Weight> WeightStore::find(const ops::FlatFunction& flat, ops::ValueId id) {
  const auto& value = flat.values[id];
  const auto* producer = value.value ? value.value->producer : nullptr;
  try {
    return make_weight(value.constant, producer, value.value ? value.value->index : 0, reader_,
                       round_f16_, 0);
  } catch (Error& error) {
    if (producer) error.within(producer->place());
    throw;
  }
}

std::shared_ptr<const Pack> WeightStore::pack(const Weight& weight, std::string_view form,
                                              std::size_t bytes,
                                              const std::function<void(Pack&)>& fill) {
  // Held while packing: loads are single-threaded per model, and a second thread that wants the
  // same pack had to wait anyway.
  const std::scoped_lock lock(mutex_);
  auto name = cat(form, "|", weight.key());
  if (const auto found = packs_.find(name); found != packs_.end()) return found->second;
  budget_->take(static_cast<std::int64_t>(bytes), "packed weights");
  auto found = archive_ ? archive_->find(name, bytes) : nullptr;
  if (!found) {
    auto fresh = std::make_shared<Pack>(bytes);
    fill(*fresh);
    found = std::move(fresh);
    ++made_;
  }
  packed_bytes_ += static_cast<std::int64_t>(bytes);
  packs_.emplace(std::move(name), found);
  return found;
}

std::shared_ptr<const Pack> WeightStore::dense(const Weight& weight) {
  const auto type = base::storage_type(weight.dtype());
  if (type == DataType::string) {
    throw Error(ErrorCode::generic, "a tensor of strings has no dense pack");
  }
  const auto bytes = static_cast<std::size_t>(*base::byte_count(weight.size(), type));
  return pack(weight, "dense", bytes, [&](Pack& out) {
    if (type == DataType::fp32) {
      weight.read(0, {out.as<float>(), static_cast<std::size_t>(weight.size())});
    } else {
      const auto tensor = weight.tensor();
      if (bytes != 0) std::memcpy(out.bytes().data(), tensor.view().data, bytes);
    }
  });
}

std::int64_t WeightStore::packed_bytes() const noexcept {
  const std::scoped_lock lock(mutex_);
  return packed_bytes_;
}

std::vector<std::pair<std::string, std::shared_ptr<const Pack>>> WeightStore::packs() const {
  const std::scoped_lock lock(mutex_);
  return {packs_.begin(), packs_.end()};
}

std::size_t WeightStore::made() const noexcept {
  const std::scoped_lock lock(mutex_);
  return made_;
}

std::size_t WeightStore::pack_count() const noexcept {
  const std::scoped_lock lock(mutex_);
  return packs_.size();
}

}  // namespace pome::exec
