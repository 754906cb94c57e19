// dse filter: what passes, as a capture of its own.
#include <filesystem>
#include <memory>

#include <fmt/format.h>

#include "format/capture_reader.h"
#include "replay/capture_filter.h"
#include "tools/commands.h"
#include "tools/completeness.h"
#include "tools/exit_code.h"
#include "tools/output.h"
#include "tools/selection.h"
#include "tools/terminal.h"
#include "tools/window.h"

namespace dse::tools {
namespace {

struct Options {
  std::vector<std::string> paths;
  std::string out;
  SelectionFlags selection;
  WindowFlags window;
  bool close = false;
  std::vector<std::string> redact;
  int level = 3;
};

// What was asked for, for the header of the new capture.
std::vector<std::pair<std::string, std::string>> describe(const Options& options,
                                                          const Selection& selection) {
  std::string filters;
  for (const replay::FilterSet::Entry& entry : selection.filters().entries()) {
    bool select = entry.spec->action == replay::filter::Action::select;
    filters += fmt::format("{}{}: {}", filters.empty() ? "" : "; ", select ? "select" : "drop",
                           entry.spec->text);
  }
  std::vector<std::pair<std::string, std::string>> described;
  // A filter may name what must not be there.
  if (!filters.empty() && !options.close) described.emplace_back("filter", std::move(filters));
  if (options.window.given()) described.emplace_back("window", options.window.text());
  if (options.close) described.emplace_back("closed", "yes");
  if (!options.redact.empty())
    described.emplace_back("redact", std::to_string(options.redact.size()));
  return described;
}

// A session over the capture, ready to be read to its end.
struct Pass {
  format::CaptureReader* reader = nullptr;
  std::unique_ptr<replay::Session> session;
  std::optional<Selection> selection;

  static Result<Pass> open(const Options& options, bool quiet) {
    Pass pass;
    DSE_TRY_ASSIGN(auto reader, format::CaptureReader::open(options.paths));
    pass.reader = reader.get();
    pass.session = std::make_unique<replay::Session>(std::move(reader));
    DSE_TRY(set_window(options.window, options.paths, *pass.session));
    SelectionFlags flags = options.selection;
    flags.quiet = flags.quiet || quiet;
    DSE_TRY_ASSIGN(pass.selection, Selection::make(flags, *pass.session));
    return pass;
  }
};

bool read_twice(const std::vector<std::string>& paths) {
  for (const std::string& path : paths) {
    std::error_code error;
    if (path == "-" || !(std::filesystem::is_directory(path, error) ||
                         std::filesystem::is_regular_file(path, error)))
      return false;
  }
  return true;
}

// Gives back both passes; the first one may be left out.
Result<replay::CaptureFilter::Account> filter(const Options& options, Pass& first, Pass& last) {
  DSE_TRY(check_place(options.out, options.paths));
  replay::CaptureFilterOptions settings;
  settings.writer.path = options.out;
  settings.writer.level = options.level;
  settings.close = options.close;
  DSE_TRY_ASSIGN(settings.redactor, format::Redactor::make(options.redact, {}));
  DSE_TRY_ASSIGN(last, Pass::open(options, false));
  settings.described = describe(options, *last.selection);
  replay::CaptureFilter filter(std::move(settings), format::FileSystem::host());
  if (filter.reads_twice(*last.session) && read_twice(options.paths)) {
    DSE_TRY_ASSIGN(first, Pass::open(options, true));
    if (!options.close) first.session->use_only({"proc.pid"});
    DSE_TRY(filter.first(*first.session));
  } else if (options.close) {
    return Error(ErrorCode::usage,
                 "--close has to read the capture twice: give files or directories");
  }
  if (!options.redact.empty() && !read_twice(options.paths))
    say("note: what is read once hides the names of processes from where they are known on");
  last.session->use_only({});
  if (auto status = filter.run(*last.session, *last.reader); !status) {
    remove_unfinished(options.out);
    return status.error();
  }
  return filter.account();
}

int run(const Options& options) {
  Pass first, last;
  auto account = filter(options, first, last);
  if (!account) return fail(account.error());
  say(fmt::format("{}; wrote {} of {}, and {} of state in front of them, {}, into {}",
                  plural(account->events, "event passes", "events pass"),
                  human_count(account->kept), plural(account->read, "record"),
                  human_count(account->state), human_bytes(account->bytes),
                  shown_place(options.out)));
  if (!options.selection.quiet) say_if_missed(*last.session);
  if (account->unknown)
    say(fmt::format("left out {} of unknown make: nobody can tell what is in there",
                    plural(account->unknown, "record")));
  // Of a cut, only the first one goes to the end.
  const auto& notes = last.session->source().notes();
  return report_notes(notes.empty() && first.session ? first.session->source().notes() : notes);
}

}  // namespace

Command add_filter(CLI::App& app) {
  auto options = std::make_shared<Options>();
  CLI::App* command = app.add_subcommand("filter", "Write the events that pass as a new capture");
  command
      ->add_option("PATH", options->paths,
                   "captures: directories or files, read one after the other; - is stdin")
      ->required();
  command
      ->add_option("-w,--write", options->out,
                   "where to: a directory, a file NAME.dse, or - for stdout")
      ->required();
  options->selection.add_to(*command);
  options->window.add_to(*command);
  command->add_flag("--close", options->close,
                    "leave out all that the events do not refer to: to share the result");
  command
      ->add_option("--redact", options->redact,
                   "replace what this regular expression matches, or what its groups do, in all\n"
                   "strings of the capture; may be given several times")
      ->allow_extra_args(false);
  command->add_option("--level", options->level, "zstd level, -7 to 19 [3]")
      ->check(CLI::Range(-7, 19));
  command->add_flag("-q,--quiet", options->selection.quiet, "no notes on the filters");
  command->footer(
      "Replaying the result gives the events that pass, byte for byte as the original does under\n"
      "the same filters. Other records stay where later answers need them, hidden; --close keeps\n"
      "only what the events show unasked. With -S, -U or --num it is a cut, with the state from\n"
      "before that still matters, and nothing from behind.\n\n"
      "Examples:\n"
      "  dse filter day -s 'container.name = web' -w web.dse\n"
      "  dse filter day -S +10min -U +11min -w minute.dse\n"
      "  dse filter day --num 1200..1300 -w some.dse\n"
      "  dse filter day --profile security -w - | ssh laptop 'cat > day.dse'\n"
      "  dse filter day -s 'proc.aname = sshd' --close --redact 'token=(\\S+)' -w share.dse");
  return [options] { return run(*options); };
}

}  // namespace dse::tools
