// Weights on their way to kernels: read compressed, packed once, shared by signatures and
// functions. Values are small integers, so that every sum is exact.
#include <gmock/gmock.h>

#include <chrono>
#include <cstring>
#include <iostream>

#include "compiler/lowered.h"
#include "devices/cpu/cpu_device.h"
#include "support/mil.h"
#include "support/pretend_device.h"

namespace pome::compiler {
namespace {

using test::compile_mil;
using test::floats;
using test::mil;
using test::PretendDevice;
using test::run;
using test::shape;
using test::values;
using testing::ElementsAre;

constexpr int inputs = 64;
constexpr int outputs = 48;
constexpr int table_size = 16;

int index_of(int output, int input) {
  return (output * 7 + input * 3 + output * input) % table_size;
}
float table_value(int index) {
  return static_cast<float>(index - 5);
}

template <typename Value>
std::string numbers(int n, Value&& value) {
  std::string out = "[";
  for (int i = 0; i < n; ++i) out += (i == 0 ? "" : ", ") + std::to_string(value(i));
  return out + "]";
}

/// w [48, 64] by a table of 16 values: 4 bits an index, two in a byte, the first in the low bits.
std::string lut_weight() {
  const auto bytes = numbers(inputs * outputs / 2, [](int i) {
    const auto at = [](int e) { return index_of(e / inputs, e % inputs); };
    return at(2 * i) | at(2 * i + 1) << 4;
  });
  const auto table = numbers(table_size, [](int i) { return i - 5; });
  return "tensor<fp16, [48, 64]> w = constexpr_lut_to_dense(indices = tensor<uint8, [1536]>(" +
         bytes + "), lut = tensor<fp16, [16]>(" + table +
         "), shape = tensor<uint32, [2]>([48, 64]));\n";
}

std::string lut_model() {
  return mil("tensor<fp32, [?, 64]> x",
             lut_weight() + "tensor<fp32, [?, 48]> y = linear(x = x, weight = w);", "y", "ios17");
}

base::HostTensor sample(std::int64_t rows) {
  std::vector<float> x;
  for (std::int64_t i = 0; i < rows * inputs; ++i) x.push_back(static_cast<float>(i % 9 - 4));
  return floats({rows, inputs}, x);
}

/// y[r, o] = sum over i of x[r, i] * table[index(o, i)]
std::vector<float> expected(const base::HostTensor& x) {
  std::vector<float> out;
  const auto v = values(x);
  for (std::int64_t r = 0; r < x.dims()[0]; ++r) {
    for (int o = 0; o < outputs; ++o) {
      float sum = 0;
      for (int i = 0; i < inputs; ++i) {
        sum += v[static_cast<std::size_t>(r * inputs + i)] * table_value(index_of(o, i));
      }
      out.push_back(sum);
    }
  }
  return out;
}

/// A device that runs `linear` on the indices and the table of its weight, as the file has them.
class TableDevice final : public exec::Device {
 public:
  std::string_view name() const noexcept override { return "table"; }
  exec::Support supports(const exec::CallSite& site) const override {
    if (site.call->def->name != "linear") return exec::Support::no("only linear");
    const auto weight = site.weight(1);
    if (!weight || weight->encoding() != exec::Weight::Encoding::lut) {
      return exec::Support::no("its weight has no table");
    }
    return {};
  }
  double cost(const exec::CallSite&) const override { return 1e-9; }
  std::unique_ptr<exec::OpKernel> prepare(const exec::CallSite& site) const override {
    const auto weight = site.weight(1);
    const auto indices = weight->part("indices")->tensor();
    const auto table = weight->part("lut")->tensor();
    auto kernel = std::make_unique<Kernel>();
    kernel->pack = site.weights->pack(
        *weight, "table_test", table.byte_size() + indices.byte_size(), [&](exec::Pack& out) {
          std::memcpy(out.bytes().data(), table.view().data, table.byte_size());
          std::memcpy(out.bytes().data() + table.byte_size(), indices.view().data,
                      indices.byte_size());
        });
    return kernel;
  }

 private:
  struct Kernel final : exec::OpKernel {
    std::shared_ptr<const exec::Pack> pack;
    exec::PlannedKernel plan(const exec::PlanCall&) const override {
      exec::PlannedKernel planned;
      planned.run = run_table;
      planned.set_params(pack->as<std::byte>());
      return planned;
    }
    bool takes_over(std::size_t arg) const noexcept override { return arg != 0; }
  };

