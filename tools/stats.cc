// dse stats: events counted by what is the same about them.
#include <algorithm>
#include <memory>

#include <fmt/format.h>

#include "format/capture_reader.h"
#include "replay/tally.h"
#include "tools/commands.h"
#include "tools/completeness.h"
#include "tools/exit_code.h"
#include "tools/printer.h"
#include "tools/progress.h"
#include "tools/selection.h"
#include "tools/stats_table.h"
#include "tools/terminal.h"
#include "tools/window.h"

namespace dse::tools {
namespace {

struct Options {
  std::vector<std::string> paths;
  std::string by;
  CLI::Option* by_option = nullptr;
  std::uint64_t top = 20;
  bool count = false, rate = false;
  std::vector<std::string> sums, hists;
  std::uint64_t max_groups = 1'000'000;
  std::string output = "text";
  SelectionFlags selection;
  WindowFlags window;
  bool quiet = false;
  bool fail_on_loss = false;
};

Result<std::vector<NamedField>> number_fields(const std::vector<std::string>& names,
                                              const std::string& option,
                                              const replay::Session& session) {
  std::vector<NamedField> fields;
  for (const std::string& name : names) {
    DSE_TRY_ASSIGN(NamedField field, named_field(name, session));
    if (field.type != replay::FieldType::number)
      return Error(ErrorCode::usage,
                   fmt::format("{} {}: it takes a number, and {} is of type {}; dse fields has the "
                               "types",
                               option, name, name, replay::field_type_name(field.type)));
    bool known = std::any_of(fields.begin(), fields.end(),
                             [&](const NamedField& one) { return one.name == name; });
    if (!known) fields.push_back(std::move(field));
  }
  return fields;
}

// What is asked for, as an empty table.
Result<StatsTable> make_table(const Options& options, const replay::Session& session) {
  StatsTable table;
  std::string by = options.by_option->count() ? options.by : "evt.type";
  DSE_TRY_ASSIGN(table.by, parse_fields(by, "--by", session));
  DSE_TRY_ASSIGN(table.sums, number_fields(options.sums, "--sum", session));
  DSE_TRY_ASSIGN(table.hists, number_fields(options.hists, "--hist", session));
  table.rate = options.rate;
  table.count = options.count || (table.sums.empty() && table.hists.empty() && !table.rate);
  table.by_sum = !table.sums.empty() && !options.count;
  bool alone = table.hists.size() == 1 && !table.count && !table.rate && table.sums.empty();
  if (options.output == "csv" && !table.hists.empty() && !alone)
    return Error(ErrorCode::usage,
                 "-o csv has room for one --hist and nothing beside it; use -o json");
  return table;
}

Status count(replay::Session& session, replay::Tally& tally) {
  Progress progress("counting");
  while (true) {
    DSE_TRY_ASSIGN(auto step, session.next_batch());
    if (step == replay::Session::Step::end) return {};
    if (step != replay::Session::Step::batch) continue;
    for (const auto& judged : session.judged())
      if (auto status = tally.add(judged); !status)
        // One block that does not decode does not spoil the others.
        session.source().report_damage(status.error());
    progress.at(tally.events());
  }
}

void say_limit(const StatsTable& table, const Options& options) {
  if (table.answer.over_limit)
    say(fmt::format(
        "no more than {} kept apart (--max-groups {}; 256 MiB of keys): {} of later ones counted "
        "as others",
        plural(table.groups, "group"), options.max_groups,
        plural(table.answer.over_limit, "event")));
  if (options.output == "csv" && table.answer.other_groups)
    say(fmt::format("left out {} (--top 0 has all)", plural(table.answer.other_groups, "group")));
}

int run(const Options& options) {
  auto paths = paths_to_read(options.window, options.paths);
  if (!paths) return fail(paths.error());
  auto reader = format::CaptureReader::open(*paths);
  if (!reader) return fail(reader.error());
  replay::Session session(std::move(*reader));
  if (auto status = set_window(options.window, options.paths, session); !status)
    return fail(status.error());
  SelectionFlags flags = options.selection;
  flags.quiet = options.quiet;
  auto selection = Selection::make(flags, session);
  if (!selection) return fail(selection.error());
  auto table = make_table(options, session);
  if (!table) return fail(table.error());

  replay::Tally tally(
      {options.by_option->count() ? names_of(table->by) : std::vector<std::string>(),
       names_of(table->sums), names_of(table->hists), options.rate, options.max_groups},
      session.points());
  session.use_only(tally.fields());
  session.use_values_only();
  if (auto status = count(session, tally); !status) return fail(status.error());

  auto losses = losses_that_matter(session, options.window.given());
  table->answer = tally.answer(options.top, table->by_sum);
  table->events = tally.events();
  table->groups = tally.groups();
  table->span = tally.span();
  table->lost = total(losses);
  table->damaged = total_damage(losses);
  bool terminal = stdout_is_terminal();
  auto written = write_stdout(options.output == "json" ? table->json()
                              : options.output == "csv"
                                  ? table->csv()
                                  : table->text(terminal ? terminal_width() : 0, use_colour()));
  if (!written) return fail(written.error());
  if (!*written) return report_notes(session.source().notes());
  say_limit(*table, options);
  return report_end(session, losses, {options.quiet, false}, options.fail_on_loss);
}

}  // namespace

Command add_stats(CLI::App& app) {
  auto options = std::make_shared<Options>();
  CLI::App* command = app.add_subcommand("stats", "Count the events of a capture by their fields");
  command
      ->add_option("PATH", options->paths,
                   "captures: directories or files, read one after the other; - is stdin")
      ->required();
  options->by_option = command->add_option(
      "--by", options->by,
      "fields, separated by commas: one row for each combination of their\n"
      "values; of a list also elements: proc.args[0]. Default: evt.type");
  command->add_option("--top", options->top, "rows, those with the most; 0: all [20]")
      ->check(whole_number());
  command->add_flag("--count", options->count, "events (the default, without any of the next)");
  command->add_option("--sum", options->sums, "sum of a field that is a number; may be repeated")
      ->allow_extra_args(false);
  command->add_flag("--rate", options->rate,
                    "events a second, from the first to the last event of the answer");
  command
      ->add_option("--hist", options->hists,
                   "how often which power of two of a field that is a number; may be repeated")
      ->allow_extra_args(false);
  command
      ->add_option("--max-groups", options->max_groups,
                   "rows kept apart in memory; later ones become others [1000000]")
      ->check(at_least_one());
  command->add_option("-o,--output", options->output, "text, json or csv [text]")
      ->check(CLI::IsMember({"text", "json", "csv"}));
  options->selection.add_to(*command);
  options->window.add_to(*command);
  options->window.add_near_to(*command);
  command->add_flag("-q,--quiet", options->quiet,
                    "no notes on the filters, and nothing when nothing is missing");
  command->add_flag("--fail-on-loss", options->fail_on_loss,
                    "exit with 3 when records were lost");
  command->footer(
      "With --sum and without --count, rows are in the order of the first sum.\n\n"
      "Examples:\n"
      "  dse stats day                                    events of each observation point\n"
      "  dse stats day --by proc.name,sock.rport -s 'sock.newstate = ESTABLISHED'\n"
      "  dse stats day --point ProcessExecuted --by 'proc.pname,proc.args[0]' --rate --top 0\n"
      "  dse stats day --point ProcessExited --by proc.name --sum proc.maxrss --count\n"
      "  dse stats day --point ProcessExited --hist proc.duration\n"
      "  dse stats day --by sig.name,proc.name -o csv > signals.csv");
  return [options] { return run(*options); };
}

}  // namespace dse::tools
