#include "devices/cpu/features.h"

#include <cstdlib>
#include <vector>

#if defined(__x86_64__)
#include <cpuid.h>
#endif

namespace pome::devices::cpu {

// Each instruction set has a library of its own (kernels/CMakeLists.txt).
namespace avx2 {
const Kernels& kernels() noexcept;
}
namespace avx512 {
const Kernels& kernels() noexcept;
}
namespace neon {
const Kernels& kernels() noexcept;
}

namespace {

#if defined(__x86_64__)
/// Not among the features that every compiler's support knows by name.
bool has_f16c() noexcept {
  unsigned eax = 0;
  unsigned ebx = 0;
  unsigned ecx = 0;
  unsigned edx = 0;
  return __get_cpuid(1, &eax, &ebx, &ecx, &edx) != 0 && (ecx & bit_F16C) != 0;
}
#endif

}  // namespace

CpuFeatures detect_features() noexcept {
  CpuFeatures f;
#if defined(__x86_64__)
  // The compiler's support asks the operating system too whether it saves the registers.
  __builtin_cpu_init();
  f.avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && has_f16c() &&
           __builtin_cpu_supports("bmi") && __builtin_cpu_supports("bmi2");
  f.avx512 = f.avx2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
             __builtin_cpu_supports("avx512cd") && __builtin_cpu_supports("avx512dq") &&
             __builtin_cpu_supports("avx512vl");
#elif defined(__aarch64__)
  f.neon = true;
#endif
  return f;
}

std::span<const Kernels* const> usable_kernels() {
  static const auto usable = [] {
    [[maybe_unused]] const auto features = detect_features();
    std::vector<const Kernels*> found;
#ifdef POME_HAS_avx512
    if (features.avx512) found.push_back(&avx512::kernels());
#endif
#ifdef POME_HAS_avx2
    if (features.avx2) found.push_back(&avx2::kernels());
#endif
#ifdef POME_HAS_neon
    if (features.neon) found.push_back(&neon::kernels());
#endif
    return found;
  }();
  return usable;
}

const Kernels* find_kernels(std::string_view isa) {
  for (const auto* kernels : usable_kernels()) {
    if (kernels->name == isa) return kernels;
  }
  return nullptr;
}

const Kernels* chosen_kernels() {
  if (const char* forced = std::getenv("POME_ISA")) return find_kernels(forced);
  const auto usable = usable_kernels();
  return usable.empty() ? nullptr : usable.front();
}

}  // namespace pome::devices::cpu
