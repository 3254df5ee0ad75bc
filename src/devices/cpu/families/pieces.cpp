#include "devices/cpu/families/pieces.h"

#include <algorithm>
#include <cstring>

namespace pome::devices::cpu {
namespace {

constexpr std::int64_t grain = 65536;  ///< bytes of a task

/// Head of the parameters; the pieces follow.
struct Params {
  std::int64_t count;
  std::int32_t first_part, joined;

  std::span<const Piece> pieces() const noexcept {
    return {reinterpret_cast<const Piece*>(this + 1), static_cast<std::size_t>(count)};
  }
};

/// Tasks of one piece: some whole runs each, or parts of a long run.
std::int64_t task_count(const Piece& p) noexcept {
  if (p.bytes == 0 || p.count == 0) return 0;
  if (p.bytes >= 2 * grain) return p.count * ceil_div(p.bytes, grain);
  return ceil_div(p.count, std::max<std::int64_t>(1, grain / p.bytes));
}

void copy(std::byte* part, std::byte* joined, std::int64_t bytes, bool join) noexcept {
  std::memcpy(join ? joined : part, join ? part : joined, static_cast<std::size_t>(bytes));
}

void run_task(const Piece& p, std::int64_t index, std::byte* part, std::byte* joined,
              bool join) noexcept {
  joined += p.first;
  if (p.bytes >= 2 * grain) {
    const std::int64_t parts = ceil_div(p.bytes, grain);
    const std::int64_t at = index % parts * grain;
    const std::int64_t run = index / parts;
    copy(part + run * p.bytes + at, joined + run * p.step + at, std::min(grain, p.bytes - at),
         join);
    return;
  }
  const std::int64_t group = std::max<std::int64_t>(1, grain / p.bytes);
  const std::int64_t end = std::min(p.count, (index + 1) * group);
  for (std::int64_t i = index * group; i < end; ++i) {
    copy(part + i * p.bytes, joined + i * p.step, p.bytes, join);
  }
}

template <bool Join>
Status run(const void* raw, TensorRef* args, TaskContext& task) noexcept {
  const auto& p = *static_cast<const Params*>(raw);
  const auto pieces = p.pieces();
  std::int64_t tasks = 0;
  for (const auto& piece : pieces) tasks += task_count(piece);
  return run_tasks(task, tasks, [&](std::int64_t index, int) {
    std::size_t i = 0;
    for (; index >= task_count(pieces[i]); ++i) index -= task_count(pieces[i]);
    run_task(pieces[i], index, args[static_cast<std::size_t>(p.first_part) + i].as<std::byte>(),
             args[p.joined].as<std::byte>(), Join);
  });
}

void set_params(PlannedKernel& planned, const Params& head, std::span<const Piece> pieces) {
  planned.params.resize(sizeof head + pieces.size_bytes());
  std::memcpy(planned.params.data(), &head, sizeof head);
  if (!pieces.empty()) {
    std::memcpy(planned.params.data() + sizeof head, pieces.data(), pieces.size_bytes());
  }
}

}  // namespace

PlannedKernel plan_join(std::span<const Piece> pieces, std::int32_t first_part) {
  PlannedKernel planned;
  planned.run = run<true>;
  set_params(planned, {static_cast<std::int64_t>(pieces.size()), first_part, 0}, pieces);
  return planned;
}

PlannedKernel plan_split(std::span<const Piece> pieces, std::int32_t joined) {
  PlannedKernel planned;
  planned.run = run<false>;
  set_params(planned, {static_cast<std::int64_t>(pieces.size()), 0, joined}, pieces);
  return planned;
}

}  // namespace pome::devices::cpu
