// lstm with sigmoid gates and tanh cells, in one or two directions.
//
// The products of the inputs of many steps with the input weights come first, in one go; then step
// by step the product of the last outputs with the recurrent weights, and the gates. Each gate's
// sum has an error below (inputs + hidden + 3) * 2^-24 * sum |terms|; gates add 4 ulp each.
#include <algorithm>
#include <cstring>
#include <limits>

#include "base/text.h"
#include "devices/cpu/families/product.h"

namespace pome::devices::cpu {
namespace {

constexpr std::string_view operations[] = {"lstm"};

/// Rows of input products that are made together; bounds the scratch memory.
constexpr std::int64_t most_rows = 256;
/// Multiply-adds of a step's product from which it is worth sharing among workers.
constexpr std::int64_t shared_product = 1 << 20;

/// Weights of one direction.
struct Layer {
  PanelView ih, hh;
  const float *bias, *zeros, *peephole;
};

struct Params {
  const Kernels* k;
  std::int64_t steps, batch, inputs, hidden, width;
  std::int64_t block;  ///< steps whose input products are made together
  std::int32_t x, initial_h, initial_c;
  std::int32_t directions;
  bool reverse;  ///< of the first direction
  bool all;      ///< outputs of all steps
  float clip;
};

/// Parameters and the two layers behind them, which lie in the prepared kernel.
struct Step {
  Params p;
  const Layer* layers;
};

struct Scratch {
  float *sums, *recurrent;
};
Scratch scratch_of(const Params& p, std::byte* memory) noexcept {
  float* sums = reinterpret_cast<float*>(memory);
  return {sums, sums + p.block * p.batch * 4 * p.hidden};
}
std::size_t scratch_bytes(const Params& p) noexcept {
  // The last vector of a row that a product begins with may reach behind it.
  return static_cast<std::size_t>(4 * ((p.block + 1) * p.batch * 4 * p.hidden + p.k->lanes));
}

RightProduct gate_product(const PanelView& weights, const float* bias, const float* x,
                          std::int64_t x_row, float* y, std::int64_t rows,
                          const Params& p) noexcept {
  RightProduct product{};
  product.k = p.k;
  product.weights = weights;
  product.bias = bias;
  product.x = x;
  product.x_row = x_row;
  product.x_depth = 1;
  product.y = y;
  product.y_row = 4 * p.hidden;
  product.rows = rows;
  return product;
}

Status product_of(const RightProduct& product, TaskContext& task) noexcept {
  if (product.rows * product.weights.depth * product.weights.outputs >= shared_product) {
    return multiply_all(product, task);
  }
  multiply(product, 0, product.rows, 0, product.weights.panels, task.scratch_of(0));
  return {};
}

/// What one direction works on.
struct Direction {
  const Params& p;
  const Layer& layer;
  const float* x;
  float *sequence, *h, *c;  ///< from the direction's first column on
  Scratch scratch;
};

/// The sums of one step's gates are complete but for the recurrent part, which is added here.
Status advance(const Direction& d, float* sums, TaskContext& task) noexcept {
  const auto& p = d.p;
  const std::int64_t gates = 4 * p.hidden;
  if (p.batch == 1) {  // the sums go on where the inputs' ended
    const auto product = gate_product(d.layer.hh, sums, d.h, p.width, sums, 1, p);
    if (auto s = product_of(product, task); !s.ok()) return s;
  } else {
    const auto recurrent =
        gate_product(d.layer.hh, d.layer.zeros, d.h, p.width, d.scratch.recurrent, p.batch, p);
    if (auto s = product_of(recurrent, task); !s.ok()) return s;
    p.k->binary[static_cast<int>(BinaryOp::add)](sums, 1, d.scratch.recurrent, 1, sums,
                                                 p.batch * gates);
  }
  for (std::int64_t b = 0; b < p.batch; ++b) {
    p.k->lstm_gates({sums + b * gates, d.layer.peephole, d.c + b * p.width, d.h + b * p.width,
                     p.hidden, p.clip});
  }
  return {};
}

/// Copies rows of `hidden` elements that are `width` apart.
void copy_rows(const Params& p, const float* from, float* to) noexcept {
  for (std::int64_t b = 0; b < p.batch; ++b) {
    std::memcpy(to + b * p.width, from + b * p.width, static_cast<std::size_t>(4 * p.hidden));
  }
}

Status run_direction(const Direction& d, bool reverse, TaskContext& task) noexcept {
  const auto& p = d.p;
  const std::int64_t gates = 4 * p.hidden;
  for (std::int64_t done = 0; done < p.steps; done += p.block) {
    const std::int64_t n = std::min(p.block, p.steps - done);
    const std::int64_t first = reverse ? p.steps - done - n : done;
    const auto inputs = gate_product(d.layer.ih, d.layer.bias, d.x + first * p.batch * p.inputs,
                                     p.inputs, d.scratch.sums, n * p.batch, p);
    if (auto s = multiply_all(inputs, task); !s.ok()) return s;
    for (std::int64_t i = 0; i < n; ++i) {
      if (task.stop.stop_requested()) return {.code = exec::Code::cancelled};
      const std::int64_t in_block = reverse ? n - 1 - i : i;
      if (auto s = advance(d, d.scratch.sums + in_block * p.batch * gates, task); !s.ok()) return s;
      if (p.all) copy_rows(p, d.h, d.sequence + (first + in_block) * p.batch * p.width);
    }
  }
  if (!p.all) copy_rows(p, d.h, d.sequence);
  return {};
}

Status run(const void* raw, TensorRef* args, TaskContext& task) noexcept {
  const auto& [p, layers] = *static_cast<const Step*>(raw);
  for (std::int32_t i = 0; i < p.directions; ++i) {
    const std::int64_t column = i * p.hidden;
    const Direction d{p,
                      layers[i],
                      args[p.x].as<float>(),
                      args[0].as<float>() + column,
                      args[1].as<float>() + column,
                      args[2].as<float>() + column,
                      scratch_of(p, task.scratch)};
    copy_rows(p, args[p.initial_h].as<float>() + column, d.h);
    copy_rows(p, args[p.initial_c].as<float>() + column, d.c);
    if (auto s = run_direction(d, i == 1 || p.reverse, task); !s.ok()) return s;
  }
  return {};
}

class LstmKernel final : public CpuKernel {
 public:
  LstmKernel(const Kernels& kernels, const Site& site)
      : CpuKernel(kernels),
        x_(site.arg("x")),
        h_(site.arg("initial_h")),
        c_(site.arg("initial_c")),
        hidden_(site.type("weight_hh").dims[1]),
        inputs_(site.type("weight_ih").dims[1]),
        all_(site.flag("output_sequence", false)),
        clip_(static_cast<float>(site.number("clip", std::numeric_limits<double>::infinity()))) {
    for (const auto arg : {x_, h_, c_}) read(arg);
    const auto direction = site.text("direction", "forward");
    directions_ = direction == "bidirectional" ? 2 : 1;
    reverse_ = direction == "reverse";
    pack(site, 0, {"weight_ih", "weight_hh", "bias", "peephole"});
    if (directions_ == 2) {
      pack(site, 1, {"weight_ih_back", "weight_hh_back", "bias_back", "peephole_back"});
    }
  }

