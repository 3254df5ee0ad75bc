// The device that runs every operation by its reference evaluation: oracle and fallback.
#pragma once

#include "exec/device.h"

namespace pome::devices {

/// The one reference device. Supports everything that has a definition.
const exec::Device& reference_device() noexcept;

}  // namespace pome::devices
