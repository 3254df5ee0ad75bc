#include "outputs.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <limits>
#include <numeric>

#include "base/text.h"
#include "table.h"

namespace pome::cli {

using base::cat;

namespace {

constexpr std::int64_t whole_limit = 16;  // arrays of up to this many elements are shown whole
constexpr std::size_t head_count = 3;
constexpr std::size_t default_top = 5;

// The decimal number that a person would write for a floating-point element: the shortest that
// reads back as the same.
Json element_json(double value, DataType type) {
  if (std::isnan(value)) return "NaN";
  if (std::isinf(value)) return value > 0 ? "Infinity" : "-Infinity";
  if (!is_float(type)) return static_cast<std::int64_t>(value);
  if (type == DataType::fp64) return value;
  std::array<char, 32> digits{};
  const auto end =
      std::to_chars(digits.data(), digits.data() + digits.size(), static_cast<float>(value)).ptr;
  double out = value;
  std::from_chars(digits.data(), end, out);
  return out;
}

struct Elements {
  DataType type = DataType::invalid;
  std::vector<std::int64_t> shape;
  MultiArray values;  // fp64, or int64 for integers
};

Elements elements_of(const MultiArray& array) {
  const bool whole = !is_float(array.data_type());
  return {array.data_type(),
          {array.shape().begin(), array.shape().end()},
          array.converted_to(whole ? DataType::int64 : DataType::fp64)};
}

double element(const Elements& elements, std::size_t i) {
  return is_float(elements.type) ? elements.values.elements<double>()[i]
                                 : static_cast<double>(elements.values.elements<std::int64_t>()[i]);
}

Json array_json(const MultiArray& array) {
  const Elements elements = elements_of(array);
  std::vector<Json> level;
  const auto count = static_cast<std::size_t>(array.count());
  level.reserve(count);
  for (std::size_t i = 0; i < count; ++i) {
    if (is_float(elements.type)) {
      level.push_back(element_json(elements.values.elements<double>()[i], elements.type));
    } else {
      level.emplace_back(elements.values.elements<std::int64_t>()[i]);
    }
  }
  std::size_t lists = count;
  for (std::size_t i = elements.shape.size(); i-- > 0;) {  // innermost lists first
    const auto size = static_cast<std::size_t>(elements.shape[i]);
    lists = 1;
    for (std::size_t k = 0; k < i; ++k) lists *= static_cast<std::size_t>(elements.shape[k]);
    std::vector<Json> next;
    for (std::size_t list = 0; list < lists; ++list) {
      Json one = Json::array();
      for (std::size_t k = 0; k < size; ++k) one.push_back(std::move(level[list * size + k]));
      next.push_back(std::move(one));
    }
    level = std::move(next);
  }
  return level.empty() ? Json::array() : std::move(level.front());
}

template <typename Dictionary>
std::vector<std::pair<std::string, double>> rank(const Dictionary& dictionary) {
  std::vector<std::pair<std::string, double>> out;
  out.reserve(dictionary.size());
  for (const auto& [key, value] : dictionary) out.emplace_back(cat(key), value);
  std::stable_sort(out.begin(), out.end(), [](const auto& a, const auto& b) {
    return a.second > b.second || (std::isnan(b.second) && !std::isnan(a.second));
  });
  return out;
}

std::string shape_text(std::span<const std::int64_t> shape) {
  std::string out;
  for (const std::int64_t size : shape) out += cat(out.empty() ? "" : " x ", size);
  return out.empty() ? "scalar" : out;
}

std::string array_summary(const MultiArray& array) {
  const Elements elements = elements_of(array);
  const auto count = static_cast<std::size_t>(array.count());
  const bool whole = array.count() <= whole_limit;
  std::string list;
  for (std::size_t i = 0; i < (whole ? count : head_count); ++i)
    list += cat(i == 0 ? "" : ", ", number_text(element(elements, i)));
  if (whole) return count == 1 ? list : cat("[", list, "]");
  double least = std::numeric_limits<double>::infinity();
  double most = -least;
  double sum = 0;
  std::size_t strange = 0;
  for (std::size_t i = 0; i < count; ++i) {
    const double value = element(elements, i);
    if (!std::isfinite(value)) {
      ++strange;
      continue;
    }
    least = std::min(least, value);
    most = std::max(most, value);
    sum += value;
  }
  std::string out;
  if (strange != count)
    out = cat("min ", number_text(least), ", max ", number_text(most), ", mean ",
              number_text(sum / static_cast<double>(count - strange)), "; ");
  if (strange != 0) out += cat(strange, " not finite; ");
  return cat(out, list, ", …");
}

// The largest elements of an array with their positions, for --top on models without labels.
std::string array_top(const MultiArray& array, std::size_t top) {
  const Elements elements = elements_of(array);
  std::vector<std::size_t> order(static_cast<std::size_t>(array.count()));
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
    return element(elements, a) > element(elements, b);
  });
  order.resize(std::min(order.size(), top));
  std::string out;
  for (const std::size_t i : order)
    out += cat(out.empty() ? "" : ", ", i, ": ", number_text(element(elements, i)));
  return cat("largest ", out);
}

