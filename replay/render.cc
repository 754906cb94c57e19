#include "replay/render.h"

#include <algorithm>

#include <fmt/format.h>

#include "replay/escape.h"
#include "replay/point.h"
#include "replay/render_value.h"
#include "replay/timestamp.h"

namespace dse::replay {
namespace {

constexpr std::string_view kHostField = "host.name";
constexpr std::string_view kDim = "\x1b[2m", kCyan = "\x1b[36m", kReset = "\x1b[0m";

// Whether JSON takes it as a number as it stands.
bool is_json_integer(std::string_view text) {
  if (text.starts_with('-')) text.remove_prefix(1);
  return !text.empty() && text.find_first_not_of("0123456789") == std::string_view::npos &&
         (text == "0" || text[0] != '0');
}

// A span of time for people: three digits that matter.
void append_duration(std::uint64_t ns, std::string& out) {
  constexpr std::pair<std::uint64_t, std::string_view> kUnits[] = {
      {1'000'000'000, "s"}, {1'000'000, "ms"}, {1'000, "us"}};
  for (auto [unit, name] : kUnits) {
    if (ns < unit) continue;
    // In integers, so that it reads the same on every machine.
    std::uint64_t whole = ns / unit, thousandths = ns % unit * 1000 / unit;
    if (whole >= 100)
      fmt::format_to(std::back_inserter(out), "{} {}", whole, name);
    else if (whole >= 10)
      fmt::format_to(std::back_inserter(out), "{}.{} {}", whole, thousandths / 100, name);
    else
      fmt::format_to(std::back_inserter(out), "{}.{:02} {}", whole, thousandths / 10, name);
    return;
  }
  fmt::format_to(std::back_inserter(out), "{} ns", ns);
}

}  // namespace

// ---- values ------------------------------------------------------------------------------------

const EventColumn* column_of(const EventBatch& events, const ShownField& shown) {
  // The session has made the columns that are shown, so this does not fail here; were it to, the
  // value is missing.
  auto column = shown.index.empty() ? events.column(shown.field)
                                    : events.element(shown.field, shown.index);
  return column ? *column : nullptr;
}

void append_number(std::uint64_t value, std::string& out) {
  fmt::format_int text(static_cast<std::int64_t>(value));
  out.append(text.data(), text.size());
}

void append_unsigned(std::uint64_t value, std::string& out) {
  fmt::format_int text(value);
  out.append(text.data(), text.size());
}

void append_quoted(std::string_view text, std::string& out) {
  out += '"';
  append_json_string(text, out);
  out += '"';
}

void append_json_list(std::string_view list, FieldType type, std::string& out) {
  char separator = '[';
  for_each_string(list, [&](std::string_view value) {
    out += separator;
    // A capture may hold anything where numbers belong; what comes out is JSON all the same.
    if (type == FieldType::numbers && is_json_integer(value))
      out += value;
    else
      append_quoted(value, out);
    separator = ',';
  });
  out += separator == '[' ? "[]" : "]";
}

void append_json_value(const EventBatch& events, const EventColumn& column, FieldType type,
                       std::uint32_t event, std::string& out) {
  std::size_t slot = column.slot(event);
  switch (type) {
    case FieldType::number: append_number(column.numbers[slot], out); break;
    case FieldType::flag: out += column.numbers[slot] ? "true" : "false"; break;
    case FieldType::id:
      out += '"';
      append_unsigned(column.numbers[slot], out);
      out += '"';
      break;
    case FieldType::time:
      out += '"';
      append_rfc3339(events.real_time(column.numbers[slot], event), out);
      out += '"';
      break;
    case FieldType::text: append_quoted(column.texts[slot], out); break;
    case FieldType::list:
    case FieldType::numbers: append_json_list(column.texts[slot], type, out);
  }
}

void append_text_value(const EventBatch& events, const EventColumn& column, FieldType type,
                       std::uint32_t event, std::string& out) {
  std::size_t slot = column.slot(event);
  switch (type) {
    case FieldType::number: append_number(column.numbers[slot], out); break;
    case FieldType::flag: out += column.numbers[slot] ? "true" : "false"; break;
    case FieldType::id: append_unsigned(column.numbers[slot], out); break;
    case FieldType::time: append_rfc3339(events.real_time(column.numbers[slot], event), out); break;
    case FieldType::text: append_text(column.texts[slot], out); break;
    case FieldType::list:
    case FieldType::numbers: {
      bool first = true;
      for_each_string(column.texts[slot], [&](std::string_view value) {
        if (!first) out += ' ';
        first = false;
        append_text(value, out);
      });
    }
  }
}

std::vector<std::string> split_name(const std::string& name) {
  std::vector<std::string> parts;
  std::size_t begin = 0;
  while (true) {
    std::size_t dot = name.find('.', begin);
    parts.push_back(name.substr(begin, dot - begin));
    if (dot == std::string::npos) return parts;
    begin = dot + 1;
  }
}

std::optional<ShownField> find_shown(const ObservationPoint& point, std::string_view name) {
  auto ref = parse_field_ref(name);
  int place = ref ? point.field(ref->name) : -1;
  if (place < 0) return {};
  FieldType type = point.fields()[static_cast<std::size_t>(place)].type;
  if (!ref->index.empty()) type = type == FieldType::numbers ? FieldType::number : FieldType::text;
  return ShownField{static_cast<std::size_t>(place), std::string(ref->index), type};
}

std::vector<ShownField> chosen_fields(const ObservationPoint& point,
                                      const std::vector<std::string>* only) {
  std::vector<ShownField> chosen;
  if (only) {
    for (const std::string& name : *only)
      if (auto shown = find_shown(point, name)) chosen.push_back(std::move(*shown));
  } else {
    for (std::size_t i = 0; i < point.fields().size(); ++i)
      if (point.fields()[i].shown_by(point.name()) || point.fields()[i].name == kHostField)
        chosen.push_back({i, {}, point.fields()[i].type});
  }
  return chosen;
}

// ---- lines ---------------------------------------------------------------------------------------

void append_value(const EventBatch& events, const EventColumn& column, const LineValue& value,
                  std::uint32_t event, std::string& out) {
  switch (value.as) {
    case LineValue::As::json:
      append_json_value(events, column, value.shown.type, event, out);
      break;
    case LineValue::As::text:
      append_text_value(events, column, value.shown.type, event, out);
      break;
    case LineValue::As::duration: append_duration(column.numbers[column.slot(event)], out);
  }
}

void Line::put(const std::vector<LineValue>& values, std::size_t value) {
  if (varies_ && (*varies_)[value])
    cuts_->push_back({text.size(), value});
  else
    append_value(*events_, *columns_[value], values[value], event_, text);
}

std::vector<std::size_t> Renderer::fields() const {
  std::vector<std::size_t> out;
  for (const LineValue& value : values_)
    if (!value.merged_only) out.push_back(value.shown.field);
  return out;
}

std::vector<const EventColumn*> Renderer::columns(const EventBatch& events) const {
  std::vector<const EventColumn*> columns(values_.size(), nullptr);
  const bool merged = events.batch().slice() != 0;
  for (std::size_t i = 0; i < values_.size(); ++i)
    if (merged || !values_[i].merged_only) columns[i] = column_of(events, values_[i].shown);
  return columns;
}

void Renderer::append(const EventBatch& events, std::uint32_t event, std::string& out) const {
  std::vector<const EventColumn*> of_batch = columns(events);
  Line line(events, of_batch, event, out);
  lay_out(line);
}

// ---- JSON ----------------------------------------------------------------------------------------

JsonRenderer::JsonRenderer(const ObservationPoint& point, const std::vector<std::string>* only) {
  for (ShownField& shown : chosen_fields(point, only)) {
    const bool merged_only = !only && point.fields()[shown.field].name == kHostField;
    std::vector<std::string> names = split_name(point.fields()[shown.field].name);
    std::string key;
    append_quoted(shown.index.empty() ? names.back() : names.back() + "[" + shown.index + "]", key);
    key += ':';
    names.pop_back();
    values_.push_back({std::move(shown), LineValue::As::json, merged_only});
    parts_.push_back({std::move(names), std::move(key)});
  }
  sort_by_groups();
}

// JSON has one object per group, so the members of a group must follow one another: order by where each
// group first appears, level by level.
void JsonRenderer::sort_by_groups() {
  auto rank = [&](const std::vector<std::string>& groups, std::size_t depth) {
    for (std::size_t i = 0; i < parts_.size(); ++i)
      if (parts_[i].groups.size() >= depth &&
          std::equal(groups.begin(), groups.begin() + static_cast<std::ptrdiff_t>(depth),
                     parts_[i].groups.begin()))
        return i;
    return parts_.size();
  };
  std::vector<std::pair<std::vector<std::size_t>, std::size_t>> order;
  for (std::size_t i = 0; i < parts_.size(); ++i) {
    std::vector<std::size_t> key;
    for (std::size_t depth = 1; depth <= parts_[i].groups.size(); ++depth)
      key.push_back(rank(parts_[i].groups, depth));
    key.push_back(i);
    order.emplace_back(std::move(key), i);
  }
  std::sort(order.begin(), order.end());
  std::vector<Part> parts;
  std::vector<LineValue> values;
  for (auto& [key, i] : order) {
    parts.push_back(parts_[i]);
    values.push_back(values_[i]);
  }
  parts_ = std::move(parts);
  values_ = std::move(values);
}

void JsonRenderer::lay_out(Line& line) const {
  std::string& out = line.text;
  out += '{';
  const Part* last = nullptr;
  std::size_t open = 0;  // groups that are open, all of `last`
  for (std::size_t value = 0; value < parts_.size(); ++value) {
    if (line.missing(value)) continue;
    const Part& part = parts_[value];
    std::size_t common = 0;
    if (last)
      while (common < open && common < part.groups.size() &&
             part.groups[common] == last->groups[common])
        ++common;
    out.append(open - common, '}');
    if (last) out += ',';
    for (std::size_t i = common; i < part.groups.size(); ++i) {
      out += '"';
      out += part.groups[i];
      out += "\":{";
    }
    open = part.groups.size();
    last = &part;
    out += part.key;
    line.put(values_, value);
  }
  out.append(open, '}');
  out += '}';
}

// ---- text ----------------------------------------------------------------------------------------

// The place of a field among the values; nothing: the point has no such field.
std::optional<std::size_t> TextRenderer::add(const ObservationPoint& point,
                                             std::string_view field) {
  auto shown = find_shown(point, field);
  if (!shown) return {};
  const bool duration = !tabs_ && point.fields()[shown->field].unit == "ns";
  values_.push_back({std::move(*shown), duration ? LineValue::As::duration : LineValue::As::text});
  return values_.size() - 1;
}

TextRenderer::TextRenderer(const ObservationPoint& point, bool colour,
                           const std::vector<std::string>* only) {
  if (only) {
    tabs_ = true;
    for (const std::string& name : *only) parts_.push_back({"", add(point, name), 0});
    return;
  }
  time_ = add(point, "evt.time");
  if (time_) values_[*time_].as = LineValue::As::text;
  host_ = add(point, kHostField);
  if (host_) values_[*host_].merged_only = true;
  head_ = fmt::format("  {}{:<17}{}  ", colour ? kCyan : "", point.name(), colour ? kReset : "");
  if (colour) tail_ = kReset;

  std::string_view rest = point.text_template();
  std::string literal;
  unsigned group = 0, groups = 0;
  while (!rest.empty()) {
    if (rest.starts_with("((")) {
      if (!literal.empty()) parts_.push_back({std::exchange(literal, ""), {}, 0});
      group = ++groups;
      rest.remove_prefix(2);
    } else if (rest.starts_with("))")) {
      if (!literal.empty()) parts_.push_back({std::exchange(literal, ""), {}, group});
      group = 0;
      rest.remove_prefix(2);
    } else if (rest[0] == '{') {
      std::size_t end = rest.find('}');
      parts_.push_back({std::exchange(literal, ""), add(point, rest.substr(1, end - 1)), group});
      rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
    } else {
      literal += rest[0];
      rest.remove_prefix(1);
    }
  }
  if (!literal.empty()) parts_.push_back({literal, {}, group});
}

bool TextRenderer::group_complete(const Line& line, unsigned group) const {
  return std::all_of(parts_.begin(), parts_.end(), [&](const Part& part) {
    return part.group != group || !part.value || !line.missing(*part.value);
  });
}

void TextRenderer::lay_out(Line& line) const {
  std::string& out = line.text;
  if (!tabs_) {
    if (!tail_.empty()) out += kDim;
    if (time_ && !line.missing(*time_)) line.put(values_, *time_);
    out += tail_;
    if (host_ && line.merged()) {
      out += "  ";
      if (!line.missing(*host_))
        line.put(values_, *host_);
      else
        out += '?';
    }
    out += head_;
  }
  unsigned left_out = 0;
  bool first = true;
  for (const Part& part : parts_) {
    if (tabs_ && !first) out += '\t';
    first = false;
    if (part.group != 0) {
      if (part.group == left_out) continue;
      if (!group_complete(line, part.group)) {
        left_out = part.group;
        continue;
      }
    }
    out += part.before;
    if (!part.value) {
      if (tabs_) out += '-';
    } else if (line.missing(*part.value)) {
      out += tabs_ ? '-' : '?';
    } else {
      line.put(values_, *part.value);
    }
  }
}

}  // namespace dse::replay
