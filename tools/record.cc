// dse record: this host, into a capture.
#include <atomic>
#include <functional>
#include <memory>

#include <fmt/format.h>

#include "tools/commands.h"
#include "tools/exit_code.h"
#include "tools/live_options.h"
#include "tools/printer.h"
#include "tools/selection.h"
#include "tools/stop_signal.h"
#include "tools/terminal.h"

namespace dse::tools {
namespace {

struct Options {
  std::string path;
  std::vector<std::string> points;
  std::string profile;
  LiveFlags live;
  CaptureFlags capture;
  std::string flush = "1s";
  std::uint64_t max_events = 0;
  std::uint64_t max_bytes = 0;
  bool fail_on_loss = false;
};

double ratio(const record::Account& account) {
  return account.bytes ? static_cast<double>(account.raw_bytes) / static_cast<double>(account.bytes)
                       : 0;
}

// One line, rewritten a few times a second.
class StatusLine {
 public:
  void show(const record::Account& account) {
    double seconds = static_cast<double>(account.elapsed_ns - last_.elapsed_ns) / 1e9;
    if (seconds <= 0) return;
    double rate = static_cast<double>(account.records - last_.records) / seconds;
    double cpu = static_cast<double>(account.cpu_ns - last_.cpu_ns) / 1e9 / seconds * 100;
    show_status(fmt::format(
        "recording {}  {} records/s  {} recorded  {} lost  {}  x{:.1f}  cpu {:.1f}%",
        human_duration(account.elapsed_ns), human_count(static_cast<std::uint64_t>(rate)),
        human_count(account.records), human_count(total(account.losses)),
        human_bytes(account.bytes), ratio(account), cpu));
    last_ = account;
  }

 private:
  record::Account last_;
};

void print_summary(const record::Account& account, const std::string& path) {
  clear_status();
  auto line = [](const char* label, const std::string& text) {
    write_stderr(fmt::format("{:<12} {}\n", label, text));
  };
  write_stderr(fmt::format("recorded {} into {} ({})\n", human_duration(account.elapsed_ns),
                           path == "-" ? "standard output" : path, account.reason));
  line("seen", human_count(total(account.seen)));
  line("recorded", fmt::format("{}, and {} of its own account", human_count(account.records),
                               human_count(account.own_records)));
  line("lost", human_count(total(account.losses)));
  for (const std::string& loss : describe_losses(account.losses)) line("", loss);
  line("size", fmt::format("{} in {}, {:.1f} bytes per record, compressed x{:.1f}",
                           human_bytes(account.bytes), plural(account.segments, "segment"),
                           account.records ? static_cast<double>(account.bytes) /
                                                 static_cast<double>(account.records)
                                           : 0.0,
                           ratio(account)));
  line("own cost", fmt::format("{} of CPU, {} of memory at most", human_duration(account.cpu_ns),
                               human_bytes(account.peak_memory)));
}

Result<record::RecorderOptions> recorder_options(Options& options, CLI::App& app) {
  record::RecorderOptions out;
  SelectionFlags selection;
  selection.points = options.points;
  selection.profile = options.profile;
  DSE_TRY_ASSIGN(replay::Profile profile, chosen_profile(selection));
  DSE_TRY(apply_record_options(profile, app));
  DSE_TRY_ASSIGN(out.live, live_options(options.live, profile));
  DSE_TRY_ASSIGN(out.live.flush_ns, duration_option(options.flush, "--flush"));
  DSE_TRY_ASSIGN(out.duration_ns, duration_option(options.live.duration, "--for"));
  DSE_TRY_ASSIGN(out.recording, recording_options(options.capture, options.path));
  out.live.max_records = options.max_events;
  out.live.described.emplace_back("level", std::to_string(options.capture.level));
  out.live.described.emplace_back("flush", options.flush);
  out.max_bytes = options.max_bytes;
  return out;
}

int run(Options& options, CLI::App& app) {
  if (options.path == "-" && stdout_is_terminal())
    return fail({ErrorCode::usage,
                 "-w - would write a capture to the terminal; redirect it, or name a directory"});
  auto settings = recorder_options(options, app);
  if (!settings) return fail(settings.error());
  // A signal may come before there is something to stop.
  std::atomic<record::Recorder*> running = nullptr;
  std::atomic<bool> asked = false;
  std::unique_ptr<record::Recorder> recorder;
  StopSignalGuard guard([&] {
    asked = true;
    if (record::Recorder* now = running) now->stop();
  });
  {
    auto started = record::Recorder::start(*settings, format::FileSystem::host());
    if (!started) return fail(started.error());
    recorder = std::move(*started);
  }
  running = recorder.get();
  if (asked) recorder->stop();

  StatusLine status;
  std::function<void(const record::Account&)> watch;
  if (stderr_is_terminal()) watch = [&](const record::Account& now) { status.show(now); };
  auto account = recorder->run(watch);
  if (!account) return fail(account.error());
  print_summary(*account, options.path);
  return options.fail_on_loss && total(account->losses) ? kLoss : kOk;
}

}  // namespace

Command add_record(CLI::App& app) {
  auto options = std::make_shared<Options>();
  CLI::App* command = app.add_subcommand("record", "Record this host into a capture");
  command
      ->add_option("-w,--write", options->path,
                   "where to: a directory, a file NAME.dse, or - for stdout")
      ->required();
  add_point_options(*command, options->points, options->profile);
  options->live.add_to(*command);
  command->add_option("--max-events", options->max_events, "stop after this many records")
      ->check(at_least_one());
  command->add_option("--max-bytes", options->max_bytes, "stop when this much is written")
      ->transform(CLI::AsSizeValue(false))
      ->check(at_least_one());
  command->add_option("--flush", options->flush, "write at least this often [1s]");
  options->capture.add_to(*command);
  command->add_flag("--fail-on-loss", options->fail_on_loss, "exit with 3 when records were lost");
  command->footer(
      "Ctrl-C ends the capture cleanly; a second one stops at once, and what is written stays\n"
      "readable.\n\n"
      "Examples:\n"
      "  dse record -w /var/lib/dse --for 10s             ten seconds of this host\n"
      "  dse record -w /var/lib/dse --keep 24             for ever, the last 24 files\n"
      "  dse record -w c.dse --point SignalDelivered      only what signals need\n"
      "  dse record -w - | ssh laptop 'cat > c.dse'       to another machine");
  return [options, command] { return run(*options, *command); };
}

}  // namespace dse::tools
