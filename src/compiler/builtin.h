// Kernels of the executor itself: copies, states, rounding.
#pragma once

#include "exec/task.h"

namespace pome::compiler {

/// args: to, from. Same type and dims.
exec::Status copy_tensor(const void*, exec::TensorRef* args, exec::TaskContext&) noexcept;
/// args: result, state (slot). Copies the state's tensor.
exec::Status read_state(const void*, exec::TensorRef* args, exec::TaskContext& task) noexcept;
/// args: result (may be without data), state (slot), value. Params: StateParams.
exec::Status write_state(const void* params, exec::TensorRef* args,
                         exec::TaskContext& task) noexcept;
struct StateParams {
  bool round_to_f16;
};
/// args: tensor of fp32, rounded in place to values that float16 can hold.
exec::Status round_f16(const void*, exec::TensorRef* args, exec::TaskContext&) noexcept;

}  // namespace pome::compiler
