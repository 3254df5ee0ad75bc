#include "frontend/neural_network/layer.h"

#include <algorithm>
#include <cstring>

#include "base/checked.h"
#include "base/half.h"
#include "base/text.h"
#include "pome/error.h"

namespace pome::frontend::network {

using base::cat;

std::string Layer::place() const {
  return cat("layer ", base::quoted(message.name), " (", type_, ")");
}

void Layer::fail(std::string_view what) const {
  throw Error(ErrorCode::parameters, cat(place(), ": ", what));
}

namespace {

void expect_count(const Layer& layer, std::size_t found, std::size_t least, std::size_t most,
                  std::string_view what) {
  if (found >= least && found <= most) return;
  const std::string expected = least == most ? cat(least) : cat(least, " to ", most);
  layer.fail(cat("it has ", found, " ", what, ", expected ",
                 most > 1000 ? cat("at least ", least) : expected));
}

}  // namespace

void Layer::expect_inputs(std::size_t least, std::size_t most) const {
  expect_count(*this, input_count(), least, most, input_count() == 1 ? "input" : "inputs");
}

void Layer::expect_outputs(std::size_t least, std::size_t most) const {
  expect_count(*this, output_count(), least, most, output_count() == 1 ? "output" : "outputs");
}

V Layer::in(std::size_t i) const {
  if (i >= input_count()) fail(cat("it has ", input_count(), " inputs, expected ", i + 1));
  const auto found = scope.blobs.find(message.input[i]);
  if (found == scope.blobs.end())
    fail(cat("its input ", base::quoted(message.input[i]), " is made by no layer before it"));
  return found->second;
}

std::vector<V> Layer::all_inputs() const {
  std::vector<V> out;
  for (std::size_t i = 0; i < input_count(); ++i) out.push_back(in(i));
  return out;
}

void Layer::out(V value, std::size_t i) {
  if (i >= output_count()) fail(cat("it has ", output_count(), " outputs, expected ", i + 1));
  if (value->type.dtype != DataType::fp32) value = to_float(value);
  // Blobs have at least one dimension.
  if (value->type.ranked && value->type.rank() == 0) value = expand(value, {0});
  scope.blobs[std::string(message.output[i])] = value;
}

std::int64_t Layer::expect_rank(V value, std::int64_t least, std::int64_t most) const {
  if (!value->type.ranked) fail("the number of dimensions of its input is not known");
  const std::int64_t found = rank(value);
  if (found < least || found > most)
    fail(cat("its input has ", found, " dimensions, expected ",
             least == most ? cat(least)
             : most == 64  ? cat("at least ", least)
                           : cat(least, " to ", most)));
  return found;
}

std::int64_t Layer::axis(std::int64_t value, std::int64_t rank) const {
  const std::int64_t out = value < 0 ? value + rank : value;
  if (out < 0 || out >= rank)
    fail(cat("axis ", value, " is outside of an input with ", rank, " dimensions"));
  return out;
}

std::int64_t Layer::dim(V value, std::int64_t at) {
  const std::int64_t n = rank(value);
  return value->type.dims[static_cast<std::size_t>(at < 0 ? at + n : at)];
}

V Layer::cast(V x, DataType to) {
  if (x->type.dtype == to) return x;
  // What was made a float of an int is that int.
  if (to == DataType::int32 && x->producer != nullptr && x->producer->type() == "cast") {
    V source = x->producer->input_value("x");
    if (source != nullptr && source->type.dtype == to) return source;
  }
  if (to == DataType::int32) {
    // A constant of floats that are whole is a constant of ints.
    if (const auto* known = b.known(x); known != nullptr && known->dtype() == DataType::fp32) {
      const auto view = known->view();
      std::vector<std::byte> bytes(static_cast<std::size_t>(view.size()) * 4);
      for (std::int64_t i = 0; i < view.size(); ++i) {
        const auto value = static_cast<std::int32_t>(static_cast<const float*>(view.data)[i]);
        std::memcpy(bytes.data() + 4 * i, &value, 4);
      }
      return b.constant(ir::make_tensor(ir::Type::tensor(to, ir::Dims(view.dims)), bytes));
    }
  }
  const std::string_view name = to == DataType::int32     ? "int32"
                                : to == DataType::boolean ? "bool"
                                                          : "fp32";
  return b.op("cast", {{"x", x}, {"dtype", text(name)}});
}

V Layer::to_bool(V x) {
  if (x->type.dtype == DataType::boolean) return x;
  if (x->producer != nullptr && x->producer->type() == "cast") {
    V source = x->producer->input_value("x");
    if (source != nullptr && source->type.dtype == DataType::boolean) return source;
  }
  return b.op("not_equal", {{"x", x}, {"y", number(0)}});
}

V Layer::with_batch(V x, std::int64_t tail, const std::function<V(V)>& body) {
  const std::int64_t n = expect_rank(x, tail);
  if (n == tail) return squeeze(body(expand(x, {0})), {0});
  if (n == tail + 1) return body(x);
  // Where all leading dimensions but one are 1, they are only taken away and given back.
  Ints ones;
  for (std::int64_t i = 0; i < n - tail; ++i) {
    if (dim(x, i) == 1 && static_cast<std::int64_t>(ones.size()) < n - tail - 1) ones.push_back(i);
  }
  if (static_cast<std::int64_t>(ones.size()) == n - tail - 1)
    return expand(body(squeeze(x, ones)), ones);
  V shape = shape_of(x);
  const auto part = [&](V of, std::int64_t begin, std::int64_t end) {
    return b.op("slice_by_index", {{"x", of}, {"begin", ints({begin})}, {"end", ints({end})}});
  };
  const auto join = [&](V first, V second) {
    return b.op("concat", {{"values", {ir::Binding(first), ir::Binding(second)}},
                           {"axis", integer(0)},
                           {"interleave", flag(false)}});
  };
  V flat = b.op("reshape",
                {{"x", x}, {"shape", join(b.constant(ints({-1})), part(shape, n - tail, n))}});
  V result = body(flat);
  V result_shape = shape_of(result);
  return b.op("reshape",
              {{"x", result},
               {"shape", join(part(shape, 0, n - tail), part(result_shape, 1, rank(result)))}});
}

bool Layer::has_weight(const proto::Box<proto::WeightParams>& params) noexcept {
  return params && (!params->floatValue.empty() || !params->float16Value.empty() ||
                    !params->rawValue.empty() || !params->int8RawValue.empty());
}

namespace {

std::int64_t product(const Layer& layer, const Ints& dims) {
  const auto count = base::element_count(dims);
  if (!count) layer.fail("the number of its weights does not fit 64 bits");
  return *count;
}

[[noreturn]] void fail_length(const Layer& layer, std::string_view what, std::int64_t found,
                              std::int64_t expected) {
  layer.fail(cat(what, " has ", found, " values, expected ", expected));
}

std::shared_ptr<const ir::Constant> view_constant(proto::Bytes bytes, DataType type,
                                                  const Ints& dims,
                                                  std::shared_ptr<const void> owner) {
  auto out = std::make_shared<ir::Constant>();
  out->type = ir::Type::tensor(type, ir::Dims(dims));
  out->data = ir::ImmediateBytes{bytes, std::move(owner)};
  return out;
}

/// Number `i` of packed unsigned numbers of `bits`, most significant bit first.
std::uint32_t packed_number(proto::Bytes bytes, std::int64_t i, int bits) {
  std::uint32_t out = 0;
  for (std::int64_t bit = i * bits; bit < (i + 1) * bits; ++bit) {
    const auto byte = std::to_integer<std::uint32_t>(bytes[static_cast<std::size_t>(bit / 8)]);
    out = out << 1 | (byte >> (7 - bit % 8) & 1);
  }
  return out;
}

std::vector<float> linear_values(const Layer& layer, const proto::WeightParams& params,
                                 std::int64_t count, std::string_view what) {
  const auto& linear = *params.quantization->linearQuantization();
  const bool is_signed = !params.int8RawValue.empty();
  const int bits = is_signed ? 8 : static_cast<int>(params.quantization->numberOfBits);
  const proto::Bytes raw = is_signed ? params.int8RawValue : params.rawValue;
  const auto scales = static_cast<std::int64_t>(linear.scale.size());
  const auto biases = static_cast<std::int64_t>(linear.bias.size());
  if (scales == 0 || count % scales != 0)
    layer.fail(cat(what, " has ", scales, " quantization scales for ", count, " values"));
  if (biases != 0 && biases != scales)
    layer.fail(cat(what, " has ", biases, " quantization biases, expected ", scales));
  std::vector<float> out(static_cast<std::size_t>(count));
  for (std::int64_t i = 0; i < count; ++i) {
    const auto channel = static_cast<std::size_t>(i / (count / scales));
    const float q =
        is_signed
            ? static_cast<float>(std::to_integer<std::int8_t>(raw[static_cast<std::size_t>(i)]))
            : static_cast<float>(packed_number(raw, i, bits));
    const float bias = biases == 0 ? 0.0F : linear.bias[channel];
    out[static_cast<std::size_t>(i)] = linear.scale[channel] * q + bias;
  }
  return out;
}

std::vector<float> table_values(const Layer& layer, const proto::WeightParams& params,
                                std::int64_t count, std::string_view what) {
  const auto& table = params.quantization->lookupTableQuantization()->floatValue;
  const auto bits = static_cast<int>(params.quantization->numberOfBits);
  if (table.size() != std::size_t{1} << bits)
    layer.fail(cat(what, " has a lookup table of ", table.size(), " values, expected ",
                   std::int64_t{1} << bits));
  std::vector<float> out(static_cast<std::size_t>(count));
  for (std::int64_t i = 0; i < count; ++i)
    out[static_cast<std::size_t>(i)] = table[packed_number(params.rawValue, i, bits)];
  return out;
}

std::vector<float> quantized_values(const Layer& layer, const proto::WeightParams& params,
                                    std::int64_t count, std::string_view what) {
  if (!params.quantization) layer.fail(cat(what, " is quantized without its parameters"));
  const auto bits = static_cast<std::int64_t>(params.quantization->numberOfBits);
  const bool is_signed = !params.int8RawValue.empty();
  if (!is_signed && (bits < 1 || bits > 8))
    layer.fail(cat(what, " is quantized to ", bits, " bits, expected 1 to 8"));
  const auto have =
      static_cast<std::int64_t>(is_signed ? params.int8RawValue.size() : params.rawValue.size());
  const std::int64_t need = is_signed ? count : (count * bits + 7) / 8;
  if (have != need)
    layer.fail(cat(what, " has ", have, " bytes, expected ", need, " for ", count, " values"));
  if (params.quantization->linearQuantization() != nullptr)
    return linear_values(layer, params, count, what);
  if (params.quantization->lookupTableQuantization() != nullptr && !is_signed)
    return table_values(layer, params, count, what);
  layer.fail(cat(what, " is quantized in a way that is not known"));
}

}  // namespace

V Layer::weight(const proto::Box<proto::WeightParams>& params, const Ints& dims,
                std::string_view what) {
  const std::int64_t count = product(*this, dims);
  if (!has_weight(params)) {
    if (count != 0) fail(cat(what, " is missing"));
    return b.constant(numbers({}, ir::Dims(dims)));
  }
  const auto expect = [&](std::size_t found) {
    if (static_cast<std::int64_t>(found) != count)
      fail_length(*this, what, static_cast<std::int64_t>(found), count);
  };
  if (!params->floatValue.empty()) {
    expect(params->floatValue.size());
    if (!params->floatValue.is_copy())
      return b.constant(
          view_constant(params->floatValue.bytes(), DataType::fp32, dims, scope.owner));
    const auto bytes = params->floatValue.bytes();
    return b.constant(ir::make_tensor(ir::Type::tensor(DataType::fp32, ir::Dims(dims)),
                                      {bytes.begin(), bytes.end()}));
  }
  if (!params->float16Value.empty()) {
    expect(params->float16Value.size() / 2);
    return b.op(
        "constexpr_cast",
        {{"source_val", view_constant(params->float16Value, DataType::fp16, dims, scope.owner)},
         {"output_dtype", text("fp32")}});
  }
  return b.constant(numbers(weight_values(params, count, what), ir::Dims(dims)));
}

std::vector<float> Layer::weight_values(const proto::Box<proto::WeightParams>& params,
                                        std::int64_t count, std::string_view what) const {
  scope.budget.take(4 * count, cat("weights of ", place()));
  std::vector<float> out(static_cast<std::size_t>(count));
  if (!has_weight(params)) {
    if (count != 0) fail(cat(what, " is missing"));
    return out;
  }
  const auto expect = [&](std::size_t found) {
    if (static_cast<std::int64_t>(found) != count)
      fail_length(*this, what, static_cast<std::int64_t>(found), count);
  };
  if (!params->floatValue.empty()) {
    expect(params->floatValue.size());
    for (std::size_t i = 0; i < out.size(); ++i) out[i] = params->floatValue[i];
    return out;
  }
  if (!params->float16Value.empty()) {
    expect(params->float16Value.size() / 2);
    for (std::size_t i = 0; i < out.size(); ++i) {
      std::uint16_t half = 0;
      std::memcpy(&half, params->float16Value.data() + 2 * i, 2);
      out[i] = base::f32_from_f16(half);
    }
    return out;
  }
  return quantized_values(*this, *params, count, what);
}

}  // namespace pome::frontend::network
