#include "format/lfs_pointer.h"

#include <array>
#include <string_view>

#include "base/text.h"
#include "pome/error.h"

namespace pome::format {

void refuse_lfs_pointer(const base::ByteSource& source) {
  constexpr std::string_view mark = "version https://git-lfs";
  constexpr std::int64_t longest = 1024;  // pointers are about 130 bytes
  std::array<char, mark.size()> head{};
  if (source.size() < static_cast<std::int64_t>(head.size()) || source.size() > longest) return;
  source.read(0, std::as_writable_bytes(std::span(head)));
  if (std::string_view(head.data(), head.size()) != mark) return;
  throw Error(ErrorCode::io, base::cat(base::quoted(source.name()),
                                       " is a Git LFS pointer, not the file it stands ",
                                       "for: fetch that with 'git lfs pull'"));
}

}  // namespace pome::format