  PlannedKernel plan(const PlanCall& call) const override {
    const auto& dims = call.facts->types[call.call->args[x_]].dims;
    Params p{};
    p.k = &k();
    p.steps = dims[0];
    p.batch = dims[1];
    p.inputs = inputs_;
    p.hidden = hidden_;
    p.width = directions_ * hidden_;
    p.block = std::clamp<std::int64_t>(most_rows / std::max<std::int64_t>(1, p.batch), 1,
                                       std::max<std::int64_t>(1, p.steps));
    p.x = results + static_cast<std::int32_t>(x_);
    p.initial_h = results + static_cast<std::int32_t>(h_);
    p.initial_c = results + static_cast<std::int32_t>(c_);
    p.directions = directions_;
    p.reverse = reverse_;
    p.all = all_;
    p.clip = clip_;
    PlannedKernel planned;
    planned.run = run;
    planned.set_params(Step{p, layers_});
    planned.scratch_bytes = scratch_bytes(p);
    for (const auto& layer : layers_) {
      for (const auto* view : {&layer.ih, &layer.hh}) {
        planned.worker_scratch_bytes =
            std::max(planned.worker_scratch_bytes, multiply_scratch(k(), *view));
      }
    }
    return planned;
  }

 private:
  static constexpr std::int32_t results = 3;

