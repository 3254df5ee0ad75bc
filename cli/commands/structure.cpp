#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <array>
#include <memory>
#include <utility>
#include <vector>

#include "base/text.h"
#include "command.h"
#include "describe_json.h"
#include "format/model_type.h"
#include "model_file.h"
#include "network.h"
#include "pipeline.h"
#include "report.h"

namespace pome::cli {

using base::cat;

namespace {

struct Options {
  std::string model;
  bool json = false;
  bool constants = false;
};

/// One line of the tree, with what hangs below it.
struct Node {
  std::string kind;  ///< "function", "operation", "layer", "model", "block"
  std::string type;  ///< of an operation, layer or model
  std::string name;
  std::string note;                                          ///< "ios17", "if"
  std::vector<std::pair<std::string, std::string>> inputs;   ///< parameter (may be empty), value
  std::vector<std::pair<std::string, std::string>> outputs;  ///< name, type (may be empty)
  std::vector<Node> children;
};

// Deeper trees are cut: pipelines, networks and blocks of real models nest a few levels.
constexpr int deepest = 70;

// "fp16[1, 640]" for lines; JSON has MIL's own spelling.
std::string short_type(std::string_view type) {
  constexpr std::string_view open = "tensor<";
  std::string out;
  while (!type.empty()) {
    const std::size_t at = type.find(open);
    const std::size_t comma = at == std::string_view::npos ? at : type.find(", [", at);
    const std::size_t close = comma == std::string_view::npos ? comma : type.find("]>", comma);
    if (close == std::string_view::npos) break;
    out += type.substr(0, at);
    out += type.substr(at + open.size(), comma - at - open.size());
    out += type.substr(comma + 2, close - comma - 1);
    type.remove_prefix(close + 2);
  }
  return out.append(type);
}

// --- programs -----------------------------------------------------------------------------------

bool is_constant(const ir::Op& op) {
  return op.type() == "const";
}

// Names of what comes in; constants that are written in place are named by their type.
std::string binding_text(const ir::Binding& binding) {
  return binding.value != nullptr ? binding.value->name : ir::text(binding.literal->type);
}

Node block_node(const ir::Block& block, bool constants, int depth);

Node operation_node(const ir::Op& op, bool constants, int depth) {
  Node node{"operation", op.type(), op.name(), {}, {}, {}, {}};
  for (const ir::Argument& argument : op.arguments()) {
    for (const ir::Binding& binding : argument.bindings) {
      const ir::Value* value = binding.value;
      const bool is_hidden =
          value == nullptr || (value->producer != nullptr && is_constant(*value->producer));
      if (constants || !is_hidden) node.inputs.emplace_back(argument.name, binding_text(binding));
    }
  }
  for (std::size_t i = 0; i < op.result_count(); ++i)
    node.outputs.emplace_back(op.result(i).name, ir::text(op.result(i).type));
  for (const auto& block : op.blocks())
    node.children.push_back(block_node(*block, constants, depth + 1));
  return node;
}

Node block_node(const ir::Block& block, bool constants, int depth) {
  Node node{"block", {}, {}, {}, {}, {}, {}};
  for (const auto& input : block.inputs())
    node.inputs.emplace_back(input->name, ir::text(input->type));
  for (const ir::Value* output : block.outputs())
    node.outputs.emplace_back(output->name, ir::text(output->type));
  if (depth >= deepest) return node;
  for (const auto& op : block.operations()) {
    if (constants || !is_constant(*op))
      node.children.push_back(operation_node(*op, constants, depth));
  }
  return node;
}

void add_functions(Node& model, const ir::Program& program, bool constants) {
  for (const auto& function : program.functions) {
    Node node = block_node(*function->body, constants, 0);
    node.kind = "function";
    node.name = function->name;
    node.note = opset_text(function->opset);
    model.children.push_back(std::move(node));
  }
}

// --- networks and pipelines
// -----------------------------------------------------------------------

void add_layers(Node& parent, const std::vector<proto::NeuralNetworkLayer>& layers, int depth) {
  if (depth >= deepest) return;
  for (const auto& layer : layers) {
    Node node{"layer", layer_type(layer), std::string(layer.name), {}, {}, {}, {}};
    for (const auto input : layer.input) node.inputs.emplace_back("", input);
    for (const auto output : layer.output) node.outputs.emplace_back(output, "");
    for (const auto& [what, network] : nested_networks(layer)) {
      Node inner{"block", {}, {}, what, {}, {}, {}};
      add_layers(inner, network->layers, depth + 1);
      node.children.push_back(std::move(inner));
    }
    parent.children.push_back(std::move(node));
  }
}

void add_message(Node& parent, const proto::Model& message, int depth) {
  if (const auto* layers = layers_of(message)) add_layers(parent, *layers, depth);
  const proto::Pipeline* pipeline = pipeline_of(message);
  if (pipeline == nullptr || depth >= deepest) return;
  for (std::size_t i = 0; i < pipeline->models.size(); ++i) {
    const proto::Model& inner = pipeline->models[i];
    Node node{"model",
              std::string(format::model_type_name(static_cast<std::uint32_t>(inner.Type.which()))),
              i < pipeline->names.size() ? std::string(pipeline->names[i]) : cat("model ", i),
              {},
              {},
              {},
              {}};
    if (inner.description) {
      for (const auto& input : inner.description->input) node.inputs.emplace_back("", input.name);
      for (const auto& output : inner.description->output)
        node.outputs.emplace_back(output.name, "");
    }
    add_message(node, inner, depth + 1);
    parent.children.push_back(std::move(node));
  }
}

Node make_tree(const ModelFile& model, bool constants) {
  const ModelDescription& description = model.description();
  std::filesystem::path path = model.files().path();
  if (!path.has_filename()) path = path.parent_path();
  Node root{"model", description.model_type, path.filename().native(), {}, {}, {}, {}};
  for (const FeatureDescription& input : description.inputs)
    root.inputs.emplace_back(input.name, input.type_text());
  for (const FeatureDescription& output : description.outputs)
    root.outputs.emplace_back(output.name, output.type_text());
  if (model.program != nullptr) {
    add_functions(root, *model.program, constants);
  } else if (model.espresso.is_null()) {
    add_message(root, model.message(), 0);
  } else {
    for (const EspressoLayer& layer : espresso_layers(model.espresso)) {
      Node node{"layer", layer.type, layer.name, {}, {}, {}, {}};
      for (const std::string& input : layer.inputs) node.inputs.emplace_back("", input);
      for (const std::string& output : layer.outputs) node.outputs.emplace_back(output, "");
      root.children.push_back(std::move(node));
    }
  }
  return root;
}

// --- printing
// -------------------------------------------------------------------------------------

std::string list_text(const std::vector<std::pair<std::string, std::string>>& items,
                      std::string_view joint) {
  std::string out;
  for (const auto& [first, second] : items) {
    if (!out.empty()) out += ", ";
    out += first;
    if (!first.empty() && !second.empty()) out += joint;
    out += joint == "=" ? second : short_type(second);
  }
  return printable(out);
}

void print_node(const Node& node, const Terminal& terminal, const std::string& indent, bool last,
                std::string& out) {
  const bool is_block = node.kind == "block" || node.kind == "function";
  const std::string_view label = node.type.empty() ? std::string_view(node.kind) : node.type;
  out += terminal.paint(Color::dim, cat(indent, last ? "└─ " : "├─ "));
  out += terminal.paint(is_block ? Color::bold : Color::cyan, printable(label));
  if (!node.name.empty()) out += cat(" ", printable(node.name));
  if (!node.note.empty()) out += cat(" ", printable(node.note));
  out += cat("(", list_text(node.inputs, is_block ? ": " : "="), ")");
  if (!node.outputs.empty()) {
    out += terminal.paint(Color::dim, " → ");
    out += list_text(node.outputs, ": ");
  }
  out += "\n";
  const std::string below = cat(indent, last ? "   " : "│  ");
  for (std::size_t i = 0; i < node.children.size(); ++i)  // as deep as `deepest` at most
    print_node(node.children[i], terminal, below, i + 1 == node.children.size(), out);
}

std::string tree_text(const Node& root, const Terminal& terminal) {
  std::string out =
      cat(terminal.paint(Color::bold, printable(root.name)), "  ", type_text(root.type), "\n");
  if (root.children.empty()) {
    out += cat("  in   ", list_text(root.inputs, ": "), "\n  out  ", list_text(root.outputs, ": "),
               "\n");
  }
  for (std::size_t i = 0; i < root.children.size(); ++i)
    print_node(root.children[i], terminal, "", i + 1 == root.children.size(), out);
  return out;
}

Json list_json(const std::vector<std::pair<std::string, std::string>>& items, const char* first,
               const char* second) {
  Json out = Json::array();
  for (const auto& [one, two] : items) {
    Json item;
    if (!one.empty()) item[first] = one;
    if (!two.empty()) item[second] = two;
    out.push_back(std::move(item));
  }
  return out;
}

Json tree_json(const Node& node) {
  Json out;
  out["kind"] = node.kind;
  if (!node.type.empty()) out["type"] = node.type;
  if (!node.name.empty()) out["name"] = node.name;
  if (!node.note.empty()) out[node.kind == "function" ? "opset" : "role"] = node.note;
  const bool by_parameter = node.kind == "operation" || node.kind == "layer";
  out["inputs"] = by_parameter ? list_json(node.inputs, "parameter", "value")
                               : list_json(node.inputs, "name", "type");
  out["outputs"] = list_json(node.outputs, "name", "type");
  if (node.children.empty()) return out;
  out["children"] = Json::array();
  for (const Node& child : node.children) out["children"].push_back(tree_json(child));
  return out;
}

Runner declare_structure(CLI::App& app) {
  auto options = std::make_shared<Options>();
  app.add_option("MODEL", options->model, "A .mlmodel, .mlpackage or .mlmodelc")->required();
  app.add_flag("--constants", options->constants, "Show constants of programs too");
  app.add_flag("--json", options->json, "Print JSON");
  return [options](const Context& context) {
    const ModelFile model = open_model(options->model);
    const Node tree = make_tree(model, options->constants);
    context.print(options->json ? json_text(tree_json(tree)) : tree_text(tree, context.out));
    return ExitCode::ok;
  };
}

constexpr std::array examples{
    Example{"pome structure Model.mlpackage | less -R", "The operations in order"},
    Example{"pome structure Model.mlpackage --json | jq '[.. | .type? // empty] | unique'",
            "Kinds of operations"},
};

}  // namespace

const Command structure_command{
    "structure", "Show functions, blocks and operations, layers, or a pipeline's models",
    "Each line has what comes in, then what goes out with its type. Constants of programs are left "
    "out unless --constants asks for them.",
    examples, declare_structure};

}  // namespace pome::cli
