// What a definition sees of one call: arguments by position of the canonical signature.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/budget.h"
#include "base/inline_vector.h"
#include "base/tensor.h"
#include "ir/program.h"
#include "ir/type.h"
#include "ops/op_def.h"

namespace pome::ops {

using base::Dims;
using base::HostTensor;
using base::MutableTensorView;
using base::TensorView;
using ir::Type;

/// Bytes that one owner holds of a budget; without one nothing is counted. A copy books as much
/// again with the budget it is assigned to, before anything is copied behind it.
class BookedMemory {
 public:
  BookedMemory() = default;
  BookedMemory(const BookedMemory&) = delete;
  BookedMemory& operator=(const BookedMemory& other) {
    if (this != &other && !grow(other.bytes_ - bytes_)) {
      refuse(other.bytes_ - bytes_, "the copy of a list");
    }
    return *this;
  }
  BookedMemory(BookedMemory&& other) noexcept
      : budget_(std::exchange(other.budget_, nullptr)), bytes_(std::exchange(other.bytes_, 0)) {}
  BookedMemory& operator=(BookedMemory&&) = delete;
  ~BookedMemory() {
    if (budget_) budget_->give_back(bytes_);
  }

  void charge(base::Budget* budget) noexcept { budget_ = budget; }
  std::int64_t bytes() const noexcept { return bytes_; }
  /// Counts `bytes` more (or fewer); false when the budget does not allow it.
  bool grow(std::int64_t bytes) noexcept {
    if (bytes > 0 && budget_ && !budget_->try_take(bytes)) return false;
    if (bytes < 0 && budget_) budget_->give_back(-bytes);
    bytes_ += bytes;
    return true;
  }
  /// Throws Error{out_of_memory} for what `grow` did not allow.
  [[noreturn]] void refuse(std::int64_t bytes, std::string_view what) const;

 private:
  base::Budget* budget_ = nullptr;
  std::int64_t bytes_ = 0;
};

/// A list while a program runs. Elements have one element type; an element that was never written
/// has dtype `invalid`.
struct List {
  BookedMemory memory;  ///< first, so that a copy is booked before it is made
  Type element;
  std::vector<HostTensor> items;
};

/// Arguments of one call. Parameters are addressed by their position in `def.params()`; each
/// definition file names the positions with an enum.
class Call {
 public:
  /// One argument. `value.dtype` is `invalid` when the value is not known (yet). In inference only
  /// values known at that time are there: constants, and small integer tensors computed from
  /// shapes. In evaluation every tensor is there, held in its storage type (fp16 as fp32, ...).
  struct Arg {
    const Type* type = nullptr;
    TensorView value;
    List* list = nullptr;
  };

  /// `op` names the place in messages; null in tests.
  Call(const OpDef& def, const ir::Op* op) : def_(&def), op_(op) {}

  const OpDef& def() const noexcept { return *def_; }
  const ir::Op* op() const noexcept { return op_; }
  /// Number of arguments given for a parameter: 0 when absent, over 1 only for variadic ones.
  int count(int param) const noexcept { return ranges_[static_cast<std::size_t>(param)].count; }
  bool has(int param) const noexcept { return count(param) != 0; }
  const Type& type(int param, int i = 0) const noexcept { return *arg(param, i).type; }
  /// The value, or an empty view when absent or not known.
  TensorView known(int param, int i = 0) const noexcept {
    return i < count(param) ? arg(param, i).value : TensorView{};
  }
  /// True when the parameter is absent or its value is known (so that `*_or` may be asked).
  bool settled(int param) const noexcept { return !has(param) || known(param); }

  // Scalars and small vectors from parameters. Absent: the default. Present but unknown: fails.
  std::int64_t int_or(int param, std::int64_t otherwise) const;
  double float_or(int param, double otherwise) const;
  bool bool_or(int param, bool otherwise) const;
  std::string_view string_or(int param, std::string_view otherwise) const;
  /// Integers (or bools as 0/1) of a vector or scalar parameter; `otherwise` when absent.
  Dims ints_or(int param, Dims otherwise) const;
  /// One of `allowed`; fails naming the parameter, what was found and what is allowed.
  std::size_t choice_or(int param, std::size_t otherwise,
                        std::span<const std::string_view> allowed) const;

  /// Fails for a text that is none of `allowed`, proposing the nearest of them.
  [[noreturn]] void fail_choice(int param, std::string_view found,
                                std::span<const std::string_view> allowed) const;
  /// Fails when a parameter is given and known to have other than one element.
  void expect_one(int param) const;

  /// Throws Error{parameters}: "<operation>: parameter '<name>': <message>".
  [[noreturn]] void fail(int param, std::string_view message) const;
  /// Throws Error{parameters}: "<operation>: <message>".
  [[noreturn]] void fail(std::string_view message) const;

  /// "operation 'x' (foo)", as it begins messages.
  std::string place() const;

