// Packing of buffers: what is alive at the same time never overlaps, and little is wasted.
#include "compiler/arena.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <random>
#include <vector>

namespace pome::compiler {
namespace {

bool alive_together(const Buffer& a, const Buffer& b) {
  return a.first <= b.last && b.first <= a.last;
}
bool overlap(const Buffer& a, const Buffer& b) {
  return a.offset < b.offset + b.size && b.offset < a.offset + a.size;
}

/// The most bytes that are alive at one step: no packing can do with less.
std::size_t lower_bound(const std::vector<Buffer>& buffers) {
  std::size_t most = 0;
  for (const auto& at : buffers) {
    std::size_t bytes = 0;
    for (const auto& b : buffers) {
      if (b.first <= at.first && at.first <= b.last) {
        bytes += (b.size + arena_alignment - 1) / arena_alignment * arena_alignment;
      }
    }
    most = std::max(most, bytes);
  }
  return most;
}

Buffer buffer(std::size_t size, std::uint32_t first, std::uint32_t last) {
  Buffer b;
  b.size = size;
  b.first = first;
  b.last = last;
  return b;
}

TEST(Arena, BuffersAliveTogetherNeverOverlap) {
  std::mt19937 random(7);
  double worst = 0;
  for (int round = 0; round < 500; ++round) {
    std::vector<Buffer> buffers;
    const auto n = 1 + random() % 120;
    const auto steps = 1 + random() % 60;
    for (std::size_t i = 0; i < n; ++i) {
      const auto first = static_cast<std::uint32_t>(random() % steps);
      const auto length = static_cast<std::uint32_t>(random() % (random() % 4 == 0 ? steps : 4));
      buffers.push_back(
          buffer(random() % (random() % 5 == 0 ? 100000 : 300), first, first + length));
    }
    const auto bound = lower_bound(buffers);
    const auto bytes = pack_buffers(buffers);
    for (std::size_t i = 0; i < n; ++i) {
      ASSERT_EQ(buffers[i].offset % arena_alignment, 0U);
      ASSERT_LE(buffers[i].offset + buffers[i].size, bytes);
      for (std::size_t k = 0; k < i; ++k) {
        if (!alive_together(buffers[i], buffers[k])) continue;
        ASSERT_FALSE(overlap(buffers[i], buffers[k])) << "round " << round;
      }
    }
    ASSERT_GE(bytes, bound);
    if (bound != 0) {
      worst = std::max(worst, static_cast<double>(bytes) / static_cast<double>(bound));
    }
  }
  RecordProperty("worst_ratio_to_lower_bound", std::to_string(worst));
  std::cout << "worst ratio to the lower bound: " << worst << "\n";
}

TEST(Arena, AChainNeedsTwoBuffers) {
  std::vector<Buffer> buffers;
  for (std::uint32_t i = 0; i < 100; ++i) buffers.push_back(buffer(1000, i, i + 1));
  EXPECT_EQ(pack_buffers(buffers), 2U * 1024);
}

TEST(Arena, AHoleIsUsedByWhatFits) {
  // Two small ones fit where the large one was.
  std::vector<Buffer> buffers{buffer(128, 0, 0), buffer(64, 0, 9), buffer(64, 1, 9),
                              buffer(64, 1, 9)};
  EXPECT_EQ(pack_buffers(buffers), 192U);
}

TEST(Arena, ANeighbouringHoleGrowsAtTheEnd) {
  std::vector<Buffer> buffers{buffer(64, 0, 9), buffer(64, 0, 0), buffer(256, 1, 9)};
  EXPECT_EQ(pack_buffers(buffers), 64U + 256);
}

TEST(Arena, EmptyBuffersTakeNothing) {
  std::vector<Buffer> buffers{buffer(0, 0, 5), buffer(0, 1, 2)};
  EXPECT_EQ(pack_buffers(buffers), 0U);
  std::vector<Buffer> none;
  EXPECT_EQ(pack_buffers(none), 0U);
}

TEST(Arena, AHundredThousandBuffersArePackedInTime) {
  std::vector<Buffer> buffers;
  for (std::uint32_t i = 0; i < 100000; ++i) {
    buffers.push_back(buffer(64 + i % 7 * 64, i, i + 1 + i % 50));
  }
  EXPECT_GT(pack_buffers(buffers), 0U);
}

}  // namespace
}  // namespace pome::compiler
