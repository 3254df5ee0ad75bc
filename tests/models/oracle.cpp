#include "oracle.h"

#include <algorithm>
#include <cmath>
#include <fstream>
#include <limits>
#include <numeric>

#include "base/budget.h"
#include "base/file.h"
#include "base/hash.h"
#include "devices/cpu/cpu_device.h"
#include "npy.h"
#include "support/shared.h"

namespace pome::test {

namespace fs = std::filesystem;

fs::path oracle_file(const std::string& name) {
  return source_folder() / "tests" / "data" / "oracle" / name;
}

namespace {

Arrays arrays_of(const fs::path& file) {
  base::Budget budget;
  Arrays out;
  for (auto& [key, value] : cli::read_npz(file, budget))
    out.emplace(key, std::get<MultiArray>(std::move(value)));
  return out;
}

}  // namespace

Arrays oracle_arrays(const std::string& name) {
  return arrays_of(oracle_file(name + ".npz"));
}

Arrays network_arrays(const std::string& name) {
  return arrays_of(source_folder() / "tests" / "data" / "networks" / (name + ".npz"));
}

nlohmann::json oracle_facts(const std::string& name) {
  std::ifstream file(oracle_file("manifest.json"));
  return nlohmann::json::parse(file).at("cases").at(name);
}

fs::path weight_file(const fs::path& model) {
  const fs::path inside = model.extension() == ".mlpackage" ? "Data/com.apple.CoreML" : "";
  return model / inside / "weights" / "weight.bin";
}

::testing::AssertionResult has_weights_of(const fs::path& model, const std::string& name) {
  const auto expected = oracle_facts(name).at("weights_sha256").get<std::string>();
  const std::string found = base::hex(base::sha256(*base::open_file(weight_file(model))));
  if (found == expected) return ::testing::AssertionSuccess();
  return ::testing::AssertionFailure()
         << weight_file(model) << " has SHA-256 " << found << ", but the expected results of '"
         << name << "' were computed with " << expected;
}

MultiArray row(const MultiArray& array, std::int64_t index) {
  const auto shape = array.shape().subspan(1);
  const auto owner = std::make_shared<MultiArray>(array);
  const std::int64_t bytes = array.count() / array.shape()[0] * bits(array.data_type()) / 8;
  const auto* start = static_cast<const std::byte*>(array.data()) + index * bytes;
  return MultiArray::wrap_const(start, array.data_type(), shape, {}, owner);
}

double furthest(const MultiArray& a, const MultiArray& b) {
  constexpr double infinity = std::numeric_limits<double>::infinity();
  if (!std::ranges::equal(a.shape(), b.shape())) return infinity;
  const MultiArray wide_a = a.converted_to(DataType::fp64);
  const MultiArray wide_b = b.converted_to(DataType::fp64);
  const auto left = wide_a.elements<double>();
  const auto right = wide_b.elements<double>();
  double out = 0;
  for (std::size_t i = 0; i < left.size(); ++i) {
    const double apart = std::abs(left[i] - right[i]);
    if (!std::isfinite(apart)) return infinity;
    out = std::max(out, apart);
  }
  return out;
}

namespace {

// Place of an fp16 number among all of them, in order.
int rank(double value) {
  const int bits = Float16(static_cast<float>(value)).bits;
  return (bits & 0x8000) != 0 ? -(bits & 0x7fff) : bits;
}

}  // namespace

double share_of_neighbours(const MultiArray& got, const MultiArray& expected) {
  EXPECT_TRUE(std::ranges::equal(got.shape(), expected.shape()));
  const MultiArray wide_got = got.converted_to(DataType::fp64);
  const MultiArray wide_expected = expected.converted_to(DataType::fp64);
  const auto left = wide_got.elements<double>();
  const auto right = wide_expected.elements<double>();
  double neighbours = 0;
  for (std::size_t i = 0; i < std::min(left.size(), right.size()); ++i) {
    const int apart = std::abs(rank(left[i]) - rank(right[i]));
    EXPECT_LE(apart, 1) << left[i] << " at " << i << ", expected " << right[i];
    neighbours += apart;
  }
  return neighbours / static_cast<double>(expected.count());
}

PixelBuffer pattern(std::int64_t size, PixelFormat format) {
  PixelBuffer out(PixelFormat::rgb8, size, size);
  for (std::int64_t y = 0; y < size; ++y) {
    std::byte* pixels = out.mutable_row(y);
    for (std::int64_t x = 0; x < size; ++x) {
      for (std::int64_t c = 0; c < 3; ++c)
        pixels[3 * x + c] = static_cast<std::byte>((3 * x + 5 * y + 64 * c + x * y / 16) % 256);
    }
  }
  return out.converted_to(format);
}

std::vector<Configuration> fast_configurations() {
  std::vector<Configuration> out{{}};
  for (const char* isa : {"avx512", "avx2", "neon"}) {
    if (devices::cpu_device(isa) != nullptr)
      out.push_back({.devices = {std::string("cpu:") + isa}});
  }
  return out;
}

std::vector<Configuration> configurations() {
  auto out = fast_configurations();
  out.push_back({.devices = {"reference"}});
  return out;
}

std::string text(const Configuration& configuration) {
  if (configuration.devices.empty()) return "default devices";
  return configuration.devices.front();
}

}  // namespace pome::test
