// The table of one instruction set.
#include "devices/cpu/kernels/internal.h"

namespace pome::devices::cpu::POME_ISA {

#define POME_TEXT_OF(x) #x
#define POME_TEXT(x) POME_TEXT_OF(x)

const Kernels& kernels() noexcept {
  static const Kernels table{.name = POME_TEXT(POME_ISA),
                             .lanes = vector_lanes,
                             .tile_rows = tile_rows,
                             .tile_cols = tile_cols,
                             .gemm_f32 = gemm_f32,
                             .gemm_f16 = gemm_f16,
                             .gemv_f32 = gemv_f32,
                             .gemv_f16 = gemv_f16,
                             .expand_f16 = expand_f16,
                             .expand_i8 = expand_i8,
                             .expand_lut = expand_lut,
                             .pack_columns = pack_columns,
                             .depthwise = depthwise,
                             .winograd_in = winograd_in,
                             .winograd_out = winograd_out,
                             .transpose = transpose,
                             .window_split = window_split,
                             .window_sum = window_sum,
                             .window_max = window_max,
                             .pixel_max = pixel_max,
                             .pixel_sum = pixel_sum,
                             .scale_pixels = scale_pixels,
                             .pixel_sums = pixel_sums,
                             .blend = blend,
                             .blend_columns = blend_columns,
                             .unary = unary_table,
                             .binary = binary_table,
                             .binary_int = binary_int_table,
                             .softmax = softmax,
                             .normalize = normalize,
                             .reduce = reduce,
                             .lstm_gates = lstm_gates};
  return table;
}

}  // namespace pome::devices::cpu::POME_ISA
