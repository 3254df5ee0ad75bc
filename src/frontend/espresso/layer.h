// One espresso layer while it is translated, and the network around it. Private to this room.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/budget.h"
#include "format/espresso.h"
#include "frontend/espresso/espresso.h"
#include "proto/NeuralNetwork.pb.h"

namespace pome::frontend::espresso {

/// Texts that views in messages point to; they never move.
using Texts = std::deque<std::string>;

/// What all layers of a network share.
struct Network {
  const format::EspressoShapes& shapes;
  const format::EspressoWeights& weights;
  base::Budget& budget;
  proto::NeuralNetwork& messages;
  Texts& texts;
  /// Blobs have the dimensions that the model gives them; else always five: sequence, batch,
  /// channel, height, width.
  bool exact_shapes = false;
  std::set<std::string, std::less<>> blobs;  ///< every name in use

  std::string_view keep(std::string text) { return texts.emplace_back(std::move(text)); }
};

/// How the numbers of a weight blob lie in the file.
enum class Stored : std::uint8_t { float32, float16 };

/// Reads attributes of one layer, remembers which, and appends messages for it.
class Layer {
 public:
  Layer(const format::EspressoLayer& layer, Network& network) : layer_(layer), network_(network) {}

  const std::string& type() const noexcept { return layer_.type; }
  const std::string& name() const noexcept { return layer_.name; }
  bool exact_shapes() const noexcept { return network_.exact_shapes; }
  const std::vector<std::string>& bottoms() const noexcept { return layer_.bottoms; }
  const std::vector<std::string>& tops() const noexcept { return layer_.tops; }

  /// Attributes. The forms with `otherwise` give it when the attribute is absent.
  bool has(std::string_view key) const;
  std::int64_t integer(std::string_view key);
  std::int64_t integer(std::string_view key, std::int64_t otherwise);
  /// An integer that must lie between the two bounds, which belong to it.
  std::int64_t integer(std::string_view key, std::int64_t otherwise, std::int64_t least,
                       std::int64_t most);
  /// At least 1.
  std::uint64_t count(std::string_view key);
  std::uint64_t count(std::string_view key, std::uint64_t otherwise);
  /// At least 0.
  std::uint64_t size(std::string_view key);
  double number(std::string_view key);
  double number(std::string_view key, double otherwise);
  float real(std::string_view key, double otherwise);
  bool flag(std::string_view key) { return number(key, 0) != 0; }
  /// For attributes that change nothing, or only together with others that were read.
  void ignore(std::string_view key) { used_.emplace(key); }

  /// The id of a blob in an attribute, or in "weights" when it is not there.
  std::optional<std::uint64_t> blob_id(std::string_view key);
  /// The bytes of a blob, which must hold `elements` numbers of this size.
  std::span<const std::byte> blob(std::uint64_t id, std::string_view key, std::uint64_t elements,
                                  std::size_t element_size) const;
  /// Throws unless `bytes`, of blob `id`, are as many.
  void expect_size(std::span<const std::byte> bytes, std::uint64_t id, std::string_view key,
                   std::uint64_t elements, std::size_t element_size) const;
  /// Bytes of a blob of any size.
  std::span<const std::byte> blob(std::uint64_t id, std::string_view key) const;
  /// Makes `out` the numbers of a blob.
  void weights(proto::WeightParams& out, std::uint64_t id, std::string_view key,
               std::uint64_t elements, Stored stored) const;
  /// The same with the bytes at hand.
  void weights(proto::WeightParams& out, std::span<const std::byte> bytes, std::uint64_t id,
               std::string_view key, std::uint64_t elements, Stored stored) const;
  /// A product of sizes that may be those of a weight. Throws when it is too large.
  std::uint64_t product(std::initializer_list<std::uint64_t> sizes) const;

  /// The dimensions of a blob, from the shape file: of exact shapes as many as it has, else five.
  /// Nothing when the file does not know it.
  std::optional<std::vector<std::int64_t>> dims(const std::string& blob) const;
  /// The same, where it is needed. Throws when the file does not know it.
  std::vector<std::int64_t> needed_dims(const std::string& blob) const;

  void expect_bottoms(std::size_t least, std::size_t most) const;
  void expect_tops(std::size_t least, std::size_t most) const;

  /// One message of a layer that reads `inputs` and makes `outputs`.
  proto::NeuralNetworkLayer& add(std::vector<std::string_view> inputs,
                                 std::vector<std::string_view> outputs);
  /// The layer as one message.
  proto::NeuralNetworkLayer& add_whole();

  std::string_view keep(std::string text) { return network_.keep(std::move(text)); }
  /// A name for a blob between messages of this layer.
  std::string_view new_blob();
  base::Budget& budget() const noexcept { return network_.budget; }

  /// Throws Error{unsupported} when an attribute or weight was not read and is not known to change
  /// nothing.
  void check_all_read() const;

  /// The place for messages: "layer 'conv1' (convolution)".
  std::string place() const;
  [[noreturn]] void contradicts(const std::string& what) const;  ///< Error{io}
  [[noreturn]] void unknown(const std::string& what) const;      ///< Error{unsupported}

 private:
  const double* find(std::string_view key);

  const format::EspressoLayer& layer_;
  Network& network_;
  std::set<std::string, std::less<>> used_;
  int messages_ = 0;
};

/// Messages one after another, of which each reads what the one before made.
class Chain {
 public:
  /// `steps` messages of a layer with one top.
  Chain(Layer& layer, int steps);
  /// The next message. It reads `more` first, then what the last one made; the first one reads the
  /// layer's bottoms.
  proto::NeuralNetworkLayer& next(const std::vector<std::string_view>& more = {});

 private:
  Layer& layer_;
  int left_;
  std::string_view last_;
};

/// Translates a layer of one type.
using Translate = void (*)(Layer& layer);

struct LayerType {
  std::string_view name;
  Translate translate;
};

/// Tables of the translations, one for each file.
std::span<const LayerType> product_layers();
std::span<const LayerType> window_layers();
std::span<const LayerType> elementwise_layers();
std::span<const LayerType> statistics_layers();
std::span<const LayerType> shape_layers();
std::span<const LayerType> indexing_layers();

/// Activations that a layer does behind its own work ("fused_relu" and the like).
class FusedActivations {
 public:
  /// Reads these flags. `relu` and `tanh` are the names of two of them.
  FusedActivations(Layer& layer, std::string_view relu, std::string_view tanh);
  int count() const noexcept { return (relu_ ? 1 : 0) + (tanh_ ? 1 : 0); }
  void add(Chain& chain) const;

 private:
  bool relu_;
  bool tanh_;
};

}  // namespace pome::frontend::espresso
