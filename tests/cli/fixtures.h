// Small models made on the spot, and the program run as a user runs it.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace pome::cli {

/// A package `y = x + w`: x and y are fp32 1 x 3, w = [1, 2, 3] lies in weights/weight.bin.
void write_adder_package(const std::filesystem::path& folder);
/// The same program compiled: model.mil is text that tests may edit.
void write_adder_compiled(const std::filesystem::path& folder);
/// A package with one image input "picture" (RGB, 4 x 4) and the output "pixels" (1 x 3 x 4 x 4).
void write_picture_package(const std::filesystem::path& folder);
/// A classifier of ["cat", "cup", "dog"] whose probabilities are its input "x" (3 elements):
/// outputs "label" and "scores".
void write_classifier_package(const std::filesystem::path& folder);
/// A neural network with a layer of a type that does not exist.
void write_network(const std::filesystem::path& file);
/// A pipeline of that network and a custom model.
void write_pipeline(const std::filesystem::path& file);
/// An empty model of this field number of the specification, with one input and one output.
void write_empty_model(const std::filesystem::path& file, int type);

/// Writes those of these models that `text` names: p.mlpackage (adder), w.mlpackage (the same
/// without its weights), c.mlmodelc (compiled), i.mlpackage (picture), k.mlpackage (classifier),
/// n.mlmodel (network), l.mlmodel (pipeline), a.mlmodel (an empty text classifier).
void write_models(const std::filesystem::path& folder, std::string_view text);

/// What a run of the program left behind.
struct Finished {
  int exit_code = -1;  ///< 128 + the signal when it was killed
  std::string out;
  std::string err;
};

/// Runs the program in `folder` with a terminal-free environment.
Finished run_pome(const std::vector<std::string>& arguments, const std::filesystem::path& folder);

/// Paths, sizes and contents of everything beneath a folder, to see that nothing was written.
std::string contents_of(const std::filesystem::path& folder);

}  // namespace pome::cli
