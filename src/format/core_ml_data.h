// `coremldata.bin`: the head of a compiled model (`.mlmodelc`).
//
// The layout has never been published. This is what files of many compilers have in common, all
// numbers little endian, a text being a u64 length and its bytes:
//
//     u32   model type, as the field number in the specification (502: mlProgram)
//     u64   x3: version of the compiled form (1.0.0 and 1.2.1 and 1.3.0 in networks, 5.0.0 in
//           programs)
//     text  loader: "generic", or empty in version 1.0.0
//     u32   specification version
//     20 bytes, zero in every file seen
//     text  loader of version 1.0.0: "spec", or "generic" followed by those of a pipeline's models;
//           empty in later versions
//   then with the loader "generic":
//     u64   length, and as many bytes: the ModelDescription message
//     u64   model type again, u64 count and as many texts (the output blobs of a network); for
//           pipelines the number of models comes first
//   or with the loader "spec" (small classical models):
//     the whole Model message up to the end of the file
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace pome::format {

struct CoreMlData {
  std::uint32_t model_type = 0;  ///< see model_type_name
  std::array<std::uint64_t, 3> version{};
  std::uint32_t specification_version = 0;
  std::string loader;  ///< "generic", "spec" or what the file says
  /// The ModelDescription message, or the whole Model message with the loader "spec": a view into
  /// the bytes that were read.
  std::span<const std::byte> message;
  bool is_whole_model = false;
  /// What follows the message; depends on the model type.
  std::span<const std::byte> rest;
};

/// Reads the head of a compiled model. `name` is for messages. Throws Error{io} when it is cut
/// short or a length passes the end.
CoreMlData read_core_ml_data(std::span<const std::byte> bytes, std::string_view name);

/// Bytes of the head of a compiled ML Program (version 5.0.0) with this ModelDescription message.
std::vector<std::byte> write_core_ml_data(std::uint32_t specification_version,
                                          std::span<const std::byte> description);

/// The same for any other model type (version 1.0.0, loader "spec"): the head is followed by the
/// whole Model message, which the caller appends.
std::vector<std::byte> write_spec_head(std::uint32_t model_type,
                                       std::uint32_t specification_version);

}  // namespace pome::format
