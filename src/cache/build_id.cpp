#include "cache/build_id.h"

#include <link.h>

#include <cstdint>
#include <cstring>
#include <string_view>

namespace pome::cache {
namespace {

struct Search {
  std::uintptr_t address;  // inside the module that is looked for
  std::string found;
};

std::string hex(const unsigned char* bytes, std::size_t n) {
  constexpr std::string_view digits = "0123456789abcdef";
  std::string out;
  for (std::size_t i = 0; i < n; ++i) {
    out += digits[bytes[i] >> 4];
    out += digits[bytes[i] & 15];
  }
  return out;
}

// Notes are name size, description size, type, then both padded to 4 bytes.
std::string find_note(const unsigned char* at, std::size_t size) {
  while (size >= sizeof(ElfW(Nhdr))) {
    ElfW(Nhdr) note;
    std::memcpy(&note, at, sizeof note);
    const std::size_t name = (note.n_namesz + 3U) & ~3U;
    const std::size_t whole = sizeof note + name + ((note.n_descsz + 3U) & ~3U);
    if (whole > size) break;
    const unsigned char* text = at + sizeof note;
    if (note.n_type == NT_GNU_BUILD_ID && note.n_namesz == 4 && std::memcmp(text, "GNU", 4) == 0)
      return hex(text + name, note.n_descsz);
    at += whole;
    size -= whole;
  }
  return {};
}

int look(dl_phdr_info* info, std::size_t, void* data) {
  auto& search = *static_cast<Search*>(data);
  bool inside = false;
  for (int i = 0; i < info->dlpi_phnum; ++i) {
    const auto& part = info->dlpi_phdr[i];
    const std::uintptr_t begin = info->dlpi_addr + part.p_vaddr;
    inside |=
        part.p_type == PT_LOAD && search.address >= begin && search.address < begin + part.p_memsz;
  }
  if (!inside) return 0;
  for (int i = 0; i < info->dlpi_phnum && search.found.empty(); ++i) {
    const auto& part = info->dlpi_phdr[i];
    if (part.p_type != PT_NOTE) continue;
    search.found = find_note(reinterpret_cast<const unsigned char*>(info->dlpi_addr + part.p_vaddr),
                             part.p_memsz);
  }
  return 1;
}

}  // namespace

const std::string& build_id() {
  static const std::string id = [] {
    Search search{reinterpret_cast<std::uintptr_t>(&look), {}};
    ::dl_iterate_phdr(look, &search);
    return search.found;
  }();
  return id;
}

}  // namespace pome::cache
