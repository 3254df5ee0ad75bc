#include "cases.h"

#include <cstdint>
#include <memory>

namespace pome::bench {
namespace {

using namespace devices::cpu;

/// Memory of one case; small values that are no subnormals. fp16 ones are all the same number.
class Buffer {
 public:
  explicit Buffer(std::int64_t elements)
      : data_(std::make_shared<std::vector<float>>(static_cast<std::size_t>(elements) + 64)) {
    std::uint32_t state = 1;
    for (float& value : *data_) {
      state = state * 1664525U + 1013904223U;
      value = static_cast<float>(state >> 9) * 0x1p-23F - 0.5F;
    }
  }
  float* floats() const noexcept { return data_->data(); }
  std::uint16_t* halves() const noexcept {
    auto* out = reinterpret_cast<std::uint16_t*>(data_->data());
    for (std::size_t i = 0; i < 2 * data_->size(); ++i) out[i] = 0x2E66;  // 0.1
    return out;
  }

 private:
  std::shared_ptr<std::vector<float>> data_;
};

double product(std::initializer_list<std::int64_t> sizes) {
  double out = 1;
  for (const auto size : sizes) out *= static_cast<double>(size);
  return out;
}

// --- products ---

/// A block of a product as the families cut it: depth 384, all operands in the second-level cache.
Case gemm(const Kernels& k, bool half) {
  constexpr std::int64_t rows = 96, depth = 384;
  const std::int64_t cols = 2 * k.tile_cols;
  const Buffer a(rows * depth), b(cols * depth), c(rows * cols);
  GemmBlock g{};
  g.a = a.floats();
  g.a_row = depth;
  g.a_depth = 1;
  g.b = half ? static_cast<const void*>(b.halves()) : b.floats();
  g.b_depth = k.lanes;
  g.b_panel = depth * k.lanes;
  g.c = c.floats();
  g.c_row = cols;
  g.rows = rows;
  g.cols = cols;
  g.depth = depth;
  g.init = GemmInit::zero;
  const auto kernel = half ? k.gemm_f16 : k.gemm_f32;
  return {half ? "gemm_f16/96x48x384" : "gemm_f32/96x48x384", 2 * product({rows, cols, depth}), 0,
          [=] {
            (void)a, (void)b, (void)c;
            kernel(g);
          }};
}

Case gemv(const Kernels& k, bool half, std::int64_t depth, std::int64_t cols) {
  const Buffer a(depth), b(cols * depth), c(cols);
  GemmBlock g{};
  g.a = a.floats();
  g.a_depth = 1;
  g.b = half ? static_cast<const void*>(b.halves()) : b.floats();
  g.b_depth = k.lanes;
  g.b_panel = depth * k.lanes;
  g.c = c.floats();
  g.rows = 1;
  g.cols = cols;
  g.depth = depth;
  g.init = GemmInit::zero;
  const auto kernel = half ? k.gemv_f16 : k.gemv_f32;
  return {std::string(half ? "gemv_f16/" : "gemv_f32/") + std::to_string(depth) + "x" +
              std::to_string(cols),
          0, (half ? 2 : 4) * product({depth, cols}), [=] {
            (void)a, (void)b, (void)c;
            kernel(g);
          }};
}

Case depthwise(const Kernels& k) {
  constexpr std::int64_t channels = 96, pixels = 56, taps = 9;
  const Buffer in((pixels + 2) * 3 * channels), weights(taps * channels), out(pixels * channels);
  std::vector<const float*> table;
  for (std::int64_t t = 0; t < taps; ++t) {
    for (std::int64_t p = 0; p < pixels; ++p) {
      table.push_back(in.floats() + (t / 3 * (pixels + 2) + p + t % 3) * channels);
    }
  }
  return {"depthwise/3x3x96", 2 * product({channels, pixels, taps}), 0, [=, kernel = k.depthwise] {
            kernel({table.data(), pixels, taps, weights.floats(), channels, weights.floats(),
                    out.floats(), pixels, channels, 1});
          }};
}

// --- memory ---

Case transpose(const Kernels& k, std::int64_t rows, std::int64_t cols) {
  const Buffer in(rows * cols), out(rows * cols);
  return {"transpose/" + std::to_string(rows) + "x" + std::to_string(cols), 0,
          8 * product({rows, cols}), [=, kernel = k.transpose] {
            kernel({in.floats(), out.floats(), rows, cols, cols, rows});
          }};
}

Case window(const Kernels& k, bool largest) {
  constexpr std::int64_t channels = 64, pixels = 56, taps = 9;
  const Buffer in((2 * pixels + 1) * 3 * channels), out(pixels * channels);
  std::vector<const float*> table;
  for (std::int64_t t = 0; t < taps; ++t) {
    for (std::int64_t p = 0; p < pixels; ++p) {
      table.push_back(in.floats() + (t / 3 * (2 * pixels + 1) + 2 * p + t % 3) * channels);
    }
  }
  return {largest ? "pixel_max/3x3s2x64" : "pixel_sum/3x3s2x64", 0,
          4 * product({channels, pixels, taps}), [=, kernel = largest ? k.pixel_max : k.pixel_sum] {
            kernel({table.data(), pixels, taps, out.floats(), nullptr, pixels, channels});
          }};
}

constexpr std::int64_t row = 16384;  ///< elements: in and out fit the second-level cache

Case blend(const Kernels& k) {
  const Buffer a(row), b(row), out(row);
  return {"blend/16384", 0, 12.0 * row, [=, kernel = k.blend] {
            kernel(a.floats(), b.floats(), 0.25F, 0.75F, out.floats(), row);
          }};
}

Case scale_pixels(const Kernels& k) {
  constexpr std::int64_t channels = 64;
  const Buffer in(row), factor(channels), out(row);
  return {"scale_pixels/256x64", 0, 8.0 * row, [=, kernel = k.scale_pixels] {
            kernel({in.floats(), factor.floats(), factor.floats(), out.floats(), row / channels,
                    channels});
          }};
}

Case pixel_sums(const Kernels& k) {
  constexpr std::int64_t channels = 64;
  const Buffer in(row), centre(channels), out(channels);
  return {"pixel_sums/256x64", 0, 4.0 * row, [=, kernel = k.pixel_sums] {
            kernel({in.floats(), centre.floats(), out.floats(), row / channels, channels});
          }};
}

Case binary(const Kernels& k, const char* name, BinaryOp op) {
  const Buffer a(row), b(row), out(row);
  return {std::string(name) + "/16384", 0, 12.0 * row,
          [=, kernel = k.binary[static_cast<int>(op)]] {
            kernel(a.floats(), 1, b.floats(), 1, out.floats(), row);
          }};
}

Case unary(const Kernels& k, const char* name, UnaryOp op) {
  const Buffer in(row), out(row);
  return {std::string(name) + "/16384", 0, 8.0 * row, [=, kernel = k.unary[static_cast<int>(op)]] {
            kernel(in.floats(), out.floats(), row, 0.5F, 0.25F);
          }};
}

Case softmax(const Kernels& k) {
  constexpr std::int64_t length = 128;
  const Buffer in(row), out(row);
  return {"softmax/128x128", 0, 8.0 * row, [=, kernel = k.softmax] {
            kernel({in.floats(), out.floats(), row / length, length, 1, 1});
          }};
}

Case normalize(const Kernels& k) {
  constexpr std::int64_t length = 768;
  constexpr std::int64_t rows = 20;
  const Buffer in(rows * length), gamma(length), out(rows * length);
  return {"normalize/20x768", 0, 8 * product({rows, length}), [=, kernel = k.normalize] {
            kernel({in.floats(), out.floats(), gamma.floats(), gamma.floats(), rows, length, 1, 1,
                    1e-5F});
          }};
}

Case reduce(const Kernels& k) {
  constexpr std::int64_t length = 512;
  const Buffer in(row), out(row);
  return {"reduce_mean/32x512", 0, 4.0 * row, [=, kernel = k.reduce] {
            kernel(ReduceOp::mean, {in.floats(), out.floats(), row / length, length, 1, 1});
          }};
}

Case lstm_gates(const Kernels& k) {
  constexpr std::int64_t hidden = 512;
  const Buffer gates(4 * hidden), c(hidden), h(hidden);
  return {"lstm_gates/512", 0, 28.0 * hidden, [=, kernel = k.lstm_gates] {
            kernel({gates.floats(), nullptr, c.floats(), h.floats(), hidden, 10});
          }};
}

}  // namespace

std::vector<Case> all_cases(const Kernels& k) {
  return {gemm(k, false),
          gemm(k, true),
          gemv(k, false, 512, 2048),
          gemv(k, true, 512, 2048),
          gemv(k, false, 4096, 4096),
          depthwise(k),
          transpose(k, 64, 3136),
          transpose(k, 3136, 64),
          window(k, true),
          window(k, false),
          blend(k),
          scale_pixels(k),
          pixel_sums(k),
          binary(k, "add", BinaryOp::add),
          unary(k, "relu", UnaryOp::relu),
          unary(k, "exp", UnaryOp::exp),
          unary(k, "tanh", UnaryOp::tanh),
          unary(k, "sigmoid", UnaryOp::sigmoid),
          unary(k, "gelu", UnaryOp::gelu_exact),
          softmax(k),
          normalize(k),
          reduce(k),
          lstm_gates(k)};
}

}  // namespace pome::bench
