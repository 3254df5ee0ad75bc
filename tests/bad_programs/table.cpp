#include "table.h"

#include <algorithm>
#include <fstream>
#include <regex>
#include <sstream>
#include <stdexcept>

#include "base/text.h"
#include "pome/data_type.h"

namespace pome::test {
namespace {

std::string trimmed(const std::string& text) {
  const auto first = text.find_first_not_of(" \t");
  if (first == std::string::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

std::vector<std::string> split(const std::string& text, const std::string& separator) {
  std::vector<std::string> parts;
  std::size_t from = 0;
  for (;;) {
    const auto at = text.find(separator, from);
    parts.push_back(trimmed(text.substr(from, at - from)));
    if (at == std::string::npos) return parts;
    from = at + separator.size();
  }
}

base::Dims read_dims(const std::string& text) {
  base::Dims dims;
  if (trimmed(text).empty()) return dims;
  for (const auto& part : split(text, ",")) {
    dims.push_back(part == "?" ? ir::unknown_dim : std::stoll(part));
  }
  return dims;
}

std::string mil_type(const ir::Type& type) {
  return ir::text(type);
}

/// An input line, or false when the line is not one.
bool read_input(const std::string& line, BadInput& input) {
  static const std::regex form(
      R"(^(\w+): (state )?(\w+) (?:\[([^\]]*)\]|(unranked))(?: at \[([^\]]*)\])?(?: = (.*))?$)");
  static const std::regex list(R"(^(\w+): list (\w+) \[([^\]]*)\]$)");
  std::smatch m;
  if (std::regex_match(line, m, list)) {
    input = {};
    input.name = m[1];
    input.declared = ir::Type::list(
        ir::Type::tensor(parse_data_type(m[2].str()).value(), read_dims(m[3].str())));
    return true;
  }
  if (!std::regex_match(line, m, form)) return false;
  const auto dtype = parse_data_type(m[3].str());
  if (!dtype) throw std::runtime_error("unknown type in: " + line);
  input = {};
  input.name = m[1];
  input.declared =
      m[5].matched ? ir::Type::unranked(*dtype) : ir::Type::tensor(*dtype, read_dims(m[4].str()));
  if (m[2].matched) input.declared = ir::Type::state(input.declared);
  input.run_dims = m[6].matched ? read_dims(m[6].str()) : input.declared.dims;
  std::istringstream values(m[7].str());
  for (std::string v; values >> v;) input.values.push_back(std::stod(v));
  return true;
}

/// Ones of a shape as a nested literal.
std::string ones(const base::Dims& dims, std::size_t axis = 0) {
  if (axis == dims.size()) return "1";
  std::string out = "[";
  for (std::int64_t i = 0; i < dims[axis]; ++i) {
    out += (i == 0 ? "" : ", ") + ones(dims, axis + 1);
  }
  return out + "]";
}

/// Replaces every match of a form by what `write` makes of it.
template <typename Write>
std::string rewritten(const std::string& text, const std::regex& form, Write write) {
  std::string out;
  auto from = text.begin();
  for (std::sregex_iterator i(text.begin(), text.end(), form), end; i != end; ++i) {
    out.append(from, (*i)[0].first);
    out += write(*i);
    from = (*i)[0].second;
  }
  return out.append(from, text.end());
}

/// The short forms of constants written out.
std::string constants(const std::string& line) {
  static const std::regex vector(R"(\b(fp16|fp32|u?int\d+|bool|string)\[([^\]]*)\])");
  static const std::regex filled(R"(\b(fp16|fp32|u?int\d+|bool)\{([^}]*)\})");
  static const std::regex scalar(R"((\w+ = |[(,] ?)(-?\d+\.\d+|-?\d+|true|false|"[^"]*")(?=[,)]))");
  auto out = rewritten(line, scalar, [](const std::smatch& m) {
    if (!m[1].str().ends_with("= ")) return m.str();
    const auto value = m[2].str();
    const auto* type = value.front() == '"'                   ? "string"
                       : value == "true" || value == "false"  ? "bool"
                       : value.find('.') != std::string::npos ? "fp32"
                                                              : "int32";
    return base::cat(m[1].str(), type, "(", value, ")");
  });
  out = rewritten(out, vector, [](const std::smatch& m) {
    const auto text = trimmed(m[2].str());
    const auto n = text.empty() ? 0 : std::ranges::count(text, ',') + 1;
    return base::cat("tensor<", m[1].str(), ", [", n, "]>([", text, "])");
  });
  return rewritten(out, filled, [](const std::smatch& m) {
    const auto dims = read_dims(m[2].str());
    return base::cat("tensor<", m[1].str(), ", ", base::shape_text(dims), ">(", ones(dims), ")");
  });
}

/// The short form of a statement written out, or the line as it is.
std::string statement(const std::string& short_line) {
  auto line = constants(short_line);
  static const std::regex form(R"(^((?:\w+(?:, \w+)*)?)\s*= (\w+\(.*)$)");
  std::smatch m;
  if (!std::regex_match(line, m, form)) return line;
  std::string left;
  if (m[1].length() != 0) {
    const auto types = split(m[1].str(), ",");
    for (std::size_t i = 0; i < types.size(); ++i) {
      if (!parse_data_type(types[i])) return line;
      left += base::cat(i == 0 ? "" : ", ", "tensor<", types[i], ", ?> y",
                        i == 0 ? std::string() : std::to_string(i));
    }
    left += " = ";
  }
  return left + m[2].str() + "[name = string(\"y\")];";
}

}  // namespace

BadProgram BadCase::assemble(const std::vector<std::string>& lines) const {
  BadProgram out;
  std::string parameters, statements;
  for (const auto& line : lines) {
    BadInput input;
    if (read_input(line, input)) {
      parameters += (parameters.empty() ? "" : ", ") + mil_type(input.declared) + " " + input.name;
      out.inputs.push_back(std::move(input));
    } else {
      statements += statement(line) + "\n";
    }
  }
  out.mil = "program(1.0) { func main<" + opset + ">(" + parameters + ") {\n" + statements +
            "} -> (" + (outputs.empty() ? "y" : outputs) + "); }";
  return out;
}

BadProgram BadCase::repaired() const {
  auto lines = body;
  for (const auto& [from, to] : repairs) {
    bool found = false;
    for (auto& line : lines) {
      for (auto at = line.find(from); at != std::string::npos;
           at = line.find(from, at + to.size())) {
        line.replace(at, from.size(), to);
        found = true;
      }
    }
    if (!found) throw std::runtime_error(place() + ": there is no '" + from + "' to replace");
  }
  return assemble(lines);
}

std::vector<BadCase> read_table(const std::filesystem::path& file) {
  std::ifstream in(file);
  if (!in) throw std::runtime_error("cannot read " + file.string());
  std::vector<BadCase> cases;
  std::string opset = "ios18";
  int number = 0;
  for (std::string raw; std::getline(in, raw);) {
    ++number;
    const auto line = trimmed(raw);
    if (line.empty() || line.starts_with('#')) continue;
    const auto place = file.filename().string() + ":" + std::to_string(number);
    if (line.starts_with("== ")) {
      auto& fresh = cases.emplace_back();
      fresh.file = file.filename().string();
      fresh.number = number;
      fresh.title = line.substr(3);
      fresh.opset = opset;
      if (const auto colon = fresh.title.find(": "); colon != std::string::npos) {
        fresh.operation = fresh.title.substr(0, colon);
      }
    } else if (line.starts_with("opset ")) {
      (cases.empty() ? opset : cases.back().opset) = line.substr(6);
    } else if (cases.empty()) {
      throw std::runtime_error(place + ": expected '== title' first");
    } else if (line.starts_with("! ")) {
      for (auto& phrase : split(line.substr(2), " | ")) cases.back().phrases.push_back(phrase);
    } else if (line == "~ none") {
      cases.back().beyond_repair = true;
    } else if (line.starts_with("~ ")) {
      const auto arrow = line.find(" =>");
      if (arrow == std::string::npos) throw std::runtime_error(place + ": expected '=>'");
      cases.back().repairs.emplace_back(trimmed(line.substr(2, arrow - 2)),
                                        trimmed(line.substr(arrow + 3)));
    } else if (line.starts_with("-> ")) {
      cases.back().outputs = line.substr(3);
    } else if (line == "whole") {
      cases.back().whole = true;
    } else {
      cases.back().body.push_back(line);
    }
  }
  return cases;
}

}  // namespace pome::test
