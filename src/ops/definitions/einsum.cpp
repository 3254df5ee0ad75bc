// einsum: a sum of products in index notation, "nchw,nwhu->nchu". Any number of operands; a letter
// that the result lacks is summed over; a dimension of 1 is stretched to the others of its letter.
#include <algorithm>
#include <string>
#include <vector>

#include "base/text.h"
#include "ops/call.h"

namespace pome::ops::definitions {
namespace {

using base::cat;

enum : int { values, equation };

/// The equation with letters numbered: those of the result first, then those that are summed over.
struct Plan {
  std::vector<std::vector<std::size_t>> operands;
  std::size_t kept = 0;
  Dims sizes;  ///< by letter
};

[[noreturn]] void fail_equation(const Call& call, std::string_view why) {
  call.fail(equation, cat("found ", base::quoted(call.string_or(equation, "")), ", ", why));
}

std::vector<std::string> split(const Call& call, std::string& result) {
  std::string text;
  for (const char c : call.string_or(equation, "")) {
    if (c != ' ') text.push_back(c);
  }
  const auto arrow = text.find("->");
  if (arrow == std::string::npos) fail_equation(call, "expected '->' before the result");
  result = text.substr(arrow + 2);
  std::vector<std::string> operands(1);
  for (const char c : text.substr(0, arrow)) {
    if (c == ',') {
      operands.emplace_back();
    } else {
      operands.back().push_back(c);
    }
  }
  operands.push_back(result);
  for (const auto& part : operands) {
    const bool letters = std::ranges::all_of(
        part, [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); });
    if (!letters) fail_equation(call, "expected letters, ',' and '->'");
  }
  operands.pop_back();
  return operands;
}

/// Sizes of a letter from two operands: 1 gives way, unknown gives way to known.
std::int64_t joined(const Call& call, char letter, std::int64_t a, std::int64_t b) {
  if (a == b || b == 1) return a;
  if (a == 1) return b;
  if (ir::is_known(a) && ir::is_known(b)) {
    call.fail(values, cat("dimension '", letter, "' has sizes ", a, " and ", b));
  }
  return ir::is_known(a) ? a : b;
}

Plan make_plan(const Call& call) {
  std::string letters;
  const auto operands = split(call, letters);
  Plan plan;
  plan.kept = letters.size();
  for (std::size_t i = 0; i < letters.size(); ++i) {
    if (letters.find(letters[i], i + 1) != std::string::npos) {
      fail_equation(call, "expected each letter once in the result");
    }
  }
  if (operands.size() != static_cast<std::size_t>(call.count(values))) {
    call.fail(values,
              cat("has ", call.count(values), " tensors, the equation names ", operands.size()));
  }
  plan.sizes.resize(letters.size(), 1);
  std::vector<bool> seen(letters.size(), false);
  for (std::size_t o = 0; o < operands.size(); ++o) {
    const auto& type = call.type(values, static_cast<int>(o));
    if (type.rank() != operands[o].size()) {
      call.fail(values, cat("tensor ", o, " has ", type.rank(), " dimensions, the equation names ",
                            operands[o].size()));
    }
    std::vector<std::size_t> numbers;
    for (std::size_t d = 0; d < operands[o].size(); ++d) {
      auto at = letters.find(operands[o][d]);
      if (at == std::string::npos) {
        at = letters.size();
        letters.push_back(operands[o][d]);
        plan.sizes.push_back(1);
        seen.push_back(false);
      }
      plan.sizes[at] =
          seen[at] ? joined(call, letters[at], plan.sizes[at], type.dims[d]) : type.dims[d];
      seen[at] = true;
      numbers.push_back(at);
    }
    plan.operands.push_back(std::move(numbers));
  }
  for (std::size_t i = 0; i < plan.kept; ++i) {
    if (!seen[i]) fail_equation(call, cat("letter '", letters[i], "' is in no operand"));
  }
  return plan;
}

Dims part(const Dims& sizes, std::size_t first, std::size_t last) {
  return Dims(std::span<const std::int64_t>(sizes).subspan(first, last - first));
}

void infer(InferContext& call) {
  const auto dtype = call.type(values).dtype;
  for (int i = 0; i < call.count(values); ++i) {
    if (!call.type(values, i).ranked) return call.set_result(Type::unranked(dtype));
  }
  const auto plan = make_plan(call);
  call.set_result(Type::tensor(dtype, part(plan.sizes, 0, plan.kept)));
}

/// Strides of an operand by letter; 0 where it is stretched. A letter named twice walks a diagonal.
Dims letter_strides(const Plan& plan, std::size_t operand, const TensorView& tensor) {
  const auto dense = dense_strides(tensor.dims);
  Dims strides(plan.sizes.size(), 0);
  for (std::size_t d = 0; d < dense.size(); ++d) {
    if (tensor.dims[d] != 1) strides[plan.operands[operand][d]] += dense[d];
  }
  return strides;
}

std::int64_t offset(const Dims& strides, std::size_t first, std::span<const std::int64_t> index) {
  std::int64_t at = 0;
  for (std::size_t i = 0; i < index.size(); ++i) at += strides[first + i] * index[i];
  return at;
}

void evaluate(EvalContext& call) {
  const auto plan = make_plan(call);
  const auto kept = part(plan.sizes, 0, plan.kept);
  const auto summed = part(plan.sizes, plan.kept, plan.sizes.size());
  const auto out = call.out(0, kept);
  std::vector<Dims> strides;
  for (std::size_t o = 0; o < plan.operands.size(); ++o) {
    strides.push_back(letter_strides(plan, o, call.in(values, static_cast<int>(o))));
  }
  std::vector<std::int64_t> base(strides.size());
  std::int64_t i = 0;
  for (IndexWalk walk(kept, {}); !walk.done(); walk.next(), ++i) {
    for (std::size_t o = 0; o < base.size(); ++o) base[o] = offset(strides[o], 0, walk.index());
    double sum = 0;
    for (IndexWalk inner(summed, {}); !inner.done(); inner.next()) {
      double product = 1;
      for (std::size_t o = 0; o < base.size(); ++o) {
        product *= load_f(call.in(values, static_cast<int>(o)),
                          base[o] + offset(strides[o], plan.kept, inner.index()));
      }
      sum += product;
    }
    store_f(out, i, sum);
  }
}

constexpr Param params[] = {
    {.name = "values", .types = t::floats, .variadic = true, .group = 'T'},
    {.name = "equation", .types = t::string, .form = Form::constant},
};
constexpr OpVersion versions[] = {{Opset::ios15, params}};

}  // namespace

extern const OpDef op_einsum;
const OpDef op_einsum{.name = "einsum", .versions = versions, .infer = infer, .evaluate = evaluate};

}  // namespace pome::ops::definitions
