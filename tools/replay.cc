// dse replay: the events of a capture.
#include <algorithm>
#include <filesystem>
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

// When a capture ends, in real time, from the headers of its entries.
class Extent final : public format::CaptureReader::Observer {
 public:
  void segment(const std::string&, const format::SegmentInfo& info) override {
    offset_ = info.real_time - info.boot_time;
  }
  void entry(const format::EntryHeader& header) override {
    if (header.type == format::EntryType::block && header.count != 0)
      end_ns = std::max(end_ns, header.max_time + offset_);
  }
  void end(const format::EndInfo&) override {}

  std::uint64_t end_ns = 0;

 private:
  std::uint64_t offset_ = 0;
};

// Reads the headers of what can be read twice; `text` is the time that asks for it.
Result<std::uint64_t> end_of(const std::vector<std::string>& paths, const std::string& text) {
  for (const std::string& path : paths) {
    std::error_code error;
    bool once = path == "-" || (std::filesystem::exists(path, error) &&
                                !std::filesystem::is_directory(path, error) &&
                                !std::filesystem::is_regular_file(path, error));
    if (once)
      return Error(ErrorCode::usage, "'" + text +
                                         "': only a capture that can be read twice tells "
                                         "its end beforehand; give a file, +5s, or a time as "
                                         "2026-11-22T15:32:56Z");
  }
  Extent extent;
  DSE_TRY_ASSIGN(auto reader, format::CaptureReader::open(paths));
  reader->observe(&extent);
  reader->want(0);
  while (true) {
    DSE_TRY_ASSIGN(format::Step step, reader->next());
    if (step.what == format::Step::What::end) return extent.end_ns;
  }
}

Status set_window(const EventOptions& options, const std::vector<std::string>& paths,
                  replay::Session& session) {
  DSE_TRY_ASSIGN(auto since, parse_time_bound(options.since));
  DSE_TRY_ASSIGN(auto until, parse_time_bound(options.until));
  auto before_end = [](const std::optional<TimeBound>& bound) {
    return bound && bound->from == TimeBound::From::end;
  };
  if (before_end(since) || before_end(until)) {
    DSE_TRY_ASSIGN(std::uint64_t end,
                   end_of(paths, before_end(since) ? options.since : options.until));
    for (auto* bound : {&since, &until})
      if (before_end(*bound))
        *bound = TimeBound{TimeBound::From::absolute, end > (*bound)->ns ? end - (*bound)->ns : 0};
  }
  return set_session_window(session, since, until);
}

int run(const Options& options) {
  auto reader = format::CaptureReader::open(options.paths);
  if (!reader) return fail(reader.error());
  replay::Session session(std::move(*reader));
  if (auto status = set_window(options.events, options.paths, session); !status)
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
      "  dse replay c.dse -S +5s -U +10s --summary        counts of five seconds\n"
      "  ssh host dse record -w - --for 10s | dse replay - --fields proc.name,proc.cmdline");
  return [options] { return run(*options); };
}

}  // namespace dse::tools
