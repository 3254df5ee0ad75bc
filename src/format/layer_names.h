// Names of neural-network layers by their field number in the specification.
#pragma once

#include <string_view>

namespace pome::format {

/// "convolution", "innerProduct", ...; empty for an unknown number.
std::string_view layer_name(int field) noexcept;

}  // namespace pome::format
