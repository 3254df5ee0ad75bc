// The device that runs operations on the vector units of this machine's processor.
#pragma once

#include <string_view>
#include <vector>

#include "exec/device.h"

namespace pome::devices {

/// The CPU device with the kernels chosen for this process (features.h). On a machine without a
/// known instruction set it supports nothing.
const exec::Device& cpu_device() noexcept;

/// The same with the kernels of one instruction set ("avx2", "avx512", "neon"); null when this
/// machine cannot run them. For tests.
const exec::Device* cpu_device(std::string_view isa) noexcept;

/// The operations that some kernel runs, sorted. Which of their calls it runs, `supports` says.
std::vector<std::string_view> cpu_operations();

}  // namespace pome::devices
