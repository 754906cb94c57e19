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
      append_rfc3339(events.state().real_time(column.numbers[slot], events.number(event)), out);
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
    case FieldType::time:
      append_rfc3339(events.state().real_time(column.numbers[slot], events.number(event)), out);
      break;
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

// ---- JSON ----------------------------------------------------------------------------------------

JsonRenderer::JsonRenderer(const ObservationPoint& point, const std::vector<std::string>* only) {
  for (ShownField& shown : chosen_fields(point, only)) {
    const bool merged_only = !only && point.fields()[shown.field].name == kHostField;
    std::vector<std::string> names = split_name(point.fields()[shown.field].name);
    std::string key;
    append_quoted(shown.index.empty() ? names.back() : names.back() + "[" + shown.index + "]", key);
    key += ':';
    names.pop_back();
    parts_.push_back({std::move(shown), std::move(names), std::move(key), merged_only});
  }
  // JSON has one object per group, so the members of a group must follow one another: order by
  // where each group first appears, level by level.
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
  std::vector<Part> sorted;
  for (auto& [key, i] : order) sorted.push_back(parts_[i]);
  parts_ = std::move(sorted);
}

std::vector<std::size_t> JsonRenderer::fields() const {
  std::vector<std::size_t> out;
  for (const Part& part : parts_)
    if (!part.merged_only) out.push_back(part.shown.field);
  return out;
}

void JsonRenderer::append(const EventBatch& events, std::uint32_t event, std::string& out) const {
  out += '{';
  const Part* last = nullptr;
  std::size_t open = 0;  // groups that are open, all of `last`
  const bool merged = events.batch().slice() != 0;
  for (const Part& part : parts_) {
    if (part.merged_only && !merged) continue;
    const EventColumn* column = column_of(events, part.shown);
    if (!column || column->missing(event)) continue;
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
    append_json_value(events, *column, part.shown.type, event, out);
  }
  out.append(open, '}');
  out += '}';
}

// ---- text ----------------------------------------------------------------------------------------

TextRenderer::TextRenderer(const ObservationPoint& point, bool colour,
                           const std::vector<std::string>* only) {
  if (only) {
    tabs_ = true;
    for (const std::string& name : *only) parts_.push_back({"", find_shown(point, name), 0});
    return;
  }
  time_ = find_shown(point, "evt.time");
  host_ = find_shown(point, kHostField);
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
      parts_.push_back(
          {std::exchange(literal, ""), find_shown(point, rest.substr(1, end - 1)), group});
      if (const auto& shown = parts_.back().shown)
        parts_.back().duration = point.fields()[shown->field].unit == "ns";
      rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
    } else {
      literal += rest[0];
      rest.remove_prefix(1);
    }
  }
  if (!literal.empty()) parts_.push_back({literal, {}, group});
}

std::vector<std::size_t> TextRenderer::fields() const {
  std::vector<std::size_t> out;
  if (time_) out.push_back(time_->field);
  for (const Part& part : parts_)
    if (part.shown) out.push_back(part.shown->field);
  return out;
}

bool TextRenderer::group_complete(const EventBatch& events, std::uint32_t event,
                                  unsigned group) const {
  return std::all_of(parts_.begin(), parts_.end(), [&](const Part& part) {
    if (part.group != group || !part.shown) return true;
    const EventColumn* column = column_of(events, *part.shown);
    return column && !column->missing(event);
  });
}

void TextRenderer::append(const EventBatch& events, std::uint32_t event, std::string& out) const {
  if (!tabs_) {
    if (!tail_.empty()) out += kDim;
    const EventColumn* time = time_ ? column_of(events, *time_) : nullptr;
    if (time && !time->missing(event))
      append_text_value(events, *time, FieldType::time, event, out);
    out += tail_;
    if (host_ && events.batch().slice() != 0) {
      const EventColumn* host = column_of(events, *host_);
      out += "  ";
      if (host && !host->missing(event))
        append_text_value(events, *host, FieldType::text, event, out);
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
      if (!group_complete(events, event, part.group)) {
        left_out = part.group;
        continue;
      }
    }
    out += part.before;
    if (!part.shown) {
      if (tabs_) out += '-';
      continue;
    }
    const EventColumn* column = column_of(events, *part.shown);
    if (!column || column->missing(event))
      out += tabs_ ? '-' : '?';
    else if (part.duration)
      append_duration(column->numbers[column->slot(event)], out);
    else
      append_text_value(events, *column, part.shown->type, event, out);
  }
}

}  // namespace dse::replay
