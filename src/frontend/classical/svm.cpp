// Support vector machines, as LIBSVM computes them: regression, and classification by votes between
// every two classes, with probabilities coupled from pairwise ones where the model has them.
#include <algorithm>
#include <cmath>

#include "base/text.h"
#include "frontend/classical/makers.h"
#include "frontend/classical/numbers.h"
#include "frontend/classical/outputs.h"
#include "frontend/classical/row.h"
#include "frontend/classical/svm_kernel.h"
#include "pome/error.h"

namespace pome::classical {

using base::cat;

namespace {

[[noreturn]] void fail(std::string_view message) {
  throw Error(ErrorCode::parameters, std::string(message));
}

class SupportVectorRegressor final : public Predictor {
 public:
  SupportVectorRegressor(const Source& source, const proto::SupportVectorRegressor& message)
      : reader_(source.description.inputs),
        kernel_(message.kernel.get()),
        vectors_(message.sparseSupportVectors(), message.denseSupportVectors(), reader_,
                 source.budget),
        rho_(message.rho),
        output_(source.description, 1) {
    if (message.coefficients)
      coefficients_ = copy_numbers(message.coefficients->alpha, source.budget, "coefficients");
    if (coefficients_.size() != vectors_.size())
      fail(cat("there are ", coefficients_.size(), " coefficients for ", vectors_.size(),
               " support vectors"));
  }

  FeatureProvider predict(const FeatureProvider& inputs, const Call& call) const override {
    const std::vector<double> kernels = vectors_.kernels(kernel_, reader_.read(inputs, call));
    double sum = 0;
    for (std::size_t i = 0; i < kernels.size(); ++i) sum += coefficients_[i] * kernels[i];
    return output_.make(std::vector<double>{sum - rho_});
  }

 private:
  RowReader reader_;
  SvmKernel kernel_;
  SupportVectors vectors_;
  double rho_;
  std::vector<double> coefficients_;
  RegressorOutput output_;
};

// Probabilities of all classes from those between every two of them: r(i, j) is that of i where
// only i and j are possible. The second method of Wu, Lin and Weng (2004), solved as LIBSVM does: p
// with the least sum over i and j of (r(j, i) p_i - r(i, j) p_j)^2.
std::vector<double> couple(const std::vector<double>& r, std::size_t classes) {
  const std::size_t k = classes;
  std::vector<double> q(k * k, 0.0);
  for (std::size_t i = 0; i < k; ++i) {
    for (std::size_t j = 0; j < k; ++j) {
      if (i == j) continue;
      q[i * k + i] += r[j * k + i] * r[j * k + i];
      q[i * k + j] = -r[j * k + i] * r[i * k + j];
    }
  }
  std::vector<double> p(k, 1.0 / static_cast<double>(k));
  std::vector<double> qp(k);
  const double enough = 0.005 / static_cast<double>(k);
  const std::size_t rounds = std::max<std::size_t>(100, k);
  for (std::size_t round = 0; round < rounds; ++round) {
    double pqp = 0;
    for (std::size_t i = 0; i < k; ++i) {
      qp[i] = 0;
      for (std::size_t j = 0; j < k; ++j) qp[i] += q[i * k + j] * p[j];
      pqp += p[i] * qp[i];
    }
    double error = 0;
    for (const double one : qp) error = std::max(error, std::fabs(one - pqp));
    if (error < enough) break;
    for (std::size_t i = 0; i < k; ++i) {
      const double step = (pqp - qp[i]) / q[i * k + i];
      p[i] += step;
      const double scale = 1 + step;
      pqp = (pqp + step * (step * q[i * k + i] + 2 * qp[i])) / scale / scale;
      for (std::size_t j = 0; j < k; ++j) {
        qp[j] = (qp[j] + step * q[i * k + j]) / scale;
        p[j] /= scale;
      }
    }
  }
  return p;
}

class SupportVectorClassifier final : public Predictor {
 public:
  SupportVectorClassifier(const Source& source, const proto::SupportVectorClassifier& message)
      : reader_(source.description.inputs),
        kernel_(message.kernel.get()),
        vectors_(message.sparseSupportVectors(), message.denseSupportVectors(), reader_,
                 source.budget),
        output_(source.description) {
    const std::size_t classes = output_.classes();
    if (classes < 2) fail(cat("there are ", classes, " class labels, expected two or more"));
    read_ranges(message);
    if (message.coefficients.size() != classes - 1)
      fail(cat("there are ", message.coefficients.size(), " rows of coefficients for ", classes,
               " classes, expected ", classes - 1));
    for (std::size_t i = 0; i < message.coefficients.size(); ++i) {
      coefficients_.push_back(
          copy_numbers(message.coefficients[i].alpha, source.budget, "coefficients"));
      if (coefficients_.back().size() != vectors_.size())
        fail(cat("row ", i, " has ", coefficients_.back().size(), " coefficients for ",
                 vectors_.size(), " support vectors"));
    }
    rho_ = pairs(message.rho, "rho", source.budget);
    if (rho_.empty()) fail("there are no rhos");
    prob_a_ = pairs(message.probA, "probA", source.budget);
    prob_b_ = pairs(message.probB, "probB", source.budget);
    if (prob_a_.size() != prob_b_.size())
      fail(cat("there are ", prob_a_.size(), " probA and ", prob_b_.size(), " probB"));
  }

