#include "devices/cpu/cpu_device.h"

#include <algorithm>
#include <map>
#include <vector>

#include "base/text.h"
#include "devices/cpu/families/epilogue.h"
#include "devices/cpu/families/family.h"
#include "devices/cpu/features.h"

namespace pome::devices {
namespace {

using cpu::Family;
using cpu::Kernels;

// One line a family.
constexpr const Family* families[] = {
    &cpu::layout_family,        //
    &cpu::conv_family,          //
    &cpu::linear_family,        //
    &cpu::matmul_family,        //
    &cpu::unary_family,         //
    &cpu::binary_family,        //
    &cpu::logic_family,         //
    &cpu::select_family,        //
    &cpu::cast_family,          //
    &cpu::softmax_family,       //
    &cpu::attention_family,     //
    &cpu::layer_norm_family,    //
    &cpu::reduction_family,     //
    &cpu::channel_norm_family,  //
    &cpu::pool_family,          //
    &cpu::transpose_family,     //
    &cpu::join_family,          //
    &cpu::split_family,         //
    &cpu::slice_family,         //
    &cpu::gather_family,        //
    &cpu::pad_family,           //
    &cpu::resize_family,        //
    &cpu::depth_space_family,   //
    &cpu::tile_family,          //
    &cpu::lstm_family,          //
    &cpu::l2_norm_family,       //
    &cpu::arg_family,           //
};

/// The family of each operation.
const std::map<std::string_view, const Family*>& family_table() {
  static const auto table = [] {
    std::map<std::string_view, const Family*> made;
    for (const auto* family : families) {
      for (const auto name : family->operations) made.emplace(name, family);
    }
    return made;
  }();
  return table;
}

const Family* family_of(const exec::CallSite& site) {
  const auto found = family_table().find(site.call->def->name);
  return found == family_table().end() ? nullptr : found->second;
}

class CpuDevice final : public exec::Device {
 public:
  explicit CpuDevice(const Kernels* kernels) : kernels_(kernels) {}

  std::string_view name() const noexcept override { return "cpu"; }
  const Kernels* kernels() const noexcept { return kernels_; }

  exec::Support supports(const exec::CallSite& site) const override {
    if (!kernels_) return exec::Support::no("no kernels for this processor");
    const auto* family = family_of(site);
    if (!family) return exec::Support::no("no kernel for this operation");
    return family->supports(site);
  }
  double cost(const exec::CallSite& site) const override { return family_of(site)->cost(site); }
  exec::LayoutRule layout_rule(const exec::CallSite& site) const override {
    const auto* family = family_of(site);
    return family->layout_rule ? family->layout_rule(site) : exec::LayoutRule::dense;
  }
  bool absorbs(const exec::CallSite& site, const exec::Tail& next) const override {
    return cpu::is_epilogue_step(site, next, family_of(site)->tails);
  }
  std::unique_ptr<exec::OpKernel> prepare(const exec::CallSite& site) const override {
    return family_of(site)->prepare(site, *kernels_);
  }

 private:
  const Kernels* kernels_;
};

}  // namespace

const exec::Device& cpu_device() noexcept {
  static const CpuDevice device(cpu::chosen_kernels());
  return device;
}

const exec::Device* cpu_device(std::string_view isa) noexcept {
  static const auto devices = [] {
    std::vector<CpuDevice> made;
    for (const auto* kernels : cpu::usable_kernels()) made.emplace_back(kernels);
    return made;
  }();
  const auto found =
      std::ranges::find_if(devices, [&](const CpuDevice& d) { return d.kernels()->name == isa; });
  return found == devices.end() ? nullptr : &*found;
}

std::vector<std::string_view> cpu_operations() {
  std::vector<std::string_view> names;
  for (const auto& [name, family] : family_table()) names.push_back(name);
  return names;
}

}  // namespace pome::devices
