#include "frontend/program/import.h"

#include <algorithm>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/text.h"
#include "frontend/program/values.h"
#include "pome/error.h"

namespace pome::frontend {
namespace {

using base::cat;
namespace mil = proto::mil;

[[noreturn]] void fail(std::string message) {
  throw Error(ErrorCode::io, std::move(message));
}

constexpr std::size_t max_parameters = 1024;  // of an operation; also its attributes

/// Entries of a map field by name; the last of those that come twice counts, as protobuf has it.
template <typename V>
std::vector<std::pair<std::string_view, const V*>> sorted(
    const proto::Map<std::string_view, V>& map) {
  std::vector<std::pair<std::string_view, const V*>> out;
  out.reserve(map.size());
  for (auto it = map.rbegin(); it != map.rend(); ++it) out.emplace_back(it->first, &it->second);
  const auto by_name = [](const auto& entry) { return entry.first; };
  std::ranges::stable_sort(out, {}, by_name);
  const auto is_same = [](const auto& a, const auto& b) { return a.first == b.first; };
  out.erase(std::unique(out.begin(), out.end(), is_same), out.end());
  return out;
}

class Importer {
 public:
  Importer(const std::shared_ptr<const void>& owner, base::Budget& budget)
      : owner_(owner), budget_(budget) {}

  std::unique_ptr<ir::Program> run(const mil::Program& message) {
    auto program = std::make_unique<ir::Program>();
    if (message.version != 1)
      fail(cat("program version ", message.version, " is not known, expected 1"));
    program->version = message.version;
    program->doc = std::string(message.docString);
    program->attributes = attributes(message.attributes);
    for (const auto& [name, function] : sorted(message.functions)) {
      try {
        if (name.empty()) fail("has no name");
        program->functions.push_back(import_function(name, *function));
      } catch (Error& error) {
        throw error.within(cat("function ", base::quoted(name)));
      }
    }
    if (program->functions.empty()) fail("the program has no functions");
    return program;
  }

 private:
  using Scope = std::vector<std::string_view>;

  std::vector<ir::Attribute> attributes(const proto::Map<std::string_view, mil::Value>& map) {
    if (map.size() > max_parameters) {
      fail(cat("there are ", map.size(), " attributes, expected at most ", max_parameters));
    }
    std::vector<ir::Attribute> out;
    for (const auto& [name, value] : sorted(map)) {
      try {
        out.emplace_back(std::string(name), import_value(*value, owner_, budget_));
      } catch (Error& error) {
        throw error.within(cat("attribute ", base::quoted(name)));
      }
    }
    return out;
  }

  std::unique_ptr<ir::Function> import_function(std::string_view name,
                                                const mil::Function& message) {
    auto function = std::make_unique<ir::Function>(std::string(name), std::string(message.opset));
    function->attributes = attributes(message.attributes);
    const auto* block = message.block_specializations.find(message.opset);
    if (!block) {
      std::vector<std::string_view> names;
      for (const auto& [key, value] : message.block_specializations) names.push_back(key);
      fail(cat("its opset is ", base::quoted(message.opset), ", its blocks are for ",
               names.empty() ? std::string("none") : base::list_text(names)));
    }
    Scope scope;
    for (const auto& input : message.inputs) {
      define(function->body->add_input(std::string(input.name), value_type(input)), scope);
    }
    fill_block(*block, *function->body, scope, 0);
    leave(scope);
    return function;
  }

  ir::Type value_type(const mil::NamedValueType& message) {
    try {
      if (!message.type) fail("has no type");
      return import_type(*message.type);
    } catch (Error& error) {
      throw error.within(cat("value ", base::quoted(message.name)));
    }
  }

  void define(ir::Value& value, Scope& scope) {
    if (value.name.empty()) fail("a value has no name");
    if (!values_.try_emplace(value.name, &value).second) {
      fail(cat("the name ", base::quoted(value.name), " is given twice"));
    }
    scope.push_back(value.name);
  }

