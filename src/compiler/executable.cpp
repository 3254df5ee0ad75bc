#include "compiler/executable.h"

#include <algorithm>
#include <cstring>
#include <limits>
#include <new>

#include "base/checked.h"
#include "base/half.h"
#include "base/text.h"
#include "compiler/plan.h"
#include "compiler/run.h"
#include "ops/resolve.h"
#include "passes/pass.h"
#include "pome/error.h"

namespace pome::compiler {
namespace {

using base::cat;
using exec::TensorRef;

/// Signatures of one function that are kept planned.
constexpr std::size_t max_signatures = 64;

std::int64_t count_of(std::span<const std::int64_t> dims) {
  return base::element_count(dims).value_or(-1);
}

bool is_dense(const InputTensor& input) {
  std::int64_t expected = 1;
  for (std::size_t i = input.dims.size(); i-- > 0;) {
    if (!input.strides.empty() && input.dims[i] != 1 && input.strides[i] != expected) return false;
    expected *= input.dims[i];
  }
  return true;
}

template <typename From>
void floats_from(const void* from, std::int64_t n, float* to) noexcept {
  const auto* values = static_cast<const From*>(from);
  for (std::int64_t i = 0; i < n; ++i) to[i] = static_cast<float>(values[i]);
}

void floats_from_f16(const void* from, std::int64_t n, float* to) noexcept {
  const auto* halves = static_cast<const std::uint16_t*>(from);
  for (std::int64_t i = 0; i < n; ++i) to[i] = base::f32_from_f16(halves[i]);
}

/// Elements of this type as floats, in one loop; null for types that callers rarely bring.
auto float_converter(DataType dtype) noexcept
    -> void (*)(const void*, std::int64_t, float*) noexcept {
  switch (dtype) {
    case DataType::fp16: return floats_from_f16;
    case DataType::fp32: return floats_from<float>;
    case DataType::fp64: return floats_from<double>;
    case DataType::int32: return floats_from<std::int32_t>;
    case DataType::uint8: return floats_from<std::uint8_t>;
    default: return nullptr;
  }
}

/// Dense elements to floats, where there is a loop for their type; false where there is none.
bool convert_floats(const InputTensor& input, std::int64_t n, DataType declared, void* to) {
  const auto convert = float_converter(input.dtype);
  const auto size = static_cast<std::uintptr_t>(std::max(1, bits(input.dtype) / 8));
  const bool aligned = reinterpret_cast<std::uintptr_t>(input.data) % size == 0;
  if (convert == nullptr || !aligned) return false;
  auto* floats = static_cast<float*>(to);
  convert(input.data, n, floats);
  if (declared == DataType::fp16 && input.dtype != DataType::fp16) {
    for (std::int64_t i = 0; i < n; ++i) floats[i] = base::round_to_f16(floats[i]);
  }
  return true;
}

/// Writes a caller's tensor as dense elements of the storage type of `declared`; values for fp16
/// are rounded to what float16 can hold.
void convert_input(const InputTensor& input, DataType declared, void* to) {
  const auto storage = base::storage_type(declared);
  const base::TensorView from{input.data, input.dtype, input.dims};
  const base::MutableTensorView out{to, storage, input.dims};
  const auto n = from.size();
  const bool to_floats = declared == DataType::fp32 || declared == DataType::fp16;
  if (to_floats && is_dense(input) && convert_floats(input, n, declared, to)) return;
  const auto strides = input.strides.empty() ? ops::dense_strides(input.dims) : input.strides;
  const bool floating = is_float(storage) || is_float(input.dtype);
  std::int64_t i = 0;
  const auto convert = [&](std::int64_t at) {
    if (floating) {
      const double value = ops::load_f(from, at);
      ops::store_f(
          out, i,
          declared == DataType::fp16 ? base::round_to_f16(static_cast<float>(value)) : value);
    } else {
      ops::store_i(out, i, ops::load_i(from, at));
    }
  };
  if (is_dense(input)) {
    for (; i < n; ++i) convert(i);
    return;
  }
  const Dims walks[] = {strides};
  for (ops::IndexWalk walk(input.dims, walks); !walk.done(); walk.next(), ++i) {
    convert(walk.offset(0));
  }
}

void publish_output(const TensorRef& from, DataType declared, HostTensor& to) {
  const Dims dims(from.shape());
  if (to.dtype() != declared || !(to.dims() == dims)) to = HostTensor(declared, dims);
  const auto view = to.mutable_view();
  const auto n = view.size();
  if (declared == from.dtype) {
    if (to.byte_size() != 0) std::memcpy(view.data, from.data, to.byte_size());
  } else if (declared == DataType::fp16) {
    const auto* values = from.as<const float>();
    auto* halves = static_cast<std::uint16_t*>(view.data);
    for (std::int64_t i = 0; i < n; ++i) halves[i] = base::f16_from_f32(values[i]);
  } else {
    const base::TensorView source{from.data, from.dtype, from.shape()};
    for (std::int64_t i = 0; i < n; ++i) ops::store_i(view, i, ops::load_i(source, i));
  }
}

/// What callers hand over and get back are tensors of numbers or bools.
void require_numbers(const ir::Function& function, std::string_view what, std::string_view name,
                     const ir::Type& type, std::string_view expected) {
  const bool text = type.is_tensor() && type.dtype == DataType::string;
  if (type.is_tensor() && !text) return;
  throw Error(ErrorCode::unsupported, cat("function ", base::quoted(function.name), ": ", what, " ",
                                          base::quoted(name), " is ", ir::text(type), ", expected ",
                                          text ? "a tensor of numbers or bools" : expected));
}

class FunctionExecutable final : public Executable {
 public:
  FunctionExecutable(std::shared_ptr<const Lowered> lowered, const ir::Function& function)
      : low_(std::move(lowered)), plans_(max_signatures) {
    const auto& body = low_->flat.body();
    for (const auto id : body.inputs) {
      const auto& value = *low_->flat.values[id].value;
      if (low_->state_slots[id] >= 0) {
        if (!value.type.ranked || !value.type.is_static()) {
          throw Error(
              ErrorCode::unsupported,
              cat("function ", base::quoted(function.name), ": state ", base::quoted(value.name),
                  " is ", ir::text(value.type), ", expected one whose size is known"));
        }
        states_.push_back({value.name, value.type.element()});
      } else {
        require_numbers(function, "input", value.name, value.type, "a tensor or a state");
        inputs_.push_back({value.name, value.type});
      }
    }
    for (const auto* value : function.body->outputs()) {
      outputs_.push_back({value->name, low_->facts.types[value->id]});
      require_numbers(function, "output", value->name, outputs_.back().type, "a tensor");
    }
  }

