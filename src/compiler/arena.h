// Packing of buffers with lifetimes into one arena.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace pome::compiler {

/// A buffer that lives from step `first` to step `last`, both included.
struct Buffer {
  std::size_t size = 0;
  std::uint32_t first = 0;
  std::uint32_t last = 0;
  std::size_t offset = 0;    ///< result: multiple of `arena_alignment`
  std::uint32_t region = 0;  ///< block in which it is defined
  std::int64_t pending = 0;  ///< uses not planned yet, of all values that share it
};

inline constexpr std::size_t arena_alignment = 64;

/// Gives every buffer an offset so that buffers alive at the same time do not overlap: best fit in
/// order of birth, holes merged. Returns the arena's size in bytes. O(n log n).
std::size_t pack_buffers(std::span<Buffer> buffers);

}  // namespace pome::compiler
