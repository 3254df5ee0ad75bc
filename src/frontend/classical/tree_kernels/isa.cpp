// The kernels of one instruction set. As in devices/cpu/kernels: no templates of the standard
// library and no inline functions with external linkage, of which the linker would keep any
// instruction set's copy; everything but kernels() is in an anonymous namespace.
#include "frontend/classical/tree_kernels/kernels.h"
#include "hwy/highway.h"

namespace pome::classical::POME_ISA {
namespace {

namespace hn = hwy::HWY_NAMESPACE;

template <typename Bin>
constexpr std::int32_t least = sizeof(Bin) == 1 ? -128 : -32768;

// Pivots up to `number` in one group.
template <typename Number>
HWY_API std::uint32_t count_reached(const Number* group, Number number) {
  const hn::CappedTag<Number, pivot_group> tag;
  const auto wanted = hn::Set(tag, number);
  std::size_t count = 0;
  for (std::size_t i = 0; i < pivot_group; i += hn::Lanes(tag))
    count += hn::CountTrue(tag, hn::Le(hn::LoadU(tag, group + i), wanted));
  return static_cast<std::uint32_t>(count);
}

// Each level narrows the place down by a factor of 16. A group is never full where it is entered
// (its last pivot is also one of the level above, where it was not reached), so a count is at
// most 15.
template <typename Number, typename Bin>
void find_bins(const BinColumn<Number, Bin>& c) noexcept {
  for (std::int64_t row = 0; row < c.rows; ++row) {
    const Number number = c.numbers[row];
    std::uint32_t place = 0;
    for (int level = 0; level < c.levels; ++level) {
      const Number* group = c.pivots[level] + std::size_t{place} * pivot_group;
      place = place * pivot_group + count_reached(group, number);
    }
    const bool is_missing = number != number;
    if (c.low != nullptr)
      c.low[row] = static_cast<Bin>(static_cast<std::int32_t>(place) + least<Bin>);
    if (c.high != nullptr)
      c.high[row] = static_cast<Bin>(static_cast<std::int32_t>(is_missing ? c.thresholds : place) +
                                     least<Bin>);
  }
}

template <typename Bin>
using Tag = hn::ScalableTag<Bin>;
template <typename Bin>
using Vector = hn::Vec<Tag<Bin>>;

// All ones in the lanes of rows that go right, of the 2 ^ (level - bit) nodes from `first` on that
// the first `bit` turns, which are in `turns`, leave over.
template <int level, int bit, typename Bin>
HWY_API Vector<Bin> turn(const TreeBlock<Bin>& t, const Bin* bins, const Vector<Bin>* turns,
                         int first) {
  const Tag<Bin> tag;
  if constexpr (bit == level) {
    const int node = (1 << level) - 1 + first;
    const auto column = hn::LoadU(tag, bins + t.top_columns[node]);
    return hn::VecFromMask(tag, hn::Gt(column, hn::Set(tag, t.top_bins[node])));
  } else {
    constexpr int half = 1 << (level - bit - 1);
    const auto left = turn<level, bit + 1>(t, bins, turns, first);
    const auto right = turn<level, bit + 1>(t, bins, turns, first + half);
    return hn::IfVecThenElse(turns[bit], right, left);
  }
}

// Which of the 2 ^ top_levels ways each row takes, a vector of rows at a time.
template <typename Bin>
void walk_top(const TreeBlock<Bin>& t, Bin* ways) noexcept {
  const Tag<Bin> tag;
  const auto step = static_cast<std::int64_t>(hn::Lanes(tag));
  for (std::int64_t row = 0; row < t.rows; row += step) {
    const Bin* bins = t.bins + row;
    Vector<Bin> turns[most_top_levels];
    auto way = hn::Zero(tag);
    const auto take = [&](Vector<Bin> right) { way = hn::Sub(hn::Add(way, way), right); };
    if (t.top_levels > 0) take(turns[0] = turn<0, 0>(t, bins, turns, 0));
    if (t.top_levels > 1) take(turns[1] = turn<1, 0>(t, bins, turns, 0));
    if (t.top_levels > 2) take(turns[2] = turn<2, 0>(t, bins, turns, 0));
    if (t.top_levels > 3) take(turns[3] = turn<3, 0>(t, bins, turns, 0));
    if (t.top_levels > 4) take(turns[4] = turn<4, 0>(t, bins, turns, 0));
    if (t.top_levels > 5) take(turns[5] = turn<5, 0>(t, bins, turns, 0));
    hn::StoreU(way, tag, ways + row);
  }
}

template <typename Bin>
HWY_API void arrive(const TreeBlock<Bin>& t, std::int64_t row, std::uint32_t leaf) {
  if (t.values != nullptr)
    t.sums[row * t.sum_step] += t.values[leaf];
  else
    t.leaves[row] = leaf;
}

template <int levels, typename Bin>
void walk_heaps(const TreeBlock<Bin>& t, const Bin* ways) noexcept {
  const std::uint32_t ways_count = std::uint32_t{1} << t.top_levels;
  for (std::int64_t row = 0; row < t.rows; ++row) {
    const Bin* bins = t.bins + row;
    auto place = static_cast<std::uint32_t>(ways[row]);
    for (int level = 0; level < levels; ++level) {
      const std::uint32_t node = ways_count * ((std::uint32_t{1} << level) - 1) + place;
      place = 2 * place + (bins[t.rest_columns[node]] > t.rest_bins[node] ? 1 : 0);
    }
    arrive(t, row, place);
  }
}

template <typename Bin>
void walk_deep(const TreeBlock<Bin>& t, const Bin* ways) noexcept {
  for (std::int64_t row = 0; row < t.rows; ++row) {
    const Bin* bins = t.bins + row;
    std::uint32_t place = t.entries[ways[row]];
    while (true) {
      const DeepNode<Bin>& node = t.deep[place];
      const std::uint32_t next = node.child + (bins[node.column] > node.bin ? 1 : 0);
      if (next == place) break;
      place = next;
    }
    arrive(t, row, place);
  }
}

template <typename Bin>
void walk(const TreeBlock<Bin>& t) noexcept {
  Bin ways[block_rows];
  walk_top(t, ways);
  if (t.deep != nullptr) return walk_deep(t, ways);
  switch (t.rest_levels) {
    case 0: return walk_heaps<0>(t, ways);
    case 1: return walk_heaps<1>(t, ways);
    case 2: return walk_heaps<2>(t, ways);
    case 3: return walk_heaps<3>(t, ways);
    default: return walk_heaps<most_rest_levels>(t, ways);
  }
}

}  // namespace

#define POME_TEXT_OF(x) #x
#define POME_TEXT(x) POME_TEXT_OF(x)

const TreeKernels& kernels() noexcept;
const TreeKernels& kernels() noexcept {
  static const TreeKernels table{.name = POME_TEXT(POME_ISA),
                                 .bins_f32_u8 = find_bins<float, std::int8_t>,
                                 .bins_f32_u16 = find_bins<float, std::int16_t>,
                                 .bins_f64_u8 = find_bins<double, std::int8_t>,
                                 .bins_f64_u16 = find_bins<double, std::int16_t>,
                                 .walk_u8 = walk<std::int8_t>,
                                 .walk_u16 = walk<std::int16_t>};
  return table;
}

}  // namespace pome::classical::POME_ISA
