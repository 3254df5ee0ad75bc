// non_maximum_suppression: the boxes of highest score, without those that overlap a chosen one.
//
// Boxes are (x, y, width, height) of their centre; a box's score is that of its best class. Boxes
// are taken by falling score, ties by number; one is dropped when its intersection over union with
// a chosen box (of its class, per_class_suppression) is over the threshold; since iOS17 also when
// it equals the threshold, as coremltools' tests of the two generations tell. When nothing passes
// the score threshold, the best box is given all the same, as Core ML does. What is left of the
// results is filled with 0, indices with -1. Until iOS16 boxes stand in rows [n, B, 4], scores in
// [n, B, K]; since iOS17, where there is no score threshold and no count, in columns [n, 4, B] and
// [n, K, B].
#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "base/text.h"
#include "ops/call.h"
#include "ops/definitions/support.h"

namespace pome::ops::definitions {
namespace {

using base::cat;

enum : int { boxes, scores, iou_threshold, score_threshold, max_boxes, per_class };

/// Where the dimensions of boxes and coordinates (or classes) stand.
struct Order {
  std::size_t box, part;
};

Order order_of(std::size_t results) {
  return results == 4 ? Order{1, 2} : Order{2, 1};
}

std::int64_t limit(const Call& call) {
  const auto n = call.int_or(max_boxes, 0);
  if (n < 0) call.fail(max_boxes, cat("found ", n, ", expected at least 0"));
  return n;
}

Dims with(Dims dims, std::size_t at, std::int64_t size) {
  dims[at] = size;
  return dims;
}

void check(const Call& call, const Order& order) {
  const auto& b = call.type(boxes);
  const auto& s = call.type(scores);
  for (const int param : {boxes, scores}) {
    if (call.type(param).ranked && call.type(param).rank() != 3) {
      call.fail(param, cat("found ", ir::text(call.type(param)), ", expected 3 dimensions"));
    }
  }
  if (any_unranked(call, {boxes, scores})) return;
  if (ir::is_known(b.dims[order.part]) && b.dims[order.part] != 4) {
    call.fail(boxes, cat("found shape ", base::shape_text(b.dims), ", expected 4 coordinates in ",
                         "dimension ", order.part));
  }
  for (const auto d : {std::size_t{0}, order.box}) {
    if (ir::is_known(b.dims[d]) && ir::is_known(s.dims[d]) && b.dims[d] != s.dims[d]) {
      call.fail(scores, cat("found shape ", base::shape_text(s.dims), " for boxes of shape ",
                            base::shape_text(b.dims)));
    }
  }
}

void infer(InferContext& call) {
  const auto order = order_of(call.result_count());
  if (call.has(score_threshold) != (order.box == 1)) {
    call.fail(
        cat("has ", call.result_count(), " results, expected ", call.has(score_threshold) ? 4 : 3));
  }
  check(call, order);
  const auto dims_of = [&](int param) {
    const auto& type = call.type(param);
    return type.ranked ? type.dims : Dims(3, ir::unknown_dim);
  };
  const auto b = dims_of(boxes);
  const auto s = dims_of(scores);
  const auto n = limit(call);
  const auto batch = ir::is_known(b[0]) ? b[0] : s[0];
  Dims box_dims = with(with(with(b, 0, batch), order.box, n), order.part, 4);
  call.set_result(0, Type::tensor(call.type(boxes).dtype, std::move(box_dims)));
  call.set_result(1, Type::tensor(call.type(scores).dtype, with(with(s, 0, batch), order.box, n)));
  call.set_result(2, Type::tensor(DataType::int32, {batch, n}));
  if (order.box == 1) call.set_result(3, Type::tensor(DataType::int32, {batch}));
}

struct Box {
  double left, top, right, bottom, score;
  std::int64_t number, category;
};

/// Intersection over union as a float, so that it can equal a threshold. 0 for boxes without area.
float overlap(const Box& a, const Box& b) {
  const auto area = [](const Box& box) { return (box.right - box.left) * (box.bottom - box.top); };
  if (!(area(a) > 0) || !(area(b) > 0)) return 0;
  const double width = std::min(a.right, b.right) - std::max(a.left, b.left);
  const double height = std::min(a.bottom, b.bottom) - std::max(a.top, b.top);
  const double common = std::max(0.0, width) * std::max(0.0, height);
  return static_cast<float>(common / (area(a) + area(b) - common));
}

class Suppression {
 public:
  Suppression(const EvalContext& call, Order order)
      : boxes_(call.in(boxes)),
        scores_(call.in(scores)),
        order_(order),
        iou_(static_cast<float>(call.float_or(iou_threshold, 0))),
        max_(limit(call)),
        per_class_(call.bool_or(per_class, false)),
        has_threshold_(call.has(score_threshold)),
        threshold_(call.float_or(score_threshold, 0)) {}

  /// Offset of part `part` of box `box` of an image in a tensor of boxes or scores.
  std::int64_t at(std::span<const std::int64_t> dims, std::int64_t image, std::int64_t box,
                  std::int64_t part) const {
    const auto inner = order_.box == 1 ? box * dims[2] + part : part * dims[2] + box;
    return image * dims[1] * dims[2] + inner;
  }

