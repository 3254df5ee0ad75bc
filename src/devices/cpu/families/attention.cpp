// Attention in one pass over the keys (online softmax): scores are never stored as a whole.
//
// Keys come in blocks of `key_block`; a block's scores are two products and a softmax in the
// worker's cache, and what earlier blocks gave is scaled when a greater score turns up. Operands
// and result are read and written in the program's own order of axes. Error of a result, with
// M = max |v| of the row: that of the scores (E * 2^-24 * scale * sum |q k|) times 2 M, and
// 2^-24 * (S + 8 * blocks + 16) * M from exp and the sums.
#include "ops/attention.h"

#include <algorithm>
#include <cmath>

#include "base/text.h"
#include "devices/cpu/families/product.h"
#include "devices/cpu/families/rows.h"
#include "ops/call.h"

namespace pome::devices::cpu {
namespace {

constexpr std::string_view operations[] = {"pome.attention", "scaled_dot_product_attention"};
constexpr std::int64_t key_block = 512;
constexpr std::int64_t task_rows = 240;
constexpr std::int64_t row_block = 48;
/// Up to so many queries keys are read as they are, as when text is made word by word.
constexpr std::int64_t few_rows = 4;
constexpr int most_batch_dims = 4;

enum : int { query, key, value, mask, result, operands };

/// An operand [B.., rows, columns] with strides in elements.
struct Matrix {
  std::int64_t batch[most_batch_dims];
  std::int64_t row, column, first;
};

struct Params {
  const Kernels* k;
  Matrix at[operands];
  std::int64_t batch[most_batch_dims];
  std::int64_t rows, keys, depth, width;
  std::int32_t arg[operands];  ///< position among the step's tensors; -1: absent
  std::int32_t batch_rank;
  float scale;
  bool mask_is_bool;
};

std::int64_t scratch_floats(const Params& p) {
  const std::int64_t keys = round_up(std::min(p.keys, key_block), p.k->lanes);
  return keys * (p.depth + row_block) + 2 * task_rows;
}

/// One task: some rows of one matrix.
class Task {
 public:
  Task(const Params& p, TensorRef* args, std::int64_t batch, std::int64_t row, float* scratch)
      : p_(p), rows_(std::min(task_rows, p.rows - row)) {
    std::int64_t at[operands];
    for (int o = 0; o < operands; ++o) at[o] = p.at[o].first;
    for (int i = p.batch_rank; i-- > 0; batch /= p.batch[i]) {
      for (int o = 0; o < operands; ++o) at[o] += batch % p.batch[i] * p.at[o].batch[i];
    }
    const auto data = [&](int o) { return args[p.arg[o]].as<float>() + at[o]; };
    q_ = data(query) + row * p.at[query].row;
    k_ = data(key);
    v_ = data(value);
    out_ = data(result) + row * p.at[result].row;
    if (p.arg[mask] >= 0) {
      const auto first = at[mask] + row * p.at[mask].row;
      if (p.mask_is_bool)
        kept_ = args[p.arg[mask]].as<const std::uint8_t>() + first;
      else
        added_ = args[p.arg[mask]].as<const float>() + first;
    }
    top_ = scratch;
    sum_ = top_ + task_rows;
    packed_ = sum_ + task_rows;
    scores_ = packed_ + round_up(std::min(p.keys, key_block), p.k->lanes) * p.depth;
  }

  void run() const noexcept {
    for (std::int64_t first = 0; first < p_.keys; first += key_block) {
      const std::int64_t keys = std::min(key_block, p_.keys - first);
      if (rows_ > few_rows) pack(first, keys);
      for (std::int64_t r = 0; r < rows_; r += row_block)
        block(first, keys, r, std::min(row_block, rows_ - r));
    }
    AttendBlock all{};
    all.sum = sum_;
    all.out = out_;
    all.out_row = p_.at[result].row;
    all.width = p_.width;
    all.rows = rows_;
    p_.k->attend_finish(all);
  }

 private:
  void pack(std::int64_t first, std::int64_t keys) const noexcept {
    const std::int64_t lanes = p_.k->lanes;
    const std::int64_t step = p_.at[key].row;
    float* to = packed_;
    for (std::int64_t c = 0; c < keys; c += lanes, to += p_.depth * lanes) {
      const float* from = k_ + (first + c) * step;
      if (keys - c >= lanes) {
        p_.k->transpose({from, to, lanes, p_.depth, step, lanes});
      } else {
        p_.k->pack_columns(from, step, keys - c, p_.depth, to);
      }
    }
  }