  struct Names {
    std::string_view ih, hh, bias, peephole;
  };

  void pack(const Site& site, std::size_t i, const Names& names) {
    auto& store = *site.call().weights;
    const std::int64_t gates = 4 * hidden_;
    const auto keep = [&](std::shared_ptr<const exec::Pack> made) {
      const float* data = made->as<float>();
      packs_.push_back(std::move(made));
      return data;
    };
    const auto matrix = [&](std::string_view name, std::int64_t depth) {
      auto panels = pack_panels(store, k(), *site.weight(name), {1, gates, depth});
      packs_.push_back(panels.data);
      packs_.push_back(panels.table);
      return panels.view;
    };
    auto& layer = layers_[i];
    layer.ih = matrix(names.ih, inputs_);
    layer.hh = matrix(names.hh, hidden_);
    layer.bias = keep(pack_vector(store, k(), site.weight(names.bias).get(), gates));
    layer.zeros = keep(pack_vector(store, k(), nullptr, gates));
    const auto peephole = site.weight(names.peephole);
    if (peephole) layer.peephole = keep(pack_vector(store, k(), peephole.get(), 3 * hidden_));
  }

  std::size_t x_, h_, c_;
  std::int64_t hidden_, inputs_;
  std::int32_t directions_ = 1;
  bool reverse_ = false, all_;
  float clip_;
  Layer layers_[2] = {};
  std::vector<std::shared_ptr<const exec::Pack>> packs_;
};

Support supports(const CallSite& call) {
  const Site site(call);
  for (const auto* param : {"x", "initial_h", "initial_c"}) {
    if (auto s = require_float(site, param); !s.yes) return s;
  }
  constexpr std::pair<std::string_view, std::string_view> activations[] = {
      {"recurrent_activation", "sigmoid"}, {"cell_activation", "tanh"}, {"activation", "tanh"}};
  for (const auto& [param, only] : activations) {
    const auto found = site.text(param, only);
    if (found != only) {
      return Support::no(
          base::cat(param, " is ", base::quoted(found), "; the kernel takes ", base::quoted(only)));
    }
  }
  for (const auto* param : {"weight_ih", "weight_hh", "bias", "peephole", "weight_ih_back",
                            "weight_hh_back", "bias_back", "peephole_back"}) {
    if (auto s = require_constant(site, param); !s.yes) return s;
  }
  return {};
}

double cost(const CallSite& call) {
  const Site site(call);
  const auto& x = site.type("x").dims;
  const double rows = (ir::is_known(x[0]) ? static_cast<double>(x[0]) : exec::Device::assumed_dim) *
                      (ir::is_known(x[1]) ? static_cast<double>(x[1]) : exec::Device::assumed_dim);
  const double weights =
      assumed_size(site.type("weight_ih")) + assumed_size(site.type("weight_hh"));
  return estimated_cost(2 * weights, 2 * rows * weights);
}

std::unique_ptr<exec::OpKernel> prepare(const CallSite& call, const Kernels& k) {
  return std::make_unique<LstmKernel>(k, Site(call));
}

}  // namespace

const Family lstm_family{operations, supports, cost, prepare};

}  // namespace pome::devices::cpu
