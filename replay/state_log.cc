#include "replay/state_log.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <memory>
#include <set>
#include <utility>

#include "format/batch_impl.h"
#include "format/encode.h"
#include "replay/raw_record.h"
#include "replay/signal_trace.h"

namespace dse::replay {
namespace {

constexpr std::uint32_t kBatchRecords = 32768;
constexpr std::size_t kBatchBytes = std::size_t{4} << 20;

dse_header header_of(std::span<const std::byte> record) {
  dse_header header;
  std::memcpy(&header, record.data(), sizeof(header));
  return header;
}

// Which exits ProcessExited remembers: the last ones, to tell a process that is said to end twice.
class ExitTrace {
 public:
  explicit ExitTrace(StateTrace& trace) : trace_(trace) {}

  void take(const dse_header& header, std::span<const std::byte> record, std::uint32_t place) {
    if (header.kind != DSE_PROCESS_EXIT ||
        !(body_of<dse_process_exit>(record).flags & DSE_EXIT_GROUP_DEAD))
      return;
    const Process process(header.task.pid, header.task.start_time_ns);
    // What it makes of one that it has met before, or that looks like a free place, depends on all that it
    // remembers.
    if (!seen_.insert(process).second || process == Process{})
      for (const Exit& exit : recent_)
        if (exit.used) trace_.read({exit.place, 0});
    if (std::any_of(recent_.begin(), recent_.end(),
                    [&](const Exit& exit) { return exit.process == process; }))
      return;
    recent_[next_++ % recent_.size()] = {process, place, true};
  }
  void add_roots(std::vector<std::uint32_t>& roots) const {
    for (const Exit& exit : recent_)
      if (exit.used) roots.push_back(exit.place);
  }

 private:
  using Process = std::pair<std::uint32_t, std::uint64_t>;  // pid and start
  struct Exit {
    Process process;
    std::uint32_t place = 0;
    bool used = false;
  };
  StateTrace& trace_;
  std::array<Exit, 16> recent_{};
  std::size_t next_ = 0;
  std::set<Process> seen_;
};

}  // namespace

bool StateLog::takes(format::Kind kind) {
  switch (kind) {
    case DSE_PROCESS_FORK:
    case DSE_PROCESS_EXEC:
    case DSE_PROCESS_EXIT:
    case DSE_CGROUP_MKDIR:
    case DSE_CGROUP_RMDIR:
    case DSE_CGROUP_ATTACH:
    case DSE_SIGNAL_GENERATE:
    case DSE_SIGNAL_DELIVER:
    case DSE_CLOCK_SAMPLE:
    case DSE_PROCESS_SNAPSHOT:
    case DSE_CGROUP_SNAPSHOT:
    case DSE_SOCKET_SNAPSHOT:
    case DSE_CONTAINER_METADATA: return true;
    default: return false;
  }
}

void StateLog::reset(const format::SegmentInfo& info) {
  info_ = info;
  entries_.clear();
  bytes_.clear();
  snapshot_ = condensed_bytes_ = 0;
}

void StateLog::append(std::span<const std::byte> record, std::uint64_t number) {
  bytes_.insert(bytes_.end(), record.begin(), record.end());
  entries_.push_back({number, bytes_.size()});
  snapshot_ += number == 0;
}

Status StateLog::add(std::span<const std::byte> record, std::uint64_t number) {
  append(record, number);
  return bytes_.size() >= std::max(2 * condensed_bytes_, kLeastBytes) ? condense() : Status();
}

// Advances `state` by all records, in batches.
Status StateLog::replay(State& state, StateTrace& trace) const {
  format::BatchEncoder encoder;
  format::StreamTable streams;
  format::Rows rows;
  std::uint32_t base = 0;
  auto advance = [&](bool snapshot) -> Status {
    if (rows.empty()) return {};
    trace.begin_batch(base);
    base += rows.count();
    if (!snapshot) rows.first = rows.marks->number.front() - 1;
    DSE_TRY_ASSIGN(format::Batch batch,
                   format::read_batch(snapshot ? encoder.snapshot(rows, {}) : encoder.block(rows)));
    DSE_TRY(state.advance(batch));
    rows.clear();
    return {};
  };
  for (std::size_t i = 0; i < entries_.size(); ++i) {
    if (i == snapshot_) DSE_TRY(advance(true));
    rows.append(record(i), streams);
    if (i < snapshot_) continue;
    if (!rows.marks) rows.marks.emplace().filtered = false;
    rows.marks->number.push_back(number(i));
    if (rows.count() >= kBatchRecords || rows.size_bytes() >= kBatchBytes) DSE_TRY(advance(false));
  }
  return advance(entries_.size() == snapshot_);
}

// What points remember by themselves. Returns the records that they need in any case.
std::vector<std::uint32_t> StateLog::trace_points(StateTrace& trace) const {
  std::vector<std::uint32_t> roots;
  SignalTrace signals(trace);
  ExitTrace exits(trace);
  std::uint32_t last_clock = 0;
  bool clock = false;
  for (std::uint32_t i = 0; i < entries_.size(); ++i) {
    const dse_header header = header_of(record(i));
    trace.at(i);
    signals.take(header, record(i));
    exits.take(header, record(i), i);
    if (header.kind == DSE_SOCKET_SNAPSHOT) roots.push_back(i);
    if (header.kind == DSE_CLOCK_SAMPLE) {
      last_clock = i;
      clock = true;
    }
  }
  if (clock) roots.push_back(last_clock);
  exits.add_roots(roots);
  signals.for_each_origin(
      [&](const StateTrace::Origin& origin) { roots.push_back(origin.record); });
  return roots;
}

Status StateLog::condense() {
  if (entries_.empty()) return {};
  StateTrace trace;
  State state;
  state.set_needs({.processes = true, .ancestors = true, .images = true, .cgroups = true, .containers = true});
  state.set_trace(&trace);
  state.reset(info_);
  DSE_TRY(replay(state, trace));
  std::vector<std::uint32_t> roots = trace_points(trace);
  state.for_each_origin(entries_.back().number,
                        [&](const StateTrace::Origin& origin) { roots.push_back(origin.record); });
  const std::vector<bool> kept = trace.closure(static_cast<std::uint32_t>(entries_.size()), roots);

  std::size_t count = 0, snapshot = 0, from = 0, to = 0;
  for (std::size_t i = 0; i < entries_.size(); ++i) {
    const std::size_t size = entries_[i].end - from;
    if (kept[i]) {
      std::memmove(bytes_.data() + to, bytes_.data() + from, size);
      to += size;
      snapshot += i < snapshot_;
      from = entries_[i].end;
      entries_[count++] = {entries_[i].number, to};
    } else {
      from = entries_[i].end;
    }
  }
  entries_.resize(count);
  bytes_.resize(to);
  snapshot_ = snapshot;
  condensed_bytes_ = to;
  return {};
}

}  // namespace dse::replay
