#include "runtime/classifier.h"

#include <algorithm>
#include <cstring>

#include "base/checked.h"
#include "base/text.h"
#include "pome/error.h"

namespace pome::runtime {

using base::cat;

namespace {

constexpr std::string_view classify_type = "classify";

[[noreturn]] void fail(const ir::Op& op, std::string_view message) {
  throw Error(ErrorCode::parameters, cat(op.place(), ": ", message));
}

void append_int64s(const ir::Op& op, const ir::Constant& constant, std::vector<std::int64_t>& out) {
  const auto bytes = constant.bytes();
  const std::size_t unit = constant.type.dtype == DataType::int64 ? 8 : 4;
  const bool known =
      constant.type.dtype == DataType::int64 || constant.type.dtype == DataType::int32;
  if (!known || bytes.empty() || bytes.size() % unit != 0)
    fail(op, cat("parameter 'classes': found ", ir::text(constant.type),
                 ", expected a list of strings or int64s"));
  for (std::size_t at = 0; at < bytes.size(); at += unit) {
    std::int64_t wide = 0;
    std::int32_t narrow = 0;
    if (unit == 8) {
      std::memcpy(&wide, bytes.data() + at, unit);
    } else {
      std::memcpy(&narrow, bytes.data() + at, unit);
      wide = narrow;
    }
    out.push_back(wide);
  }
}

// Classes are written as a list of one-element tensors; a tensor of all of them is taken too.
ClassLabels read_labels(const ir::Op& op) {
  const ir::Binding* binding = op.input("classes");
  const ir::Constant* classes = binding != nullptr ? binding->constant() : nullptr;
  if (classes == nullptr) fail(op, "parameter 'classes': is not a constant");
  std::vector<const ir::Constant*> parts{classes};
  if (const auto* items = std::get_if<ir::Constant::Items>(&classes->data)) {
    parts.clear();
    for (const ir::ConstantPtr& item : *items) parts.push_back(item.get());
  }
  std::vector<std::string> strings;
  std::vector<std::int64_t> numbers;
  for (const ir::Constant* part : parts) {
    if (part->type.dtype == DataType::string) {
      strings.insert(strings.end(), part->strings().begin(), part->strings().end());
    } else {
      append_int64s(op, *part, numbers);
    }
  }
  if (strings.empty() == numbers.empty())
    fail(op, strings.empty() ? "parameter 'classes': the list is empty, expected a class for each "
                               "probability"
                             : "parameter 'classes': the list mixes strings and numbers");
  if (!strings.empty()) return strings;
  return numbers;
}

/// Fails when it is plain from the types that probabilities and classes differ in number.
void check_count(const ir::Op& op, const ir::Type& probabilities, const ClassLabels& labels) {
  if (!probabilities.is_tensor() || !probabilities.ranked || !probabilities.is_static()) return;
  const auto found = std::visit(
      [](const auto& list) -> std::size_t {
        if constexpr (requires { list.size(); }) return list.size();
        return 0;
      },
      labels);
  const auto expected = base::element_count(probabilities.dims);
  if (expected && static_cast<std::size_t>(*expected) != found) {
    fail(op, cat("parameter 'classes': has ", found, " classes for probabilities of shape ",
                 base::shape_text(probabilities.dims)));
  }
}

const ir::Op* find_classify(const ir::Function& function) {
  const ir::Op* found = nullptr;
  ir::for_each_op(*function.body, [&](const ir::Op& op) {
    if (op.type() != classify_type) return;
    if (found != nullptr) fail(op, "a function can have only one classify operation");
    if (op.parent() != function.body.get())
      fail(op, "a classify operation cannot stand in an inner block");
    found = &op;
  });
  return found;
}

}  // namespace

ClassLabels class_labels(const ir::Function& function) {
  const ir::Op* op = find_classify(function);
  return op != nullptr ? read_labels(*op) : ClassLabels();
}

std::optional<Classifier> take_classifier(ir::Function& function) {
  const ir::Op* found = find_classify(function);
  if (found == nullptr) return std::nullopt;
  ir::Value* probabilities = found->input_value("probabilities");
  if (probabilities == nullptr)
    fail(*found, "parameter 'probabilities': is not a value that another operation gives");
  if (found->result_count() != 2)
    fail(*found, cat("has ", found->result_count(), " results, expected a label and a dictionary"));
  Classifier out;
  out.label_output = found->result(0).name;
  out.dictionary_output = found->result(1).name;
  out.probabilities_output = probabilities->name;
  out.labels = read_labels(*found);
  check_count(*found, probabilities->type, out.labels);

  ir::Block& body = *function.body;
  std::vector<ir::Value*> outputs;
  for (ir::Value* value : body.outputs()) {
    if (value->producer != found) outputs.push_back(value);
  }
  if (std::find(outputs.begin(), outputs.end(), probabilities) == outputs.end())
    outputs.push_back(probabilities);
  body.set_outputs(std::move(outputs));
  if (found->result(0).used() || found->result(1).used())
    fail(*found, "another operation uses its result, which is a label or a dictionary");
  for (const auto& op : body.operations()) {
    if (op.get() == found) {
      body.erase(op.get());
      break;
    }
  }
  return out;
}

std::string network_probabilities(const proto::Model& message) {
  const auto* network = message.neuralNetworkClassifier();
  if (network == nullptr) return {};
  if (!network->labelProbabilityLayerName.empty())
    return std::string(network->labelProbabilityLayerName);
  // Without a name it is what the network ends with.
  for (auto it = network->layers.rbegin(); it != network->layers.rend(); ++it) {
    if (!it->output.empty()) return std::string(it->output.front());
  }
  throw Error(ErrorCode::parameters, "the classifier has no layer that gives probabilities");
}

std::optional<Classifier> network_classifier(const proto::Model& message,
                                             const ModelDescription& description) {
  if (message.neuralNetworkClassifier() == nullptr) return std::nullopt;
  return Classifier{description.predicted_feature_name, description.predicted_probabilities_name,
                    network_probabilities(message), description.class_labels};
}

features::Classification classify(const MultiArray& probabilities, const ClassLabels& labels) {
  const MultiArray values = probabilities.converted_to(DataType::fp64);
  return features::classify(values.elements<double>(), labels);
}

}  // namespace pome::runtime