  void score(std::int64_t first, std::int64_t keys, std::int64_t row, std::int64_t rows,
             std::int64_t scores_row) const noexcept {
    if (rows_ <= few_rows) {
      for (std::int64_t r = 0; r < rows; ++r) {
        p_.k->dot_rows(q_ + (row + r) * p_.at[query].row, k_ + first * p_.at[key].row,
                       p_.at[key].row, keys, p_.depth, scores_ + r * scores_row);
      }
      return;
    }
    GemmBlock g{};
    g.a = q_ + row * p_.at[query].row;
    g.a_row = p_.at[query].row;
    g.a_depth = p_.at[query].column;
    g.b = packed_;
    g.b_depth = p_.k->lanes;
    g.b_panel = p_.depth * p_.k->lanes;
    g.c = scores_;
    g.c_row = scores_row;
    g.rows = rows;
    g.cols = keys;
    g.depth = p_.depth;
    g.init = GemmInit::zero;
    p_.k->gemm_f32(g);
  }

  void block(std::int64_t first, std::int64_t keys, std::int64_t row,
             std::int64_t rows) const noexcept {
    const std::int64_t scores_row = round_up(keys, p_.k->lanes);
    score(first, keys, row, rows, scores_row);
    AttendBlock a{};
    a.scores = scores_;
    a.scores_row = scores_row;
    const auto masked = row * p_.at[mask].row + first * p_.at[mask].column;
    if (added_) a.mask = added_ + masked;
    if (kept_) a.kept = kept_ + masked;
    a.mask_row = p_.at[mask].row;
    a.mask_step = p_.at[mask].column;
    a.top = top_ + row;
    a.sum = sum_ + row;
    a.out = out_ + row * p_.at[result].row;
    a.out_row = p_.at[result].row;
    a.width = p_.width;
    a.rows = rows;
    a.keys = keys;
    a.scale = p_.scale;
    a.first = first == 0;
    p_.k->attend(a);
    GemmBlock g{};
    g.a = scores_;
    g.a_row = scores_row;
    g.a_depth = 1;
    g.b = v_ + first * p_.at[value].row;
    g.b_depth = p_.at[value].row;
    g.b_panel = p_.k->lanes;
    g.c = a.out;
    g.c_row = a.out_row;
    g.rows = rows;
    g.cols = p_.width;
    g.depth = keys;
    g.init = a.first ? GemmInit::zero : GemmInit::accumulate;
    p_.k->gemm_f32(g);
  }

  const Params& p_;
  std::int64_t rows_;
  const float *q_, *k_, *v_;
  float* out_;
  const float* added_ = nullptr;
  const std::uint8_t* kept_ = nullptr;
  float *top_, *sum_, *packed_, *scores_;
};

Status run(const void* raw, TensorRef* args, TaskContext& task) noexcept {
  const auto& p = *static_cast<const Params*>(raw);
  if (p.keys == 0 || p.width == 0) {  // a softmax of nothing, times nothing
    const auto n = args[0].size();
    std::fill_n(args[0].as<float>(), n, 0.0F);
    return {};
  }
  const std::int64_t batches = product({p.batch, static_cast<std::size_t>(p.batch_rank)});
  const std::int64_t parts = ceil_div(p.rows, task_rows);
  return run_tasks(task, batches * parts, [&](std::int64_t i, int worker) {
    Task(p, args, i / parts, i % parts * task_rows,
         reinterpret_cast<float*>(task.scratch_of(worker)))
        .run();
  });
}

/// How an operand is looked at: its axes in the order of attention, and indices of the others.
struct Look {
  std::size_t arg = 0;
  Dims perm, at;
};

Look look_at(const Site& site, std::string_view param) {
  const auto rank = site.type(param).rank();
  Look look{site.arg(param), all_axes(rank), Dims(rank, 0)};
  if (site.call().call->def == &ops::attention()) {
    look.perm = site.ints(base::cat(param, "_perm"), {});
    look.at = site.ints(base::cat(param, "_at"), {});
  }
  return look;
}

/// The strides of a dense tensor as attention walks it.
Matrix matrix_of(const Dims& dims, const Look& look) {
  const Dims strides = ops::dense_strides(dims);
  Matrix m{};
  base::InlineVector<bool, 8> used(dims.size(), false);
  const auto rank = look.perm.size();
  for (std::size_t i = 0; i < rank; ++i) {
    const auto axis = static_cast<std::size_t>(look.perm[i]);
    used[axis] = true;
    (i + 2 < rank ? m.batch[i] : i + 2 == rank ? m.row : m.column) = strides[axis];
  }
  for (std::size_t a = 0; a < dims.size(); ++a) {
    if (!used[a]) m.first += look.at[a] * strides[a];
  }
  return m;
}

class AttentionKernel final : public CpuKernel {
 public:
  AttentionKernel(const Kernels& kernels, const Site& site) : CpuKernel(kernels) {
    constexpr std::string_view names[] = {"query", "key", "value"};
    for (int o = query; o <= value; ++o) {
      looks_[o] = look_at(site, names[o]);
      read(looks_[o].arg);
    }
    result_perm_ = site.ints("result_perm", all_axes(looks_[query].perm.size()));
    scaled_ = site.call().call->def == &ops::attention();
    scale_ = static_cast<float>(scaled_ ? site.number("scale", 1) : 1);
    if (!site.has("attn_mask")) return;
    mask_ = static_cast<std::int32_t>(site.arg("attn_mask"));
    mask_is_bool_ = site.type("attn_mask").dtype == DataType::boolean;
    read(site.arg("attn_mask"));
  }

