#include "devices/cpu/families/site.h"

#include <algorithm>

#include "base/tensor.h"
#include "base/text.h"
#include "ops/call.h"

namespace pome::devices::cpu {

using base::cat;

int param_index(const ops::OpDef& def, std::string_view name) noexcept {
  const auto params = def.params();
  for (std::size_t i = 0; i < params.size(); ++i) {
    if (params[i].name == name) return static_cast<int>(i);
  }
  return -1;
}

bool Site::has(std::string_view param) const noexcept {
  const int p = param_index(*call_.call->def, param);
  return p >= 0 && call_.has(p);
}

bool Site::settled(std::string_view param) const noexcept {
  return !has(param) || static_cast<bool>(known(param));
}

std::size_t Site::arg(std::string_view param) const noexcept {
  const int p = param_index(*call_.call->def, param);
  return call_.call->params[static_cast<std::size_t>(p)].first;
}

const ir::Type& Site::type(std::string_view param) const noexcept {
  return call_.type(param_index(*call_.call->def, param));
}

base::TensorView Site::known(std::string_view param) const noexcept {
  return has(param) ? call_.known(param_index(*call_.call->def, param)) : base::TensorView{};
}

Dims Site::ints(std::string_view param, Dims otherwise) const {
  const auto view = known(param);
  if (!view) return otherwise;
  Dims values;
  for (std::int64_t i = 0; i < view.size(); ++i) values.push_back(ops::load_i(view, i));
  return values;
}

std::int64_t Site::integer(std::string_view param, std::int64_t otherwise) const {
  const auto view = known(param);
  return view ? ops::load_i(view, 0) : otherwise;
}

double Site::number(std::string_view param, double otherwise) const {
  const auto view = known(param);
  return view ? ops::load_f(view, 0) : otherwise;
}

bool Site::flag(std::string_view param, bool otherwise) const {
  return integer(param, otherwise ? 1 : 0) != 0;
}

std::string_view Site::text(std::string_view param, std::string_view otherwise) const {
  const auto view = known(param);
  return view ? std::string_view(*static_cast<const std::string*>(view.data)) : otherwise;
}

std::shared_ptr<const exec::Weight> Site::weight(std::string_view param) const {
  return has(param) ? call_.weight(param_index(*call_.call->def, param)) : nullptr;
}

bool is_float_tensor(const ir::Type& type) noexcept {
  return type.is_tensor() && type.ranked &&
         (type.dtype == DataType::fp16 || type.dtype == DataType::fp32);
}

Support require_float(const Site& site, std::string_view param) {
  const auto& type = site.type(param);
  if (is_float_tensor(type)) return {};
  return Support::no(cat(param, " is ", ir::text(type), "; the kernel takes fp16 and fp32"));
}

Support require_constant(const Site& site, std::string_view param) {
  if (!site.has(param) || site.weight(param)) return {};
  return Support::no(cat(param, " is computed at run time; the kernel packs it beforehand"));
}

double assumed_size(const ir::Type& type) noexcept {
  double n = 1;
  for (const auto d : type.dims) {
    n *= static_cast<double>(ir::is_known(d) ? d : exec::Device::assumed_dim);
  }
  return n;
}

double estimated_cost(double bytes, double operations) noexcept {
  // One core: 10 GB/s from memory, 50 G multiply-adds a second, half a microsecond to begin.
  return 0.5e-6 + bytes * 1e-10 + operations * 2e-11;
}

double streaming_cost(const CallSite& call) noexcept {
  double elements = assumed_size(call.result_type());
  if (!call.call->args.empty()) elements += assumed_size(call.facts->types[call.call->args[0]]);
  return estimated_cost(4 * elements, elements);
}

namespace {

bool is_held_in_4_bytes(const ir::Type& type) noexcept {
  return type.is_tensor() && type.ranked && bits(base::storage_type(type.dtype)) == 32;
}

}  // namespace

exec::LayoutRule follow_rule(const CallSite& call) {
  for (const auto id : call.call->results) {
    if (!is_held_in_4_bytes(call.facts->types[id])) return exec::LayoutRule::dense;
  }
  for (const auto id : call.call->args) {
    // Attributes of other types have no dimensions.
    const auto& type = call.facts->types[id];
    if (!is_held_in_4_bytes(type) && type.rank() != 0) {
      return exec::LayoutRule::dense;
    }
  }
  return exec::LayoutRule::follow;
}

exec::LayoutRule either_rule(const CallSite& call) {
  const std::size_t rank = call.result_type().rank();
  const auto fits = [&](ops::ValueId id) {
    const auto& type = call.facts->types[id];
    return is_held_in_4_bytes(type) && type.rank() == rank;
  };
  const bool all = rank > 2 && std::ranges::all_of(call.call->results, fits) &&
                   std::ranges::all_of(call.call->param(0), fits);
  return all ? exec::LayoutRule::either : exec::LayoutRule::dense;
}

exec::LayoutRule any_rule(const CallSite& call) {
  const auto& type = call.type(0);
  const bool fits = is_held_in_4_bytes(type) && type.rank() > 2;
  return fits ? exec::LayoutRule::any : exec::LayoutRule::dense;
}

Dims channels_last_order(const Dims& dims) {
  Dims out = dims;
  if (dims.size() > 2) std::rotate(out.begin() + 1, out.begin() + 2, out.end());
  return out;
}

Dims channels_last_strides(const Dims& dims) {
  const Dims order = ops::dense_strides(channels_last_order(dims));
  Dims out;
  for (std::size_t i = 0; i < dims.size(); ++i) {
    out.push_back(order[channels_last_axis(i, dims.size())]);
  }
  return out;
}

std::size_t channels_last_axis(std::size_t axis, std::size_t rank) noexcept {
  if (axis == 0 || rank < 3) return axis;
  return axis == 1 ? rank - 1 : axis - 1;
}

bool CpuKernel::takes_over(std::size_t arg) const noexcept {
  return std::find(reads_.begin(), reads_.end(), static_cast<std::uint32_t>(arg)) == reads_.end();
}

std::int64_t product(std::span<const std::int64_t> dims, std::size_t first, std::size_t last) {
  std::int64_t n = 1;
  for (std::size_t i = first; i < last; ++i) n *= dims[i];
  return n;
}

}  // namespace pome::devices::cpu