  /// `axis` of a tensor of `rank` dimensions, negative counted from the end; fails when outside.
  std::int64_t axis(int param, std::int64_t value, std::size_t rank) const;

  // --- for whoever makes the call ---
  struct Range {
    std::uint16_t first = 0, count = 0;
  };
  /// Appends the arguments of the next parameter (in order of the canonical signature).
  void push_param(std::span<const Arg> args);

 protected:
  const Arg& arg(int param, int i) const noexcept {
    return args_[static_cast<std::size_t>(ranges_[static_cast<std::size_t>(param)].first + i)];
  }

 private:
  const OpDef* def_;
  const ir::Op* op_;
  base::InlineVector<Arg, 8> args_;
  base::InlineVector<Range, 12> ranges_;
};

/// Type inference of one call.
class InferContext : public Call {
 public:
  InferContext(const OpDef& def, const ir::Op* op, std::span<Type> results)
      : Call(def, op), results_(results) {}

  std::size_t result_count() const noexcept { return results_.size(); }
  /// The type declared in the program, before `set_result`: used by the few operations whose
  /// result type is not a function of their arguments.
  const Type& declared(std::size_t i = 0) const noexcept { return results_[i]; }
  void set_result(std::size_t i, Type type) { results_[i] = std::move(type); }
  void set_result(Type type) { results_[0] = std::move(type); }

 private:
  std::span<Type> results_;
};

/// Reference evaluation of one call. Values are dense; declared fp16 is held as fp32.
class EvalContext : public Call {
 public:
  /// How results get memory: when dims are known beforehand the runtime has placed the tensor;
  /// otherwise `allocate` is asked.
  struct Result {
    const Type* type = nullptr;  ///< declared, with the dims of this run where known
    MutableTensorView tensor;    ///< empty data: not placed yet
    List* list = nullptr;
  };
  using Allocate = std::function<MutableTensorView(std::size_t result, const Dims& dims)>;

  EvalContext(const OpDef& def, const ir::Op* op, std::span<Result> results, Allocate allocate)
      : Call(def, op), results_(results), allocate_(std::move(allocate)) {}

  /// Value of an argument; must be present.
  const TensorView& in(int param, int i = 0) const noexcept { return arg(param, i).value; }
  List& list(int param, int i = 0) const noexcept { return *arg(param, i).list; }

  std::size_t result_count() const noexcept { return results_.size(); }
  const Type& result_type(std::size_t i = 0) const noexcept { return *results_[i].type; }
  /// Result `i` with these dimensions: the placed tensor (whose dims must be equal), or a new one.
  MutableTensorView out(std::size_t i, const Dims& dims);
  /// Result `i`, whose dims were known from inference.
  MutableTensorView out(std::size_t i = 0);
  List& out_list(std::size_t i = 0) { return *results_[i].list; }

 private:
  std::span<Result> results_;
  Allocate allocate_;
};

// --- Access for reference loops -------------------------------------------------------------

/// Element `i` of a dense tensor as double (fp32, fp64, integers, bool).
double load_f(const TensorView& tensor, std::int64_t i) noexcept;
/// Element `i` as a 64-bit integer (integers, bool; floats truncated).
std::int64_t load_i(const TensorView& tensor, std::int64_t i) noexcept;
/// Truncates toward zero; values outside int64 saturate, NaN gives 0.
std::int64_t saturating_int(double value) noexcept;
/// Stores a double, rounded to the tensor's type (integers: truncated toward zero, wrapped).
void store_f(const MutableTensorView& tensor, std::int64_t i, double value) noexcept;
/// Stores an integer, wrapped to the tensor's width (bool: != 0).
void store_i(const MutableTensorView& tensor, std::int64_t i, std::int64_t value) noexcept;

/// Row-major strides of dense dims, in elements.
Dims dense_strides(std::span<const std::int64_t> dims);
/// Numpy broadcasting of two shapes with unknown dimensions; nothing when they do not agree.
bool broadcast(const Dims& a, const Dims& b, Dims& out) noexcept;
/// Fails: "parameters 'x' of shape [..] and 'y' of shape [..] cannot be broadcast together".
[[noreturn]] void fail_broadcast(const Call& call, int a, int b);
/// Strides that walk `dims` as if broadcast to `to` (0 where a dimension is stretched).
Dims broadcast_strides(std::span<const std::int64_t> dims, std::span<const std::int64_t> to);

/// Walks all index vectors of a shape in row-major order, keeping up to four linear offsets.
class IndexWalk {
 public:
  IndexWalk(std::span<const std::int64_t> dims, std::span<const Dims> strides);
  bool done() const noexcept { return left_ == 0; }
  void next() noexcept;
  std::int64_t offset(std::size_t which) const noexcept { return offsets_[which]; }
  std::span<const std::int64_t> index() const noexcept { return index_; }

 private:
  Dims dims_, index_;
  std::span<const Dims> strides_;
  std::int64_t offsets_[4] = {};
  std::int64_t left_ = 1;
};

}  // namespace pome::ops
