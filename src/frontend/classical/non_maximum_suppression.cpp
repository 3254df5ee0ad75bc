// Non-maximum suppression: of boxes that overlap, only the one with the highest confidence is kept.
#include <algorithm>
#include <optional>
#include <string>

#include "base/checked.h"
#include "base/text.h"
#include "features/classes.h"
#include "features/convert.h"
#include "frontend/classical/makers.h"
#include "frontend/classical/row.h"
#include "frontend/classical/single.h"
#include "pome/error.h"

namespace pome::classical {

using base::cat;

namespace {

[[noreturn]] void fail(std::string_view message) {
  throw Error(ErrorCode::parameters, std::string(message));
}

struct Box {
  double x0, y0, x1, y1;
};

// A box is (centre x, centre y, width, height).
Box corners(const double* box) noexcept {
  return {box[0] - box[2] / 2, box[1] - box[3] / 2, box[0] + box[2] / 2, box[1] + box[3] / 2};
}

double area(const Box& box) noexcept {
  return std::max(0.0, box.x1 - box.x0) * std::max(0.0, box.y1 - box.y0);
}

double overlap(const Box& a, const Box& b) noexcept {
  const Box shared{std::max(a.x0, b.x0), std::max(a.y0, b.y0), std::min(a.x1, b.x1),
                   std::min(a.y1, b.y1)};
  const double intersection = area(shared);
  const double total = area(a) + area(b) - intersection;
  return total > 0 ? intersection / total : 0.0;
}

class NonMaximumSuppression final : public Predictor {
 public:
  NonMaximumSuppression(const Source& source, const proto::NonMaximumSuppression& message)
      : confidence_(find(source.description.inputs, message.confidenceInputFeatureName,
                         FeatureType::multi_array, "input")),
        coordinates_(find(source.description.inputs, message.coordinatesInputFeatureName,
                          FeatureType::multi_array, "input")),
        confidence_out_(find(source.description.outputs, message.confidenceOutputFeatureName,
                             FeatureType::multi_array, "output")),
        coordinates_out_(find(source.description.outputs, message.coordinatesOutputFeatureName,
                              FeatureType::multi_array, "output")),
        iou_threshold_(message.iouThreshold),
        confidence_threshold_(message.confidenceThreshold),
        labels_(features::count(source.description.class_labels)) {
    if (message.pickTop() != nullptr) per_class_ = message.pickTop()->perClass;
    if (!message.iouThresholdInputFeatureName.empty())
      iou_input_ = find(source.description.inputs, message.iouThresholdInputFeatureName,
                        FeatureType::double_, "input");
    if (!message.confidenceThresholdInputFeatureName.empty())
      threshold_input_ =
          find(source.description.inputs, message.confidenceThresholdInputFeatureName,
               FeatureType::double_, "input");
    check_thresholds(iou_threshold_, confidence_threshold_, ErrorCode::parameters);
    for (const FeatureDescription* feature : {&confidence_out_, &coordinates_out_}) {
      const MultiArrayConstraint& constraint = *feature->multi_array_constraint;
      const auto& shapes = constraint.shape_constraint;
      if (shapes.type == ShapeConstraintType::fixed && !constraint.shape.empty())
        rows_ = {constraint.shape[0], constraint.shape[0]};
      if (shapes.type == ShapeConstraintType::range && !shapes.size_range_for_dimension.empty())
        rows_ = shapes.size_range_for_dimension[0];
    }
  }

  FeatureProvider predict(const FeatureProvider& inputs, const Call& call) const override {
    const MultiArray& confidence = require(inputs, confidence_).multi_array_value();
    const MultiArray& coordinates = require(inputs, coordinates_).multi_array_value();
    check_shapes(confidence, coordinates);
    const std::int64_t boxes = confidence.shape()[0];
    const std::int64_t classes = confidence.shape()[1];
    std::vector<double> scores, places;
    append_elements(confidence, call, scores);
    append_elements(coordinates, call, places);
    const double iou = number(inputs, iou_input_, iou_threshold_);
    const double least = number(inputs, threshold_input_, confidence_threshold_);
    check_thresholds(iou, least, ErrorCode::feature_type);

    const std::vector<Candidate> sorted = candidates(scores, boxes, classes, least);
    const std::vector<std::size_t> kept = suppress(sorted, places, iou, call);
    FeatureProvider out;
    out.set(confidence_out_.name,
            features::convert(confidence_out_, rows(scores, classes, kept, call)));
    out.set(coordinates_out_.name,
            features::convert(coordinates_out_, rows(places, 4, kept, call)));
    return out;
  }

 private:
  struct Candidate {
    std::size_t box;
    std::size_t label;
    double confidence;
  };

