#include "image/image_file.h"

#include <dlfcn.h>

#include <cstdlib>
#include <mutex>
#include <string>
#include <vector>

#include "base/text.h"
#include "image/module_abi.h"
#include "pome/error.h"

namespace pome::image {

using base::cat;

namespace {

namespace fs = std::filesystem;

// Where modules may lie: the folders of POME_MODULE_PATH when it is set; else beside the library
// or program that holds this code, as the build tree and an installation lay them out.
std::vector<fs::path> module_folders() {
  std::vector<fs::path> folders;
  if (const char* listed = std::getenv("POME_MODULE_PATH"); listed != nullptr && *listed != 0) {
    std::string_view rest = listed;
    while (!rest.empty()) {
      const std::size_t end = std::min(rest.find(':'), rest.size());
      if (end > 0) folders.emplace_back(rest.substr(0, end));
      rest.remove_prefix(std::min(end + 1, rest.size()));
    }
    return folders;
  }
  Dl_info self{};
  std::error_code ignored;
  fs::path here;
  if (dladdr(reinterpret_cast<void*>(&can_load_images), &self) != 0 && self.dli_fname != nullptr)
    here = fs::canonical(self.dli_fname, ignored).parent_path();
  if (here.empty()) here = fs::read_symlink("/proc/self/exe", ignored).parent_path();
  if (here.empty()) return folders;
  folders.push_back(here);
  folders.push_back(here / "pome");
  folders.push_back(here / ".." / POME_MODULE_FOLDER);
  folders.push_back(here / ".." / POME_MODULE_FOLDER / "pome");
  folders.push_back(here / ".." / "lib");
  return folders;
}

struct Module {
  const pome_image_module* functions = nullptr;
  std::string failure;
};

Module open_module(const fs::path& file) {
  Module out;
  // The handle is kept for good: libvips cannot be unloaded.
  void* handle = dlopen(file.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (handle == nullptr) {
    const char* reason = dlerror();
    out.failure = reason != nullptr ? reason : "it cannot be loaded";
    return out;
  }
  const auto entry = reinterpret_cast<pome_image_module_entry>(dlsym(handle, module_entry_name));
  const pome_image_module* functions = entry != nullptr ? entry() : nullptr;
  if (functions == nullptr || functions->abi_version != pome_image_abi_version) {
    out.failure = cat(file.string(), " belongs to another version of Pome");
    return out;
  }
  out.functions = functions;
  return out;
}

const Module& module() {
  static const Module loaded = [] {
    Module out;
    out.failure = cat("pictures need the image module, and ", module_file_name,
                      " is not installed (POME_MODULE_PATH names folders to look in)");
    std::error_code ignored;
    for (const fs::path& folder : module_folders()) {
      const fs::path file = folder / module_file_name;
      if (!fs::exists(file, ignored)) continue;
      out = open_module(file);
      if (out.functions != nullptr) break;
    }
    return out;
  }();
  return loaded;
}

int channels_of(PixelFormat format) {
  if (format == PixelFormat::gray8 || format == PixelFormat::gray16f) return 1;
  return format == PixelFormat::rgb8 ? 3 : 4;
}

// The format that the module's pixels already are.
PixelFormat loaded_format(PixelFormat wanted) {
  if (wanted == PixelFormat::gray16f) return PixelFormat::gray8;
  return wanted == PixelFormat::bgra8 ? PixelFormat::rgba8 : wanted;
}

PixelBuffer load(pome_image_request request, std::string_view name, const LoadOptions& options) {
  constexpr std::int64_t longest = 1 << 20;
  if (options.width < 0 || options.height < 0 || options.width > longest ||
      options.height > longest || (options.width == 0) != (options.height == 0))
    throw Error(ErrorCode::parameters,
                cat("a picture of ", options.width, " x ", options.height,
                    " was asked for, expected width and height from 1 to ", longest, " each"));
  const Module& found = module();
  if (found.functions == nullptr) throw Error(ErrorCode::unsupported, found.failure);
  request.channels = channels_of(options.format);
  request.apply_orientation = options.apply_orientation ? 1 : 0;
  request.pixel_limit = options.pixel_limit;
  pome_image_result result{};
  if (found.functions->load(&request, &result) != 0)
    throw Error(ErrorCode::io, cat(base::quoted(name), ": ", std::string_view(result.message)));
  const std::shared_ptr<void> owner(result.pixels, found.functions->release);
  const PixelFormat format = loaded_format(options.format);
  PixelBuffer picture =
      PixelBuffer::wrap(result.pixels, format, result.width, result.height, 0, owner);
  if (options.width > 0) picture = picture.resized(options.width, options.height, options.mode);
  return format == options.format ? picture : picture.converted_to(options.format);
}

}  // namespace

PixelBuffer load_image(const fs::path& path, const LoadOptions& options) {
  std::error_code failure;
  const auto status = fs::status(path, failure);
  if (!fs::exists(status))
    throw Error(ErrorCode::io, cat(base::quoted(path.string()), ": there is no such file"));
  if (!fs::is_regular_file(status))
    throw Error(ErrorCode::io, cat(base::quoted(path.string()), ": not a regular file"));
  pome_image_request request{};
  const std::string text = path.string();
  request.path = text.c_str();
  return load(request, text, options);
}

PixelBuffer load_image(std::span<const std::byte> bytes, std::string_view name,
                       const LoadOptions& options) {
  if (bytes.empty())
    throw Error(ErrorCode::io, cat(base::quoted(name), ": there are no bytes to decode"));
  pome_image_request request{};
  request.bytes = bytes.data();
  request.byte_count = bytes.size();
  return load(request, name, options);
}

bool can_load_images() noexcept {
  try {
    return module().functions != nullptr;
  } catch (...) {
    return false;
  }
}

}  // namespace pome::image