  std::vector<std::int64_t> run(std::int64_t image) const {
    auto candidates = read(image);
    if (candidates.empty() || max_ == 0) return {};
    std::stable_sort(candidates.begin(), candidates.end(),
                     [](const Box& a, const Box& b) { return a.score > b.score; });
    std::vector<Box> chosen;
    for (const auto& box : candidates) {
      if (static_cast<std::int64_t>(chosen.size()) == max_) break;
      if (has_threshold_ && !(box.score > threshold_)) continue;
      const bool covered = std::ranges::any_of(chosen, [&](const Box& other) {
        return (!per_class_ || other.category == box.category) && covers(other, box);
      });
      if (!covered) chosen.push_back(box);
    }
    if (chosen.empty()) chosen.push_back(candidates.front());
    std::vector<std::int64_t> numbers;
    numbers.reserve(chosen.size());
    for (const auto& box : chosen) numbers.push_back(box.number);
    return numbers;
  }

 private:
  bool covers(const Box& chosen, const Box& box) const {
    const float shared = overlap(chosen, box);
    const bool since_ios17 = order_.box == 2;
    return shared > iou_ || (since_ios17 && shared == iou_ && shared > 0);
  }

  std::vector<Box> read(std::int64_t image) const {
    const auto count = boxes_.dims[order_.box];
    const auto classes = scores_.dims[order_.part];
    std::vector<Box> out;
    for (std::int64_t i = 0; i < count; ++i) {
      const auto part = [&](std::int64_t p) {
        return load_f(boxes_, at(boxes_.dims, image, i, p));
      };
      // NaN counts as the lowest score.
      double best = -std::numeric_limits<double>::infinity();
      std::int64_t category = 0;
      for (std::int64_t k = 0; k < classes; ++k) {
        const double score = load_f(scores_, at(scores_.dims, image, i, k));
        if (score > best) {
          best = score;
          category = k;
        }
      }
      const double x = part(0);
      const double y = part(1);
      const double half_width = part(2) / 2;
      const double half_height = part(3) / 2;
      out.push_back(
          {x - half_width, y - half_height, x + half_width, y + half_height, best, i, category});
    }
    return out;
  }

  const TensorView& boxes_;
  const TensorView& scores_;
  Order order_;
  float iou_;
  std::int64_t max_;
  bool per_class_, has_threshold_;
  double threshold_;
};

void fill(const MutableTensorView& out, std::int64_t value) {
  const auto n = out.size();
  for (std::int64_t i = 0; i < n; ++i) store_i(out, i, value);
}

void evaluate(EvalContext& call) {
  const auto order = order_of(call.result_count());
  check(call, order);
  const auto& b = call.in(boxes);
  const auto& s = call.in(scores);
  const auto n = limit(call);
  const auto out_boxes = call.out(0, with(Dims(b.dims), order.box, n));
  const auto out_scores = call.out(1, with(Dims(s.dims), order.box, n));
  const auto out_indices = call.out(2, Dims{b.dims[0], n});
  fill(out_boxes, 0);
  fill(out_scores, 0);
  fill(out_indices, -1);
  const Suppression suppression(call, order);
  for (std::int64_t image = 0; image < b.dims[0]; ++image) {
    const auto chosen = suppression.run(image);
    for (std::size_t i = 0; i < chosen.size(); ++i) {
      const auto to = static_cast<std::int64_t>(i);
      for (std::int64_t p = 0; p < 4; ++p) {
        copy_element(b, suppression.at(b.dims, image, chosen[i], p), out_boxes,
                     suppression.at(out_boxes.dims, image, to, p));
      }
      for (std::int64_t k = 0; k < s.dims[order.part]; ++k) {
        copy_element(s, suppression.at(s.dims, image, chosen[i], k), out_scores,
                     suppression.at(out_scores.dims, image, to, k));
      }
      store_i(out_indices, image * n + to, chosen[i]);
    }
    if (order.box == 1) {
      store_i(call.out(3, Dims{b.dims[0]}), image, static_cast<std::int64_t>(chosen.size()));
    }
  }
  if (order.box == 1) call.out(3, Dims{b.dims[0]});
}

constexpr auto constant = Form::constant;
constexpr Param p_boxes{.name = "boxes", .types = t::floats, .group = 'T'};
constexpr Param p_scores{.name = "scores", .types = t::floats, .group = 'T'};
constexpr Param p_iou{.name = "iou_threshold", .types = t::floats, .form = constant};
constexpr Param p_score{.name = "score_threshold", .types = t::floats, .form = constant};
constexpr Param p_any_score{
    .name = "score_threshold", .types = t::floats, .form = constant, .required = false};
constexpr Param p_max{.name = "max_boxes", .types = t::i32, .form = constant};
constexpr Param p_class{
    .name = "per_class_suppression", .types = t::boolean, .form = constant, .required = false};
constexpr Param params_15[] = {p_boxes, p_scores, p_iou, p_score, p_max, p_class};
constexpr Param params_17[] = {p_boxes, p_scores, p_iou, p_max, p_class};
constexpr Param params_all[] = {p_boxes, p_scores, p_iou, p_any_score, p_max, p_class};
constexpr OpVersion versions[] = {{Opset::ios15, params_15}, {Opset::ios17, params_17}};

}  // namespace

extern const OpDef op_non_maximum_suppression;
const OpDef op_non_maximum_suppression{.name = "non_maximum_suppression",
                                       .versions = versions,
                                       .canonical = params_all,
                                       .min_results = 3,
                                       .max_results = 4,
                                       .infer = infer,
                                       .evaluate = evaluate};

}  // namespace pome::ops::definitions
