#include "compare.h"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <vector>

#include "base/text.h"

namespace pome::conformance {
namespace {

using base::cat;

std::vector<double> numbers(const MultiArray& array) {
  const auto wide = array.converted_to(DataType::fp64);
  const auto values = wide.elements<double>();
  return {values.begin(), values.end()};
}

std::vector<double> numbers(const FeatureValue& value) {
  switch (value.type()) {
    case FeatureType::multi_array: return numbers(value.multi_array_value());
    case FeatureType::int64: return {static_cast<double>(value.int64_value())};
    case FeatureType::double_: return {value.double_value()};
    default: return {};
  }
}

/// |got - expected| in units of atol + rtol |expected|; infinite when NaN or infinities disagree.
double error_units(double got, double expected, double atol, double rtol) {
  if (std::isnan(got) && std::isnan(expected)) return 0;
  if (got == expected) return 0;
  const double allowed = atol + rtol * std::fabs(expected);
  const double error = std::fabs(got - expected);
  if (!std::isfinite(error)) return INFINITY;
  return allowed > 0 ? error / allowed : INFINITY;
}

struct Bounds {
  double atol, rtol;
};

Bounds bounds_of(const Tolerance& t) {
  if (t.function == "assert_array_equal") return {0, 0};
  if (t.function == "assert_almost_equal" || t.function == "assert_array_almost_equal") {
    return {1.5 * std::pow(10.0, -t.decimal), 0};
  }
  if (t.function == "==") return {0, 1e-5};
  if (t.function == "-") return {1e-3, 0};
  return {t.atol, t.rtol};
}

double signal_to_noise(const std::vector<double>& got, const std::vector<double>& expected,
                       bool peak) {
  double noise = 0;
  double signal = 0;
  double most = 0;
  for (std::size_t i = 0; i < got.size(); ++i) {
    const double error = got[i] - expected[i];
    noise += error * error;
    signal += expected[i] * expected[i];
    most = std::max(most, std::fabs(expected[i]));
  }
  const auto n = static_cast<double>(got.size());
  noise = noise / n + 1e-5;
  return 10 * std::log10((peak ? most * most : signal / n + 1e-5) / noise);
}

Comparison compare_numbers(const std::vector<double>& got, const std::vector<double>& expected,
                           const Tolerance& t) {
  Comparison out;
  if (got.size() != expected.size()) {
    if (t.derived) {
      out.passed = true;
      return out;
    }
    out.reason = cat("has ", got.size(), " elements, expected ", expected.size());
    return out;
  }
  if (t.function == "SNR") {
    const double snr = signal_to_noise(got, expected, false);
    const double psnr = signal_to_noise(got, expected, true);
    out.passed = got == expected || (snr >= t.snr && psnr >= t.psnr);
    out.worst = out.passed ? 0.5 : 2;
    if (!out.passed) out.reason = cat("SNR ", snr, " and peak SNR ", psnr, " are too low");
    return out;
  }
  const auto [atol, rtol] = bounds_of(t);
  const bool relative = t.function == "rel_error";
  std::size_t where = 0;
  double zeros = 0;
  for (std::size_t i = 0; i < got.size(); ++i) {
    const double a = relative ? t.delta * std::max(1.0, std::fabs(expected[i])) : atol;
    const double r = relative ? 0 : rtol;
    const double units = error_units(got[i], expected[i], a, r);
    zeros = std::max(zeros, error_units(0, expected[i], a, r));
    if (units > out.worst) {
      out.worst = units;
      where = i;
    }
  }
  out.passed = out.worst <= 1;
  out.zeros_would_pass = zeros <= 1;
  if (!out.passed) {
    out.reason = cat("element ", where, " is ", got[where], ", expected ", expected[where], " (",
                     out.worst, " times the tolerance)");
  }
  return out;
}

Comparison compare_dictionary(const FeatureValue& got, const std::string& text,
                              const Tolerance& t) {
  const auto expected = nlohmann::json::parse(text, nullptr, false);
  std::vector<double> a;
  std::vector<double> b;
  Comparison out;
  for (const auto& [key, value] : expected.items()) {
    double found = NAN;
    if (got.key_type() == FeatureType::string) {
      const auto& map = got.string_dictionary_value();
      if (const auto at = map.find(key); at != map.end()) found = at->second;
    } else {
      const auto& map = got.int64_dictionary_value();
      if (const auto at = map.find(std::stoll(key)); at != map.end()) found = at->second;
    }
    a.push_back(found);
    b.push_back(value.get<double>());
  }
  return compare_numbers(a, b, t);
}

}  // namespace

Comparison compare(const FeatureValue& got, const cli::NpyValue& expected, const Tolerance& t) {
  if (const auto* text = std::get_if<cli::TextArray>(&expected)) {
    if (text->elements.empty()) return {.reason = "the expected value is empty"};
    if (t.dictionary) return compare_dictionary(got, text->elements.front(), t);
    Comparison out;
    out.passed = got.type() == FeatureType::string && got.string_value() == text->elements.front();
    if (!out.passed) out.reason = cat("expected ", base::quoted(text->elements.front()));
    return out;
  }
  return compare_numbers(numbers(got), numbers(std::get<MultiArray>(expected)), t);
}

}  // namespace pome::conformance
