#include "ir/type.h"

#include <algorithm>

#include "base/text.h"

namespace pome::ir {
namespace {

std::string tensor_text(const Type& type) {
  return base::cat("tensor<", name(type.dtype), ", ",
                   type.ranked ? base::shape_text(type.dims) : std::string("?"), ">");
}

bool dims_agree(std::int64_t a, std::int64_t b) noexcept {
  return a == b || !is_known(a) || !is_known(b);
}

}  // namespace

bool Type::is_static() const noexcept {
  return ranked && std::ranges::all_of(dims, [](std::int64_t d) { return is_known(d); });
}

std::string text(const Type& type) {
  switch (type.kind) {
    case Type::Kind::none: return "no type";
    case Type::Kind::tensor: return tensor_text(type);
    case Type::Kind::list:
      return base::cat("list<", tensor_text(type), ", ",
                       is_known(type.length) ? base::cat(type.length) : std::string("?"), ">");
    case Type::Kind::state: return base::cat("state<", tensor_text(type), ">");
    case Type::Kind::tuple:
    case Type::Kind::dictionary: {
      std::string out = type.kind == Type::Kind::tuple ? "tuple<" : "dict<";
      for (std::size_t i = 0; i < type.parameters.size(); ++i) {
        if (i != 0) out += ", ";
        // Attribute types nest once or twice in practice; deeper ones are cut, not followed.
        const auto& part = type.parameters[i];
        out += part.parameters.empty() ? text(part) : std::string("...");
      }
      return out + ">";
    }
  }
  return "no type";
}

bool compatible(const Type& declared, const Type& actual) noexcept {
  if (declared.kind != actual.kind || declared.dtype != actual.dtype) return false;
  // As deep as the reader of the types let them nest (it has a cap).
  if (!std::ranges::equal(declared.parameters, actual.parameters, compatible)) return false;
  if (!dims_agree(declared.length, actual.length)) return false;
  if (!declared.ranked || !actual.ranked) return true;
  return std::ranges::equal(declared.dims, actual.dims, dims_agree);
}

Type merge(const Type& a, const Type& b) {
  if (!a.ranked) return b;
  Type out = a;
  if (!b.ranked) return out;
  for (std::size_t i = 0; i < out.dims.size() && i < b.dims.size(); ++i) {
    if (!is_known(out.dims[i]) && (is_known(b.dims[i]) || is_symbol(b.dims[i]))) {
      out.dims[i] = b.dims[i];
    }
  }
  if (!is_known(out.length)) out.length = b.length;
  return out;
}

}  // namespace pome::ir
