#include "tools/selection.h"

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <cstring>
#include <fstream>

#include <fmt/format.h>

#include "replay/filter/diagnostic.h"
#include "replay/points/points.h"
#include "tools/terminal.h"

namespace dse::tools {
namespace {

using replay::filter::Action;

Error usage(std::string message) { return {ErrorCode::usage, std::move(message)}; }

Result<replay::FilterRule> make_rule(Action action, const std::string& text,
                                     const replay::Profile& profile) {
  replay::FilterRule rule;
  rule.action = action;
  rule.source = action == Action::select ? "--select" : "--drop";
  rule.expression = text;
  if (std::string_view point = point_prefix(text); !point.empty()) {
    std::vector<std::string> known = replay::point_names();
    if (std::find(known.begin(), known.end(), point) == known.end())
      return usage(fmt::format("{}: unknown observation point '{}'{}", rule.source, point,
                               replay::filter::did_you_mean(point, known)));
    if (std::find(profile.points.begin(), profile.points.end(), point) == profile.points.end())
      return usage(fmt::format("{0}: {1} is not on; --point {2},{1} would switch it on",
                               rule.source, point, fmt::join(profile.points, ",")));
    rule.point = point;
    rule.expression = text.substr(point.size() + 1);
  }
  if (rule.expression.starts_with('@') && !profile.macros.contains(rule.expression.substr(1)) &&
      rule.expression.find_first_of(" \t\n") == std::string::npos) {
    std::string path = rule.expression.substr(1);
    auto read = read_text_file(path);
    if (!read && !profile.macros.empty()) {
      std::vector<std::string> macros;
      for (const auto& [name, expression] : profile.macros) macros.push_back("@" + name);
      return Error(read.error().code(),
                   fmt::format("{}: {}; the profile's macros are {}", rule.source,
                               read.error().message(), fmt::join(macros, ", ")));
    }
    if (!read) return read.error().in(rule.source);
    rule.expression = std::move(*read);
    rule.source = path;
  }
  return rule;
}

}  // namespace

std::string_view point_prefix(std::string_view text) {
  std::size_t colon = text.find(':');
  if (colon == std::string_view::npos || colon == 0 || text[0] < 'A' || text[0] > 'Z') return {};
  std::string_view name = text.substr(0, colon);
  bool word = std::all_of(name.begin(), name.end(),
                          [](unsigned char c) { return std::isalnum(c) || c == '_' || c == '-'; });
  return word ? name : std::string_view();
}

void add_point_options(CLI::App& app, std::vector<std::string>& points, std::string& profile) {
  app.add_option("--point", points, "only these observation points")
      ->delimiter(',')
      ->allow_extra_args(false)
      ->check(CLI::IsMember(replay::point_names()));
  app.add_option("--profile", profile,
                 "points, filters and options by name (dse profile list) or from a file NAME.toml");
}

void SelectionFlags::add_to(CLI::App& app) {
  add_point_options(app, points, profile);
  app.add_option(
         "-s,--select", select,
         "keep events that match this expression, of all points or of one:\n"
         "'proc.name = curl', SignalDelivered:'sig.name = SIGKILL', which leaves other points\n"
         "as they are. @FILE reads it from a file, @MACRO is one of the profile. Of several,\n"
         "one must match")
      ->allow_extra_args(false);
  app.add_option("-d,--drop", drop, "drop events that match, likewise; the first that does decides")
      ->allow_extra_args(false);
  app.add_flag("--self", self, "also events that are the recorder's own doing");
}

Result<std::string> read_text_file(const std::string& path) {
  constexpr std::size_t kMost = std::size_t{1} << 20;
  std::ifstream file(path, std::ios::binary);
  std::string text(kMost + 1, '\0');
  if (file) file.read(text.data(), static_cast<std::streamsize>(text.size()));
  if (!file && !file.eof())
    return Error(ErrorCode::io, fmt::format("cannot read {}: {}", path, std::strerror(errno)));
  text.resize(static_cast<std::size_t>(file.gcount()));
  if (text.size() > kMost) return usage(path + ": more than 1 MiB is no filter and no profile");
  return text;
}

Result<replay::Profile> load_profile(const std::string& name) {
  if (name.empty()) return replay::empty_profile();
  if (name.find('/') == std::string::npos && !name.ends_with(".toml")) {
    std::string_view text = replay::builtin_profile(name);
    if (!text.empty()) return replay::parse_profile(name, std::string(text));
    std::vector<std::string> known = replay::builtin_profile_names();
    return usage(fmt::format("unknown profile '{}'{}; there are {}, and files by a name with .toml",
                             name, replay::filter::did_you_mean(name, known),
                             fmt::join(known, ", ")));
  }
  DSE_TRY_ASSIGN(std::string text, read_text_file(name));
  return replay::parse_profile(name, std::move(text));
}

Result<replay::Profile> chosen_profile(const SelectionFlags& flags) {
  DSE_TRY_ASSIGN(replay::Profile profile, load_profile(flags.profile));
  if (flags.profile.empty() && flags.recorded) profile = *flags.recorded;
  if (!flags.points.empty()) {
    profile.points.clear();
    for (std::string& name : replay::point_names())
      if (std::find(flags.points.begin(), flags.points.end(), name) != flags.points.end())
        profile.points.push_back(std::move(name));
  }
  for (Action action : {Action::select, Action::drop})
    for (const std::string& text : action == Action::select ? flags.select : flags.drop) {
      DSE_TRY_ASSIGN(replay::FilterRule rule, make_rule(action, text, profile));
      profile.filters.push_back(std::move(rule));
    }
  return profile;
}

Result<Selection> Selection::make(const SelectionFlags& flags, replay::Session& session) {
  Selection selection;
  DSE_TRY_ASSIGN(selection.profile_, chosen_profile(flags));
  const replay::Profile& profile = selection.profile_;
  for (const std::string& name : profile.points) session.add(replay::make_point(name));
  session.show_self(flags.self);
  selection.filters_ = std::make_unique<replay::FilterSet>(session.points());
  for (const replay::FilterRule& rule : profile.filters)
    DSE_TRY(selection.filters_->add(rule, profile.macros));
  if (!flags.quiet)
    for (const std::string& note : selection.filters_->lint()) say("note: " + note);
  return selection;
}

Status apply_record_options(const replay::Profile& profile, CLI::App& app) {
  for (const replay::RecordOption& record : profile.record) {
    std::string name = "--" + record.name;
    std::vector<std::string> values = record.values;
    if (record.name == "container-metadata" || record.name == "failed-execs") {
      // Flags of the command line only switch.
      bool on = values.front() == "true";
      if (record.name == "container-metadata") {
        name = "--no-container-metadata";
        on = !on;
      }
      if (!on) continue;
    }
    if (record.name == "container-metadata") values = {"true"};
    CLI::Option* option = app.get_option_no_throw(name);
    if (!option || option->count() > 0 || values.empty()) continue;
    try {
      for (std::string& value : values) option->add_result(std::move(value));
      option->run_callback();
    } catch (const CLI::Error& error) {
      return usage(record.source + ": " + error.what());
    }
  }
  return {};
}

}  // namespace dse::tools
