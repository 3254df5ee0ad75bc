// random_uniform, random_normal, random_bernoulli, random_categorical.
//
// Numbers come from Philox 4x32-10, a function of (key, position): element i of a result depends on
// the seed and i alone. A seed below 0 takes a new key at every call. Core ML's own generator is
// not documented, so that the values of a seed differ from its values; their distribution does not.
#include <array>
#include <cmath>
#include <numbers>
#include <random>

#include "base/checked.h"
#include "base/text.h"
#include "ops/call.h"

namespace pome::ops::definitions {
namespace {

using base::cat;

class Philox {
 public:
  explicit Philox(std::uint64_t key)
      : key_{static_cast<std::uint32_t>(key), static_cast<std::uint32_t>(key >> 32)} {}

  using Words = std::array<std::uint32_t, 4>;

  Words at(std::uint64_t position) const noexcept {
    Words c{static_cast<std::uint32_t>(position), static_cast<std::uint32_t>(position >> 32), 0, 0};
    auto k = key_;
    for (int round = 0; round < 10; ++round) {
      const std::uint64_t a = std::uint64_t{0xD2511F53U} * c[0];
      const std::uint64_t b = std::uint64_t{0xCD9E8D57U} * c[2];
      c = {static_cast<std::uint32_t>(b >> 32) ^ c[1] ^ k[0], static_cast<std::uint32_t>(b),
           static_cast<std::uint32_t>(a >> 32) ^ c[3] ^ k[1], static_cast<std::uint32_t>(a)};
      k[0] += 0x9E3779B9U;
      k[1] += 0xBB67AE85U;
    }
    return c;
  }

  /// Two numbers in [0, 1) with 53 bits each.
  std::array<double, 2> units(std::uint64_t position) const noexcept {
    const auto c = at(position);
    const auto unit = [](std::uint32_t high, std::uint32_t low) {
      const auto bits = (std::uint64_t{high} << 32 | low) >> 11;
      return static_cast<double>(bits) * 0x1p-53;
    };
    return {unit(c[0], c[1]), unit(c[2], c[3])};
  }

