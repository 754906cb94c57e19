#include "replay/event.h"

#include <algorithm>
#include <charconv>

#include "replay/point.h"
#include "replay/render.h"
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

EventBatch::EventBatch(const ObservationPoint& point, const format::Batch& batch,
                       const State& state)
    : point_(&point), batch_(&batch), state_(&state), columns_(point.fields().size()) {}

std::uint64_t EventBatch::number(std::uint32_t event) const {
  return record_number(*batch_, positions_[event]);
}

Status EventBatch::use_table(const format::Table* table) {
  table_ = table;
  if (!table) return {};
  DSE_TRY_ASSIGN(auto positions, table->positions());
  positions_.assign(positions.begin(), positions.end());
  return {};
}

Status EventBatch::use_rows(const format::Table* table, std::vector<std::uint32_t> rows) {
  DSE_TRY(use_table(table));
  std::vector<std::uint32_t> positions;
  for (std::uint32_t row : rows) positions.push_back(positions_[row]);
  positions_ = std::move(positions);
  rows_ = std::move(rows);
  return {};
}

// A column of the table as the events have it.
EventColumn EventBatch::pick_rows(EventColumn column) const {
  if (!rows_ || (!column.is_text() && !column.numbers.data())) return column;
  auto& index = own_numbers(size());
  for (std::uint32_t i = 0; i < size(); ++i) index[i] = column.slot(row(i));
  column.index = index;
  return column;
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

// A column of a table, behind `index` when it is the task table.
Result<EventColumn> EventBatch::table_column(const format::Table& table, const std::string& name,
                                             std::span<const std::uint64_t> index) const {
  EventColumn out;
  int place = table.layout().column(name);
  if (place < 0) return out;
  auto column = static_cast<unsigned>(place);
  out.index = index;
  if (!table.layout().columns[column].is_string()) {
    DSE_TRY_ASSIGN(out.numbers, table.ints(column));
    return out;
  }
  DSE_TRY_ASSIGN(format::StringColumn strings, table.strings(column));
  if (index.empty()) {
    out.index = strings.index;
    out.texts = strings.values;
    return out;
  }
  // Two steps, event to task to value, become one.
  auto& values = own_texts(table.rows());
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = until_nul(strings[i]);
  out.texts = values;
  return out;
}

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
    out.index = own_numbers(size());
  } else if (table_ && field.name == "evt.time") {
    DSE_TRY_ASSIGN(out.numbers, table_->time());
    out = pick_rows(out);
  } else if (table_ && field.name == "evt.cpu") {
    DSE_TRY_ASSIGN(out.numbers, table_->cpu());
    out = pick_rows(out);
  } else if (table_ && field.from.starts_with("task.")) {
    DSE_TRY_ASSIGN(auto task, table_->task());
    DSE_TRY_ASSIGN(out, table_column(batch_->tasks(), field.from.substr(5), task));
    out = pick_rows(out);
  } else if (table_ && !field.from.empty()) {
    DSE_TRY_ASSIGN(out, table_column(*table_, field.from, {}));
    out = pick_rows(out);
  } else if (table_ && field.name == "cgroup.path") {
    DSE_TRY_ASSIGN(auto task, table_->task());
    DSE_TRY_ASSIGN(auto ids, task_ints(*batch_, "cgroupId"));
    auto& texts = own_texts(size());
    for (std::uint32_t i = 0; i < size(); ++i)
      texts[i] = state_->cgroup_path(ids[task[row(i)]], number(i));
    out.texts = texts;
  } else {
    DSE_TRY(point_->derive(field, *this, out));
  }
  return out;
}

Result<const EventColumn*> EventBatch::element(std::size_t field, std::string_view index) const {
  for (const Element& made : elements_)
    if (made.field == field && made.index == index) return &made.column;
  DSE_TRY_ASSIGN(EventColumn column, make_element(field, index));
  return &elements_.emplace_back(Element{field, std::string(index), column}).column;
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
