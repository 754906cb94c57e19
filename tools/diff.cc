// dse diff: what differs between two captures, or between two profiles.
#include "tools/diff.h"

#include <filesystem>
#include <functional>
#include <memory>

#include <fmt/format.h>

#include "replay/event_diff.h"
#include "tools/commands.h"
#include "tools/diff_hunks.h"
#include "tools/event_lines.h"
#include "tools/exit_code.h"
#include "tools/printer.h"
#include "tools/terminal.h"

namespace dse::tools {
namespace {

Error usage(std::string message) { return {ErrorCode::usage, std::move(message)}; }

// What is said of the recorder's losses: they may be why events are not there.
std::string losses_of(const std::string& path, replay::Session& session) {
  std::uint64_t lost = total(session.source().losses());
  std::string out;
  if (lost)
    out = fmt::format("note: {}: {} lost", path, plural(lost, "record of it was", "records of it were"));
  if (!session.unrecorded().empty())
    out += fmt::format("{}{}: recorded without {}", out.empty() ? "note: " : "; ", path,
                       fmt::join(session.unrecorded(), ", "));
  return out;
}

class Comparison {
 public:
  explicit Comparison(const DiffOptions& options)
      : options_(options), normaliser_({options.exact, options.ignore}) {}

  Status run() {
    DSE_TRY_ASSIGN(query_.profile, chosen_profile(options_.selection));
    query_.window = options_.window;
    query_.self = options_.selection.self;
    query_.fields = options_.fields;
    DSE_TRY(read_hashes(options_.paths[0], a_));
    DSE_TRY(read_hashes(options_.paths[1], b_));
    changes_ = compare(a_, b_, !options_.unordered);
    for (const replay::SequenceChange& change : changes_) equal_ = equal_ && change.equal;
    plan_ = plan_hunks(changes_, options_.context, options_.limit);
    shown_a_.emplace(changes_, plan_, replay::EventPicker::Side::a);
    shown_b_.emplace(changes_, plan_, replay::EventPicker::Side::b);
    DSE_TRY(read_shown(options_.paths[0], *shown_a_));
    return read_shown(options_.paths[1], *shown_b_);
  }

  int finish() const {
    auto written = write_stdout(options_.output == "json" ? json() : text());
    if (!written) return fail(written.error());
    if (!options_.selection.quiet) say_summary();
    int code = kOk;
    for (const auto& notes : notes_) code = std::max(code, report_notes(notes));
    return code != kOk ? code : equal_ ? kOk : kNegative;
  }

 private:
  // The key of the sequence that an event is in, and its line as it is compared.
  std::pair<std::string_view, std::string_view> line_of(EventLines& events) {
    std::string_view line = events.json();
    std::string_view key = options_.exact ? std::string_view() : events.event().name();
    if (normaliser_.changes_nothing()) return {key, line};
    // What replay writes is JSON.
    if (!json_.parse(line)) return {key, line};
    line_.clear();
    append_json(normaliser_.apply(json_), line_);
    return {key, line_};
  }

  Status read_hashes(const std::string& path, replay::EventSequences& side) {
    query_.paths = {path};
    DSE_TRY_ASSIGN(auto events, EventLines::open(query_));
    if (notes_.empty() && !options_.selection.quiet)
      for (const std::string& note : events->filters().lint()) say("note: " + note);
    while (true) {
      DSE_TRY_ASSIGN(bool more, events->next());
      if (!more) break;
      auto [key, line] = line_of(*events);
      side.add(key, line);
      if (side.count() % (std::uint64_t{1} << 16) == 0)
        show_status(fmt::format("{}: {}", path, plural(side.count(), "event")));
    }
    notes_.push_back(events->session().source().notes());
    if (std::string losses = losses_of(path, events->session()); !losses.empty())
      losses_.push_back(std::move(losses));
    return {};
  }

  Status read_shown(const std::string& path, replay::EventPicker& wanted) {
    if (wanted.done()) return {};
    query_.paths = {path};
    DSE_TRY_ASSIGN(auto events, EventLines::open(query_));
    while (!wanted.done()) {
      DSE_TRY_ASSIGN(bool more, events->next());
      if (!more) break;
      std::string_view key = options_.exact ? std::string_view() : events->event().name();
      replay::ShownEvent* shown = wanted.next(key);
      if (!shown) continue;
      shown->line = line_of(*events).second;
      shown->text = events->text();
    }
    return {};
  }

  DiffView view() const { return {changes_, plan_, *shown_a_, *shown_b_}; }
  std::uint64_t removed() const {
    std::uint64_t sum = 0;
    for (const auto& change : changes_) sum += change.removed;
    return sum;
  }
  std::uint64_t added() const {
    std::uint64_t sum = 0;
    for (const auto& change : changes_) sum += change.added;
    return sum;
  }

  std::string text() const {
    if (equal_) return {};
    const bool colour = use_colour();
    return coloured('-', "--- " + shown(options_.paths[0]), colour) + "\n" +
           coloured('+', "+++ " + shown(options_.paths[1]), colour) + "\n" +
           hunks_text(view(), colour);
  }

