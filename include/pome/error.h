// The one exception type of Pome.
#pragma once

#include <exception>
#include <string>
#include <string_view>

#include "pome/export.h"

namespace pome {

/// Error codes, named as Core ML's MLModelError names them, with the few that Core ML lacks.
enum class ErrorCode : int {
  generic = 0,                     ///< anything that has no code of its own
  feature_type = 1,                ///< an input is missing, or has the wrong type, shape or size
  io = 3,                          ///< a file cannot be read or written, or its bytes are damaged
  custom_layer = 4,                ///< a custom layer is not registered or failed
  custom_model = 5,                ///< a custom model is not registered or failed
  update = 6,                      ///< on-device training failed
  parameters = 7,                  ///< a parameter of the model or the configuration is wrong
  model_decryption_key_fetch = 8,  ///< the key of an encrypted model cannot be had
  model_decryption = 9,            ///< an encrypted model cannot be decrypted
  model_collection = 10,           ///< kept for Core ML's numbering
  prediction_cancelled = 11,       ///< the caller's stop token ended the prediction
  unsupported = 100,               ///< the file is well formed, this build cannot run it
  out_of_memory = 101,             ///< the byte budget of a load or a prediction does not suffice
};

/// Name of a code as text, for logs and `--json` output.
POME_API std::string_view name(ErrorCode code) noexcept;

/// What every failing call of the library throws.
///
/// `what()` is one sentence for the person who has to mend the model or the call: the place from
/// the outside in (file, function, operation or layer, parameter), then what was found and what
/// was expected. Places are added by `within()` while the error travels up.
class POME_API Error : public std::exception {
 public:
  Error(ErrorCode code, std::string message) : code_(code), message_(std::move(message)) {}

  const char* what() const noexcept override { return message_.c_str(); }
  ErrorCode code() const noexcept { return code_; }

  /// Puts a place ("function 'main'") before the message: "place: message".
  Error& within(std::string_view place);

 private:
  ErrorCode code_;
  std::string message_;
};

}  // namespace pome
