// The kinds of Core ML models, by their field number in the specification.
#pragma once

#include <cstdint>
#include <string_view>

namespace pome::format {

/// Field numbers of the model types that this room treats apart (`Model.Type` in the
/// specification).
namespace model_type {
inline constexpr std::uint32_t pipeline_classifier = 200;
inline constexpr std::uint32_t pipeline_regressor = 201;
inline constexpr std::uint32_t pipeline = 202;
inline constexpr std::uint32_t neural_network_regressor = 303;
inline constexpr std::uint32_t neural_network_classifier = 403;
inline constexpr std::uint32_t neural_network = 500;
inline constexpr std::uint32_t ml_program = 502;
}  // namespace model_type

/// "mlProgram", "neuralNetworkClassifier", "textClassifier", ...; empty for an unknown number.
std::string_view model_type_name(std::uint32_t field) noexcept;

}  // namespace pome::format