  static FeatureDescription find(const std::vector<FeatureDescription>& features,
                                 std::string_view name, FeatureType type, std::string_view what) {
    const auto found = std::ranges::find(features, name, &FeatureDescription::name);
    if (found == features.end())
      fail(cat(what, " ", base::quoted(name), " is not in the description"));
    if (found->type != type)
      fail(cat(what, " ", base::quoted(name), " is described as ", found->type_text()));
    return *found;
  }

  static void check_thresholds(double iou, double confidence, ErrorCode code) {
    if (!(iou >= 0) || !(iou <= 1))
      throw Error(code, cat("the threshold of overlap is ", iou, ", expected 0 to 1"));
    if (!(confidence >= 0))
      throw Error(code, cat("the threshold of confidence is ", confidence, ", expected 0 or more"));
  }

  static double number(const FeatureProvider& inputs,
                       const std::optional<FeatureDescription>& feature, double otherwise) {
    const FeatureValue* value = feature ? inputs.find(feature->name) : nullptr;
    return value == nullptr || value->is_undefined() ? otherwise : value->double_value();
  }

  void check_shapes(const MultiArray& confidence, const MultiArray& coordinates) const {
    const auto a = confidence.shape();
    const auto b = coordinates.shape();
    if (a.size() != 2 || b.size() != 2 || b[1] != 4 || a[0] != b[0] || a[1] == 0)
      throw Error(ErrorCode::feature_type,
                  cat("the confidence is ", confidence.text(), " and the coordinates are ",
                      coordinates.text(), ", expected boxes x classes and boxes x 4"));
    if (labels_ != 0 && a[1] != static_cast<std::int64_t>(labels_))
      throw Error(ErrorCode::feature_type,
                  cat("the confidence has ", a[1], " classes, and the model ", labels_, " labels"));
  }

  // Boxes of enough confidence, the highest first; of equal ones the first in the input.
  static std::vector<Candidate> candidates(const std::vector<double>& scores, std::int64_t boxes,
                                           std::int64_t classes, double least) {
    std::vector<Candidate> out;
    const auto width = static_cast<std::size_t>(classes);
    for (std::size_t i = 0; i < static_cast<std::size_t>(boxes); ++i) {
      const std::span row(scores.data() + i * width, width);
      const std::size_t label = features::likeliest(row);
      if (row[label] >= least) out.push_back({i, label, row[label]});
    }
    std::ranges::stable_sort(out, std::ranges::greater{}, &Candidate::confidence);
    return out;
  }

  std::vector<std::size_t> suppress(const std::vector<Candidate>& sorted,
                                    const std::vector<double>& places, double iou,
                                    const Call& call) const {
    std::vector<std::size_t> kept;  // into sorted
    std::vector<Box> boxes;
    for (std::size_t i = 0; i < sorted.size(); ++i) {
      if (rows_.upper >= 0 && static_cast<std::int64_t>(kept.size()) >= rows_.upper) break;
      if (call.stop.stop_requested())
        throw Error(ErrorCode::prediction_cancelled, "the prediction was cancelled");
      const Box box = corners(&places[sorted[i].box * 4]);
      const bool is_covered = [&] {
        for (std::size_t j = 0; j < kept.size(); ++j) {
          if (per_class_ && sorted[kept[j]].label != sorted[i].label) continue;
          if (overlap(box, boxes[j]) > iou) return true;
        }
        return false;
      }();
      if (is_covered) continue;
      kept.push_back(i);
      boxes.push_back(box);
    }
    for (std::size_t& one : kept) one = sorted[one].box;
    return kept;
  }

  // The rows of the kept boxes, filled up with zeros where the description wants more.
  MultiArray rows(const std::vector<double>& values, std::int64_t width,
                  const std::vector<std::size_t>& kept, const Call& call) const {
    const auto count = std::max(static_cast<std::int64_t>(kept.size()), rows_.lower);
    const auto bytes =
        base::byte_count(base::checked_mul(count, width).value_or(-1), DataType::fp64);
    call.budget.take(bytes.value_or(call.budget.limit()), "the boxes that are kept");
    MultiArray out(DataType::fp64, {count, width});
    const auto target = out.mutable_elements<double>();
    const auto size = static_cast<std::size_t>(width);
    for (std::size_t i = 0; i < kept.size(); ++i)
      std::copy_n(values.begin() + static_cast<std::ptrdiff_t>(kept[i] * size), size,
                  target.begin() + static_cast<std::ptrdiff_t>(i * size));
    return out;
  }

  FeatureDescription confidence_, coordinates_, confidence_out_, coordinates_out_;
  std::optional<FeatureDescription> iou_input_, threshold_input_;
  double iou_threshold_;
  double confidence_threshold_;
  std::size_t labels_;
  bool per_class_ = false;
  SizeRange rows_;  // that the outputs may have
};

}  // namespace

PredictorPtr make_non_maximum_suppression(const Source& source) {
  return std::make_shared<NonMaximumSuppression>(source, *source.model.nonMaximumSuppression());
}

}  // namespace pome::classical