  // args: y, x, weight (without data).
  static exec::Status run_table(const void* params, exec::TensorRef* args,
                                exec::TaskContext&) noexcept {
    const auto* data = *static_cast<const std::byte* const*>(params);
    const auto* table = reinterpret_cast<const float*>(data);
    const auto* index = reinterpret_cast<const std::uint8_t*>(data + table_size * sizeof(float));
    if (args[2].data != nullptr) return {.code = exec::Code::failed};
    const auto* x = args[1].as<const float>();
    auto* y = args[0].as<float>();
    for (std::int64_t r = 0; r < args[1].dims[0]; ++r) {
      for (int o = 0; o < outputs; ++o) {
        float sum = 0;
        for (int i = 0; i < inputs; ++i) {
          const int e = o * inputs + i;
          sum += x[r * inputs + i] * table[(index[e / 2] >> (4 * (e % 2))) & 15];
        }
        *y++ = sum;
      }
    }
    return {};
  }
};

constexpr std::int64_t index_bytes = inputs * outputs / 2;
constexpr std::int64_t dense_f16_bytes = inputs * outputs * 2;

TEST(CompressedWeight, IsNeverExpandedWhereTheDeviceTakesItOver) {
  const TableDevice device;
  const auto model = compile_mil(lut_model(), {&device});
  const auto x = sample(3);
  EXPECT_EQ(values(run(model, {x})[0]), expected(x));
  EXPECT_EQ(model.weights->packed_bytes(), index_bytes + table_size * 4);
  EXPECT_EQ(model.weights->pack_count(), 1U);
}

TEST(CompressedWeight, StaysCompressedOnTheCpu) {
  const auto& cpu = devices::cpu_device();
  const auto model = compile_mil(lut_model(), {&cpu});
  if (model->lowered().calls[0].back().placement.device != &cpu) {
    GTEST_SKIP() << "no kernels for this processor";
  }
  const auto x = sample(5);
  EXPECT_EQ(values(run(model, {x})[0]), expected(x));
  EXPECT_GE(model.weights->packed_bytes(), index_bytes);
  EXPECT_LT(model.weights->packed_bytes(), dense_f16_bytes / 2);
}

TEST(CompressedWeight, IsExpandedForADeviceThatNeedsIt) {
  const auto model = compile_mil(lut_model());
  const auto x = sample(2);
  EXPECT_EQ(values(run(model, {x})[0]), expected(x));
  EXPECT_EQ(model.weights->packed_bytes(), inputs * outputs * 4) << "dense, as float32";
}

TEST(CompressedWeight, IsThereInBothFormsWhereAnotherOperationReadsIt) {
  const TableDevice device;
  const auto model =
      compile_mil(mil("tensor<fp32, [?, 64]> x",
                      lut_weight() + R"(tensor<fp32, [?, 48]> y = linear(x = x, weight = w);
             tensor<fp16, [48]> rows = reduce_sum(x = w, axes = tensor<int32, [1]>([1]),
                 keep_dims = bool(false));
             tensor<fp32, [48]> z = cast(x = rows, dtype = string("fp32")); )",
                      "y, z", "ios17"),
                  {&device});
  const auto x = sample(1);
  const auto out = run(model, {x});
  EXPECT_EQ(values(out[0]), expected(x));
  EXPECT_EQ(values(out[1]), expected(floats({1, inputs}, std::vector<float>(inputs, 1))));
  EXPECT_EQ(model.weights->pack_count(), 2U);
}

TEST(Signatures, ShareThePacksAndWhatWasPrepared) {
  PretendDevice counting("counting");
  counting.on_supports = [](const exec::CallSite& site) {
    return site.call->def->name == "relu" ? exec::Support{} : exec::Support::no("only relu");
  };
  counting.on_cost = [](const exec::CallSite&) { return 0.0; };
  const auto model =
      compile_mil(mil("tensor<fp32, [?, 64]> x",
                      lut_weight() + "tensor<fp32, [?, 48]> z = linear(x = x, weight = w);"
                                     "tensor<fp32, [?, 48]> y = relu(x = z);",
                      "y", "ios17"),
                  {&counting, &devices::cpu_device()});
  const auto packed = model.weights->packed_bytes();
  const auto packs = model.weights->pack_count();
  ASSERT_EQ(counting.prepared, 1);
  ASSERT_EQ(model->planned_signatures(), 0);
  for (int rows = 1; rows <= 5; ++rows) {
    const auto x = sample(rows);
    const auto start = std::chrono::steady_clock::now();
    const auto first = run(model, {x});
    const auto middle = std::chrono::steady_clock::now();
    run(model, {x});
    const auto end = std::chrono::steady_clock::now();
    using std::chrono::duration_cast;
    using std::chrono::microseconds;
    std::cout << "signature of " << rows << " rows: first "
              << duration_cast<microseconds>(middle - start).count() << " us, then "
              << duration_cast<microseconds>(end - middle).count() << " us\n";
    EXPECT_THAT(shape(first[0]), ElementsAre(rows, outputs));
    EXPECT_EQ(model->planned_signatures(), rows);
    EXPECT_EQ(counting.planned, rows) << "once a signature";
  }
  EXPECT_EQ(counting.prepared, 1);
  EXPECT_EQ(model.weights->packed_bytes(), packed);
  EXPECT_EQ(model.weights->pack_count(), packs);
}

TEST(Signatures, PlansAreKeptInABoundedNumber) {
  const auto model =
      compile_mil(mil("tensor<fp32, [?]> x", "tensor<fp32, [?]> y = relu(x = x);", "y"));
  for (std::int64_t n = 0; n < 200; ++n) {
    const std::vector<float> x(static_cast<std::size_t>(n), -1);
    EXPECT_THAT(values(run(model, {floats({n}, x)})[0]), testing::SizeIs(n));
  }
  EXPECT_EQ(model->planned_signatures(), 64);
}

TEST(Signatures, TheLatestOnesAreKept) {
  PretendDevice counting("counting");
  const auto model = compile_mil(
      mil("tensor<fp32, [?]> x", "tensor<fp32, [?]> y = relu(x = x);", "y"), {&counting});
  const auto with = [&](std::int64_t n) {
    run(model, {floats({n}, std::vector<float>(static_cast<std::size_t>(n), 1))});
    return counting.planned.load();
  };
  for (std::int64_t n = 1; n <= 64; ++n) with(n);
  EXPECT_EQ(with(1), 64) << "still planned";
  EXPECT_EQ(with(65), 65) << "displaces 2, the one used least recently";
  EXPECT_EQ(with(1), 65);
  EXPECT_EQ(with(2), 66);
}

/// Bytes of a weight file in memory.
class Bytes final : public base::ByteSource {
 public:
  explicit Bytes(std::vector<float> values) : values_(std::move(values)) {}
  const std::string& name() const noexcept override { return name_; }
  std::int64_t size() const noexcept override {
    return static_cast<std::int64_t>(values_.size() * sizeof(float));
  }
  void read(std::int64_t offset, std::span<std::byte> out) const override {
    ++reads;
    std::memcpy(out.data(), reinterpret_cast<const std::byte*>(values_.data()) + offset,
                out.size());
  }
  mutable int reads = 0;