  std::string json() const {
    rapidjson::StringBuffer buffer;
    JsonWriter w(buffer);
    auto count = [&](const char* key, std::uint64_t value) {
      w.Key(key);
      w.Uint64(value);
    };
    w.StartObject();
    w.Key("equal");
    w.Bool(equal_);
    w.Key("exact");
    w.Bool(options_.exact);
    write_text(w, "a", options_.paths[0]);
    write_text(w, "b", options_.paths[1]);
    w.Key("compared");
    w.StartArray();
    for (const replay::SequenceChange& change : changes_) {
      using How = replay::SequenceChange::How;
      w.StartObject();
      write_text(w, "point", change.key.empty() ? "all" : change.key);
      w.Key("how");
      w.String(change.how == How::in_order  ? "in order"
               : change.how == How::counted ? "counted"
                                            : "unordered");
      w.Key("equal");
      w.Bool(change.equal);
      count("a", change.a);
      count("b", change.b);
      count("removed", change.removed);
      count("added", change.added);
      w.EndObject();
    }
    w.EndArray();
    w.Key("differences");
    write_differences(view(), w);
    count("left_out", plan_.left_out);
    w.EndObject();
    return std::string(buffer.GetString(), buffer.GetSize()) + "\n";
  }

  void say_summary() const {
    for (const std::string& losses : losses_) say(losses);
    for (const replay::SequenceChange& change : changes_) {
      const bool asked = options_.unordered && change.how == replay::SequenceChange::How::unordered;
      if (std::string how = remark(change); !how.empty() && !asked) say("note: " + how);
    }
    if (a_.count() + b_.count() == 0)
      return say(
          "nothing to compare: neither side has events under these points, filters and times");
    if (equal_)
      return say(fmt::format("equal{}: {}", options_.exact ? "" : " but for what differs each time",
                             plural(a_.count(), "event")));
    if (plan_.left_out)
      say(fmt::format("not shown (--limit): {}", plural(plan_.left_out, "more event that differs",
                                                        "more events that differ")));
    say(fmt::format("different: of {} {} not in {}, of {} {} not in {}",
                    plural(a_.count(), "event"), human_count(removed()), options_.paths[1],
                    plural(b_.count(), "event"), human_count(added()), options_.paths[0]));
  }

  const DiffOptions& options_;
  EventQuery query_;
  replay::Normaliser normaliser_;
  replay::JsonLine json_;
  std::string line_;
  replay::EventSequences a_, b_;
  std::vector<replay::SequenceChange> changes_;
  replay::DiffPlan plan_;
  std::optional<replay::EventPicker> shown_a_, shown_b_;
  std::vector<std::vector<format::Note>> notes_;
  std::vector<std::string> losses_;
  bool equal_ = true;
};

// CLI11 would show the two as "PATH(1x)".
class UsageFormatter final : public CLI::Formatter {
  std::string make_option_usage(const CLI::Option*) const override { return "PATH [PATH]"; }
};

Status check(const DiffOptions& options) {
  for (const std::string& path : options.paths) {
    std::error_code error;
    bool once = path == "-" || (std::filesystem::exists(path, error) &&
                                !std::filesystem::is_directory(path, error) &&
                                !std::filesystem::is_regular_file(path, error));
    if (once)
      return usage(path + ": a capture is read twice to be compared; give files or directories");
  }
  if (options.against.empty()) {
    if (options.paths.size() == 2) return {};
    return usage("diff compares two captures, or one under --profile with --against");
  }
  if (options.paths.size() != 1) return usage("--against compares one capture with itself");
  if (options.selection.profile.empty()) return usage("--against needs --profile too");
  if (options.exact || options.unordered || !options.ignore.empty())
    return usage(
        "--against compares the events themselves: without --exact, --unordered and --ignore");
  return {};
}

int run(const DiffOptions& options) {
  if (auto status = check(options); !status) return fail(status.error());
  if (!options.against.empty()) return diff_profiles(options);
  Comparison comparison(options);
  if (auto status = comparison.run(); !status) return fail(status.error());
  return comparison.finish();
}

}  // namespace

Command add_diff(CLI::App& app) {
  auto options = std::make_shared<DiffOptions>();
  CLI::App* command = app.add_subcommand("diff", "Compare the events of two captures");
  command
      ->add_option("PATH", options->paths, "two captures, directories or files; with --against one")
      ->required()
      ->expected(1, 2);
  command->formatter(std::make_shared<UsageFormatter>());
  options->selection.add_to(*command);
  options->window.add_to(*command);
  command->add_option("--against", options->against,
                      "the profile to compare --profile with: which events pass one only, and why");
  command->add_flag(
      "--exact", options->exact,
      "also times, ids and whatever else differs each time; in the order of all points");
  command->add_flag("--unordered", options->unordered, "regardless of the order of events");
  command->add_option("--fields", options->fields, "only these fields, separated by commas")
      ->delimiter(',')
      ->allow_extra_args(false);
  command->add_option("--ignore", options->ignore, "all but these fields, separated by commas")
      ->delimiter(',')
      ->allow_extra_args(false);
  command
      ->add_option("-C,--context", options->context, "events to show around those that differ [2]")
      ->check(CLI::Range(0, 1000));
  command->add_option("-n,--limit", options->limit, "events that differ to show [1000]")
      ->check(CLI::Range(1, 1'000'000));
  command->add_option("-o,--output", options->output, "text or json [text]")
      ->check(CLI::IsMember({"text", "json"}));
  command->add_flag("-q,--quiet", options->selection.quiet, "no summary, no notes on the filters");
  command->footer(
      "Events are compared by observation point, in order, without what differs each time: times,\n"
      "process ids, inodes, measurements (README.md has the list). Exit code 0: equal, 1: "
      "different.\n\n"
      "Examples:\n"
      "  dse diff before.dse after.dse\n"
      "  dse diff before.dse after.dse -s 'proc.aname = build' --ignore proc.args,proc.cmdline\n"
      "  dse diff day copy --exact\n"
      "  dse diff day --profile default --against mine.toml");
  return [options] { return run(*options); };
}

}  // namespace dse::tools
