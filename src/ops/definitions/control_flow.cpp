// cond and while_loop (run by the executor), and the states: read_state, write_state.
#include "base/text.h"
#include "ops/call.h"

namespace pome::ops::definitions {
namespace {

using base::cat;

// Types of control flow are inferred with its blocks (src/ops/infer.cpp).
void infer_nothing(InferContext&) {}

constexpr Param cond_params[] = {{.name = "pred", .types = t::boolean}};
constexpr OpVersion cond_versions[] = {{Opset::ios15, cond_params}};
constexpr Param while_params[] = {{.name = "loop_vars", .form = Form::any, .variadic = true}};
constexpr OpVersion while_versions[] = {{Opset::ios15, while_params}};

enum : int { input, data };

void infer_read(InferContext& call) {
  call.set_result(call.type(input).element());
}

void infer_write(InferContext& call) {
  const auto state = call.type(input).element();
  const auto& value = call.type(data);
  if (!ir::compatible(state, value)) {
    call.fail(data, cat("found ", ir::text(value), ", expected ", ir::text(state)));
  }
  if (call.result_count() != 0) call.set_result(state);
}

constexpr Param read_params[] = {{.name = "input", .form = Form::state}};
constexpr OpVersion read_versions[] = {{Opset::ios18, read_params}};
constexpr Param write_params[] = {
    {.name = "input", .form = Form::state},
    {.name = "data"},
};
constexpr OpVersion write_versions[] = {{Opset::ios18, write_params}};
constexpr Param update_params[] = {
    {.name = "state", .form = Form::state},
    {.name = "value"},
};
constexpr OpVersion update_versions[] = {{Opset::ios18, update_params}};

}  // namespace

extern const OpDef op_cond, op_while_loop, op_read_state, op_write_state, op_coreml_update_state;
const OpDef op_cond{.name = "cond",
                    .versions = cond_versions,
                    .min_results = 0,
                    .max_results = 255,
                    .infer = infer_nothing,
                    .effects = Effects::control_flow,
                    .blocks = 2};
const OpDef op_while_loop{.name = "while_loop",
                          .versions = while_versions,
                          .min_results = 0,
                          .max_results = 255,
                          .infer = infer_nothing,
                          .effects = Effects::control_flow,
                          .blocks = 2};
const OpDef op_read_state{.name = "read_state",
                          .versions = read_versions,
                          .infer = infer_read,
                          .effects = Effects::reads_state};
/// What coremltools writes for an update of a state; its result is read back by read_state.
const OpDef op_write_state{.name = "write_state",
                           .versions = write_versions,
                           .min_results = 0,
                           .max_results = 1,
                           .infer = infer_write,
                           .effects = Effects::writes_state};
/// The same under its name in coremltools, where the result is the state's new value.
const OpDef op_coreml_update_state{.name = "coreml_update_state",
                                   .versions = update_versions,
                                   .infer = infer_write,
                                   .effects = Effects::writes_state};

}  // namespace pome::ops::definitions
