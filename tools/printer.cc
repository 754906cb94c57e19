#include "tools/printer.h"

#include <algorithm>

#include <fmt/format.h>

#include "replay/escape.h"
#include "replay/points/points.h"
#include "replay/timestamp.h"
#include "tools/completeness.h"
#include "tools/exit_code.h"
#include "tools/field_list.h"
#include "tools/terminal.h"

namespace dse::tools {
namespace {

constexpr std::size_t kBufferBytes = 256 * 1024;

Error usage(std::string message) { return {ErrorCode::usage, std::move(message)}; }

}  // namespace

CLI::Validator at_least_one() {
  return CLI::Validator(
      [](std::string& text) {
        bool digits = !text.empty() && text.size() < 20 &&
                      text.find_first_not_of("0123456789") == std::string::npos;
        return digits && text.find_first_not_of('0') != std::string::npos
                   ? std::string()
                   : "'" + text + "' is not a number of 1 or more";
      },
      "N");
}

void EventOptions::add_to(CLI::App& app) {
  app.add_option("-o,--output", output,
                 "json (one object per line) or text; default: text on a "
                 "terminal, else json")
      ->check(CLI::IsMember({"json", "text"}));
  fields_option = app.add_option("--fields", fields,
                                 "only these fields, separated by commas; of a list also "
                                 "elements: proc.args[0]; dse fields lists all");
  selection.add_to(app);
  window.add_to(app);
  app.add_option("-n,--limit", limit, "stop after this many events")->check(at_least_one());
  app.add_flag("--summary", summary, "counts instead of events");
  app.add_flag("--mark", mark,
               "all events, each with what the filters make of it and which decides");
  app.add_flag("-q,--quiet", quiet, "no notes on the filters, and nothing when nothing is missing");
  app.add_flag("--fail-on-loss", fail_on_loss, "exit with 3 when the recorder lost records");
}

Result<std::unique_ptr<Printer>> Printer::make(const EventOptions& options,
                                               replay::Session& session) {
  std::unique_ptr<Printer> printer(new Printer);
  printer->options_ = options;
  printer->session_ = &session;
  if (options.mark && options.summary)
    return usage("--mark shows events and --summary none; dse explain counts them by filter");
  SelectionFlags selection = options.selection;
  selection.quiet = options.quiet;
  DSE_TRY_ASSIGN(printer->selection_, Selection::make(selection, session));
  session.show_dropped(options.mark);
  bool only = options.fields_given();
  if (only) {
    DSE_TRY_ASSIGN(auto fields, parse_fields(options.fields, "--fields", session));
    printer->fields_ = names_of(fields);
  }
  printer->json_ = options.output.empty() ? !stdout_is_terminal() : options.output == "json";

  std::vector<std::string> used = printer->fields_;
  for (const auto& point : session.points()) {
    Renderers& renderers = printer->renderers_[point.get()];
    const std::vector<std::string>* fields = only ? &printer->fields_ : nullptr;
    if (printer->json_)
      renderers.json.emplace(*point, fields);
    else
      renderers.text.emplace(*point, use_colour(), fields);
    if (only) continue;
    auto places = printer->json_ ? renderers.json->fields() : renderers.text->fields();
    for (std::size_t place : places) used.push_back(point->fields()[place].name);
  }
  if (options.summary) used = {"evt.time"};
  session.use_only(used);
  return printer;
}

bool Printer::print(const replay::Event& event) {
  const replay::ObservationPoint* point = &event.batch().point();
  if (point != last_point_) {
    last_point_ = point;
    last_ = &renderers_.at(point);
  }
  ++last_->count;
  ++printed_;
  if (options_.summary) {
    if (auto boot = event.number("evt.time")) {
      std::uint64_t real = session_->state().real_time(*boot, event.batch().number(event.row()));
      if (first_time_ == 0 || real < first_time_) first_time_ = real;
      last_time_ = std::max(last_time_, real);
    }
  } else {
    if (options_.mark)
      print_marked(event);
    else if (json_)
      last_->json->append(event.batch(), event.row(), buffer_);
    else
      last_->text->append(event.batch(), event.row(), buffer_);
    buffer_ += '\n';
    if (buffer_.size() >= kBufferBytes && !flush()) return false;
  }
  return options_.limit == 0 || printed_ < options_.limit;
}

// The event with what its filters say before it.
void Printer::print_marked(const replay::Event& event) {
  replay::filter::Verdict verdict = event.verdict();
  const char* word = verdict.keep ? "keep" : "drop";
  std::string by = verdict.by != replay::filter::Verdict::kNone
                       ? event.batch().point().chain().filters()[verdict.by].spec->label
                   : verdict.keep ? "no select"
                                  : "no select matched";
  if (!json_) {
    fmt::format_to(std::back_inserter(buffer_), "{}  {:<18} ", word, shown(by));
    last_->text->append(event.batch(), event.row(), buffer_);
    return;
  }
  fmt::format_to(std::back_inserter(buffer_), "{{\"verdict\":\"{}\",\"by\":\"", word);
  replay::append_json_string(by, buffer_);
  buffer_ += "\",";
  std::size_t begin = buffer_.size();
  last_->json->append(event.batch(), event.row(), buffer_);
  buffer_.erase(begin, 1);  // its own bracket
  if (buffer_.ends_with(",}")) buffer_.erase(buffer_.size() - 2, 1);
}

bool Printer::flush() {
  if (error_ || reader_gone_) return false;
  auto written = write_stdout(buffer_);
  buffer_.clear();
  if (!written)
    error_ = written.error();
  else
    reader_gone_ = !*written;
  return !error_ && !reader_gone_;
}

int Printer::finish() {
  auto losses = losses_that_matter(*session_, options_.window.given());
  print_summary(losses);
  flush();
  if (error_) return fail(*error_);
  // A reader that has gone does not care.
  if (reader_gone_) return report_notes(session_->source().notes());
  bool limited = options_.limit && printed_ >= options_.limit;
  return report_end(*session_, losses, {options_.quiet, limited}, options_.fail_on_loss);
}

void Printer::print_summary(const std::vector<format::Loss>& losses) {
  if (!options_.summary) return;
  std::string first, last;
  if (first_time_) {
    first = replay::rfc3339(first_time_);
    last = replay::rfc3339(last_time_);
  }
  auto out = std::back_inserter(buffer_);
  if (json_) {
    fmt::format_to(out, "{{\"events\":{},\"points\":{{", printed_);
    const char* separator = "";
    for (const auto& point : session_->points()) {
      fmt::format_to(out, "{}\"{}\":{}", separator, point->name(),
                     renderers_.at(point.get()).count);
      separator = ",";
    }
    buffer_ += '}';
    if (first_time_) fmt::format_to(out, ",\"first\":\"{}\",\"last\":\"{}\"", first, last);
    fmt::format_to(out, ",\"lost\":{}}}\n", total(losses));
  } else {
    for (const auto& point : session_->points())
      fmt::format_to(out, "{:>14}  {}\n", human_count(renderers_.at(point.get()).count),
                     point->name());
    fmt::format_to(out, "{:>14}  events\n", human_count(printed_));
    fmt::format_to(out, "{:>14}  records lost\n", human_count(total(losses)));
    if (first_time_) fmt::format_to(out, "from {}\nto   {}\n", first, last);
  }
}

}  // namespace dse::tools
