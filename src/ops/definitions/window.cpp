#include "ops/definitions/window.h"

#include <algorithm>
#include <array>

#include "base/text.h"

namespace pome::ops::definitions {
namespace {

using base::cat;

Dims checked(const Call& call, int param, std::size_t count, std::int64_t otherwise,
             std::int64_t minimum) {
  auto values = call.ints_or(param, Dims(count, otherwise));
  if (values.size() != count) {
    call.fail(param, cat("has ", values.size(), " values, expected ", count));
  }
  for (const auto v : values) {
    if (v < minimum) call.fail(param, cat("found ", v, ", expected at least ", minimum));
  }
  return values;
}

void pad_same(WindowAxis& axis, std::int64_t input, bool lower) {
  if (!ir::is_known(input)) return;
  const auto output = (input + axis.stride - 1) / axis.stride;
  const auto total = std::max<std::int64_t>(0, (output - 1) * axis.stride + axis.extent() - input);
  axis.before = lower ? total - total / 2 : total / 2;
  axis.after = total - axis.before;
}

}  // namespace

std::int64_t window_output(const WindowAxis& axis, std::int64_t input) noexcept {
  if (!ir::is_known(input)) return ir::unknown_dim;
  const auto room = input + axis.before + axis.after - axis.extent();
  // -2 so that it is neither a size nor an unknown dimension.
  return room < 0 ? -2 : room / axis.stride + 1;
}

base::InlineVector<WindowAxis, 3> window_axes(const Call& call, const WindowParams& params,
                                              std::span<const std::int64_t> kernel,
                                              std::span<const std::int64_t> input) {
  constexpr std::array<std::string_view, 4> pad_types{"valid", "same", "custom", "same_lower"};
  const auto n = kernel.size();
  const auto strides = checked(call, params.strides, n, 1, 1);
  const auto dilations = checked(call, params.dilations, n, 1, 1);
  const auto pad_type = call.choice_or(params.pad_type, 0, pad_types);
  const auto pad = checked(call, params.pad, 2 * n, 0, 0);
  base::InlineVector<WindowAxis, 3> axes;
  for (std::size_t i = 0; i < n; ++i) {
    WindowAxis axis{kernel[i], strides[i], dilations[i], 0, 0};
    if (pad_type == 2) {
      axis.before = pad[2 * i];
      axis.after = pad[2 * i + 1];
    } else if (pad_type != 0) {
      pad_same(axis, input[i], pad_type == 3);
    }
    const auto output = window_output(axis, input[i]);
    if (output < ir::unknown_dim) {
      call.fail(cat("the kernel's extent ", axis.extent(), " is larger than the padded input ",
                    input[i] + axis.before + axis.after, " in spatial dimension ", i));
    }
    axes.push_back(axis);
  }
  return axes;
}

}  // namespace pome::ops::definitions
