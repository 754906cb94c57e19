#include "format/encode.h"

#include <capnp/any.h>
#include <capnp/dynamic.h>

#include <algorithm>
#include <array>
#include <cstring>

#include "capture.capnp.h"
#include "format/gather.h"
#include "format/ints.h"
#include "format/message.h"

namespace dse::format {
namespace {

template <typename Builder>
void set_streams(Builder list, std::span<const StreamPosition> streams) {
  for (unsigned i = 0; i < streams.size(); ++i) {
    list[i].setKind(streams[i].kind);
    list[i].setCpu(streams[i].cpu);
    list[i].setSeq(streams[i].seq);
  }
}

std::byte* bytes_of(capnp::AnyList::Reader list) {
  // The builder's own memory, through the one accessor that Cap'n Proto offers for it.
  return reinterpret_cast<std::byte*>(const_cast<kj::byte*>(list.getRawBytes().begin()));
}

void copy_list(schema::Ints::Builder to, const PackedInts& packed, const std::byte* from) {
  std::byte* out = nullptr;
  switch (packed.width) {
    case 1: out = bytes_of(to.initU8(packed.rows).asReader()); break;
    case 2: out = bytes_of(to.initU16(packed.rows).asReader()); break;
    case 4: out = bytes_of(to.initU32(packed.rows).asReader()); break;
    case 8: out = bytes_of(to.initU64(packed.rows).asReader()); break;
    default: to.setSame(); return;
  }
  std::memcpy(out, from, packed.size_bytes());
}

void copy_planes(schema::Ints::Builder to, const PackedInts& packed, const std::byte* from) {
  for (unsigned plane = 0; plane < packed.width; ++plane, from += packed.rows)
    to.getPlanes().set(plane, {reinterpret_cast<const kj::byte*>(from), packed.rows});
}

// Each plane is large.
static_assert(kPlaneRows >= ColumnMessage::kColumnBytes);

}  // namespace

class BatchEncoder::Impl {
 public:
  void fill(schema::Block::Builder block, const Rows& rows);
  // Gives every list its place; until then only their structures exist.
  void place_lists(ColumnMessage& message);

 private:
  // A list that waits for its place: small ones go to the first segment, large ones to their own.
  struct PendingInts {
    schema::Ints::Builder to;
    PackedInts packed;
  };
  struct PendingData {
    schema::Strings::Builder to;
    const char* data;
    std::size_t size;
  };

  void fill_kind(schema::Block::Builder block, const Rows::Table& table, std::uint64_t start_time);
  void fill_tasks(schema::Task::Builder task, std::span<const dse_task> tasks);
  void fill_marks(schema::Block::Builder block, const FilterMarks& marks);
  void plan_columns(const TableLayout& layout);
  void fill_columns(capnp::DynamicStruct::Builder to, const TableLayout& layout,
                    const WordColumns& rows, const Rows::Table* table);
  void add_fixed(schema::Strings::Builder to, const GatheredColumn& column,
                 const WordColumns& rows);
  void add(schema::Ints::Builder to, const PackedInts& packed);
  void add_strings(schema::Strings::Builder to, std::span<const std::uint32_t> index,
                   const Dictionary& dictionary);

