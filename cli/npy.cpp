#include "npy.h"

#include <algorithm>
#include <charconv>
#include <cstring>
#include <optional>

#include "base/checked.h"
#include "base/file.h"
#include "base/text.h"
#include "pome/error.h"
#include "zip.h"

namespace pome::cli {

using base::cat;

namespace {

constexpr std::string_view magic = "\x93NUMPY";

/// What the header of an .npy says.
struct Header {
  char order = '|';  ///< '<', '>', '|' or '='
  char kind = 0;     ///< 'f', 'i', 'u', 'b', 'U', 'S'
  std::int64_t item_size = 0;
  bool fortran = false;
  std::vector<std::int64_t> shape;
};

[[noreturn]] void damaged(const std::string& name, std::string_view why) {
  throw Error(ErrorCode::io, cat(base::quoted(name), " is a damaged .npy file: ", why));
}

// What stands behind "'key':" in the header, which is the text of a Python dictionary.
std::string_view member(std::string_view header, std::string_view key, const std::string& name) {
  for (const char quote : {'\'', '"'}) {
    const std::size_t at = header.find(cat(quote, key, quote));
    if (at == std::string_view::npos) continue;
    const std::size_t colon = header.find(':', at + key.size() + 2);
    if (colon == std::string_view::npos) break;
    const std::size_t value = header.find_first_not_of(' ', colon + 1);
    if (value != std::string_view::npos) return header.substr(value);
  }
  damaged(name, cat("its header has no '", key, "'"));
}

std::vector<std::int64_t> read_shape(std::string_view text, const std::string& name) {
  std::vector<std::int64_t> out;
  if (text.empty() || text[0] != '(') damaged(name, "its shape is not a tuple");
  text.remove_prefix(1);
  constexpr std::size_t most_dimensions = 32;  // NumPy's own limit
  while (true) {
    const std::size_t start = text.find_first_not_of(" ,");
    if (start == std::string_view::npos) damaged(name, "its shape is cut short");
    text.remove_prefix(start);
    if (text[0] == ')') return out;
    std::int64_t size = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), size);
    if (error != std::errc() || size < 0 || out.size() == most_dimensions)
      damaged(name, "its shape is not a tuple of sizes");
    out.push_back(size);
    text.remove_prefix(static_cast<std::size_t>(end - text.data()));
    if (!text.empty() && text[0] == 'L') text.remove_prefix(1);  // Python 2
  }
}

Header read_header(std::string_view text, const std::string& name) {
  Header out;
  std::string_view type = member(text, "descr", name);
  if (type[0] != '\'' && type[0] != '"')
    throw Error(ErrorCode::io,
                cat(base::quoted(name), " holds records, expected an array of numbers or text"));
  type = type.substr(1, type.find(type[0], 1) - 1);
  if (type.starts_with("|O") || type == "O")
    throw Error(ErrorCode::io, cat(base::quoted(name),
                                   " holds Python objects, expected an array of numbers or text"));
  if (type.size() < 3) damaged(name, cat("its type is ", base::quoted(type)));
  out.order = type[0];
  out.kind = type[1];
  const auto [end, error] =
      std::from_chars(type.data() + 2, type.data() + type.size(), out.item_size);
  const bool whole = error == std::errc() && end == type.data() + type.size();
  const bool known = std::string_view("fiubUS").find(out.kind) != std::string_view::npos;
  if (!whole || !known || out.item_size < 0 || out.item_size > (std::int64_t{1} << 24))
    throw Error(ErrorCode::io, cat(base::quoted(name), " holds elements of NumPy's type ",
                                   base::quoted(type), ", expected numbers or text"));
  out.fortran = member(text, "fortran_order", name).starts_with("True");
  out.shape = read_shape(member(text, "shape", name), name);
  return out;
}

DataType data_type(const Header& header) noexcept {
  switch (header.kind) {
    case 'b': return header.item_size == 1 ? DataType::boolean : DataType::invalid;
    case 'f':
      if (header.item_size == 2) return DataType::fp16;
      if (header.item_size == 4) return DataType::fp32;
      return header.item_size == 8 ? DataType::fp64 : DataType::invalid;
    case 'i':
    case 'u': {
      const bool is_signed = header.kind == 'i';
      if (header.item_size == 1) return is_signed ? DataType::int8 : DataType::uint8;
      if (header.item_size == 2) return is_signed ? DataType::int16 : DataType::uint16;
      if (header.item_size == 4) return is_signed ? DataType::int32 : DataType::uint32;
      if (header.item_size == 8) return is_signed ? DataType::int64 : DataType::uint64;
      return DataType::invalid;
    }
    default: return DataType::invalid;
  }
}

