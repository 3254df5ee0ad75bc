// Sliding windows over one or two spatial dimensions: geometry and direct kernels' scratch.
#pragma once

#include "devices/cpu/families/site.h"

namespace pome::devices::cpu {

/// One spatial dimension for given sizes.
struct WindowDim {
  std::int64_t in = 1, out = 1;
  std::int64_t kernel = 1, stride = 1, dilation = 1;
  std::int64_t before = 0;  ///< padding
};

/// The attributes of a window operation, read once.
class WindowSpec {
 public:
  /// `kernel` has one size for each spatial dimension (1 or 2).
  WindowSpec(const Site& site, Dims kernel);
  /// Rows and columns for these input and output types; rows are of size 1 when there is one
  /// spatial dimension.
  void geometry(const ir::Type& in, const ir::Type& out, WindowDim& rows, WindowDim& cols) const;
  /// Strides and dilations of 1.
  bool is_plain() const noexcept;

 private:
  Dims kernel_, strides_, dilations_, pad_;
  enum class Pad : std::uint8_t { valid, same, custom, same_lower } pad_type_;
};

/// How a plane is cut into padded, phase-split bands of output rows.
struct WindowBands {
  std::int64_t rows;        ///< output rows of a band
  std::int64_t phase_cols;  ///< places of one phase
  std::int64_t count;       ///< bands of a plane
  std::int64_t in_rows;     ///< padded input rows of a band
};

WindowBands window_bands(const WindowDim& rows, const WindowDim& cols, std::int64_t lanes) noexcept;
/// Bytes for one band, the offsets of its taps and its weights.
std::size_t band_scratch(const WindowBands& b, const WindowDim& rows,
                         const WindowDim& cols) noexcept;

/// A band in worker scratch.
struct Band {
  float* in;
  std::int64_t* taps;
  float* weights;
  std::int64_t first_row, rows;
};
/// Copies the input rows of band `index` and sets the taps; `fill` stands for the padding.
Band make_band(const Kernels& k, const WindowBands& b, const WindowDim& rows, const WindowDim& cols,
               const float* plane, std::int64_t index, float fill, std::byte* scratch) noexcept;
/// What the window kernels need for that band; weights and bias are left to the caller.
WindowPlane band_plane(const Band& band, const WindowBands& b, const WindowDim& rows,
                       const WindowDim& cols, float* out_plane) noexcept;

}  // namespace pome::devices::cpu
