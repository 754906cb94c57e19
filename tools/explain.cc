// dse explain: which filter does what, on a capture and for one event.
#include <rapidjson/prettywriter.h>
#include <rapidjson/stringbuffer.h>

#include <memory>
#include <optional>

#include <fmt/format.h>

#include "format/capture_reader.h"
#include "replay/filter/coverage.h"
#include "tools/commands.h"
#include "tools/completeness.h"
#include "tools/exit_code.h"
#include "tools/explain_event.h"
#include "tools/selection.h"
#include "tools/terminal.h"
#include "tools/window.h"

namespace dse::tools {
namespace {

using replay::filter::Coverage;
using replay::filter::Node;

struct Options {
  std::vector<std::string> paths;
  SelectionFlags selection;
  WindowFlags window;
  std::string output;
  std::optional<std::uint64_t> event;
};

// What is to be said of a clause; nothing is best.
std::string remark(const Coverage::Clause& clause) {
  if (clause.never_true()) return "never true";
  if (clause.never_false()) return clause.depth == 0 ? "always true" : "never false";
  return clause.redundant() ? "redundant: the others decide as they do without it" : "";
}

std::string remark(const Coverage::Filter& filter) {
  if (filter.entry->points.empty()) return "its point is off";
  if (filter.seen == 0) return "never asked: others had decided about all events before";
  if (filter.alone == 0) return "never matches";
  if (filter.decided == 0 && filter.matched != 0) return "decides nothing: drops take all it keeps";
  if (filter.matched == 0) return "decides nothing: filters before it take all it matches";
  return "";
}

std::string text_of(const Coverage& coverage) {
  std::string out = fmt::format("{:>12} {:>12} {:>12}  {}\n", "seen", "matched", "decided",
                                "filter");
  auto to = std::back_inserter(out);
  for (const Coverage::Filter& filter : coverage.filters()) {
    std::string note = remark(filter);
    fmt::format_to(to, "{:>12} {:>12} {:>12}  {}: {}{}\n", human_count(filter.seen),
                   human_count(filter.matched), human_count(filter.decided),
                   shown(filter.entry->spec->label), shown(filter.entry->spec->text),
                   note.empty() ? "" : "   <- " + note);
  }
  std::uint64_t kept = 0, dropped = 0, kept_without = 0, dropped_without = 0;
  for (const Coverage::Point& point : coverage.points()) {
    kept += point.kept;
    dropped += point.dropped;
    kept_without += point.kept_without;
    dropped_without += point.dropped_without;
  }
  if (kept_without)
    fmt::format_to(to, "{:>38}  kept: no drop matched, and there is no select\n",
                   human_count(kept_without));
  if (dropped_without)
    fmt::format_to(to, "{:>38}  dropped: no select matched\n", human_count(dropped_without));
  fmt::format_to(to, "{:>38}  events: {} kept, {} dropped\n", human_count(kept + dropped),
                 human_count(kept), human_count(dropped));

  for (const Coverage::Filter& filter : coverage.filters()) {
    if (filter.clauses.size() < 2) continue;
    fmt::format_to(to, "\n{}\n{:>12} {:>12} {:>12}  {}\n", shown(filter.entry->spec->label), "true",
                   "false", "needed", "clause");
    for (const Coverage::Clause& clause : filter.clauses) {
      std::string note = remark(clause);
      fmt::format_to(to, "{:>12} {:>12} {:>12}  {:{}}{}{}\n", human_count(clause.yes),
                     human_count(clause.no), clause.depth ? human_count(clause.needed) : "", "",
                     2 * clause.depth, shown(clause.place.text()),
                     note.empty() ? "" : "   <- " + note);
    }
  }
  return out;
}

std::string json_of(const Coverage& coverage) {
  rapidjson::StringBuffer buffer;
  rapidjson::PrettyWriter<rapidjson::StringBuffer> w(buffer);
  w.SetIndent(' ', 2);
  auto text = [&](const char* key, std::string_view value) {
    w.Key(key);
    std::string quoted = json_text(value);
    w.RawValue(quoted.data(), quoted.size(), rapidjson::kStringType);
  };
  auto count = [&](const char* key, std::uint64_t value) {
    w.Key(key);
    w.Uint64(value);
  };
  auto flag = [&](const char* key, bool value) {
    w.Key(key);
    w.Bool(value);
  };
  w.StartObject();
  w.Key("filters");
  w.StartArray();
  for (const Coverage::Filter& filter : coverage.filters()) {
    w.StartObject();
    text("filter", filter.entry->spec->label);
    bool select = filter.entry->spec->action == replay::filter::Action::select;
    text("action", select ? "select" : "drop");
    text("expression", filter.entry->spec->text);
    w.Key("points");
    w.StartArray();
    for (const replay::ObservationPoint* point : filter.entry->points)
      w.String(point->name().c_str());
    w.EndArray();
    count("seen", filter.seen);
    count("matched", filter.matched);
    count("decided", filter.decided);
    count("alone", filter.alone);
    if (std::string note = remark(filter); !note.empty()) text("remark", note);
    w.Key("clauses");
    w.StartArray();
    for (const Coverage::Clause& clause : filter.clauses) {
      w.StartObject();
      text("clause", clause.place.text());
      count("depth", clause.depth);
      count("true", clause.yes);
      count("false", clause.no);
      count("needed", clause.needed);
      flag("never_true", clause.never_true());
      flag("never_false", clause.never_false());
      flag("redundant", clause.redundant());
      w.EndObject();
    }
    w.EndArray();
    w.EndObject();
  }
  w.EndArray();
  w.Key("points");
  w.StartArray();
  for (const Coverage::Point& point : coverage.points()) {
    w.StartObject();
    text("point", point.name);
    count("events", point.events());
    count("kept", point.kept);
    count("dropped", point.dropped);
    count("kept_without_select", point.kept_without);
    count("no_select_matched", point.dropped_without);
    w.EndObject();
  }
  w.EndArray();
  w.EndObject();
  return std::string(buffer.GetString(), buffer.GetSize()) + "\n";
}

Result<std::string> explain_all(const Options& options, replay::Session& session,
                                const Selection& selection) {
  session.show_dropped(true);
  session.use_only({});
  Coverage coverage(selection.filters(), session.points());
  while (true) {
    DSE_TRY_ASSIGN(replay::Session::Step step, session.next_batch());
    if (step == replay::Session::Step::end) break;
    if (step != replay::Session::Step::batch) continue;
    for (const replay::Session::Judged& judged : session.judged())
      if (auto status = coverage.add(judged); !status)
        session.source().report_damage(status.error());
  }
  return options.output == "json" ? json_of(coverage) : text_of(coverage);
}

Result<std::string> explain(const Options& options, replay::Session& session) {
  DSE_TRY_ASSIGN(Selection selection, Selection::make(options.selection, session));
  DSE_TRY(set_window(options.window, options.paths, session));
  if (!options.event) return explain_all(options, session, selection);
  return explain_event(*options.event, options.output == "json", options.selection.self, session);
}

int run(const Options& options) {
  auto reader = format::CaptureReader::open(options.paths);
  if (!reader) return fail(reader.error());
  replay::Session session(std::move(*reader));
  auto answer = explain(options, session);
  if (!answer) return fail(answer.error());
  auto written = write_stdout(*answer);
  if (!written) return fail(written.error());
  if (!options.event && !options.selection.quiet) say_if_missed(session);
  int code = report_notes(session.source().notes());
  if (code == kOk && answer->empty()) {
    say(fmt::format(
        "no event has the number {} among those that are looked at (--point, --profile, -S, "
        "-U, --num)",
        *options.event));
    return kNegative;
  }
  return code;
}

}  // namespace

Command add_explain(CLI::App& app) {
  auto options = std::make_shared<Options>();
  CLI::App* command = app.add_subcommand("explain", "Show what filters do, and why");
  command
      ->add_option("PATH", options->paths,
                   "captures: directories or files, read one after the other; - is stdin")
      ->required();
  options->selection.add_to(*command);
  options->window.add_to(*command);
  command->add_option("--event", options->event,
                      "only this event, by its evt.num: which filter decides, and each clause");
  command->add_option("-o,--output", options->output, "text or json [text]")
      ->check(CLI::IsMember({"text", "json"}));
  command->add_flag("-q,--quiet", options->selection.quiet, "no notes on the filters");
  command->footer(
      "seen: events that no filter before had decided about; matched: of those; decided: whose\n"
      "verdict is this filter's. needed: events for which the filter would answer otherwise\n"
      "without this clause.\n\n"
      "Examples:\n"
      "  dse explain day -s 'proc.aname = sshd' -d 'proc.name = bash'\n"
      "  dse explain day --profile default\n"
      "  dse explain day --profile default --event 1234   why is this event not there?");
  return [options] { return run(*options); };
}

}  // namespace dse::tools
