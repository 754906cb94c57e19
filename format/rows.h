// A batch being filled: raw records, taken apart just far enough that no bytes are lost and the
// rest of the work can be done a column at a time when the batch is complete.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "bpf/abi.h"
#include "format/dictionary.h"
#include "format/layout.h"
#include "format/word_columns.h"

namespace dse::format {

struct StreamPosition {
  Kind kind;
  std::uint16_t cpu;
  std::uint64_t seq;
};

// Records missing before a row.
struct Gap {
  Kind kind;
  std::uint16_t cpu;
  std::uint32_t row;         // of that kind, within the batch
  std::int64_t lost;         // the sequence number is this much higher than expected
  std::uint64_t since_time;  // boot time of the last record of that CPU and kind; 0: unknown
};

// The events of one observation point that a filtered capture shows. Both columns have a value per
// event, and the pairs of them rise.
struct ShownEvents {
  std::string point;
  std::vector<std::uint32_t> position;  // of the event's record in the batch
  // Which of all the events that the point makes of that record, hidden ones too, from 0.
  std::vector<std::uint32_t> nth;
};

// What makes a batch one of a capture that was made of others: what its records were there.
struct FilterMarks {
  // Of each record, as tools show it: from 1 and rising. Empty: a snapshot, whose rows all have 0.
  std::vector<std::uint64_t> number;
  // Each point at most once. Events of a filtered capture that are not here are hidden.
  std::vector<ShownEvents> shown;
  bool filtered = true;  // else all events are shown, and `shown` is not written
  // Of a merged capture; see Batch::slice().
  std::uint64_t slice = 0;
};

// Adds an event of `point` to those that are shown, behind all that it has so far.
void show(FilterMarks& marks, const std::string& point, std::uint32_t position, std::uint32_t nth);

// Follows the sequence numbers of every CPU and kind across batches.
class StreamTable {
 public:
  struct State {
    std::uint64_t next = 0;
    std::uint64_t last_time = 0;
    std::uint64_t batch = 0;  // the last batch that noted the position
  };

  // Stays where it is as long as the table does.
  State& at(Kind kind, std::uint16_t cpu) {
    if (cpu == DSE_CPU_NONE) return recorder_[kind];  // not a row of 65,536
    auto& row = states_[kind];
    if (cpu >= row.size()) row.resize(cpu + std::size_t{1});
    if (!row[cpu]) row[cpu] = std::make_unique<State>();
    return *row[cpu];
  }
  // All positions that have moved.
  std::vector<StreamPosition> positions() const;

 private:
  std::array<std::vector<std::unique_ptr<State>>, kMaxKinds> states_;
  std::array<State, kMaxKinds> recorder_;  // of records that no CPU wrote
};

// How a record begins, but for its task.
struct RecordHead {
  std::uint64_t time_ns;
  std::uint64_t seq;
  Kind kind;
  std::uint16_t cpu;
};

// A record as it is outside of a ring (bpf/abi.h: dse_header).
std::vector<std::byte> whole_record(const RecordHead& head, const dse_task& task,
                                    std::span<const std::byte> body);

// A task that many records share, so that it is looked up once per batch.
class SharedTask {
 public:
  SharedTask() = default;
  explicit SharedTask(const dse_task& task) : task_(task) {}
  const dse_task& task() const { return task_; }

 private:
  friend class Rows;
  dse_task task_{};
  std::uint64_t batch_ = 0;  // the last one that it was looked up in; 0: none
  std::uint32_t index_ = 0;  // and where
};

// Open-addressing set of the distinct task contexts of a batch.
class TaskTable {
 public:
  // Kept valid until clear().
  std::uint32_t intern(const dse_task& task);
  std::span<const dse_task> tasks() const { return tasks_; }
  void clear();

 private:
  void grow();
  std::vector<std::uint32_t> slots_;
  std::vector<dse_task> tasks_;
  std::uint32_t last_ = 0, before_ = 0;  // the last two that were different
};

// One that was moved from may only be assigned to, or destroyed.
class Rows {
 public:
  // The rows of one kind.
  class Table {
   public:
    const TableLayout* layout = nullptr;
    WordColumns body;  // the fixed one
    // For each `bytes` column, in order: the dictionary and each row's number in it.
    std::vector<Dictionary> dictionaries;
    std::vector<std::vector<std::uint32_t>> indices;

    std::uint32_t count() const { return body.rows(); }
    // Of each row; valid until the next append. The task: its place among those of the batch.
    std::span<const std::uint64_t> time() const { return {time_.data(), count()}; }
    std::span<const std::uint32_t> task() const { return {task_.data(), count()}; }
    std::span<const std::uint16_t> cpu() const { return {cpu_.data(), count()}; }

   private:
    friend class Rows;
    void make_room(std::size_t rows);
    std::uint8_t slot_ = 0;
    std::uint64_t plain_size_ = ~std::uint64_t{0};  // fixed_size, if records are nothing else
    std::size_t row_bytes_ = 0;                     // an estimate of what a row takes
    std::vector<unsigned> byte_columns_;            // their places in layout->columns
    std::size_t room_ = 0;                          // rows that fit
    RawVector<std::uint64_t> time_;                 // as many
    RawVector<std::uint32_t> task_;
    RawVector<std::uint16_t> cpu_;
  };