  std::vector<std::uint64_t> values_;  // the column at hand
  PackArena arena_;
  Gatherer gatherer_;
  WordColumns task_rows_{sizeof(dse_task) / sizeof(std::uint64_t)};
  std::vector<GatheredColumn> columns_;  // of the table at hand
  std::vector<Dictionary> fixed_;  // dictionaries of `fixed` columns, kept for their memory
  std::size_t fixed_used_ = 0;
  std::vector<std::uint32_t> index_;
  std::vector<std::uint8_t> slots_;
  std::vector<PendingInts> pending_;
  std::vector<PendingData> pending_data_;
};

BatchEncoder::BatchEncoder() : impl_(std::make_unique<Impl>()) {}
BatchEncoder::~BatchEncoder() = default;

void BatchEncoder::Impl::add(schema::Ints::Builder to, const PackedInts& packed) {
  to.setBase(packed.base);
  to.setStart(packed.start);
  to.setDelta(packed.delta);
  to.setTimes(packed.times);
  to.setValues(packed.values.bits());
  if (packed.planes) to.initPlanes(packed.width);
  pending_.push_back({to, packed});
}

void BatchEncoder::Impl::add_strings(schema::Strings::Builder to,
                                     std::span<const std::uint32_t> index,
                                     const Dictionary& dictionary) {
  add(to.initIndex(), pack_ints(index, arena_));
  to.setCount(static_cast<std::uint32_t>(dictionary.size()));
  values_.assign(dictionary.ends().begin(), dictionary.ends().end());
  add(to.initEnds(), pack_differences(values_, 0, arena_));
  pending_data_.push_back({to, dictionary.bytes().data(), dictionary.bytes().size()});
}

void BatchEncoder::Impl::plan_columns(const TableLayout& layout) {
  for (const ColumnLayout& column : layout.columns)
    if (column.abi != Abi::bytes)
      columns_.push_back({column.abi, column.offset, column.size, column.delta, column.times,
                          column.listed});
}

// What was planned, and gathered, and the columns of bytes.
void BatchEncoder::Impl::fill_columns(capnp::DynamicStruct::Builder to, const TableLayout& layout,
                                      const WordColumns& rows, const Rows::Table* table) {
  auto fields = to.getSchema().getFields();
  std::size_t byte_column = 0, planned = 0;
  for (const ColumnLayout& column : layout.columns) {
    auto field = fields[column.field];
    if (column.abi == Abi::bytes) {
      add_strings(to.init(field).as<schema::Strings>(), table->indices[byte_column],
                  table->dictionaries[byte_column]);
      ++byte_column;
      continue;
    }
    const GatheredColumn& gathered = columns_[planned++];
    if (column.abi == Abi::fixed) {
      add_fixed(to.init(field).as<schema::Strings>(), gathered, rows);
      continue;
    }
    auto ints = to.init(field).as<schema::Ints>();
    add(ints, gathered.packed);
    if (gathered.rest.rows != 0) add(ints.initRest(), gathered.rest);
  }
}

void BatchEncoder::Impl::add_fixed(schema::Strings::Builder to, const GatheredColumn& column,
                                   const WordColumns& rows) {
  if (fixed_used_ == fixed_.size()) fixed_.emplace_back();
  Dictionary& dictionary = fixed_[fixed_used_++];
  index_.assign(rows.rows(), 0);
  constexpr std::size_t kWord = sizeof(std::uint64_t);
  const std::size_t first = column.offset / kWord,
                    end = (column.offset + column.size + kWord - 1) / kWord;
  std::array<std::uint64_t, WordColumns::kMaxWords> words;
  const char* value = reinterpret_cast<const char*>(words.data()) + column.offset % kWord;
  for (std::uint32_t i = 0; i < (column.differs ? rows.rows() : std::min(rows.rows(), 1u)); ++i) {
    for (std::size_t w = first; w < end; ++w) words[w - first] = rows.at(i, w);
    index_[i] = dictionary.intern({value, column.size});
  }
  add_strings(to, index_, dictionary);
}

void BatchEncoder::Impl::fill_kind(schema::Block::Builder block, const Rows::Table& table,
                                   std::uint64_t start_time) {
  const TableLayout& layout = *table.layout;
  columns_.clear();
  plan_columns(layout);
  gatherer_.gather(table.body, table.time(), columns_, arena_);

  auto to = capnp::DynamicStruct::Builder(block)
                .init(capnp::Schema::from<schema::Block>().getFields()[layout.field])
                .as<capnp::DynamicStruct>();
  auto common = to.init("common").as<schema::Common>();
  common.setCount(table.count());
  add(common.initTime(), pack_differences(table.time(), start_time, arena_));
  add(common.initCpu(), pack_ints(table.cpu(), arena_));
  add(common.initTask(), pack_ints(table.task(), arena_));
  fill_columns(to, layout, table.body, &table);
}

void BatchEncoder::Impl::fill_tasks(schema::Task::Builder task, std::span<const dse_task> tasks) {
  task.setCount(static_cast<std::uint32_t>(tasks.size()));
  static_assert(sizeof(dse_task) % sizeof(std::uint64_t) == 0);
  task_rows_.clear();
  for (const dse_task& one : tasks) task_rows_.append(reinterpret_cast<const std::byte*>(&one));
  columns_.clear();
  plan_columns(task_layout());
  gatherer_.gather(task_rows_, {}, columns_, arena_);
  fill_columns(task, task_layout(), task_rows_, nullptr);
}

void BatchEncoder::Impl::fill_marks(schema::Block::Builder block, const FilterMarks& marks) {
  block.setFiltered(marks.filtered);
  block.setNumbered(!marks.filtered);
  block.setSlice(marks.slice);
  if (!marks.number.empty()) {
    values_ = marks.number;
    // Then a run that nothing was left out of has equal differences, and takes no room.
    add(block.initNumber(), pack_differences(values_, values_[0] - 1, arena_));
  }
  if (!marks.filtered) return;
  auto list = block.initShown(static_cast<unsigned>(marks.shown.size()));
  for (unsigned i = 0; i < marks.shown.size(); ++i) {
    const ShownEvents& shown = marks.shown[i];
    list[i].setPoint(shown.point);
    list[i].setCount(static_cast<std::uint32_t>(shown.position.size()));
    values_.assign(shown.position.begin(), shown.position.end());
    add(list[i].initPosition(),
        pack_differences(values_, values_.empty() ? 0 : values_[0], arena_));
    values_.assign(shown.nth.begin(), shown.nth.end());
    add(list[i].initNth(), pack_ints(values_, arena_));
  }
}

void BatchEncoder::Impl::fill(schema::Block::Builder block, const Rows& rows) {
  block.setFirst(rows.first);
  block.setCount(rows.count());

  std::vector<std::uint8_t> slot_of_table(rows.tables().size(), 0);
  std::vector<Kind> kinds{0};
  for (std::size_t i = 1; i < rows.tables().size(); ++i) {
    if (rows.tables()[i].count() == 0) continue;
    slot_of_table[i] = static_cast<std::uint8_t>(kinds.size());
    kinds.push_back(rows.tables()[i].layout->kind);
  }
  auto kind_list = block.initKinds(static_cast<unsigned>(kinds.size()));
  for (unsigned i = 0; i < kinds.size(); ++i) kind_list.set(i, kinds[i]);

  slots_.resize(rows.count());
  for (std::size_t i = 0; i < slots_.size(); ++i) slots_[i] = slot_of_table[rows.order()[i]];
  add(block.initOrder(), pack_ints(slots_, arena_));

  set_streams(block.initStreams(static_cast<unsigned>(rows.streams().size())), rows.streams());
  auto gaps = block.initGaps(static_cast<unsigned>(rows.gaps().size()));
  for (unsigned i = 0; i < rows.gaps().size(); ++i) {
    const Gap& gap = rows.gaps()[i];
    gaps[i].setKind(gap.kind);
    gaps[i].setCpu(gap.cpu);
    gaps[i].setRow(gap.row);
    gaps[i].setLost(gap.lost);
    gaps[i].setSinceTime(gap.since_time);
  }

  fill_tasks(block.initTasks(), rows.tasks().tasks());
  if (!rows.raw_index().empty()) add_strings(block.initRaw(), rows.raw_index(), rows.raw());
  for (std::size_t i = 1; i < rows.tables().size(); ++i)
    if (rows.tables()[i].count() != 0) fill_kind(block, rows.tables()[i], rows.min_time());
  if (rows.marks) fill_marks(block, *rows.marks);
}

void BatchEncoder::Impl::place_lists(ColumnMessage& message) {
  for (bool large : {false, true}) {
    if (large) message.begin_columns();
    for (PendingInts& ints : pending_) {
      if ((ints.packed.size_bytes() >= ColumnMessage::kColumnBytes) != large) continue;
      const std::byte* from = arena_.data() + ints.packed.offset;
      if (ints.packed.planes)
        copy_planes(ints.to, ints.packed, from);
      else
        copy_list(ints.to, ints.packed, from);
    }
    for (PendingData& data : pending_data_)
      if ((data.size >= ColumnMessage::kColumnBytes) == large)
        data.to.setBytes({reinterpret_cast<const kj::byte*>(data.data), data.size});
  }
  pending_.clear();
  pending_data_.clear();
  arena_.clear();
  for (std::size_t i = 0; i < fixed_used_; ++i) fixed_[i].clear();
  fixed_used_ = 0;
}

std::unique_ptr<ColumnMessage> BatchEncoder::block(const Rows& rows) {
  auto message = std::make_unique<ColumnMessage>();
  impl_->fill(message->initRoot<schema::Entry>().initBlock(), rows);
  impl_->place_lists(*message);
  return message;
}

std::unique_ptr<ColumnMessage> BatchEncoder::snapshot(const Rows& rows, const SnapshotSpan& span) {
  auto message = std::make_unique<ColumnMessage>();
  auto to = message->initRoot<schema::Entry>().initSnapshot();
  to.setBeginTime(span.begin_time);
  to.setEndTime(span.end_time);
  set_streams(to.initBeginStreams(static_cast<unsigned>(span.begin_streams.size())),
              span.begin_streams);
  set_streams(to.initEndStreams(static_cast<unsigned>(span.end_streams.size())), span.end_streams);
  impl_->fill(to.initRows(), rows);
  impl_->place_lists(*message);
  return message;
}

}  // namespace dse::format
