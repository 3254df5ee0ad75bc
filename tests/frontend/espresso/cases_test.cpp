// Layers that must be refused, each with the sentence that refuses it.
//
// A table in cases/ is a list of cases:
//
//     == convolution: a title                     type that the sentence must name, after the layer
//     layer {"type": "convolution", ...}          a layer of model.espresso.net
//     shape x 1 3 4 4 [rank 4]                    a blob of model.espresso.shape: n, k, h, w
//     blob 1 f32 6                                a weight blob: numbers of this form (or u8:
//     bytes, zero: float32) ! phrase | phrase                           parts of the sentence in
//     their order ~ text => other text                        with all replacements made the layer
//     is accepted;
//                                                 "; " in the new text begins a line
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <vector>

#include "base/half.h"
#include "format/little_endian.h"
#include "frontend/espresso/espresso.h"
#include "pome/error.h"

namespace pome::frontend {
namespace {

struct Case {
  std::string title;
  std::string type;
  std::string body;
  std::vector<std::string> phrases;
  std::vector<std::pair<std::string, std::string>> repairs;
};

std::string trimmed(const std::string& text) {
  const auto first = text.find_first_not_of(' ');
  if (first == std::string::npos) return {};
  return text.substr(first, text.find_last_not_of(' ') - first + 1);
}

std::vector<std::string> split(const std::string& text, const std::string& by) {
  std::vector<std::string> out;
  std::size_t start = 0;
  for (std::size_t at = text.find(by); at != std::string::npos; at = text.find(by, start)) {
    out.push_back(trimmed(text.substr(start, at - start)));
    start = at + by.size();
  }
  out.push_back(trimmed(text.substr(start)));
  return out;
}

std::vector<Case> read_cases() {
  std::vector<Case> out;
  for (const auto& entry : std::filesystem::directory_iterator(POME_ESPRESSO_CASES)) {
    std::ifstream file(entry.path());
    for (std::string line; std::getline(file, line);) {
      if (line.empty() || line.starts_with("# ")) continue;
      if (line.starts_with("== ")) {
        const std::string title = line.substr(3);
        out.push_back({title, title.substr(0, title.find(':')), {}, {}, {}});
      } else if (line.starts_with("! ")) {
        for (auto& phrase : split(line.substr(2), " | ")) out.back().phrases.push_back(phrase);
      } else if (line.starts_with("~ ")) {
        const auto pair = split(line.substr(2), " => ");
        out.back().repairs.emplace_back(pair.at(0), pair.at(1));
      } else {
        out.back().body += line + "\n";
      }
    }
  }
  return out;
}

// Replaces the first occurrence, and says so when there is none.
std::string replaced(std::string text, const std::string& from, std::string to) {
  for (std::size_t at = to.find("; "); at != std::string::npos; at = to.find("; "))
    to.replace(at, 2, "\n");
  const std::size_t at = text.find(from);
  if (at == std::string::npos) throw std::runtime_error("nothing to replace: " + from);
  return text.replace(at, from.size(), to);
}

// Numbers 0.25, 0.5, ...
void append_numbers(std::vector<std::byte>& out, const std::string& form, std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) {
    const float value = 0.25F * static_cast<float>(i + 1);
    if (form == "f32") format::append(out, std::bit_cast<std::uint32_t>(value));
    if (form == "f16") format::append(out, base::f16_from_f32(value));
    if (form == "zero") format::append(out, std::uint32_t{0});
    if (form == "u8") out.push_back(static_cast<std::byte>(i));
  }
}

struct Files {
  nlohmann::json network = {{"format_version", 200}, {"layers", nlohmann::json::array()}};
  nlohmann::json shapes = {{"layer_shapes", nlohmann::json::object()}};
  std::vector<std::byte> weights;
};

Files files_of(const std::string& body) {
  Files out;
  std::vector<std::pair<std::uint64_t, std::vector<std::byte>>> blobs;
  std::istringstream lines(body);
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line);
    std::string kind;
    words >> kind;
    if (kind == "layer") {
      out.network["layers"].push_back(nlohmann::json::parse(line.substr(6)));
    } else if (kind == "shape") {
      std::string name;
      std::int64_t n = 0, k = 0, h = 0, w = 0;
      words >> name >> n >> k >> h >> w;
      nlohmann::json shape = {{"n", n}, {"k", k}, {"h", h}, {"w", w}};
      std::string word;
      int rank = 0;
      if (words >> word >> rank) shape["_rank"] = rank;
      out.shapes["layer_shapes"][name] = shape;
    } else if (kind == "blob") {
      std::uint64_t id = 0;
      std::string form;
      std::size_t count = 0;
      words >> id >> form >> count;
      append_numbers(blobs.emplace_back(id, std::vector<std::byte>()).second, form, count);
    } else {
      throw std::runtime_error("no such line: " + line);
    }
  }
  format::append<std::uint64_t>(out.weights, blobs.size());
  for (const auto& [id, bytes] : blobs) {
    format::append<std::uint64_t>(out.weights, id);
    format::append<std::uint64_t>(out.weights, bytes.size());
  }
  for (const auto& [id, bytes] : blobs)
    out.weights.insert(out.weights.end(), bytes.begin(), bytes.end());
  return out;
}

std::shared_ptr<const base::ByteSource> source_of(const nlohmann::json& json) {
  const std::string text = json.dump();
  const auto bytes = std::as_bytes(std::span(text));
  return base::from_bytes("test", {bytes.begin(), bytes.end()});
}

// The sentence that refuses the network; empty when it is accepted.
std::string translate(const std::string& body) {
  const Files files = files_of(body);
  base::Budget budget;
  try {
    const auto network = format::read_espresso_network(*source_of(files.network), budget);
    const auto shapes = format::read_espresso_shapes(*source_of(files.shapes), budget);
    const format::EspressoWeights weights(*base::from_bytes("weights", files.weights), budget);
    const EspressoMessages out = import_espresso(network, shapes, weights, budget);
    EXPECT_FALSE(out.network.layers.empty());
    return {};
  } catch (const Error& error) {
    return error.what();
  }
}

TEST(EspressoLayers, that_are_wrong_are_refused_by_name) {
  const std::vector<Case> cases = read_cases();
  EXPECT_GE(cases.size(), 120U);
  for (const Case& one : cases) {
    SCOPED_TRACE(one.title);
    const std::string sentence = translate(one.body);
    ASSERT_FALSE(one.phrases.empty());
    std::size_t at = 0;
    const std::string name =
        nlohmann::json::parse(one.body.substr(6, one.body.find('\n') - 6)).at("name");
    const std::string place = "layer '" + name + "' (" + one.type + "): ";
    EXPECT_EQ(sentence.substr(0, place.size()), place);
    for (const std::string& phrase : one.phrases) {
      const std::size_t found = sentence.find(phrase, at);
      EXPECT_NE(found, std::string::npos) << "'" << phrase << "' in: " << sentence;
      if (found != std::string::npos) at = found + phrase.size();
    }
  }
}

TEST(EspressoLayers, that_are_mended_are_accepted) {
  for (const Case& one : read_cases()) {
    SCOPED_TRACE(one.title);
    ASSERT_FALSE(one.repairs.empty());
    std::string body = one.body;
    for (const auto& [from, to] : one.repairs) body = replaced(body, from, to);
    EXPECT_EQ(translate(body), "");
  }
}

}  // namespace
}  // namespace pome::frontend
