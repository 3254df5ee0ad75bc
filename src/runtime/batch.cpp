#include "runtime/batch.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <utility>
#include <variant>

#include "base/checked.h"
#include "base/text.h"
#include "exec/thread_pool.h"
#include "features/classes.h"

namespace pome::runtime {

using base::cat;

namespace {

void throw_if_cancelled(const PredictionOptions& options) {
  if (options.stop.stop_requested())
    throw Error(ErrorCode::prediction_cancelled, "the prediction was cancelled");
}

// The error that is being handled, as one of ours.
Error current_error() {
  try {
    throw;
  } catch (const Error& error) {
    return error;
  } catch (const std::bad_alloc&) {
    return {ErrorCode::out_of_memory, "there is no memory left"};
  } catch (const std::exception& error) {
    return {ErrorCode::generic, error.what()};
  }
}

exec::TaskContext tasks_on(exec::Workers& workers) {
  exec::TaskContext out;
  out.workers = &workers;
  return out;
}

}  // namespace

std::vector<BatchItem> predict_batch(const std::shared_ptr<const ModelData>& model,
                                     std::span<const FeatureProvider> inputs,
                                     const PredictionOptions& options) {
  if (model->predictor == nullptr && !model->function.executable->states().empty())
    throw Error(ErrorCode::parameters, "the model keeps a state, which a batch has none of");
  std::vector<BatchItem> out(inputs.size());
  auto one = [&](std::int64_t i, int) noexcept {
    BatchItem& item = out[static_cast<std::size_t>(i)];
    if (options.stop.stop_requested()) return;
    try {
      item.outputs = predict(model, inputs[static_cast<std::size_t>(i)], nullptr, options);
    } catch (...) {
      item.error = current_error();
    }
  };
  const auto count = static_cast<std::int64_t>(inputs.size());
  // A program's kernels share the threads among themselves.
  const auto workers =
      exec::thread_pool(model->predictor == nullptr ? 1 : model->configuration.threads);
  tasks_on(*workers).parallel(count, one);
  throw_if_cancelled(options);
  return out;
}

namespace {

// How a row becomes features, and features become a row.
class RowForm {
 public:
  explicit RowForm(const ModelDescription& description) : description_(description) {
    std::optional<std::int64_t> columns = 0;
    for (const FeatureDescription& feature : description.inputs) {
      const auto size = numbers_of(feature);
      if (!size)
        throw Error(ErrorCode::feature_type,
                    cat("input ", base::quoted(feature.name), " is described as ",
                        feature.type_text(), ", which is no fixed number of numbers in a row"));
      sizes_.push_back(*size);
      columns = columns ? base::checked_add(*columns, *size) : std::nullopt;
    }
    columns_ = columns.value_or(-1);
    is_classifier_ = features::count(description.class_labels) > 0;
    if (!is_classifier_) {
      set_number_output();
      return;
    }
    for (std::size_t i = 0; i < features::count(description.class_labels); ++i) {
      labels_.push_back(features::label_at(description.class_labels, i));
      indices_.try_emplace(key_of(labels_.back()), static_cast<std::int64_t>(i));
    }
    if (description.output(description.predicted_probabilities_name) != nullptr)
      width_ = static_cast<std::int64_t>(labels_.size());
  }

  std::int64_t columns() const noexcept { return columns_; }
  std::int64_t width() const noexcept { return width_; }
  bool is_classifier() const noexcept { return is_classifier_; }
  /// True where a model's own doubles are what its described outputs hold.
  bool keeps_doubles() const noexcept {
    if (is_classifier_) return indices_.size() == labels_.size();  // no label is there twice
    return output_->type == FeatureType::double_ ||
           (output_->multi_array_constraint &&
            output_->multi_array_constraint->data_type == DataType::fp64);
  }

  FeatureProvider features(const double* row) const {
    FeatureProvider out;
    for (std::size_t i = 0; i < sizes_.size(); ++i) {
      const FeatureDescription& feature = description_.inputs[i];
      const double* mine = row;
      row += sizes_[i];
      if (feature.multi_array_constraint) {
        out.set(feature.name,
                MultiArray::copy_of(std::span(mine, static_cast<std::size_t>(sizes_[i])),
                                    feature.multi_array_constraint->shape));
        continue;
      }
      const bool is_missing = std::isnan(*mine) && feature.is_optional;
      if (!is_missing) out.set(feature.name, FeatureValue(*mine));
    }
    return out;
  }

