// dse tail: the events of a capture while it is being recorded.
#include <memory>
#include <string>
#include <utility>

#include "format/capture_reader.h"
#include "tools/commands.h"
#include "tools/exit_code.h"
#include "tools/printer.h"
#include "tools/stop_signal.h"
#include "tools/terminal.h"

namespace dse::tools {
namespace {

struct Options {
  std::string path;
  EventOptions events;
  format::FollowOptions follow;
  std::uint64_t lines = 10;
  bool from_start = false;
};

// Times before the end need a capture that is there.
Status set_tail_window(const Options& options, replay::Session& session) {
  const WindowFlags& window = options.events.window;
  return format::list_segments(options.path) ? set_window(window, {options.path}, session)
                                             : set_live_window(window, session);
}

// What there is to do while nothing is new.
class Idle {
 public:
  Idle(const Options& options, const format::CaptureReader& reader)
      : options_(options), reader_(reader) {}

  void operator()(Printer& printer) {
    printer.tell_notes();
    std::string why = reader_.why_polling();
    if (!why.empty() && !options_.follow.poll && !options_.events.quiet && !told_) {
      told_ = true;
      say("the kernel cannot tell of changes (" + why + "); looking for them every " +
          std::to_string(format::Watch::kPoll.count()) + " ms");
    }
    if (reader_.counters().entries == 0) show_status("waiting for " + shown(options_.path));
  }

 private:
  const Options& options_;
  const format::CaptureReader& reader_;
  bool told_ = false;
};

int run(const Options& options) {
  auto owned = format::CaptureReader::follow(options.path, options.follow);
  if (!owned) return fail(owned.error());
  format::CaptureReader& reader = **owned;
  replay::Session session(std::move(*owned));
  if (auto status = set_tail_window(options, session); !status) return fail(status.error());
  auto printer = Printer::make(options.events, session);
  if (!printer) return fail(printer.error());
  StopSignalGuard guard([&reader] { reader.stop(); });

  bool holding = !options.from_start;
  if (holding) (*printer)->hold(options.lines);
  Idle idle(options, reader);
  while (true) {
    auto event = session.next();
    if (!event) {
      (*printer)->show_held();
      (*printer)->flush();
      (*printer)->tell_notes();
      return fail(event.error());
    }
    if (*event) {
      if (!(*printer)->print(**event)) break;
      if (session.more_ready()) continue;
    } else if (!session.idle()) {
      break;
    }
    // The first time that all has been read that was there.
    if (session.idle() && std::exchange(holding, false) && !(*printer)->show_held()) break;
    if (!(*printer)->flush()) break;
    if (session.idle()) idle(**printer);
  }
  if (reader.stopped()) (*printer)->set_stopped();
  return (*printer)->finish();
}

}  // namespace

Command add_tail(CLI::App& app) {
  auto options = std::make_shared<Options>();
  CLI::App* command = app.add_subcommand("tail",
                                         "Show the events of a capture while it is being recorded");
  command->add_option("PATH", options->path, "a capture: a directory or a file")->required();
  CLI::Option* lines = command->add_option("-n,--lines", options->lines,
                                           "first the last N events that are there");
  lines->check(whole_number())->default_str("10");
  command->add_flag("--from-start", options->from_start, "first all events that are there")
      ->excludes(lines);
  command->add_flag("--keep-waiting", options->follow.keep_waiting,
                    "also for a PATH that does not exist yet, and for the next capture in it");
  command->add_flag("--poll", options->follow.poll,
                    "look for changes every 20 ms instead of being told by the kernel");
  options->events.add_to(*command, "--limit");
  command->footer(
      "Ends with the recorder: 0; 4 when it died. Ctrl-C ends it before. Any number may follow the\n"
      "same capture; the right to read it is all that it takes.\n\n"
      "Examples:\n"
      "  dse tail /var/lib/dse                            the last 10 events, then as they come\n"
      "  dse tail c.dse -n 0 --point SignalDelivered      who kills whom, from now on\n"
      "  dse tail /var/lib/dse --from-start -o json       what replay will show of it later\n"
      "  dse tail /var/lib/dse --keep-waiting -n 0        also of the next recorders\n"
      "  dse tail c.dse -s 'proc.name = sshd' --limit 1   wait for one");
  return [options] { return run(*options); };
}

}  // namespace dse::tools
