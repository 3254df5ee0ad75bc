#include <string>

#include "base/checked.h"
#include "base/text.h"
#include "inputs.h"
#include "pome/error.h"

namespace pome::cli {

namespace {

// SplitMix64: small, and the same everywhere.
class Random {
 public:
  explicit Random(std::uint64_t seed) : state_(seed) {}

  std::uint64_t next() noexcept {
    state_ += 0x9e3779b97f4a7c15U;
    std::uint64_t z = state_;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9U;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebU;
    return z ^ (z >> 31);
  }
  /// In [0, 1), a multiple of 2^-24, so that fp32 holds it exactly.
  float unit() noexcept { return static_cast<float>(next() >> 40) * 0x1p-24F; }
  std::int32_t below(std::int32_t limit) noexcept {
    return static_cast<std::int32_t>((next() >> 33) % static_cast<std::uint64_t>(limit));
  }

 private:
  std::uint64_t state_;
};

// FNV-1a: features of one model get different values.
std::uint64_t hash(std::string_view text) noexcept {
  std::uint64_t out = 0xcbf29ce484222325U;
  for (const char c : text) out = (out ^ static_cast<unsigned char>(c)) * 0x100000001b3U;
  return out;
}

MultiArray random_array(const MultiArrayConstraint& array, Random& random) {
  if (!base::element_count(array.shape))
    throw Error(ErrorCode::feature_type, "its declared shape has no size");
  if (is_float(array.data_type)) {
    MultiArray out(DataType::fp32, array.shape);
    for (float& element : out.mutable_elements<float>()) element = random.unit();
    return out;
  }
  MultiArray out(DataType::int32, array.shape);
  for (std::int32_t& element : out.mutable_elements<std::int32_t>()) element = random.below(10);
  return out;
}

PixelBuffer random_picture(const ImageConstraint& image, Random& random) {
  const bool is_gray = image.color_space == ColorSpace::grayscale ||
                       image.color_space == ColorSpace::grayscale_float16;
  PixelBuffer out(is_gray ? PixelFormat::gray8 : PixelFormat::rgb8, image.pixels_wide,
                  image.pixels_high);
  for (std::int64_t y = 0; y < out.height(); ++y) {
    std::byte* row = out.mutable_row(y);
    for (std::int64_t x = 0; x < out.row_bytes(); ++x)
      row[x] = static_cast<std::byte>(random.below(256));
  }
  return out;
}

}  // namespace

FeatureValue random_value(const FeatureDescription& feature, std::uint64_t seed) {
  Random random(seed ^ hash(feature.name));
  try {
    switch (feature.type) {
      case FeatureType::int64: return random.below(10);
      case FeatureType::double_: return random.unit();
      case FeatureType::string: return base::cat("text ", random.below(10));
      case FeatureType::multi_array: return random_array(*feature.multi_array_constraint, random);
      case FeatureType::image: return random_picture(*feature.image_constraint, random);
      // Absent keys are zeros, and which keys mean something only the model's maker knows.
      case FeatureType::dictionary:
        if (feature.dictionary_constraint->key_type == FeatureType::string)
          return StringDictionary();
        return Int64Dictionary();
      default: break;
    }
  } catch (Error& error) {
    throw error.within(base::cat("random value of input ", base::quoted(feature.name)));
  }
  throw Error(ErrorCode::feature_type,
              base::cat("input ", base::quoted(feature.name), " is a ", feature.type_text(),
                        ", of which --random makes no values: give it with --input"));
}

}  // namespace pome::cli