  PlannedKernel plan(const PlanCall& call) const override {
    Params p{};
    p.k = &k();
    const auto rank = looks_[query].perm.size();
    const auto dims = [&](int o, std::size_t i) {
      const auto& look = looks_[o];
      return call.facts->types[call.call->args[look.arg]]
          .dims[static_cast<std::size_t>(look.perm[i])];
    };
    for (int o = query; o <= value; ++o) {
      p.at[o] = matrix_of(call.facts->types[call.call->args[looks_[o].arg]].dims, looks_[o]);
      p.arg[o] = static_cast<std::int32_t>(1 + looks_[o].arg);
    }
    p.batch_rank = static_cast<std::int32_t>(rank - 2);
    for (std::size_t i = 0; i + 2 < rank; ++i) p.batch[i] = dims(query, i);
    p.rows = dims(query, rank - 2);
    p.depth = dims(query, rank - 1);
    p.keys = dims(key, rank - 2);
    p.width = dims(value, rank - 1);
    p.scale = scaled_ ? scale_ : static_cast<float>(1 / std::sqrt(static_cast<double>(p.depth)));
    set_result(p, call.result_type().dims);
    set_mask(p, call);
    PlannedKernel planned;
    planned.run = run;
    planned.set_params(p);
    planned.worker_scratch_bytes = static_cast<std::size_t>(4 * scratch_floats(p));
    return planned;
  }

 private:
  void set_result(Params& p, const Dims& dims) const {
    Look look{0, Dims(dims.size(), 0), Dims(dims.size(), 0)};
    for (std::size_t i = 0; i < dims.size(); ++i) {
      look.perm[static_cast<std::size_t>(result_perm_[i])] = static_cast<std::int64_t>(i);
    }
    p.at[result] = matrix_of(dims, look);
    p.arg[result] = 0;
  }

  void set_mask(Params& p, const PlanCall& call) const {
    p.arg[mask] = -1;
    if (mask_ < 0) return;
    p.arg[mask] = 1 + mask_;
    p.mask_is_bool = mask_is_bool_;
    Dims scores(std::span<const std::int64_t>(p.batch, static_cast<std::size_t>(p.batch_rank)));
    scores.push_back(p.rows);
    scores.push_back(p.keys);
    const auto& type = call.facts->types[call.call->args[static_cast<std::size_t>(mask_)]];
    const Dims strides = ops::broadcast_strides(type.dims, scores);
    for (std::int32_t i = 0; i < p.batch_rank; ++i)
      p.at[mask].batch[i] = strides[static_cast<std::size_t>(i)];
    p.at[mask].row = strides[strides.size() - 2];
    p.at[mask].column = strides.back();
  }

  Look looks_[3];
  Dims result_perm_;
  bool scaled_ = false;
  float scale_ = 1;
  std::int32_t mask_ = -1;
  bool mask_is_bool_ = false;
};

Support supports(const CallSite& call) {
  const Site site(call);
  for (const std::string_view param : {"query", "key", "value"}) {
    if (auto s = require_float(site, param); !s.yes) return s;
    const auto look = look_at(site, param);
    const auto rank = look.perm.size();
    if (rank > most_batch_dims + 2)
      return Support::no(
          base::cat("has ", rank, " dimensions; the kernel takes up to ", most_batch_dims + 2));
    if (static_cast<std::size_t>(look.perm.back()) + 1 != site.type(param).rank())
      return Support::no("the elements of a row are not neighbours");
  }
  const auto rank = look_at(site, "query").perm.size();
  const Dims perm =
      site.call().call->def == &ops::attention() ? site.ints("result_perm", {}) : all_axes(rank);
  if (perm.back() != static_cast<std::int64_t>(rank) - 1)
    return Support::no("the elements of a row are not neighbours in the result");
  if (!site.has("attn_mask")) return {};
  const auto& type = site.type("attn_mask");
  if (!type.ranked) return Support::no("the rank of the mask is not known");
  return type.dtype == DataType::boolean ? Support{} : require_float(site, "attn_mask");
}

double cost(const CallSite& call) {
  const Site site(call);
  const double outputs = assumed_size(call.result_type());
  const double keys = assumed_size(site.type("key")) / exec::Device::assumed_dim;
  return estimated_cost(4 * (3 * outputs + assumed_size(site.type("key"))), outputs * keys);
}

std::unique_ptr<exec::OpKernel> prepare(const CallSite& call, const Kernels& k) {
  return std::make_unique<AttentionKernel>(k, Site(call));
}

}  // namespace

const Family attention_family{operations, supports, cost, prepare};

}  // namespace pome::devices::cpu
