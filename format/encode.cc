#include "format/encode.h"

#include <capnp/any.h>
#include <capnp/dynamic.h>

#include <cstring>

#include "capture.capnp.h"
#include "format/ints.h"
#include "format/message.h"

namespace dse::format {
namespace {

std::uint64_t load(const std::byte* at, Abi abi) {
  switch (abi) {
    case Abi::u8: return static_cast<std::uint8_t>(*at);
    case Abi::u16: {
      std::uint16_t value;
      std::memcpy(&value, at, sizeof(value));
      return value;
    }
    case Abi::u32: {
      std::uint32_t value;
      std::memcpy(&value, at, sizeof(value));
      return value;
    }
    case Abi::s32: {
      std::int32_t value;
      std::memcpy(&value, at, sizeof(value));
      return static_cast<std::uint64_t>(std::int64_t{value});
    }
    default: {
      std::uint64_t value;
      std::memcpy(&value, at, sizeof(value));
      return value;
    }
  }
}

// One loop per width, so that the compiler can unroll it.
template <Abi abi>
void gather_as(const std::byte* rows, std::size_t stride, std::uint32_t count, std::uint64_t* out) {
  for (std::uint32_t i = 0; i < count; ++i) out[i] = load(rows + i * stride, abi);
}

void gather(Abi abi, const std::byte* rows, std::size_t stride, std::uint32_t count,
            std::vector<std::uint64_t>& out) {
  out.resize(count);
  switch (abi) {
    case Abi::u8: gather_as<Abi::u8>(rows, stride, count, out.data()); break;
    case Abi::u16: gather_as<Abi::u16>(rows, stride, count, out.data()); break;
    case Abi::u32: gather_as<Abi::u32>(rows, stride, count, out.data()); break;
    case Abi::s32: gather_as<Abi::s32>(rows, stride, count, out.data()); break;
    default: gather_as<Abi::u64>(rows, stride, count, out.data()); break;
  }
}

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

void set_list(schema::Ints::Builder to, const PackedInts& packed, const std::byte* arena) {
  std::byte* out = nullptr;
  switch (packed.width) {
    case 1: out = bytes_of(to.initU8(packed.rows).asReader()); break;
    case 2: out = bytes_of(to.initU16(packed.rows).asReader()); break;
    case 4: out = bytes_of(to.initU32(packed.rows).asReader()); break;
    case 8: out = bytes_of(to.initU64(packed.rows).asReader()); break;
    default: to.setSame(); return;
  }
  std::memcpy(out, arena + packed.offset, packed.size_bytes());
}

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
  void fill_columns(capnp::DynamicStruct::Builder to, const TableLayout& layout,
                    const std::byte* rows, std::size_t stride, std::uint32_t count,
                    const Rows::Table* table);
  void add_ints(schema::Ints::Builder to, bool delta, std::uint64_t start);
  void add_strings(schema::Strings::Builder to, std::span<const std::uint32_t> index,
                   const Dictionary& dictionary);

