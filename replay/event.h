// Events: what an observation point makes of a batch of records, in columns, and one event of it.
#pragma once

#include <cstdint>
#include <deque>
#include <initializer_list>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "format/batch.h"
#include "format/result.h"
#include "replay/clock.h"
#include "replay/field.h"
#include "replay/filter/chain.h"

namespace dse::replay {

class ObservationPoint;
class State;

// The values of one field for the events of a batch. `index` (when there is one) says which value
// each event has, so that what is the same for many events stands, and is computed, once.
struct EventColumn {
  std::span<const std::uint64_t> index;     // empty: value i belongs to event i
  std::span<const std::uint64_t> numbers;   // number, id, time, flag; signed ones sign-extended
  std::span<const std::string_view> texts;  // text, list; data() == nullptr: missing
  std::span<const std::uint8_t> present;    // of numbers: 0: missing; empty: all are there

  bool is_text() const { return texts.data() != nullptr; }
  std::size_t slot(std::size_t event) const {
    return index.empty() ? event : static_cast<std::size_t>(index[event]);
  }
  bool missing(std::size_t event) const {
    if (is_text()) return texts[slot(event)].data() == nullptr;
    if (!numbers.data()) return true;
    return !present.empty() && !present[slot(event)];
  }
};

// The events that one point made of one batch. Columns come into being when they are asked for.
class EventBatch {
 public:
  EventBatch(const ObservationPoint& point, const format::Batch& batch, const State& state)
      : EventBatch(point, point, batch, state) {}
  // With values that `maker` derives, which is another() of the point.
  EventBatch(const ObservationPoint& point, const ObservationPoint& maker,
             const format::Batch& batch, const State& state);
  // Columns point into the batch's own memory, which a move keeps and a copy would not.
  EventBatch(EventBatch&&) = default;
  EventBatch& operator=(EventBatch&&) = default;
  EventBatch(const EventBatch&) = delete;
  EventBatch& operator=(const EventBatch&) = delete;

  const ObservationPoint& point() const { return *point_; }
  const format::Batch& batch() const { return *batch_; }
  // For what makes columns. Those that there are, and real times, do not depend on what becomes of it.
  const State& state() const { return *state_; }

  // Events: one per row of the main table, or as many as the point has made.
  std::uint32_t size() const { return size_; }
  // Position of each event's record in the batch, ascending. Most batches are ruled out by a filter
  // before anyone asks, so they are worked out on demand; if the batch is damaged there, all are 0 and
  // located() says so.
  std::span<const std::uint32_t> positions() const {
    if (!positions_) locate();
    return *positions_;
  }
  // Works the positions out if need be; the error when the batch does not tell them.
  Status located() const;
  // The same error, where someone has asked for positions or numbers already.
  const Status& damage() const { return damage_; }
  // Number of the event's record in the capture, from 1; 0: it existed before.
  std::uint64_t number(std::uint32_t event) const;
  // Real time of a boot time in one of its fields, both ns.
  std::uint64_t real_time(std::uint64_t boot_ns, std::uint32_t event) const {
    return clock_.real_time(boot_ns, number(event));
  }

  // Column by the field's place in point().fields(). Views are valid as long as this batch.
  Result<const EventColumn*> column(std::size_t field) const;
  // The elements of a list that `index` asks for (see FieldRef), as a column of texts, or of
  // numbers when the field is of type `numbers`; all are missing when it is no list. Made once for
  // each distinct list of the batch.
  Result<const EventColumn*> element(std::size_t field, std::string_view index) const;

  // For points: the events are the rows of these tables, one each, in the order of their records.
  // Tables that are not there are left out. Built-in fields and those with `from` come from the rows;
  // of tables without such a column, values are missing.
  Status use_tables(std::initializer_list<const format::Table*> tables);
  Status use_table(const format::Table* table) { return use_tables({table}); }
  // The same for some rows of one table, in ascending order.
  Status use_rows(const format::Table* table, std::vector<std::uint32_t> rows);
  // For points that make their events one by one. `tasks`: of each event the row of the task table that
  // its fields of the task come from, or kNoTask.
  static constexpr std::uint64_t kNoTask = ~std::uint64_t{0};
  void use_positions(std::vector<std::uint32_t> positions, std::vector<std::uint64_t> tasks);

  // For derived fields: a column of the tables in use by its name in the schema, or "task.x", by event.
  Result<EventColumn> source_column(const std::string& name) const;
  // Of each event the row of its task, or kNoTask. Valid as long as the batch.
  Result<std::span<const std::uint64_t>> tasks() const;

