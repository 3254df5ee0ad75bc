// Identity: every output is the input of its name, or, where there is none, of its place.
#include <utility>

#include "base/text.h"
#include "features/convert.h"
#include "frontend/classical/makers.h"
#include "frontend/classical/single.h"
#include "pome/error.h"

namespace pome::classical {

namespace {

class Identity final : public Predictor {
 public:
  explicit Identity(const Source& source) {
    const auto& inputs = source.description.inputs;
    const auto& outputs = source.description.outputs;
    for (std::size_t i = 0; i < outputs.size(); ++i) {
      const FeatureDescription* input = source.description.input(outputs[i].name);
      if (input == nullptr && inputs.size() == outputs.size()) input = &inputs[i];
      if (input == nullptr)
        throw Error(ErrorCode::parameters,
                    base::cat("there is no input for output ", base::quoted(outputs[i].name)));
      if (input->type != outputs[i].type)
        throw Error(ErrorCode::parameters,
                    base::cat("output ", base::quoted(outputs[i].name), " is described as ",
                              outputs[i].type_text(), ", and its input as ", input->type_text()));
      pairs_.emplace_back(*input, outputs[i]);
    }
  }

  FeatureProvider predict(const FeatureProvider& inputs, const Call& /*call*/) const override {
    FeatureProvider out;
    for (const auto& [input, output] : pairs_) {
      const FeatureValue* value = inputs.find(input.name);
      out.set(output.name, value == nullptr ? FeatureValue::undefined(output.type)
                                            : features::convert(output, *value));
    }
    return out;
  }

 private:
  std::vector<std::pair<FeatureDescription, FeatureDescription>> pairs_;
};

}  // namespace

PredictorPtr make_identity(const Source& source) {
  return std::make_shared<Identity>(source);
}

}  // namespace pome::classical