  void leave(Scope& scope) {
    for (const auto name : scope) values_.erase(name);
    scope.clear();
  }

  ir::Value* find(std::string_view name, std::string_view where) {
    const auto at = values_.find(name);
    if (at == values_.end()) {
      fail(cat(where, ": ", base::quoted(name), " is not defined before its use"));
    }
    return at->second;
  }

  // Recursive over nested blocks, to a fixed depth.
  void fill_block(const mil::Block& message, ir::Block& block, Scope& scope, int depth) {
    if (depth > ir::max_block_depth) {
      fail(cat("blocks are nested deeper than ", ir::max_block_depth));
    }
    block.attributes = attributes(message.attributes);
    if (depth > 0) {
      for (const auto& input : message.inputs) {
        define(block.add_input(std::string(input.name), value_type(input)), scope);
      }
    }
    for (const auto& operation : message.operations) {
      auto& op = block.append(std::make_unique<ir::Op>(std::string(operation.type), ""));
      try {
        fill_op(operation, op, scope, depth);
      } catch (Error& error) {
        throw error.within(op.place());
      }
    }
    std::vector<ir::Value*> outputs;
    for (const auto name : message.outputs) outputs.push_back(find(name, "block output"));
    block.set_outputs(std::move(outputs));
  }

  void fill_op(const mil::Operation& message, ir::Op& op, Scope& scope, int depth) {
    budget_.take(sizeof(ir::Op) + sizeof(ir::Value), "operations");
    if (message.type.empty()) fail("an operation has no type");
    // Named first, so that an error in an attribute can say whose it is.
    if (!message.outputs.empty()) op.set_name(std::string(message.outputs.front().name));
    for (auto& [name, value] : attributes(message.attributes)) {
      if (name == "name" && !value->strings().empty() && !value->strings().front().empty()) {
        op.set_name(value->strings().front());
      }
      op.set_attribute(name, std::move(value));
    }
    op.source = {op.name(), op.type()};
    add_arguments(message, op);
    for (const auto& nested : message.blocks) {
      Scope inner;
      fill_block(nested, op.add_block(), inner, depth + 1);
      leave(inner);
    }
    for (const auto& output : message.outputs) {
      define(op.add_result(std::string(output.name), value_type(output)), scope);
    }
    if (op.type() == "const") check_const(op);
  }

  void add_arguments(const mil::Operation& message, ir::Op& op) {
    if (message.inputs.size() > max_parameters) {
      fail(cat("has ", message.inputs.size(), " parameters, expected at most ", max_parameters));
    }
    for (const auto& [name, argument] : sorted(message.inputs)) {
      std::vector<ir::Binding> bindings;
      const auto where = cat("parameter ", base::quoted(name));
      for (const auto& binding : argument->arguments) {
        if (const auto value_name = binding.name()) {
          bindings.emplace_back(find(*value_name, where));
        } else if (const auto* value = binding.value()) {
          try {
            bindings.emplace_back(import_value(*value, owner_, budget_));
          } catch (Error& error) {
            throw error.within(where);
          }
        } else {
          fail(cat(where, " is bound to nothing"));
        }
      }
      op.set_argument(name, std::move(bindings));
    }
  }

  static void check_const(const ir::Op& op) {
    const auto* value = op.attribute("val");
    if (!value) fail("has no attribute 'val'");
    if (op.result_count() != 1) fail(cat("has ", op.result_count(), " results, expected 1"));
    if (!ir::compatible(op.result().type, value->type)) {
      fail(cat("declares ", ir::text(op.result().type), ", its value is ", ir::text(value->type)));
    }
  }

  const std::shared_ptr<const void>& owner_;
  base::Budget& budget_;
  std::unordered_map<std::string_view, ir::Value*> values_;
};

}  // namespace

std::unique_ptr<ir::Program> import_program(const mil::Program& message,
                                            const std::shared_ptr<const void>& owner,
                                            base::Budget& budget) {
  auto program = Importer(owner, budget).run(message);
  ir::verify(*program);
  return program;
}

}  // namespace pome::frontend
