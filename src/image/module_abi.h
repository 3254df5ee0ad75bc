// What the image module and the library say to each other: plain C, so that the module may be built
// with another compiler and neither side sees the other's types or exceptions.
#pragma once

#include <cstdint>

extern "C" {

// Grows by one with every change below. The library refuses a module of another version.
enum : std::int32_t { pome_image_abi_version = 2 };

struct pome_image_request {
  const char* path;  // a file, or null for bytes
  const void* bytes;
  std::uint64_t byte_count;
  std::int32_t channels;  // of the result: 1 grey, 3 red green blue, 4 with alpha 255
  std::int32_t apply_orientation;
  std::int64_t pixel_limit;
};

struct pome_image_result {
  void* pixels;  // 8 bits a channel, rows without gaps; given back through release
  std::int64_t width;
  std::int64_t height;
  char message[512];  // one sentence, when load failed
};

struct pome_image_module {
  std::int32_t abi_version;
  // 0 when the picture was loaded. Thread-safe.
  std::int32_t (*load)(const pome_image_request* request, pome_image_result* result);
  void (*release)(void* pixels);
};

// The module's one symbol.
using pome_image_module_entry = const pome_image_module* (*)();
}

namespace pome::image {
inline constexpr const char* module_entry_name = "pome_image_module_v1";
inline constexpr const char* module_file_name = "libpome_image_vips.so";
}  // namespace pome::image
