// A device for tests: runs what it likes by the reference, counts what is asked of it, fails on
// demand.
#pragma once

#include <atomic>
#include <cstring>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "devices/reference/reference_device.h"
#include "exec/device.h"

namespace pome::test {

class PretendDevice final : public exec::Device {
 public:
  using Site = exec::CallSite;

  explicit PretendDevice(std::string name) : name_(std::move(name)) {}

  // What the test decides; set before the device is used.
  std::function<exec::Support(const Site&)> on_supports = [](const Site&) {
    return exec::Support{};
  };
  std::function<double(const Site&)> on_cost = [](const Site&) { return 1.0; };
  std::function<void(const Site&)> on_prepare = [](const Site&) {};
  /// Runs in front of each kernel; a status that is not ok is the kernel's own.
  std::function<exec::Status(exec::TaskContext&)> on_run = [](exec::TaskContext&) {
    return exec::Status{};
  };
  std::function<bool(std::size_t arg)> on_takes_over = [](std::size_t) { return false; };

  // What was asked of it.
  mutable std::atomic<int> prepared = 0;
  mutable std::atomic<int> planned = 0;
  mutable std::atomic<int> ran = 0;

  std::string_view name() const noexcept override { return name_; }
  exec::Support supports(const Site& site) const override { return on_supports(site); }
  double cost(const Site& site) const override { return on_cost(site); }
  std::unique_ptr<exec::OpKernel> prepare(const Site& site) const override {
    ++prepared;
    on_prepare(site);
    return std::make_unique<Kernel>(*this, devices::reference_device().prepare(site));
  }

 private:
  struct Params {
    const PretendDevice* device;
    exec::Kernel inner;
    std::byte params[64];
  };

  static exec::Status run(const void* raw, exec::TensorRef* args,
                          exec::TaskContext& task) noexcept {
    const auto& params = *static_cast<const Params*>(raw);
    ++params.device->ran;
    if (const auto status = params.device->on_run(task); !status.ok()) return status;
    return params.inner(params.params, args, task);
  }

  class Kernel final : public exec::OpKernel {
   public:
    Kernel(const PretendDevice& device, std::unique_ptr<exec::OpKernel> inner)
        : device_(device), inner_(std::move(inner)) {}
    exec::PlannedKernel plan(const exec::PlanCall& call) const override {
      ++device_.planned;
      auto wrapped = inner_->plan(call);
      Params params{&device_, wrapped.run, {}};
      std::memcpy(params.params, wrapped.params.data(), wrapped.params.size());
      wrapped.set_params(params);
      wrapped.run = run;
      return wrapped;
    }
    bool takes_over(std::size_t arg) const noexcept override { return device_.on_takes_over(arg); }

   private:
    const PretendDevice& device_;
    std::unique_ptr<exec::OpKernel> inner_;
  };

  std::string name_;
};

}  // namespace pome::test
