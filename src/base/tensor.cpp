#include "base/tensor.h"

#include "base/checked.h"
#include "pome/error.h"

namespace pome::base {

HostTensor::HostTensor(DataType dtype, Dims dims) : dtype_(dtype), dims_(std::move(dims)) {
  const auto count = element_count(dims_);
  const auto bytes = count && dtype != DataType::string ? byte_count(*count, dtype) : count;
  if (!bytes) throw Error(ErrorCode::out_of_memory, "a tensor's size does not fit 64 bits");
  if (dtype == DataType::string) {
    strings_.resize(static_cast<std::size_t>(*count));
  } else {
    bytes_.resize(static_cast<std::size_t>(*bytes));
  }
}

HostTensor::HostTensor(Dims dims, std::vector<std::string> strings)
    : dtype_(DataType::string), dims_(std::move(dims)), strings_(std::move(strings)) {}

}  // namespace pome::base
