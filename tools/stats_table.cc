#include "tools/stats_table.h"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "replay/csv.h"
#include "replay/escape.h"
#include "replay/render_value.h"
#include "replay/timestamp.h"
#include "tools/terminal.h"

namespace dse::tools {
namespace {

using replay::FieldType;
using Row = replay::Tally::Row;
using Value = replay::Tally::Value;

constexpr std::string_view kDim = "\x1b[2m", kCyan = "\x1b[36m", kReset = "\x1b[0m";

// What is no text: the same for people, JSON and CSV, but for quotes.
std::string plain_value(const Value& value, FieldType type) {
  std::string out;
  switch (type) {
    case FieldType::flag: out = value.number ? "true" : "false"; break;
    case FieldType::time: out = replay::rfc3339(value.number); break;
    case FieldType::id: replay::append_unsigned(value.number, out); break;
    default: replay::append_number(value.number, out);
  }
  return out;
}

std::string text_value(const Value& value, FieldType type) {
  if (value.what == Value::What::missing) return "(missing)";
  if (value.what == Value::What::number) return plain_value(value, type);
  if (value.text.empty()) return "(empty)";
  std::string out;
  if (!is_list(type)) {
    replay::append_text(value.text, out);
    return out;
  }
  replay::for_each_string(value.text, [&](std::string_view one) {
    if (!out.empty()) out += ' ';
    replay::append_text(one, out);
  });
  return out;
}

void append_json(const Value& value, FieldType type, std::string& out) {
  if (value.what == Value::What::missing) {
    out += "null";
  } else if (value.what == Value::What::number) {
    bool quoted = type == FieldType::id || type == FieldType::time;
    if (quoted) out += '"';
    out += plain_value(value, type);
    if (quoted) out += '"';
  } else if (is_list(type)) {
    replay::append_json_list(value.text, type, out);
  } else {
    replay::append_quoted(value.text, out);
  }
}

void append_csv(const Value& value, FieldType type, std::string& out) {
  if (value.what == Value::What::missing) return;
  if (value.what == Value::What::number) {
    out += plain_value(value, type);
  } else if (is_list(type)) {
    std::string list;
    replay::append_json_list(value.text, type, list);
    replay::append_csv_field(list, out);
  } else {
    replay::append_csv_text(value.text, out);
  }
}

std::string human_sum(replay::WideInt sum) {
  std::string digits = fmt::format("{}", sum), out;
  std::size_t begin = digits[0] == '-';
  for (std::size_t i = 0; i < digits.size(); ++i) {
    if (i > begin && (digits.size() - i) % 3 == 0) out += ',';
    out += digits[i];
  }
  return out;
}

// Places on a terminal, near enough: characters.
std::size_t width_of(std::string_view text) {
  return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xc0) != 0x80;
  }));
}

std::string cut(std::string text, std::size_t widest) {
  if (widest == 0 || width_of(text) <= widest) return text;
  std::size_t end = 0;
  for (std::size_t n = 0; end < text.size(); ++end)
    if ((static_cast<unsigned char>(text[end]) & 0xc0) != 0x80 && ++n == widest) break;
  return text.substr(0, end) + "…";
}

void append_padded(std::string_view text, std::size_t width, bool right, std::string& out) {
  std::string space(width - std::min(width, width_of(text)), ' ');
  if (right) out += space;
  out += text;
  if (!right) out += space;
}

// A bar of at most `width` characters, in eighths of one.
std::string bar(double part, std::size_t width) {
  static constexpr const char* kEighths[] = {"", "▏", "▎", "▍", "▌", "▋", "▊", "▉"};
  auto eighths = static_cast<std::size_t>(part * static_cast<double>(width) * 8 + 0.5);
  std::string out;
  for (std::size_t i = 0; i < eighths / 8; ++i) out += "█";
  return out + kEighths[eighths % 8];
}

// 4096 as 4K, and so on; what is no multiple as it is.
std::string short_number(std::int64_t value) {
  const char* units = " KMGTPE";
  std::size_t unit = 0;
  while (value != 0 && value % 1024 == 0 && unit < 6) {
    value /= 1024;
    ++unit;
  }
  return unit ? fmt::format("{}{}", value, units[unit]) : std::to_string(value);
}

std::string bucket_name(unsigned bucket) {
  auto until = replay::bucket_until(bucket);
  if (bucket == 0) return "(..., 0)";
  std::int64_t from = replay::bucket_from(bucket);
  if (until && *until == from + 1) return fmt::format("[{}]", from);
  return fmt::format("[{}, {})", short_number(from), until ? short_number(*until) : "...");
}

std::string with_unit(const NamedField& field) {
  return field.field->unit.empty() ? field.name : field.name + " (" + field.field->unit + ")";
}

double measure(const Row& row, bool by_sum) {
  return by_sum ? static_cast<double>(row.sums[0].sum) : static_cast<double>(row.count);
}

}  // namespace

