// Result of a kernel: a code, where, and two numbers. No allocation.
#pragma once

#include <cstdint>

namespace pome::exec {

enum class Code : std::uint8_t {
  ok,
  cancelled,  ///< the stop token was set
  bad_index,  ///< payload: the index, the size it must be below
  division_by_zero,
  out_of_memory,
  failed,  ///< an Error object waits in the task context
};

struct Status {
  Code code = Code::ok;
  std::uint32_t source = 0;  ///< step in which it happened, set by the runner
  std::int64_t payload[2] = {};
  const char* param = nullptr;  ///< bad_index: the parameter that holds the index, a literal

  constexpr bool ok() const noexcept { return code == Code::ok; }
};

}  // namespace pome::exec