 private:
  std::string name_ = "w.bin";
  std::vector<float> values_;
};

TEST(Functions, OfOneProgramShareAWeight) {
  const std::string body = R"((tensor<fp32, [1, 2]> x) {
      tensor<fp32, [2, 2]> w = const()[name = string("w"), val = tensor<fp32, [2, 2]>(BLOBFILE(
          path = string("@model_path/w.bin"), offset = uint64(64)))];
      tensor<fp32, [1, 2]> z = linear(x = x, weight = w);
      tensor<fp32, [1, 2]> y = )";
  const auto program = test::parse_mil("program(1.3)\n{ func main<ios18>" + body +
                                       "relu(x = z); } -> (y);\n func other<ios18>" + body +
                                       "mul(x = z, y = fp32(2)); } -> (y);\n}");
  const auto file = std::make_shared<Bytes>(std::vector<float>{1, 2, -3, 4});
  const auto store = std::make_shared<exec::WeightStore>(
      [&](const ir::BlobReference& blob, const ir::Type&) {
        EXPECT_EQ(blob.offset, 64U);
        return exec::BlobRange{file, 0, 16};
      },
      std::make_shared<base::Budget>());
  const auto a = compile(program, "main", store, {});
  const auto packed = store->packed_bytes();
  const int reads = file->reads;
  const auto b = compile(program, "other", store, {});
  EXPECT_EQ(store->packed_bytes(), packed);
  EXPECT_EQ(file->reads, reads);
  const std::vector<base::HostTensor> x{floats({1, 2}, {1, 1})};
  EXPECT_THAT(values(run(*a, x)[0]), ElementsAre(3, 1));
  EXPECT_THAT(values(run(*b, x)[0]), ElementsAre(6, 2));
}

}  // namespace
}  // namespace pome::compiler
