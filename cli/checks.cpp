#include "checks.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <string_view>

#include "base/text.h"
#include "values.h"

namespace pome::cli {

using base::cat;

CLI::Validator one_of(std::vector<std::string> choices) {
  const auto check = [choices = std::move(choices)](const std::string& text) -> std::string {
    if (std::find(choices.begin(), choices.end(), text) != choices.end()) return {};
    const std::vector<std::string_view> names(choices.begin(), choices.end());
    return cat("found ", base::quoted(text), ", expected ", base::list_text(names));
  };
  return {check, "", "one of"};
}

CLI::Validator whole_number(std::uint64_t least, std::uint64_t most) {
  const auto check = [least, most](const std::string& text) -> std::string {
    std::uint64_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    const bool is_number = error == std::errc() && end == text.data() + text.size();
    if (is_number && value >= least && value <= most) return {};
    return cat("found ", base::quoted(text), ", expected a whole number from ", least, " to ",
               most);
  };
  return {check, "", "whole number"};
}

CLI::Validator not_negative() {
  const auto check = [](const std::string& text) -> std::string {
    const auto value = parse_number(text);
    if (value && std::isfinite(*value) && *value >= 0) return {};
    return cat("found ", base::quoted(text), ", expected a number that is not negative");
  };
  return {check, "", "not negative"};
}

}  // namespace pome::cli
