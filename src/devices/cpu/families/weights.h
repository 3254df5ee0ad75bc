// Weight matrices in the layout of the products: panels of `lanes` outputs, [panel][depth][lane].
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "devices/cpu/kernels/kernels.h"
#include "exec/weights.h"

namespace pome::devices::cpu {

/// A packed matrix as kernels read it. Trivially copyable; the pack outlives it.
struct PanelView {
  enum class Form : std::uint8_t { f32, f16, lut, int8 };
  Form form = Form::f32;
  std::uint8_t bits = 0;  ///< lut: of an index
  const std::byte* data = nullptr;
  std::int64_t outputs = 0;  ///< of one group
  std::int64_t depth = 0;    ///< products to sum for an output
  std::int64_t panels = 0;   ///< of one group
  std::int64_t panel_bytes = 0;
  const float* table = nullptr;  ///< lut: values; int8: scales by padded output
  std::int64_t zero_offset = 0;  ///< int8: from an output's scale to its zero point, in `table`

  /// True when blocks of `rows` rows read these weights faster after expand_panel: always where the
  /// products cannot read them, for fp16 where widening them once pays.
  bool expands(std::int64_t rows) const noexcept {
    return form == Form::lut || form == Form::int8 || (form == Form::f16 && rows >= 16);
  }
  const std::byte* panel(std::int64_t group, std::int64_t p) const noexcept {
    return data + (group * panels + p) * panel_bytes;
  }
};

/// A matrix packed for one instruction set, with what owns it.
struct PackedPanels {
  PanelView view;
  std::shared_ptr<const exec::Pack> data, table;
};

/// The matrix that a weight holds: `groups` times [outputs, depth] in row-major order, or
/// [depth, outputs] when `transposed` (of one group).
///
/// With `taps`, each output's depth is [channels, taps] in the weight and [taps, channels] in the
/// pack.
struct MatrixShape {
  std::int64_t groups, outputs, depth;
  bool transposed = false;
  std::int64_t taps = 1;

  /// Where element `d` of the packed depth is in the weight's.
  std::int64_t source_depth(std::int64_t d) const noexcept {
    const std::int64_t channels = depth / taps;
    return d % channels * taps + d / channels;
  }
};

/// Packs a weight. fp16 values stay fp16; lookup tables of one vector of 2 to 256 values and affine
/// int8 with one scale an output stay as they are and are expanded tile by tile at run time;
/// everything else becomes fp32.
PackedPanels pack_panels(exec::WeightStore& store, const Kernels& k, const exec::Weight& weight,
                         const MatrixShape& shape);

/// A vector of `size` for each of `groups` as fp32, each with zeros up to a multiple of `lanes`;
/// one value repeated when the weight has one element. A null weight gives zeros.
std::shared_ptr<const exec::Pack> pack_vector(exec::WeightStore& store, const Kernels& k,
                                              const exec::Weight* weight, std::int64_t size,
                                              std::int64_t groups = 1);

/// True when all elements are values of fp16 for certain.
bool is_f16_valued(const exec::Weight& weight) noexcept;

/// `depth` rows of one panel from `first` on as fp32; `out` has depth * lanes elements.
void expand_panel(const Kernels& k, const PanelView& view, std::int64_t group, std::int64_t panel,
                  std::int64_t first, std::int64_t depth, float* out) noexcept;

}  // namespace pome::devices::cpu
