#include "replay/profile.h"

#include <algorithm>
#include <bit>
#include <cstdint>
#include <optional>
#include <sstream>
#include <utility>

#include <fmt/format.h>
#include <toml++/toml.h>

#include "replay/field.h"
#include "replay/filter/diagnostic.h"
#include "replay/filter/literal.h"
#include "replay/points/points.h"
#include "replay/timestamp.h"

namespace dse::replay {
namespace {

constexpr std::size_t kMaxText = std::size_t{1} << 20;

// What an option of [record] takes: numbers and bytes from `least` to `most`.
enum class Takes { size, duration, number, texts, flag };
struct RecordKey {
  std::string_view name;
  Takes takes;
  std::int64_t least = 0, most = INT64_MAX;
};
constexpr RecordKey kRecordKeys[] = {
    {"buffer", Takes::size, 4096, std::int64_t{1} << 30},
    {"max-args", Takes::size, 0, std::int64_t{1} << 20},
    {"env", Takes::texts},
    {"redact", Takes::texts},
    {"failed-execs", Takes::flag},
    {"container-metadata", Takes::flag},
    {"flush", Takes::duration},
    {"level", Takes::number, -7, 19},
    {"segment-size", Takes::size, 1},
    {"segment-time", Takes::duration},
    {"keep", Takes::number, 0, UINT32_MAX},
};

}  // namespace

bool has_deep_keys(std::string_view text) {
  constexpr int kMost = 256;
  int dots = 0;
  for (char c : text) {
    bool of_key = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                  c == '_' || c == '-' || c == '"' || c == '\'' || c == ' ' || c == '\t';
    if (c == '.')
      ++dots;
    else if (!of_key)
      dots = 0;
    if (dots > kMost) return true;
  }
  return false;
}

namespace {

class Reader {
 public:
  explicit Reader(Profile& profile) : profile_(profile) {}

  Status read(const toml::table& root) {
    for (const auto& [key, node] : root) {
      if (key == "description") {
        DSE_TRY_ASSIGN(profile_.description, text(key, node));
      } else if (key == "points") {
        DSE_TRY(points(key, node));
      } else if (key == "macros") {
        DSE_TRY(macros(key, node));
      } else if (key == "filter") {
        DSE_TRY(filters(key, node));
      } else if (key == "record") {
        DSE_TRY(record(key, node));
      } else {
        return unknown(key, {"description", "points", "macros", "filter", "record"});
      }
    }
    return {};
  }

 private:
  std::string at(const toml::source_region& region) const {
    return fmt::format("{}:{}", profile_.name, region.begin.line);
  }
  Error wrong(const toml::source_region& region, std::string_view what) const {
    return {ErrorCode::usage, fmt::format("{}: {}", at(region), filter::shown_message(what))};
  }
  Error unknown(const toml::key& key, const std::vector<std::string>& known) const {
    std::string mean = filter::did_you_mean(key.str(), known);
    if (mean.empty()) mean = fmt::format("; there are {}", fmt::join(known, ", "));
    return wrong(key.source(), fmt::format("unknown key '{}'{}", key.str(), mean));
  }

  Result<std::string> text(const toml::key& key, const toml::node& node) const {
    if (const auto* value = node.as_string()) return value->get();
    return wrong(node.source(), fmt::format("{} takes a text in quotes", key.str()));
  }
  Result<const toml::table*> table(const toml::key& key, const toml::node& node) const {
    if (const auto* table = node.as_table()) return table;
    return wrong(node.source(), fmt::format("{0} is a table: write [{0}]", key.str()));
  }

  Status check_point(std::string_view name, const toml::source_region& region) const {
    std::vector<std::string> known = point_names();
    if (std::find(known.begin(), known.end(), name) != known.end()) return {};
    std::string mean = filter::did_you_mean(name, known);
    if (mean.empty()) mean = fmt::format("; there are {}", fmt::join(known, ", "));
    return wrong(region, fmt::format("unknown observation point '{}'{}", name, mean));
  }

  // On and off, beginning with those that are on by default.
  Status points(const toml::key& key, const toml::node& node) {
    DSE_TRY_ASSIGN(const toml::table* all, table(key, node));
    for (const auto& [point, value] : *all) {
      DSE_TRY(check_point(point.str(), point.source()));
      const auto* on = value.as_boolean();
      if (!on) return wrong(value.source(), "a point is on or off: true or false");
      std::erase(profile_.points, point.str());
      if (on->get()) profile_.points.emplace_back(point.str());
    }
    std::vector<std::string> order = point_names();
    std::sort(profile_.points.begin(), profile_.points.end(),
              [&](const std::string& a, const std::string& b) {
                return std::find(order.begin(), order.end(), a) <
                       std::find(order.begin(), order.end(), b);
              });
    if (profile_.points.empty()) return wrong(key.source(), "no observation point is on");
    return {};
  }

  Status macros(const toml::key& key, const toml::node& node) {
    DSE_TRY_ASSIGN(const toml::table* all, table(key, node));
    for (const auto& [name, value] : *all) {
      if (!filter::is_macro_name(name.str()))
        return wrong(name.source(), fmt::format("'{}' is no name for a macro: use letters, digits, "
                                                "_ and -",
                                                name.str()));
      DSE_TRY_ASSIGN(profile_.macros[std::string(name.str())], text(name, value));
    }
    return {};
  }

