// dse compact: the same capture in less room.
#include <memory>

#include <fmt/format.h>

#include "format/compact.h"
#include "tools/commands.h"
#include "tools/exit_code.h"
#include "tools/output.h"
#include "tools/terminal.h"

namespace dse::tools {
namespace {

struct Options {
  std::vector<std::string> paths;
  std::string out;
  int level = 19;
};

void say_summary(const Options& options, const format::Compaction::Account& account) {
  const auto& written = account.written;
  say(fmt::format(
      "wrote {} into {}: {} instead of {} (x{:.2f}), {} instead of {}",
      plural(written.records, "record"), shown_place(options.out), human_bytes(written.bytes),
      human_bytes(account.bytes),
      written.bytes ? static_cast<double>(account.bytes) / static_cast<double>(written.bytes) : 0.0,
      plural(written.blocks, "block"), human_count(account.blocks)));
}

int run(const Options& options) {
  if (auto status = check_place(options.out, options.paths); !status) return fail(status.error());
  format::WriterOptions writer;
  writer.path = options.out;
  writer.level = options.level;
  format::Compaction compaction(writer, format::FileSystem::host());
  std::uint64_t shown = 0;
  compaction.progress = [&](std::uint64_t bytes) {
    if (bytes < shown + (1 << 20)) return;
    shown = bytes;
    show_status(human_bytes(shown) + " compacted");
  };
  if (auto status = compaction.run(options.paths); !status) {
    remove_unfinished(options.out);
    return fail(status.error());
  }
  say_summary(options, compaction.account());
  return kOk;
}

}  // namespace

Command add_compact(CLI::App& app) {
  auto options = std::make_shared<Options>();
  CLI::App* command = app.add_subcommand("compact", "Write a capture anew, in less room");
  command
      ->add_option("PATH", options->paths,
                   "captures: directories or files, read one after the other; - is stdin")
      ->required();
  command
      ->add_option("-w,--write", options->out,
                   "where to: a directory, a file NAME.dse, or - for stdout")
      ->required();
  command->add_option("--level", options->level, "zstd level, -7 to 19 [19]")
      ->check(CLI::Range(-7, 19));
  command->footer(
      "Small blocks become large ones, at a high level of compression. Records, numbers, "
      "snapshots, clock\n"
      "and losses stay what they are, and so does all that is replayed. Everything is verified on "
      "the way:\n"
      "a capture that is damaged, or still being recorded, is refused.\n\n"
      "Examples:\n"
      "  dse compact day -w day.dse                 a directory into one file\n"
      "  dse compact day -w packed && dse verify packed && rm -r day\n"
      "  dse record -w - --for 60s | dse compact - -w minute.dse");
  return [options] { return run(*options); };
}

}  // namespace dse::tools
