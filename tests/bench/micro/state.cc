// What is remembered from record to record: containers by path, processes, cgroups.
#include <cstring>

#include "bpf/abi.h"
#include "replay/container.h"
#include "tests/bench/captures.h"
#include "tests/bench/micro/report.h"

namespace {

using namespace dse;
using namespace dse::bench;

// The argument is the path's place.
void classify_path(benchmark::State& bench) {
  const std::string& path = cgroup_paths()[static_cast<std::size_t>(bench.range(0))];
  for (auto _ : bench) benchmark::DoNotOptimize(replay::classify_cgroup_path(path));
  report(bench, 1, path.size());
  auto container = replay::classify_cgroup_path(path);
  bench.SetLabel(path.substr(0, 24) + " " + std::string(container ? container->runtime : "none"));
}

void classify_paths(benchmark::State& bench) {
  std::size_t bytes = 0;
  for (const std::string& path : cgroup_paths()) bytes += path.size();
  for (auto _ : bench)
    for (const std::string& path : cgroup_paths())
      benchmark::DoNotOptimize(replay::classify_cgroup_path(path));
  report(bench, cgroup_paths().size(), bytes);
}

// Items and bytes are those of the ring's records that matter to the state.
void advance(benchmark::State& bench, const replay::StateNeeds& needs) {
  Records records = mixed_storm(kBlock);
  format::Batch batch = block_batch(records);
  InitialState initial;
  auto state = initial.make(needs);
  must(state->advance(batch));  // unpacks the columns
  for (auto _ : bench) {
    bench.PauseTiming();
    state = initial.make(needs);
    bench.ResumeTiming();
    must(state->advance(batch));
  }
  std::size_t items = 0, bytes = 0;
  for (std::size_t i = 0; i < records.size(); ++i) {
    dse_header header;
    std::memcpy(&header, records[i].data(), sizeof(header));
    if (!(state->kinds() & format::kind_bit(header.kind))) continue;
    ++items;
    bytes += records[i].size();
  }
  report(bench, items, bytes);
}

BENCHMARK(classify_path)->DenseRange(0, 7);
BENCHMARK(classify_paths);
BENCHMARK_CAPTURE(advance, all, kAllNeeds);
BENCHMARK_CAPTURE(advance, processes, {.processes = true});
BENCHMARK_CAPTURE(advance, ancestors, {.ancestors = true});
BENCHMARK_CAPTURE(advance, images, {.images = true});
BENCHMARK_CAPTURE(advance, cgroups, {.cgroups = true});
BENCHMARK_CAPTURE(advance, containers, {.containers = true});

}  // namespace