// Row-major copy of column-major elements.
std::vector<std::byte> to_row_major(std::span<const std::byte> bytes, const Header& header,
                                    std::size_t item) {
  std::vector<std::byte> out(bytes.size());
  const std::size_t rank = header.shape.size();
  std::vector<std::size_t> stride(rank, 1);
  for (std::size_t i = 1; i < rank; ++i)
    stride[i] = stride[i - 1] * static_cast<std::size_t>(header.shape[i - 1]);
  std::vector<std::int64_t> index(rank, 0);
  for (std::size_t to = 0; to < out.size(); to += item) {
    std::size_t from = 0;
    for (std::size_t i = 0; i < rank; ++i) from += static_cast<std::size_t>(index[i]) * stride[i];
    std::memcpy(out.data() + to, bytes.data() + from * item, item);
    for (std::size_t i = rank; i-- > 0;) {
      if (++index[i] < header.shape[i]) break;
      index[i] = 0;
    }
  }
  return out;
}

void swap_bytes(std::vector<std::byte>& bytes, std::size_t item) {
  for (std::size_t at = 0; at + item <= bytes.size(); at += item) {
    const auto first = bytes.begin() + static_cast<std::ptrdiff_t>(at);
    std::reverse(first, first + static_cast<std::ptrdiff_t>(item));
  }
}

void append_utf8(std::string& out, std::uint32_t c) {
  const auto put = [&](std::uint32_t byte) { out.push_back(static_cast<char>(byte)); };
  if (c < 0x80) {
    put(c);
  } else if (c < 0x800) {
    put(0xc0 | (c >> 6)), put(0x80 | (c & 0x3f));
  } else if (c < 0x10000) {
    put(0xe0 | (c >> 12)), put(0x80 | ((c >> 6) & 0x3f)), put(0x80 | (c & 0x3f));
  } else {
    put(0xf0 | ((c >> 18) & 7)), put(0x80 | ((c >> 12) & 0x3f));
    put(0x80 | ((c >> 6) & 0x3f)), put(0x80 | (c & 0x3f));
  }
}

// Texts are padded with zeros to the longest one.
TextArray read_texts(std::span<const std::byte> bytes, const Header& header, std::int64_t count) {
  TextArray out;
  out.shape = header.shape;
  const std::size_t item =
      bytes.size() / static_cast<std::size_t>(std::max<std::int64_t>(count, 1));
  for (std::int64_t i = 0; i < count; ++i) {
    const auto one = bytes.subspan(static_cast<std::size_t>(i) * item, item);
    std::string text;
    if (header.kind == 'S') {
      for (const std::byte byte : one) text.push_back(static_cast<char>(byte));
      text.erase(text.find_last_not_of('\0') + 1);
    } else {
      std::vector<std::uint32_t> points(item / 4);
      std::memcpy(points.data(), one.data(), points.size() * 4);
      while (!points.empty() && points.back() == 0) points.pop_back();
      for (const std::uint32_t point : points) append_utf8(text, std::min(point, 0x10FFFFU));
    }
    out.elements.push_back(std::move(text));
  }
  return out;
}

struct Content {
  Header header;
  std::span<const std::byte> elements;
};

Content split(std::span<const std::byte> bytes, const std::string& name) {
  const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  if (!text.starts_with(magic) || text.size() < 10)
    throw Error(ErrorCode::io, cat(base::quoted(name),
                                   " is not an .npy file: it does not begin with '\\x93NUMPY'"));
  const auto byte = [&](std::size_t i) { return static_cast<std::size_t>(bytes[i]); };
  const std::size_t version = byte(6);
  if (version < 1 || version > 3)
    damaged(name, cat("its version is ", version, ", expected 1 to 3"));
  const std::size_t start = version == 1 ? 10 : 12;
  if (bytes.size() < start) damaged(name, "its header is cut short");
  std::size_t length = byte(8) | (byte(9) << 8);
  if (version > 1) length |= (byte(10) << 16) | (byte(11) << 24);
  if (bytes.size() - start < length) damaged(name, "its header is cut short");
  return {read_header(text.substr(start, length), name), bytes.subspan(start + length)};
}

std::string descr(const NpyValue& value, std::size_t longest) {
  if (std::holds_alternative<TextArray>(value)) return cat("<U", longest);
  switch (std::get<MultiArray>(value).data_type()) {
    case DataType::boolean: return "|b1";
    case DataType::fp16: return "<f2";
    case DataType::fp32: return "<f4";
    case DataType::fp64: return "<f8";
    case DataType::int8: return "|i1";
    case DataType::int16: return "<i2";
    case DataType::int32: return "<i4";
    case DataType::int64: return "<i8";
    case DataType::uint8: return "|u1";
    case DataType::uint16: return "<u2";
    case DataType::uint32: return "<u4";
    case DataType::uint64: return "<u8";
    default: throw Error(ErrorCode::parameters, "an array of this type cannot be an .npy file");
  }
}

std::u32string code_points(std::string_view text) {
  std::u32string out;
  for (std::size_t i = 0; i < text.size();) {
    const auto lead = static_cast<unsigned char>(text[i]);
    const std::size_t length = lead < 0x80 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
    char32_t c = length == 1 ? lead : lead & (0xffU >> (length + 1));
    for (std::size_t k = 1; k < length && i + k < text.size(); ++k)
      c = (c << 6) | (static_cast<unsigned char>(text[i + k]) & 0x3fU);
    out.push_back(c);
    i += length;
  }
  return out;
}

}  // namespace

