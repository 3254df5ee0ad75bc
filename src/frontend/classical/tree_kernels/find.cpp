#include "devices/cpu/features.h"
#include "frontend/classical/tree_kernels/kernels.h"

namespace pome::classical {

// Each instruction set has a library of its own (CMakeLists.txt).
namespace avx2 {
const TreeKernels& kernels() noexcept;
}
namespace avx512 {
const TreeKernels& kernels() noexcept;
}
namespace neon {
const TreeKernels& kernels() noexcept;
}

const TreeKernels* find_tree_kernels(std::string_view isa) noexcept {
  // What the machine has, the CPU device knows.
  if (devices::cpu::find_kernels(isa) == nullptr) return nullptr;
#ifdef POME_TREES_avx512
  if (isa == "avx512") return &avx512::kernels();
#endif
#ifdef POME_TREES_avx2
  if (isa == "avx2") return &avx2::kernels();
#endif
#ifdef POME_TREES_neon
  if (isa == "neon") return &neon::kernels();
#endif
  return nullptr;
}

const TreeKernels* chosen_tree_kernels() noexcept {
  const devices::cpu::Kernels* chosen = devices::cpu::chosen_kernels();
  return chosen == nullptr ? nullptr : find_tree_kernels(chosen->name);
}

}  // namespace pome::classical