std::optional<double> StatsTable::rate_of(std::uint64_t n) const {
  if (!span || span->second == span->first) return {};
  return static_cast<double>(n) / (static_cast<double>(span->second - span->first) / 1e9);
}

// ---- text --------------------------------------------------------------------------------------

std::vector<std::string> StatsTable::head() const {
  std::vector<std::string> head;
  for (const NamedField& field : by) head.push_back(field.name);
  if (count) head.push_back("COUNT");
  for (const NamedField& field : sums) head.push_back("SUM " + with_unit(field));
  if (rate) head.push_back("RATE (1/s)");
  return head;
}

// `widest`: of the values of a key; 0: as wide as they are.
std::vector<std::string> StatsTable::cells(const Row& row, std::size_t widest) const {
  std::vector<std::string> cells;
  for (std::size_t i = 0; i < row.key.size(); ++i)
    cells.push_back(cut(text_value(row.key[i], by[i].type), widest));
  if (count) cells.push_back(human_count(row.count));
  for (const auto& sum : row.sums) cells.push_back(sum.values ? human_sum(sum.sum) : "(missing)");
  if (rate) {
    auto value = rate_of(row.count);
    cells.push_back(value ? fmt::format("{:.3f}", *value) : "(missing)");
  }
  return cells;
}

std::string StatsTable::table(unsigned width, bool colour) const {
  constexpr std::size_t kLeastBar = 10, kMostBar = 40;
  std::vector<std::string> top = head();
  const std::size_t measures = top.size() - by.size();
  // Half of a terminal is for the keys.
  std::size_t widest = width ? std::max<std::size_t>(8, width / 2 / by.size()) : 0;
  std::vector<std::vector<std::string>> lines = {top};
  for (const Row& row : answer.rows) lines.push_back(cells(row, widest));
  bool others = answer.others.count != 0;
  if (others) {
    std::string name = answer.over_limit
                           ? "others"
                           : fmt::format("others ({})", plural(answer.other_groups, "group"));
    std::vector<std::string> line = cells(answer.others, widest);
    line.insert(line.begin(), by.size(), "");
    line[0] = name;
    lines.push_back(line);
  }
  std::vector<std::size_t> widths(top.size());
  std::size_t all = 0;
  for (std::size_t i = 0; i < top.size(); ++i) {
    for (const auto& line : lines) widths[i] = std::max(widths[i], width_of(line[i]));
    all += widths[i] + 2;
  }
  std::size_t bars = width > all + kLeastBar ? std::min(kMostBar, width - all) : 0;
  double most = 0;
  for (const Row& row : answer.rows) most = std::max(most, measure(row, by_sum));
  std::string out;
  for (std::size_t i = 0; i < lines.size(); ++i) {
    std::string line;
    for (std::size_t k = 0; k < top.size(); ++k) {
      if (k > 0) line += "  ";
      bool right = k >= by.size();
      bool last = k + 1 == top.size() && !right;
      append_padded(lines[i][k], last ? 0 : widths[k], right && measures > 0, line);
    }
    while (line.ends_with(' ')) line.pop_back();
    bool is_row = i > 0 && i <= answer.rows.size();
    if (colour && !is_row) line = std::string(kDim) + line + std::string(kReset);
    if (is_row && bars && most > 0)
      if (double value = measure(answer.rows[i - 1], by_sum); value > 0)
        line += fmt::format("  {}{}{}", colour ? kCyan : "", bar(value / most, bars),
                            colour ? kReset : "");
    out += line + '\n';
  }
  return out;
}

// As bpftrace has it.
std::string StatsTable::histogram(const Row& row, std::size_t hist, bool colour) const {
  constexpr std::size_t kBar = 40;
  const replay::Tally::Histogram& of = row.hists[hist];
  std::string out;
  for (std::size_t i = 0; i < row.key.size(); ++i)
    out += fmt::format("{}{} = {}", i ? ", " : "", by[i].name, text_value(row.key[i], by[i].type));
  if (row.key.empty()) out = "others";
  std::uint64_t values = of.values();
  out += fmt::format(": {}, {}", with_unit(hists[hist]), plural(values, "value"));
  if (row.count != values) out += fmt::format(", {} missing", human_count(row.count - values));
  if (colour) out = std::string(kDim) + out + std::string(kReset);
  out += '\n';
  if (of.buckets.empty()) return out;
  std::uint64_t most = 0;
  for (auto [bucket, n] : of.buckets) most = std::max(most, n);
  auto next = of.buckets.begin();
  for (unsigned bucket = of.buckets.front().first; bucket <= of.buckets.back().first; ++bucket) {
    std::uint64_t n = next->first == bucket ? (next++)->second : 0;
    auto length = static_cast<std::size_t>(
        std::lround(static_cast<double>(n) / static_cast<double>(most) * double{kBar}));
    fmt::format_to(std::back_inserter(out), "{:<16} {:>14} |{}{}{}{}|\n", bucket_name(bucket),
                   human_count(n), colour ? kCyan : "", std::string(length, '@'),
                   colour ? kReset : "", std::string(kBar - length, ' '));
  }
  return out;
}