  std::vector<std::uint64_t> values_;  // the column at hand
  std::vector<std::byte> arena_;
  std::vector<Dictionary> fixed_;  // dictionaries of `fixed` columns, kept for their memory
  std::size_t fixed_used_ = 0;
  std::vector<std::uint32_t> index_;
  std::vector<PendingInts> pending_;
  std::vector<PendingData> pending_data_;
};

BatchEncoder::BatchEncoder() : impl_(std::make_unique<Impl>()) {}
BatchEncoder::~BatchEncoder() = default;

void BatchEncoder::Impl::add_ints(schema::Ints::Builder to, bool delta, std::uint64_t start) {
  PackedInts packed = pack_ints(values_, delta, start, arena_);
  to.setBase(packed.base);
  to.setStart(packed.start);
  to.setDelta(packed.delta);
  pending_.push_back({to, packed});
}

void BatchEncoder::Impl::add_strings(schema::Strings::Builder to,
                                     std::span<const std::uint32_t> index,
                                     const Dictionary& dictionary) {
  values_.assign(index.begin(), index.end());
  add_ints(to.initIndex(), false, 0);
  to.setCount(static_cast<std::uint32_t>(dictionary.size()));
  values_.assign(dictionary.ends().begin(), dictionary.ends().end());
  add_ints(to.initEnds(), true, 0);
  pending_data_.push_back({to, dictionary.bytes().data(), dictionary.bytes().size()});
}

void BatchEncoder::Impl::fill_columns(capnp::DynamicStruct::Builder to, const TableLayout& layout,
                                      const std::byte* rows, std::size_t stride,
                                      std::uint32_t count, const Rows::Table* table) {
  auto fields = to.getSchema().getFields();
  std::size_t byte_column = 0;
  for (const ColumnLayout& column : layout.columns) {
    auto field = fields[column.field];
    if (column.abi == Abi::bytes) {
      add_strings(to.init(field).as<schema::Strings>(), table->indices[byte_column],
                  table->dictionaries[byte_column]);
      ++byte_column;
    } else if (column.abi == Abi::fixed) {
      if (fixed_used_ == fixed_.size()) fixed_.emplace_back();
      Dictionary& dictionary = fixed_[fixed_used_++];
      index_.resize(count);
      for (std::uint32_t i = 0; i < count; ++i)
        index_[i] = dictionary.intern(
            {reinterpret_cast<const char*>(rows + i * stride + column.offset), column.size});
      add_strings(to.init(field).as<schema::Strings>(), index_, dictionary);
    } else {
      gather(column.abi, rows + column.offset, stride, count, values_);
      add_ints(to.init(field).as<schema::Ints>(), column.delta, values_.empty() ? 0 : values_[0]);
    }
  }
}

void BatchEncoder::Impl::fill_kind(schema::Block::Builder block, const Rows::Table& table,
                                   std::uint64_t start_time) {
  const TableLayout& layout = *table.layout;
  auto to = capnp::DynamicStruct::Builder(block)
                .init(capnp::Schema::from<schema::Block>().getFields()[layout.field])
                .as<capnp::DynamicStruct>();
  auto common = to.init("common").as<schema::Common>();
  common.setCount(table.count);
  const std::byte* rows = table.rows.data();
  gather(Abi::u64, rows + offsetof(RowHead, time), table.stride, table.count, values_);
  add_ints(common.initTime(), true, start_time);
  gather(Abi::u16, rows + offsetof(RowHead, cpu), table.stride, table.count, values_);
  add_ints(common.initCpu(), false, 0);
  gather(Abi::u32, rows + offsetof(RowHead, task), table.stride, table.count, values_);
  add_ints(common.initTask(), false, 0);
  fill_columns(to, layout, rows + sizeof(RowHead), table.stride, table.count, &table);
}

void BatchEncoder::Impl::fill_tasks(schema::Task::Builder task, std::span<const dse_task> tasks) {
  task.setCount(static_cast<std::uint32_t>(tasks.size()));
  fill_columns(task, task_layout(), reinterpret_cast<const std::byte*>(tasks.data()),
               sizeof(dse_task), static_cast<std::uint32_t>(tasks.size()), nullptr);
}

void BatchEncoder::Impl::fill_marks(schema::Block::Builder block, const FilterMarks& marks) {
  block.setFiltered(marks.filtered);
  block.setNumbered(!marks.filtered);
  block.setSlice(marks.slice);
  if (!marks.number.empty()) {
    values_ = marks.number;
    // Then a run that nothing was left out of has equal differences, and takes no room.
    add_ints(block.initNumber(), true, values_[0] - 1);
  }
  if (!marks.filtered) return;
  auto list = block.initShown(static_cast<unsigned>(marks.shown.size()));
  for (unsigned i = 0; i < marks.shown.size(); ++i) {
    const ShownEvents& shown = marks.shown[i];
    list[i].setPoint(shown.point);
    list[i].setCount(static_cast<std::uint32_t>(shown.position.size()));
    values_.assign(shown.position.begin(), shown.position.end());
    add_ints(list[i].initPosition(), true, values_.empty() ? 0 : values_[0]);
    values_.assign(shown.nth.begin(), shown.nth.end());
    add_ints(list[i].initNth(), false, 0);
  }
}

void BatchEncoder::Impl::fill(schema::Block::Builder block, const Rows& rows) {
  block.setFirst(rows.first);
  block.setCount(rows.count());

  std::vector<std::uint8_t> slot_of_table(rows.tables().size(), 0);
  std::vector<Kind> kinds{0};
  for (std::size_t i = 1; i < rows.tables().size(); ++i) {
    if (rows.tables()[i].count == 0) continue;
    slot_of_table[i] = static_cast<std::uint8_t>(kinds.size());
    kinds.push_back(rows.tables()[i].layout->kind);
  }
  auto kind_list = block.initKinds(static_cast<unsigned>(kinds.size()));
  for (unsigned i = 0; i < kinds.size(); ++i) kind_list.set(i, kinds[i]);

  values_.resize(rows.count());
  for (std::size_t i = 0; i < values_.size(); ++i) values_[i] = slot_of_table[rows.order()[i]];
  add_ints(block.initOrder(), false, 0);

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
    if (rows.tables()[i].count != 0) fill_kind(block, rows.tables()[i], rows.min_time());
  if (rows.marks) fill_marks(block, *rows.marks);
}

void BatchEncoder::Impl::place_lists(ColumnMessage& message) {
  for (bool large : {false, true}) {
    if (large) message.begin_columns();
    for (PendingInts& ints : pending_)
      if ((ints.packed.size_bytes() >= ColumnMessage::kColumnBytes) == large)
        set_list(ints.to, ints.packed, arena_.data());
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
