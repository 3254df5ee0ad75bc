#include "base/budget.h"

#include "base/text.h"
#include "pome/error.h"

namespace pome::base {

bool Budget::try_take(std::int64_t bytes) noexcept {
  if (bytes < 0) return false;
  std::int64_t used = used_.load(std::memory_order_relaxed);
  do {
    if (bytes > limit_ - used) return false;
  } while (!used_.compare_exchange_weak(used, used + bytes, std::memory_order_relaxed));
  return true;
}

void Budget::take(std::int64_t bytes, std::string_view what) {
  if (try_take(bytes)) return;
  if (bytes < 0) {
    throw Error(ErrorCode::out_of_memory, cat(what, " asks for a negative number of bytes"));
  }
  throw Error(ErrorCode::out_of_memory,
              cat(what, " needs ", size_text(static_cast<std::uint64_t>(bytes)), ", which with ",
                  size_text(static_cast<std::uint64_t>(used())), " in use passes the limit of ",
                  size_text(static_cast<std::uint64_t>(limit_))));
}

}  // namespace pome::base
