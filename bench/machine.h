// What one core of this machine can do at most: the roofline that kernels are compared with.
#pragma once

#include <cstddef>

namespace pome::bench {

/// Fused multiply-adds of fp32 in registers, each counted as two operations, in 10^9 a second: the
/// best of several tries. 0 where no measurement is written for the processor.
double peak_gflops();

/// 10^9 bytes a second read from a buffer of this size that has been read before: the best of
/// several tries. 0 where no measurement is written for the processor.
double read_bandwidth(std::size_t bytes);

}  // namespace pome::bench