std::string bar(double share) {
  constexpr int cells = 20;
  constexpr std::array<std::string_view, 8> parts{"", "▏", "▎", "▍", "▌", "▋", "▊", "▉"};
  const int eighths = static_cast<int>(std::lround(std::clamp(share, 0.0, 1.0) * cells * 8));
  std::string out;
  for (int i = 0; i < eighths / 8; ++i) out += "█";
  return out.append(parts[static_cast<std::size_t>(eighths % 8)]);
}

std::string dictionary_text(const FeatureValue& value, std::size_t top, const Terminal& terminal) {
  const auto all = ranked(value);
  const bool are_shares = std::all_of(all.begin(), all.end(), [](const auto& one) {
    return one.second >= 0 && one.second <= 1.0001;
  });
  Table table(are_shares ? "rll" : "rl");
  for (std::size_t i = 0; i < all.size() && i < top; ++i) {
    const auto& [label, number] = all[i];
    const Color color = i == 0 ? Color::green : Color::plain;
    if (are_shares) {
      table.add({{fmt::format("{:.2f} %", number * 100), color},
                 {printable(label), i == 0 ? Color::bold : Color::plain},
                 {bar(number), Color::cyan}});
    } else {
      table.add({{number_text(number), color}, printable(label)});
    }
  }
  std::string out = table.render(terminal, 4);
  if (all.size() > top)
    out += cat("    ", terminal.paint(Color::dim, cat("and ", all.size() - top, " more")), "\n");
  return out;
}

std::pair<std::string, std::string> type_and_value(const FeatureValue& value, std::size_t top) {
  if (value.is_undefined()) return {std::string(name(value.type())), "missing"};
  switch (value.type()) {
    case FeatureType::int64: return {"int64", cat(value.int64_value())};
    case FeatureType::double_: return {"double", number_text(value.double_value())};
    case FeatureType::string: return {"string", printable(value.string_value())};
    case FeatureType::image: return {"image", value.image_buffer_value().text()};
    case FeatureType::multi_array: {
      const MultiArray& array = value.multi_array_value();
      return {
          cat(name(array.data_type()), " ", shape_text(array.shape())),
          top == 0 || array.count() <= whole_limit ? array_summary(array) : array_top(array, top)};
    }
    case FeatureType::sequence:
      return {"sequence",
              printable(value_json(value).dump(-1, ' ', false, Json::error_handler_t::replace))};
    default: return {std::string(name(value.type())), ""};
  }
}

MultiArray picture_array(const PixelBuffer& picture) {
  const bool is_gray =
      picture.format() == PixelFormat::gray8 || picture.format() == PixelFormat::gray16f;
  const bool is_half = picture.format() == PixelFormat::gray16f;
  const PixelBuffer source = is_gray ? picture : picture.converted_to(PixelFormat::rgb8);
  std::vector<std::int64_t> shape{source.height(), source.width()};
  if (!is_gray) shape.push_back(3);
  MultiArray out(is_half ? DataType::fp16 : DataType::uint8, shape);
  auto* to = static_cast<std::byte*>(out.mutable_data());
  const auto row = static_cast<std::size_t>(source.width()) *
                   static_cast<std::size_t>(bytes_per_pixel(source.format()));
  for (std::int64_t y = 0; y < source.height(); ++y)
    std::copy_n(source.row(y), row, to + static_cast<std::size_t>(y) * row);
  return out;
}

template <typename Element>
MultiArray list_array(std::span<const Element> elements) {
  const std::array<std::int64_t, 1> shape{static_cast<std::int64_t>(elements.size())};
  return MultiArray::copy_of(elements, std::span<const std::int64_t>(shape));
}

TextArray list_array(const std::vector<std::string>& texts) {
  return {{static_cast<std::int64_t>(texts.size())}, texts};
}

