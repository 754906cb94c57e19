// dse run: this host, as events on standard output.
#include <memory>

#include <fmt/format.h>

#include "record/host.h"
#include "record/live_source.h"
#include "tools/commands.h"
#include "tools/exit_code.h"
#include "tools/live_options.h"
#include "tools/printer.h"
#include "tools/stop_signal.h"
#include "tools/terminal.h"

namespace dse::tools {
namespace {

struct Options {
  EventOptions events;
  LiveFlags live;
  CaptureFlags capture;
  std::string tee;
};

int run(Options& options, CLI::App& app) {
  auto profile = chosen_profile(options.events.selection);
  if (!profile) return fail(profile.error());
  if (auto status = apply_record_options(*profile, app); !status) return fail(status.error());
  auto duration = duration_option(options.live.duration, "--for");
  if (!duration) return fail(duration.error());
  auto live = live_options(options.live, *profile);
  if (!live) return fail(live.error());
  live->low_latency = true;
  if (options.tee == "-")
    return fail({ErrorCode::usage,
                 "--tee -: standard output already has the events; name a directory or a file"});
  std::optional<record::RecordingOptions> tee;
  if (!options.tee.empty()) {
    auto recording = recording_options(options.capture, options.tee);
    if (!recording) return fail(recording.error());
    tee = *recording;
    tee->gather_ns = 1'000'000'000;
  }

  auto owned = std::make_unique<record::LiveSource>(*live, tee);
  record::LiveSource& source = *owned;
  replay::Session session(std::move(owned));
  if (auto status = set_live_window(options.events.window, session); !status)
    return fail(status.error());
  auto printer = Printer::make(options.events, session);
  if (!printer) return fail(printer.error());
  StopSignalGuard guard([&source] { source.stop(); });

  std::uint64_t deadline = *duration ? record::boot_time_ns() + *duration : 0;
  bool stopped = false;
  while (true) {
    auto event = session.next();
    if (!event) {
      (*printer)->flush();
      return fail(event.error());
    }
    if (*event) {
      // After the limit, the rest is drained for the tee but not shown.
      if (!stopped && !(*printer)->print(**event)) {
        stopped = true;
        source.stop();
      }
      if (session.more_ready()) continue;
    } else if (!session.idle()) {
      break;
    }
    if (!(*printer)->flush() && !stopped) {
      stopped = true;
      source.stop();
    }
    if (deadline && record::boot_time_ns() >= deadline) {
      deadline = 0;
      source.stop();
    }
  }
  int code = (*printer)->finish();
  if (auto recorded = source.recorded())
    say(fmt::format("recorded {}, {}, into {}", plural(recorded->records, "record"),
                    human_bytes(recorded->bytes), options.tee));
  return code;
}

}  // namespace

Command add_run(CLI::App& app) {
  auto options = std::make_shared<Options>();
  CLI::App* command = app.add_subcommand("run", "Show the events of this host as they happen");
  options->events.add_to(*command);
  options->live.add_to(*command);
  command->add_option("--tee", options->tee,
                      "also record what is seen: a directory or a file NAME.dse");
  options->capture.add_to(*command);
  command->footer(
      "Examples:\n"
      "  dse run                                          everything, as text on a terminal\n"
      "  dse run --point ProcessExecuted --fields proc.cmdline\n"
      "  dse run --profile security                       what deserves a look\n"
      "  dse run -s 'sig.name = SIGKILL'                  who kills whom, from now on\n"
      "  dse run -o json --tee c.dse --for 10s            the same events later: dse replay c.dse\n"
      "  dse run --for 10s --summary                      what this host does in ten seconds");
  return [options, command] { return run(*options, *command); };
}

}  // namespace dse::tools
