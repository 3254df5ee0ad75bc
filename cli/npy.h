// NumPy's files: .npy holds one array, .npz a zip archive of them. Input is not trusted.
#pragma once

#include <cstddef>
#include <filesystem>
#include <span>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "base/budget.h"
#include "pome/multi_array.h"

namespace pome::cli {

/// What an array file holds: numbers, or text (NumPy's `U` and `S` types) with its shape.
struct TextArray {
  std::vector<std::int64_t> shape;
  std::vector<std::string> elements;  ///< row-major
};
using NpyValue = std::variant<MultiArray, TextArray>;

/// Entries of an .npz in the order of the archive, names without ".npy".
using NpzEntries = std::vector<std::pair<std::string, NpyValue>>;

/// Parses one .npy. Fortran order and big-endian numbers are brought to row-major little endian;
/// complex numbers, objects, dates and records are refused. `name` is for messages.
/// Throws Error{io}, Error{out_of_memory}.
NpyValue parse_npy(std::span<const std::byte> bytes, const std::string& name, base::Budget& budget);

/// Reads a file of either kind; an .npy is one entry without a name.
NpzEntries read_npz(const std::filesystem::path& path, base::Budget& budget);

/// The bytes of an .npy. Throws Error{parameters} for an array that has no NumPy type.
std::vector<std::byte> npy_bytes(const NpyValue& value);

/// Writes an .npz, arrays stored uncompressed; the same entries make the same bytes. The file is
/// there whole or not at all. Throws Error{io}.
void write_npz(const std::filesystem::path& path, const NpzEntries& entries);

}  // namespace pome::cli
