#include "frontend/neural_network/network.h"

#include <algorithm>

#include "base/checked.h"
#include "base/text.h"
#include "frontend/neural_network/layer.h"
#include "pome/error.h"

namespace pome::frontend {

using base::cat;
using network::Arg;
using network::Builder;
using network::flag;
using network::integer;
using network::Ints;
using network::ints;
using network::number;
using network::numbers;
using network::Scope;
using network::V;

namespace {

template <typename Network>
NetworkParts parts_of(const Network& network) {
  return {
      &network.layers, &network.preprocessing,
      network.arrayInputShapeMapping ==
          proto::NeuralNetworkMultiArrayShapeMapping::EXACT_ARRAY_MAPPING,
      network.imageInputShapeMapping == proto::NeuralNetworkImageShapeMapping::RANK4_IMAGE_MAPPING};
}

[[noreturn]] void fail(const FeatureDescription& feature, std::string_view what) {
  throw Error(ErrorCode::parameters, cat("feature ", base::quoted(feature.name), ": ", what));
}

/// What is known of a described array's dimensions: the same in every allowed shape.
ir::Dims array_dims(const FeatureDescription& feature) {
  const MultiArrayConstraint& array = *feature.multi_array_constraint;
  const MultiArrayShapeConstraint& allowed = array.shape_constraint;
  std::vector<std::int64_t> shape = array.shape;
  if (allowed.type == ShapeConstraintType::enumerated && !allowed.enumerated_shapes.empty()) {
    shape = allowed.enumerated_shapes.front();
    for (const auto& other : allowed.enumerated_shapes) {
      if (other.size() != shape.size()) fail(feature, "its shapes differ in rank");
      for (std::size_t i = 0; i < shape.size(); ++i) {
        if (other[i] != shape[i]) shape[i] = ir::unknown_dim;
      }
    }
  } else if (allowed.type == ShapeConstraintType::range) {
    shape.clear();
    for (const SizeRange& range : allowed.size_range_for_dimension)
      shape.push_back(range.lower == range.upper ? range.lower : ir::unknown_dim);
  }
  if (shape.empty()) fail(feature, "no shape of it is described");
  return ir::Dims(shape);
}

ir::Dims image_dims(const FeatureDescription& feature) {
  const ImageConstraint& image = *feature.image_constraint;
  const bool gray = image.color_space == ColorSpace::grayscale ||
                    image.color_space == ColorSpace::grayscale_float16;
  const auto& allowed = image.size_constraint;
  std::int64_t width = image.pixels_wide;
  std::int64_t height = image.pixels_high;
  if (allowed.type == ShapeConstraintType::enumerated) {
    for (const ImageSize& size : allowed.enumerated_image_sizes) {
      if (size.width != width) width = ir::unknown_dim;
      if (size.height != height) height = ir::unknown_dim;
    }
  } else if (allowed.type == ShapeConstraintType::range) {
    const auto& wide = allowed.pixels_wide_range;
    const auto& high = allowed.pixels_high_range;
    width = wide.lower == wide.upper ? wide.lower : ir::unknown_dim;
    height = high.lower == high.upper ? high.lower : ir::unknown_dim;
  }
  if (width == 0 || height == 0) fail(feature, "no size of it is described");
  return {1, gray ? 1 : 3, height, width};
}

class Importer {
 public:
  Importer(ir::Function& function, const NetworkParts& parts, const ModelDescription& description,
           const std::shared_ptr<const void>& owner, base::Budget& budget)
      : function_(function),
        parts_(parts),
        description_(description),
        builder_(function),
        scope_{builder_, {}, owner, budget, false} {}

  void run(const std::string& probabilities) {
    for (const auto& feature : description_.inputs) builder_.reserve(feature.name);
    for (const auto& feature : description_.outputs) builder_.reserve(feature.name);
    builder_.reserve(probabilities);
    for (const auto& feature : description_.inputs) add_input(feature);
    network::translate(scope_, *parts_.layers);
    builder_.set_source({});
    std::vector<ir::Value*> outputs;
    for (const auto& feature : description_.outputs) {
      if (is_tensor(feature)) outputs.push_back(output(feature));
    }
    if (!probabilities.empty()) outputs.push_back(give(blob(probabilities), probabilities));
    function_.body->set_outputs(std::move(outputs));
  }

