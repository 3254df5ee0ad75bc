#include "exec/device.h"

namespace pome::exec {

base::TensorView CallSite::known(int param, int i) const noexcept {
  const auto ids = call->param(param);
  if (static_cast<std::size_t>(i) >= ids.size()) return {};
  const auto& tensor = facts->known[ids[static_cast<std::size_t>(i)]];
  return tensor ? tensor->view() : base::TensorView{};
}

std::shared_ptr<const Weight> CallSite::weight(int param, int i) const {
  const auto ids = call->param(param);
  if (static_cast<std::size_t>(i) >= ids.size()) return nullptr;
  return weights->find(*flat, ids[static_cast<std::size_t>(i)]);
}

base::TensorView PlanCall::known(int param, int i) const noexcept {
  const auto ids = call->param(param);
  if (static_cast<std::size_t>(i) >= ids.size()) return {};
  const auto& tensor = facts->known[ids[static_cast<std::size_t>(i)]];
  return tensor ? tensor->view() : base::TensorView{};
}

}  // namespace pome::exec
