#include "ops/call.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>

#include "base/half.h"
#include "base/text.h"
#include "pome/error.h"

namespace pome::ops {

using base::cat;
using base::quoted;

std::string Call::place() const {
  return op_ ? op_->place() : cat("operation ", quoted(def_->name));
}

void Call::fail(int param, std::string_view message) const {
  const auto& name = def_->params()[static_cast<std::size_t>(param)].name;
  throw Error(ErrorCode::parameters, cat(place(), ": parameter ", quoted(name), ": ", message));
}

void Call::fail(std::string_view message) const {
  throw Error(ErrorCode::parameters, cat(place(), ": ", message));
}

void Call::push_param(std::span<const Arg> args) {
  ranges_.push_back(
      {static_cast<std::uint16_t>(args_.size()), static_cast<std::uint16_t>(args.size())});
  for (const auto& a : args) args_.push_back(a);
}

namespace {

[[noreturn]] void fail_one(const Call& call, int param, std::span<const std::int64_t> dims) {
  call.fail(param, cat("expected one value, found shape ", base::shape_text(dims)));
}

void require_scalar(const Call& call, int param, const TensorView& value) {
  if (!value) call.fail(param, "must be known when the model is compiled, found a computed value");
  if (value.size() != 1) fail_one(call, param, value.dims);
}

}  // namespace

std::int64_t Call::int_or(int param, std::int64_t otherwise) const {
  if (!has(param)) return otherwise;
  const auto value = known(param);
  require_scalar(*this, param, value);
  if (is_float(value.dtype) || value.dtype == DataType::string) {
    fail(param, cat("expected an integer, found ", name(value.dtype)));
  }
  return load_i(value, 0);
}

double Call::float_or(int param, double otherwise) const {
  if (!has(param)) return otherwise;
  const auto value = known(param);
  require_scalar(*this, param, value);
  if (value.dtype == DataType::string) fail(param, "expected a number, found a string");
  return load_f(value, 0);
}

bool Call::bool_or(int param, bool otherwise) const {
  if (!has(param)) return otherwise;
  const auto value = known(param);
  require_scalar(*this, param, value);
  if (value.dtype != DataType::boolean) {
    fail(param, cat("expected a bool, found ", name(value.dtype)));
  }
  return load_i(value, 0) != 0;
}

std::string_view Call::string_or(int param, std::string_view otherwise) const {
  if (!has(param)) return otherwise;
  const auto value = known(param);
  require_scalar(*this, param, value);
  if (value.dtype != DataType::string) {
    fail(param, cat("expected a string, found ", name(value.dtype)));
  }
  return value.as<std::string>()[0];
}

Dims Call::ints_or(int param, Dims otherwise) const {
  if (!has(param)) return otherwise;
  const auto value = known(param);
  if (!value) fail(param, "must be known when the model is compiled, found a computed value");
  if (is_float(value.dtype) || value.dtype == DataType::string) {
    fail(param, cat("expected integers, found ", name(value.dtype)));
  }
  if (value.dims.size() > 1) {
    fail(param, cat("expected a vector, found shape ", base::shape_text(value.dims)));
  }
  Dims out;
  const auto n = value.size();
  for (std::int64_t i = 0; i < n; ++i) out.push_back(load_i(value, i));
  return out;
}

std::size_t Call::choice_or(int param, std::size_t otherwise,
                            std::span<const std::string_view> allowed) const {
  if (!has(param)) return otherwise;
  const auto text = string_or(param, {});
  const auto found = std::find(allowed.begin(), allowed.end(), text);
  if (found == allowed.end()) fail_choice(param, text, allowed);
  return static_cast<std::size_t>(found - allowed.begin());
}

void Call::fail_choice(int param, std::string_view found,
                       std::span<const std::string_view> allowed) const {
  const auto near = base::nearest(found, allowed);
  fail(param, cat("found ", quoted(found), ", expected ", base::list_text(allowed),
                  near.empty() ? std::string() : cat(" (did you mean ", quoted(near), "?)")));
}

void Call::expect_one(int param) const {
  for (int i = 0; i < count(param); ++i) {
    const auto& given = type(param, i);
    if (!given.is_tensor() || !given.ranked) continue;
    // Of a dimension that is known to be neither 1 nor open there cannot be one element.
    for (const auto d : given.dims) {
      if (ir::is_known(d) && d != 1) fail_one(*this, param, given.dims);
    }
  }
}

std::int64_t Call::axis(int param, std::int64_t value, std::size_t rank) const {
  const auto r = static_cast<std::int64_t>(rank);
  if (value < -r || value >= r) {
    fail(param, cat("axis ", value, " is outside a tensor of ", r, " dimensions, expected ", -r,
                    " to ", r - 1));
  }
  return value < 0 ? value + r : value;
}

void BookedMemory::refuse(std::int64_t bytes, std::string_view what) const {
  if (budget_) budget_->take(bytes, what);
  throw Error(ErrorCode::out_of_memory, cat(what, " needs more memory than there is"));
}

MutableTensorView EvalContext::out(std::size_t i, const Dims& dims) {
  auto& result = results_[i];
  if (result.tensor.dtype == DataType::invalid) {
    result.tensor = allocate_(i, dims);
  } else if (!std::ranges::equal(result.tensor.dims, dims)) {
    fail(cat("result ", static_cast<std::int64_t>(i), " has shape ", base::shape_text(dims),
             ", planned was ", base::shape_text(result.tensor.dims)));
  }
  return result.tensor;
}

MutableTensorView EvalContext::out(std::size_t i) {
  auto& result = results_[i];
  if (result.tensor.dtype == DataType::invalid) result.tensor = allocate_(i, result.type->dims);
  return result.tensor;
}

double load_f(const TensorView& tensor, std::int64_t i) noexcept {
  const auto at = static_cast<std::size_t>(i);
  switch (tensor.dtype) {
    case DataType::fp32: return static_cast<const float*>(tensor.data)[at];
    case DataType::fp64: return static_cast<const double*>(tensor.data)[at];
    case DataType::fp16:
      return base::f32_from_f16(static_cast<const std::uint16_t*>(tensor.data)[at]);
    case DataType::uint64:
      return static_cast<double>(static_cast<const std::uint64_t*>(tensor.data)[at]);
    default: return static_cast<double>(load_i(tensor, i));
  }
}

std::int64_t load_i(const TensorView& tensor, std::int64_t i) noexcept {
  const auto at = static_cast<std::size_t>(i);
  switch (tensor.dtype) {
    case DataType::boolean:
    case DataType::uint1:
    case DataType::uint2:
    case DataType::uint3:
    case DataType::uint4:
    case DataType::uint6:
    case DataType::uint8: return static_cast<const std::uint8_t*>(tensor.data)[at];
    case DataType::int4:
    case DataType::int8: return static_cast<const std::int8_t*>(tensor.data)[at];
    case DataType::int16: return static_cast<const std::int16_t*>(tensor.data)[at];
    case DataType::uint16: return static_cast<const std::uint16_t*>(tensor.data)[at];
    case DataType::int32: return static_cast<const std::int32_t*>(tensor.data)[at];
    case DataType::uint32: return static_cast<const std::uint32_t*>(tensor.data)[at];
    case DataType::int64: return static_cast<const std::int64_t*>(tensor.data)[at];
    case DataType::uint64:
      return static_cast<std::int64_t>(static_cast<const std::uint64_t*>(tensor.data)[at]);
    case DataType::fp16:
    case DataType::fp32:
    case DataType::fp64: return saturating_int(load_f(tensor, i));
    default: return 0;
  }
}

std::int64_t saturating_int(double value) noexcept {
  // The bounds are exact in double; NaN fails both comparisons and becomes 0.
  if (value >= 9223372036854775808.0) return std::numeric_limits<std::int64_t>::max();
  if (value < -9223372036854775808.0) return std::numeric_limits<std::int64_t>::min();
  return std::isnan(value) ? 0 : static_cast<std::int64_t>(value);
}

void store_f(const MutableTensorView& tensor, std::int64_t i, double value) noexcept {
  const auto at = static_cast<std::size_t>(i);
  switch (tensor.dtype) {
    case DataType::fp32: static_cast<float*>(tensor.data)[at] = static_cast<float>(value); break;
    case DataType::fp64: static_cast<double*>(tensor.data)[at] = value; break;
    case DataType::fp16:
      static_cast<std::uint16_t*>(tensor.data)[at] = base::f16_from_f32(static_cast<float>(value));
      break;
    case DataType::boolean: static_cast<std::uint8_t*>(tensor.data)[at] = value != 0; break;
    default: store_i(tensor, i, saturating_int(value)); break;
  }
}

void store_i(const MutableTensorView& tensor, std::int64_t i, std::int64_t value) noexcept {
  const auto at = static_cast<std::size_t>(i);
  switch (tensor.dtype) {
    case DataType::boolean: static_cast<std::uint8_t*>(tensor.data)[at] = value != 0; break;
    case DataType::int8:
    case DataType::uint8:
      static_cast<std::uint8_t*>(tensor.data)[at] = static_cast<std::uint8_t>(value);
      break;
    case DataType::int16:
    case DataType::uint16:
      static_cast<std::uint16_t*>(tensor.data)[at] = static_cast<std::uint16_t>(value);
      break;
    case DataType::int32:
    case DataType::uint32:
      static_cast<std::uint32_t*>(tensor.data)[at] = static_cast<std::uint32_t>(value);
      break;
    case DataType::int64:
    case DataType::uint64: static_cast<std::int64_t*>(tensor.data)[at] = value; break;
    case DataType::fp16:
    case DataType::fp32:
    case DataType::fp64: store_f(tensor, i, static_cast<double>(value)); break;
    default: break;
  }
}

Dims dense_strides(std::span<const std::int64_t> dims) {
  Dims strides(dims.size(), 1);
  for (std::size_t i = dims.size(); i-- > 1;) strides[i - 1] = strides[i] * dims[i];
  return strides;
}

bool broadcast(const Dims& a, const Dims& b, Dims& out) noexcept {
  const std::size_t rank = std::max(a.size(), b.size());
  Dims result(rank, 1);
  for (std::size_t i = 0; i < rank; ++i) {
    const std::int64_t x = i + a.size() >= rank ? a[i + a.size() - rank] : 1;
    const std::int64_t y = i + b.size() >= rank ? b[i + b.size() - rank] : 1;
    if (x == y || y == 1) {
      result[i] = x;
    } else if (x == 1) {
      result[i] = y;
    } else if (ir::is_known(x) && ir::is_known(y)) {
      return false;
    } else if (ir::is_known(x) || ir::is_known(y)) {
      // A known size over 1 decides: the unknown one must be it or 1.
      result[i] = ir::is_known(x) ? x : y;
    } else {
      result[i] = ir::unknown_dim;
    }
  }
  out = std::move(result);
  return true;
}

void fail_broadcast(const Call& call, int a, int b) {
  const auto params = call.def().params();
  call.fail(cat("parameters ", quoted(params[static_cast<std::size_t>(a)].name), " of shape ",
                base::shape_text(call.type(a).dims), " and ",
                quoted(params[static_cast<std::size_t>(b)].name), " of shape ",
                base::shape_text(call.type(b).dims), " cannot be broadcast together"));
}

Dims broadcast_strides(std::span<const std::int64_t> dims, std::span<const std::int64_t> to) {
  const Dims dense = dense_strides(dims);
  Dims strides(to.size(), 0);
  const std::size_t lead = to.size() - dims.size();
  for (std::size_t i = 0; i < dims.size(); ++i) {
    strides[lead + i] = dims[i] == 1 && to[lead + i] != 1 ? 0 : dense[i];
  }
  return strides;
}

IndexWalk::IndexWalk(std::span<const std::int64_t> dims, std::span<const Dims> strides)
    : dims_(dims), index_(dims.size(), 0), strides_(strides) {
  for (const auto d : dims) left_ *= d;
}

void IndexWalk::next() noexcept {
  --left_;
  for (std::size_t d = dims_.size(); d-- > 0;) {
    ++index_[d];
    for (std::size_t k = 0; k < strides_.size(); ++k) offsets_[k] += strides_[k][d];
    if (index_[d] < dims_[d]) return;
    for (std::size_t k = 0; k < strides_.size(); ++k) offsets_[k] -= strides_[k][d] * dims_[d];
    index_[d] = 0;
  }
}

}  // namespace pome::ops
