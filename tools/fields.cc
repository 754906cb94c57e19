// dse fields: the fields that events have.
#include <algorithm>
#include <array>
#include <cctype>
#include <memory>

#include <fmt/format.h>
#include <rapidjson/prettywriter.h>
#include <rapidjson/stringbuffer.h>

#include "replay/field.h"
#include "replay/points/points.h"
#include "tools/commands.h"
#include "tools/exit_code.h"
#include "tools/terminal.h"

namespace dse::tools {
namespace {

struct Options {
  std::string pattern;
  std::vector<std::string> points;
  std::string output = "text";
};

using Fields = std::vector<const replay::Field*>;

std::string lower(std::string text) {
  for (char& c : text) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return text;
}

Fields chosen(const Options& options) {
  Fields out;
  std::string pattern = lower(options.pattern);
  for (const replay::Field& field : replay::builtin_fields()) {
    bool matches = lower(field.name).find(pattern) != std::string::npos ||
                   lower(field.doc).find(pattern) != std::string::npos;
    bool belongs = options.points.empty() ||
                   std::any_of(options.points.begin(), options.points.end(),
                               [&](const std::string& point) { return field.belongs_to(point); });
    if (matches && belongs) out.push_back(&field);
  }
  return out;
}

// Where it is shown only when it is asked for by name.
std::string on_request(const replay::Field& field) {
  std::vector<std::string> points;
  bool all = true;
  for (const std::string& point : replay::point_names()) {
    if (!field.belongs_to(point)) continue;
    if (field.shown_by(point))
      all = false;
    else
      points.push_back(point);
  }
  if (points.empty()) return {};
  return all ? " [on request]" : fmt::format(" [on request: {}]", fmt::join(points, ","));
}

std::string text(const Fields& fields) {
  std::vector<std::array<std::string, 5>> rows{{"NAME", "TYPE", "UNIT", "POINTS", "DESCRIPTION"}};
  for (const replay::Field* field : fields)
    rows.push_back(
        {field->name, std::string(field_type_name(field->type)), field->unit,
         field->points.empty() ? "all" : fmt::format("{}", fmt::join(field->points, ",")),
         field->doc + on_request(*field)});
  std::array<std::size_t, 5> widths{};
  for (const auto& row : rows)
    for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
  std::string out;
  for (const auto& row : rows) {
    for (std::size_t i = 0; i + 1 < row.size(); ++i)
      out += fmt::format("{:<{}}  ", row[i], widths[i]);
    out += row.back() + "\n";
  }
  return out;
}

std::string json(const Fields& fields) {
  rapidjson::StringBuffer buffer;
  rapidjson::PrettyWriter<rapidjson::StringBuffer> w(buffer);
  w.SetIndent(' ', 2);
  auto member = [&](const char* key, const std::string& value) {
    w.Key(key);
    w.String(value.c_str());
  };
  w.StartArray();
  for (const replay::Field* field : fields) {
    w.StartObject();
    member("name", field->name);
    member("type", std::string(field_type_name(field->type)));
    if (!field->unit.empty()) member("unit", field->unit);
    w.Key("points");
    w.StartArray();
    for (const std::string& point : replay::point_names())
      if (field->belongs_to(point)) w.String(point.c_str());
    w.EndArray();
    w.Key("on_request");
    w.StartArray();
    for (const std::string& point : replay::point_names())
      if (field->belongs_to(point) && !field->shown_by(point)) w.String(point.c_str());
    w.EndArray();
    member("description", field->doc);
    w.EndObject();
  }
  w.EndArray();
  return std::string(buffer.GetString()) + "\n";
}

int run(const Options& options) {
  Fields fields = chosen(options);
  auto written = write_stdout(options.output == "json" ? json(fields)
                              : fields.empty()         ? ""
                                                       : text(fields));
  if (!written) return fail(written.error());
  return fields.empty() ? kNegative : kOk;
}

}  // namespace

Command add_fields(CLI::App& app) {
  auto options = std::make_shared<Options>();
  CLI::App* command = app.add_subcommand("fields", "List the fields that events have");
  command->add_option("PATTERN", options->pattern,
                      "only fields with this in their name or description; case does not matter");
  command->add_option("--point", options->points, "only what these observation points have")
      ->delimiter(',')
      ->allow_extra_args(false)
      ->check(CLI::IsMember(replay::point_names()));
  command->add_option("-o,--output", options->output, "text or json [text]")
      ->check(CLI::IsMember({"text", "json"}));
  command->footer(
      "Of a field of type list or numbers, --fields also takes an element: proc.args[0] is the "
      "first,\n"
      "and proc.env[PATH] what follows PATH= in the first element that begins with it. Exits with "
      "1\n"
      "when no field matches.\n\n"
      "Examples:\n"
      "  dse fields                                       all\n"
      "  dse fields namespace                             those that have to do with namespaces\n"
      "  dse fields --point SignalDelivered               what there is to ask of a signal\n"
      "  dse fields sock. -o json | jq -r '.[].name'      for a script");
  return [options] { return run(*options); };
}

}  // namespace dse::tools