  FeatureProvider predict(const FeatureProvider& inputs, const Call& call) const override {
    const std::vector<double> kernels = vectors_.kernels(kernel_, reader_.read(inputs, call));
    const std::vector<double> decisions = decide(kernels);
    if (!prob_a_.empty()) return output_.make(probabilities(decisions));
    std::vector<double> votes(output_.classes(), 0.0);
    std::size_t pair = 0;
    for (std::size_t i = 0; i < votes.size(); ++i) {
      for (std::size_t j = i + 1; j < votes.size(); ++j) votes[decisions[pair++] > 0 ? i : j] += 1;
    }
    for (double& vote : votes) vote /= static_cast<double>(decisions.size());
    return output_.make(votes);
  }

 private:
  void read_ranges(const proto::SupportVectorClassifier& message) {
    const auto& counts = message.numberOfSupportVectorsPerClass;
    if (counts.size() != output_.classes())
      fail(cat("there are numbers of support vectors for ", counts.size(), " classes of ",
               output_.classes()));
    for (const std::int32_t count : counts) {
      if (count < 0 || static_cast<std::size_t>(count) > vectors_.size() - starts_.back())
        fail(cat("the numbers of support vectors of the classes do not add up to ",
                 vectors_.size()));
      starts_.push_back(starts_.back() + static_cast<std::size_t>(count));
    }
    if (starts_.back() != vectors_.size())
      fail(cat("the classes have ", starts_.back(), " support vectors, and there are ",
               vectors_.size()));
  }

  std::vector<double> pairs(const proto::PackedView<double>& values, std::string_view what,
                            base::Budget& budget) const {
    const std::size_t wanted = output_.classes() * (output_.classes() - 1) / 2;
    if (!values.empty() && values.size() != wanted)
      fail(cat("there are ", values.size(), " ", what, " for ", output_.classes(),
               " classes, expected ", wanted));
    return copy_numbers(values, budget, what);
  }

  // One decision for each two classes i < j: positive speaks for i.
  std::vector<double> decide(const std::vector<double>& kernels) const {
    std::vector<double> out;
    out.reserve(rho_.size());
    for (std::size_t i = 0; i < output_.classes(); ++i) {
      for (std::size_t j = i + 1; j < output_.classes(); ++j) {
        double sum = 0;
        for (std::size_t v = starts_[i]; v < starts_[i + 1]; ++v)
          sum += coefficients_[j - 1][v] * kernels[v];
        for (std::size_t v = starts_[j]; v < starts_[j + 1]; ++v)
          sum += coefficients_[i][v] * kernels[v];
        out.push_back(sum - rho_[out.size()]);
      }
    }
    return out;
  }

  std::vector<double> probabilities(const std::vector<double>& decisions) const {
    constexpr double least = 1e-7;
    const std::size_t k = output_.classes();
    std::vector<double> r(k * k, 0.0);
    std::size_t pair = 0;
    for (std::size_t i = 0; i < k; ++i) {
      for (std::size_t j = i + 1; j < k; ++j, ++pair) {
        const double p = logistic(-(decisions[pair] * prob_a_[pair] + prob_b_[pair]));
        r[i * k + j] = std::clamp(p, least, 1 - least);
        r[j * k + i] = 1 - r[i * k + j];
      }
    }
    if (k == 2) return {r[1], r[2]};
    return couple(r, k);
  }

  RowReader reader_;
  SvmKernel kernel_;
  SupportVectors vectors_;
  ClassifierOutput output_;
  std::vector<std::size_t> starts_{0};  // of the classes' support vectors
  std::vector<std::vector<double>> coefficients_;
  std::vector<double> rho_, prob_a_, prob_b_;  // one for each two classes
};

}  // namespace

PredictorPtr make_support_vector_regressor(const Source& source) {
  return std::make_shared<SupportVectorRegressor>(source, *source.model.supportVectorRegressor());
}

PredictorPtr make_support_vector_classifier(const Source& source) {
  return std::make_shared<SupportVectorClassifier>(source, *source.model.supportVectorClassifier());
}

}  // namespace pome::classical
