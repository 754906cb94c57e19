// dse export: the events of a capture in the formats of other tools.
#include <atomic>
#include <map>
#include <memory>
#include <optional>

#include <fmt/format.h>

#include "format/capture_reader.h"
#include "replay/csv.h"
#include "replay/ecs.h"
#include "replay/perfetto.h"
#include "tools/commands.h"
#include "tools/completeness.h"
#include "tools/exit_code.h"
#include "tools/field_list.h"
#include "tools/output_file.h"
#include "tools/progress.h"
#include "tools/selection.h"
#include "tools/stop_signal.h"
#include "tools/terminal.h"
#include "tools/window.h"

namespace dse::tools {
namespace {

constexpr std::size_t kBufferBytes = 256 * 1024;
constexpr int kInterrupted = 130;

struct Options {
  std::vector<std::string> paths;
  std::string to, out, fields;
  const CLI::Option* fields_option = nullptr;
  bool force = false;
  SelectionFlags selection;
  WindowFlags window;
  bool quiet = false;
  bool fail_on_loss = false;
};

// What a format makes of a session.
class Exporter {
 public:
  virtual ~Exporter() = default;
  // Before the first step; fixes the fields.
  virtual Status start(const Options& options, replay::Session& session, std::string& out) = 0;
  // Takes in what comes next; false: there is nothing more. To be called when `out` has room.
  virtual Result<bool> step(replay::Session& session, std::string& out) = 0;
  virtual std::uint64_t events() const = 0;
};

// One event after the other, each on a line of its own. `Renderer::append` writes one.
class LineExporter : public Exporter {
 public:
  Result<bool> step(replay::Session& session, std::string& out) override {
    DSE_TRY_ASSIGN(auto event, session.next());
    if (!event) return false;
    ++events_;
    append(*event, out);
    return true;
  }
  std::uint64_t events() const override { return events_; }

 private:
  virtual void append(const replay::Event& event, std::string& out) = 0;
  std::uint64_t events_ = 0;
};

template <typename Renderer>
class RendererExporter : public LineExporter {
 protected:
  std::map<const replay::ObservationPoint*, Renderer> renderers_;
  const replay::ObservationPoint* last_point_ = nullptr;
  const Renderer* last_ = nullptr;

 private:
  virtual const char* line_end() const { return "\n"; }
  void append(const replay::Event& event, std::string& out) override {
    const replay::ObservationPoint* point = &event.batch().point();
    if (point != last_point_) {
      last_point_ = point;
      last_ = &renderers_.at(point);
    }
    last_->append(event.batch(), event.row(), out);
    out += line_end();
  }
};

class CsvExporter final : public RendererExporter<replay::CsvRenderer> {
 public:
  Status start(const Options& options, replay::Session& session, std::string& out) override {
    std::vector<std::string> columns = replay::CsvRenderer::all_columns(session.points());
    if (options.fields_option->count()) {
      DSE_TRY_ASSIGN(auto fields, parse_fields(options.fields, "--fields", session));
      columns = names_of(fields);
    }
    session.use_only(columns);
    replay::CsvRenderer::append_header(columns, out);
    for (const auto& point : session.points())
      renderers_.emplace(point.get(), replay::CsvRenderer(*point, columns));
    return {};
  }

 private:
  const char* line_end() const override { return ""; }  // it writes its own
};

class NdjsonExporter final : public RendererExporter<replay::JsonRenderer> {
 public:
  Status start(const Options& options, replay::Session& session, std::string&) override {
    std::vector<std::string> used;
    bool only = options.fields_option->count() != 0;
    if (only) {
      DSE_TRY_ASSIGN(auto fields, parse_fields(options.fields, "--fields", session));
      used = names_of(fields);
    }
    const std::vector<std::string> chosen = used;
    for (const auto& point : session.points()) {
      replay::JsonRenderer renderer(*point, only ? &chosen : nullptr);
      if (!only)
        for (std::size_t place : renderer.fields()) used.push_back(point->fields()[place].name);
      renderers_.emplace(point.get(), std::move(renderer));
    }
    session.use_only(used);
    return {};
  }
};

class EcsExporter final : public RendererExporter<replay::EcsRenderer> {
 public:
  Status start(const Options&, replay::Session& session, std::string&) override {
    std::vector<std::string> used;
    for (const auto& point : session.points()) {
      replay::EcsRenderer renderer(*point);
      used.insert(used.end(), renderer.fields().begin(), renderer.fields().end());
      renderers_.emplace(point.get(), std::move(renderer));
    }
    session.use_only(used);
    return {};
  }
};

class PerfettoExporter final : public Exporter {
 public:
  Status start(const Options&, replay::Session& session, std::string& out) override {
    session.use_only(replay::PerfettoTrace::fields());
    session.want(replay::PerfettoTrace::kinds());
    trace_.emplace(out);
    return {};
  }
  Result<bool> step(replay::Session& session, std::string&) override {
    using Step = replay::Session::Step;
    DSE_TRY_ASSIGN(auto step, session.next_batch());
    if (step == Step::capture && format::is_merged(session.state().info()))
      return Error(ErrorCode::usage,
                   "a merged capture is of several hosts, and a trace of one; export its parts");
    if (step == Step::capture) trace_->begin_capture(session);
    if (step == Step::batch)
      if (auto status = trace_->add_batch(session); !status)
        // One block that does not decode does not spoil the others.
        session.source().report_damage(status.error());
    if (step == Step::end) trace_->finish(session);
    return step != Step::end;
  }
  std::uint64_t events() const override { return trace_->events(); }

