// The image module: libvips behind the plain C interface of image/module_abi.h.
#include <vips/vips.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <memory>

#include "image/module_abi.h"

namespace {

struct Unref {
  void operator()(VipsImage* image) const noexcept { g_object_unref(image); }
};
using Image = std::unique_ptr<VipsImage, Unref>;

// One step of the way: runs a libvips operation that gives its result through a pointer. An empty
// image stays empty, so that a chain is checked once at its end.
template <typename Operation>
Image then(Image in, Operation&& operation) {
  if (!in) return nullptr;
  VipsImage* out = nullptr;
  if (operation(in.get(), &out) != 0) return nullptr;
  return Image(out);
}

void stay_silent(const gchar* /*domain*/, GLogLevelFlags /*level*/, const gchar* /*message*/,
                 gpointer /*data*/) {}

void start_libvips() {
  static const bool started = [] {
    if (vips_init("pome") != 0) return false;
    // Decoders that are not hardened against hostile files stay off; nothing is remembered
    // between pictures, which keeps memory small.
    vips_block_untrusted_set(TRUE);
    vips_cache_set_max(0);
    // A library does not print; what goes wrong comes back as the message of an error.
    g_log_set_handler("VIPS", G_LOG_LEVEL_WARNING, stay_silent, nullptr);
    return true;
  }();
  (void)started;
}

// The first line of libvips' error log, which tells the cause; the log is emptied.
void take_message(pome_image_result* result, const char* what) {
  const char* log = vips_error_buffer();
  const int length = static_cast<int>(std::strcspn(log, "\n"));
  if (length == 0) {
    std::snprintf(result->message, sizeof result->message, "%s", what);
  } else {
    std::snprintf(result->message, sizeof result->message, "%s (%.*s)", what, std::min(length, 300),
                  log);
  }
  vips_error_clear();
}

Image open(const pome_image_request& request) {
  if (request.path != nullptr) {
    // As a source, so that no part of the path is read as options of the loader.
    VipsSource* source = vips_source_new_from_file(request.path);
    if (source == nullptr) return nullptr;
    Image out(vips_image_new_from_source(source, "", "fail_on", VIPS_FAIL_ON_TRUNCATED, nullptr));
    g_object_unref(source);
    return out;
  }
  return Image(vips_image_new_from_buffer(request.bytes, request.byte_count, "", "fail_on",
                                          VIPS_FAIL_ON_TRUNCATED, nullptr));
}

// To 8-bit sRGB or grey, through the file's own colour profile where it has one.
Image to_standard_colours(Image in) {
  if (!in) return nullptr;
  if (vips_image_get_typeof(in.get(), VIPS_META_ICC_NAME) != 0) {
    VipsImage* out = nullptr;
    if (vips_icc_transform(in.get(), &out, "srgb", "embedded", TRUE, "depth", 8, nullptr) == 0)
      return Image(out);
    vips_error_clear();  // a broken profile is no reason to refuse the picture
  }
  const VipsInterpretation now = vips_image_guess_interpretation(in.get());
  const bool is_gray = now == VIPS_INTERPRETATION_B_W || now == VIPS_INTERPRETATION_GREY16;
  const VipsInterpretation wanted = is_gray ? VIPS_INTERPRETATION_B_W : VIPS_INTERPRETATION_sRGB;
  return then(std::move(in), [&](VipsImage* from, VipsImage** to) {
    return vips_colourspace(from, to, wanted, nullptr);
  });
}

Image without_alpha(Image in) {
  if (!in || !vips_image_hasalpha(in.get())) return in;
  const double white = 255;
  VipsArrayDouble* background = vips_array_double_new(&white, 1);
  Image out = then(std::move(in), [&](VipsImage* from, VipsImage** to) {
    return vips_flatten(from, to, "background", background, nullptr);
  });
  vips_area_unref(VIPS_AREA(background));
  return out;
}

Image with_channels(Image in, int channels) {
  if (!in) return nullptr;
  const VipsInterpretation wanted =
      channels == 1 ? VIPS_INTERPRETATION_B_W : VIPS_INTERPRETATION_sRGB;
  Image out = std::move(in);
  if (channels == 1 && vips_image_get_bands(out.get()) >= 3) {
    // Luma of the stored values, as PixelBuffer::converted_to computes it; libvips' own conversion
    // to grey is a colorimetric one through linear light.
    std::array<double, 3> weights{0.299, 0.587, 0.114};
    Image matrix(vips_image_new_matrix_from_array(3, 1, weights.data(), 3));
    out = then(std::move(out), [&](VipsImage* from, VipsImage** to) {
      return vips_recomb(from, to, matrix.get(), nullptr);
    });
    out = then(std::move(out),
               [](VipsImage* from, VipsImage** to) { return vips_rint(from, to, nullptr); });
  } else if (!out || vips_image_get_interpretation(out.get()) != wanted) {
    out = then(std::move(out), [&](VipsImage* from, VipsImage** to) {
      return vips_colourspace(from, to, wanted, nullptr);
    });
  }
  out = then(std::move(out),
             [](VipsImage* from, VipsImage** to) { return vips_cast_uchar(from, to, nullptr); });
  if (channels != 4) return out;
  return then(std::move(out), [](VipsImage* from, VipsImage** to) {
    return vips_bandjoin_const1(from, to, 255, nullptr);
  });
}

std::int32_t load(const pome_image_request* request, pome_image_result* result) {
  start_libvips();
  Image image = open(*request);
  if (!image) {
    take_message(result, "not a picture that can be decoded");
    return 1;
  }
  const std::int64_t pixels = std::int64_t{vips_image_get_width(image.get())} *
                              std::int64_t{vips_image_get_height(image.get())};
  if (pixels > request->pixel_limit) {
    std::snprintf(result->message, sizeof result->message,
                  "the picture is %d x %d pixels, more than the limit of %lld",
                  vips_image_get_width(image.get()), vips_image_get_height(image.get()),
                  static_cast<long long>(request->pixel_limit));
    return 1;
  }
  if (request->apply_orientation != 0) {
    image = then(std::move(image),
                 [](VipsImage* from, VipsImage** to) { return vips_autorot(from, to, nullptr); });
  }
  image = without_alpha(to_standard_colours(std::move(image)));
  image = with_channels(std::move(image), request->channels);
  if (image && vips_image_get_bands(image.get()) != request->channels) image = nullptr;
  std::size_t size = 0;
  void* memory = image ? vips_image_write_to_memory(image.get(), &size) : nullptr;
  if (memory == nullptr) {
    take_message(result, "the picture is damaged");
    return 1;
  }
  result->pixels = memory;
  result->width = vips_image_get_width(image.get());
  result->height = vips_image_get_height(image.get());
  return 0;
}

void release(void* pixels) {
  g_free(pixels);
}

constexpr pome_image_module functions{pome_image_abi_version, load, release};

}  // namespace

extern "C" __attribute__((visibility("default"))) const pome_image_module* pome_image_module_v1() {
  return &functions;
}
