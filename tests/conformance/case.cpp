#include "case.h"

#include <algorithm>
#include <fstream>
#include <nlohmann/json.hpp>

#include "base/text.h"
#include "pome/error.h"

namespace pome::conformance {
namespace {

using nlohmann::json;

Tolerance read_tolerance(const json& entry) {
  Tolerance out;
  out.function = entry.value("fn", "assert_allclose");
  out.rtol = entry.value("rtol", out.rtol);
  out.atol = entry.value("atol", out.atol);
  out.delta = entry.value("delta", out.delta);
  out.snr = entry.value("SNR", out.snr);
  out.psnr = entry.value("PSNR", out.psnr);
  out.decimal = entry.value("decimal", out.decimal);
  out.dictionary = entry.value("dict", false);
  out.derived = entry.value("derived", false);
  return out;
}

Step read_step(const json& entry, const std::filesystem::path& folder) {
  Step step;
  step.inputs = folder / entry.at("inputs").get<std::string>();
  step.expected = folder / entry.at("expected").get<std::string>();
  step.state = entry.value("state", false);
  for (const auto& [name, kind] : entry.at("kinds").items()) {
    step.kinds[name] = kind.get<std::string>();
  }
  for (const auto& [name, tolerance] : entry.at("tol").items()) {
    step.tolerances[name] = read_tolerance(tolerance);
  }
  return step;
}

}  // namespace

Case read_case(const std::filesystem::path& file) {
  const auto folder = file.parent_path();
  try {
    std::ifstream stream(file);
    const auto document = json::parse(stream);
    Case out;
    out.name = folder.filename().string();
    out.test = document.at("test").get<std::string>();
    out.type = document.at("type").get<std::string>();
    out.model = folder / document.at("model").get<std::string>();
    out.function = document.value("function", "");
    for (const auto& step : document.at("steps")) out.steps.push_back(read_step(step, folder));
    return out;
  } catch (const json::exception& error) {
    throw Error(ErrorCode::io, base::cat(file.string(), ": ", error.what()));
  }
}

std::vector<std::filesystem::path> find_cases(const std::filesystem::path& folder) {
  std::vector<std::filesystem::path> out;
  std::error_code error;
  for (std::filesystem::recursive_directory_iterator it(folder, error), end; it != end;
       it.increment(error)) {
    if (error) break;
    if (it->path().filename() == "case.json") out.push_back(it->path());
  }
  if (error) throw Error(ErrorCode::io, base::cat(folder.string(), ": ", error.message()));
  std::ranges::sort(out);
  return out;
}

}  // namespace pome::conformance
