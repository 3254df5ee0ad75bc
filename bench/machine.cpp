#include "machine.h"

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <vector>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace pome::bench {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

#if defined(__x86_64__)

constexpr int chains = 12;  // more than latency times the number of units needs

[[gnu::target("avx2,fma")]] double chain_avx2(std::int64_t rounds) {
  __m256 sum[chains];
  for (int i = 0; i < chains; ++i) sum[i] = _mm256_set1_ps(static_cast<float>(i));
  const __m256 a = _mm256_set1_ps(0.5F);
  for (std::int64_t r = 0; r < rounds; ++r) {
#pragma GCC unroll 12
    for (int i = 0; i < chains; ++i) sum[i] = _mm256_fmadd_ps(sum[i], a, a);
  }
  for (int i = 1; i < chains; ++i) sum[0] = _mm256_add_ps(sum[0], sum[i]);
  return static_cast<double>(_mm256_cvtss_f32(sum[0]));
}

[[gnu::target("avx512f")]] double chain_avx512(std::int64_t rounds) {
  __m512 sum[chains];
  for (int i = 0; i < chains; ++i) sum[i] = _mm512_set1_ps(static_cast<float>(i));
  const __m512 a = _mm512_set1_ps(0.5F);
  for (std::int64_t r = 0; r < rounds; ++r) {
#pragma GCC unroll 12
    for (int i = 0; i < chains; ++i) sum[i] = _mm512_fmadd_ps(sum[i], a, a);
  }
  for (int i = 1; i < chains; ++i) sum[0] = _mm512_add_ps(sum[0], sum[i]);
  return static_cast<double>(_mm512_cvtss_f32(sum[0]));
}

[[gnu::target("avx2")]] std::uint64_t read_avx2(const std::byte* data, std::size_t bytes) {
  __m256i seen[4] = {};
  const auto* from = reinterpret_cast<const __m256i*>(data);
  for (std::size_t i = 0; i + 8 <= bytes / sizeof(__m256i); i += 8) {
#pragma GCC unroll 8
    for (std::size_t j = 0; j < 8; ++j) {
      seen[j % 4] = _mm256_or_si256(seen[j % 4], _mm256_loadu_si256(from + i + j));
    }
  }
  const __m256i all =
      _mm256_or_si256(_mm256_or_si256(seen[0], seen[1]), _mm256_or_si256(seen[2], seen[3]));
  return static_cast<std::uint64_t>(_mm256_extract_epi64(all, 0));
}

#endif

// A result that must not be optimized away.
template <typename T>
void keep(T value) {
  asm volatile("" : : "r,m"(value) : "memory");
}

}  // namespace

double peak_gflops() {
#if defined(__x86_64__)
  if (!__builtin_cpu_supports("avx2")) return 0;
  const bool wide = __builtin_cpu_supports("avx512f") != 0;
  constexpr std::int64_t rounds = 2'000'000;
  double best = 0;
  for (int i = 0; i < 7; ++i) {
    const auto start = Clock::now();
    keep(wide ? chain_avx512(rounds) : chain_avx2(rounds));
    const double work = 2.0 * chains * (wide ? 16 : 8) * static_cast<double>(rounds);
    best = std::max(best, work / seconds_since(start) * 1e-9);
  }
  return best;
#else
  return 0;
#endif
}

double read_bandwidth(std::size_t bytes) {
#if defined(__x86_64__)
  if (!__builtin_cpu_supports("avx2") || bytes == 0) return 0;
  const std::vector<std::byte> data(bytes, std::byte{1});
  const std::size_t passes = std::max<std::size_t>(1, (std::size_t{64} << 20) / bytes);
  double best = 0;
  for (int i = 0; i < 7; ++i) {
    const auto start = Clock::now();
    for (std::size_t p = 0; p < passes; ++p) keep(read_avx2(data.data(), bytes));
    best = std::max(best, static_cast<double>(bytes * passes) / seconds_since(start) * 1e-9);
  }
  return best;
#else
  (void)bytes;
  return 0;
#endif
}

}  // namespace pome::bench
