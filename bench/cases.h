// The kernels with sizes as models have them.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "devices/cpu/kernels/kernels.h"

namespace pome::bench {

/// One kernel at one size.
struct Case {
  std::string name;
  double flops = 0;  ///< of a run, where arithmetic bounds it: multiplication and addition are two
  double bytes = 0;  ///< read and written in a run
  std::function<void()> run;  ///< owns its tensors
};

std::vector<Case> all_cases(const devices::cpu::Kernels& kernels);

}  // namespace pome::bench
