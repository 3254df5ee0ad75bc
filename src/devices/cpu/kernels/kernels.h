// The hot loops of the CPU device, as a table of function pointers that every instruction set
// fills.
//
// Everything here is plain data: no inline functions, since each is compiled once per instruction
// set and the linker would keep any one of them.
#pragma once

#include <cstdint>

namespace pome::devices::cpu {

/// How the accumulators of a product begin.
enum class GemmInit : std::uint8_t {
  zero,
  bias_rows,   ///< bias[row]
  bias_cols,   ///< bias[col], padded to whole vectors
  accumulate,  ///< what C holds: the sum goes on where the last block of depth ended
};

/// C[rows, cols] = init + A[rows, depth] * B[depth, cols].
///
/// A is read one element at a time: element (r, k) at a[r * a_row + k * a_depth]. Or from a table:
/// the depth is then `taps` times `depth`, and element (r, tap t, k) lies at
/// a_table[t * table_row + r][a_offset + k * a_depth].
/// B is read in vectors of `lanes` columns: column c of depth k is element
/// b[(c / lanes) * b_panel + k * b_depth + c % lanes]. fp16 panels are padded to whole vectors; of
/// fp32 ones nothing behind `cols` is read.
///
/// Every element is one chain of fused multiply-adds in order of depth, whatever the tile, so
/// results depend neither on how the product is cut nor on the instruction set. Error bound:
/// depth * 2^-24 * sum |a||b|.
struct GemmBlock {
  const float* a;
  std::int64_t a_row, a_depth;
  const float* const* a_table;
  std::int64_t table_row, taps, a_offset;
  const void* b;
  std::int64_t b_depth, b_panel;
  float* c;
  std::int64_t c_row;
  const float* bias;
  std::int64_t rows, cols, depth;
  GemmInit init;
};

/// Indices of `bits` bits into a table, `lanes` of them for each depth, lowest bits first.
struct LutRows {
  const std::uint8_t* indices;
  const float* table;  ///< 2^bits values, padded to 16
  std::int64_t rows;   ///< vectors of `lanes` to expand
  int bits;            ///< 1, 2, 3, 4, 6 or 8
};

/// Sums over taps of channels-last pixels, each channel for itself: out[pixel][c] = bias[c] +
/// sum of table[tap * table_row + pixel][c / multiplier] * weights[tap][c], over whole vectors of
/// channels where the weights and the bias are padded.
struct DepthwiseBlock {
  const float* const* table;
  std::int64_t table_row, taps;
  const float* weights;
  std::int64_t weight_row;  ///< elements of a tap: channels rounded up to whole vectors
  const float* bias;
  float* out;
  std::int64_t pixels, channels, multiplier;
};

/// Points of Winograd's products beside 0 and infinity for tiles of 6: +-a and +-b. Of all small
/// fractions these amplify rounding least (a bound of 7.9 in each dimension, against 16 of +-1 and
/// +-2; half the error on random numbers), and their powers up to a*a*b*b are exact.
inline constexpr float winograd_a = 0.625F, winograd_b = 1.5F;

/// The pixels of one input tile, edge * edge of them by row, each with `channels` values, to
/// edge * edge elements of the transformed tile: out[element * element_step + channel], whole
/// vectors. Tiles overlap by two pixels; `edge` is 4 or 6.
struct WinogradIn {
  const float* const* pixels;
  float* out;
  std::int64_t element_step, channels;
  int edge;
};

/// Transformed sums in[element * element_step + channel] (whole vectors) back to the first `rows` x
/// `cols` of the tile's (edge - 2)^2 output pixels, plus the bias.
struct WinogradOut {
  const float* in;
  std::int64_t element_step, channels;
  const float* bias;  ///< padded to whole vectors
  float* out;
  std::int64_t row_step, pixel_step;
  int rows, cols, edge;
};

/// out[col * out_row + row] = in[row * in_row + col].
struct Transpose {
  const float* in;
  float* out;
  std::int64_t rows, cols;
  std::int64_t in_row, out_row;
};

/// Taps of one plane over an input that was padded and split into `stride` phases.
struct WindowPlane {
  const float* in;           ///< phase-split, padded rows (WindowSplit)
  const std::int64_t* taps;  ///< offset of each tap from the row's first element
  const float* weights;      ///< one a tap; null for maxima
  std::int64_t tap_count;
  std::int64_t row_step;  ///< from one output row's input row to the next, in elements
  float* out;
  std::int64_t out_rows, out_cols;
  float bias;
};

/// Copies a plane [rows, cols] into rows that are padded with `fill` and split by column phase:
/// padded column p goes to phase p % stride, place p / stride.
struct WindowSplit {
  const float* in;
  std::int64_t rows, cols;
  std::int64_t before_rows, before_cols;
  std::int64_t out_rows;    ///< padded rows
  std::int64_t phase_cols;  ///< places of one phase; a row has stride * phase_cols elements
  std::int64_t stride;      ///< of columns
  float fill;
  float* out;
};

/// Windows of channels-last pixels: out[pixel][c] = the sum or the maximum over taps of
/// table[tap * table_row + pixel][c], times scale[pixel] where there is one. At least one tap.
struct PixelWindows {
  const float* const* table;
  std::int64_t table_row, taps;
  float* out;
  const float* scale;
  std::int64_t pixels, channels;
};

/// out[pixel][c] = in[pixel][c] * factor[c] + offset[c], one rounding. `out` may be `in`.
struct PixelScale {
  const float *in, *factor, *offset;
  float* out;
  std::int64_t pixels, channels;
};

/// out[c] = sum over pixels of in[pixel][c], or of (in[pixel][c] - centre[c])^2 where there is a
/// centre. No chain of additions is longer than pixels / 4 + 5.
struct PixelSums {
  const float *in, *centre;
  float* out;
  std::int64_t pixels, channels;
};

enum class UnaryOp : std::uint8_t {
  abs,
  ceil,
  clip,
  elu,
  erf,
  exp,
  exp2,
  floor,
  gelu_exact,
  gelu_sigmoid,
  gelu_tanh,
  inverse,
  leaky_relu,
  linear,
  log,
  power_2,
  power_3,
  power_4,
  relu,
  relu6,
  round,
  rsqrt,
  clamped_relu,
  scaled_tanh,
  sigmoid,
  sigmoid_hard,
  sign,
  silu,
  softplus,
  softsign,
  sqrt,
  tanh,
  threshold,
  thresholded_relu,
  round_f16,
  count
};

enum class BinaryOp : std::uint8_t { add, sub, mul, div, maximum, minimum, prelu, count };
enum class ReduceOp : std::uint8_t { sum, mean, max, min, sum_abs, sum_square, prod, count };

/// y = f(x) elementwise; `a`, `b` are the operation's scalars. `out` may be `in`.
using UnaryKernel = void (*)(const float* in, float* out, std::int64_t n, float a,
                             float b) noexcept;
/// A step of 0 keeps that operand at its first element, 1 walks it.
using BinaryKernel = void (*)(const float* a, std::int64_t a_step, const float* b,
                              std::int64_t b_step, float* out, std::int64_t n) noexcept;
using BinaryIntKernel = void (*)(const std::int32_t* a, std::int64_t a_step, const std::int32_t* b,
                                 std::int64_t b_step, std::int32_t* out, std::int64_t n) noexcept;

/// [outer][length][inner] -> [outer][inner]. Rows are `step` elements apart: `inner`, or more where
/// `inner` means some columns of a wider block. A step of 1 reduces rows of consecutive elements.
struct ReduceBlock {
  const float* in;
  float* out;
  std::int64_t outer, length, inner, step;
};

/// Normalization over `length` of [outer][length][inner]: (x - mean) / sqrt(var + epsilon), then
/// times gamma, plus beta (indexed by length; null: 1 and 0). `step` as in ReduceBlock.
struct NormBlock {
  const float* in;
  float* out;
  const float *gamma, *beta;
  std::int64_t outer, length, inner, step;
  float epsilon;
};

/// One step of an LSTM for one batch row: gates are [i f o z], `hidden` of each, sums already
/// formed. c is updated, h written.
struct LstmGates {
  const float* gates;
  const float* peephole;  ///< [i f o], or null
  float *c, *h;
  std::int64_t hidden;
  float clip;
};

struct Kernels {
  const char* name;
  std::int32_t lanes;      ///< fp32 elements of a vector: width of packed panels
  std::int32_t tile_rows;  ///< rows of a product that are computed at once
  std::int32_t tile_cols;
  void (*gemm_f32)(const GemmBlock&) noexcept;
  void (*gemm_f16)(const GemmBlock&) noexcept;  ///< B holds fp16
  /// The same for one row of A that is not from a table and whole panels of B (b_depth is `lanes`,
  /// all padded to whole vectors).
  void (*gemv_f32)(const GemmBlock&) noexcept;
  void (*gemv_f16)(const GemmBlock&) noexcept;
  void (*expand_f16)(const std::uint16_t* in, float* out, std::int64_t n) noexcept;
  void (*expand_i8)(const std::int8_t* in, const float* scale, const float* zero, float* out,
                    std::int64_t rows) noexcept;  ///< rows of `lanes`: (q - zero) * scale
  void (*expand_lut)(const LutRows&, float* out) noexcept;
  /// Transposes in[cols][depth] (rows `in_row` apart) to a panel out[depth][lanes], cols <= lanes;
  /// missing columns become 0.
  void (*pack_columns)(const float* in, std::int64_t in_row, std::int64_t cols, std::int64_t depth,
                       float* out) noexcept;
  void (*depthwise)(const DepthwiseBlock&) noexcept;
  void (*winograd_in)(const WinogradIn&) noexcept;
  void (*winograd_out)(const WinogradOut&) noexcept;
  void (*transpose)(const Transpose&) noexcept;
  void (*window_split)(const WindowSplit&) noexcept;
  void (*window_sum)(const WindowPlane&) noexcept;
  void (*window_max)(const WindowPlane&) noexcept;
  void (*pixel_max)(const PixelWindows&) noexcept;
  void (*pixel_sum)(const PixelWindows&) noexcept;
  void (*scale_pixels)(const PixelScale&) noexcept;
  void (*pixel_sums)(const PixelSums&) noexcept;
  /// out[i] = a[i] * weight_a + b[i] * weight_b: two roundings.
  void (*blend)(const float* a, const float* b, float weight_a, float weight_b, float* out,
                std::int64_t n) noexcept;
  /// out[i] = in[low[i]] * weight_low[i] + in[high[i]] * weight_high[i]; the first element alone
  /// where the second weight is 0.
  void (*blend_columns)(const float* in, const std::int32_t* low, const std::int32_t* high,
                        const float* weight_low, const float* weight_high, float* out,
                        std::int64_t n) noexcept;
  const UnaryKernel* unary;           ///< by UnaryOp
  const BinaryKernel* binary;         ///< by BinaryOp
  const BinaryIntKernel* binary_int;  ///< add, sub, mul, (none), maximum, minimum, (none)
  void (*softmax)(const ReduceBlock&) noexcept;
  void (*normalize)(const NormBlock&) noexcept;
  void (*reduce)(ReduceOp, const ReduceBlock&) noexcept;
  void (*lstm_gates)(const LstmGates&) noexcept;
};

}  // namespace pome::devices::cpu
