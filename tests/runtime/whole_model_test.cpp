// Pictures, strided arrays and weights in memory on their way through whole models.
#include <gmock/gmock.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "format/package.h"
#include "pome/error.h"
#include "pome/model.h"
#include "specs.inc"
#include "temporary_folder.h"

namespace pome {
namespace {

using ::testing::ElementsAre;
using ::testing::ElementsAreArray;
using ::testing::HasSubstr;

template <std::size_t N>
std::span<const std::byte> bytes_of(const unsigned char (&spec)[N]) {
  return std::as_bytes(std::span(spec));
}

template <typename Call>
std::string error_of(Call&& call) {
  try {
    call();
  } catch (const Error& error) {
    return error.what();
  }
  return "no error";
}

std::vector<double> numbers(const FeatureValue& value) {
  const MultiArray wide = value.multi_array_value().converted_to(DataType::fp64);
  const auto elements = wide.elements<double>();
  return {elements.begin(), elements.end()};
}

// --- pictures ---------------------------------------------------------------------------------

struct Pixel {
  int red, green, blue;
};
// Every channel is another number, and no two pixels are alike.
constexpr std::array<Pixel, 6> pixels{
    {{255, 0, 10}, {1, 200, 30}, {0, 0, 251}, {17, 18, 19}, {128, 64, 32}, {255, 255, 255}}};
constexpr std::array<int, 6> grays{0, 1, 100, 200, 254, 255};

// 3 x 2 pixels of a format with `gap` bytes after each row; pixels byte by byte as the format says.
PixelBuffer picture(PixelFormat format, std::int64_t gap) {
  const std::int64_t row_bytes = 3 * bytes_per_pixel(format) + gap;
  const auto memory =
      std::make_shared<std::vector<std::uint16_t>>(static_cast<std::size_t>(row_bytes), 0xaaaa);
  auto* const bytes = reinterpret_cast<unsigned char*>(memory->data());
  for (std::size_t i = 0; i < 6; ++i) {
    const auto& [red, green, blue] = pixels[i];
    unsigned char* to = bytes + static_cast<std::int64_t>(i / 3) * row_bytes +
                        static_cast<std::int64_t>(i % 3) * bytes_per_pixel(format);
    const auto put = [&](std::initializer_list<int> values) {
      for (const int value : values) *to++ = static_cast<unsigned char>(value);
    };
    switch (format) {
      case PixelFormat::rgb8: put({red, green, blue}); break;
      case PixelFormat::rgba8: put({red, green, blue, 77}); break;
      case PixelFormat::bgra8: put({blue, green, red, 77}); break;
      case PixelFormat::gray8: put({grays[i]}); break;
      case PixelFormat::gray16f: {
        const std::uint16_t half = Float16(static_cast<float>(grays[i])).bits;
        put({half & 0xff, half >> 8});
      }
    }
  }
  return PixelBuffer::wrap(bytes, format, 3, 2, row_bytes, memory);
}

bool is_gray(PixelFormat format) {
  return format == PixelFormat::gray8 || format == PixelFormat::gray16f;
}

// One plane as it must be: a channel of the picture, or what ITU-R BT.601 makes of all three,
// rounded to a byte ('y') or to fp16 ('h').
std::vector<double> plane(PixelFormat format, char channel) {
  std::vector<double> out;
  for (std::size_t i = 0; i < 6; ++i) {
    const auto& [red, green, blue] = pixels[i];
    if (is_gray(format)) {
      out.push_back(grays[i]);
    } else if (channel == 'r') {
      out.push_back(red);
    } else if (channel == 'g') {
      out.push_back(green);
    } else if (channel == 'b') {
      out.push_back(blue);
    } else {
      const double luma = 0.299 * red + 0.587 * green + 0.114 * blue;
      const auto half = static_cast<float>(Float16(static_cast<float>(luma)));
      out.push_back(channel == 'h' ? half : std::round(luma));
    }
  }
  return out;
}

std::vector<double> planes(PixelFormat format, std::string_view channels) {
  std::vector<double> out;
  for (const char channel : channels) std::ranges::copy(plane(format, channel), back_inserter(out));
  return out;
}

FeatureProvider four_times(const PixelBuffer& one) {
  return {{"rgb", one}, {"bgr", one}, {"gray", one}, {"half", one}};
}

class PictureModel : public ::testing::TestWithParam<PixelFormat> {
 protected:
  const Model model = Model::open(Asset::from_memory(bytes_of(picture_program_spec), {}));
};

TEST_P(PictureModel, BecomesPlanesInTheOrderOfTheColourSpace) {
  for (const std::int64_t gap : {0, 6}) {
    SCOPED_TRACE(gap);
    const FeatureProvider out = model.predict(four_times(picture(GetParam(), gap)));
    EXPECT_THAT(numbers(out["rgb_planes"]), ElementsAreArray(planes(GetParam(), "rgb")));
    EXPECT_THAT(numbers(out["bgr_planes"]), ElementsAreArray(planes(GetParam(), "bgr")));
    EXPECT_THAT(numbers(out["gray_planes"]), ElementsAreArray(planes(GetParam(), "y")));
    EXPECT_THAT(numbers(out["half_planes"]), ElementsAreArray(planes(GetParam(), "h")));
  }
}

TEST_P(PictureModel, ComesBackInTheFormatOfTheColourSpace) {
  const FeatureProvider out = model.predict(four_times(picture(GetParam(), 0)));
  const auto bytes = [&](const char* name) {
    const PixelBuffer& got = out[name].image_buffer_value();
    std::vector<int> all;
    for (std::int64_t y = 0; y < got.height(); ++y) {
      for (std::int64_t x = 0; x < got.width() * bytes_per_pixel(got.format()); ++x)
        all.push_back(static_cast<int>(got.row(y)[x]));
    }
    return all;
  };
  const auto expected = [&](std::string_view channels) {
    std::vector<int> all;
    for (std::size_t i = 0; i < 6; ++i) {
      for (const char c : channels)
        all.push_back(c == 'a' ? 255 : static_cast<int>(plane(GetParam(), c)[i]));
    }
    return all;
  };
  EXPECT_EQ(out["rgb_picture"].image_buffer_value().format(), PixelFormat::rgba8);
  EXPECT_THAT(bytes("rgb_picture"), ElementsAreArray(expected("rgba")));
  EXPECT_EQ(out["bgr_picture"].image_buffer_value().format(), PixelFormat::bgra8);
  EXPECT_THAT(bytes("bgr_picture"), ElementsAreArray(expected("bgra")));
  EXPECT_EQ(out["gray_picture"].image_buffer_value().format(), PixelFormat::gray8);
  EXPECT_THAT(bytes("gray_picture"), ElementsAreArray(expected("y")));
  const PixelBuffer& half = out["half_picture"].image_buffer_value();
  EXPECT_EQ(half.format(), PixelFormat::gray16f);
  const auto* first_row = reinterpret_cast<const Float16*>(half.row(0));
  EXPECT_EQ(static_cast<float>(first_row[2]), plane(GetParam(), 'h')[2]);
}

INSTANTIATE_TEST_SUITE_P(From, PictureModel,
                         ::testing::Values(PixelFormat::gray8, PixelFormat::gray16f,
                                           PixelFormat::rgb8, PixelFormat::rgba8,
                                           PixelFormat::bgra8),
                         [](const auto& param) { return std::string(name(param.param)); });

TEST(HalfPicture, KeepsFractionsAndNumbersBeyondAByte) {
  const Model model = Model::open(Asset::from_memory(bytes_of(picture_program_spec), {}));
  PixelBuffer half(PixelFormat::gray16f, 3, 2);
  auto* row = reinterpret_cast<Float16*>(half.mutable_row(0));
  row[0] = Float16(-0.25F);
  row[1] = Float16(1000.5F);
  FeatureProvider inputs = four_times(picture(PixelFormat::rgb8, 0));
  inputs.set("half", half);
  EXPECT_THAT(numbers(model.predict(inputs)["half_planes"]),
              ElementsAre(-0.25, 1000.5, 0, 0, 0, 0));
}

// --- arrays -----------------------------------------------------------------------------------

Asset adder(const std::shared_ptr<const void>& owner = nullptr) {
  return Asset::from_memory(bytes_of(adder_program_spec),
                            {{"weights/weight.bin", bytes_of(adder_weights)}}, owner);
}

std::vector<double> sum_of(const FeatureValue& x) {
  static const Model model = Model::open(adder());
  return numbers(model.predict({{"x", x}})["y"]);
}

MultiArray wrapped(const void* data, DataType type, std::initializer_list<std::int64_t> strides) {
  constexpr std::array<std::int64_t, 2> shape{2, 3};
  return MultiArray::wrap_const(data, type, shape, std::span(strides.begin(), strides.size()));
}

TEST(StridedArray, IsReadWhereItLies) {
  const std::array<float, 12> memory{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12};
  // Columns first; every second element of rows with gaps; backwards; one element for all.
  EXPECT_THAT(sum_of(wrapped(memory.data(), DataType::fp32, {1, 2})),
              ElementsAre(11, 23, 35, 42, 54, 66));
  EXPECT_THAT(sum_of(wrapped(memory.data(), DataType::fp32, {6, 2})),
              ElementsAre(11, 23, 35, 47, 59, 71));
  EXPECT_THAT(sum_of(wrapped(memory.data() + 5, DataType::fp32, {-3, -1})),
              ElementsAre(16, 25, 34, 43, 52, 61));
  EXPECT_THAT(sum_of(wrapped(memory.data() + 3, DataType::fp32, {0, 0})),
              ElementsAre(14, 24, 34, 44, 54, 64));
}

TEST(StridedArray, SeesWhatIsWrittenBetweenPredictions) {
  std::array<float, 6> memory{};
  const MultiArray x = wrapped(memory.data(), DataType::fp32, {3, 1});
  EXPECT_THAT(sum_of(x), ElementsAre(10, 20, 30, 40, 50, 60));
  memory[5] = 0.5F;
  EXPECT_THAT(sum_of(x), ElementsAre(10, 20, 30, 40, 50, 60.5));
}

TEST(StridedArray, IsConvertedFromEveryElementType) {
  for (const DataType type : {DataType::fp16, DataType::fp64, DataType::boolean, DataType::int8,
                              DataType::int16, DataType::int32, DataType::int64, DataType::uint8,
                              DataType::uint16, DataType::uint32, DataType::uint64}) {
    SCOPED_TRACE(name(type));
    MultiArray dense(type, {3, 2});
    dense.set({1, 0}, 1);  // element (0, 1) of the transposed array below
    EXPECT_THAT(sum_of(wrapped(dense.data(), type, {1, 2})), ElementsAre(10, 21, 30, 40, 50, 60));
  }
}

// --- weights ----------------------------------------------------------------------------------

TEST(WeightsInMemory, AreKeptAsLongAsTheModelNeedsThem) {
  auto owner = std::make_shared<int>(0);
  const std::weak_ptr<int> watched = owner;
  {
    const Model model = Model::open(adder(std::move(owner)));
    EXPECT_FALSE(watched.expired());
    const FeatureProvider out = model.predict({{"x", MultiArray(DataType::fp32, {2, 3})}});
    EXPECT_THAT(numbers(out["y"]), ElementsAre(10, 20, 30, 40, 50, 60));
  }
  EXPECT_TRUE(watched.expired());
}

TEST(WeightsInMemory, AreMissedByName) {
  const std::string found =
      error_of([] { Model::open(Asset::from_memory(bytes_of(adder_program_spec), {})); });
  EXPECT_THAT(found, HasSubstr("operation 'w_op' (const)"));
  EXPECT_THAT(found, HasSubstr("weights/weight.bin"));
}

TEST(WeightsInMemory, MayBeCutAnywhere) {
  const auto whole = bytes_of(adder_weights);
  for (std::size_t length = 0; length < whole.size(); ++length) {
    const auto cut = whole.first(length);
    EXPECT_THAT(error_of([&] {
                  Model::open(Asset::from_memory(bytes_of(adder_program_spec),
                                                 {{"weights/weight.bin", cut}}));
                }),
                HasSubstr("weights/weight.bin"))
        << length << " bytes";
  }
}

TEST(WeightsInAFile, StayMappedWhenTheFileIsGone) {
  const test::TemporaryFolder folder;
  const auto path = folder / "adder.mlpackage";
  const std::vector<format::PackageFile> files{
      {"weights/weight.bin",
       base::from_bytes("weights", std::vector<std::byte>(bytes_of(adder_weights).begin(),
                                                          bytes_of(adder_weights).end()))}};
  format::write_package(path, bytes_of(adder_program_spec), files);
  const Model model = Model::open(path);
  std::filesystem::remove_all(path);
  const FeatureProvider out = model.predict({{"x", MultiArray(DataType::fp32, {2, 3})}});
  EXPECT_THAT(numbers(out["y"]), ElementsAre(10, 20, 30, 40, 50, 60));
}

}  // namespace
}  // namespace pome