  std::span<const Operand> inputs() const noexcept override { return inputs_; }
  std::span<const Operand> outputs() const noexcept override { return outputs_; }
  std::span<const Operand> states() const noexcept override { return states_; }
  std::int64_t weight_bytes() const noexcept override { return low_->weights->packed_bytes(); }
  std::int64_t planned_signatures() const noexcept override {
    return static_cast<std::int64_t>(plans_.size());
  }
  const Lowered& lowered() const noexcept override { return *low_; }

  std::shared_ptr<StateSet> make_state() const override {
    return std::make_shared<StateSet>(states_);
  }

  void predict(std::span<const InputTensor> inputs, std::vector<HostTensor>& outputs,
               StateSet* state, const RunOptions& options) const override {
    try {
      predict_once(inputs, outputs, state, options);
    } catch (const std::bad_alloc&) {
      throw Error(ErrorCode::out_of_memory,
                  cat("function ", base::quoted(low_->flat.function->name),
                      ": no memory is left for the values of a prediction"));
    }
  }

 private:
  void predict_once(std::span<const InputTensor> inputs, std::vector<HostTensor>& outputs,
                    StateSet* state, const RunOptions& options) const {
    check_inputs(inputs);
    std::optional<StateSet::Use> use;
    exec::Slots slots;
    if (!states_.empty()) {
      if (!state) {
        throw Error(ErrorCode::parameters,
                    cat("the model has states (", base::quoted(states_.front().name),
                        " ...): make one with make_state() and pass it to predict"));
      }
      use.emplace(*state);
      slots.states = use->tensors();
    }
    slots.lists.resize(low_->list_count);
    const auto plan = plan_for(inputs);
    std::optional<base::Budget> own;
    if (!options.budget) own.emplace();
    Run run(*low_, slots, options.stop, options.budget ? *options.budget : *own);
    base::InlineVector<void*, 16> imports;
    for (std::size_t i = 0; i < inputs.size(); ++i) imports.push_back(in_place(inputs[i], i));
    const auto refs = run.root(plan, imports, [&](std::size_t i, void* to) {
      convert_input(inputs[i], inputs_[i].type.dtype, to);
    });
    outputs.resize(outputs_.size());
    for (std::size_t i = 0; i < refs.size(); ++i) {
      publish_output(refs[i], outputs_[i].type.dtype, outputs[i]);
    }
  }

