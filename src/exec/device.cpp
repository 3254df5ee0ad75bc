#include "exec/device.h"

namespace pome::exec {

bool has_layout(const ir::Type& type, std::size_t rank) noexcept {
  if (!type.is_tensor() || !type.ranked) return true;
  const auto missing = rank - std::min(rank, type.rank());
  const auto dim = [&](std::size_t i) { return i < missing ? 1 : type.dims[i - missing]; };
  if (rank < 3 || dim(1) == 1) return false;
  for (std::size_t i = 2; i < rank; ++i) {
    if (dim(i) != 1) return true;
  }
  return false;
}

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