 private:
  bool is_tensor(const FeatureDescription& feature) const {
    if (feature.name == description_.predicted_probabilities_name) return false;
    if (feature.type == FeatureType::multi_array || feature.type == FeatureType::image) return true;
    if (feature.type == FeatureType::double_ || feature.type == FeatureType::int64)
      return scope_.blobs.contains(feature.name);
    return false;
  }

  void add_input(const FeatureDescription& feature) {
    builder_.set_source({feature.name, "input"});
    builder_.set_hint(feature.name);
    V x = nullptr;
    if (feature.type == FeatureType::image) {
      x = builder_.input(feature.name, ir::Type::tensor(DataType::fp32, image_dims(feature)));
      x = preprocess(feature, x);
      if (!parts_.rank4_images) x = expand(x, {0});
    } else {
      const bool is_number =
          feature.type == FeatureType::double_ || feature.type == FeatureType::int64;
      if (!is_number && feature.type != FeatureType::multi_array)
        fail(feature, cat("a network cannot take a ", name(feature.type)));
      const ir::Dims dims = is_number ? ir::Dims{1} : array_dims(feature);
      x = builder_.input(feature.name, ir::Type::tensor(DataType::fp32, dims));
      x = preprocess(feature, x);
      if (!parts_.exact_arrays) x = to_rank5(x);
    }
    scope_.blobs[feature.name] = x;
  }

  V expand(V x, const Ints& axes) {
    return builder_.op("expand_dims", {{"x", x}, {"axes", ints(axes)}});
  }
  V squeeze(V x, const Ints& axes) {
    return builder_.op("squeeze", {{"x", x}, {"axes", ints(axes)}});
  }

  /// [C] is [1, 1, C, 1, 1], [C, H, W] is [1, 1, C, H, W].
  V to_rank5(V x) {
    switch (x->type.rank()) {
      case 1: return expand(x, {0, 1, 3, 4});
      case 2: return expand(x, {0, 1, 2});
      case 3: return expand(x, {0, 1});
      case 4: return expand(x, {0});
      default: return x;
    }
  }

  V preprocess(const FeatureDescription& feature, V x) {
    for (const auto& one : *parts_.preprocessing) {
      const bool only_image = one.featureName.empty() && feature.type == FeatureType::image &&
                              std::ranges::count(description_.inputs, FeatureType::image,
                                                 &FeatureDescription::type) == 1;
      if (one.featureName != feature.name && !only_image) continue;
      if (const auto* scaler = one.scaler()) x = scale(feature, *scaler, x);
      if (const auto* mean = one.meanImage()) x = subtract(feature, *mean, x);
    }
    return x;
  }

  V scale(const FeatureDescription& feature, const proto::NeuralNetworkImageScaler& scaler, V x) {
    if (scaler.channelScale != 1)
      x = builder_.op("mul", {{"x", x}, {"y", number(scaler.channelScale)}});
    std::vector<float> bias{scaler.grayBias};
    if (feature.image_constraint) {
      const ColorSpace space = feature.image_constraint->color_space;
      if (space == ColorSpace::rgb) bias = {scaler.redBias, scaler.greenBias, scaler.blueBias};
      if (space == ColorSpace::bgr) bias = {scaler.blueBias, scaler.greenBias, scaler.redBias};
    } else if (x->type.rank() >= 3 && x->type.dims[x->type.rank() - 3] == 3) {
      bias = {scaler.redBias, scaler.greenBias, scaler.blueBias};
    }
    if (std::ranges::all_of(bias, [](float v) { return v == 0; })) return x;
    const auto n = static_cast<std::int64_t>(bias.size());
    return builder_.op("add", {{"x", x}, {"y", numbers(bias, {n, 1, 1})}});
  }

