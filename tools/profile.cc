// dse profile: what profiles there are, what is in them, and whether one is right.
#include <algorithm>
#include <filesystem>
#include <memory>

#include <fmt/format.h>

#include "format/capture_reader.h"
#include "format/redact.h"
#include "replay/points/points.h"
#include "replay/timestamp.h"
#include "tools/commands.h"
#include "tools/exit_code.h"
#include "tools/selection.h"
#include "tools/terminal.h"

namespace dse::tools {
namespace {

struct Options {
  std::vector<std::string> check;
  std::string show;
  bool strict = false;
};

int print(const std::string& text) {
  auto written = write_stdout(text);
  return written ? kOk : fail(written.error());
}

// Everything that a profile can be wrong about, and what is odd about it.
Result<std::vector<std::string>> examine(const replay::Profile& profile) {
  std::vector<std::unique_ptr<replay::ObservationPoint>> on, all;
  for (const std::string& name : profile.points) on.push_back(replay::make_point(name));
  for (const std::string& name : replay::point_names()) all.push_back(replay::make_point(name));
  replay::FilterSet filters(on), macros(all);
  std::vector<std::string> odd;
  for (const replay::FilterRule& rule : profile.filters) {
    DSE_TRY(filters.add(rule, profile.macros));
    if (!rule.point.empty() &&
        std::find(profile.points.begin(), profile.points.end(), rule.point) == profile.points.end())
      odd.push_back(
          fmt::format("{}: {} is off, so this filter does nothing", rule.source, rule.point));
  }
  for (const auto& [name, text] : profile.macros)
    DSE_TRY(macros.add({replay::filter::Action::select, "", text, "",
                        fmt::format("{}, macro @{}", profile.name, name)},
                       profile.macros));
  for (const replay::RecordOption& option : profile.record)
    if (option.name == "redact" || option.name == "env") {
      bool redact = option.name == "redact";
      auto rules = format::Redactor::make(redact ? option.values : std::vector<std::string>(),
                                          redact ? std::vector<std::string>() : option.values);
      if (!rules) return rules.error().in(option.source);
    }
  std::vector<std::string> notes = filters.lint();
  odd.insert(odd.end(), notes.begin(), notes.end());
  return odd;
}

int check(const Options& options) {
  int code = kOk;
  for (const std::string& name : options.check) {
    auto profile = load_profile(name);
    auto odd = profile ? examine(*profile) : Result<std::vector<std::string>>(profile.error());
    if (!odd) {
      code = std::max(code, fail(odd.error()));
      continue;
    }
    for (const std::string& note : *odd) say("note: " + note);
    if (options.strict && !odd->empty() && code == kOk) code = kNegative;
    int printed = print(fmt::format(
        "{}: {}, {}, {}{}\n", name, fmt::join(profile->points, " "),
        plural(profile->filters.size(), "filter"), plural(profile->macros.size(), "macro"),
        odd->empty() ? "" : fmt::format(", {} to look at", odd->size())));
    code = std::max(code, printed);
  }
  return code;
}

// The profile that a capture was recorded under.
int show_recorded(const std::string& path) {
  auto reader = format::CaptureReader::open({path});
  if (!reader) return fail(reader.error());
  auto step = (*reader)->next();
  if (!step) return fail(step.error());
  if (step->what != format::Step::What::capture) return report_notes((*reader)->notes());
  for (const auto& [name, value] : (*reader)->info().options)
    if (name == replay::kProfileOption) return print(value);
  say(path + " was recorded without a profile");
  return kNegative;
}

int show(const std::string& name) {
  if (std::string_view text = replay::builtin_profile(name); !text.empty())
    return print(std::string(text));
  std::error_code error;
  if (name == "-" || (std::filesystem::exists(name, error) && !name.ends_with(".toml")))
    return show_recorded(name);
  auto profile = load_profile(name);
  return profile ? print(profile->text) : fail(profile.error());
}

int list() {
  std::string out;
  for (const std::string& name : replay::builtin_profile_names()) {
    auto profile = load_profile(name);
    if (!profile) return fail(profile.error());
    out += fmt::format("{:<12} {}\n", name, profile->description);
  }
  return print(out);
}

}  // namespace

Command add_profile(CLI::App& app) {
  auto options = std::make_shared<Options>();
  CLI::App* command = app.add_subcommand("profile", "List, show and check profiles");
  command->require_subcommand(1);
  command->add_subcommand("list", "The profiles that come with dse");
  CLI::App* show_it = command->add_subcommand("show", "Print a profile");
  show_it
      ->add_option("NAME", options->show,
                   "the name of one, a file NAME.toml, or a capture: what it was recorded under")
      ->required();
  CLI::App* check_it = command->add_subcommand("check", "Look for mistakes in profiles");
  check_it->add_option("FILE", options->check, "files NAME.toml, or names")->required();
  check_it->add_flag("--strict", options->strict, "exit with 1 when there is anything to look at");
  command->footer(
      "Examples:\n"
      "  dse profile list\n"
      "  dse profile show security > mine.toml\n"
      "  dse profile check mine.toml\n"
      "  dse profile show /var/lib/dse                    what was it recorded under?");
  return [=] {
    if (check_it->parsed()) return check(*options);
    return show_it->parsed() ? show(options->show) : list();
  };
}

}  // namespace dse::tools
