// dse digest: a number that captures of the same events, or of the same records, have in common.
#include <filesystem>
#include <memory>
#include <optional>

#include <fmt/format.h>

#include "format/capture_reader.h"
#include "replay/digest.h"
#include "tools/commands.h"
#include "tools/completeness.h"
#include "tools/exit_code.h"
#include "tools/selection.h"
#include "tools/terminal.h"
#include "tools/window.h"

namespace dse::tools {
namespace {

struct Options {
  std::vector<std::string> paths;
  SelectionFlags selection;
  WindowFlags window;
  std::string output;
  bool records = false;
  bool selected = false;
};

struct Answer {
  replay::Hash128 hash;
  std::uint64_t count = 0;
  bool any = false;  // there was a capture
};

// The profile that a capture was recorded under; nothing: none.
Result<std::optional<std::string>> recorded_profile(const std::string& path) {
  if (path == "-")
    return Error(ErrorCode::usage,
                 "--selected reads the capture twice: give a file or directory, or --profile");
  DSE_TRY_ASSIGN(auto reader, format::CaptureReader::open({path}));
  DSE_TRY_ASSIGN(format::Step step, reader->next());
  if (step.what == format::Step::What::capture)
    for (const auto& [name, value] : reader->info().options)
      if (name == replay::kProfileOption) return std::optional(value);
  return std::optional<std::string>();
}

// That of all captures, where nobody names one.
Result<replay::Profile> profile_of_captures(const std::vector<std::string>& paths) {
  std::optional<std::string> text;
  for (const std::string& path : paths) {
    DSE_TRY_ASSIGN(auto recorded, recorded_profile(path));
    if (!recorded)
      return Error(ErrorCode::usage,
                   path + " was recorded without a profile, so --selected needs --profile");
    if (text && *text != *recorded)
      return Error(ErrorCode::usage,
                   fmt::format("{} and {} were recorded under different profiles, so --selected "
                               "needs --profile",
                               paths.front(), path));
    text = std::move(recorded);
  }
  return replay::parse_profile("the profile of " + paths.front(), *text);
}

Status check(const Options& options) {
  const SelectionFlags& flags = options.selection;
  const bool selects = !flags.points.empty() || !flags.select.empty() || !flags.drop.empty() ||
                       !flags.profile.empty() || flags.self || options.selected;
  if (options.records && (selects || options.window.given()))
    return Error(ErrorCode::usage,
                 "--records is of all records: it takes no points, filters, profile or time");
  return {};
}

void show_progress(std::uint64_t count, std::uint64_t& shown) {
  constexpr std::uint64_t kEvery = std::uint64_t{1} << 18;
  if (count - shown < kEvery) return;
  shown = count;
  show_status(human_count(count));
}

Result<Answer> digest_events(const Options& options, replay::Session& session) {
  SelectionFlags flags = options.selection;
  if (options.selected && flags.profile.empty()) {
    DSE_TRY_ASSIGN(replay::Profile profile, profile_of_captures(options.paths));
    flags.recorded = std::make_shared<const replay::Profile>(std::move(profile));
  }
  DSE_TRY(set_window(options.window, options.paths, session));
  DSE_TRY_ASSIGN(Selection selection, Selection::make(flags, session));
  std::vector<std::string> used;
  for (const auto& point : session.points())
    for (std::string& name : replay::EventDigest::fields(*point)) used.push_back(std::move(name));
  session.use_only(std::move(used));
  replay::EventDigest digest;
  bool any = false;
  std::uint64_t shown = 0;
  while (true) {
    DSE_TRY_ASSIGN(replay::Session::Step step, session.next_batch());
    if (step == replay::Session::Step::end) break;
    any = true;
    if (step != replay::Session::Step::batch) continue;
    for (const replay::Session::Judged& judged : session.judged())
      if (auto status = digest.add(judged.events, judged.kept); !status)
        session.source().report_damage(status.error());
    show_progress(digest.count(), shown);
  }
  return Answer{digest.sum(), digest.count(), any};
}

Result<Answer> digest_records(format::Source& source) {
  replay::RecordDigest digest;
  bool any = false;
  std::uint64_t shown = 0;
  while (true) {
    DSE_TRY_ASSIGN(format::Step step, source.next());
    if (step.what == format::Step::What::end) break;
    any = true;
    if (step.what != format::Step::What::batch) continue;
    if (auto status = digest.add(*step.batch, source.info().abi_version); !status)
      source.report_damage(status.error());
    show_progress(digest.count(), shown);
  }
  return Answer{digest.hash(), digest.count(), any};
}

std::string show(const Options& options, const Answer& answer) {
  const char* of = options.records ? "records" : "events";
  if (options.output == "json")
    return fmt::format("{{\"digest\":\"{}\",\"of\":\"{}\",\"count\":{}}}\n", answer.hash.hex(), of,
                       answer.count);
  return fmt::format("{}  {}\n", answer.hash.hex(),
                     plural(answer.count, options.records ? "record" : "event"));
}

int run(const Options& options) {
  if (auto status = check(options); !status) return fail(status.error());
  auto reader = format::CaptureReader::open(options.paths);
  if (!reader) return fail(reader.error());
  std::unique_ptr<format::Source> source = std::move(*reader);
  std::optional<replay::Session> session;
  if (!options.records) session.emplace(std::move(source));
  auto answer = session ? digest_events(options, *session) : digest_records(*source);
  if (!answer) return fail(answer.error());
  const auto& notes = (session ? session->source() : *source).notes();
  // What is no capture has no digest, not even that of nothing.
  if (!answer->any) return report_notes(notes);
  auto written = write_stdout(show(options, *answer));
  if (!written) return fail(written.error());
  if (session && !options.selection.quiet) say_if_missed(*session);
  return report_notes(notes);
}

}  // namespace

Command add_digest(CLI::App& app) {
  auto options = std::make_shared<Options>();
  CLI::App* command = app.add_subcommand("digest", "Print a digest of the events of captures");
  command
      ->add_option("PATH", options->paths,
                   "captures: directories or files, of which the events count together; - is stdin")
      ->required();
  options->selection.add_to(*command);
  options->window.add_to(*command);
  command->add_flag("--records", options->records,
                    "of the raw records in their order, not of events");
  command->add_flag("--selected", options->selected,
                    "only what a profile keeps: that of --profile, else the one that the capture\n"
                    "was recorded under");
  command->add_option("-o,--output", options->output, "text or json [text]")
      ->check(CLI::IsMember({"text", "json"}));
  command->add_flag("-q,--quiet", options->selection.quiet, "no notes on the filters");
  command->footer(
      "Compression, blocks, segments and the order of events make no difference, so a capture "
      "that\n"
      "is filtered without a filter, merged or written again has the same digest. It tells that "
      "two\n"
      "captures differ, not that nobody has tampered with one: it is no cryptographic hash.\n\n"
      "Examples:\n"
      "  dse digest day\n"
      "  dse digest a.dse b.dse                           of both together, as of a merged one\n"
      "  dse digest day --profile security -S +5s\n"
      "  dse digest day --records                         are these the same recorded bytes?");
  return [options] { return run(*options); };
}

}  // namespace dse::tools
