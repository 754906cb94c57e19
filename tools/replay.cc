// dse replay: the events of a capture.
#include <algorithm>
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

// When a capture begins and ends, in real time, from the headers of its entries.
class Extent final : public format::CaptureReader::Observer {
 public:
  void segment(const std::string&, const format::SegmentInfo& info) override {
    offset_ = info.real_time - info.boot_time;
    if (start_ns == 0) start_ns = info.boot_of_start + offset_;
  }
  void entry(const format::EntryHeader& header) override {
    if (header.type == format::EntryType::block && header.count != 0)
      end_ns = std::max(end_ns, header.max_time + offset_);
  }
  void end(const format::EndInfo&) override {}

  std::uint64_t start_ns = 0;
  std::uint64_t end_ns = 0;

 private:
  std::uint64_t offset_ = 0;
};

Result<std::optional<std::uint64_t>> resolve(const std::string& text,
                                             const std::vector<std::string>& paths) {
  if (text.empty()) return std::optional<std::uint64_t>();
  DSE_TRY_ASSIGN(TimeBound bound, parse_time_bound(text));
  if (bound.from == TimeBound::From::absolute) return std::optional(bound.ns);
  if (std::find(paths.begin(), paths.end(), "-") != paths.end())
    return Error(ErrorCode::usage,
                 "'" + text + "' is relative to a capture that must be read first; give a file, or "
                 "a time as 2026-11-22T15:32:56Z");
  Extent extent;
  DSE_TRY_ASSIGN(auto reader, format::CaptureReader::open(paths));
  reader->observe(&extent);
  reader->want(0);
  while (true) {
    DSE_TRY_ASSIGN(format::Step step, reader->next());
    if (step.what == format::Step::What::end) break;
  }
  if (bound.from == TimeBound::From::start) return std::optional(extent.start_ns + bound.ns);
  return std::optional(extent.end_ns > bound.ns ? extent.end_ns - bound.ns : 0);
}

int run(const Options& options) {
  auto since = resolve(options.events.since, options.paths);
  if (!since) return fail(since.error());
  auto until = resolve(options.events.until, options.paths);
  if (!until) return fail(until.error());
  auto reader = format::CaptureReader::open(options.paths);
  if (!reader) return fail(reader.error());
  replay::Session session(std::move(*reader));
  session.set_window(*since, *until);
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
  format::Source& source = session.source();
  (*printer)->print_summary(source.losses());
  (*printer)->flush();
  if ((*printer)->error()) return fail(*(*printer)->error());

  int code = report_notes(source.notes());
  auto losses = source.losses();
  if (std::uint64_t lost = total(losses)) {
    say("incomplete: the recorder lost " + human_count(lost) + " records:");
    for (const std::string& line : describe_losses(losses)) say("  " + line);
    if (code == kOk && options.events.fail_on_loss) code = kLoss;
  }
  return code;
}

}  // namespace

Command add_replay(CLI::App& app) {
  auto options = std::make_shared<Options>();
  CLI::App* command = app.add_subcommand("replay", "Show the events of a capture");
  command->add_option("PATH", options->paths,
                      "captures: directories or files, read one after the other; - is stdin")
      ->required();
  options->events.add_to(*command);
  command->footer(
      "Examples:\n"
      "  dse replay /var/lib/dse                          all events, as on the day\n"
      "  dse replay c.dse --point SignalDelivered -o text who killed whom\n"
      "  dse replay c.dse -S +5s -U +10s --summary        counts of five seconds\n"
      "  ssh host dse record -w - --for 10s | dse replay - --fields proc.name,proc.cmdline");
  return [options] { return run(*options); };
}

}  // namespace dse::tools
