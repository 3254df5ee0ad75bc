// Random programs for property tests: elementwise operations, views, joins, reductions, loops and
// branches over a few tensors of one size.
#pragma once

#include <random>
#include <string>
#include <vector>

#include "support/mil.h"

namespace pome::test {

/// Text of a program main(x [4, 6], y [4, 6], n) -> outputs. Values keep small: every result is
/// clipped to [-8, 8]. Equal seeds give equal programs.
class RandomProgram {
 public:
  explicit RandomProgram(unsigned seed) : random_(seed) {}

  std::string text(int size) {
    std::vector<std::string> scope{"x", "y"};
    std::string body;
    operations(body, scope, size, 0);
    std::string outputs;
    for (int i = 0; i < 3; ++i) outputs += (i == 0 ? "" : ", ") + output(body, scope, i);
    return mil("tensor<fp32, [4, 6]> x, tensor<fp32, [4, 6]> y, int32 n", body, outputs);
  }

  static std::vector<base::HostTensor> inputs(unsigned seed, std::int32_t n) {
    std::mt19937 random(seed);
    std::vector<float> a;
    std::vector<float> b;
    for (int i = 0; i < 24; ++i) {
      a.push_back(static_cast<float>(random() % 17) - 8);
      b.push_back(static_cast<float>(random() % 5) - 2);
    }
    return {floats({4, 6}, a), floats({4, 6}, b), scalar(n)};
  }

 private:
  static constexpr const char* matrix = "tensor<fp32, [4, 6]> ";

  std::string name() { return "v" + std::to_string(count_++); }
  std::size_t below(std::size_t n) { return random_() % n; }
  const std::string& any(const std::vector<std::string>& scope) {
    // Half of the time one of the latest, so that chains and long lives both occur.
    const auto n = scope.size();
    return scope[below(2) == 0 ? below(n) : n - 1 - below(n < 3 ? n : 3)];
  }

  /// An output of its own, since a value may be named once only.
  std::string output(std::string& body, const std::vector<std::string>& scope, int i) {
    auto out = "out" + std::to_string(i);
    body += matrix + out + " = mul(x = " + any(scope) + ", y = fp32(1));\n";
    return out;
  }

  void operations(std::string& body, std::vector<std::string>& scope, int size, int depth) {
    for (int i = 0; i < size; ++i) operation(body, scope, depth);
  }

  void operation(std::string& body, std::vector<std::string>& scope, int depth) {
    const auto out = name();
    switch (below(depth < 2 ? 10 : 8)) {
      case 0: body += matrix + out + " = relu(x = " + any(scope) + ");\n"; break;
      case 1: view(body, scope, out); break;
      case 2: join(body, scope, out); break;
      case 3: reduce(body, scope, out); break;
      case 8: branch(body, scope, out, depth); break;
      case 9: loop(body, scope, out, depth); break;
      default: sum(body, scope, out); break;
    }
    scope.push_back(out);
  }

  void sum(std::string& body, const std::vector<std::string>& scope, const std::string& out) {
    const auto t = name();
    const char* kinds[] = {"add", "sub", "maximum", "minimum"};
    body += matrix + t + " = " + kinds[below(4)] + "(x = " + any(scope) + ", y = " + any(scope) +
            ");\n" + matrix + out + " = clip(x = " + t + ", alpha = fp32(-8), beta = fp32(8));\n";
  }

  void view(std::string& body, const std::vector<std::string>& scope, const std::string& out) {
    const auto flat = name();
    const auto more = name();
    body += "tensor<fp32, [24]> " + flat + " = reshape(x = " + any(scope) +
            ", shape = tensor<int32, [1]>([24]));\n";
    const bool change = below(2) == 0;
    if (change) body += "tensor<fp32, [24]> " + more + " = abs(x = " + flat + ");\n";
    body += matrix + out + " = reshape(x = " + (change ? more : flat) +
            ", shape = tensor<int32, [2]>([4, 6]));\n";
  }

  void join(std::string& body, const std::vector<std::string>& scope, const std::string& out) {
    const auto both = name();
    const auto second = name();
    body += "tensor<fp32, [4, 12]> " + both + " = concat(values = (" + any(scope) + ", " +
            any(scope) + "), axis = int32(1), interleave = bool(false));\n" + matrix + out + ", " +
            matrix + second + " = split(x = " + both +
            ", num_splits = int32(2), axis = int32(1));\n";
  }

  void reduce(std::string& body, const std::vector<std::string>& scope, const std::string& out) {
    const auto most = name();
    body += "tensor<fp32, [4, 1]> " + most + " = reduce_max(x = " + any(scope) +
            ", axes = tensor<int32, [1]>([1]), keep_dims = bool(true));\n" + matrix + out +
            " = minimum(x = " + any(scope) + ", y = " + most + ");\n";
  }

  void branch(std::string& body, const std::vector<std::string>& scope, const std::string& out,
              int depth) {
    const auto p = name();
    body += "bool " + p + " = greater(x = n, y = int32(" + std::to_string(below(4)) + "));\n" +
            matrix + out + " = cond(pred = " + p + ") {\n";
    for (int b = 0; b < 2; ++b) {
      auto inner = scope;
      operations(body, inner, static_cast<int>(below(4)), depth + 1);
      body += "} -> (" + any(inner) + (b == 0 ? "), {\n" : ");\n");
    }
  }

  void loop(std::string& body, const std::vector<std::string>& scope, const std::string& out,
            int depth) {
    const std::string id = name();
    const auto end = "e" + id;
    const auto other = "o" + id;
    body += "int32 " + end + ", " + matrix + out + ", " + matrix + other +
            " = while_loop(loop_vars = (int32(0), " + any(scope) + ", " + any(scope) + "))\n" +
            "(int32 ci" + id + ", " + matrix + "ca" + id + ", " + matrix + "cb" + id +
            ") { bool go" + id + " = less(x = ci" + id + ", y = n); } -> (go" + id + "),\n" +
            "(int32 i" + id + ", " + matrix + "a" + id + ", " + matrix + "b" + id + ") {\n" +
            "int32 k" + id + " = add(x = i" + id + ", y = int32(1));\n";
    auto inner = scope;
    inner.push_back("a" + id);
    inner.push_back("b" + id);
    operations(body, inner, static_cast<int>(below(5)), depth + 1);
    body += "} -> (k" + id + ", " + any(inner) + ", " + any(inner) + ");\n";
  }

  std::mt19937 random_;
  int count_ = 0;
};

}  // namespace pome::test
