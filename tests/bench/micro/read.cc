// From the file to columns. Items are rows, or blocks where none is looked at; bytes what was decompressed.
#include <algorithm>
#include <string_view>

#include "bpf/abi.h"
#include "format/entry.h"
#include "tests/bench/captures.h"
#include "tests/bench/micro/report.h"

namespace {

using namespace dse;
using namespace dse::bench;

// Opens a block, and lets `look` do with it what it will; that gives how many items there were.
template <typename Look>
void read(benchmark::State& bench, const Records& records, Look look) {
  EncodedBlock block = encode_block(records);
  std::size_t items = 0, bytes = 0;
  for (auto _ : bench) {
    format::ReadCounters counters;
    format::Batch batch = block.open(&counters);
    items = look(batch);
    bytes = counters.frame_bytes;
  }
  report(bench, items, bytes);
}

void open(benchmark::State& bench, Records (*storm)(std::size_t)) {
  read(bench, storm(kBlock), [](const format::Batch& batch) {
    benchmark::DoNotOptimize(batch.kinds());
    return std::size_t{1};
  });
}

void scan_numbers(benchmark::State& bench, format::Kind kind, std::string_view column) {
  const auto place = static_cast<unsigned>(format::kind_layout(kind)->column(column));
  read(bench, records_of_kind(kind, kBlock), [&](const format::Batch& batch) {
    auto values = must(batch.table(kind)->ints(place));
    benchmark::DoNotOptimize(std::count(values.begin(), values.end(), 9));
    return values.size();
  });
}

void scan_times(benchmark::State& bench, format::Kind kind) {
  read(bench, records_of_kind(kind, kBlock), [&](const format::Batch& batch) {
    auto times = must(batch.table(kind)->time());
    benchmark::DoNotOptimize(std::count(times.begin(), times.end(), 9));
    return times.size();
  });
}

void scan_strings(benchmark::State& bench, format::Kind kind, std::string_view column) {
  const auto place = static_cast<unsigned>(format::kind_layout(kind)->column(column));
  read(bench, records_of_kind(kind, kBlock), [&](const format::Batch& batch) {
    format::StringColumn values = must(batch.table(kind)->strings(place));
    std::size_t size = 0;
    for (std::size_t row = 0; row < values.index.size(); ++row) size += values[row].size();
    benchmark::DoNotOptimize(size);
    return values.index.size();
  });
}

BENCHMARK_CAPTURE(open, signals, signal_storm);
BENCHMARK_CAPTURE(open, mixed, mixed_storm);
BENCHMARK_CAPTURE(scan_numbers, constant, DSE_SOCKET_STATE, "family");
BENCHMARK_CAPTURE(scan_numbers, few, DSE_SIGNAL_DELIVER, "signal");
BENCHMARK_CAPTURE(scan_numbers, many, DSE_SOCKET_STATE, "bytesSent");
BENCHMARK_CAPTURE(scan_numbers, differences, DSE_SOCKET_STATE, "cookie");
BENCHMARK_CAPTURE(scan_times, times, DSE_SIGNAL_DELIVER);
BENCHMARK_CAPTURE(scan_strings, few, DSE_PROCESS_EXEC, "filename");
BENCHMARK_CAPTURE(scan_strings, distinct, DSE_PROCESS_EXEC, "args");

}  // namespace