  // Writes `width` numbers; the label's index, or -1.
  std::int64_t read(const FeatureProvider& given, double* out) const {
    if (!is_classifier_) {
      read_numbers(given.at(output_->name), out);
      return -1;
    }
    if (width_ > 0) read_dictionary(given.at(description_.predicted_probabilities_name), out);
    return index_of(given.at(description_.predicted_feature_name));
  }

 private:
  static std::optional<std::int64_t> numbers_of(const FeatureDescription& feature) {
    if (feature.type == FeatureType::double_ || feature.type == FeatureType::int64) return 1;
    if (!feature.multi_array_constraint) return std::nullopt;
    const MultiArrayConstraint& constraint = *feature.multi_array_constraint;
    if (constraint.shape_constraint.type != ShapeConstraintType::fixed) return std::nullopt;
    return base::element_count(constraint.shape);
  }

  void set_number_output() {
    output_ = description_.output(description_.predicted_feature_name);
    if (output_ == nullptr && description_.outputs.size() == 1)
      output_ = &description_.outputs.front();
    const auto size = output_ == nullptr ? std::nullopt : numbers_of(*output_);
    if (!size)
      throw Error(ErrorCode::parameters,
                  "the description has no predicted feature that is a label or a fixed number of "
                  "numbers");
    width_ = *size;
  }

  void read_numbers(const FeatureValue& value, double* out) const {
    if (value.type() == FeatureType::int64) {
      *out = static_cast<double>(value.int64_value());
    } else if (value.type() == FeatureType::double_) {
      *out = value.double_value();
    } else {
      const MultiArray wide = value.multi_array_value().converted_to(DataType::fp64);
      if (wide.count() != width_)
        throw Error(ErrorCode::parameters, cat("output ", base::quoted(output_->name), " has ",
                                               wide.count(), " elements, expected ", width_));
      std::ranges::copy(wide.elements<double>(), out);
    }
  }

  void read_dictionary(const FeatureValue& value, double* out) const {
    for (std::size_t i = 0; i < labels_.size(); ++i)
      out[i] = labels_[i].type() == FeatureType::string
                   ? value.string_dictionary_value().at(labels_[i].string_value())
                   : value.int64_dictionary_value().at(labels_[i].int64_value());
  }

  std::int64_t index_of(const FeatureValue& label) const {
    const auto found = indices_.find(key_of(label));
    return found == indices_.end() ? -1 : found->second;
  }

  using Label = std::variant<std::int64_t, std::string>;
  static Label key_of(const FeatureValue& label) {
    if (label.type() == FeatureType::string) return label.string_value();
    return label.int64_value();
  }

  const ModelDescription& description_;
  std::vector<std::int64_t> sizes_;  // of the inputs
  std::int64_t columns_ = 0, width_ = 0;
  bool is_classifier_ = false;
  std::vector<FeatureValue> labels_;
  std::map<Label, std::int64_t> indices_;
  const FeatureDescription* output_ = nullptr;  // of what is no classifier
};

double number_at(const classical::RowsView& view, std::int64_t row, std::int64_t column) noexcept {
  const std::int64_t at = row * view.row_stride + column * view.column_stride;
  return view.is_double ? static_cast<const double*>(view.data)[at]
                        : static_cast<double>(static_cast<const float*>(view.data)[at]);
}

struct RowTask {
  const ModelData& model;
  const RowForm& form;
  const classical::RowsView& view;
  const PredictionOptions& options;
  RowResults& out;