NpyValue parse_npy(std::span<const std::byte> bytes, const std::string& name,
                   base::Budget& budget) {
  const auto [header, elements] = split(bytes, name);
  const bool is_text = header.kind == 'U' || header.kind == 'S';
  const DataType type = data_type(header);
  const std::int64_t item = header.kind == 'U' ? header.item_size * 4 : header.item_size;
  if (!is_text && type == DataType::invalid)
    throw Error(ErrorCode::io, cat(base::quoted(name), " holds numbers of ", item,
                                   " bytes, expected 1, 2, 4 or 8"));
  const auto count = base::element_count(header.shape);
  const auto size = count ? base::checked_mul(*count, item) : std::nullopt;
  if (!size || *size != static_cast<std::int64_t>(elements.size()))
    damaged(name,
            cat("its shape ", base::shape_text(header.shape), " takes ",
                size ? cat(*size) : std::string("too many"), " bytes, found ", elements.size()));
  // A text of no characters takes no bytes, so that nothing else bounds their number.
  budget.take(is_text ? *count * 40 + *size : *size, "an array file");
  const auto width =
      static_cast<std::size_t>(header.kind == 'U' ? 4 : std::max<std::int64_t>(item, 1));
  std::vector<std::byte> held(elements.begin(), elements.end());
  if (header.order == '>' && header.kind != 'S') swap_bytes(held, width);
  if (header.fortran && header.shape.size() > 1 && item > 0)
    held = to_row_major(held, header, static_cast<std::size_t>(item));
  if (is_text) return read_texts(held, header, *count);
  return MultiArray::copy_of(held, type, header.shape);
}

NpzEntries read_npz(const std::filesystem::path& path, base::Budget& budget) {
  const auto file = base::open_file(path);
  if (file->size() == 0)
    throw Error(ErrorCode::io,
                cat(base::quoted(path.native()), " is empty, expected an .npy or .npz file"));
  std::vector<std::byte> head(static_cast<std::size_t>(std::min<std::int64_t>(file->size(), 2)));
  file->read(0, head);
  const bool is_archive =
      head.size() == 2 && head[0] == std::byte{'P'} && head[1] == std::byte{'K'};
  NpzEntries out;
  if (!is_archive) {
    out.emplace_back("", parse_npy(base::read_all(*file, budget), path.native(), budget));
    return out;
  }
  for (const ZipEntry& entry : read_zip_directory(*file, budget)) {
    std::string name = entry.name;
    if (name.ends_with(".npy")) name.resize(name.size() - 4);
    const auto bytes = read_zip_entry(*file, entry, budget);
    out.emplace_back(std::move(name),
                     parse_npy(bytes, cat(path.native(), ":", entry.name), budget));
  }
  return out;
}

std::vector<std::byte> npy_bytes(const NpyValue& value) {
  const auto* texts = std::get_if<TextArray>(&value);
  std::vector<std::u32string> points;
  std::size_t longest = 1;
  if (texts != nullptr) {
    for (const std::string& text : texts->elements) points.push_back(code_points(text));
    for (const auto& text : points) longest = std::max(longest, text.size());
  }
  std::string shape;
  const auto array = texts == nullptr ? std::get<MultiArray>(value).clone() : MultiArray();
  const std::span<const std::int64_t> sizes = texts != nullptr ? texts->shape : array.shape();
  for (const std::int64_t size : sizes) shape += cat(size, ", ");
  if (sizes.size() > 1) shape.resize(shape.size() - 2);
  if (sizes.size() == 1) shape.resize(shape.size() - 1);
  std::string header = cat("{'descr': '", descr(value, longest),
                           "', 'fortran_order': False, 'shape': (", shape, "), }");
  constexpr std::size_t before =
      12;  // magic, version 2, length; elements begin at a multiple of 64
  header.append(63 - (before + header.size()) % 64, ' ').push_back('\n');
  std::vector<std::byte> out;
  const auto put = [&](const void* data, std::size_t size) {
    const auto* bytes = static_cast<const std::byte*>(data);
    out.insert(out.end(), bytes, bytes + size);
  };
  put(magic.data(), magic.size());
  const auto length = static_cast<std::uint32_t>(header.size());
  for (const std::uint32_t byte :
       {2U, 0U, length & 0xff, (length >> 8) & 0xff, (length >> 16) & 0xff, length >> 24})
    out.push_back(static_cast<std::byte>(byte));
  put(header.data(), header.size());
  if (texts == nullptr) {
    put(array.data(), static_cast<std::size_t>(array.count()) *
                          static_cast<std::size_t>(bits(array.data_type()) / 8));
    return out;
  }
  for (std::u32string& text : points) {
    text.resize(longest, U'\0');
    put(text.data(), text.size() * sizeof(char32_t));
  }
  return out;
}

void write_npz(const std::filesystem::path& path, const NpzEntries& entries) {
  ZipWriter archive(path);
  for (const auto& [name, value] : entries) archive.add(name + ".npy", npy_bytes(value));
  archive.commit();
}

}  // namespace pome::cli
