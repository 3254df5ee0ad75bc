// Espresso: how Apple's compiler stores a neural network in a `.mlmodelc` folder.
//
// The format has never been published. This is what bundles of 2017 to 2023 have in common:
//
//     model.espresso.net       JSON: "format_version" (200), "storage" (name of the weight file),
//                              "transform_params" (how image inputs are scaled), "layers": objects
//                              with "type", "name", "bottom" and "top" (names of blobs, separated
//                              by commas), attributes, and ids of weight blobs: in attributes whose
//                              names begin with "blob_" or end in "_blob", and in "weights"
//     model.espresso.shape     JSON: "layer_shapes", for each blob "n", "k", "h", "w", where longer
//                              than one "seq", and in networks of exact shapes "_rank"
//     model.espresso.weights   u64 count, as many pairs of u64 id and u64 size in bytes, then the
//                              blobs one after another. All little endian. Even ids pad; behind
//                              the biases of the first compilers there are three times as many
//                              zeros.
//
// System models may hold the JSON compressed ("pbze" and LZFSE); these are refused.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/budget.h"
#include "base/file.h"

namespace pome::format {

/// An attribute of a layer: a number (flags are 0 and 1), a text, or something else, which no known
/// layer has.
using EspressoValue = std::variant<std::monostate, double, std::string>;

struct EspressoLayer {
  std::string type;
  std::string name;
  std::vector<std::string> bottoms;  ///< blobs that it reads
  std::vector<std::string> tops;     ///< blobs that it makes
  std::map<std::string, EspressoValue, std::less<>> attributes;
  std::map<std::string, std::uint64_t, std::less<>> weights;  ///< ids by role, of "weights"
};

/// What the shape file says of a blob; none of the sizes is negative.
struct EspressoShape {
  /// 0 to 5: the blob has its last `rank` dimensions; less: it has always five.
  int rank = -1;
  std::int64_t seq = 1;
  std::int64_t n = 1;
  std::int64_t k = 1;
  std::int64_t h = 1;
  std::int64_t w = 1;
};

/// How the values of an image are changed on their way in: scale x value + bias of the channel.
struct EspressoTransform {
  double scale = 1;
  double bias_r = 0;
  double bias_g = 0;
  double bias_b = 0;
  double bias_a = 0;  ///< of grayscale images
  bool center_mean = false;
};

/// A model.espresso.net file.
struct EspressoNetwork {
  std::int64_t format_version = 0;
  std::string storage;  ///< name of the weight file beside it
  std::vector<EspressoLayer> layers;
  std::map<std::string, EspressoTransform, std::less<>> transforms;  ///< by input
};

using EspressoShapes = std::map<std::string, EspressoShape, std::less<>>;

/// The blobs of a weight file, which is kept in memory once. Immutable, cheap to copy.
class EspressoWeights {
 public:
  EspressoWeights() = default;
  /// Reads the whole file. Throws Error{io} when the table or a blob passes its end, or an id comes
  /// twice.
  EspressoWeights(const base::ByteSource& source, base::Budget& budget);

  /// The bytes of a blob; nothing for an unknown id.
  std::optional<std::span<const std::byte>> blob(std::uint64_t id) const;
  std::size_t size() const noexcept { return blobs_.size(); }
  /// Keeps all blobs alive.
  std::shared_ptr<const void> owner() const noexcept { return bytes_; }

 private:
  std::shared_ptr<const std::vector<std::byte>> bytes_;
  std::map<std::uint64_t, std::span<const std::byte>> blobs_;
};

/// Reads a network. Throws Error{io} naming the layer (or its number), Error{unsupported} for
/// compressed networks and for versions that are not known.
EspressoNetwork read_espresso_network(const base::ByteSource& source, base::Budget& budget);

/// Reads a shape file. Throws Error{io} naming the blob.
EspressoShapes read_espresso_shapes(const base::ByteSource& source, base::Budget& budget);

}  // namespace pome::format
