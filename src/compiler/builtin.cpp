#include "compiler/builtin.h"

#include <cstring>

#include "base/checked.h"
#include "base/half.h"

namespace pome::compiler {

using exec::Status;
using exec::TaskContext;
using exec::TensorRef;

namespace {

std::size_t bytes_of(const TensorRef& ref) {
  return static_cast<std::size_t>(ref.size()) * static_cast<std::size_t>(bits(ref.dtype) / 8);
}

void copy(void* to, const void* from, std::size_t bytes) {
  if (bytes != 0 && to != from) std::memmove(to, from, bytes);
}

}  // namespace

Status copy_tensor(const void*, TensorRef* args, TaskContext&) noexcept {
  copy(args[0].data, args[1].data, bytes_of(args[0]));
  return {};
}

Status read_state(const void*, TensorRef* args, TaskContext& task) noexcept {
  auto& state = task.slots->states[static_cast<std::size_t>(args[1].slot)];
  copy(args[0].data, state.view().data, state.byte_size());
  return {};
}

Status write_state(const void* params, TensorRef* args, TaskContext& task) noexcept {
  auto& state = task.slots->states[static_cast<std::size_t>(args[1].slot)];
  const auto to = state.mutable_view();
  if (static_cast<const StateParams*>(params)->round_to_f16) {
    const auto* from = args[2].as<float>();
    auto* out = static_cast<float*>(to.data);
    const auto n = to.size();
    for (std::int64_t i = 0; i < n; ++i) out[i] = base::round_to_f16(from[i]);
  } else {
    copy(to.data, args[2].data, state.byte_size());
  }
  if (args[0].data) copy(args[0].data, to.data, state.byte_size());
  return {};
}

Status round_f16(const void*, TensorRef* args, TaskContext&) noexcept {
  auto* values = args[0].as<float>();
  const auto n = args[0].size();
  for (std::int64_t i = 0; i < n; ++i) values[i] = base::round_to_f16(values[i]);
  return {};
}

}  // namespace pome::compiler
