// Tables of programs that must be refused, each with the sentence that refuses it.
//
// A table is a text file of cases:
//
//     # a comment
//     opset ios17                         before the first case: of all cases of the file
//
//     == softmax: axis outside            operation that the sentence must name (unless a phrase
//                                         names another one), and a title
//     opset ios18                         of this case
//     x: fp32 [2, ?] at [2, 3] = 1 2 3 4 5 6
//     fp32 = softmax(x = x, axis = int32(2))
//     ! parameter 'axis' | axis 2 | expected -2 to 1
//     ~ int32(2) => int32(1)
//
// - `x:` is an input of the function: its declared type, the shape of this run where the declared
//   one leaves it open, and the elements (zeros when absent). `state` before the type makes it a
//   state, `list` a list of such tensors.
// - Everything else is MIL text, a statement or more. The short form gives the element types of the
//   results instead of names: `fp32, int32 = topk(...)` stands for two results y and y1 of unknown
//   shape. What the function returns is y, or what a line `-> a, b` names. Of constants there are
//   short forms too: arguments 3, 0.5, true and "text"; vectors int32[1, 2]; ones of a shape,
//   fp32{2, 3}.
// - `!` gives phrases of the sentence in their order. One of them names a parameter, unless a line
//   `whole` says that the error is about the operation as a whole.
// - `~` replaces text of the case; with all replacements made the program must run. This shows that
//   what the sentence complains about is all that is wrong. `~ none` where nothing can be mended.
// - A title without an operation before a colon is about the program, not an operation.
#pragma once

#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "base/inline_vector.h"
#include "base/tensor.h"
#include "ir/type.h"

namespace pome::test {

struct BadInput {
  std::string name;
  ir::Type declared;
  base::Dims run_dims;
  std::vector<double> values;  ///< empty: zeros
};

/// The program of a case, mended or not.
struct BadProgram {
  std::string mil;  ///< MIL text of a whole program
  std::vector<BadInput> inputs;
};

struct BadCase {
  std::string file;
  int number = 0;         ///< of its first line
  std::string title;      ///< as written
  std::string operation;  ///< named by the title; empty: the case is about the program
  std::string opset;
  std::vector<std::string> body;  ///< inputs and statements, a line each
  std::string outputs;            ///< what `->` names; empty: y
  std::vector<std::string> phrases;
  std::vector<std::pair<std::string, std::string>> repairs;
  bool beyond_repair = false;  ///< `~ none`
  bool whole = false;

  std::string place() const { return file + ":" + std::to_string(number) + ": " + title; }
  BadProgram program() const { return assemble(body); }
  /// Throws std::runtime_error when a replacement finds nothing to replace.
  BadProgram repaired() const;

 private:
  BadProgram assemble(const std::vector<std::string>& lines) const;
};

/// Throws std::runtime_error naming file and line where a table is not written as above.
std::vector<BadCase> read_table(const std::filesystem::path& file);

}  // namespace pome::test
