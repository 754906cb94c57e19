// dse, The Double Slit Experiment: record and replay Linux telemetry.
#include <malloc.h>
#include <signal.h>

#include <CLI/CLI.hpp>

#include <cstdio>
#include <exception>
#include <sstream>
#include <string>
#include <vector>

#include "tools/commands.h"
#include "tools/exit_code.h"
#include "tools/terminal.h"
#include "version.h"

namespace {

using namespace dse::tools;

// Batch after batch takes and gives back the same memory: that the kernel need not clear it each time is
// worth more than what is held meanwhile. Not for recorders, which reuse theirs and stay small.
void keep_memory() {
  constexpr int kMost = 32 << 20;  // half a heap: glibc takes no more
  ::mallopt(M_MMAP_THRESHOLD, kMost);
  ::mallopt(M_TRIM_THRESHOLD, 8 * kMost);
}

int run_command(int argc, char** argv) {
  CLI::App app("dse, The Double Slit Experiment: record and replay Linux telemetry", "dse");
  app.set_version_flag("-V,--version", "dse " DSE_VERSION);
  app.require_subcommand(1);
  app.footer(
      "Exit codes: 0 ok, 1 negative answer, 2 usage, 3 loss (--fail-on-loss), 4 damaged input,\n"
      "5 privilege or kernel, 6 input/output.\n"
      "dse help COMMAND, or dse COMMAND --help, has examples.");

  std::vector<std::pair<CLI::App*, Command>> commands;
  auto add = [&](Command (*make)(CLI::App&)) {
    Command command = make(app);
    commands.emplace_back(app.get_subcommands([](CLI::App*) { return true; }).back(),
                          std::move(command));
  };
#if DSE_LIVE
  add(add_record);
  add(add_run);
#endif
  add(add_replay);
  add(add_tail);
  add(add_filter);
  add(add_merge);
  add(add_verify);
  add(add_recover);
  add(add_compact);
  add(add_digest);
  add(add_diff);
  add(add_check);
  add(add_split);
  add(add_stats);
  add(add_export);
  add(add_explain);
  add(add_info);
  add(add_profile);
  add(add_fields);
#if DSE_LIVE
  add(add_doctor);
#endif
  add(add_completion);
  add(add_man);
  add(add_help);

  try {
    app.parse(argc, argv);
  } catch (const CLI::Success& success) {  // --help, --version
    std::ostringstream text;
    app.exit(success, text, text);
    auto written = write_stdout(text.str());
    return written ? kOk : fail(written.error());
  } catch (const CLI::ParseError& error) {
    std::string what = error.what();
    // CLI11 misses a command it knows before it minds one that it does not.
    if (auto rest = app.remaining(); app.get_subcommands().empty() && !rest.empty())
      what = "unknown command or option '" + rest.front() + "'";
    say(what + " (dse --help)");
    return kUsage;
  }
  for (auto& [subcommand, command] : commands)
    if (subcommand->parsed()) {
      const std::string& name = subcommand->get_name();
      if (name != "record" && name != "run") keep_memory();
      return command();
    }
  return kUsage;
}

}  // namespace

int main(int argc, char** argv) {
  // A pipe whose reader has gone is met where it is written to.
  ::signal(SIGPIPE, SIG_IGN);
  try {
    return run_command(argc, argv);
  } catch (const std::bad_alloc&) {
    say("out of memory");
    return kIo;
  } catch (const std::exception& error) {
    say(std::string("internal error: ") + error.what());
    return kIo;
  }
}
