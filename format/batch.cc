#include "format/batch.h"

#include <capnp/dynamic.h>
#include <capnp/message.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <map>
#include <numeric>
#include <string>

#include "capture.capnp.h"
#include "format/batch_impl.h"
#include "format/filter_marks.h"
#include "format/read_columns.h"

namespace dse::format {
namespace {

// Cap'n Proto counts what is read against hostile messages that refer to the same words again and
// again. Every list is read once or twice here.
constexpr std::uint64_t kTraversalWords = std::uint64_t{1} << 26;

Error damaged(std::string what) { return {ErrorCode::damaged, std::move(what)}; }

std::vector<StreamPosition> positions(capnp::List<schema::Stream>::Reader list) {
  std::vector<StreamPosition> out;
  for (auto stream : list) out.push_back({stream.getKind(), stream.getCpu(), stream.getSeq()});
  return out;
}

// Whether all values are such as the column's member of the raw record can hold.
bool fits(std::span<const std::uint64_t> values, Abi abi, std::uint32_t size) {
  if (abi == Abi::u64) return true;
  std::uint64_t bias = abi == Abi::s32 ? std::uint64_t{1} << 31 : 0;
  std::uint64_t bits = 0;
  for (std::uint64_t value : values) bits |= value + bias;
  return bits >> (8 * size) == 0;
}

// How often a byte occurs.
std::uint32_t count_of(std::uint8_t byte, std::span<const std::uint8_t> in) {
  // Counts of a byte each, side by side in a register, for as long as none can overflow.
  constexpr std::size_t kLanes = 64, kMostRounds = 255;
  std::uint32_t count = 0;
  std::size_t at = 0;
  while (in.size() - at >= kLanes) {
    std::array<std::uint8_t, kLanes> lanes{};
    const std::size_t rounds = std::min((in.size() - at) / kLanes, kMostRounds);
    for (std::size_t round = 0; round < rounds; ++round, at += kLanes)
      for (std::size_t lane = 0; lane < kLanes; ++lane) lanes[lane] += in[at + lane] == byte;
    count = std::accumulate(lanes.begin(), lanes.end(), count);
  }
  for (; at < in.size(); ++at) count += in[at] == byte;
  return count;
}

// Where a byte occurs, `count` times in all.
std::vector<std::uint32_t> places_of(std::uint8_t byte, std::span<const std::uint8_t> in,
                                     std::uint32_t count) {
  constexpr std::uint32_t kFew = 16;  // of so many bytes at most one: then searching passes over most
  if (count <= in.size() / kFew) {
    std::vector<std::uint32_t> places;
    places.reserve(count);
    const std::uint8_t* const begin = in.data();
    const std::uint8_t* const end = begin + in.size();
    for (const std::uint8_t* at = begin; places.size() < count; ++at) {
      at = static_cast<const std::uint8_t*>(std::memchr(at, byte, static_cast<std::size_t>(end - at)));
      places.push_back(static_cast<std::uint32_t>(at - begin));
    }
    return places;
  }
  // One further for the loop without branches.
  std::vector<std::uint32_t> places(std::size_t{count} + 1);
  std::size_t found = 0;
  for (std::size_t i = 0; i < in.size(); ++i) {
    places[found] = static_cast<std::uint32_t>(i);
    found += in[i] == byte;
  }
  places.pop_back();
  return places;
}

}  // namespace

// ---- Table ---------------------------------------------------------------------------------------

struct Table::Impl {
  const TableLayout* layout;
  const LazyMessage* lazy;
  capnp::DynamicStruct::Reader reader;
  std::optional<schema::Common::Reader> common;  // not the task table
  std::uint32_t rows;
  std::uint32_t task_rows;  // how many tasks there are to refer to
  Batch::Impl* batch = nullptr;
  std::uint8_t slot;
  ColumnUse* use = nullptr;

  void note_use(unsigned column) const {
    if (use) use->note(layout->kind, column);
  }

  struct Column {
    std::optional<IntColumn> ints;
    std::optional<LoadedStrings> strings;
  };
  std::vector<Column> columns;
  std::optional<IntColumn> time, cpu, task;
  std::optional<std::vector<std::uint32_t>> positions;

  Result<schema::Ints::Reader> ints_reader(unsigned column) const {
    schema::Ints::Reader ints;
    DSE_TRY(guarded(lazy, [&] {
      ints = reader.get(reader.getSchema().getFields()[layout->columns[column].field])
                 .as<schema::Ints>();
    }));
    return ints;
  }

