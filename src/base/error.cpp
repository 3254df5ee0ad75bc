#include "pome/error.h"

#include "base/text.h"

namespace pome {

std::string_view name(ErrorCode code) noexcept {
  switch (code) {
    case ErrorCode::generic: return "generic";
    case ErrorCode::feature_type: return "featureType";
    case ErrorCode::io: return "io";
    case ErrorCode::custom_layer: return "customLayer";
    case ErrorCode::custom_model: return "customModel";
    case ErrorCode::update: return "update";
    case ErrorCode::parameters: return "parameters";
    case ErrorCode::model_decryption_key_fetch: return "modelDecryptionKeyFetch";
    case ErrorCode::model_decryption: return "modelDecryption";
    case ErrorCode::model_collection: return "modelCollection";
    case ErrorCode::prediction_cancelled: return "predictionCancelled";
    case ErrorCode::unsupported: return "unsupported";
    case ErrorCode::out_of_memory: return "outOfMemory";
  }
  return "generic";
}

Error& Error::within(std::string_view place) {
  message_ = base::cat(place, ": ", message_);
  return *this;
}

}  // namespace pome
