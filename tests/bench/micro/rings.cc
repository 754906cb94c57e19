// Records of many rings into batches. Every record is in another ring than the one before, which is the most
// that merging can cost; the argument is how many rings there are.
#include <bit>
#include <limits>
#include <vector>

#include "record/ring_merge.h"
#include "record/ring_tasks.h"
#include "tests/bench/captures.h"
#include "tests/bench/micro/report.h"
#include "tests/unit/simulated_ring.h"

namespace {

using namespace dse;
using namespace dse::bench;

void merge(benchmark::State& bench) {
  const auto count = static_cast<std::size_t>(bench.range(0));
  const Records records = signal_storm(kBlock);
  const auto in_ring = in_rings(records, count);
  std::size_t bytes = 0;
  for (const RingRecord& record : in_ring) bytes += record.bytes.size();
  record::SimulatedRings rings(count, std::max<std::size_t>(4096, std::bit_ceil(4 * bytes / count)));
  record::RingMerge merge(rings.rings());
  std::vector<record::RingTasks> tasks(count);
  format::StreamTable streams;
  format::Rows rows;
  for (auto _ : bench) {
    bench.PauseTiming();
    rows.clear();
    for (const RingRecord& record : in_ring)
      if (!rings[record.ring].put(std::as_bytes(std::span(record.bytes))))
        bench.SkipWithError("a ring is full");
    bench.ResumeTiming();
    merge.begin_pass(std::numeric_limits<std::uint64_t>::max(), true);
    merge.deliver([&](std::size_t ring, std::span<const std::byte> record) {
      take_from_ring(record, tasks[ring], rows, streams);
      return true;
    });
    merge.end_pass();
    benchmark::DoNotOptimize(rows.count());
  }
  report(bench, records.size(), bytes);
}

BENCHMARK(merge)->Arg(1)->Arg(2)->Arg(64)->Arg(128);

}  // namespace
