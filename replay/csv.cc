#include "replay/csv.h"

#include <algorithm>

#include "replay/escape.h"
#include "replay/point.h"
#include "replay/render_value.h"

namespace dse::replay {

void append_csv_field(std::string_view value, std::string& out) {
  if (!value.empty() && value.find_first_of(",\"\r\n") == std::string_view::npos) {
    out += value;
    return;
  }
  out += '"';
  for (char c : value) {
    if (c == '"') out += '"';
    out += c;
  }
  out += '"';
}

void append_csv_text(std::string_view text, std::string& out) {
  std::string safe;
  append_text(text, safe);
  append_csv_field(safe, out);
}

CsvRenderer::CsvRenderer(const ObservationPoint& point, const std::vector<std::string>& columns) {
  for (const std::string& name : columns) columns_.push_back(find_shown(point, name));
}

std::vector<std::string> CsvRenderer::all_columns(
    const std::vector<std::unique_ptr<ObservationPoint>>& points) {
  std::vector<std::string> columns;
  auto add = [&](const Field& field) {
    bool shown = std::any_of(points.begin(), points.end(), [&](const auto& point) {
      return point->field(field.name) >= 0 && field.shown_by(point->name());
    });
    if (shown && std::find(columns.begin(), columns.end(), field.name) == columns.end())
      columns.push_back(field.name);
  };
  for (const Field& field : builtin_fields()) add(field);
  for (const auto& point : points)
    for (const Field& field : point->fields()) add(field);
  return columns;
}

void CsvRenderer::append_header(const std::vector<std::string>& columns, std::string& out) {
  for (std::size_t i = 0; i < columns.size(); ++i) {
    if (i > 0) out += ',';
    append_csv_text(columns[i], out);
  }
  out += kCsvLineEnd;
}

void CsvRenderer::append(const EventBatch& events, std::uint32_t event, std::string& out) const {
  const std::size_t begin = out.size();
  for (std::size_t i = 0; i < columns_.size(); ++i) {
    if (i > 0) out += ',';
    if (!columns_[i]) continue;
    const EventColumn* column = column_of(events, *columns_[i]);
    if (!column || column->missing(event)) continue;
    const FieldType type = columns_[i]->type;
    if (type == FieldType::text) {
      append_csv_text(column->texts[column->slot(event)], out);
    } else if (is_list(type)) {
      std::string list;
      append_json_list(column->texts[column->slot(event)], type, list);
      append_csv_field(list, out);
    } else {
      append_text_value(events, *column, type, event, out);
    }
  }
  // An empty line is no record to those who read; so where there is but one column, a missing value
  // reads as an empty one.
  if (out.size() == begin) out += "\"\"";
  out += kCsvLineEnd;
}

}  // namespace dse::replay