std::string StatsTable::text(unsigned width, bool colour) const {
  std::string out;
  if (count || rate || !sums.empty()) out = table(width, colour);
  for (std::size_t hist = 0; hist < hists.size(); ++hist) {
    for (const Row& row : answer.rows) {
      if (!out.empty()) out += '\n';
      out += histogram(row, hist, colour);
    }
    if (answer.others.count) out += '\n' + histogram(answer.others, hist, colour);
  }
  return out;
}

// ---- JSON --------------------------------------------------------------------------------------

void StatsTable::append_json_row(const Row& row, std::string& out) const {
  auto to = std::back_inserter(out);
  fmt::format_to(to, "\"count\":{}", row.count);
  if (!sums.empty()) {
    out += ",\"sum\":{";
    for (std::size_t i = 0; i < sums.size(); ++i) {
      out += (i ? "," : "") + json_text(sums[i].name) + ":";
      out += row.sums[i].values ? fmt::format("{}", row.sums[i].sum) : "null";
    }
    out += '}';
  }
  if (rate) {
    auto value = rate_of(row.count);
    out += ",\"rate\":" + (value ? fmt::format("{}", *value) : "null");
  }
  if (hists.empty()) return;
  out += ",\"hist\":{";
  for (std::size_t i = 0; i < hists.size(); ++i) {
    out += (i ? "," : "") + json_text(hists[i].name) + ":[";
    const char* separator = "";
    for (auto [bucket, n] : row.hists[i].buckets) {
      auto until = replay::bucket_until(bucket);
      fmt::format_to(to, "{}{{\"from\":{},\"until\":{},\"count\":{}}}", separator,
                     bucket ? std::to_string(replay::bucket_from(bucket)) : "null",
                     until ? std::to_string(*until) : "null", n);
      separator = ",";
    }
    out += ']';
  }
  out += '}';
}

std::string StatsTable::json() const {
  std::string out = "{\"by\":[";
  for (std::size_t i = 0; i < by.size(); ++i) out += (i ? "," : "") + json_text(by[i].name);
  out += fmt::format("],\"events\":{},\"groups\":{}", events, groups);
  if (span)
    out += fmt::format(",\"first\":\"{}\",\"last\":\"{}\"", replay::rfc3339(span->first),
                       replay::rfc3339(span->second));
  out += ",\"rows\":[";
  for (std::size_t r = 0; r < answer.rows.size(); ++r) {
    out += r ? ",\n{\"by\":{" : "\n{\"by\":{";
    for (std::size_t i = 0; i < by.size(); ++i) {
      out += (i ? "," : "") + json_text(by[i].name) + ":";
      append_json(answer.rows[r].key[i], by[i].type, out);
    }
    out += "},";
    append_json_row(answer.rows[r], out);
    out += '}';
  }
  out += "],\n\"others\":";
  if (answer.others.count) {
    out += '{';
    if (!answer.over_limit) out += fmt::format("\"groups\":{},", answer.other_groups);
    append_json_row(answer.others, out);
    out += '}';
  } else {
    out += "null";
  }
  out += fmt::format(",\"lost\":{}", lost);
  if (damaged) out += fmt::format(",\"damaged\":{}", damaged);
  return out + "}\n";
}

// ---- CSV ---------------------------------------------------------------------------------------

std::string StatsTable::csv() const {
  std::vector<std::string> head;
  for (const NamedField& field : by) head.push_back(field.name);
  if (!hists.empty()) {
    for (const char* name : {"from", "until", "count"}) head.push_back(name);
  } else {
    if (count) head.push_back("count");
    for (const NamedField& field : sums) head.push_back("sum(" + field.name + ")");
    if (rate) head.push_back("rate");
  }
  std::string out;
  replay::CsvRenderer::append_header(head, out);
  for (const Row& row : answer.rows) {
    std::string key;
    for (std::size_t i = 0; i < by.size(); ++i) {
      append_csv(row.key[i], by[i].type, key);
      key += ',';
    }
    if (!hists.empty()) {
      for (auto [bucket, n] : row.hists[0].buckets) {
        auto until = replay::bucket_until(bucket);
        out += fmt::format("{}{},{},{}{}", key,
                           bucket ? std::to_string(replay::bucket_from(bucket)) : "",
                           until ? std::to_string(*until) : "", n, replay::kCsvLineEnd);
      }
      continue;
    }
    if (count) key += fmt::format("{},", row.count);
    for (const auto& sum : row.sums) key += (sum.values ? fmt::format("{}", sum.sum) : "") + ",";
    if (rate) {
      auto value = rate_of(row.count);
      key += (value ? fmt::format("{}", *value) : "") + ",";
    }
    key.pop_back();
    out += key;
    out += replay::kCsvLineEnd;
  }
  return out;
}

}  // namespace dse::tools
