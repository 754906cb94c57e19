// dse replay: the events of a capture.
#include <memory>

#include "format/capture_reader.h"
#include "tools/commands.h"
#include "tools/exit_code.h"
#include "tools/printer.h"
#include "tools/terminal.h"

namespace dse::tools {
namespace {

struct Options {
  std::vector<std::string> paths;
  EventOptions events;
};

int run(const Options& options) {
  auto reader = format::CaptureReader::open(options.paths);
  if (!reader) return fail(reader.error());
  replay::Session session(std::move(*reader));
  if (auto status = set_window(options.events.window, options.paths, session); !status)
    return fail(status.error());
  auto printer = Printer::make(options.events, session);
  if (!printer) return fail(printer.error());

  while (true) {
    auto event = session.next();
    if (!event) {
      (*printer)->flush();
      return fail(event.error());
    }
    if (!*event || !(*printer)->print(**event)) break;
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
  command->footer(
      "Examples:\n"
      "  dse replay /var/lib/dse                          all events, as on the day\n"
      "  dse replay c.dse --point SignalDelivered -o text who killed whom\n"
      "  dse replay c.dse -s 'proc.aname = sshd' -d 'proc.name in (sshd, bash)'\n"
      "  dse replay c.dse --profile default --mark        what it drops, and why\n"
      "  dse replay c.dse -S +5s -U +10s --summary        counts of five seconds\n"
      "  ssh host dse record -w - --for 10s | dse replay - --fields proc.name,proc.cmdline");
  return [options] { return run(*options); };
}

}  // namespace dse::tools
