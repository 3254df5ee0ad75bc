// bench_trees MODEL ROWS.f32 COLUMNS THREADS RESULTS.f64
//
// Reads rows of float32, and for each line on standard input predicts them all once and answers
// with the seconds that it took. At the end of input it writes the numbers of the last prediction.
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <fstream>
#include <iostream>
#include <string>
#include <vector>

#include "pome/model.h"

namespace {

std::vector<float> read_rows(const char* path) {
  std::ifstream file(path, std::ios::binary | std::ios::ate);
  std::vector<float> out(static_cast<std::size_t>(file.tellg()) / sizeof(float));
  file.seekg(0);
  file.read(reinterpret_cast<char*>(out.data()),
            static_cast<std::streamsize>(out.size() * sizeof(float)));
  if (!file) throw pome::Error(pome::ErrorCode::io, std::string("cannot read ") + path);
  return out;
}

void run(char** arguments) {
  pome::Configuration configuration;
  configuration.threads = std::atoi(arguments[4]);
  const auto model = pome::Model::open(arguments[1], configuration);
  const std::vector<float> data = read_rows(arguments[2]);
  pome::NumberRows rows;
  rows.data = data.data();
  rows.data_type = pome::DataType::fp32;
  rows.columns = std::atoi(arguments[3]);
  rows.rows = static_cast<std::int64_t>(data.size()) / rows.columns;
  pome::RowResults results;
  for (std::string line; std::getline(std::cin, line);) {
    const auto start = std::chrono::steady_clock::now();
    results = model.predict_rows(rows);
    const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
    std::cout << seconds.count() << std::endl;
  }
  std::ofstream out(arguments[5], std::ios::binary);
  out.write(reinterpret_cast<const char*>(results.numbers.data()),
            static_cast<std::streamsize>(results.numbers.size() * sizeof(double)));
}

}  // namespace

int main(int count, char** arguments) {
  if (count != 6) {
    std::fputs("bench_trees MODEL ROWS.f32 COLUMNS THREADS RESULTS.f64\n", stderr);
    return 2;
  }
  try {
    run(arguments);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "bench_trees: %s\n", error.what());
    return 1;
  }
  return 0;
}
