#include "pome/multi_array.h"

#include <algorithm>
#include <cstring>
#include <new>
#include <numeric>

#include "base/checked.h"
#include "base/inline_vector.h"
#include "base/text.h"
#include "features/element.h"
#include "features/shape_text.h"
#include "pome/error.h"

namespace pome {

using base::cat;
using base::Dims;

struct MultiArray::Impl {
  std::shared_ptr<const void> owner;
  const void* data = nullptr;
  DataType type = DataType::invalid;
  Dims shape;
  Dims strides;
  std::int64_t count = 0;
  bool dense = true;
  bool read_only = false;
};

namespace {

constexpr std::size_t alignment = 64;

[[noreturn]] void fail(std::string_view message) {
  throw Error(ErrorCode::parameters, cat("MultiArray: ", message));
}

std::int64_t checked_count(DataType type, std::span<const std::int64_t> shape) {
  if (!features::is_array_type(type))
    fail(cat("element type ", name(type), " is not one that an array can have"));
  const auto count = base::element_count(shape);
  if (!count || !base::byte_count(*count, type))
    fail(cat("shape (", features::shape_text(shape), ") has a negative dimension or is too large"));
  return *count;
}

Dims dense_strides(std::span<const std::int64_t> shape) {
  Dims strides(shape.size(), 1);
  for (std::size_t i = shape.size(); i-- > 1;)
    strides[i - 1] = strides[i] * std::max<std::int64_t>(shape[i], 1);
  return strides;
}

// Row-major without gaps: strides count only where a dimension has more than one element.
bool lies_dense(std::span<const std::int64_t> shape, std::span<const std::int64_t> strides) {
  std::int64_t expected = 1;
  for (std::size_t i = shape.size(); i-- > 0;) {
    if (shape[i] == 0) return true;
    if (shape[i] != 1 && strides[i] != expected) return false;
    expected *= shape[i];
  }
  return true;
}

std::shared_ptr<void> allocate(std::int64_t count, DataType type) {
  const auto bytes = static_cast<std::size_t>(std::max<std::int64_t>(1, count * bits(type) / 8));
  void* memory = ::operator new (bytes, std::align_val_t{alignment}, std::nothrow);
  if (memory == nullptr)
    throw Error(ErrorCode::out_of_memory,
                cat("MultiArray: no memory for ", base::size_text(bytes)));
  std::memset(memory, 0, bytes);
  return {memory, [](void* p) { ::operator delete (p, std::align_val_t{alignment}); }};
}

// Largest distance in bytes of an element from the first one must fit, so that addressing does.
void check_strides(std::span<const std::int64_t> shape, std::span<const std::int64_t> strides) {
  if (strides.size() != shape.size())
    fail(cat(strides.size(), " strides for a shape of ", shape.size(), " dimensions"));
  constexpr std::int64_t limit = std::int64_t{1} << 58;
  std::int64_t extent = 0;
  for (std::size_t i = 0; i < shape.size(); ++i) {
    const auto step = base::checked_mul(std::max<std::int64_t>(shape[i] - 1, 0), strides[i]);
    if (!step || *step > limit || *step < -limit) fail("strides are too large");
    extent += *step < 0 ? -*step : *step;
    if (extent > limit) fail("strides are too large");
  }
}

// Calls visit(offset in elements) for every index in row-major order.
template <typename Visit>
void for_each_offset(std::span<const std::int64_t> shape, std::span<const std::int64_t> strides,
                     std::int64_t count, Visit&& visit) {
  Dims index(shape.size(), 0);
  std::int64_t offset = 0;
  for (std::int64_t n = 0; n < count; ++n) {
    visit(offset);
    for (std::size_t d = shape.size(); d-- > 0;) {
      offset += strides[d];
      if (++index[d] < shape[d]) break;
      offset -= strides[d] * shape[d];
      index[d] = 0;
    }
  }
}

std::int64_t offset_of(const MultiArray& array, std::span<const std::int64_t> index) {
  const auto shape = array.shape();
  if (index.size() != shape.size())
    fail(cat("an index of ", index.size(), " numbers for an array of ", shape.size(),
             " dimensions"));
  std::int64_t offset = 0;
  for (std::size_t i = 0; i < shape.size(); ++i) {
    if (index[i] < 0 || index[i] >= shape[i])
      fail(cat("index ", index[i], " of dimension ", i, " is outside 0..", shape[i] - 1));
    offset += index[i] * array.strides()[i];
  }
  return offset;
}

}  // namespace

MultiArray::MultiArray() noexcept = default;

MultiArray::MultiArray(DataType type, std::span<const std::int64_t> shape) {
  auto impl = std::make_shared<Impl>();
  impl->count = checked_count(type, shape);
  impl->type = type;
  impl->shape = Dims(shape);
  impl->strides = dense_strides(shape);
  impl->owner = allocate(impl->count, type);
  impl->data = impl->owner.get();
  impl_ = std::move(impl);
}

MultiArray::MultiArray(DataType type, std::initializer_list<std::int64_t> shape)
    : MultiArray(type, std::span<const std::int64_t>(shape.begin(), shape.size())) {}

MultiArray MultiArray::copy_of(std::span<const std::byte> bytes, DataType type,
                               std::span<const std::int64_t> shape) {
  const auto needed = base::byte_count(checked_count(type, shape), type).value_or(0);
  if (std::cmp_not_equal(bytes.size(), needed))
    fail(cat(bytes.size(), " bytes given, shape (", features::shape_text(shape), ") of ",
             name(type), " takes ", needed));
  MultiArray out(type, shape);
  if (!bytes.empty()) std::memcpy(out.mutable_data(), bytes.data(), bytes.size());
  return out;
}

MultiArray MultiArray::wrap_const(const void* data, DataType type,
                                  std::span<const std::int64_t> shape,
                                  std::span<const std::int64_t> strides,
                                  std::shared_ptr<const void> owner) {
  auto impl = std::make_shared<Impl>();
  impl->count = checked_count(type, shape);
  impl->type = type;
  impl->shape = Dims(shape);
  impl->strides = strides.empty() ? dense_strides(shape) : Dims(strides);
  check_strides(shape, impl->strides);
  if (data == nullptr && impl->count > 0) fail("no data to wrap");
  const auto unit = static_cast<std::uintptr_t>(std::max(1, bits(type) / 8));
  if (reinterpret_cast<std::uintptr_t>(data) % unit != 0)
    fail(cat("data at an address that is not aligned for ", name(type)));
  impl->dense = lies_dense(impl->shape, impl->strides);
  impl->data = data;
  impl->owner = std::move(owner);
  impl->read_only = true;
  MultiArray out;
  out.impl_ = std::move(impl);
  return out;
}

MultiArray MultiArray::wrap(void* data, DataType type, std::span<const std::int64_t> shape,
                            std::span<const std::int64_t> strides,
                            std::shared_ptr<const void> owner) {
  const MultiArray constant = wrap_const(data, type, shape, strides, std::move(owner));
  auto impl = std::make_shared<Impl>(*constant.impl_);
  impl->read_only = false;
  MultiArray out;
  out.impl_ = std::move(impl);
  return out;
}

DataType MultiArray::data_type() const noexcept {
  return impl_ ? impl_->type : DataType::invalid;
}

std::span<const std::int64_t> MultiArray::shape() const noexcept {
  return impl_ ? std::span<const std::int64_t>(impl_->shape) : std::span<const std::int64_t>();
}

std::span<const std::int64_t> MultiArray::strides() const noexcept {
  return impl_ ? std::span<const std::int64_t>(impl_->strides) : std::span<const std::int64_t>();
}

std::int64_t MultiArray::count() const noexcept {
  return impl_ ? impl_->count : 0;
}
bool MultiArray::is_dense() const noexcept {
  return !impl_ || impl_->dense;
}
bool MultiArray::is_read_only() const noexcept {
  return impl_ && impl_->read_only;
}
const void* MultiArray::data() const noexcept {
  return impl_ ? impl_->data : nullptr;
}

void* MultiArray::mutable_data() {
  if (is_read_only()) fail("the memory was wrapped for reading only");
  return const_cast<void*>(data());  // NOLINT: it came in through wrap(void*) or was allocated here
}

void MultiArray::check_access(DataType wanted) const {
  if (wanted != data_type())
    throw Error(ErrorCode::feature_type,
                cat("MultiArray: the elements are ", name(data_type()), ", not ", name(wanted)));
  if (!is_dense()) fail("the elements do not lie dense; clone() makes a dense copy");
}

double MultiArray::at(std::span<const std::int64_t> index) const {
  if (!impl_) fail("the array is empty");
  const std::int64_t offset = offset_of(*this, index);
  double out = 0;
  features::visit_element_type(data_type(), [&](auto element) {
    using T = decltype(element);
    out = features::convert_element<double>(static_cast<const T*>(data())[offset]);
  });
  return out;
}

double MultiArray::at(std::initializer_list<std::int64_t> index) const {
  return at(std::span<const std::int64_t>(index.begin(), index.size()));
}

void MultiArray::set(std::initializer_list<std::int64_t> index, double value) {
  if (!impl_) fail("the array is empty");
  const std::int64_t offset =
      offset_of(*this, std::span<const std::int64_t>(index.begin(), index.size()));
  void* target = mutable_data();
  features::visit_element_type(data_type(), [&](auto element) {
    using T = decltype(element);
    static_cast<T*>(target)[offset] = features::convert_element<T>(value);
  });
}

MultiArray MultiArray::clone() const {
  return impl_ ? converted_to(data_type()) : MultiArray();
}

MultiArray MultiArray::converted_to(DataType type) const {
  if (!impl_) fail("the array is empty");
  MultiArray out(type, shape());
  if (type == data_type() && is_dense()) {
    if (count() > 0)
      std::memcpy(out.mutable_data(), data(), static_cast<std::size_t>(count()) * bits(type) / 8);
    return out;
  }
  void* target = out.mutable_data();
  features::visit_element_type(data_type(), [&](auto from) {
    using From = decltype(from);
    const auto* source = static_cast<const From*>(data());
    features::visit_element_type(type, [&](auto to) {
      using To = decltype(to);
      auto* next = static_cast<To*>(target);
      for_each_offset(shape(), strides(), count(), [&](std::int64_t offset) {
        *next++ = features::convert_element<To>(source[offset]);
      });
    });
  });
  return out;
}

MultiArray MultiArray::reshaped(std::span<const std::int64_t> shape) const {
  if (!impl_) fail("the array is empty");
  const std::int64_t wanted = checked_count(data_type(), shape);
  if (wanted != count())
    fail(cat("shape (", features::shape_text(shape), ") has ", wanted, " elements, the array ",
             count()));
  const MultiArray source = is_dense() ? *this : clone();
  auto impl = std::make_shared<Impl>(*source.impl_);
  impl->shape = Dims(shape);
  impl->strides = dense_strides(shape);
  impl->dense = true;
  MultiArray out;
  out.impl_ = std::move(impl);
  return out;
}

std::string MultiArray::text() const {
  return cat("MultiArray (", name(data_type()), ", ", features::shape_text(shape()), ")");
}

Float16::Float16(float value) noexcept : bits(base::f16_from_f32(value)) {}
Float16::operator float() const noexcept {
  return base::f32_from_f16(bits);
}

}  // namespace pome