  double* numbers(std::int64_t row) const noexcept { return out.numbers.data() + row * out.width; }
};

// One row after the other through predict(), for models without a way of their own.
void run_one_by_one(const RowTask& task, const std::shared_ptr<const ModelData>& model,
                    exec::Workers& workers) {
  constexpr std::int64_t at_once = 64;
  const std::int64_t rows = task.out.rows;
  std::vector<std::optional<Error>> errors(static_cast<std::size_t>(rows));
  const auto one = [&](std::int64_t row) {
    std::vector<double> numbers(static_cast<std::size_t>(task.form.columns()));
    for (std::size_t i = 0; i < numbers.size(); ++i)
      numbers[i] = number_at(task.view, row, static_cast<std::int64_t>(i));
    const FeatureProvider given =
        predict(model, task.form.features(numbers.data()), nullptr, task.options);
    const std::int64_t label = task.form.read(given, task.numbers(row));
    if (task.form.is_classifier()) task.out.labels[static_cast<std::size_t>(row)] = label;
  };
  tasks_on(workers).parallel((rows + at_once - 1) / at_once, [&](std::int64_t i, int) noexcept {
    for (std::int64_t row = i * at_once; row < std::min(rows, (i + 1) * at_once); ++row) {
      if (task.options.stop.stop_requested()) return;
      try {
        one(row);
      } catch (...) {
        errors[static_cast<std::size_t>(row)] = current_error();
        std::fill_n(task.numbers(row), task.out.width, std::numeric_limits<double>::quiet_NaN());
      }
    }
  });
  for (std::int64_t row = 0; row < rows; ++row) {
    auto& error = errors[static_cast<std::size_t>(row)];
    if (error) task.out.failures.push_back({row, std::move(*error)});
  }
}

// Blocks of rows through a model's own way. `given` are its numbers where the results hold others.
void run_blocks(const RowTask& task, const classical::RowPredictor& predictor,
                exec::Workers& workers, base::Budget& budget) {
  const auto dimensions = static_cast<std::int64_t>(predictor.dimensions());
  const std::int64_t at_once = predictor.rows_at_once();
  const bool is_wanted = task.out.width == dimensions;
  constexpr std::size_t word = sizeof(double);
  const std::size_t own = is_wanted ? 0 : static_cast<std::size_t>(at_once * dimensions);
  const std::size_t each = (predictor.scratch_bytes() + word - 1) / word + own + 16;
  const auto count = static_cast<std::size_t>(workers.count());
  budget.take(static_cast<std::int64_t>(each * count * word), "rows under way");
  std::vector<double> scratch(each * count);
  const std::int64_t rows = task.out.rows;
  tasks_on(workers).parallel((rows + at_once - 1) / at_once, [&](std::int64_t i,
                                                                 int worker) noexcept {
    if (task.options.stop.stop_requested()) return;
    const std::int64_t first = i * at_once;
    const std::int64_t mine = std::min(at_once, rows - first);
    double* memory = scratch.data() + static_cast<std::size_t>(worker) * each;
    double* numbers = is_wanted ? task.numbers(first) : memory;
    predictor.predict(task.view, first, mine, numbers, reinterpret_cast<std::byte*>(memory + own));
    if (!task.form.is_classifier()) return;
    for (std::int64_t row = 0; row < mine; ++row)
      task.out.labels[static_cast<std::size_t>(first + row)] = static_cast<std::int64_t>(
          features::likeliest({numbers + row * dimensions, static_cast<std::size_t>(dimensions)}));
  });
}

classical::RowsView checked_view(const NumberRows& rows, const RowForm& form) {
  if (rows.data_type != DataType::fp64 && rows.data_type != DataType::fp32)
    throw Error(ErrorCode::feature_type,
                cat("rows of ", name(rows.data_type), " were given, expected fp64 or fp32"));
  if (rows.columns != form.columns())
    throw Error(ErrorCode::feature_type,
                cat("rows of ", rows.columns, " numbers were given, and the model's inputs hold ",
                    form.columns()));
  if (rows.rows < 0 || (rows.rows > 0 && rows.data == nullptr))
    throw Error(ErrorCode::feature_type, "no rows were given");
  return {rows.data, rows.data_type == DataType::fp64,
          rows.row_stride == 0 ? rows.columns : rows.row_stride, rows.column_stride};
}

}  // namespace

RowResults predict_rows(const std::shared_ptr<const ModelData>& model, const NumberRows& rows,
                        const PredictionOptions& options) {
  const RowForm form(model->description);
  const classical::RowsView view = checked_view(rows, form);
  base::Budget budget(options.byte_budget);
  const auto bytes = base::checked_mul<std::int64_t>(rows.rows, (form.width() + 1) * 8);
  budget.take(bytes.value_or(budget.limit()), "the results of the rows");
  RowResults out;
  out.rows = rows.rows;
  out.width = form.width();
  out.numbers.resize(static_cast<std::size_t>(rows.rows * form.width()));
  if (form.is_classifier()) out.labels.assign(static_cast<std::size_t>(rows.rows), -1);
  const RowTask task{*model, form, view, options, out};
  std::shared_ptr<const classical::RowPredictor> fast;
  if (model->predictor != nullptr && form.keeps_doubles()) fast = model->predictor->rows(budget);
  const bool fits =
      fast != nullptr && static_cast<std::int64_t>(fast->width()) == form.columns() &&
      (form.is_classifier() || static_cast<std::int64_t>(fast->dimensions()) == form.width());
  const auto workers =
      exec::thread_pool(model->predictor == nullptr ? 1 : model->configuration.threads);
  if (fits)
    run_blocks(task, *fast, *workers, budget);
  else
    run_one_by_one(task, model, *workers);
  throw_if_cancelled(options);
  return out;
}

}  // namespace pome::runtime