 private:
  std::optional<replay::PerfettoTrace> trace_;
};

std::unique_ptr<Exporter> make_exporter(const std::string& to) {
  if (to == "csv") return std::make_unique<CsvExporter>();
  if (to == "ndjson") return std::make_unique<NdjsonExporter>();
  if (to == "ecs") return std::make_unique<EcsExporter>();
  return std::make_unique<PerfettoExporter>();
}

std::atomic<bool> interrupted = false;

enum class End { whole, reader_gone, stopped };

Result<End> write_all(Exporter& exporter, replay::Session& session, std::string& buffer,
                      OutputFile& file) {
  Progress progress("exporting");
  while (true) {
    if (interrupted) return End::stopped;
    DSE_TRY_ASSIGN(bool more, exporter.step(session, buffer));
    if (more && buffer.size() < kBufferBytes) continue;
    DSE_TRY_ASSIGN(bool read, file.write(buffer));
    if (!read) return End::reader_gone;
    buffer.clear();
    progress.at(exporter.events());
    if (!more) break;
  }
  DSE_TRY(file.finish());
  return End::whole;
}

Status check(const Options& options) {
  if (options.fields_option->count() && options.to != "csv" && options.to != "ndjson")
    return Error(ErrorCode::usage,
                 fmt::format("--fields is for csv and ndjson: what {} has is a matter of its "
                             "schema",
                             options.to));
  if (options.out == "-" && options.to == "perfetto" && stdout_is_terminal())
    return Error(ErrorCode::usage,
                 "-w - would write a trace to the terminal; redirect it, or name a file");
  return {};
}

int run(const Options& options) {
  if (auto status = check(options); !status) return fail(status.error());
  auto paths = paths_to_read(options.window, options.paths);
  if (!paths) return fail(paths.error());
  auto reader = format::CaptureReader::open(*paths);
  if (!reader) return fail(reader.error());
  replay::Session session(std::move(*reader));
  if (auto status = set_window(options.window, options.paths, session); !status)
    return fail(status.error());
  SelectionFlags flags = options.selection;
  flags.quiet = options.quiet;
  // A timeline is of beginnings and ends.
  if (options.to == "perfetto" && flags.points.empty() && flags.profile.empty())
    flags.points = {"ProcessExecuted",   "ProcessExited",   "ContainerEvent",
                    "SocketStateChange", "SignalGenerated", "SignalDelivered"};
  auto selection = Selection::make(flags, session);
  if (!selection) return fail(selection.error());

  auto exporter = make_exporter(options.to);
  std::string buffer;
  if (auto status = exporter->start(options, session, buffer); !status) return fail(status.error());
  auto file = OutputFile::open(options.out, options.force, options.paths);
  if (!file) return fail(file.error());
  StopSignalGuard guard([] { interrupted = true; });
  auto end = write_all(*exporter, session, buffer, *file);
  if (!end) return fail(end.error());
  if (*end == End::reader_gone) return report_notes(session.source().notes());
  if (*end == End::stopped) {
    say("interrupted; " +
        (options.out == "-" ? "the output is not whole" : options.out + " was not written"));
    return kInterrupted;
  }
  if (!options.quiet)
    say(fmt::format("exported {} as {}, {}, {}", plural(exporter->events(), "event"), options.to,
                    human_bytes(file->bytes()),
                    options.out == "-" ? "to standard output" : "into " + options.out));
  return report_end(session, losses_that_matter(session, options.window.given()),
                    {options.quiet, false}, options.fail_on_loss);
}

}  // namespace

Command add_export(CLI::App& app) {
  auto options = std::make_shared<Options>();
  CLI::App* command = app.add_subcommand("export", "Write the events of a capture for other tools");
  command
      ->add_option("PATH", options->paths,
                   "captures: directories or files, read one after the other; - is stdin")
      ->required();
  command
      ->add_option("--to", options->to,
                   "csv       RFC 4180, one column per field\n"
                   "ndjson    one JSON object per line, as dse replay has it\n"
                   "ecs       documents of the Elastic Common Schema 8, one per line\n"
                   "perfetto  a timeline for ui.perfetto.dev")
      ->required()
      ->check(CLI::IsMember({"csv", "ndjson", "ecs", "perfetto"}));
  command->add_option("-w,--write", options->out, "where to: a file, or - for stdout")->required();
  command->add_flag("--force", options->force, "replace the file if it is there already");
  options->fields_option = command->add_option(
      "--fields", options->fields,
      "csv, ndjson: only these fields, separated by commas; of a list also\n"
      "elements: proc.args[0]; dse fields lists all");
  options->selection.add_to(*command);
  options->window.add_to(*command);
  options->window.add_near_to(*command);
  command->add_flag("-q,--quiet", options->quiet,
                    "no notes on the filters, no summary, and nothing when nothing is missing");
  command->add_flag("--fail-on-loss", options->fail_on_loss,
                    "exit with 3 when records were lost");
  command->footer(
      "A file appears under its name when it is whole. perfetto has the points ProcessExited and\n"
      "SignalGenerated too, unless --point or --profile chooses.\n\n"
      "Examples:\n"
      "  dse export day --to csv --fields evt.time,proc.name,proc.cmdline -w execs.csv\n"
      "  dse export day --to ecs -w - | curl -H 'Content-Type: application/x-ndjson' …\n"
      "  dse export day --to perfetto -S +10s -U +20s -w day.pftrace\n"
      "  dse export day --to ndjson -s 'container.name = web' -w web.jsonl");
  return [options] { return run(*options); };
}

}  // namespace dse::tools