  Result<std::span<const std::uint64_t>> common_ints(
      std::optional<IntColumn>& cache, ColumnUse::Common column,
      schema::Ints::Reader (schema::Common::Reader::*get)() const) {
    if (!cache) {
      note_use(column);
      schema::Ints::Reader ints;
      DSE_TRY(guarded(lazy, [&] { ints = ((*common).*get)(); }));
      DSE_TRY_ASSIGN(cache, read_ints(lazy, ints, rows));
    }
    return std::span<const std::uint64_t>(*cache);
  }
};

Table::Table(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Table::~Table() = default;
Table::Table(Table&&) noexcept = default;

const TableLayout& Table::layout() const { return *impl_->layout; }
std::uint32_t Table::rows() const { return impl_->rows; }

Result<std::optional<PossibleValues>> Table::possible_values(unsigned column) const {
  DSE_TRY_ASSIGN(const schema::Ints::Reader ints, impl_->ints_reader(column));
  return read_possible_values(impl_->lazy, ints);
}

Result<std::span<const std::uint64_t>> Table::ints(unsigned column) const {
  auto& cache = impl_->columns[column].ints;
  if (!cache) {
    if (column < ColumnUse::kMaxColumns) impl_->note_use(column);
    const ColumnLayout& layout = impl_->layout->columns[column];
    DSE_TRY_ASSIGN(const schema::Ints::Reader ints, impl_->ints_reader(column));
    TimesOfRows times;
    if (impl_->common)
      times = [this]() -> Result<std::span<const std::uint64_t>> {
        auto of_rows = time();
        if (!of_rows) return of_rows.error().in("time");
        return of_rows;
      };
    auto values = read_ints(impl_->lazy, ints, impl_->rows, times);
    if (!values) return values.error().in(impl_->layout->name + "." + layout.name);
    if (!fits(*values, layout.abi, layout.size))
      return damaged(impl_->layout->name + "." + layout.name + ": a value out of range");
    cache = std::move(*values);
  }
  return std::span<const std::uint64_t>(*cache);
}

Result<StringColumn> Table::strings(unsigned column) const {
  auto& cache = impl_->columns[column].strings;
  if (!cache) {
    if (column < ColumnUse::kMaxColumns) impl_->note_use(column);
    const ColumnLayout& layout = impl_->layout->columns[column];
    std::uint32_t fixed_size = layout.abi == Abi::fixed ? layout.size : 0;
    bool there = false;
    schema::Strings::Reader strings;
    DSE_TRY(guarded(impl_->lazy, [&] {
      auto field = impl_->reader.getSchema().getFields()[layout.field];
      there = impl_->reader.has(field);
      strings = impl_->reader.get(field).as<schema::Strings>();
    }));
    if (!there) {
      cache = no_strings(impl_->rows, fixed_size);
      return cache->view();
    }
    auto values = read_strings(impl_->lazy, strings, impl_->rows, fixed_size);
    if (!values) return values.error().in(impl_->layout->name + "." + layout.name);
    cache = std::move(*values);
  }
  return cache->view();
}

Result<std::span<const std::uint64_t>> Table::time() const {
  return impl_->common_ints(impl_->time, ColumnUse::time, &schema::Common::Reader::getTime);
}

Result<std::span<const std::uint64_t>> Table::cpu() const {
  return impl_->common_ints(impl_->cpu, ColumnUse::cpu, &schema::Common::Reader::getCpu);
}

Result<std::span<const std::uint64_t>> Table::task() const {
  bool first = !impl_->task;
  auto rows = impl_->common_ints(impl_->task, ColumnUse::task, &schema::Common::Reader::getTask);
  if (!rows || !first) return rows;
  bool within = true;
  for (std::uint64_t row : *rows) within &= row < impl_->task_rows;
  if (!within) {
    impl_->task.reset();  // so that no later call gets what this one refuses
    return damaged("a record refers to a task that is not there");
  }
  return rows;
}

// ---- Batch ---------------------------------------------------------------------------------------

struct Batch::Impl {
  std::shared_ptr<void> keep;
  std::shared_ptr<ColumnUse> use;  // where it is noted; nullptr: nowhere
  std::unique_ptr<capnp::MessageReader> message;
  const LazyMessage* lazy = nullptr;
  schema::Block::Reader block;

  std::uint64_t first = 0;
  std::uint32_t count = 0;
  std::uint32_t raw_rows = 0;
  std::vector<Kind> kinds;
  std::map<Kind, Table> tables;
  std::optional<Table> tasks;
  std::vector<StreamPosition> streams;
  std::vector<Gap> gaps;
  std::optional<SnapshotInfo> snapshot;
  std::optional<FilterMarks> marks;
  std::optional<std::vector<std::uint8_t>> order;
  std::optional<LoadedStrings> raw;

  Status read();
  Status read_tasks();
  Result<std::uint32_t> read_table(const TableLayout& layout, std::uint8_t slot);
  Result<std::span<const std::uint8_t>> load_order();
  Status check_order(std::span<const std::uint8_t> slots);
};

Status Batch::Impl::read_tasks() {
  auto impl = std::make_unique<Table::Impl>();
  auto task = block.getTasks();
  impl->layout = &task_layout();
  impl->lazy = lazy;
  impl->use = use.get();
  impl->columns.resize(impl->layout->columns.size());
  impl->reader = task;
  impl->rows = task.getCount();
  if (impl->rows > kMaxRecords) return damaged("a batch with too many tasks");
  tasks.emplace(std::move(impl));
  return {};
}

// Returns the rows of the table.
Result<std::uint32_t> Batch::Impl::read_table(const TableLayout& layout, std::uint8_t slot) {
  auto impl = std::make_unique<Table::Impl>();
  impl->layout = &layout;
  impl->lazy = lazy;
  impl->use = use.get();
  impl->columns.resize(layout.columns.size());
  impl->batch = this;
  impl->slot = slot;
  auto field = capnp::Schema::from<schema::Block>().getFields()[layout.field];
  impl->reader = capnp::DynamicStruct::Reader(block).get(field).as<capnp::DynamicStruct>();
  impl->common = impl->reader.get("common").as<schema::Common>();
  impl->rows = impl->common->getCount();
  impl->task_rows = tasks->rows();
  std::uint32_t rows = impl->rows;
  if (rows > kMaxRecords) return damaged("a batch with too many records");
  tables.emplace(layout.kind, Table(std::move(impl)));
  return rows;
}

Status Batch::Impl::read() {
  Status inner;
  bool marked = false;
  DSE_TRY(guarded(lazy, [&] {
    inner = [&]() -> Status {
      auto entry = message->getRoot<schema::Entry>();
      if (entry.isBlock()) {
        block = entry.getBlock();
      } else if (entry.isSnapshot()) {
        auto from = entry.getSnapshot();
        block = from.getRows();
        snapshot = {from.getBeginTime(), from.getEndTime(), positions(from.getBeginStreams()),
                    positions(from.getEndStreams())};
      } else {
        return damaged("the message is not a batch of records");
      }
      first = block.getFirst();
      count = block.getCount();
      if (count > kMaxRecords)
        return damaged("a batch of " + std::to_string(count) + " records is too large");

      DSE_TRY(read_tasks());
      std::uint64_t rows = 0;
      for (Kind kind : block.getKinds()) {
        auto slot = static_cast<std::uint8_t>(kinds.size());
        if (kinds.size() >= kMaxKinds) return damaged("a batch with too many kinds");
        if ((slot == 0) != (kind == 0)) return damaged("a batch without a slot for raw records");
        kinds.push_back(kind);
        const TableLayout* layout = kind ? kind_layout(kind) : nullptr;
        if (!layout) continue;
        if (tables.count(kind)) return damaged("a batch that names a kind twice");
        DSE_TRY_ASSIGN(std::uint32_t table_rows, read_table(*layout, slot));
        rows += table_rows;
      }
      if (kinds.empty()) kinds.push_back(0);
      if (rows > count) return damaged("the tables have more rows than the batch has records");
      raw_rows = count - static_cast<std::uint32_t>(rows);

      auto stream_list = block.getStreams();
      if (stream_list.size() > count) return damaged("more streams than records");
      streams = positions(stream_list);
      auto gap_list = block.getGaps();
      if (gap_list.size() > count) return damaged("more gaps than records");
      for (auto gap : gap_list)
        gaps.push_back(
            {gap.getKind(), gap.getCpu(), gap.getRow(), gap.getLost(), gap.getSinceTime()});
      marked = block.getFiltered() || block.getNumbered();
      return {};
    }();
  }));
  if (!inner || !marked) return inner;
  DSE_TRY_ASSIGN(marks, read_filter_marks(lazy, block, count, snapshot.has_value()));
  return {};
}

Status Batch::Impl::check_order(std::span<const std::uint8_t> slots) {
  std::vector<std::uint32_t> seen;
  for (std::size_t slot = 0; slot < kinds.size(); ++slot)  // one wide loop for each of the few
    seen.push_back(count_of(static_cast<std::uint8_t>(slot), slots));
  if (std::accumulate(seen.begin(), seen.end(), std::size_t{0}) != slots.size())
    return damaged("a record of a kind that the batch does not name");
  // Kinds that this version does not know have slots but no tables.
  for (std::size_t slot = 0; slot < kinds.size(); ++slot) {
    auto table = tables.find(kinds[slot]);
    if (table != tables.end() && table->second.rows() != seen[slot])
      return damaged("a table does not have as many rows as the batch has records of its kind");
  }
  raw_rows = seen[0];
  return {};
}

Batch::Batch(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Batch::~Batch() = default;

Batch::Batch(Batch&&) noexcept = default;
Batch& Batch::operator=(Batch&&) noexcept = default;

std::uint64_t Batch::first() const { return impl_->first; }
std::uint32_t Batch::count() const { return impl_->count; }
std::span<const Kind> Batch::kinds() const { return impl_->kinds; }
const Table& Batch::tasks() const { return *impl_->tasks; }
std::span<const StreamPosition> Batch::streams() const { return impl_->streams; }
std::span<const Gap> Batch::gaps() const { return impl_->gaps; }
const std::optional<SnapshotInfo>& Batch::snapshot() const { return impl_->snapshot; }

bool Batch::filtered() const { return impl_->marks && impl_->marks->filtered; }
std::uint64_t Batch::slice() const { return impl_->marks ? impl_->marks->slice : 0; }

std::uint64_t Batch::number(std::uint32_t position) const {
  if (impl_->marks) {
    const auto& number = impl_->marks->number;
    return position < number.size() ? number[position] : 0;
  }
  return impl_->snapshot ? 0 : impl_->first + position + 1;
}

std::span<const ShownEvents> Batch::shown() const {
  if (!impl_->marks) return {};
  return impl_->marks->shown;
}

ShownView Batch::shown(std::string_view point) const {
  for (const ShownEvents& events : shown())
    if (events.point == point) return {events.position, events.nth};
  return {};
}

const Table* Batch::table(Kind kind) const {
  auto found = impl_->tables.find(kind);
  return found == impl_->tables.end() ? nullptr : &found->second;
}

Result<std::span<const std::uint8_t>> Batch::Impl::load_order() {
  if (!order) {
    schema::Ints::Reader ints;
    DSE_TRY(guarded(lazy, [&] { ints = block.getOrder(); }));
    DSE_TRY_ASSIGN(std::vector<std::uint8_t> slots, read_bytes(lazy, ints, count));
    DSE_TRY(check_order(slots));
    order = std::move(slots);
  }
  return std::span<const std::uint8_t>(*order);
}

Result<std::span<const std::uint8_t>> Batch::order() const { return impl_->load_order(); }

Result<std::span<const std::uint32_t>> Table::positions() const {
  if (!impl_->positions) {
    impl_->note_use(ColumnUse::positions);
    DSE_TRY_ASSIGN(auto order, impl_->batch->load_order());
    // As many as rows, which the order was checked for.
    impl_->positions = places_of(impl_->slot, order, impl_->rows);
  }
  return std::span<const std::uint32_t>(*impl_->positions);
}

Result<StringColumn> Batch::raw() const {
  if (!impl_->raw) {
    DSE_TRY(order());  // counts the raw records
    schema::Strings::Reader strings;
    DSE_TRY(guarded(impl_->lazy, [&] { strings = impl_->block.getRaw(); }));
    DSE_TRY_ASSIGN(impl_->raw, read_strings(impl_->lazy, strings, impl_->raw_rows, 0));
  }
  return impl_->raw->view();
}

Result<Batch> read_batch(std::unique_ptr<capnp::MessageReader> message, const LazyMessage* lazy,
                         std::shared_ptr<void> keep, std::shared_ptr<ColumnUse> use) {
  auto impl = std::make_unique<Batch::Impl>();
  impl->keep = std::move(keep);
  impl->use = std::move(use);
  impl->message = std::move(message);
  impl->lazy = lazy;
  DSE_TRY(impl->read());
  return Batch(std::move(impl));
}

Status unpack_used(const Batch& batch, const ColumnUse& use) {
  auto unpack = [&](const Table& table) -> Status {
    const TableLayout& layout = table.layout();
    for (unsigned i = 0; i < std::min<std::size_t>(layout.columns.size(), ColumnUse::kMaxColumns);
         ++i) {
      if (!use.is_used(layout.kind, i)) continue;
      if (layout.columns[i].is_string())
        DSE_TRY(table.strings(i));
      else
        DSE_TRY(table.ints(i));
    }
    if (use.is_used(layout.kind, ColumnUse::time)) DSE_TRY(table.time());
    if (use.is_used(layout.kind, ColumnUse::cpu)) DSE_TRY(table.cpu());
    if (use.is_used(layout.kind, ColumnUse::task)) DSE_TRY(table.task());
    if (use.is_used(layout.kind, ColumnUse::positions)) DSE_TRY(table.positions());
    return {};
  };
  DSE_TRY(unpack(batch.tasks()));
  for (Kind kind : batch.kinds())
    if (const Table* table = batch.table(kind)) DSE_TRY(unpack(*table));
  return {};
}

Result<Batch> read_batch(std::unique_ptr<ColumnMessage> message) {
  auto reader = std::make_unique<capnp::SegmentArrayMessageReader>(
      message->getSegmentsForOutput(), capnp::ReaderOptions{kTraversalWords, 16});
  return read_batch(std::move(reader), nullptr, std::shared_ptr<ColumnMessage>(std::move(message)));
}

}  // namespace dse::format