void add_dictionary(const std::string& name, const FeatureValue& value, NpzEntries& entries) {
  std::vector<double> numbers;
  const auto add = [&](const auto& dictionary, auto&& keys) {
    for (const auto& [key, number] : dictionary) {
      keys.push_back(key);
      numbers.push_back(number);
    }
  };
  if (value.key_type() == FeatureType::int64) {
    std::vector<std::int64_t> keys;
    add(value.int64_dictionary_value(), keys);
    entries.emplace_back(name + ".keys", list_array(std::span<const std::int64_t>(keys)));
  } else {
    std::vector<std::string> keys;
    add(value.string_dictionary_value(), keys);
    entries.emplace_back(name + ".keys", list_array(keys));
  }
  entries.emplace_back(name + ".values", list_array(std::span<const double>(numbers)));
}

}  // namespace

std::string number_text(double value) {
  if (value == std::floor(value) && std::fabs(value) < 1e15)
    return fmt::format("{:.0f}", value == 0 ? 0.0 : value);
  return fmt::format("{:.5g}", value);
}

std::vector<std::pair<std::string, double>> ranked(const FeatureValue& dictionary) {
  return dictionary.key_type() == FeatureType::int64 ? rank(dictionary.int64_dictionary_value())
                                                     : rank(dictionary.string_dictionary_value());
}

Json value_json(const FeatureValue& value, std::size_t top) {
  if (value.is_undefined()) return nullptr;
  switch (value.type()) {
    case FeatureType::int64: return value.int64_value();
    case FeatureType::double_: return element_json(value.double_value(), DataType::fp64);
    case FeatureType::string: return value.string_value();
    case FeatureType::multi_array: return array_json(value.multi_array_value());
    case FeatureType::image: return array_json(picture_array(value.image_buffer_value()));
    case FeatureType::dictionary: {
      Json out = Json::object();
      const auto all = ranked(value);
      for (std::size_t i = 0; i < all.size() && (top == 0 || i < top); ++i)
        out[all[i].first] = element_json(all[i].second, DataType::fp64);
      return out;
    }
    case FeatureType::sequence:
      if (value.key_type() == FeatureType::int64) return value.int64_sequence_value();
      return value.string_sequence_value();
    default: return nullptr;
  }
}

std::optional<MultiArray> number_array(const FeatureValue& value) {
  if (value.is_undefined()) return std::nullopt;
  switch (value.type()) {
    case FeatureType::int64: {
      const std::array<std::int64_t, 1> one{value.int64_value()};
      return MultiArray::copy_of(std::span<const std::int64_t>(one),
                                 std::span<const std::int64_t>());
    }
    case FeatureType::double_: {
      const std::array<double, 1> one{value.double_value()};
      return MultiArray::copy_of(std::span<const double>(one), std::span<const std::int64_t>());
    }
    case FeatureType::multi_array: return value.multi_array_value();
    case FeatureType::image: return picture_array(value.image_buffer_value());
    case FeatureType::sequence:
      if (value.key_type() != FeatureType::int64) return std::nullopt;
      return list_array(std::span<const std::int64_t>(value.int64_sequence_value()));
    default: return std::nullopt;
  }
}

void add_entries(const std::string& name, const FeatureValue& value, NpzEntries& entries) {
  if (value.is_undefined()) return;
  if (value.type() == FeatureType::dictionary) {
    add_dictionary(name, value, entries);
  } else if (value.type() == FeatureType::string) {
    entries.emplace_back(name, TextArray{{}, {value.string_value()}});
  } else if (auto numbers = number_array(value)) {
    entries.emplace_back(name, std::move(*numbers));
  } else if (value.type() == FeatureType::sequence) {
    entries.emplace_back(name, list_array(value.string_sequence_value()));
  }
}

std::string outputs_text(const FeatureProvider& outputs, std::size_t top,
                         const Terminal& terminal) {
  Table table("lll");
  std::string below;
  for (const auto& [name, value] : outputs) {
    if (value.type() == FeatureType::dictionary && !value.is_undefined()) {
      below += cat("  ", terminal.paint(Color::cyan, printable(name)), "\n",
                   dictionary_text(value, top == 0 ? default_top : top, terminal));
      continue;
    }
    auto [type, text] = type_and_value(value, top);
    table.add({{printable(name), Color::cyan}, {std::move(type), Color::dim}, std::move(text)});
  }
  return table.render(terminal) + below;
}

}  // namespace pome::cli
