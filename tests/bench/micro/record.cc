// From the ring to the file. Bytes are those of the ring's records; for compress those of the message.
#include "bpf/abi.h"
#include "format/encode.h"
#include "format/entry.h"
#include "format/message.h"
#include "record/ring_tasks.h"
#include "tests/bench/captures.h"
#include "tests/bench/micro/report.h"

namespace {

using namespace dse;
using namespace dse::bench;

using MakeRecords = Records (*)(std::size_t);

void append(benchmark::State& bench, const Records& records) {
  const auto in_ring = in_rings(records, 1);
  record::RingTasks tasks;
  format::StreamTable streams;
  format::Rows rows;
  std::size_t bytes = 0;
  for (const RingRecord& record : in_ring) bytes += record.bytes.size();
  for (auto _ : bench) {
    rows.clear();
    for (const RingRecord& record : in_ring)
      take_from_ring(std::as_bytes(std::span(record.bytes)), tasks, rows, streams);
    benchmark::DoNotOptimize(rows.count());
  }
  report(bench, records.size(), bytes);
}
void append_kind(benchmark::State& bench, format::Kind kind) {
  append(bench, records_of_kind(kind, kBlock));
}
void append_storm(benchmark::State& bench, MakeRecords storm) { append(bench, storm(kBlock)); }

void encode(benchmark::State& bench, MakeRecords storm) {
  Records records = storm(kBlock);
  format::Rows rows;
  append_all(records, rows);
  format::BatchEncoder encoder;
  for (auto _ : bench) benchmark::DoNotOptimize(encoder.block(rows));
  report(bench, records.size(), records.size_bytes());
}

// The argument is the level.
void compress(benchmark::State& bench, MakeRecords storm) {
  format::Rows rows;
  append_all(storm(kBlock), rows);
  format::BatchEncoder batches;
  auto message = batches.block(rows);
  format::EntryEncoder entries(static_cast<int>(bench.range(0)));
  std::size_t raw = 0, compressed = 0;
  for (auto _ : bench) {
    format::EntryHeader header;
    compressed = must(entries.encode(header, *message)).size();
    raw = header.raw_bytes();
  }
  report(bench, rows.count(), raw);
  bench.counters["ratio"] = static_cast<double>(raw) / static_cast<double>(compressed);
}

BENCHMARK_CAPTURE(append_kind, process_fork, DSE_PROCESS_FORK);
BENCHMARK_CAPTURE(append_kind, process_exec, DSE_PROCESS_EXEC);
BENCHMARK_CAPTURE(append_kind, process_exec_fail, DSE_PROCESS_EXEC_FAIL);
BENCHMARK_CAPTURE(append_kind, process_exit, DSE_PROCESS_EXIT);
BENCHMARK_CAPTURE(append_kind, cgroup_mkdir, DSE_CGROUP_MKDIR);
BENCHMARK_CAPTURE(append_kind, cgroup_attach, DSE_CGROUP_ATTACH);
BENCHMARK_CAPTURE(append_kind, cgroup_rmdir, DSE_CGROUP_RMDIR);
BENCHMARK_CAPTURE(append_kind, socket_state, DSE_SOCKET_STATE);
BENCHMARK_CAPTURE(append_kind, signal_generate, DSE_SIGNAL_GENERATE);
BENCHMARK_CAPTURE(append_kind, signal_deliver, DSE_SIGNAL_DELIVER);
BENCHMARK_CAPTURE(append_storm, signals, signal_storm);
BENCHMARK_CAPTURE(append_storm, mixed, mixed_storm);
BENCHMARK_CAPTURE(encode, signals, signal_storm);
BENCHMARK_CAPTURE(encode, mixed, mixed_storm);
// Of record, of filter and merge, and of compact.
BENCHMARK_CAPTURE(compress, signals, signal_storm)->Arg(1)->Arg(3)->Arg(19);
BENCHMARK_CAPTURE(compress, mixed, mixed_storm)->Arg(1)->Arg(3)->Arg(19);

}  // namespace