  V subtract(const FeatureDescription& feature, const proto::NeuralNetworkMeanImage& mean, V x) {
    ir::Dims dims;
    for (std::size_t i = x->type.rank() - std::min<std::size_t>(3, x->type.rank());
         i < x->type.rank(); ++i)
      dims.push_back(x->type.dims[i]);
    const auto count = base::element_count(dims);
    const auto found = static_cast<std::int64_t>(mean.meanImage.size());
    if (count && *count >= 0 && *count != found)
      fail(feature, cat("its mean image has ", found, " values, expected ", *count));
    if (!count || *count < 0) fail(feature, "it has a mean image and no fixed size");
    std::vector<float> values(mean.meanImage.size());
    for (std::size_t i = 0; i < values.size(); ++i) values[i] = mean.meanImage[i];
    return builder_.op("sub", {{"x", x}, {"y", numbers(values, dims)}});
  }

  V blob(std::string_view name) const {
    const auto found = scope_.blobs.find(name);
    if (found == scope_.blobs.end())
      throw Error(ErrorCode::parameters,
                  cat("the output ", base::quoted(name), " is made by no layer"));
    return found->second;
  }

  V give(V value, const std::string& name) {
    // A value cannot have the name of an input.
    const std::string own = description_.input(name) != nullptr ? output_name(name) : name;
    return builder_.named(own, "identity", {{"x", value}});
  }

  V output(const FeatureDescription& feature) {
    V x = blob(feature.name);
    builder_.set_hint(feature.name);
    if (feature.type == FeatureType::image) {
      while (x->type.ranked && x->type.rank() > 4) x = squeeze(x, {0});
      return give(x, feature.name);
    }
    if (!parts_.exact_arrays && x->type.ranked && x->type.rank() == 5) x = from_rank5(feature, x);
    return give(x, feature.name);
  }

  /// [S, B, C, H, W] as it is described; else as [C, H, W] or [C] where the others are 1.
  V from_rank5(const FeatureDescription& feature, V x) {
    const auto& dims = x->type.dims;
    const auto& array = feature.multi_array_constraint;
    const std::size_t described = array ? array->shape.size() : 1;
    const auto count = base::element_count(dims);
    if (described > 1 && described < 5 && x->type.is_static() && count &&
        count == base::element_count(array->shape))
      return builder_.op("reshape", {{"x", x}, {"shape", ints(array->shape)}});
    const bool one_step = dims[0] == 1 && dims[1] == 1;
    const bool vector = dims[3] == 1 && dims[4] == 1;
    if (described == 1 && one_step)
      return vector ? squeeze(x, {0, 1, 3, 4})
                    : builder_.op("reshape", {{"x", x}, {"shape", ints({-1})}});
    if (described == 3 && one_step) return squeeze(x, {0, 1});
    return x;
  }

  ir::Function& function_;
  const NetworkParts& parts_;
  const ModelDescription& description_;
  Builder builder_;
  Scope scope_;
};

}  // namespace

NetworkParts network_parts(const proto::Model& model) noexcept {
  if (const auto* network = model.neuralNetwork()) return parts_of(*network);
  if (const auto* network = model.neuralNetworkClassifier()) return parts_of(*network);
  if (const auto* network = model.neuralNetworkRegressor()) return parts_of(*network);
  return {};
}

std::string output_name(std::string_view feature) {
  return cat(feature, "#output");
}

std::unique_ptr<ir::Program> import_network(const NetworkParts& parts,
                                            const ModelDescription& description,
                                            const std::string& probabilities,
                                            const std::shared_ptr<const void>& owner,
                                            base::Budget& budget) {
  auto program = std::make_unique<ir::Program>();
  program->functions.push_back(std::make_unique<ir::Function>("main", "CoreML6"));
  Importer(*program->functions.front(), parts, description, owner, budget).run(probabilities);
  ir::verify(*program);
  return program;
}

}  // namespace pome::frontend
