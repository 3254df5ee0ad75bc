// bench_kernels: each kernel of the chosen instruction set (POME_ISA names another one), on one
// thread, and its percent of what the machine can do: of the peak of fused multiply-adds where
// arithmetic bounds it, of the bandwidth of reading the same footprint where memory does.
#include <benchmark/benchmark.h>

#include <chrono>
#include <cstdio>
#include <string>

#include "cases.h"
#include "devices/cpu/features.h"
#include "machine.h"

namespace pome::bench {
namespace {

void run_case(benchmark::State& state, const Case& one, double limit) {
  const auto start = std::chrono::steady_clock::now();
  for (auto _ : state) one.run();
  const std::chrono::duration<double> time = std::chrono::steady_clock::now() - start;
  const double runs = static_cast<double>(state.iterations()) * 1e-9 / time.count();
  state.counters["GFLOP/s"] = one.flops * runs;
  state.counters["GB/s"] = one.bytes * runs;
  state.counters["percent"] =
      limit > 0 ? 100 * (one.flops > 0 ? one.flops : one.bytes) * runs / limit : 0;
}

int run(int argc, char** argv) {
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 2;
  const auto* kernels = devices::cpu::chosen_kernels();
  if (kernels == nullptr) {
    std::fputs("bench_kernels: no kernels for this processor\n", stderr);
    return 1;
  }
  const double peak = peak_gflops();
  benchmark::AddCustomContext("kernels", kernels->name);
  benchmark::AddCustomContext("peak GFLOP/s of one core", std::to_string(peak));
  for (const std::size_t kib : {32, 256, 4096, 65536, 262144}) {
    benchmark::AddCustomContext("GB/s read from " + std::to_string(kib) + " KiB",
                                std::to_string(read_bandwidth(kib * 1024)));
  }
  const auto cases = all_cases(*kernels);
  for (const Case& one : cases) {
    const double limit = one.flops > 0 ? peak : read_bandwidth(static_cast<std::size_t>(one.bytes));
    benchmark::RegisterBenchmark(one.name.c_str(), [&one, limit](benchmark::State& state) {
      run_case(state, one, limit);
    })->MinTime(0.1);
  }
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}

}  // namespace
}  // namespace pome::bench

int main(int argc, char** argv) {
  return pome::bench::run(argc, argv);
}
