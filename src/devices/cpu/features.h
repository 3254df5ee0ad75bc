// Which instruction sets this machine has, and which kernels to use.
#pragma once

#include <span>
#include <string_view>

#include "devices/cpu/kernels/kernels.h"

namespace pome::devices::cpu {

/// What the processor and the operating system offer, as far as kernels differ by it.
struct CpuFeatures {
  bool avx2 = false;    ///< AVX2 with FMA, F16C, BMI2
  bool avx512 = false;  ///< AVX-512 F, BW, CD, DQ, VL on top
  bool neon = false;
};

CpuFeatures detect_features() noexcept;

/// Kernels that run on this machine and were built, best first.
std::span<const Kernels* const> usable_kernels();

/// The kernels to use: the best, or those that the environment variable POME_ISA names ("avx2",
/// "avx512", "neon"; anything else, such as "reference", is none). Null: this device runs nothing.
const Kernels* chosen_kernels();

/// The kernels named `isa`, or null when this machine cannot run them.
const Kernels* find_kernels(std::string_view isa);

}  // namespace pome::devices::cpu