  // A task as of a record: all that the state knows of it is the same for the events of one moment.
  struct Moment {
    std::uint64_t task;  // kNoTask: none
    std::uint64_t number;
  };
  struct Moments {
    std::vector<Moment> list;
    std::vector<std::uint64_t> index;  // by event
  };
  Result<const Moments*> moments() const;
  // An index by which all events have the first value of a column. Valid as long as the batch.
  std::span<const std::uint64_t> same_index() const;

  // What becomes of an event; without verdicts all are kept, and nobody decides.
  void set_verdicts(std::vector<filter::Verdict> verdicts) { verdicts_ = std::move(verdicts); }
  filter::Verdict verdict(std::uint32_t event) const {
    return verdicts_.empty() ? filter::Verdict() : verdicts_[event];
  }

  void set_column(std::size_t field, EventColumn column) const { columns_[field] = column; }
  // The same by the name of a field that the point has.
  void set_column(std::string_view field, EventColumn column) const;

  // For points: what process() has found out, of whatever type, for derive() to make columns of.
  template <typename Findings>
  void keep(std::shared_ptr<const Findings> findings) {
    findings_ = std::move(findings);
  }
  // nullptr: nothing was kept. Of the type that was.
  template <typename Findings>
  const Findings* kept() const {
    return static_cast<const Findings*>(findings_.get());
  }

  // Memory that lives as long as the batch, for derived columns.
  std::vector<std::uint64_t>& own_numbers(std::size_t n) const;
  std::vector<std::string_view>& own_texts(std::size_t n) const;
  std::vector<std::uint8_t>& own_flags(std::size_t n) const;
  std::string_view own_text(std::string text) const;

 private:
  // Where an event's record is.
  struct Place {
    std::uint32_t part;  // of parts_
    std::uint32_t row;
  };

  Result<EventColumn> make_column(std::size_t field) const;
  Result<EventColumn> table_column(const format::Table& table, const std::string& name) const;
  Result<EventColumn> task_column(const std::string& name) const;
  void locate() const;
  // One column by event out of one by row of each part.
  EventColumn combine(const std::vector<EventColumn>& columns) const;
  Result<EventColumn> make_element(std::size_t field, std::string_view index) const;

  const ObservationPoint* point_;
  const ObservationPoint* maker_;
  const format::Batch* batch_;
  const State* state_;
  Clock clock_;
  std::vector<const format::Table*> parts_;
  std::vector<Place> places_;  // empty: all rows of the only part
  std::uint32_t size_ = 0;
  mutable std::optional<std::span<const std::uint32_t>> positions_;
  mutable std::vector<std::uint32_t> own_positions_;  // that are not those of a table
  mutable Status damage_;                             // met by locate()
  std::vector<filter::Verdict> verdicts_;
  std::shared_ptr<const void> findings_;
  mutable std::optional<Moments> moments_;
  mutable std::vector<std::uint64_t> same_index_;
  mutable std::optional<std::span<const std::uint64_t>> tasks_;
  mutable std::vector<std::uint64_t> own_tasks_;  // that are not those of a table
  mutable std::vector<std::optional<EventColumn>> columns_;
  // By field, and then by index.
  mutable std::map<std::size_t, std::map<std::string, EventColumn, std::less<>>> elements_;
  mutable std::deque<std::vector<std::uint64_t>> numbers_;
  mutable std::deque<std::vector<std::string_view>> texts_;
  mutable std::deque<std::vector<std::uint8_t>> flags_;
  mutable std::deque<std::string> strings_;
};

// One event: a view, valid until the session moves on.
class Event {
 public:
  Event() = default;
  Event(const EventBatch* batch, std::uint32_t row) : batch_(batch), row_(row) {}

  // Of the observation point: "SignalDelivered".
  std::string_view name() const;
  // All fields that it has, as one JSON object without a newline.
  std::string json() const;
  // One line for people, without a newline; nothing in it can steer a terminal.
  std::string text() const;

  // Fields by name, also "proc.args[0]" and "proc.env[PATH]"; nothing when the event has no such
  // field or its value is missing. `number` also serves ids and times (boot time, ns); `text` also
  // serves lists (strings, each ended by a NUL).
  std::optional<std::uint64_t> number(std::string_view field) const;
  std::optional<std::int64_t> signed_number(std::string_view field) const;
  std::optional<bool> flag(std::string_view field) const;
  std::optional<std::string_view> text(std::string_view field) const;

  // Of a session that shows the dropped: what the filters of its point say.
  filter::Verdict verdict() const { return batch_->verdict(row_); }

  const EventBatch& batch() const { return *batch_; }
  std::uint32_t row() const { return row_; }

 private:
  const EventColumn* column(std::string_view field) const;

  const EventBatch* batch_ = nullptr;
  std::uint32_t row_ = 0;
};

}  // namespace dse::replay
