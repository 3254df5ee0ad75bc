#include "compiler/arena.h"

#include <algorithm>
#include <limits>
#include <map>
#include <numeric>
#include <vector>

namespace pome::compiler {
namespace {

/// Free ranges of an arena that grows at its end.
class FreeList {
 public:
  std::size_t take(std::size_t size) {
    auto best = holes_.end();
    for (auto it = holes_.begin(); it != holes_.end(); ++it) {
      if (it->second >= size && (best == holes_.end() || it->second < best->second)) best = it;
    }
    if (best != holes_.end()) {
      const auto offset = best->first;
      const auto rest = best->second - size;
      holes_.erase(best);
      if (rest != 0) holes_.emplace(offset + size, rest);
      return offset;
    }
    // The last hole, when it touches the end, is part of the growth.
    std::size_t offset = end_;
    if (!holes_.empty()) {
      const auto last = std::prev(holes_.end());
      if (last->first + last->second == end_) {
        offset = last->first;
        holes_.erase(last);
      }
    }
    end_ = offset + size;
    return offset;
  }

  void give(std::size_t offset, std::size_t size) {
    auto next = holes_.lower_bound(offset);
    if (next != holes_.begin()) {
      const auto before = std::prev(next);
      if (before->first + before->second == offset) {
        offset = before->first;
        size += before->second;
        holes_.erase(before);
      }
    }
    if (next != holes_.end() && offset + size == next->first) {
      size += next->second;
      holes_.erase(next);
    }
    holes_.emplace(offset, size);
  }

  std::size_t end() const noexcept { return end_; }

 private:
  std::map<std::size_t, std::size_t> holes_;  // offset -> size
  std::size_t end_ = 0;
};

}  // namespace

std::size_t pack_buffers(std::span<Buffer> buffers) {
  std::vector<std::uint32_t> births(buffers.size());
  std::iota(births.begin(), births.end(), 0U);
  auto deaths = births;
  std::ranges::stable_sort(births, {}, [&](std::uint32_t i) { return buffers[i].first; });
  std::ranges::stable_sort(deaths, {}, [&](std::uint32_t i) { return buffers[i].last; });
  FreeList free;
  std::size_t dead = 0;
  for (const auto i : births) {
    auto& buffer = buffers[i];
    while (dead < deaths.size() && buffers[deaths[dead]].last < buffer.first) {
      const auto& gone = buffers[deaths[dead++]];
      if (gone.size != 0) free.give(gone.offset, gone.size);
    }
    buffer.size = (buffer.size + arena_alignment - 1) & ~(arena_alignment - 1);
    buffer.offset = buffer.size == 0 ? 0 : free.take(buffer.size);
  }
  return free.end();
}

}  // namespace pome::compiler