  /// The caller's memory when a kernel can read it as it is; null when it has to be converted.
  void* in_place(const InputTensor& input, std::size_t i) const {
    const auto declared = inputs_[i].type.dtype;
    const bool same = input.dtype == declared && base::storage_type(declared) == declared;
    const bool aligned = reinterpret_cast<std::uintptr_t>(input.data) %
                             static_cast<std::uintptr_t>(std::max(1, bits(declared) / 8)) ==
                         0;
    // Kernels never write to imports.
    return same && aligned && is_dense(input) ? const_cast<void*>(input.data) : nullptr;
  }

  void check_inputs(std::span<const InputTensor> inputs) const {
    if (inputs.size() != inputs_.size()) {
      throw Error(ErrorCode::feature_type,
                  cat("the function has ", inputs_.size(), " inputs, found ", inputs.size()));
    }
    for (std::size_t i = 0; i < inputs.size(); ++i) {
      const auto& declared = inputs_[i].type;
      auto found = ir::Type::tensor(declared.dtype, inputs[i].dims);
      if (count_of(inputs[i].dims) < 0 || !ir::compatible(declared, found)) {
        throw Error(ErrorCode::feature_type, cat("input ", base::quoted(inputs_[i].name),
                                                 ": found shape ", base::shape_text(inputs[i].dims),
                                                 ", expected ", base::shape_text(declared.dims)));
      }
    }
  }

  std::shared_ptr<Plan> plan_for(std::span<const InputTensor> inputs) const {
    // Room for the dimensions of a dozen inputs without allocation.
    base::InlineVector<std::int64_t, 64> key;
    for (const auto& input : inputs) {
      for (const auto d : input.dims) key.push_back(d);
      key.push_back(-1);
    }
    return plans_.get(key, [&] {
      std::vector<ir::Type> types;
      std::size_t next = 0;
      for (const auto id : low_->flat.body().inputs) {
        types.push_back(low_->flat.values[id].declared);
        if (low_->state_slots[id] >= 0) continue;
        types.back().ranked = true;
        types.back().dims = inputs[next++].dims;
      }
      auto facts = ops::infer(low_->flat, types);
      return make_plan(low_, 0, 0, std::move(facts), low_->list_slots);
    });
  }

  std::shared_ptr<const Lowered> low_;
  std::vector<Operand> inputs_, outputs_, states_;
  mutable PlanCache plans_;
};

}  // namespace

StateSet::StateSet(std::span<const Operand> operands)
    : operands_(operands.begin(), operands.end()) {
  base::Budget budget;
  for (const auto& operand : operands_) {
    const auto storage = base::storage_type(operand.type.dtype);
    const auto count = base::element_count(operand.type.dims);
    const auto bytes = count ? base::byte_count(*count, storage) : count;
    budget.take(bytes.value_or(std::numeric_limits<std::int64_t>::max()),
                cat("state ", base::quoted(operand.name)));
    tensors_.emplace_back(storage, operand.type.dims);
  }
}

StateSet::Use::Use(StateSet& set) : set_(set) {
  if (set_.busy_.test_and_set(std::memory_order_acquire)) {
    throw Error(ErrorCode::parameters,
                "the state is in use by another prediction; a state serves one at a time");
  }
}

std::size_t StateSet::find(std::string_view name) const {
  std::vector<std::string_view> names;
  for (std::size_t i = 0; i < operands_.size(); ++i) {
    if (operands_[i].name == name) return i;
    names.push_back(operands_[i].name);
  }
  throw Error(ErrorCode::parameters,
              cat("there is no state ", base::quoted(name),
                  names.empty() ? std::string() : cat(", expected ", base::list_text(names))));
}

std::shared_ptr<const Executable> compile(std::shared_ptr<ir::Program> program,
                                          std::string_view function,
                                          std::shared_ptr<exec::WeightStore> weights,
                                          CompileOptions options) {
  auto* found = program->find(function);
  if (!found) {
    std::vector<std::string_view> names;
    for (const auto& f : program->functions) names.push_back(f->name);
    throw Error(ErrorCode::parameters, cat("there is no function ", base::quoted(function),
                                           ", expected ", base::list_text(names)));
  }
  ops::resolve(*found);
  ops::infer_types(*found);
  passes::run_all(*found, options.disabled_passes, options.numerics == exec::Numerics::as_declared);
  auto lowered = lower(std::move(program), *found, std::move(weights), std::move(options));
  return std::make_shared<FunctionExecutable>(std::move(lowered), *found);
}

}  // namespace pome::compiler
