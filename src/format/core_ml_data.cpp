#include "format/core_ml_data.h"

#include "base/text.h"
#include "format/little_endian.h"
#include "format/model_type.h"
#include "pome/error.h"

namespace pome::format {
namespace {

using base::cat;

constexpr std::size_t reserved_size = 20;
constexpr std::string_view generic = "generic";
constexpr std::string_view whole_model = "spec";

class Cursor {
 public:
  Cursor(std::span<const std::byte> bytes, std::string_view name) : bytes_(bytes), name_(name) {}

  std::span<const std::byte> take(std::uint64_t count, std::string_view what) {
    if (count > bytes_.size() - at_) {
      throw Error(ErrorCode::io,
                  cat(base::quoted(name_), " ends in ", what, ": ", count,
                      " bytes expected at offset ", at_, ", ", bytes_.size() - at_, " are there"));
    }
    const auto out = bytes_.subspan(at_, static_cast<std::size_t>(count));
    at_ += out.size();
    return out;
  }

  template <typename T>
  T number(std::string_view what) {
    return load<T>(take(sizeof(T), what));
  }

  std::string text(std::string_view what) {
    const auto bytes = take(number<std::uint64_t>(what), what);
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
  }

  std::span<const std::byte> rest() const noexcept { return bytes_.subspan(at_); }

 private:
  std::span<const std::byte> bytes_;
  std::string_view name_;
  std::size_t at_ = 0;
};

}  // namespace

CoreMlData read_core_ml_data(std::span<const std::byte> bytes, std::string_view name) {
  Cursor cursor(bytes, name);
  CoreMlData out;
  out.model_type = cursor.number<std::uint32_t>("the model type");
  if (model_type_name(out.model_type).empty()) {
    throw Error(ErrorCode::io, cat(base::quoted(name), " is no head of a compiled model: ",
                                   out.model_type, " is not the number of a model type"));
  }
  for (std::uint64_t& part : out.version) part = cursor.number<std::uint64_t>("the version");
  out.loader = cursor.text("the loader's name");
  out.specification_version = cursor.number<std::uint32_t>("the specification version");
  cursor.take(reserved_size, "the reserved bytes");
  const std::string old_loader = cursor.text("the loader's name");
  if (out.loader.empty()) {
    out.loader = old_loader.rfind(generic, 0) == 0 ? std::string(generic) : old_loader;
  }
  if (out.loader == whole_model) {
    out.is_whole_model = true;
    out.message = cursor.rest();
    return out;
  }
  if (out.loader != generic) {
    throw Error(ErrorCode::unsupported,
                cat(base::quoted(name), " asks for the loader ", base::quoted(out.loader),
                    ", expected 'generic' or 'spec'"));
  }
  const auto length = cursor.number<std::uint64_t>("the model description");
  out.message = cursor.take(length, "the model description");
  out.rest = cursor.rest();
  return out;
}

std::vector<std::byte> write_core_ml_data(std::uint32_t specification_version,
                                          std::span<const std::byte> description) {
  std::vector<std::byte> out;
  const auto text = [&](std::string_view value) {
    append<std::uint64_t>(out, value.size());
    const auto bytes = std::as_bytes(std::span(value.data(), value.size()));
    out.insert(out.end(), bytes.begin(), bytes.end());
  };
  append<std::uint32_t>(out, model_type::ml_program);
  for (const std::uint64_t part : {5U, 0U, 0U}) append<std::uint64_t>(out, part);
  text(generic);
  append<std::uint32_t>(out, specification_version);
  out.insert(out.end(), reserved_size, std::byte{0});
  text("");
  append<std::uint64_t>(out, description.size());
  out.insert(out.end(), description.begin(), description.end());
  append<std::uint64_t>(out, model_type::ml_program);
  append<std::uint64_t>(out, 0);
  return out;
}

std::vector<std::byte> write_spec_head(std::uint32_t model_type,
                                       std::uint32_t specification_version) {
  std::vector<std::byte> out;
  append<std::uint32_t>(out, model_type);
  for (const std::uint64_t part : {1U, 0U, 0U}) append<std::uint64_t>(out, part);
  append<std::uint64_t>(out, 0);  // no loader's name here in this version
  append<std::uint32_t>(out, specification_version);
  out.insert(out.end(), reserved_size, std::byte{0});
  append<std::uint64_t>(out, whole_model.size());
  const auto name = std::as_bytes(std::span(whole_model.data(), whole_model.size()));
  out.insert(out.end(), name.begin(), name.end());
  return out;
}

}  // namespace pome::format