  // Where the records of one kind go that one task has on one CPU. Not for another batch, and the
  // StreamTable must be there as long.
  class Lane {
    friend class Rows;
    Table* table_ = nullptr;
    StreamTable::State* state_ = nullptr;
    std::uint64_t batch_ = 0;  // none
    std::uint32_t task_ = 0;   // Table::task()
    std::uint16_t cpu_ = 0;
  };

  Rows();

  // Appends one raw record (bpf/abi.h), which may be of an unknown kind or malformed: what fits no
  // layout is kept as it is. `streams` is the one that has seen all former records.
  void append(std::span<const std::byte> record, StreamTable& streams);

  // The same, of a record whose task others have, too. The lane becomes that of those of the same kind,
  // CPU and task which follow; of a record that is kept as it is, none.
  void append(const RecordHead& head, SharedTask& task, std::span<const std::byte> body,
              StreamTable& streams, Lane& lane);

  // The same, of a record that goes where another one went. False if this needs a closer look: then
  // nothing is done.
  bool append(const Lane& lane, std::uint64_t time_ns, std::uint64_t seq,
              std::span<const std::byte> body) {
    if (lane.batch_ != batch_ || body.size() != lane.table_->plain_size_) return false;
    put(lane, time_ns, seq, body.data());
    return true;
  }

  // Appends a record as it is, whatever it may be: it is of no kind and has no part in any stream.
  void append_raw(std::span<const std::byte> record);

  // Appends the records of `later`, which follow directly on those of this batch. Neither has marks.
  void append(const Rows& later);

  void clear();

  std::uint32_t count() const { return count_; }
  bool empty() const { return count_ == 0; }
  // An estimate of the memory that the batch holds, to bound it.
  std::size_t size_bytes() const { return size_bytes_; }
  std::uint64_t min_time() const { return min_time_; }
  std::uint64_t max_time() const { return max_time_; }

  // The number of the first record in the capture.
  std::uint64_t first = 0;
  // Set: the batch is one of a filtered, merged or recovered capture. Written as they are; it is readers
  // who check them.
  std::optional<FilterMarks> marks;

  std::span<const std::uint8_t> order() const { return {order_.data(), count_}; }
  // Indexed by slot; slot 0 is that of raw records and has no table of its own.
  std::span<const Table> tables() const { return tables_; }
  const Table* table(Kind kind) const;
  const TaskTable& tasks() const { return tasks_; }
  const std::vector<std::uint32_t>& raw_index() const { return raw_index_; }
  const Dictionary& raw() const { return raw_; }
  const std::vector<StreamPosition>& streams() const { return streams_; }
  const std::vector<Gap>& gaps() const { return gaps_; }
  // Records missing according to the gaps; negative ones do not count.
  std::uint64_t lost() const { return lost_; }

 private:
  std::uint8_t slot_of(Kind kind) const { return kind < kMaxKinds ? slot_of_kind_[kind] : 0; }
  static bool fits(const Table& table, std::span<const std::byte> body);
  void begin_stream(Kind kind, std::uint16_t cpu, StreamTable::State& state);
  [[gnu::always_inline]] void put(const Lane& lane, std::uint64_t time_ns, std::uint64_t seq,
                                  const std::byte* body) {
    Table& table = *lane.table_;
    StreamTable::State& state = *lane.state_;
    const std::uint32_t row = table.count();
    if (seq != state.next) note_gap(lane, seq);
    state.next = seq + 1;
    state.last_time = time_ns;
    if (row == table.room_) table.make_room(row + std::size_t{1});
    table.time_[row] = time_ns;
    table.task_[row] = lane.task_;
    table.cpu_[row] = lane.cpu_;
    table.body.append(body);
    size_bytes_ += table.row_bytes_;
    note_time(time_ns);
    put_order(table.slot_);
  }
  void put_order(std::uint8_t slot) {
    if (count_ == order_.size()) order_.resize(std::max<std::size_t>(64, 2 * order_.size()));
    order_[count_++] = slot;
  }
  void put_strings(Table& table, const std::byte* body);
  void note_time(std::uint64_t time) {  // they rise, as a rule
    if (time > max_time_) max_time_ = time;
    if (time < min_time_) min_time_ = time;
  }
  void note_gap(const Lane& lane, std::uint64_t seq);

  std::vector<Table> tables_;
  std::array<std::uint8_t, kMaxKinds> slot_of_kind_{};
  std::uint32_t count_ = 0;
  RawVector<std::uint8_t> order_;  // for more than count_
  TaskTable tasks_;
  Dictionary raw_;
  std::vector<std::uint32_t> raw_index_;
  std::vector<StreamPosition> streams_;
  std::vector<Gap> gaps_;
  std::uint64_t lost_ = 0;
  std::size_t size_bytes_ = 0;
  std::uint64_t min_time_ = ~std::uint64_t{0};
  std::uint64_t max_time_ = 0;
  std::uint64_t batch_ = 0;  // unique among all Rows, so that others can tell batches apart
};

}  // namespace dse::format
