// Products with weights: inner products, matrix products, embeddings.
#include "base/text.h"
#include "frontend/neural_network/layers/layers.h"

namespace pome::frontend::network::layers {

using base::cat;

namespace {

std::int64_t count(const Layer& layer, std::uint64_t value, std::string_view what) {
  if (value == 0 || value > (1ULL << 40))
    layer.fail(cat(what, " is ", value, ", expected above 0"));
  return static_cast<std::int64_t>(value);
}

void check_last(const Layer& layer, V x, std::int64_t expected) {
  const std::int64_t found = Layer::dim(x, -1);
  if (found >= 0 && found != expected)
    layer.fail(cat("its input has ", found, " channels, expected ", expected));
}

}  // namespace

void translate_innerProduct(Layer& layer) {
  const auto& p = *layer.message.innerProduct();
  layer.expect_inputs(1, 1);
  const std::int64_t inputs = count(layer, p.inputChannels, "its number of input channels");
  const std::int64_t outputs = count(layer, p.outputChannels, "its number of output channels");
  V weight = layer.weight(p.weights, {outputs, inputs}, "its weight");
  V bias = p.hasBias ? layer.weight(p.bias, {outputs}, "its bias") : nullptr;
  const auto multiply = [&](V x) {
    check_last(layer, x, inputs);
    std::vector<Arg> arguments{{"x", x}, {"weight", weight}};
    if (bias != nullptr) arguments.emplace_back("bias", bias);
    return layer.b.op("linear", std::move(arguments));
  };
  V x = layer.in();
  const std::int64_t rank = layer.expect_rank(x, 1);
  if (rank == 1) return layer.out(layer.squeeze(multiply(layer.expand(x, {0})), {0}));
  if (rank <= 3) return layer.out(multiply(x));
  layer.out(layer.with_batch(x, 3, [&](V batch) {
    const bool is_vector = Layer::dim(batch, 2) == 1 && Layer::dim(batch, 3) == 1;
    V flat = is_vector ? layer.squeeze(batch, {2, 3})
                       : layer.b.op("flatten2d", {{"x", batch}, {"axis", integer(1)}});
    return layer.expand(multiply(flat), {2, 3});
  }));
}

void translate_batchedMatmul(Layer& layer) {
  const auto& p = *layer.message.batchedMatmul();
  layer.expect_inputs(1, 2);
  V a = layer.in();
  if (layer.input_count() == 1) {
    const std::int64_t rows =
        count(layer, p.weightMatrixFirstDimension, "its first weight dimension");
    const std::int64_t columns =
        count(layer, p.weightMatrixSecondDimension, "its second weight dimension");
    // It is stored as a linear layer takes it, [columns, rows], and is never transposed again.
    V weight = layer.weight(p.weights, {columns, rows}, "its weight");
    const bool vector = layer.expect_rank(a, 1) == 1;
    V x = vector ? layer.expand(a, {0}) : a;
    check_last(layer, x, rows);
    std::vector<Arg> arguments{{"x", x}, {"weight", weight}};
    if (p.hasBias) arguments.emplace_back("bias", layer.weight(p.bias, {columns}, "its bias"));
    V y = layer.b.op("linear", std::move(arguments));
    return layer.out(vector ? layer.squeeze(y, {0}) : y);
  }
  V y = layer.in(1);
  if (layer.expect_rank(a, 1) == 1) a = layer.expand(a, {0});
  if (layer.expect_rank(y, 1) == 1) y = layer.expand(y, {1});
  layer.out(layer.b.op("matmul", {{"x", a},
                                  {"y", y},
                                  {"transpose_x", flag(p.transposeA)},
                                  {"transpose_y", flag(p.transposeB)}}));
}

namespace {

/// Rows of a table that is stored as [size, vocabulary], plus a bias, by the indices in `at`.
V look_up(Layer& layer, V at, std::int64_t vocabulary, std::int64_t size,
          const proto::Box<proto::WeightParams>& weights, bool has_bias,
          const proto::Box<proto::WeightParams>& bias) {
  const auto values = layer.weight_values(weights, vocabulary * size, "its weight");
  std::vector<float> added(static_cast<std::size_t>(size));
  if (has_bias) added = layer.weight_values(bias, size, "its bias");
  std::vector<float> table(values.size());
  for (std::int64_t v = 0; v < vocabulary; ++v) {
    for (std::int64_t i = 0; i < size; ++i)
      table[static_cast<std::size_t>(v * size + i)] =
          values[static_cast<std::size_t>(i * vocabulary + v)] + added[static_cast<std::size_t>(i)];
  }
  V rows = layer.b.constant(numbers(table, {vocabulary, size}));
  return layer.b.op("gather", {{"x", rows}, {"indices", layer.to_int(at)}, {"axis", integer(0)}});
}

}  // namespace

void translate_embedding(Layer& layer) {
  const auto& p = *layer.message.embedding();
  layer.expect_inputs(1, 1);
  V x = layer.in();
  layer.expect_rank(x, 4);
  V rows = look_up(layer, layer.squeeze(x, {-3, -2, -1}),
                   count(layer, p.inputDim, "its input dimension"),
                   count(layer, p.outputChannels, "its number of output channels"), p.weights,
                   p.hasBias, p.bias);
  layer.out(layer.expand(rows, {-2, -1}));
}

void translate_embeddingND(Layer& layer) {
  const auto& p = *layer.message.embeddingND();
  layer.expect_inputs(1, 1);
  V x = layer.in();
  layer.expect_rank(x, 2);
  layer.out(look_up(layer, layer.squeeze(x, {-1}), count(layer, p.vocabSize, "its vocabulary size"),
                    count(layer, p.embeddingSize, "its embedding size"), p.weights, p.hasBias,
                    p.bias));
}

}  // namespace pome::frontend::network::layers
