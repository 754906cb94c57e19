// What the benchmarks have in common.
#pragma once

#include <benchmark/benchmark.h>

#include <cstddef>
#include <cstdint>

namespace dse::bench {

inline constexpr std::size_t kBlock = 32768;  // records, as many as a recorder puts into one

// What every iteration worked on.
inline void report(benchmark::State& bench, std::size_t items, std::size_t bytes) {
  auto times = static_cast<std::int64_t>(bench.iterations());
  bench.SetItemsProcessed(times * static_cast<std::int64_t>(items));
  bench.SetBytesProcessed(times * static_cast<std::int64_t>(bytes));
}

}  // namespace dse::bench
