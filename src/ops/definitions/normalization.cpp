// batch_norm, instance_norm, layer_norm, l2_norm, local_response_norm. Channels are dimension 1.
#include <cmath>
#include <cstdint>

#include "base/text.h"
#include "ops/call.h"
#include "ops/definitions/support.h"

namespace pome::ops::definitions {
namespace {

enum : int { x };

namespace batch {
enum : int { mean = 1, variance, gamma, beta, epsilon };
}
namespace instance {
enum : int { gamma = 1, beta, epsilon };
}
namespace layer {
enum : int { axes = 1, gamma, beta, epsilon };
}
namespace l2 {
enum : int { epsilon = 1 };
}
namespace response {
enum : int { size = 1, alpha, beta, k };
}

void require_rank(const Call& call, std::size_t least) {
  const auto& in = call.type(x);
  if (in.ranked && in.rank() < least) {
    call.fail(x, base::cat("expected at least ", least, " dimensions, found shape ",
                           base::shape_text(in.dims)));
  }
}

/// Checks that a parameter (when present) is a vector over the channels of x.
void require_channels(const Call& call, int param) {
  const auto& in = call.type(x);
  if (!call.has(param) || !in.ranked || !call.type(param).ranked) return;
  const auto& dims = call.type(param).dims;
  if (dims.size() != 1 ||
      (ir::is_known(dims[0]) && ir::is_known(in.dims[1]) && dims[0] != in.dims[1])) {
    call.fail(param, base::cat("found shape ", base::shape_text(dims),
                               ", expected a vector over the ", in.dims[1], " channels of x"));
  }
}

/// Checks that vectors over the channels agree where those of x are not known yet: kernels are
/// prepared from them.
void require_equal_lengths(const Call& call, std::initializer_list<int> params) {
  int first = -1;
  for (const int p : params) {
    if (!call.has(p) || !call.type(p).ranked) continue;
    const auto& dims = call.type(p).dims;
    if (dims.size() != 1) {
      call.fail(p, base::cat("found shape ", base::shape_text(dims),
                             ", expected a vector over the channels of x"));
    }
    if (first < 0) first = p;
    const auto& other = call.type(first).dims;
    if (ir::is_known(dims[0]) && ir::is_known(other[0]) && dims[0] != other[0]) {
      call.fail(p,
                base::cat("found shape ", base::shape_text(dims), ", expected ",
                          base::shape_text(other), " as parameter ",
                          base::quoted(call.def().params()[static_cast<std::size_t>(first)].name),
                          " has"));
    }
  }
}

double value_or(const EvalContext& call, int param, std::int64_t i, double otherwise) {
  return call.has(param) ? load_f(call.in(param), i) : otherwise;
}

void infer_batch_norm(InferContext& call) {
  require_rank(call, 2);
  for (int p = batch::mean; p <= batch::beta; ++p) require_channels(call, p);
  require_equal_lengths(call, {batch::mean, batch::variance, batch::gamma, batch::beta});
  call.expect_one(batch::epsilon);
  infer_same(call);
}

void evaluate_batch_norm(EvalContext& call) {
  const auto& in = call.in(x);
  const auto out = call.out(0, Dims(in.dims));
  const double epsilon = call.float_or(batch::epsilon, 1e-5);
  const auto inner = extent(Dims(in.dims), 2, in.dims.size());
  const auto n = in.size();
  for (std::int64_t i = 0; i < n; ++i) {
    const auto c = i / inner % in.dims[1];
    const double normal = (load_f(in, i) - load_f(call.in(batch::mean), c)) /
                          std::sqrt(load_f(call.in(batch::variance), c) + epsilon);
    store_f(out, i,
            value_or(call, batch::gamma, c, 1) * normal + value_or(call, batch::beta, c, 0));
  }
}

/// Mean and 1 / sqrt(variance + epsilon) of elements.
struct Moments {
  double mean = 0;
  double scale = 1;
};

/// `each(f)` calls f(element offset) for every element, and may be called twice.
template <typename Each>
Moments moments(const TensorView& in, double epsilon, Each each) {
  double sum = 0;
  std::int64_t n = 0;
  each([&](std::int64_t i) {
    sum += load_f(in, i);
    ++n;
  });
  const double mean = sum / static_cast<double>(n);
  double squares = 0;
  each([&](std::int64_t i) {
    const double d = load_f(in, i) - mean;
    squares += d * d;
  });
  return {mean, 1 / std::sqrt(squares / static_cast<double>(n) + epsilon)};
}

void infer_instance_norm(InferContext& call) {
  require_rank(call, 2);
  require_channels(call, instance::gamma);
  require_channels(call, instance::beta);
  require_equal_lengths(call, {instance::gamma, instance::beta});
  call.expect_one(instance::epsilon);
  infer_same(call);
}

void evaluate_instance_norm(EvalContext& call) {
  const auto& in = call.in(x);
  const auto out = call.out(0, Dims(in.dims));
  const double epsilon = call.float_or(instance::epsilon, 1e-5);
  const auto channels = in.dims[1];
  const auto inner = extent(Dims(in.dims), 2, in.dims.size());
  if (inner == 0) return;
  for (std::int64_t plane = 0; plane < in.dims[0] * channels; ++plane) {
    const auto first = plane * inner;
    const auto m = moments(in, epsilon, [&](auto f) {
      for (std::int64_t i = first; i < first + inner; ++i) f(i);
    });
    const double scale = value_or(call, instance::gamma, plane % channels, 1);
    const double offset = value_or(call, instance::beta, plane % channels, 0);
    for (std::int64_t i = first; i < first + inner; ++i) {
      store_f(out, i, (load_f(in, i) - m.mean) * m.scale * scale + offset);
    }
  }
}

void infer_layer_norm(InferContext& call) {
  call.expect_one(layer::epsilon);
  const auto& in = call.type(x);
  infer_same(call);
  if (!in.ranked) return;
  const auto flags = axis_flags(call, layer::axes, in.rank(), true);
  Dims expected;
  for (std::size_t i = 0; i < in.rank(); ++i) {
    if (flags[i]) expected.push_back(in.dims[i]);
  }
  for (const int p : {static_cast<int>(layer::gamma), static_cast<int>(layer::beta)}) {
    if (!call.has(p)) continue;
    if (!ir::compatible(Type::tensor(call.type(p).dtype, expected), call.type(p))) {
      call.fail(p, base::cat("found shape ", base::shape_text(call.type(p).dims),
                             ", expected the normalized dimensions ", base::shape_text(expected),
                             " of x"));
    }
  }
}

void evaluate_layer_norm(EvalContext& call) {
  const auto& in = call.in(x);
  const Dims dims(in.dims);
  const auto out = call.out(0, dims);
  const double epsilon = call.float_or(layer::epsilon, 1e-5);
  const auto flags = axis_flags(call, layer::axes, dims.size(), true);
  const Dims strides = dense_strides(dims);
  Dims outer, outer_strides, inner, inner_strides;
  for (std::size_t i = 0; i < dims.size(); ++i) {
    (flags[i] ? inner : outer).push_back(dims[i]);
    (flags[i] ? inner_strides : outer_strides).push_back(strides[i]);
  }
  for (IndexWalk walk(outer, {&outer_strides, 1}); !walk.done(); walk.next()) {
    const auto first = walk.offset(0);
    const auto m = moments(in, epsilon, [&](auto f) {
      for (IndexWalk w(inner, {&inner_strides, 1}); !w.done(); w.next()) f(first + w.offset(0));
    });
    std::int64_t k = 0;  // gamma and beta lie in the order of the normalized dimensions
    for (IndexWalk w(inner, {&inner_strides, 1}); !w.done(); w.next(), ++k) {
      const auto i = first + w.offset(0);
      store_f(out, i,
              (load_f(in, i) - m.mean) * m.scale * value_or(call, layer::gamma, k, 1) +
                  value_or(call, layer::beta, k, 0));
    }
  }
}

void infer_l2_norm(InferContext& call) {
  require_rank(call, 3);
  call.expect_one(l2::epsilon);
  infer_same(call);
}

// Each block of the last three dimensions is divided by its own length.
void evaluate_l2_norm(EvalContext& call) {
  const auto& in = call.in(x);
  const auto out = call.out(0, Dims(in.dims));
  const double epsilon = call.float_or(l2::epsilon, 1e-6);
  const auto rank = in.dims.size();
  const auto blocks = extent(Dims(in.dims), 0, rank - 3);
  const auto inner = extent(Dims(in.dims), rank - 3, rank);
  for (std::int64_t b = 0; b < blocks; ++b) {
    double sum = 0;
    for (std::int64_t i = b * inner; i < (b + 1) * inner; ++i) {
      sum += load_f(in, i) * load_f(in, i);
    }
    for (std::int64_t i = b * inner; i < (b + 1) * inner; ++i) {
      store_f(out, i, load_f(in, i) / std::sqrt(sum + epsilon));
    }
  }
}

void infer_local_response_norm(InferContext& call) {
  require_rank(call, 3);
  if (const auto n = call.int_or(response::size, 1); n < 1) {
    call.fail(response::size, base::cat("found ", n, ", expected at least 1"));
  }
  infer_same(call);
}

void evaluate_local_response_norm(EvalContext& call) {
  const auto& in = call.in(x);
  const auto out = call.out(0, Dims(in.dims));
  const auto size = call.int_or(response::size, 1);
  const double alpha = call.float_or(response::alpha, 1e-4);
  const double beta = call.float_or(response::beta, 0.75);
  const double k = call.float_or(response::k, 1.0);
  const auto channels = in.dims[1];
  const auto inner = extent(Dims(in.dims), 2, in.dims.size());
  const auto n = in.size();
  for (std::int64_t i = 0; i < n; ++i) {
    const auto c = i / inner % channels;
    const auto low = std::max<std::int64_t>(0, c - size / 2);
    const auto high = std::min(channels, c - size / 2 + size);
    double sum = 0;
    for (auto j = low; j < high; ++j) {
      const double v = load_f(in, i + (j - c) * inner);
      sum += v * v;
    }
    store_f(out, i, load_f(in, i) / std::pow(k + alpha / static_cast<double>(size) * sum, beta));
  }
}

/// A float constant; since iOS17 those of an operation share a type that need not be x's.
constexpr Param constant(std::string_view name, char group, bool required = false) {
  return {.name = name,
          .types = t::floats,
          .form = Form::constant,
          .required = required,
          .group = group};
}
constexpr Param input(char group) {
  return {.name = "x", .types = t::floats, .group = group};
}

constexpr Param batch_15[] = {input('T'),
                              constant("mean", 'T', true),
                              constant("variance", 'T', true),
                              constant("gamma", 'T'),
                              constant("beta", 'T'),
                              constant("epsilon", 'T')};
constexpr Param batch_17[] = {input('T'),
                              constant("mean", 'U', true),
                              constant("variance", 'U', true),
                              constant("gamma", 'U'),
                              constant("beta", 'U'),
                              constant("epsilon", 'U')};
constexpr OpVersion batch_versions[] = {{Opset::ios15, batch_15}, {Opset::ios17, batch_17}};

constexpr Param instance_15[] = {input('T'), constant("gamma", 'T'), constant("beta", 'T'),
                                 constant("epsilon", 'T')};
constexpr Param instance_17[] = {input('T'), constant("gamma", 'U'), constant("beta", 'U'),
                                 constant("epsilon", 'U')};
constexpr OpVersion instance_versions[] = {{Opset::ios15, instance_15},
                                           {Opset::ios17, instance_17}};

constexpr Param axes_param{
    .name = "axes", .types = t::i32, .form = Form::constant, .required = false};
constexpr Param layer_15[] = {input('T'), axes_param, constant("gamma", 'T'), constant("beta", 'T'),
                              constant("epsilon", 'T')};
constexpr Param layer_17[] = {input('T'), axes_param, constant("gamma", 'U'), constant("beta", 'U'),
                              constant("epsilon", 'U')};
constexpr OpVersion layer_versions[] = {{Opset::ios15, layer_15}, {Opset::ios17, layer_17}};

constexpr Param l2_15[] = {input('T'), constant("epsilon", 'T')};
constexpr Param l2_17[] = {input('T'), constant("epsilon", 'U')};
constexpr OpVersion l2_versions[] = {{Opset::ios15, l2_15}, {Opset::ios17, l2_17}};

constexpr Param size_param{.name = "size", .types = t::i32, .form = Form::constant};
constexpr Param response_15[] = {input('T'), size_param, constant("alpha", 'T'),
                                 constant("beta", 'T'), constant("k", 'T')};
constexpr Param response_17[] = {input('T'), size_param, constant("alpha", 'U'),
                                 constant("beta", 'U'), constant("k", 'U')};
constexpr OpVersion response_versions[] = {{Opset::ios15, response_15},
                                           {Opset::ios17, response_17}};

}  // namespace

extern const OpDef op_batch_norm, op_instance_norm, op_l2_norm, op_layer_norm,
    op_local_response_norm;
const OpDef op_batch_norm{.name = "batch_norm",
                          .versions = batch_versions,
                          .infer = infer_batch_norm,
                          .evaluate = evaluate_batch_norm,
                          .alias = Alias::in_place};
const OpDef op_instance_norm{.name = "instance_norm",
                             .versions = instance_versions,
                             .infer = infer_instance_norm,
                             .evaluate = evaluate_instance_norm};
const OpDef op_l2_norm{.name = "l2_norm",
                       .versions = l2_versions,
                       .infer = infer_l2_norm,
                       .evaluate = evaluate_l2_norm};
const OpDef op_layer_norm{.name = "layer_norm",
                          .versions = layer_versions,
                          .infer = infer_layer_norm,
                          .evaluate = evaluate_layer_norm};
const OpDef op_local_response_norm{.name = "local_response_norm",
                                   .versions = response_versions,
                                   .infer = infer_local_response_norm,
                                   .evaluate = evaluate_local_response_norm};

}  // namespace pome::ops::definitions
