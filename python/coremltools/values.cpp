#include "values.h"

#include <nanobind/ndarray.h>
#include <nanobind/stl/string.h>

#include <array>
#include <cstring>
#include <memory>
#include <stdexcept>
#include <utility>
#include <vector>

#include "pome/error.h"

namespace pome::python {

namespace nb = nanobind;

namespace {

[[noreturn]] void not_convertible(nb::handle value) {
  nb::print(nb::repr(value));
  throw std::runtime_error("value type not convertible");
}

bool is_instance(nb::handle value, const char* module, const char* type) {
  const nb::object known = nb::module_::import_("sys").attr("modules");
  const nb::object found = known.attr("get")(module);
  return !found.is_none() && nb::isinstance(value, found.attr(type));
}

// Python objects that arrays look into; given back under the GIL from whatever thread.
std::shared_ptr<const void> keep(nb::object object) {
  PyObject* raw = object.release().ptr();
  return {raw, [](const void* held) {
            if (!nb::is_alive()) return;  // the interpreter has taken everything down already
            const nb::gil_scoped_acquire gil;
            Py_DECREF(static_cast<PyObject*>(const_cast<void*>(held)));
          }};
}

struct ElementType {
  nb::dlpack::dtype theirs;
  DataType ours;
};

// What Core ML's own binding takes; everything else is not convertible.
DataType element_type(nb::dlpack::dtype type) {
  const std::array types{ElementType{nb::dtype<float>(), DataType::fp32},
                         ElementType{nb::dtype<double>(), DataType::fp64},
                         ElementType{nb::dtype<std::int32_t>(), DataType::int32},
                         ElementType{nb::dtype<std::int8_t>(), DataType::int8}};
  for (const ElementType& known : types) {
    if (known.theirs == type) return known.ours;
  }
  return DataType::invalid;
}

std::optional<FeatureValue> array_feature(nb::handle value) {
  nb::ndarray<nb::ro> array;
  if (!nb::try_cast(value, array) || array.ndim() == 0) return std::nullopt;
  const DataType type = element_type(array.dtype());
  if (type == DataType::invalid || array.device_type() != nb::device::cpu::value)
    return std::nullopt;
  std::vector<std::int64_t> shape;
  std::vector<std::int64_t> strides;
  for (std::size_t i = 0; i < array.ndim(); ++i) {
    shape.push_back(static_cast<std::int64_t>(array.shape(i)));
    strides.push_back(array.stride(i));
  }
  if (array.size() == 0) return MultiArray(type, shape);
  const auto size = static_cast<std::uintptr_t>(bits(type) / 8);
  if (reinterpret_cast<std::uintptr_t>(array.data()) % size != 0) {
    // Elements at odd addresses, as fields of records have them, are copied by numpy.
    const nb::object dense = nb::module_::import_("numpy").attr("array")(value);
    return array_feature(dense);
  }
  return MultiArray::wrap_const(array.data(), type, shape, strides, keep(nb::borrow(value)));
}

PixelBuffer copy_rows(const nb::bytes& bytes, PixelFormat format, std::int64_t width,
                      std::int64_t height) {
  const auto wanted = static_cast<std::size_t>(width * height * bytes_per_pixel(format));
  if (bytes.size() != wanted) throw std::runtime_error("the image's data has another size");
  PixelBuffer out(format, width, height);
  const std::size_t row = wanted / static_cast<std::size_t>(height);
  for (std::int64_t y = 0; y < height; ++y)
    std::memcpy(out.mutable_row(y), bytes.c_str() + row * static_cast<std::size_t>(y), row);
  return out;
}

// Mode "F": floats, which become the fp16 pixels that Core ML has for them.
PixelBuffer half_picture(const nb::bytes& bytes, std::int64_t width, std::int64_t height) {
  const std::array<std::int64_t, 2> shape{height, width};
  const auto raw = std::as_bytes(std::span(bytes.c_str(), bytes.size()));
  const MultiArray halves =
      MultiArray::copy_of(raw, DataType::fp32, shape).converted_to(DataType::fp16);
  PixelBuffer out(PixelFormat::gray16f, width, height);
  const auto row = static_cast<std::size_t>(width) * 2;
  const auto* source = static_cast<const std::byte*>(halves.data());
  for (std::int64_t y = 0; y < height; ++y)
    std::memcpy(out.mutable_row(y), source + row * static_cast<std::size_t>(y), row);
  return out;
}

FeatureValue picture_feature(nb::handle value) {
  const auto mode = nb::cast<std::string>(value.attr("mode"));
  const auto width = nb::cast<std::int64_t>(value.attr("width"));
  const auto height = nb::cast<std::int64_t>(value.attr("height"));
  if (mode != "RGB" && mode != "RGBA" && mode != "L" && mode != "F")
    throw std::runtime_error("Unsupported image type " + mode +
                             ". Supported types are: RGB, RGBA, L.");
  const nb::object data = value.attr("tobytes")();
  const auto bytes = nb::cast<nb::bytes>(data);
  if (mode == "F") return half_picture(bytes, width, height);
  const PixelFormat format = mode == "RGB"    ? PixelFormat::rgb8
                             : mode == "RGBA" ? PixelFormat::rgba8
                                              : PixelFormat::gray8;
  return copy_rows(bytes, format, width, height);
}

bool is_integer_value(nb::handle value) {
  return nb::isinstance<nb::int_>(value) || is_instance(value, "numpy", "integer");
}

template <typename Key, typename Dictionary>
FeatureValue dictionary_feature(const nb::dict& items) {
  Dictionary out;
  for (const auto& [key, number] : items) {
    Key converted{};
    double content = 0;
    if (!nb::try_cast(key, converted) || !nb::try_cast(number, content)) not_convertible(items);
    out[converted] = content;
  }
  return out;
}

FeatureValue dictionary_feature(const nb::dict& items) {
  if (items.size() == 0) return StringDictionary{};
  const nb::handle first = (*items.begin()).first;
  if (nb::isinstance<nb::str>(first))
    return dictionary_feature<std::string, StringDictionary>(items);
  if (is_integer_value(first)) return dictionary_feature<std::int64_t, Int64Dictionary>(items);
  not_convertible(items);
}

template <typename T>
nb::object numpy_array(const MultiArray& array) {
  const auto shape = array.shape();
  const std::vector<std::size_t> sizes(shape.begin(), shape.end());
  auto* kept = new MultiArray(array);  // NOLINT(cppcoreguidelines-owning-memory): the capsule owns
  const nb::capsule owner(kept, [](void* held) noexcept {
    delete static_cast<MultiArray*>(held);  // NOLINT(cppcoreguidelines-owning-memory)
  });
  return nb::cast(
      nb::ndarray<nb::numpy, T>(kept->mutable_data(), sizes.size(), sizes.data(), owner));
}

nb::object picture_object(const PixelBuffer& picture) {
  const PixelFormat format = picture.format();
  const nb::object create = nb::module_::import_("PIL.Image").attr("frombytes");
  const auto size = nb::make_tuple(picture.width(), picture.height());
  std::vector<std::byte> bytes;
  const auto row_size = static_cast<std::size_t>(picture.width());
  const auto gather = [&](const PixelBuffer& rows) {
    const auto row = row_size * static_cast<std::size_t>(bytes_per_pixel(rows.format()));
    for (std::int64_t y = 0; y < rows.height(); ++y)
      bytes.insert(bytes.end(), rows.row(y), rows.row(y) + row);
  };
  if (format == PixelFormat::gray16f) {
    gather(picture);
    const std::array<std::int64_t, 2> shape{picture.height(), picture.width()};
    const MultiArray wide =
        MultiArray::copy_of(std::span<const std::byte>(bytes), DataType::fp16, shape)
            .converted_to(DataType::fp32);
    return create("F", size,
                  nb::bytes(static_cast<const char*>(wide.data()),
                            static_cast<std::size_t>(wide.count()) * sizeof(float)));
  }
  const bool is_gray = format == PixelFormat::gray8;
  gather(is_gray || format == PixelFormat::rgba8 ? picture
                                                 : picture.converted_to(PixelFormat::rgba8));
  return create(is_gray ? "L" : "RGBA", size,
                nb::bytes(reinterpret_cast<const char*>(bytes.data()), bytes.size()));
}

template <typename Dictionary>
nb::dict dictionary_object(const Dictionary& items) {
  nb::dict out;
  for (const auto& [key, number] : items) out[nb::cast(key)] = nb::cast(number);
  return out;
}

template <typename Sequence>
nb::list sequence_object(const Sequence& items) {
  nb::list out;
  for (const auto& item : items) out.append(nb::cast(item));
  return out;
}

}  // namespace

std::optional<FeatureValue> to_feature(nb::handle value) {
  if (is_integer_value(value)) {
    std::int64_t number = 0;
    if (!nb::try_cast(nb::int_(nb::borrow(value)), number)) not_convertible(value);
    return FeatureValue(number);
  }
  if (nb::isinstance<nb::float_>(value)) return FeatureValue(nb::cast<double>(value));
  if (nb::isinstance<nb::str>(value)) return FeatureValue(nb::cast<std::string>(value));
  if (nb::isinstance<nb::bytes>(value)) {
    const auto bytes = nb::cast<nb::bytes>(value);
    return FeatureValue(std::string(bytes.c_str(), bytes.size()));
  }
  if (nb::isinstance<nb::dict>(value)) return dictionary_feature(nb::cast<nb::dict>(value));
  if (nb::isinstance<nb::list>(value) || nb::isinstance<nb::tuple>(value)) return std::nullopt;
  if (is_instance(value, "PIL.Image", "Image")) return picture_feature(value);
  if (auto array = array_feature(value)) return array;
  not_convertible(value);
}

nb::object to_python(MultiArray array) {
  if (array.shape().empty()) array = array.reshaped(std::array<std::int64_t, 1>{1});
  // Arrays that are not ours alone to write, or not row-major, are handed out as copies.
  if (array.is_read_only() || !array.is_dense()) array = array.clone();
  switch (array.data_type()) {
    case DataType::fp32: return numpy_array<float>(array);
    case DataType::fp64: return numpy_array<double>(array);
    case DataType::int32: return numpy_array<std::int32_t>(array);
    case DataType::int8: return numpy_array<std::int8_t>(array);
    default: return numpy_array<float>(array.converted_to(DataType::fp32));
  }
}

nb::object to_python(const FeatureValue& value) {
  if (value.is_undefined()) return nb::none();
  switch (value.type()) {
    case FeatureType::int64: return nb::cast(value.int64_value());
    case FeatureType::double_: return nb::cast(value.double_value());
    case FeatureType::string: return nb::cast(value.string_value());
    case FeatureType::multi_array: return to_python(value.multi_array_value());
    case FeatureType::image: return picture_object(value.image_buffer_value());
    case FeatureType::dictionary:
      if (value.key_type() == FeatureType::int64)
        return dictionary_object(value.int64_dictionary_value());
      return dictionary_object(value.string_dictionary_value());
    case FeatureType::sequence:
      if (value.key_type() == FeatureType::int64)
        return sequence_object(value.int64_sequence_value());
      return sequence_object(value.string_sequence_value());
    default: return nb::none();
  }
}

}  // namespace pome::python
