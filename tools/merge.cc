// dse merge: captures of several hosts as one, in the order of real time.
#include <memory>

#include <fmt/format.h>

#include "format/capture_reader.h"
#include "replay/capture_merge.h"
#include "replay/timestamp.h"
#include "tools/commands.h"
#include "tools/exit_code.h"
#include "tools/output.h"
#include "tools/terminal.h"

namespace dse::tools {
namespace {

struct Options {
  std::vector<std::string> paths;
  std::string out;
  bool trust_clocks = false;
  std::vector<std::string> offsets;
  int level = 3;
};

// "web2=+1.5s"
Result<std::map<std::string, std::int64_t>> parse_offsets(const std::vector<std::string>& texts) {
  std::map<std::string, std::int64_t> offsets;
  for (const std::string& text : texts) {
    std::size_t equals = text.rfind('=');
    std::string amount = equals == std::string::npos ? "" : text.substr(equals + 1);
    const bool back = amount.starts_with('-');
    if (back || amount.starts_with('+')) amount.erase(0, 1);
    auto ns = replay::parse_duration(amount);
    if (equals == std::string::npos || equals == 0 || !ns)
      return Error(ErrorCode::usage, "--offset '" + text +
                                         "': expected HOST=+DURATION or HOST=-DURATION, such as "
                                         "web2=+1.5s");
    auto value = static_cast<std::int64_t>(*ns);
    offsets[text.substr(0, equals)] = back ? -value : value;
  }
  return offsets;
}

Status check_inputs(const std::vector<std::string>& paths) {
  if (std::count(paths.begin(), paths.end(), "-") > 1)
    return Error(ErrorCode::usage, "standard input can only be one of the captures");
  return {};
}

Status run_merge(replay::CaptureMerge& merge) {
  while (true) {
    DSE_TRY_ASSIGN(bool more, merge.step());
    if (!more) break;
    show_status(fmt::format("merging  {}  {}", plural(merge.account().records, "record"),
                            human_bytes(merge.account().bytes)));
  }
  clear_status();
  return {};
}

int run(const Options& options) {
  if (auto status = check_inputs(options.paths); !status) return fail(status.error());
  if (auto status = check_place(options.out, options.paths); !status) return fail(status.error());
  auto offsets = parse_offsets(options.offsets);
  if (!offsets) return fail(offsets.error());
  replay::CaptureMergeOptions settings;
  settings.writer.path = options.out;
  settings.writer.level = options.level;
  settings.trust_clocks = options.trust_clocks;
  settings.offsets = *offsets;
  replay::CaptureMerge merge(std::move(settings), format::FileSystem::host());
  for (const std::string& path : options.paths) {
    auto reader = format::CaptureReader::open({path});
    if (!reader) return fail(reader.error());
    merge.add(path == "-" ? "standard input" : path, std::move(*reader));
  }
  if (auto status = run_merge(merge); !status) {
    remove_unfinished(options.out);
    return fail(status.error());
  }
  const replay::CaptureMerge::Account& account = merge.account();
  say(fmt::format("merged {} of {}, {}, {}, into {}", plural(account.captures, "capture"),
                  plural(account.hosts.size(), "host"), plural(account.records, "record"),
                  human_bytes(account.bytes), shown_place(options.out)));
  if (account.hosts.size() > 1 && !merge.unknown_clocks().empty() && !options.trust_clocks)
    say(
        fmt::format("note: nothing says whether a time service kept the clock right of {}; the "
                    "order between hosts is as good as their clocks",
                    fmt::join(merge.unknown_clocks(), ", ")));
  return report_notes(merge.notes());
}

}  // namespace

Command add_merge(CLI::App& app) {
  auto options = std::make_shared<Options>();
  CLI::App* command = app.add_subcommand(
      "merge", "Put captures of several hosts together, in the order of time");
  command
      ->add_option("PATH", options->paths,
                   "captures to be read side by side: directories or files; - is stdin")
      ->required();
  command
      ->add_option("-w,--write", options->out,
                   "where to: a directory, a file NAME.dse, or - for stdout")
      ->required();
  command
      ->add_option("--offset", options->offsets,
                   "HOST=+1.5s: the clock of that host was so much behind; -1.5s: ahead. May be\n"
                   "given several times")
      ->allow_extra_args(false);
  command->add_flag("--trust-clocks", options->trust_clocks,
                    "merge although nothing says that the clocks of the hosts agree");
  command->add_option("--level", options->level, "zstd level, -7 to 19 [3]")
      ->check(CLI::Range(-7, 19));
  command->footer(
      "Events are in the order of real time, by the clock that each host had; evt.num counts them\n"
      "anew, and host.name tells whose they are.\n\n"
      "Examples:\n"
      "  dse merge web1 web2 db -w incident.dse\n"
      "  dse merge web1 web2 --offset web2=+1.5s -w - | dse replay - -o text\n"
      "  dse replay incident.dse -s 'host.name = db and sig.name = SIGKILL'");
  return [options] { return run(*options); };
}

}  // namespace dse::tools
