#include "format/rows.h"

#include <algorithm>
#include <atomic>
#include <bit>
#include <cstring>

namespace dse::format {
namespace {

std::uint64_t next_batch() {
  static std::atomic<std::uint64_t> counter{0};
  return ++counter;
}

std::uint64_t hash_task(const dse_task& task) { return XXH3_64bits(&task, sizeof(task)); }

bool same(const dse_task& a, const dse_task& b) { return std::memcmp(&a, &b, sizeof(a)) == 0; }

std::uint32_t load_u32(const std::byte* at) {
  std::uint32_t value;
  std::memcpy(&value, at, sizeof(value));
  return value;
}

constexpr std::uint32_t kEmpty = 0xffffffff;

static_assert(sizeof(dse_socket_state) <= sizeof(std::uint64_t) * WordColumns::kMaxWords);

}  // namespace

std::vector<std::byte> whole_record(const RecordHead& head, const dse_task& task,
                                    std::span<const std::byte> body) {
  dse_header header{head.time_ns, head.seq,
                    static_cast<std::uint32_t>(sizeof(header) + body.size()), head.kind, head.cpu, task};
  std::vector<std::byte> record(header.size);
  std::memcpy(record.data(), &header, sizeof(header));
  if (!body.empty()) std::memcpy(record.data() + sizeof(header), body.data(), body.size());
  return record;
}

void show(FilterMarks& marks, const std::string& point, std::uint32_t position, std::uint32_t nth) {
  auto found = std::find_if(marks.shown.begin(), marks.shown.end(),
                            [&](const ShownEvents& one) { return one.point == point; });
  if (found == marks.shown.end()) found = marks.shown.insert(marks.shown.end(), {point, {}, {}});
  found->position.push_back(position);
  found->nth.push_back(nth);
}

std::vector<StreamPosition> StreamTable::positions() const {
  std::vector<StreamPosition> out;
  for (std::size_t kind = 0; kind < recorder_.size(); ++kind)
    if (recorder_[kind].next != 0)
      out.push_back({static_cast<Kind>(kind), DSE_CPU_NONE, recorder_[kind].next});
  for (std::size_t kind = 0; kind < states_.size(); ++kind)
    for (std::size_t cpu = 0; cpu < states_[kind].size(); ++cpu)
      if (const auto& state = states_[kind][cpu]; state && state->next != 0)
        out.push_back({static_cast<Kind>(kind), static_cast<std::uint16_t>(cpu), state->next});
  return out;
}

std::uint32_t TaskTable::intern(const dse_task& task) {
  // Records come in runs of one task, or of two that have to do with each other.
  if (last_ < tasks_.size() && same(tasks_[last_], task)) return last_;
  if (before_ < tasks_.size() && same(tasks_[before_], task)) {
    std::swap(last_, before_);
    return last_;
  }
  before_ = last_;
  if (2 * (tasks_.size() + 1) > slots_.size()) grow();
  std::size_t mask = slots_.size() - 1;
  for (std::size_t i = hash_task(task) & mask;; i = (i + 1) & mask) {
    std::uint32_t& slot = slots_[i];
    if (slot == kEmpty) {
      tasks_.push_back(task);
      slot = static_cast<std::uint32_t>(tasks_.size() - 1);
      return last_ = slot;
    }
    if (same(tasks_[slot], task)) return last_ = slot;
  }
}

void TaskTable::grow() {
  slots_.assign(slots_.empty() ? 256 : 2 * slots_.size(), kEmpty);
  std::size_t mask = slots_.size() - 1;
  for (std::uint32_t index = 0; index < tasks_.size(); ++index) {
    std::size_t i = hash_task(tasks_[index]) & mask;
    while (slots_[i] != kEmpty) i = (i + 1) & mask;
    slots_[i] = index;
  }
}

void TaskTable::clear() {
  tasks_.clear();
  std::fill(slots_.begin(), slots_.end(), kEmpty);
  last_ = before_ = 0;
}

Rows::Rows() : batch_(next_batch()) {
  tables_.resize(1);  // slot 0: raw
  for (const TableLayout& layout : all_kind_layouts()) {
    Table table;
    table.layout = &layout;
    table.body = WordColumns(layout.fixed_size / sizeof(std::uint64_t));
    for (unsigned i = 0; i < layout.columns.size(); ++i)
      if (layout.columns[i].abi == Abi::bytes) table.byte_columns_.push_back(i);
    if (table.byte_columns_.empty()) table.plain_size_ = layout.fixed_size;
    table.row_bytes_ = sizeof(RecordHead) + layout.fixed_size;
    table.slot_ = static_cast<std::uint8_t>(tables_.size());
    table.dictionaries.resize(table.byte_columns_.size());
    table.indices.resize(table.byte_columns_.size());
    slot_of_kind_[layout.kind] = table.slot_;
    tables_.push_back(std::move(table));
  }
}

const Rows::Table* Rows::table(Kind kind) const {
  const std::uint8_t slot = slot_of(kind);
  return slot ? &tables_[slot] : nullptr;
}

// For at least so many.
void Rows::Table::make_room(std::size_t rows) {
  const std::size_t room = std::max({std::size_t{64}, 2 * room_, rows});
  time_.resize(room);
  task_.resize(room);
  cpu_.resize(room);
  room_ = room;
}

void Rows::begin_stream(Kind kind, std::uint16_t cpu, StreamTable::State& state) {
  state.batch = batch_;
  // An appended batch may have brought the position already, and then that one is the first.
  if (std::none_of(streams_.begin(), streams_.end(), [&](const StreamPosition& known) {
        return known.kind == kind && known.cpu == cpu;
      }))
    streams_.push_back({kind, cpu, state.next});
}

void Rows::append(std::span<const std::byte> record, StreamTable& streams) {
  dse_header header;
  if (record.size() < sizeof(header)) return append_raw(record);
  std::memcpy(&header, record.data(), sizeof(header));
  const auto body = record.subspan(sizeof(header));
  if (header.size != record.size()) return append_raw(record);
  SharedTask task(header.task);
  Lane lane;
  append({header.time_ns, header.seq, header.kind, header.cpu}, task, body, streams, lane);
}

void Rows::append(const RecordHead& head, SharedTask& task, std::span<const std::byte> body,
                  StreamTable& streams, Lane& lane) {
  lane = {};
  Table& table = tables_[slot_of(head.kind)];
  if (body.size() != table.plain_size_) {
    if (!fits(table, body)) return append_raw(whole_record(head, task.task_, body));
    put_strings(table, body.data());
  }
  if (task.batch_ != batch_) {
    task.batch_ = batch_;
    task.index_ = tasks_.intern(task.task_);
  }
  lane.table_ = &table;
  lane.state_ = &streams.at(head.kind, head.cpu);
  lane.batch_ = batch_;
  lane.task_ = task.index_;
  lane.cpu_ = head.cpu;
  if (lane.state_->batch != batch_) begin_stream(head.kind, head.cpu, *lane.state_);
  put(lane, head.time_ns, head.seq, body.data());
}

void Rows::append_raw(std::span<const std::byte> record) {
  if (record.size() >= sizeof(dse_header)) {
    std::uint64_t time;
    std::memcpy(&time, record.data() + offsetof(dse_header, time_ns), sizeof(time));
    note_time(time);
  }
  raw_index_.push_back(raw_.intern({reinterpret_cast<const char*>(record.data()), record.size()}));
  put_order(0);
  size_bytes_ += record.size() + 16;
}

// Not: the kind is not known, or the sizes in the body do not add up.
bool Rows::fits(const Table& table, std::span<const std::byte> body) {
  if (!table.layout || body.size() < table.layout->fixed_size) return false;
  std::uint64_t total = table.layout->fixed_size;
  for (unsigned i : table.byte_columns_)
    total += load_u32(body.data() + table.layout->columns[i].offset);
  return total == body.size();
}

void Rows::put_strings(Table& table, const std::byte* body) {
  const TableLayout& layout = *table.layout;
  const std::byte* at = body + layout.fixed_size;
  for (std::size_t i = 0; i < table.byte_columns_.size(); ++i) {
    std::uint32_t size = load_u32(body + layout.columns[table.byte_columns_[i]].offset);
    std::size_t before = table.dictionaries[i].bytes().size();
    table.indices[i].push_back(
        table.dictionaries[i].intern({reinterpret_cast<const char*>(at), size}));
    size_bytes_ += table.dictionaries[i].bytes().size() - before;
    at += size;
  }
}

// Before the next row of the lane's table.
void Rows::note_gap(const Lane& lane, std::uint64_t seq) {
  const StreamTable::State& state = *lane.state_;
  const auto lost = static_cast<std::int64_t>(seq - state.next);
  gaps_.push_back(
      {lane.table_->layout->kind, lane.cpu_, lane.table_->count(), lost, state.last_time});
  if (lost > 0) lost_ += static_cast<std::uint64_t>(lost);
}

void Rows::append(const Rows& later) {
  if (empty()) first = later.first;
  std::vector<std::uint32_t> task_of(later.tasks_.tasks().size());
  for (std::size_t i = 0; i < task_of.size(); ++i)
    task_of[i] = tasks_.intern(later.tasks_.tasks()[i]);

  for (const Gap& gap : later.gaps_) {
    gaps_.push_back(gap);
    gaps_.back().row += table(gap.kind)->count();
  }
  for (const StreamPosition& stream : later.streams_) {
    auto same = [&](const StreamPosition& known) {
      return known.kind == stream.kind && known.cpu == stream.cpu;
    };
    if (std::none_of(streams_.begin(), streams_.end(), same)) streams_.push_back(stream);
  }

  for (std::size_t slot = 1; slot < tables_.size(); ++slot) {
    Table& to = tables_[slot];
    const Table& from = later.tables_[slot];
    if (from.count() == 0) continue;
    const std::uint32_t before = to.count();
    if (const std::size_t rows = std::size_t{before} + from.count(); to.room_ < rows) to.make_room(rows);
    std::ranges::copy(from.time(), to.time_.data() + before);
    std::ranges::copy(from.cpu(), to.cpu_.data() + before);
    std::ranges::transform(from.task(), to.task_.data() + before,
                           [&](std::uint32_t task) { return task_of[task]; });
    to.body.append(from.body);
    for (std::size_t i = 0; i < to.byte_columns_.size(); ++i)
      for (std::uint32_t index : from.indices[i])
        to.indices[i].push_back(to.dictionaries[i].intern(from.dictionaries[i][index]));
  }
  for (std::uint32_t index : later.raw_index_) raw_index_.push_back(raw_.intern(later.raw_[index]));
  for (std::uint8_t slot : later.order()) put_order(slot);
  lost_ += later.lost_;
  size_bytes_ += later.size_bytes_;
  if (later.min_time_ <= later.max_time_) {  // else no record of it has a time
    note_time(later.min_time_);
    note_time(later.max_time_);
  }
}

void Rows::clear() {
  for (Table& table : tables_) {
    table.body.clear();
    for (auto& dictionary : table.dictionaries) dictionary.clear();
    for (auto& index : table.indices) index.clear();
  }
  count_ = 0;
  tasks_.clear();
  raw_.clear();
  raw_index_.clear();
  streams_.clear();
  gaps_.clear();
  lost_ = 0;
  size_bytes_ = 0;
  min_time_ = ~std::uint64_t{0};
  max_time_ = 0;
  first = 0;
  marks.reset();
  batch_ = next_batch();
}

}  // namespace dse::format
