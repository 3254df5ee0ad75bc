// Expected results of whole models: tests/data/oracle, written by tests/oracle/make_expected.py.
#pragma once

#include <gtest/gtest.h>

#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "pome/pome.h"

namespace pome::test {

using Arrays = std::map<std::string, MultiArray>;

/// File or folder of the expected results.
std::filesystem::path oracle_file(const std::string& name);

/// The arrays of case `name`: outputs, and inputs that no formula makes.
Arrays oracle_arrays(const std::string& name);

/// The arrays of a neural network's case: tests/data/networks, written by
/// tests/oracle/make_networks.py.
Arrays network_arrays(const std::string& name);

/// What the manifest says of case `name`.
nlohmann::json oracle_facts(const std::string& name);

/// Expected results hold for the weights that they were computed with and no others: compares
/// SHA-256 of the model's weight file with the manifest's.
::testing::AssertionResult has_weights_of(const std::filesystem::path& model,
                                          const std::string& name);

/// Weight file of a package or a compiled model.
std::filesystem::path weight_file(const std::filesystem::path& model);

/// Row `index` of the first dimension, the elements shared.
MultiArray row(const MultiArray& array, std::int64_t index);

/// Largest absolute difference of two arrays; infinity where their shapes differ or where one of
/// the numbers is not finite.
double furthest(const MultiArray& a, const MultiArray& b);

/// For numbers that were rounded to fp16 in the end: expects that each got is the expected fp16
/// number or a neighbour of it, and returns the share of neighbours.
double share_of_neighbours(const MultiArray& got, const MultiArray& expected);

/// The picture (3x + 5y + 64c + xy/16) modulo 256, the same as `pattern` in tests/oracle/inputs.py.
PixelBuffer pattern(std::int64_t size, PixelFormat format = PixelFormat::rgb8);

/// Configurations in which a model must give the same results: as it comes, the reference device,
/// and each instruction set that the machine has.
std::vector<Configuration> configurations();

/// The same without the reference device, which is too slow for large models.
std::vector<Configuration> fast_configurations();

/// The devices of a configuration in words, for messages.
std::string text(const Configuration& configuration);

}  // namespace pome::test
