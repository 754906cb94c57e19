// dse replay: the events of a capture.
#include <algorithm>
#include <functional>
#include <memory>
#include <thread>
#include <utility>

#include "format/capture_reader.h"
#include "tools/commands.h"
#include "tools/exit_code.h"
#include "tools/pace.h"
#include "tools/printer.h"
#include "tools/stop_signal.h"
#include "tools/terminal.h"

namespace dse::tools {
namespace {

struct Options {
  std::vector<std::string> paths;
  EventOptions events;
  std::string speed = "max";
};

// Shows each event when it is due. Returns the exit code.
int run_paced(double speed, replay::Session& session, Printer& printer) {
  Pace pace(speed);
  StopSignalGuard guard([&pace] { pace.stop(); });
  while (!pace.stopped()) {
    // A pipe may let us wait for what comes next.
    if (!session.more_ready() && !printer.flush()) break;
    auto event = session.next();
    if (!event) {
      printer.flush();
      return fail(event.error());
    }
    if (!*event) break;
    if (auto real = printer.time_of(**event)) {
      std::uint64_t due = pace.due(*real);
      if (due > Pace::now() && (!printer.flush() || !pace.wait(due))) break;
    }
    if (!printer.print(**event)) break;
  }
  if (pace.stopped()) printer.set_stopped();
  return printer.finish();
}

int run(Options& options) {
  auto speed = parse_speed(options.speed);
  if (!speed) return fail(speed.error());
  options.events.pace = speed->has_value();
  if (options.events.jobs == 0)
    options.events.jobs = std::max(1u, std::thread::hardware_concurrency());
  if (*speed) options.events.jobs = 1;  // who waits needs no help
  if (*speed && options.events.summary)
    return fail({ErrorCode::usage, "--speed shows events in time, and --summary shows none"});
  auto paths = paths_to_read(options.events.window, options.paths);
  if (!paths) return fail(paths.error());
  auto reader = format::CaptureReader::open(*paths);
  if (!reader) return fail(reader.error());
  format::CaptureReader& source = **reader;
  replay::Session session(std::move(*reader));
  if (auto status = set_window(options.events.window, options.paths, session); !status)
    return fail(status.error());
  auto printer = Printer::make(options.events, session);
  if (!printer) return fail(printer.error());

  if (*speed) return run_paced(**speed, session, **printer);
  if (options.events.jobs > 1)
    source.read_ahead([&at = **printer](std::function<void()> task) { at.run(std::move(task)); });
  while (true) {
    auto page = session.next_page();
    if (!page) {
      (*printer)->flush();
      return fail(page.error());
    }
    if (!*page || !(*printer)->print(std::move(**page))) break;
  }
  return (*printer)->finish();
}

}  // namespace

Command add_replay(CLI::App& app) {
  auto options = std::make_shared<Options>();
  CLI::App* command = app.add_subcommand("replay", "Show the events of a capture");
  command
      ->add_option("PATH", options->paths,
                   "captures: directories or files, read one after the other; - is stdin")
      ->required();
  options->events.add_to(*command);
  options->events.window.add_near_to(*command);
  command
      ->add_option("-j,--jobs", options->events.jobs,
                   "threads to use; 0: as many as there are CPUs. The output is the same [1]")
      ->check(CLI::Range(0, 256));
  command->add_option(
      "--speed", options->speed,
      "show each event when its time has come, at this multiple of the pace at which "
      "they happened: 1x, 10x, 0.5x; max: at once (the default)");
  command->footer(
      "Examples:\n"
      "  dse replay /var/lib/dse                          all events, as on the day\n"
      "  dse replay c.dse --point SignalDelivered -o text who killed whom\n"
      "  dse replay c.dse -s 'proc.aname = sshd' -d 'proc.name in (sshd, bash)'\n"
      "  dse replay c.dse --profile default --mark        what it drops, and why\n"
      "  dse replay c.dse --speed 10x -o text             as it happened, ten times as fast\n"
      "  dse replay c.dse -S +5s -U +10s --summary        counts of five seconds\n"
      "  ssh host dse record -w - --for 10s | dse replay - --fields proc.name,proc.cmdline");
  return [options] { return run(*options); };
}

}  // namespace dse::tools
