// dse doctor: whether this host can be recorded, and what is in the way.
#include "record/doctor.h"

#include <memory>

#include <fmt/format.h>
#include <rapidjson/prettywriter.h>
#include <rapidjson/stringbuffer.h>

#include "replay/escape.h"
#include "tools/commands.h"
#include "tools/exit_code.h"
#include "tools/terminal.h"

namespace dse::tools {
namespace {

using record::Check;
using Checks = std::vector<Check>;

struct Options {
  std::string output = "text";
};

std::string safe(const std::string& text) {
  std::string out;
  replay::append_text(text, out);
  return out;
}

// What `member` says of the checks in `state`, separated by "; ".
std::string join(const Checks& checks, Check::State state, std::string Check::*member) {
  std::string out;
  for (const Check& check : checks)
    if (check.state == state) out += (out.empty() ? "" : "; ") + check.*member;
  return out;
}

std::string verdict(const Checks& checks) {
  if (!record::can_record(checks))
    return "cannot record: " + join(checks, Check::State::missing, &Check::name);
  std::string except = join(checks, Check::State::warning, &Check::left_out);
  return except.empty() ? "this host can be recorded"
                        : "this host can be recorded, except: " + except;
}

struct Label {
  const char* text;
  const char* json;
  const char* colour;
};
Label label(Check::State state) {
  switch (state) {
    case Check::State::ok: return {"ok", "ok", "\x1b[32m"};
    case Check::State::warning: return {"warning", "warning", "\x1b[33m"};
    case Check::State::missing: break;
  }
  return {"MISSING", "missing", "\x1b[31m"};
}

std::string text(const Checks& checks) {
  const bool colour = use_colour();
  std::string out;
  for (const Check& check : checks) {
    Label state = label(check.state);
    out += fmt::format("{}{:<8}{} {:<14} {}\n", colour ? state.colour : "", state.text,
                       colour ? "\x1b[0m" : "", check.name, safe(check.detail));
    if (!check.remedy.empty()) out += fmt::format("{:24}remedy: {}\n", "", safe(check.remedy));
  }
  return out + safe(verdict(checks)) + "\n";
}

std::string json(const Checks& checks) {
  rapidjson::StringBuffer buffer;
  rapidjson::PrettyWriter<rapidjson::StringBuffer> w(buffer);
  w.SetIndent(' ', 2);
  auto member = [&](const char* key, const std::string& value) {
    if (value.empty()) return;
    std::string escaped = "\"";
    replay::append_json_string(value, escaped);
    escaped += '"';
    w.Key(key);
    w.RawValue(escaped.data(), escaped.size(), rapidjson::kStringType);
  };
  w.StartObject();
  w.Key("can_record");
  w.Bool(record::can_record(checks));
  member("verdict", verdict(checks));
  w.Key("checks");
  w.StartArray();
  for (const Check& check : checks) {
    w.StartObject();
    member("name", check.name);
    member("state", label(check.state).json);
    member("detail", check.detail);
    member("left_out", check.left_out);
    member("remedy", check.remedy);
    w.EndObject();
  }
  w.EndArray();
  w.EndObject();
  return std::string(buffer.GetString()) + "\n";
}

int run(const Options& options) {
  Checks checks = record::examine_host();
  auto written = write_stdout(options.output == "json" ? json(checks) : text(checks));
  if (!written) return fail(written.error());
  return record::can_record(checks) ? kOk : kNegative;
}

}  // namespace

Command add_doctor(CLI::App& app) {
  auto options = std::make_shared<Options>();
  CLI::App* command = app.add_subcommand(
      "doctor", "Tell whether this host can be recorded, and what is in the way");
  command->add_option("-o,--output", options->output, "text or json [text]")
      ->check(CLI::IsMember({"text", "json"}));
  command->footer(
      "Exits with 0 when recording will work, be it that something is left out (warning), and with "
      "1\n"
      "when something is missing.\n\n"
      "Examples:\n"
      "  dse doctor                                       each need, and the remedy\n"
      "  dse doctor -o json | jq -r .verdict              for a script");
  return [options] { return run(*options); };
}

}  // namespace dse::tools
