// Classical models against the libraries that trained them (tests/oracle/classical.py).
#include <gmock/gmock.h>

#include <cmath>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "base/text.h"
#include "pome/pome.h"
#include "support/shared.h"

namespace pome {
namespace {

namespace fs = std::filesystem;
using base::cat;

std::vector<std::string> fields_of(const std::string& line) {
  std::vector<std::string> out(1);
  for (const char c : line) {
    if (c == ',') {
      out.emplace_back();
    } else {
      out.back().push_back(c);
    }
  }
  return out;
}

struct Table {
  std::vector<std::string> columns;
  std::vector<std::vector<std::string>> rows;
};

Table read_table(const fs::path& path) {
  std::ifstream stream(path);
  Table out;
  for (std::string line; std::getline(stream, line);) {
    if (out.columns.empty()) {
      out.columns = fields_of(line);
    } else {
      out.rows.push_back(fields_of(line));
    }
  }
  return out;
}

// "x" is a number, "x[3]" an element of an array, "x:key" an entry of a dictionary.
FeatureProvider inputs_of(const Table& table, const std::vector<std::string>& row) {
  FeatureProvider out;
  std::map<std::string, std::vector<double>> arrays;
  std::map<std::string, StringDictionary> dictionaries;
  for (std::size_t i = 0; i < row.size(); ++i) {
    const std::string& column = table.columns[i];
    if (column.starts_with("=") || row[i].empty()) continue;
    const double value = std::stod(row[i]);
    if (const auto bracket = column.find('['); bracket != std::string::npos) {
      arrays[column.substr(0, bracket)].push_back(value);
    } else if (const auto colon = column.find(':'); colon != std::string::npos) {
      dictionaries[column.substr(0, colon)][column.substr(colon + 1)] = value;
    } else {
      out.set(column, value);
    }
  }
  for (const auto& [name, values] : arrays) {
    const std::vector<std::int64_t> shape{static_cast<std::int64_t>(values.size())};
    out.set(name, MultiArray::copy_of(std::span<const double>(values), shape));
  }
  for (const auto& [name, values] : dictionaries) out.set(name, values);
  return out;
}

double entry(const FeatureValue& dictionary, const std::string& key) {
  if (dictionary.key_type() == FeatureType::string)
    return dictionary.string_dictionary_value().at(key);
  return dictionary.int64_dictionary_value().at(std::stoll(key));
}

void expect_near(double got, double expected, const std::string& where) {
  constexpr double relative = 1e-6;  // what the issue asks for
  EXPECT_LE(std::fabs(got - expected), relative * std::fabs(expected)) << where << ": " << got;
}

void expect_output(const FeatureProvider& outputs, const std::string& column,
                   const std::string& expected, const std::string& where) {
  const auto colon = column.find(':');
  const FeatureValue& value =
      outputs.at(column.substr(1, colon == std::string::npos ? colon : colon - 1));
  if (colon != std::string::npos) {
    expect_near(entry(value, column.substr(colon + 1)), std::stod(expected), where);
  } else if (value.type() == FeatureType::string) {
    EXPECT_EQ(value.string_value(), expected) << where;
  } else if (value.type() == FeatureType::int64) {
    EXPECT_EQ(value.int64_value(), std::stoll(expected)) << where;
  } else {
    expect_near(value.double_value(), std::stod(expected), where);
  }
}

class ClassicalOracle : public ::testing::TestWithParam<std::string> {};

TEST_P(ClassicalOracle, PredictsAsTheLibraryDoes) {
  const fs::path folder = test::source_folder() / "tests" / "data" / "classical";
  const Table table = read_table(folder / (GetParam() + ".csv"));
  const Model model = Model::open(folder / (GetParam() + ".mlmodel"));
  ASSERT_GE(table.rows.size(), 10U);
  for (std::size_t i = 0; i < table.rows.size(); ++i) {
    const FeatureProvider outputs = model.predict(inputs_of(table, table.rows[i]));
    for (std::size_t j = 0; j < table.columns.size(); ++j) {
      if (!table.columns[j].starts_with("=")) continue;
      const std::string where = cat("row ", i, ", ", table.columns[j], " is ", table.rows[i][j]);
      expect_output(outputs, table.columns[j], table.rows[i][j], where);
    }
  }
}

std::vector<std::string> model_names() {
  std::vector<std::string> out;
  for (const auto& file :
       fs::directory_iterator(test::source_folder() / "tests" / "data" / "classical")) {
    if (file.path().extension() == ".mlmodel") out.push_back(file.path().stem().string());
  }
  std::ranges::sort(out);
  return out;
}

INSTANTIATE_TEST_SUITE_P(Models, ClassicalOracle, ::testing::ValuesIn(model_names()),
                         [](const auto& one) { return one.param; });

}  // namespace
}  // namespace pome