 private:
  std::array<std::uint32_t, 2> key_;
};

Philox generator(const Call& call, int seed) {
  const auto value = call.int_or(seed, -1);
  if (value >= 0) return Philox(static_cast<std::uint64_t>(value));
  std::random_device device;
  return Philox(std::uint64_t{device()} << 32 | device());
}

// --- Those that take a shape: parameters (shape, two of the distribution, seed) ---

enum : int { shape, first, second, seed };

Dims checked_shape(const Call& call) {
  Dims dims = call.ints_or(shape, {});
  for (const auto d : dims) {
    if (d < 0) call.fail(shape, cat("found ", d, ", expected sizes of at least 0"));
  }
  if (!base::element_count(dims)) {
    call.fail(shape, cat("found ", base::shape_text(dims), ", which is too large"));
  }
  return dims;
}

void infer_shape(InferContext& call, DataType dtype) {
  if (call.known(shape)) return call.set_result(Type::tensor(dtype, checked_shape(call)));
  const auto& length = call.type(shape);
  if (!length.ranked) return call.set_result(Type::unranked(dtype));
  if (length.rank() != 1) call.fail(shape, cat("found ", ir::text(length), ", expected a vector"));
  if (!ir::is_known(length.dims[0])) return call.set_result(Type::unranked(dtype));
  call.set_result(
      Type::tensor(dtype, Dims(static_cast<std::size_t>(length.dims[0]), ir::unknown_dim)));
}

/// The type of the distribution's parameters; without them what the program declares, or fp32.
DataType distribution_type(const InferContext& call, std::initializer_list<int> params) {
  for (const int p : params) {
    if (call.has(p)) return call.type(p).dtype;
  }
  const auto declared = call.declared().dtype;
  return is_float(declared) ? declared : DataType::fp32;
}

void infer_pair(InferContext& call) {
  infer_shape(call, distribution_type(call, {first, second}));
}

void evaluate_uniform(EvalContext& call) {
  const auto out = call.out(0, checked_shape(call));
  const double low = call.float_or(first, 0);
  const double high = call.float_or(second, 1);
  const auto source = generator(call, seed);
  // As many bits as the result's type holds, so that rounding never reaches `high` of [0, 1).
  const double steps = call.result_type().dtype == DataType::fp16 ? 0x1p11 : 0x1p24;
  const auto n = out.size();
  for (std::int64_t i = 0; i < n; ++i) {
    const double unit = source.units(static_cast<std::uint64_t>(i))[0];
    const double value = low + (high - low) * (std::floor(unit * steps) / steps);
    store_f(out, i, value);
  }
}

void evaluate_normal(EvalContext& call) {
  const auto out = call.out(0, checked_shape(call));
  const double mean = call.float_or(first, 0);
  const double deviation = call.float_or(second, 1);
  const auto source = generator(call, seed);
  const auto n = out.size();
  for (std::int64_t i = 0; i < n; ++i) {
    const auto [radius, angle] = source.units(static_cast<std::uint64_t>(i));
    // Box and Muller; 1 - radius is in (0, 1].
    store_f(out, i,
            mean + deviation * std::sqrt(-2 * std::log(1 - radius)) *
                       std::cos(2 * std::numbers::pi * angle));
  }
}

enum : int { b_shape, prob, b_seed };

void infer_bernoulli(InferContext& call) {
  infer_shape(call, distribution_type(call, {prob}));
}

void evaluate_bernoulli(EvalContext& call) {
  const auto out = call.out(0, checked_shape(call));
  const double chance = call.float_or(prob, 0.5);
  const auto source = generator(call, b_seed);
  const auto n = out.size();
  for (std::int64_t i = 0; i < n; ++i) {
    store_f(out, i, source.units(static_cast<std::uint64_t>(i))[0] < chance ? 1 : 0);
  }
}

// --- random_categorical: `size` draws from each distribution along the last dimension ---

enum : int { x, mode, size, c_seed };

std::int64_t draws(const Call& call) {
  const auto n = call.int_or(size, 1);
  if (n < 0) call.fail(size, cat("found ", n, ", expected at least 0"));
  return n;
}

void infer_categorical(InferContext& call) {
  constexpr std::array<std::string_view, 2> modes{"logits", "probs"};
  call.choice_or(mode, 0, modes);
  auto out = call.type(x);
  if (out.ranked) {
    if (out.rank() == 0) call.fail(x, "expected at least one dimension");
    out.dims.back() = draws(call);
  }
  call.set_result(std::move(out));
}

void evaluate_categorical(EvalContext& call) {
  const auto& in = call.in(x);
  const bool logits = call.string_or(mode, "logits") == "logits";
  const auto classes = in.dims.back();
  const auto count = draws(call);
  Dims dims(in.dims);
  dims.back() = count;
  const auto out = call.out(0, dims);
  if (out.size() != 0 && classes == 0) call.fail(x, "has no classes to draw from");
  const auto source = generator(call, c_seed);
  std::vector<double> sums(static_cast<std::size_t>(classes));
  const auto rows = count == 0 ? 0 : out.size() / count;
  for (std::int64_t r = 0; r < rows; ++r) {
    double most = load_f(in, r * classes);
    for (std::int64_t k = 1; k < classes; ++k) most = std::fmax(most, load_f(in, r * classes + k));
    double sum = 0;
    for (std::int64_t k = 0; k < classes; ++k) {
      const double value = load_f(in, r * classes + k);
      const double weight = logits ? std::exp(value - most) : value;
      if (weight > 0) sum += weight;
      sums[static_cast<std::size_t>(k)] = sum;
    }
    for (std::int64_t d = 0; d < count; ++d) {
      const auto i = r * count + d;
      const double target = source.units(static_cast<std::uint64_t>(i))[0] * sum;
      std::int64_t pick = 0;
      while (pick + 1 < classes && sums[static_cast<std::size_t>(pick)] <= target) ++pick;
      store_i(out, i, pick);
    }
  }
}

constexpr auto constant = Form::constant;
constexpr Param p_shape{.name = "shape", .types = t::i32};
constexpr Param p_seed{.name = "seed", .types = t::i32, .form = constant, .required = false};
constexpr Param p_float(std::string_view name) {
  return {.name = name, .types = t::floats, .form = constant, .required = false, .group = 'T'};
}
constexpr Param uniform_params[] = {p_shape, p_float("low"), p_float("high"), p_seed};
constexpr Param normal_params[] = {p_shape, p_float("mean"), p_float("stddev"), p_seed};
constexpr Param bernoulli_params[] = {p_shape, p_float("prob"), p_seed};
constexpr Param categorical_params[] = {
    {.name = "x", .types = t::floats},
    {.name = "mode", .types = t::string, .form = constant, .required = false},
    {.name = "size", .types = t::i32, .form = constant, .required = false},
    p_seed,
};
constexpr OpVersion uniform_versions[] = {{Opset::ios15, uniform_params}};
constexpr OpVersion normal_versions[] = {{Opset::ios15, normal_params}};
constexpr OpVersion bernoulli_versions[] = {{Opset::ios15, bernoulli_params}};
constexpr OpVersion categorical_versions[] = {{Opset::ios15, categorical_params}};

}  // namespace

extern const OpDef op_random_uniform, op_random_normal, op_random_bernoulli, op_random_categorical;
const OpDef op_random_uniform{.name = "random_uniform",
                              .versions = uniform_versions,
                              .infer = infer_pair,
                              .evaluate = evaluate_uniform,
                              .effects = Effects::random};
const OpDef op_random_normal{.name = "random_normal",
                             .versions = normal_versions,
                             .infer = infer_pair,
                             .evaluate = evaluate_normal,
                             .effects = Effects::random};
const OpDef op_random_bernoulli{.name = "random_bernoulli",
                                .versions = bernoulli_versions,
                                .infer = infer_bernoulli,
                                .evaluate = evaluate_bernoulli,
                                .effects = Effects::random};
const OpDef op_random_categorical{.name = "random_categorical",
                                  .versions = categorical_versions,
                                  .infer = infer_categorical,
                                  .evaluate = evaluate_categorical,
                                  .effects = Effects::random};

}  // namespace pome::ops::definitions
