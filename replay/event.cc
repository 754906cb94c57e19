#include "replay/event.h"

#include <algorithm>
#include <charconv>
#include <iterator>

#include "replay/from_state.h"
#include "replay/point.h"
#include "replay/render.h"
#include "replay/state.h"
#include "replay/table_view.h"

namespace dse::replay {
namespace {

// A whole decimal number that fits, as columns have it.
std::optional<std::uint64_t> parse_number(std::string_view text) {
  std::int64_t value = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return {};
  return static_cast<std::uint64_t>(value);
}

}  // namespace

EventBatch::EventBatch(const ObservationPoint& point, const ObservationPoint& maker,
                       const format::Batch& batch, const State& state)
    : point_(&point),
      maker_(&maker),
      batch_(&batch),
      state_(&state),
      clock_(state.clock()),
      columns_(point.fields().size()) {}

std::uint64_t EventBatch::number(std::uint32_t event) const {
  return record_number(*batch_, positions()[event]);
}

Status EventBatch::use_tables(std::initializer_list<const format::Table*> tables) {
  std::vector<std::span<const std::uint32_t>> positions;
  for (const format::Table* table : tables) {
    if (!table || table->rows() == 0) continue;
    parts_.push_back(table);
    size_ += table->rows();
  }
  if (parts_.size() <= 1) return {};
  for (std::uint32_t part = 0; part < parts_.size(); ++part) {
    DSE_TRY_ASSIGN(positions.emplace_back(), parts_[part]->positions());
  }
  auto position = [&](const Place& place) { return positions[place.part][place.row]; };
  std::vector<Place> rows, merged;
  for (std::uint32_t part = 0; part < parts_.size(); ++part) {
    rows.clear();
    for (std::uint32_t row = 0; row < positions[part].size(); ++row) rows.push_back({part, row});
    merged.clear();
    merged.reserve(places_.size() + rows.size());
    std::merge(places_.begin(), places_.end(), rows.begin(), rows.end(), std::back_inserter(merged),
               [&](const Place& a, const Place& b) { return position(a) < position(b); });
    places_.swap(merged);
  }
  own_positions_.reserve(size_);
  for (const Place& place : places_) own_positions_.push_back(position(place));
  positions_ = own_positions_;
  return {};
}

Status EventBatch::use_rows(const format::Table* table, std::vector<std::uint32_t> rows) {
  if (rows.empty()) return {};
  parts_.push_back(table);
  DSE_TRY_ASSIGN(auto positions, table->positions());
  for (std::uint32_t row : rows) {
    places_.push_back({0, row});
    own_positions_.push_back(positions[row]);
  }
  size_ = static_cast<std::uint32_t>(rows.size());
  positions_ = own_positions_;
  return {};
}

void EventBatch::use_positions(std::vector<std::uint32_t> positions,
                               std::vector<std::uint64_t> tasks) {
  size_ = static_cast<std::uint32_t>(positions.size());
  own_positions_ = std::move(positions);
  positions_ = own_positions_;
  own_tasks_ = std::move(tasks);
  tasks_ = own_tasks_;
}

// Of the only table; all others are located from the start.
void EventBatch::locate() const {
  if (size_ == 0) {
    positions_ = own_positions_;
    return;
  }
  auto positions = parts_[0]->positions();
  if (positions) {
    positions_ = *positions;
    return;
  }
  damage_ = positions.error();
  own_positions_.assign(size_, 0);
  positions_ = own_positions_;
}

Status EventBatch::located() const {
  if (!positions_) locate();
  return damage_;
}

EventColumn EventBatch::combine(const std::vector<EventColumn>& columns) const {
  if (places_.empty()) return columns.empty() ? EventColumn() : columns[0];
  EventColumn out;
  bool texts = std::any_of(columns.begin(), columns.end(),
                           [](const EventColumn& column) { return column.is_text(); });
  if (!texts && columns.size() == 1) {
    if (!columns[0].numbers.data()) return out;
    out = columns[0];
    auto& index = own_numbers(size());
    for (std::uint32_t i = 0; i < size(); ++i) index[i] = columns[0].slot(places_[i].row);
    out.index = index;
    return out;
  }
  if (!texts) {
    auto& numbers = own_numbers(size());
    auto& present = own_flags(size());
    for (std::uint32_t i = 0; i < size(); ++i) {
      const EventColumn& from = columns[places_[i].part];
      present[i] = !from.missing(places_[i].row);
      if (present[i]) numbers[i] = from.numbers[from.slot(places_[i].row)];
    }
    out.numbers = numbers;
    out.present = present;
    return out;
  }
  // The values of all parts one after the other, and in front of them the one that is missing.
  auto& values = own_texts(1);
  std::vector<std::size_t> begin;
  for (const EventColumn& column : columns) {
    begin.push_back(values.size());
    values.insert(values.end(), column.texts.begin(), column.texts.end());
  }
  auto& index = own_numbers(size());
  for (std::uint32_t i = 0; i < size(); ++i) {
    const EventColumn& from = columns[places_[i].part];
    index[i] = from.is_text() ? begin[places_[i].part] + from.slot(places_[i].row) : 0;
  }
  out.index = index;
  out.texts = values;
  return out;
}

void EventBatch::set_column(std::string_view field, EventColumn column) const {
  set_column(static_cast<std::size_t>(point_->field(field)), column);
}

std::vector<std::uint64_t>& EventBatch::own_numbers(std::size_t n) const {
  return numbers_.emplace_back(n);
}
std::vector<std::string_view>& EventBatch::own_texts(std::size_t n) const {
  return texts_.emplace_back(n);
}
std::vector<std::uint8_t>& EventBatch::own_flags(std::size_t n) const {
  return flags_.emplace_back(n);
}
std::string_view EventBatch::own_text(std::string text) const {
  return strings_.emplace_back(std::move(text));
}

Result<const EventColumn*> EventBatch::column(std::size_t field) const {
  if (!columns_[field]) {
    auto made = make_column(field);
    if (!made) return made.error();
    columns_[field] = *made;
  }
  return &*columns_[field];
}

Result<EventColumn> EventBatch::table_column(const format::Table& table,
                                             const std::string& name) const {
  EventColumn out;
  int place = table.layout().column(name);
  if (place < 0) return out;
  auto column = static_cast<unsigned>(place);
  if (!table.layout().columns[column].is_string()) {
    DSE_TRY_ASSIGN(out.numbers, table.ints(column));
    return out;
  }
  DSE_TRY_ASSIGN(format::StringColumn strings, table.strings(column));
  out.index = strings.index;
  out.texts = strings.values;
  return out;
}

// A column of the task table; two steps, event to task to value, become one.
Result<EventColumn> EventBatch::task_column(const std::string& name) const {
  const format::Table& table = batch_->tasks();
  DSE_TRY_ASSIGN(EventColumn column, table_column(table, name));
  DSE_TRY_ASSIGN(auto task, tasks());
  EventColumn out;
  out.index = task;
  // Records have a task; what points make one by one may have none.
  const bool some_missing = !own_tasks_.empty() &&
                            std::find(task.begin(), task.end(), kNoTask) != task.end();
  if (some_missing) {
    auto& index = own_numbers(task.size());
    for (std::size_t i = 0; i < task.size(); ++i)
      index[i] = task[i] == kNoTask ? table.rows() : task[i];
    out.index = index;
  }
  std::size_t values = table.rows() + (some_missing ? 1 : 0);
  if (column.is_text()) {
    auto& names = own_texts(column.texts.size());
    for (std::size_t i = 0; i < names.size(); ++i) names[i] = until_nul(column.texts[i]);
    auto& texts = own_texts(values);
    for (std::size_t i = 0; i < table.rows(); ++i) texts[i] = names[column.slot(i)];
    out.texts = texts;
  } else if (!some_missing) {
    out.numbers = column.numbers;
  } else if (column.numbers.data()) {
    auto& numbers = own_numbers(values);
    auto& present = own_flags(values);
    std::copy(column.numbers.begin(), column.numbers.end(), numbers.begin());
    std::fill(present.begin(), present.end() - 1, std::uint8_t{1});
    out.numbers = numbers;
    out.present = present;
  }
  return out;
}

Result<EventColumn> EventBatch::source_column(const std::string& name) const {
  if (name.starts_with("task.")) return task_column(name.substr(5));
  std::vector<EventColumn> columns;
  for (const format::Table* part : parts_) {
    DSE_TRY_ASSIGN(columns.emplace_back(), table_column(*part, name));
  }
  return combine(columns);
}

Result<std::span<const std::uint64_t>> EventBatch::tasks() const {
  if (tasks_) return *tasks_;
  std::vector<EventColumn> columns;
  for (const format::Table* part : parts_) {
    DSE_TRY_ASSIGN(columns.emplace_back().numbers, part->task());
  }
  EventColumn column = combine(columns);
  if (column.index.empty() && column.numbers.data()) {
    tasks_ = column.numbers;
  } else {
    own_tasks_.assign(size(), kNoTask);
    for (std::uint32_t i = 0; i < size() && column.numbers.data(); ++i)
      own_tasks_[i] = column.numbers[column.slot(i)];
    tasks_ = own_tasks_;
  }
  return *tasks_;
}

std::span<const std::uint64_t> EventBatch::same_index() const {
  same_index_.resize(size(), 0);
  return same_index_;
}

Result<const EventBatch::Moments*> EventBatch::moments() const {
  if (moments_) return &*moments_;
  using Ints = std::span<const std::uint64_t>;
  DSE_TRY_ASSIGN(Ints tasks, this->tasks());
  DSE_TRY_ASSIGN(Ints pid, task_ints(*batch_, "pid"));
  DSE_TRY_ASSIGN(Ints ppid, task_ints(*batch_, "ppid"));
  DSE_TRY_ASSIGN(Ints ns_pid, task_ints(*batch_, "nsPid"));
  DSE_TRY_ASSIGN(Ints start, task_ints(*batch_, "startTime"));
  DSE_TRY_ASSIGN(Ints cgroup, task_ints(*batch_, "cgroupId"));
  auto holds_until = [&](std::uint64_t task, std::uint64_t number) {
    if (state_->steady() || task == kNoTask) return kForEver;
    auto u32 = [](std::uint64_t value) { return static_cast<std::uint32_t>(value); };
    return state_->holds_until(
        {u32(pid[task]), u32(ppid[task]), u32(ns_pid[task]), start[task], cgroup[task]}, number);
  };
  // The last moment of each task, and the last one of all for those without a task.
  struct Last {
    std::uint64_t moment = 0, from = kForEver, until = 0;
  };
  std::vector<Last> last_of(pid.size() + 1);
  Moments moments;
  moments.index.resize(size());
  for (std::uint32_t i = 0; i < size(); ++i) {
    const std::uint64_t at = number(i);
    Last& last = last_of[tasks[i] == kNoTask ? pid.size() : tasks[i]];
    if (at < last.from || at >= last.until) {
      last = {moments.list.size(), at, holds_until(tasks[i], at)};
      moments.list.push_back({tasks[i], at});
    }
    moments.index[i] = last.moment;
  }
  moments_ = std::move(moments);
  return &*moments_;
}

namespace {

// A column in which 0, or an empty text, stands for a missing value.
EventColumn without_zeros(const EventBatch& events, EventColumn column) {
  if (column.is_text()) {
    auto& texts = events.own_texts(column.texts.size());
    for (std::size_t i = 0; i < texts.size(); ++i)
      if (!column.texts[i].empty()) texts[i] = column.texts[i];
    column.texts = texts;
  } else if (column.numbers.data()) {
    auto& present = events.own_flags(column.numbers.size());
    for (std::size_t i = 0; i < present.size(); ++i)
      present[i] = column.numbers[i] != 0 && (column.present.empty() || column.present[i]);
    column.present = present;
  }
  return column;
}

}  // namespace

Result<EventColumn> EventBatch::make_column(std::size_t place) const {
  const Field& field = point_->fields()[place];
  EventColumn out;
  if (size() == 0) return out;

  if (field.name == "evt.num") {
    auto& numbers = own_numbers(size());
    for (std::uint32_t i = 0; i < size(); ++i) numbers[i] = number(i);
    out.numbers = numbers;
  } else if (field.name == "evt.type") {
    out.texts = own_texts(1) = {point_->name()};
    out.index = same_index();
  } else if (field.name == "host.name") {
    // Of a capture that does not say, it is missing.
    const std::string& host = state_->info().host_name;
    out.texts = own_texts(1) = {host.empty() ? std::string_view() : own_text(host)};
    out.index = same_index();
  } else if (field.name == "evt.time" || field.name == "evt.cpu") {
    std::vector<EventColumn> columns;
    for (const format::Table* part : parts_) {
      DSE_TRY_ASSIGN(columns.emplace_back().numbers,
                     field.name == "evt.time" ? part->time() : part->cpu());
    }
    out = combine(columns);
  } else if (!field.from.empty()) {
    DSE_TRY_ASSIGN(out, source_column(field.from));
  } else {
    DSE_TRY(maker_->derive(field, *this, out));
    if (!out.is_text() && !out.numbers.data()) {
      DSE_TRY_ASSIGN(out, derive_from_state(field.name, *this));
    }
  }
  return field.zero_is_missing ? without_zeros(*this, out) : out;
}

Result<const EventColumn*> EventBatch::element(std::size_t field, std::string_view index) const {
  auto& of_field = elements_[field];
  auto found = of_field.find(index);
  if (found != of_field.end()) return &found->second;
  DSE_TRY_ASSIGN(EventColumn column, make_element(field, index));
  return &of_field.emplace(std::string(index), column).first->second;
}

Result<EventColumn> EventBatch::make_element(std::size_t field, std::string_view index) const {
  DSE_TRY_ASSIGN(const EventColumn* list, column(field));
  FieldType type = point_->fields()[field].type;
  EventColumn out;
  if (!is_list(type) || !list->is_text()) return out;
  out.index = list->index;
  std::size_t n = list->texts.size();
  if (type == FieldType::list) {
    auto& texts = own_texts(n);
    for (std::size_t i = 0; i < n; ++i) texts[i] = find_element(list->texts[i], index);
    out.texts = texts;
    return out;
  }
  auto& numbers = own_numbers(n);
  auto& present = own_flags(n);
  for (std::size_t i = 0; i < n; ++i) {
    auto number = parse_number(find_element(list->texts[i], index));
    numbers[i] = number.value_or(0);
    present[i] = number.has_value();
  }
  out.numbers = numbers;
  out.present = present;
  return out;
}

// ---- Event ---------------------------------------------------------------------------------------

std::string_view Event::name() const { return batch_->point().name(); }

const EventColumn* Event::column(std::string_view field) const {
  std::string_view index;
  if (field.ends_with(']')) {
    auto ref = parse_field_ref(field);
    if (!ref) return nullptr;
    field = ref->name;
    index = ref->index;
  }
  int place = batch_->point().field(field);
  if (place < 0) return nullptr;
  auto at = static_cast<std::size_t>(place);
  auto column = index.empty() ? batch_->column(at) : batch_->element(at, index);
  return column && !(*column)->missing(row_) ? *column : nullptr;
}

std::optional<std::uint64_t> Event::number(std::string_view field) const {
  const EventColumn* found = column(field);
  if (!found || found->is_text()) return {};
  return found->numbers[found->slot(row_)];
}

std::optional<std::int64_t> Event::signed_number(std::string_view field) const {
  auto value = number(field);
  if (!value) return {};
  return static_cast<std::int64_t>(*value);
}

std::optional<bool> Event::flag(std::string_view field) const {
  auto value = number(field);
  if (!value) return {};
  return *value != 0;
}

std::optional<std::string_view> Event::text(std::string_view field) const {
  const EventColumn* found = column(field);
  if (!found || !found->is_text()) return {};
  return found->texts[found->slot(row_)];
}

std::string Event::json() const {
  std::string out;
  JsonRenderer(batch_->point()).append(*batch_, row_, out);
  return out;
}

std::string Event::text() const {
  std::string out;
  TextRenderer(batch_->point(), false).append(*batch_, row_, out);
  return out;
}

}  // namespace dse::replay
