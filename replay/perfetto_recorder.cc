// What recording cost and lost, on the timeline.
#include <algorithm>

#include <fmt/format.h>

#include "bpf/abi.h"
#include "replay/perfetto.h"
#include "replay/state.h"
#include "replay/table_view.h"

namespace dse::replay {

std::uint64_t PerfettoTrace::recorder_track() {
  if (!recorder_) recorder_ = writer_.track({"dse recorder", root(), true});
  return recorder_;
}

std::uint64_t PerfettoTrace::counter(const std::string& name, TraceUnit unit) {
  auto found = counters_.find(name);
  if (found != counters_.end()) return found->second;
  return counters_[name] = writer_.counter_track(name, recorder_track(), unit);
}

Status PerfettoTrace::add_observer(const Session& session) {
  const format::Batch& batch = session.batch();
  DSE_TRY_ASSIGN(auto samples, TableView::open(batch, DSE_OBSERVER_SAMPLE));
  if (samples.rows() == 0) return {};
  DSE_TRY_ASSIGN(auto times, samples.time());
  DSE_TRY_ASSIGN(auto user, samples.ints("user"));
  DSE_TRY_ASSIGN(auto system, samples.ints("system"));
  DSE_TRY_ASSIGN(auto resident, samples.ints("rss"));
  DSE_TRY_ASSIGN(auto ring, samples.ints("ringBytes"));
  DSE_TRY_ASSIGN(auto peak, samples.ints("ringPeak"));
  DSE_TRY_ASSIGN(auto records, samples.ints("records"));
  DSE_TRY_ASSIGN(auto bytes, samples.ints("bytes"));
  for (std::uint32_t row = 0; row < samples.rows(); ++row) {
    const std::uint64_t now = at(session.state(), times[row], batch.number(samples.positions[row]));
    const std::uint64_t cpu = user[row] + system[row];
    auto percent = [](std::uint64_t part, std::uint64_t whole) {
      return whole ? 100.0 * static_cast<double>(part) / static_cast<double>(whole) : 0;
    };
    // Totals only grow, whatever a capture claims.
    auto growth = [](std::uint64_t total, std::uint64_t before) {
      return total > before ? total - before : 0;
    };
    const std::uint64_t span = growth(times[row], last_time_);
    auto a_second = [&](std::uint64_t total, std::uint64_t before) {
      return span ? static_cast<double>(growth(total, before)) / (static_cast<double>(span) / 1e9)
                  : 0;
    };
    writer_.counter(counter("CPU of the recorder", TraceUnit::percent), now,
                    percent(growth(cpu, last_cpu_), span));
    writer_.counter(counter("memory of the recorder", TraceUnit::bytes), now, resident[row]);
    writer_.counter(counter("fullest ring", TraceUnit::percent), now,
                    percent(peak[row], ring[row]));
    writer_.counter(counter("records a second", TraceUnit::count), now,
                    a_second(records[row], last_records_));
    writer_.counter(counter("bytes written a second", TraceUnit::bytes), now,
                    a_second(bytes[row], last_bytes_));
    last_time_ = times[row];
    last_cpu_ = cpu;
    last_records_ = records[row];
    last_bytes_ = bytes[row];
  }
  return {};
}

Status PerfettoTrace::add_programs(const Session& session) {
  const format::Batch& batch = session.batch();
  DSE_TRY_ASSIGN(auto samples, TableView::open(batch, DSE_PROGRAM_SAMPLE));
  if (samples.rows() == 0) return {};
  DSE_TRY_ASSIGN(auto times, samples.time());
  DSE_TRY_ASSIGN(auto program, samples.ints("program"));
  DSE_TRY_ASSIGN(auto full, samples.ints("ringFull"));
  DSE_TRY_ASSIGN(auto busy, samples.ints("busy"));
  DSE_TRY_ASSIGN(auto runs, samples.ints("measuredRuns"));
  DSE_TRY_ASSIGN(auto measured, samples.ints("measured"));
  for (std::uint32_t row = 0; row < samples.rows(); ++row) {
    if (program[row] >= format::kMaxKinds) continue;  // only a hostile capture has one
    const std::uint64_t now = at(session.state(), times[row], batch.number(samples.positions[row]));
    std::string kind = format::kind_name(static_cast<format::Kind>(program[row]));
    writer_.counter(counter("lost " + kind, TraceUnit::count), now, full[row] + busy[row]);
    if (runs[row])
      writer_.counter(counter("mean run of " + kind, TraceUnit::ns), now,
                      measured[row] / runs[row]);
  }
  return {};
}

void PerfettoTrace::add_gaps(const Session& session) {
  const auto& gaps = session.gaps();
  for (; gaps_done_ < gaps.size(); ++gaps_done_) {
    const PlacedGap& gap = gaps[gaps_done_];
    // A clock that was set back may tell of a time before the boot.
    auto place = [&](std::uint64_t boot_ns, std::uint64_t real_ns) {
      return same_boot_ ? boot_ns : real_ns > offset_ ? real_ns - offset_ : 0;
    };
    const std::uint64_t until = place(gap.until_boot_ns, gap.until_ns);
    const std::uint64_t since = gap.since_ns
                                    ? std::min(place(gap.since_boot_ns, gap.since_ns), until)
                                    : std::min(start_, until);
    // One may begin before another ends, so each has a track.
    std::uint64_t track = writer_.track({"losses", recorder_track()});
    writer_.begin(
        track, since, TraceCategory::loss,
        fmt::format("{} {} lost on CPU {}", gap.lost, format::kind_name(gap.kind), gap.cpu), false,
        {{"lost", gap.lost}});
    writer_.end(track, until);
  }
}

}  // namespace dse::replay
