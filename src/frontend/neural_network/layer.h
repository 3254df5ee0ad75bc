// One layer while it is translated: what its translation function may ask and do.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/budget.h"
#include "frontend/neural_network/builder.h"
#include "proto/NeuralNetwork.pb.h"

namespace pome::frontend::network {

using proto::NeuralNetworkLayer;
using Layers = std::vector<NeuralNetworkLayer>;

/// Blobs by name, and what all layers of a network share. `copy` and loops give a blob a new value.
struct Scope {
  Builder& builder;
  std::map<std::string, V, std::less<>> blobs;
  std::shared_ptr<const void> owner;  ///< of the bytes of weights
  base::Budget& budget;
  bool in_loop = false;
};

/// Translates layers one after the other into the builder's block.
void translate(Scope& scope, const Layers& layers);

/// One layer. Functions of layers/*.cpp read its parameters from `message` and emit operations.
class Layer {
 public:
  Layer(Scope& all, const NeuralNetworkLayer& layer, std::string_view type)
      : b(all.builder), scope(all), message(layer), type_(type) {}

  Builder& b;
  Scope& scope;
  const NeuralNetworkLayer& message;

  std::size_t input_count() const noexcept { return message.input.size(); }
  std::size_t output_count() const noexcept { return message.output.size(); }
  /// Fails unless the layer has between `least` and `most` inputs (outputs).
  void expect_inputs(std::size_t least, std::size_t most) const;
  void expect_outputs(std::size_t least, std::size_t most) const;
  /// Blob that the layer reads; fails when nothing has made it yet.
  V in(std::size_t i = 0) const;
  std::vector<V> all_inputs() const;
  void out(V value, std::size_t i = 0);

  /// Throws Error{parameters}: "layer 'name' (type): message".
  [[noreturn]] void fail(std::string_view what) const;
  std::string place() const;

  // --- shapes ---
  static std::int64_t rank(V value) { return static_cast<std::int64_t>(value->type.rank()); }
  /// Fails when the rank is below `least`; returns it.
  std::int64_t expect_rank(V value, std::int64_t least, std::int64_t most = 64) const;
  /// Negative axes count from the end; fails when outside of `rank`.
  std::int64_t axis(std::int64_t axis, std::int64_t rank) const;
  static std::int64_t dim(V value, std::int64_t from_end_or_start);

  V reshape(V x, const Ints& shape) { return b.op("reshape", {{"x", x}, {"shape", ints(shape)}}); }
  V squeeze(V x, const Ints& axes) {
    return axes.empty() ? x : b.op("squeeze", {{"x", x}, {"axes", ints(axes)}});
  }
  V expand(V x, const Ints& axes) {
    return axes.empty() ? x : b.op("expand_dims", {{"x", x}, {"axes", ints(axes)}});
  }
  V transpose(V x, const Ints& perm) { return b.op("transpose", {{"x", x}, {"perm", ints(perm)}}); }
  V cast(V x, DataType to);
  /// As int32: indices and sizes, which blobs hold as floats.
  V to_int(V x) { return cast(x, DataType::int32); }
  V to_float(V x) { return cast(x, DataType::fp32); }
  V to_bool(V x);
  V binary(std::string_view type, V x, V y) { return b.op(type, {{"x", x}, {"y", y}}); }
  V unary(std::string_view type, V x) { return b.op(type, {{"x", x}}); }
  V scalar(float value) { return b.constant(number(value)); }
  /// The shape of a value as an int32 vector.
  V shape_of(V x) { return b.op("shape", {{"x", x}}); }

  /// Runs `body` on a value whose dimensions before the last `tail` are joined to one (or added),
  /// so that it has `tail` + 1 dimensions, and gives the result the leading dimensions back.
  V with_batch(V x, std::int64_t tail, const std::function<V(V)>& body);

  // --- weights ---
  /// A weight of these dimensions as an argument; fails, naming `what`, when its length differs.
  V weight(const proto::Box<proto::WeightParams>& params, const Ints& dims, std::string_view what);
  /// Its elements, expanded.
  std::vector<float> weight_values(const proto::Box<proto::WeightParams>& params,
                                   std::int64_t count, std::string_view what) const;
  static bool has_weight(const proto::Box<proto::WeightParams>& params) noexcept;

 private:
  std::string_view type_;
};

/// What translates one type of layer.
struct LayerType {
  int field;              ///< of the oneof in NeuralNetworkLayer
  std::string_view name;  ///< as the specification spells it
  void (*translate)(Layer&);
};

/// All layer types, by field. Null: none has this field.
std::span<const LayerType> layer_types() noexcept;
const LayerType* find_layer_type(int field) noexcept;

/// Text of an operation for a recurrent or activation layer with the parameters it takes.
V activate(Layer& layer, const proto::ActivationParams& params, V x);
/// The name that recurrent operations give an activation; fails for others.
std::string recurrent_activation(const Layer& layer, const proto::ActivationParams& params);

}  // namespace pome::frontend::network
