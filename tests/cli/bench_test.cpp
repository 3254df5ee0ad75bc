// `pome bench`: what it prints, the error against a reference, and how arithmetic is counted.
#include <gmock/gmock.h>

#include <cmath>
#include <nlohmann/json.hpp>
#include <string>

#include "fixtures.h"
#include "flop_count.h"
#include "ir/text.h"
#include "npy.h"
#include "temporary_folder.h"

namespace pome::cli {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;

double flops(const std::string& inputs, const std::string& operation) {
  base::Budget budget;
  const auto program = ir::parse_program(
      "program(1.0)\n{\n  func main<ios16>(" + inputs + ") {\n" + operation + "  } -> (y);\n}\n",
      "test", budget);
  return count_flops(*program->functions.front());
}

constexpr const char* conv_of_4x4 =
    "    string kind = const()[name = string(\"kind\"), val = string(\"custom\")];\n"
    "    tensor<int32, [4]> pad = const()[name = string(\"pad\"), val = tensor<int32, "
    "[4]>([1, 1, 1, 1])];\n"
    "    tensor<int32, [2]> one = const()[name = string(\"one\"), val = tensor<int32, [2]>([1, "
    "1])];\n"
    "    int32 groups = const()[name = string(\"groups\"), val = int32(1)];\n"
    "    tensor<fp32, [5, 2, 3, 3]> y = conv(x = x, weight = w, pad_type = kind, pad = pad, "
    "strides "
    "= one, dilations = one, groups = groups)[name = string(\"y\")];\n";

// A 3x3 kernel over 4x4 with padding 1: along each axis the taps that meet the input are
// 2 + 3 + 3 + 2 = 10, so 10 * 10 products for each of 2 inputs and 5 outputs.
TEST(FlopCount, ConvolutionLeavesPaddingOut) {
  std::string text = conv_of_4x4;
  text.replace(text.find("[5, 2, 3, 3]> y"), 12, "[1, 5, 4, 4]");
  EXPECT_EQ(flops("tensor<fp32, [1, 2, 4, 4]> x, tensor<fp32, [5, 2, 3, 3]> w", text),
            2.0 * 100 * 2 * 5);
}

TEST(FlopCount, MatmulWithTransposition) {
  EXPECT_EQ(
      flops("tensor<fp32, [7, 2, 3]> x, tensor<fp32, [7, 2, 4]> w",
            "    bool yes = const()[name = string(\"yes\"), val = bool(true)];\n"
            "    bool no = const()[name = string(\"no\"), val = bool(false)];\n"
            "    tensor<fp32, [7, 3, 4]> y = matmul(x = x, y = w, transpose_x = yes, transpose_y "
            "= no)[name = string(\"y\")];\n"),
      2.0 * 7 * 3 * 4 * 2);
}

TEST(Bench, JsonIsTheLastLineAndHasTheErrorAgainstAReference) {
  const test::TemporaryFolder folder;
  write_adder_package(folder.path() / "p.mlpackage");
  // x + [1, 2, 3] is [2, 4, 6]; a reference of [2, 4, 5] differs by [0, 0, 1]:
  // sqrt(1 / (4 + 16 + 25)).
  const auto bytes = npy_bytes(MultiArray::copy_of<float>({2, 4, 5}, {1, 3}));
  folder.put("ref.npy", std::string(reinterpret_cast<const char*>(bytes.data()), bytes.size()));

  const Finished run = run_pome({"bench", "p.mlpackage", "--threads", "1", "--repeat", "5", "-i",
                                 "x=[1,2,3]", "--ref", "ref.npy", "--json"},
                                folder.path());

  ASSERT_EQ(run.exit_code, 0) << run.err;
  ASSERT_EQ(run.out.find('\n'), run.out.size() - 1);
  const json out = json::parse(run.out);
  EXPECT_EQ(out["predictions"], 5);
  EXPECT_EQ(out["threads"], 1);
  EXPECT_NEAR(out["rel_rms"].get<double>(), std::sqrt(1.0 / 45), 1e-12);
  EXPECT_EQ(out["max_abs"], 1.0);
  EXPECT_GT(out["latency_ms_min"], 0.0);
  EXPECT_GE(out["latency_ms_median"], out["latency_ms_min"]);
  for (const char* key : {"load_ms", "load_cached_ms", "rss_mb", "rss_steady_mb"})
    EXPECT_GT(out[key], 0.0) << key;
}

TEST(Bench, AReferenceOfAnotherShapeIsRefused) {
  const test::TemporaryFolder folder;
  write_adder_package(folder.path() / "p.mlpackage");
  const auto bytes = npy_bytes(MultiArray::copy_of<float>({2, 4}, {1, 2}));
  folder.put("ref.npy", std::string(reinterpret_cast<const char*>(bytes.data()), bytes.size()));

  const Finished run = run_pome({"bench", "p.mlpackage", "--ref", "ref.npy"}, folder.path());

  EXPECT_EQ(run.exit_code, 3);
  EXPECT_THAT(run.err, HasSubstr("the reference has shape [1, 2], output 'y' has [1, 3]"));
}

TEST(Bench, InputsThatAreNotGivenAreRandom) {
  const test::TemporaryFolder folder;
  write_adder_package(folder.path() / "p.mlpackage");

  const Finished run = run_pome({"bench", "p.mlpackage", "--repeat", "1"}, folder.path());

  ASSERT_EQ(run.exit_code, 0) << run.err;
  EXPECT_THAT(run.out, HasSubstr("latency, median"));
}

}  // namespace
}  // namespace pome::cli
