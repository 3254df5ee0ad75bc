#include "flop_count.h"

#include <algorithm>
#include <array>
#include <string>
#include <string_view>
#include <vector>

#include "ops/resolve.h"
#include "pome/error.h"
#include "runtime/classifier.h"

namespace pome::cli {

namespace {

using base::Dims;

double product(std::span<const std::int64_t> dims) {
  double out = 1;
  for (const std::int64_t dim : dims) out *= static_cast<double>(dim);
  return out;
}

const ir::Type* type_of(const ir::Op& op, std::string_view param) {
  const ir::Binding* binding = op.input(param);
  return binding == nullptr ? nullptr : &binding->type();
}

Dims integers(const ir::Op& op, std::string_view param, const Dims& otherwise) {
  const ir::Binding* binding = op.input(param);
  if (binding == nullptr || binding->constant() == nullptr) return otherwise;
  const base::HostTensor tensor = ops::materialize(*binding->constant());
  if (tensor.dtype() != DataType::int32) return otherwise;
  const auto values = tensor.view().as<std::int32_t>();
  Dims out;
  for (const std::int32_t value : values) out.push_back(value);
  return out.size() < otherwise.size() ? otherwise : out;
}

bool flag(const ir::Op& op, std::string_view param) {
  const ir::Binding* binding = op.input(param);
  if (binding == nullptr || binding->constant() == nullptr) return false;
  const base::HostTensor tensor = ops::materialize(*binding->constant());
  return tensor.dtype() == DataType::boolean && tensor.view().as<bool>().front();
}

std::string text(const ir::Op& op, std::string_view param) {
  const ir::Binding* binding = op.input(param);
  if (binding == nullptr || binding->constant() == nullptr) return {};
  const base::HostTensor tensor = ops::materialize(*binding->constant());
  return tensor.dtype() == DataType::string ? tensor.view().as<std::string>().front() : "";
}

/// One spatial dimension of a convolution.
struct Axis {
  std::int64_t in = 1, out = 1, kernel = 1, stride = 1, dilation = 1, before = 0;

  /// Pairs of an output and a tap that lies within the input.
  double pairs() const {
    std::int64_t n = 0;
    for (std::int64_t o = 0; o < out; ++o) {
      for (std::int64_t k = 0; k < kernel; ++k) {
        const std::int64_t at = o * stride + k * dilation - before;
        n += at >= 0 && at < in ? 1 : 0;
      }
    }
    return static_cast<double>(n);
  }
};

double conv(const ir::Op& op) {
  const ir::Type* x = type_of(op, "x");
  const ir::Type* weight = type_of(op, "weight");
  const Dims& out = op.result().type.dims;
  const std::size_t spatial = out.size() - 2;
  const Dims strides = integers(op, "strides", Dims(spatial, 1));
  const Dims dilations = integers(op, "dilations", Dims(spatial, 1));
  const Dims pad = integers(op, "pad", Dims(2 * spatial, 0));
  const std::string pad_type = text(op, "pad_type");
  double total = 2 * product(std::span(out).first(2)) * static_cast<double>(weight->dims[1]);
  for (std::size_t i = 0; i < spatial; ++i) {
    Axis axis{x->dims[i + 2], out[i + 2], weight->dims[i + 2], strides[i], dilations[i], 0};
    const std::int64_t reach = (axis.out - 1) * axis.stride + (axis.kernel - 1) * axis.dilation + 1;
    const std::int64_t missing = std::max<std::int64_t>(0, reach - axis.in);
    if (pad_type == "custom") axis.before = pad[2 * i];
    if (pad_type == "same") axis.before = missing / 2;
    if (pad_type == "same_lower") axis.before = missing - missing / 2;
    total *= axis.pairs();
  }
  return total;
}

double conv_transpose(const ir::Op& op) {
  const Dims& weight = type_of(op, "weight")->dims;
  return 2 * product(type_of(op, "x")->dims) * product(std::span(weight).subspan(1));
}

double linear(const ir::Op& op) {
  return 2 * product(op.result().type.dims) *
         static_cast<double>(type_of(op, "weight")->dims.back());
}

double matmul(const ir::Op& op) {
  const Dims& x = type_of(op, "x")->dims;
  const bool transposed = flag(op, "transpose_x") && x.size() > 1;
  return 2 * product(op.result().type.dims) *
         static_cast<double>(transposed ? x[x.size() - 2] : x.back());
}

double attention(const ir::Op& op) {
  const Dims& query = type_of(op, "query")->dims;
  const Dims& key = type_of(op, "key")->dims;
  const auto depth = static_cast<double>(query.back());
  const auto value_depth = static_cast<double>(type_of(op, "value")->dims.back());
  const double pairs =
      product(std::span(query).first(query.size() - 1)) * static_cast<double>(key[key.size() - 2]);
  return 2 * pairs * (depth + value_depth);
}

// lstm, gru, rnn: x [steps, batch, depth], weights [gates * hidden, depth or hidden].
double recurrent(const ir::Op& op) {
  double weights = 0;
  for (const std::string_view name :
       {"weight_ih", "weight_hh", "weight_ih_back", "weight_hh_back"}) {
    if (const ir::Type* type = type_of(op, name)) weights += product(type->dims);
  }
  return 2 * weights * product(std::span(type_of(op, "x")->dims).first(2));
}

struct Counter {
  std::string_view type;
  double (*count)(const ir::Op&);
};

constexpr std::array counters{
    Counter{"conv", conv},
    Counter{"conv_quantized", conv},
    Counter{"conv_transpose", conv_transpose},
    Counter{"gru", recurrent},
    Counter{"linear", linear},
    Counter{"lstm", recurrent},
    Counter{"matmul", matmul},
    Counter{"rnn", recurrent},
    Counter{"scaled_dot_product_attention", attention},
};

bool is_static(const ir::Op& op) {
  const auto known = [](const ir::Argument& argument) {
    return std::all_of(argument.bindings.begin(), argument.bindings.end(),
                       [](const ir::Binding& one) { return one.type().is_static(); });
  };
  return std::all_of(op.arguments().begin(), op.arguments().end(), known) &&
         op.result().type.is_static();
}

}  // namespace

double count_flops(ir::Function& function) {
  double total = 0;
  bool complete = true;
  try {
    (void)runtime::take_classifier(function);
    ops::resolve(function);
    ops::infer_types(function);
  } catch (const Error&) {  // whoever loads the model says what is wrong with it
    return 0;
  }
  ir::for_each_op(*function.body, [&](const ir::Op& op) {
    for (const Counter& one : counters) {
      if (one.type != op.type()) continue;
      complete = complete && is_static(op);
      if (complete) total += one.count(op);
    }
  });
  return complete ? total : 0;
}

}  // namespace pome::cli
