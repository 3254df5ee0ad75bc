// Convolutions, inner products and products of matrices.
#include <algorithm>
#include <array>
#include <cstring>
#include <vector>

#include "base/text.h"
#include "frontend/espresso/layer.h"

namespace pome::frontend::espresso {

using base::cat;

namespace {

// Sizes of a weight, of which the first is that of the outputs.
struct WeightSize {
  std::uint64_t outputs;
  std::uint64_t elements;
};

std::vector<float> read_floats(std::span<const std::byte> bytes) {
  std::vector<float> out(bytes.size() / sizeof(float));
  std::memcpy(out.data(), bytes.data(), out.size() * sizeof(float));
  return out;
}

void set_linear(Layer& layer, proto::WeightParams& out, std::span<const std::byte> codes,
                std::span<const float> scale, std::span<const float> bias) {
  layer.budget().take(static_cast<std::int64_t>(2 * scale.size_bytes()), "scales of weights");
  out.rawValue = codes;
  proto::QuantizationParams& quantization = out.quantization.make();
  quantization.numberOfBits = 8;
  proto::LinearQuantizationParams& linear = quantization.make_linearQuantization();
  linear.scale.assign(scale);
  linear.bias.assign(bias);
}

// Bytes with a scale and a bias for each output: scale x byte + bias.
void set_scaled(Layer& layer, proto::WeightParams& out, std::uint64_t codes, WeightSize size) {
  const auto scale = layer.blob_id("per_ch_qscale");
  const auto bias = layer.blob_id("per_ch_qbias");
  if (!scale || !bias)
    layer.contradicts("weights 'W_U8' come without 'per_ch_qscale' or 'per_ch_qbias'");
  set_linear(layer, out, layer.blob(codes, "W_U8", size.elements, 1),
             read_floats(layer.blob(*scale, "per_ch_qscale", size.outputs, sizeof(float))),
             read_floats(layer.blob(*bias, "per_ch_qbias", size.outputs, sizeof(float))));
}

// Bytes between a least and a greatest value for each output, of which all the least come first.
void set_ranged(Layer& layer, proto::WeightParams& out, std::uint64_t codes, WeightSize size) {
  const auto id = layer.blob_id("quantization_ranges_blob");
  if (!id) layer.contradicts("quantized weights come without 'quantization_ranges_blob'");
  const auto ranges = read_floats(
      layer.blob(*id, "quantization_ranges_blob", layer.product({2, size.outputs}), sizeof(float)));
  const auto least = std::span(ranges).first(size.outputs);
  const auto greatest = std::span(ranges).last(size.outputs);
  std::vector<float> scale(size.outputs);
  for (std::size_t i = 0; i < scale.size(); ++i) {
    scale[i] = static_cast<float>(
        (static_cast<double>(greatest[i]) - static_cast<double>(least[i])) / 255);
  }
  set_linear(layer, out, layer.blob(codes, "quantization_lut_weights_blob", size.elements, 1),
             scale, least);
}

// Whatever form the weights of a product have.
void set_weights(Layer& layer, proto::WeightParams& out, WeightSize size) {
  if (const auto id = layer.blob_id("blob_weights")) {
    layer.weights(out, *id, "blob_weights", size.elements, Stored::float32);
  } else if (const auto half = layer.blob_id("blob_weights_f16")) {
    layer.weights(out, *half, "blob_weights_f16", size.elements, Stored::float16);
  } else if (const auto scaled = layer.blob_id("W_U8")) {
    set_scaled(layer, out, *scaled, size);
  } else if (const auto ranged = layer.blob_id("quantization_lut_weights_blob")) {
    set_ranged(layer, out, *ranged, size);
  } else {
    layer.contradicts("it has no weights of a known form, such as 'blob_weights'");
  }
}

// Early compilers wrote biases with three times as many zeros behind them.
std::span<const std::byte> without_zeros(std::span<const std::byte> bytes, std::uint64_t count) {
  const std::uint64_t size = count * sizeof(float);
  if (bytes.size() != 4 * size) return bytes;
  const auto rest = bytes.subspan(size);
  const bool zeros =
      std::all_of(rest.begin(), rest.end(), [](std::byte byte) { return byte == std::byte{0}; });
  return zeros ? bytes.first(size) : bytes;
}

// True when there is a bias, which then is in `out`.
bool set_bias(Layer& layer, proto::Box<proto::WeightParams>& out, std::uint64_t outputs) {
  const bool expected = layer.flag("has_biases");
  const auto id = layer.blob_id("blob_biases");
  if (!id && expected) layer.contradicts("'has_biases' is set, 'blob_biases' is missing");
  if (!id) return false;
  const auto bytes = without_zeros(layer.blob(*id, "blob_biases"), outputs);
  layer.weights(out.make(), bytes, *id, "blob_biases", outputs, Stored::float32);
  return true;
}

void set_padding(Layer& layer, proto::ConvolutionLayerParams& out) {
  const std::int64_t mode = layer.integer("pad_mode", 0, 0, 2);
  const std::array<std::string_view, 4> edges{"pad_t", "pad_b", "pad_l", "pad_r"};
  std::array<std::uint64_t, 4> amounts{};
  std::transform(edges.begin(), edges.end(), amounts.begin(),
                 [&](std::string_view edge) { return layer.size(edge); });
  if (layer.number("pad_value", 0) != 0 || layer.number("pad_fill_mode", 0) != 0)
    layer.unknown("it pads with something else than zeros");
  if (mode == 1) {
    out.make_same();
    return;
  }
  proto::BorderAmounts& border = out.make_valid().paddingAmounts.make();
  for (const std::size_t i : {0, 2}) {
    auto& edge = border.borderAmounts.emplace_back();
    if (mode == 2) continue;
    edge.startEdgeSize = amounts.at(i);
    edge.endEdgeSize = amounts.at(i + 1);
  }
}

// Sizes beyond which no kernel can be; keeps products in range.
constexpr std::uint64_t largest_group = std::uint64_t{1} << 31;

void set_convolution(Layer& layer, proto::ConvolutionLayerParams& out, bool transposed) {
  const std::uint64_t outputs = layer.count("C");
  const std::uint64_t inputs = layer.count("K");
  const std::uint64_t groups = layer.count("n_groups", 1);
  const std::uint64_t height = layer.count("Ny");
  const std::uint64_t width = layer.count("Nx");
  if (groups > largest_group || inputs % groups != 0 || outputs % groups != 0)
    layer.contradicts(cat("'n_groups' is ", groups, ", expected a divisor of its ", inputs,
                          " input and ", outputs, " output channels"));
  out.outputChannels = outputs;
  out.kernelChannels = transposed ? inputs : inputs / groups;
  out.nGroups = groups;
  out.kernelSize = {height, width};
  out.stride = {layer.count("stride_y", 1), layer.count("stride_x", 1)};
  out.dilationFactor = {layer.count("dilation_y", 1), layer.count("dilation_x", 1)};
  out.isDeconvolution = transposed;
  set_padding(layer, out);
  const std::uint64_t elements = layer.product({inputs, outputs / groups, height, width});
  set_weights(layer, out.weights.make(), {outputs, elements});
  out.hasBias = set_bias(layer, out.bias, outputs);
  if (layer.flag("has_batch_norm"))
    layer.unknown("it normalizes its result, which is not known here");
}

void convolution(Layer& layer) {
  layer.expect_bottoms(1, 1);
  const FusedActivations fused(layer, "fused_relu", "fused_tanh");
  Chain chain(layer, 1 + fused.count());
  set_convolution(layer, chain.next().make_convolution(), false);
  fused.add(chain);
}

void deconvolution(Layer& layer) {
  layer.expect_bottoms(1, 1);
  const FusedActivations fused(layer, "fused_relu", "fused_tanh");
  Chain chain(layer, 1 + fused.count());
  proto::ConvolutionLayerParams& out = chain.next().make_convolution();
  set_convolution(layer, out, true);
  if (layer.has("deconv_out_height") || layer.has("deconv_out_width")) {
    const std::uint64_t height = layer.size("deconv_out_height");
    const std::uint64_t width = layer.size("deconv_out_width");
    if (height > 0 && width > 0) out.outputShape = {height, width};
  }
  fused.add(chain);
}

// A row of the weights for each index. The file has them as inner products have them: for each
// output its inputs.
void lookup(Layer& layer, std::uint64_t rows, std::uint64_t columns) {
  Chain chain(layer, 1);
  proto::NeuralNetworkLayer& message = chain.next();
  const WeightSize size{columns, layer.product({rows, columns})};
  if (layer.flag("nd_mode")) {
    proto::EmbeddingNDLayerParams& out = message.make_embeddingND();
    out.vocabSize = rows;
    out.embeddingSize = columns;
    set_weights(layer, out.weights.make(), size);
    out.hasBias = set_bias(layer, out.bias, columns);
  } else {
    proto::EmbeddingLayerParams& out = message.make_embedding();
    out.inputDim = rows;
    out.outputChannels = columns;
    set_weights(layer, out.weights.make(), size);
    out.hasBias = set_bias(layer, out.bias, columns);
  }
}

void inner_product(Layer& layer) {
  layer.expect_bottoms(1, 1);
  const std::uint64_t inputs = layer.count("nB");
  const std::uint64_t outputs = layer.count("nC");
  const FusedActivations fused(layer, "has_relu", "has_tanh");
  if (layer.flag("is_lookup")) {
    if (fused.count() != 0) layer.unknown("an activation behind a lookup is not known");
    lookup(layer, inputs, outputs);
    return;
  }
  layer.ignore("nd_mode");
  Chain chain(layer, 1 + fused.count());
  proto::InnerProductLayerParams& out = chain.next().make_innerProduct();
  out.inputChannels = inputs;
  out.outputChannels = outputs;
  set_weights(layer, out.weights.make(), {outputs, layer.product({inputs, outputs})});
  out.hasBias = set_bias(layer, out.bias, outputs);
  fused.add(chain);
}

void batch_matmul(Layer& layer) {
  layer.expect_bottoms(2, 2);
  proto::BatchedMatMulLayerParams& out = layer.add_whole().make_batchedMatmul();
  out.transposeA = layer.flag("transpose_x");
  out.transposeB = layer.flag("transpose_y");
}

constexpr std::array layers{
    LayerType{"convolution", convolution},
    LayerType{"deconvolution", deconvolution},
    LayerType{"inner_product", inner_product},
    LayerType{"batch_matmul", batch_matmul},
};

}  // namespace

std::span<const LayerType> product_layers() {
  return layers;
}

}  // namespace pome::frontend::espresso
