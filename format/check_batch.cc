#include "format/check_batch.h"

#include <algorithm>
#include <cstring>
#include <limits>

#include <fmt/format.h>

#include "bpf/abi.h"

namespace dse::format {
namespace {

constexpr std::uint64_t kNoTime = ~std::uint64_t{0};

Status read_all(const Table& table, bool is_task_table) {
  if (!is_task_table) {
    DSE_TRY(table.time());
    DSE_TRY_ASSIGN(auto cpus, table.cpu());
    for (std::uint64_t cpu : cpus)
      if (cpu > std::numeric_limits<std::uint16_t>::max())
        return Error(ErrorCode::damaged, table.layout().name + ".cpu: a value out of range");
    DSE_TRY(table.task());
    DSE_TRY(table.positions());
  }
  for (unsigned i = 0; i < table.layout().columns.size(); ++i) {
    if (table.layout().columns[i].is_string()) {
      DSE_TRY(table.strings(i));
    } else {
      DSE_TRY(table.ints(i));
    }
  }
  return {};
}

// What a header would say of the records.
struct Recomputed {
  std::map<Kind, std::uint64_t> kinds;
  std::uint64_t min_time = kNoTime, max_time = 0;
  bool newer = false;  // records whose times cannot be known here

  void time(std::uint64_t time) {
    min_time = std::min(min_time, time);
    max_time = std::max(max_time, time);
  }
};

Result<Recomputed> recompute(const Batch& batch) {
  Recomputed all;
  DSE_TRY_ASSIGN(auto order, batch.order());
  for (std::uint8_t slot : order) ++all.kinds[batch.kinds()[slot]];
  for (auto [kind, count] : all.kinds) {
    const Table* table = batch.table(kind);
    all.newer = all.newer || (!table && kind != 0);
    if (!table) continue;
    DSE_TRY_ASSIGN(auto times, table->time());
    for (std::uint64_t time : times) all.time(time);
  }
  DSE_TRY_ASSIGN(StringColumn raw, batch.raw());
  for (std::size_t row = 0; row < raw.index.size(); ++row) {
    std::string_view record = raw[row];
    if (record.size() < sizeof(dse_header)) continue;
    std::uint64_t time;
    std::memcpy(&time, record.data() + offsetof(dse_header, time_ns), sizeof(time));
    all.time(time);
  }
  return all;
}

void compare(const EntryHeader& header, const Recomputed& found, std::vector<std::string>& faults) {
  std::map<Kind, std::uint64_t> told;
  bool twice = false;
  for (const KindCount& kind : header.kinds)
    twice = !told.emplace(kind.kind, kind.count).second || twice;
  if (twice) faults.push_back("the header names a kind twice");
  std::erase_if(told, [](const auto& kind) { return kind.second == 0; });
  if (told != found.kinds)
    faults.push_back("the header's counts of each kind are not those of the records");
  if (header.count == 0) {
    if (header.min_time != 0 || header.max_time != 0)
      faults.push_back("the header has times, but there are no records");
    return;
  }
  bool right = header.min_time == found.min_time && header.max_time == found.max_time;
  if (found.newer)  // the others must lie between
    right = header.min_time <= found.min_time && header.max_time >= found.max_time;
  if (!right)
    faults.push_back(
        fmt::format("the header's times {} to {} are not those of the records, {} to {}",
                    header.min_time, header.max_time, found.min_time, found.max_time));
}

}  // namespace

Status read_all(const Batch& batch) {
  DSE_TRY(batch.order());
  DSE_TRY(batch.raw());
  DSE_TRY(read_all(batch.tasks(), true));
  for (Kind kind : batch.kinds())
    if (const Table* table = batch.table(kind)) DSE_TRY(read_all(*table, false));
  return {};
}

CheckedBatch check_batch(const EntryHeader& header, const BodyReader& body) {
  CheckedBatch checked;
  for (const Error& error : check_frames(header, body)) checked.faults.push_back(error.message());
  if (!checked.faults.empty()) return checked;
  auto batch = open_batch(header, body, nullptr);
  if (!batch) {
    checked.faults.push_back(batch.error().message());
    return checked;
  }
  checked.batch.emplace(std::move(*batch));
  if (auto status = read_all(*checked.batch); !status) {
    checked.faults.push_back(status.error().message());
    return checked;
  }
  if (auto found = recompute(*checked.batch))
    compare(header, *found, checked.faults);
  else
    checked.faults.push_back(found.error().message());
  return checked;
}

// ---- from block to block -------------------------------------------------------------------------

// The stream of a record, as the block has it when it first comes to it.
Continuity::State& Continuity::enter(const Stream& stream, std::vector<std::string>& faults) {
  auto [at, first] = streams_.try_emplace(stream);
  auto told = told_.find(stream);
  if (told == told_.end()) told = told_.emplace(stream, Told{}).first;
  State& state = at->second;
  if (std::exchange(told->second.met, true)) return state;
  if (!first && state.next != told->second.seq)
    faults.push_back(
        fmt::format("{} on CPU {} goes on with sequence number {}, where {} is expected",
                    kind_name(stream.first), stream.second, told->second.seq, state.next));
  state.next = told->second.seq;
  return state;
}

Status Continuity::follow(const Batch& batch, const Table& table,
                          std::vector<std::string>& faults) {
  const Kind kind = table.layout().kind;
  DSE_TRY_ASSIGN(auto cpus, table.cpu());
  DSE_TRY_ASSIGN(auto times, table.time());
  auto fault = [&](const Gap& gap, const char* what) {
    faults.push_back(fmt::format("the gap before row {} of {} {}", gap.row, kind_name(kind), what));
  };
  std::vector<Gap> gaps;
  for (const Gap& gap : batch.gaps())
    if (gap.kind == kind) gaps.push_back(gap);
  for (std::size_t i = 0; i < gaps.size(); ++i) {
    if (gaps[i].row >= table.rows()) {
      fault(gaps[i], "is at a row that is not there");
      return {};
    }
    if (i > 0 && gaps[i].row <= gaps[i - 1].row) fault(gaps[i], "is not in order");
    if (cpus[gaps[i].row] != gaps[i].cpu) fault(gaps[i], "is of another CPU");
  }
  // A filtered or merged capture may place a loss by records that are not in it.
  const bool original = batch.count() == 0 || (!batch.filtered() && batch.slice() == 0);
  std::size_t next_gap = 0;
  State* at = nullptr;
  for (std::uint32_t row = 0; row < table.rows(); ++row) {
    if (row == 0 || cpus[row] != cpus[row - 1])
      at = &enter({kind, static_cast<std::uint16_t>(cpus[row])}, faults);
    State& state = *at;
    for (; next_gap < gaps.size() && gaps[next_gap].row <= row; ++next_gap) {
      const Gap& gap = gaps[next_gap];
      state.next += static_cast<std::uint64_t>(gap.lost);
      if (original && state.any && gap.since_time != state.last_time)
        fault(gap, "does not begin at the record before it");
    }
    ++state.next;
    state.last_time = times[row];
    state.any = true;
  }
  return {};
}

std::vector<std::string> Continuity::take(const Batch& batch) {
  std::vector<std::string> faults;
  told_.clear();
  for (const StreamPosition& stream : batch.streams())
    told_[{stream.kind, stream.cpu}] = {stream.seq, false};
  for (const Gap& gap : batch.gaps())
    if (gap.kind == 0 || (kind_layout(gap.kind) && !batch.table(gap.kind)))
      faults.push_back("a gap of a kind that is not there");
  for (Kind kind : batch.kinds())
    if (const Table* table = batch.table(kind))
      if (auto status = follow(batch, *table, faults); !status)
        faults.push_back(status.error().message());
  constexpr std::size_t kMaxFaults = 20;
  if (faults.size() > kMaxFaults) {
    std::size_t more = faults.size() - kMaxFaults;
    faults.resize(kMaxFaults);
    faults.push_back(fmt::format("and {} more faults of sequence numbers", more));
  }
  return faults;
}

}  // namespace dse::format
