// Functions that the kernel files of one instruction set offer to its table.
#pragma once

#include "devices/cpu/kernels/kernels.h"

namespace pome::devices::cpu::POME_ISA {

extern const std::int32_t tile_rows, tile_cols, vector_lanes;
void gemm_f32(const GemmBlock&) noexcept;
void gemm_f16(const GemmBlock&) noexcept;
void gemv_f32(const GemmBlock&) noexcept;
void gemv_f16(const GemmBlock&) noexcept;
void expand_f16(const std::uint16_t* in, float* out, std::int64_t n) noexcept;
void expand_i8(const std::int8_t* in, const float* scale, const float* zero, float* out,
               std::int64_t rows) noexcept;
void expand_lut(const LutRows&, float* out) noexcept;
void pack_columns(const float* in, std::int64_t in_row, std::int64_t cols, std::int64_t depth,
                  float* out) noexcept;
void depthwise(const DepthwiseBlock&) noexcept;
void winograd_in(const WinogradIn&) noexcept;
void winograd_out(const WinogradOut&) noexcept;
void transpose(const Transpose&) noexcept;
void window_split(const WindowSplit&) noexcept;
void window_sum(const WindowPlane&) noexcept;
void window_max(const WindowPlane&) noexcept;
void pixel_max(const PixelWindows&) noexcept;
void pixel_sum(const PixelWindows&) noexcept;
void scale_pixels(const PixelScale&) noexcept;
void pixel_sums(const PixelSums&) noexcept;
void blend(const float* a, const float* b, float weight_a, float weight_b, float* out,
           std::int64_t n) noexcept;
void blend_columns(const float* in, const std::int32_t* low, const std::int32_t* high,
                   const float* weight_low, const float* weight_high, float* out,
                   std::int64_t n) noexcept;
void softmax(const ReduceBlock&) noexcept;
void normalize(const NormBlock&) noexcept;
void reduce(ReduceOp, const ReduceBlock&) noexcept;
void lstm_gates(const LstmGates&) noexcept;
extern const UnaryKernel unary_table[static_cast<int>(UnaryOp::count)];
extern const BinaryKernel binary_table[static_cast<int>(BinaryOp::count)];
extern const BinaryIntKernel binary_int_table[static_cast<int>(BinaryOp::count)];
const Kernels& kernels() noexcept;

}  // namespace pome::devices::cpu::POME_ISA