  Status filters(const toml::key& key, const toml::node& node) {
    const auto* all = node.as_array();
    if (!all || !all->is_homogeneous(toml::node_type::table))
      return wrong(key.source(), "filters are in order, each under a heading [[filter]]");
    for (const toml::node& one : *all) DSE_TRY(filter(*one.as_table()));
    return {};
  }

  Status filter(const toml::table& table) {
    FilterRule rule;
    bool has_action = false;
    for (const auto& [key, node] : table) {
      DSE_TRY_ASSIGN(std::string value, text(key, node));
      if (key == "select" || key == "drop") {
        if (std::exchange(has_action, true))
          return wrong(key.source(), "a filter is a select or a drop, not both");
        rule.action = key == "select" ? filter::Action::select : filter::Action::drop;
        rule.expression = std::move(value);
        rule.source = at(node.source());
      } else if (key == "point") {
        DSE_TRY(check_point(value, node.source()));
        rule.point = std::move(value);
      } else if (key == "name") {
        rule.name = std::move(value);
      } else {
        return unknown(key, {"select", "drop", "point", "name"});
      }
    }
    if (!has_action) return wrong(table.source(), "a filter needs select = \"…\" or drop = \"…\"");
    profile_.filters.push_back(std::move(rule));
    return {};
  }

  Status record(const toml::key& key, const toml::node& node) {
    DSE_TRY_ASSIGN(const toml::table* all, table(key, node));
    for (const auto& [name, value] : *all) {
      auto known = std::find_if(std::begin(kRecordKeys), std::end(kRecordKeys),
                                [&](const RecordKey& row) { return name == row.name; });
      if (known == std::end(kRecordKeys)) {
        std::vector<std::string> names;
        for (const RecordKey& row : kRecordKeys) names.emplace_back(row.name);
        return unknown(name, names);
      }
      RecordOption option{std::string(name.str()), {}, at(name.source())};
      DSE_TRY_ASSIGN(option.values, record_values(*known, value));
      profile_.record.push_back(std::move(option));
    }
    return {};
  }

  Result<std::vector<std::string>> record_values(const RecordKey& key,
                                                 const toml::node& node) const {
    auto takes = [&](std::string_view what) {
      return wrong(node.source(), fmt::format("{} takes {}", key.name, what));
    };
    const auto* integer = node.as_integer();
    const auto* string = node.as_string();
    std::vector<std::string> values;
    switch (key.takes) {
      case Takes::number:
      case Takes::size: {
        std::optional<std::int64_t> number;
        if (integer) number = integer->get();
        if (auto size = string && key.takes == Takes::size ? filter::parse_size(string->get())
                                                           : std::nullopt)
          number = static_cast<std::int64_t>(std::min<std::uint64_t>(*size, INT64_MAX));
        if (!number)
          return takes(key.takes == Takes::size ? "a size: 4194304, or \"4MiB\"" : "a number");
        if (*number < key.least || *number > key.most)
          return takes(fmt::format("{} to {}", key.least, key.most));
        if (key.name == "buffer" && !std::has_single_bit(static_cast<std::uint64_t>(*number)))
          return takes("a power of two");
        return std::vector<std::string>{std::to_string(*number)};
      }
      case Takes::duration:
        if (!string || parse_duration(string->get()).value_or(0) == 0)
          return takes("a duration: \"10s\", \"1h\"");
        return std::vector<std::string>{string->get()};
      case Takes::flag:
        if (!node.is_boolean()) return takes("true or false");
        return std::vector<std::string>{node.as_boolean()->get() ? "true" : "false"};
      case Takes::texts:
        if (!node.is_array()) return takes("a list: [\"…\", \"…\"]");
        for (const toml::node& one : *node.as_array()) {
          if (!one.is_string()) return takes("a list of texts: [\"…\", \"…\"]");
          values.push_back(one.as_string()->get());
        }
        return values;
    }
    return values;
  }

  Profile& profile_;
};

}  // namespace

Profile empty_profile() {
  Profile profile;
  profile.points = default_point_names();
  return profile;
}

std::string text_to_record(const Profile& profile) {
  bool redacts = std::any_of(profile.record.begin(), profile.record.end(),
                             [](const RecordOption& option) { return option.name == "redact"; });
  if (!redacts) return profile.text;
  try {
    toml::table root = toml::parse(profile.text);
    root["record"].as_table()->erase("redact");
    std::ostringstream out;
    out << root << '\n';
    return out.str();
  } catch (const toml::parse_error&) {
    return {};  // it was read before
  }
}

Result<Profile> parse_profile(std::string name, std::string text) {
  if (text.size() > kMaxText)
    return Error(ErrorCode::usage, name + ": a profile of more than 1 MiB");
  if (has_deep_keys(text))
    return Error(ErrorCode::usage,
                 name + ": not TOML that is any use: a key of more than 256 parts");
  Profile profile = empty_profile();
  profile.name = std::move(name);
  profile.text = std::move(text);
  try {
    DSE_TRY(Reader(profile).read(toml::parse(profile.text)));
  } catch (const toml::parse_error& error) {
    return Error(ErrorCode::usage, fmt::format("{}:{}: not TOML: {}", profile.name,
                                               error.source().begin.line,
                                               filter::shown_message(error.description())));
  }
  return profile;
}

}  // namespace dse::replay
