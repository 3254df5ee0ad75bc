// Operations that move elements and change none, against the reference: equal bits.
#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>

#include "base/text.h"
#include "devices/cpu/cpu_device.h"
#include "pome/error.h"
#include "sweep.h"

namespace pome::test {
namespace {

using base::Dims;

std::int64_t count_of(const Dims& dims) {
  std::int64_t n = 1;
  for (const auto d : dims) n *= d;
  return n;
}

Dims random_dims(Random& r, std::int64_t low_rank = 1, std::int64_t most_rank = 5) {
  Dims dims;
  for (auto n = pick(r, low_rank, most_rank); n > 0; --n) {
    dims.push_back(pick<std::int64_t>(r, {1, 1, 2, 3, 5, 7, 13, 16, 33, 70}));
  }
  for (std::size_t i = 0; count_of(dims) > 60000; i = (i + 1) % dims.size()) {
    dims[i] = std::max<std::int64_t>(1, dims[i] / 2);
  }
  if (!dims.empty() && pick(r, 0, 15) == 0) {
    dims[static_cast<std::size_t>(pick(r, 0, static_cast<std::int64_t>(dims.size()) - 1))] = 0;
  }
  return dims;
}

/// Types of each width that values are held in.
DataType any_type(Random& r) {
  return pick(
      r, {DataType::fp32, DataType::int32, DataType::boolean, DataType::int8, DataType::uint16});
}
DataType basic_type(Random& r) {
  return pick(r, {DataType::fp32, DataType::int32, DataType::boolean});
}

base::HostTensor random_of(Random& r, DataType dtype, const Dims& dims) {
  auto values = random_values(r, count_of(dims), dtype == DataType::boolean ? 1 : 100);
  for (auto& v : values) {
    if (dtype == DataType::boolean) v = v > 0 ? 1 : 0;
    if (dtype == DataType::uint16) v = v < 0 ? -300 * v : v;
  }
  return tensor(dtype, dims, values);
}

ir::ConstantPtr integer(std::int64_t value) {
  return ir::make_int32(static_cast<std::int32_t>(value));
}
ir::ConstantPtr flags(const Dims& values) {
  const std::vector<double> each(values.begin(), values.end());
  return constant(DataType::boolean, {static_cast<std::int64_t>(values.size())}, each);
}

Case transpose_case(Random& r, DataType dtype, const Dims& dims, const Dims& perm) {
  Case c{.op = "transpose",
         .text = base::cat(base::shape_text(dims), " perm ", base::shape_text(perm))};
  c.inputs = {{"x", {random_of(r, dtype, dims)}}};
  c.constants = {{"perm", ints(perm)}};
  c.results = {dtype};
  return c;
}

TEST(CpuTranspose, Shapes) {
  Random r(1);
  for (int i = 0; i < 80; ++i) {
    const Dims dims = random_dims(r);
    Dims perm(dims.size());
    std::iota(perm.begin(), perm.end(), 0);
    std::shuffle(perm.begin(), perm.end(), r);
    if (pick(r, 0, 3) == 0) perm[0] -= static_cast<std::int64_t>(dims.size());
    expect_exact(transpose_case(r, any_type(r), dims, perm));
  }
}

TEST(CpuTranspose, ManyTasks) {
  Random r(2);
  expect_exact(transpose_case(r, DataType::fp32, {1, 197, 8, 64}, {0, 2, 1, 3}));
  expect_exact(transpose_case(r, DataType::fp32, {1, 8, 197, 64}, {0, 1, 3, 2}));
  expect_exact(transpose_case(r, DataType::int8, {2, 257, 301}, {0, 2, 1}));
  expect_exact(transpose_case(r, DataType::fp32, {1, 3, 90, 110}, {0, 2, 3, 1}));
}

TEST(CpuReverse, Shapes) {
  Random r(3);
  for (int i = 0; i < 40; ++i) {
    const Dims dims = random_dims(r);
    const auto dtype = any_type(r);
    Case c{.op = "reverse", .text = base::shape_text(dims)};
    c.inputs = {{"x", {random_of(r, dtype, dims)}}};
    Dims axes;
    for (std::size_t a = 0; a < dims.size(); ++a) {
      if (pick(r, 0, 1) == 1) axes.push_back(static_cast<std::int64_t>(a));
    }
    if (!axes.empty()) c.constants = {{"axes", ints(axes)}};
    c.results = {dtype};
    expect_exact(c);
  }
}

TEST(CpuConcat, Shapes) {
  Random r(4);
  for (int i = 0; i < 60; ++i) {
    Dims dims = random_dims(r);
    const auto rank = static_cast<std::int64_t>(dims.size());
    const auto axis = pick(r, -rank, rank - 1);
    const auto at = static_cast<std::size_t>((axis + rank) % rank);
    const auto dtype = any_type(r);
    const bool interleave = pick(r, 0, 3) == 0;
    Case c{
        .op = "concat",
        .text = base::cat(base::shape_text(dims), " axis ", axis, interleave ? " by turns" : "")};
    std::vector<base::HostTensor> values;
    for (auto n = pick(r, 1, 6); n > 0; --n) {
      if (!interleave) dims[at] = pick(r, 0, 9);
      values.push_back(random_of(r, dtype, dims));
    }
    c.inputs = {{"values", std::move(values)}};
    c.constants = {{"axis", integer(axis)}, {"interleave", ir::make_bool(interleave)}};
    c.results = {dtype};
    expect_exact(c);
  }
}

TEST(CpuConcat, LongRunsAndScalars) {
  Random r(5);
  Case c{.op = "concat"};
  c.inputs = {
      {"values",
       {random_tensor(r, {1, 60001}), random_tensor(r, {1, 77}), random_tensor(r, {1, 40000})}}};
  c.constants = {{"axis", integer(1)}};
  expect_exact(c);
  Case scalars{.op = "concat"};
  scalars.inputs = {
      {"values", {random_tensor(r, {}), random_tensor(r, {3}), random_tensor(r, {})}}};
  scalars.constants = {{"axis", integer(0)}};
  expect_exact(scalars);
}

TEST(CpuStack, Shapes) {
  Random r(6);
  for (int i = 0; i < 40; ++i) {
    const Dims dims = random_dims(r, 0, 4);
    const auto rank = static_cast<std::int64_t>(dims.size()) + 1;
    const auto dtype = any_type(r);
    const auto axis = pick(r, -rank, rank - 1);
    Case c{.op = "stack", .text = base::cat(base::shape_text(dims), " axis ", axis)};
    std::vector<base::HostTensor> values;
    for (auto n = pick(r, 1, 5); n > 0; --n) values.push_back(random_of(r, dtype, dims));
    c.inputs = {{"values", std::move(values)}};
    c.constants = {{"axis", integer(axis)}};
    c.results = {dtype};
    expect_exact(c);
  }
}

TEST(CpuSplit, Shapes) {
  Random r(7);
  for (int i = 0; i < 60; ++i) {
    Dims dims = random_dims(r);
    const auto rank = static_cast<std::int64_t>(dims.size());
    const auto axis = pick(r, -rank, rank - 1);
    const auto at = static_cast<std::size_t>((axis + rank) % rank);
    const auto dtype = basic_type(r);
    const bool even = pick(r, 0, 1) == 1;
    const auto parts = pick(r, 1, 5);
    Dims sizes;
    for (std::int64_t p = 0; p < parts; ++p) {
      sizes.push_back(even && p > 0 ? sizes[0] : pick(r, even ? 1 : 0, 6));
    }
    dims[at] = std::accumulate(sizes.begin(), sizes.end(), std::int64_t{0});
    Case c{.op = "split",
           .text = base::cat(base::shape_text(dims), " axis ", axis, " ", base::shape_text(sizes))};
    c.inputs = {{"x", {random_of(r, dtype, dims)}}};
    c.constants = {{"axis", integer(axis)}};
    if (even) {
      c.constants.push_back({"num_splits", integer(parts)});
    } else {
      c.constants.push_back({"split_sizes", ints(sizes)});
    }
    c.results.assign(static_cast<std::size_t>(parts), dtype);
    expect_exact(c);
  }
}

TEST(CpuSplit, LongRuns) {
  Random r(8);
  Case c{.op = "split"};
  c.inputs = {{"x", {random_tensor(r, {2, 90000})}}};
  c.constants = {{"axis", integer(1)}, {"split_sizes", ints({40000, 50000})}};
  c.results = {DataType::fp32, DataType::fp32};
  expect_exact(c);
}

TEST(CpuSliceByIndex, Shapes) {
  Random r(9);
  for (int i = 0; i < 120; ++i) {
    const Dims dims = random_dims(r);
    const auto dtype = any_type(r);
    Dims begin, end, stride, begin_mask, end_mask, squeeze_mask;
    for (const auto size : dims) {
      begin.push_back(pick(r, -size - 1, size + 1));
      end.push_back(pick(r, -size - 1, size + 1));
      stride.push_back(pick<std::int64_t>(r, {1, 1, 1, 2, 3, -1, -2, 100}));
      begin_mask.push_back(pick(r, 0, 2) == 0 ? 1 : 0);
      end_mask.push_back(pick(r, 0, 2) == 0 ? 1 : 0);
      squeeze_mask.push_back(size > 0 && pick(r, 0, 5) == 0 ? 1 : 0);
      if (squeeze_mask.back() != 0) begin.back() = pick(r, -size, size - 1);
    }
    Case c{.op = "slice_by_index"};
    c.text = base::cat(base::shape_text(dims), " from ", base::shape_text(begin), " to ",
                       base::shape_text(end), " by ", base::shape_text(stride), " masks ",
                       base::shape_text(begin_mask), base::shape_text(end_mask),
                       base::shape_text(squeeze_mask));
    c.inputs = {{"x", {random_of(r, dtype, dims)}}};
    c.constants = {{"begin", ints(begin)},        {"end", ints(end)},
                   {"stride", ints(stride)},      {"begin_mask", flags(begin_mask)},
                   {"end_mask", flags(end_mask)}, {"squeeze_mask", flags(squeeze_mask)}};
    c.results = {dtype};
    expect_exact(c);
  }
}

/// A row that is chosen at run time: its index is an input.
Case row_case(std::int32_t index) {
  Random r(10);
  Case c{.op = "slice_by_index", .text = base::cat("row ", index)};
  const double begin[] = {static_cast<double>(index), 0};
  c.inputs = {{"x", {random_tensor(r, {7, 5})}}, {"begin", {tensor(DataType::int32, {2}, begin)}}};
  c.constants = {{"end", ints({0, 0})},
                 {"begin_mask", flags({0, 1})},
                 {"end_mask", flags({0, 1})},
                 {"squeeze_mask", flags({1, 0})}};
  return c;
}

TEST(CpuSliceByIndex, RowChosenAtRunTime) {
  for (const std::int32_t index : {0, 3, 6, -1, -7}) expect_exact(row_case(index));
}

TEST(CpuSliceByIndex, RowOutsideIsAnError) {
  for (const auto& isa : instruction_sets()) {
    EXPECT_THROW(run_case(row_case(7), devices::cpu_device(isa)), Error);
    EXPECT_THROW(run_case(row_case(-8), devices::cpu_device(isa)), Error);
  }
}

TEST(CpuSliceBySize, Shapes) {
  Random r(11);
  for (int i = 0; i < 80; ++i) {
    const Dims dims = random_dims(r);
    const auto dtype = any_type(r);
    const bool late = pick(r, 0, 1) == 1;  // `begin` comes at run time
    Dims begin, size;
    for (const auto d : dims) {
      const auto first = pick(r, 0, d);
      size.push_back(!late && pick(r, 0, 3) == 0 ? -1 : pick(r, 0, d - first));
      begin.push_back(first > 0 && pick(r, 0, 3) == 0 && first < d ? first - d : first);
    }
    Case c{.op = "slice_by_size"};
    c.text = base::cat(base::shape_text(dims), " from ", base::shape_text(begin), " size ",
                       base::shape_text(size), late ? " at run time" : "");
    c.inputs = {{"x", {random_of(r, dtype, dims)}}};
    c.constants = {{"size", ints(size)}};
    if (late) {
      const std::vector<double> values(begin.begin(), begin.end());
      const Dims entries{static_cast<std::int64_t>(begin.size())};
      c.inputs.push_back({"begin", {tensor(DataType::int32, entries, values)}});
    } else {
      c.constants.push_back({"begin", ints(begin)});
    }
    c.results = {dtype};
    expect_exact(c);
  }
}

TEST(CpuSliceBySize, BeyondTheEndIsAnError) {
  Random r(12);
  for (const auto begin : {5.0, -9.0}) {
    Case c{.op = "slice_by_size"};
    const double values[] = {begin};
    c.inputs = {{"x", {random_tensor(r, {8})}}, {"begin", {tensor(DataType::int32, {1}, values)}}};
    c.constants = {{"size", ints({4})}};
    for (const auto& isa : instruction_sets()) {
      EXPECT_THROW(run_case(c, devices::cpu_device(isa)), Error) << begin;
    }
  }
}

TEST(CpuPad, Shapes) {
  Random r(13);
  for (int i = 0; i < 80; ++i) {
    const Dims dims = random_dims(r, 1, 4);
    const auto mode = pick<std::string>(r, {"constant", "reflect", "replicate"});
    Dims amounts;
    const auto padded = pick(r, 1, static_cast<std::int64_t>(dims.size()));
    for (std::int64_t k = 2 * padded; k-- > 0;) {
      const auto size = dims[dims.size() - 1 - static_cast<std::size_t>(k / 2)];
      const auto most = mode == "constant" ? 4 : mode == "reflect" ? size - 1 : size == 0 ? 0 : 4;
      amounts.push_back(pick(r, 0, std::clamp<std::int64_t>(most, 0, 4)));
    }
    Case c{.op = "pad"};
    c.text = base::cat(base::shape_text(dims), " ", mode, " ", base::shape_text(amounts));
    c.inputs = {{"x", {random_tensor(r, dims)}}};
    const std::vector<double> fill{1.5};
    c.constants = {{"pad", ints(amounts)},
                   {"mode", ir::make_string(mode)},
                   {"constant_val", constant(DataType::fp32, {}, fill)}};
    expect_exact(c);
  }
}

TEST(CpuTile, Shapes) {
  Random r(14);
  for (int i = 0; i < 60; ++i) {
    const Dims dims = random_dims(r);
    const auto dtype = basic_type(r);
    Dims reps;
    for (std::size_t k = 0; k < dims.size(); ++k) {
      reps.push_back(pick<std::int64_t>(r, {1, 1, 1, 2, 3}));
    }
    Case c{.op = "tile", .text = base::cat(base::shape_text(dims), " ", base::shape_text(reps))};
    c.inputs = {{"x", {random_of(r, dtype, dims)}}};
    c.constants = {{"reps", ints(reps)}};
    c.results = {dtype};
    expect_exact(c);
  }
}

base::HostTensor random_indices(Random& r, const Dims& dims, std::int64_t size, bool negative) {
  std::vector<double> values;
  for (auto n = count_of(dims); n > 0; --n) {
    values.push_back(static_cast<double>(pick(r, negative ? -size : 0, size - 1)));
  }
  const auto type = negative || pick(r, 0, 1) == 1 ? DataType::int32 : DataType::uint16;
  return tensor(type, dims, values);
}

TEST(CpuGather, Shapes) {
  Random r(15);
  for (int i = 0; i < 80; ++i) {
    const Dims dims = random_dims(r, 1, 4);
    const auto rank = static_cast<std::int64_t>(dims.size());
    const auto at = pick(r, 0, rank - 1);
    const auto size = dims[static_cast<std::size_t>(at)];
    const auto batch = pick(r, 0, at);
    Dims index_dims;
    for (std::int64_t b = 0; b < batch; ++b)
      index_dims.push_back(dims[static_cast<std::size_t>(b)]);
    for (auto n = pick(r, 0, 2); n > 0; --n) index_dims.push_back(size == 0 ? 0 : pick(r, 0, 5));
    if (size == 0 && count_of(index_dims) != 0) continue;  // there is no index to give
    const auto dtype = any_type(r);
    const bool validate = pick(r, 0, 1) == 1;
    Case c{.op = "gather"};
    c.text = base::cat(base::shape_text(dims), " axis ", at, " batch ", batch, " at ",
                       base::shape_text(index_dims));
    c.inputs = {{"x", {random_of(r, dtype, dims)}},
                {"indices", {random_indices(r, index_dims, size, !validate)}}};
    c.constants = {{"axis", integer(pick(r, 0, 1) == 1 ? at : at - rank)},
                   {"batch_dims", integer(batch)},
                   {"validate_indices", ir::make_bool(validate)}};
    c.results = {dtype};
    expect_exact(c);
  }
}

TEST(CpuGather, RowsOfAConstantTable) {
  Random r(16);
  for (const auto dtype : {DataType::fp16, DataType::fp32}) {
    for (const std::int64_t width : {1, 7, 16, 100}) {
      Case c{.op = "gather", .text = base::cat("table of rows of ", width)};
      c.inputs = {{"indices", {random_indices(r, {2, 77}, 300, true)}}};
      c.constants = {{"x", constant(dtype, {300, width}, random_values(r, 300 * width))},
                     {"axis", integer(0)}};
      c.results = {dtype};
      expect_exact(c);
    }
  }
}

TEST(CpuGather, IndexOutsideIsAnErrorThatNamesTheFirst) {
  Random r(17);
  const double indices[] = {0, 1, 5, -6, 2};
  for (const std::string op : {"gather", "gather_along_axis", "gather_nd"}) {
    const bool nd = op == "gather_nd";
    Case c{.op = op};
    c.inputs = {{"x", {random_tensor(r, {5})}},
                {"indices", {tensor(DataType::int32, nd ? Dims{5, 1} : Dims{5}, indices)}}};
    if (!nd) c.constants = {{"axis", integer(0)}};
    for (const auto& isa : instruction_sets()) {
      try {
        run_case(c, devices::cpu_device(isa));
        ADD_FAILURE() << "no error";
      } catch (const Error& error) {
        EXPECT_NE(std::string(error.what()).find("index 5 is outside a dimension of 5"),
                  std::string::npos)
            << error.what();
      }
    }
  }
}

TEST(CpuGatherAlongAxis, Shapes) {
  Random r(18);
  for (int i = 0; i < 60; ++i) {
    const Dims dims = random_dims(r, 1, 4);
    const auto rank = static_cast<std::int64_t>(dims.size());
    const auto at = pick(r, 0, rank - 1);
    const auto size = dims[static_cast<std::size_t>(at)];
    Dims index_dims = dims;
    index_dims[static_cast<std::size_t>(at)] = size == 0 ? 0 : pick(r, 0, 9);
    const auto dtype = any_type(r);
    Case c{.op = "gather_along_axis",
           .text = base::cat(base::shape_text(dims), " axis ", at, " at ",
                             base::shape_text(index_dims))};
    c.inputs = {{"x", {random_of(r, dtype, dims)}},
                {"indices", {random_indices(r, index_dims, size, true)}}};
    c.constants = {{"axis", integer(at)}};
    c.results = {dtype};
    expect_exact(c);
  }
}

TEST(CpuGatherNd, Shapes) {
  Random r(19);
  for (int i = 0; i < 60; ++i) {
    Dims dims = random_dims(r, 1, 4);
    for (auto& d : dims) d = std::max<std::int64_t>(d, 1);
    const auto rank = static_cast<std::int64_t>(dims.size());
    const auto batch = pick(r, 0, rank - 1);
    const auto depth = pick(r, 0, rank - batch);
    Dims index_dims;
    for (std::int64_t b = 0; b < batch; ++b)
      index_dims.push_back(dims[static_cast<std::size_t>(b)]);
    for (auto n = pick(r, 0, 2); n > 0; --n) index_dims.push_back(pick(r, 0, 5));
    std::vector<double> values;
    for (auto n = count_of(index_dims); n > 0; --n) {
      for (std::int64_t d = 0; d < depth; ++d) {
        const auto size = dims[static_cast<std::size_t>(batch + d)];
        values.push_back(static_cast<double>(pick(r, -size, size - 1)));
      }
    }
    index_dims.push_back(depth);
    const auto dtype = any_type(r);
    Case c{.op = "gather_nd"};
    c.text =
        base::cat(base::shape_text(dims), " batch ", batch, " at ", base::shape_text(index_dims));
    c.inputs = {{"x", {random_of(r, dtype, dims)}},
                {"indices", {tensor(DataType::int32, index_dims, values)}}};
    c.constants = {{"batch_dims", integer(batch)}};
    c.results = {dtype};
    expect_exact(c);
  }
}

}  // namespace
}  // namespace pome::test
