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

Error usage(std::string message) { return {ErrorCode::usage, std::move(message)}; }

// Leaves the first `most` events.
void limit_runs(std::uint64_t most, std::vector<replay::EventPage::Run>& runs) {
  for (std::size_t i = 0; i < runs.size(); ++i) {
    const std::uint32_t n = runs[i].end - runs[i].begin;
    if (n > most) {
      runs[i].end = runs[i].begin + static_cast<std::uint32_t>(most);
      runs.resize(i + 1);
      return;
    }
    most -= n;
  }
}

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

CLI::Validator whole_number() {
  return CLI::Validator(
      [](std::string& text) {
        bool good = !text.empty() && text.size() < 20 &&
                    text.find_first_not_of("0123456789") == std::string::npos;
        return good ? std::string() : "'" + text + "' is not a number of 0 or more";
      },
      "N");
}

void EventOptions::add_to(CLI::App& app, const std::string& limit_name) {
  app.add_option("-o,--output", output,
                 "json (one object per line) or text; default: text on a "
                 "terminal, else json")
      ->check(CLI::IsMember({"json", "text"}));
  fields_option = app.add_option("--fields", fields,
                                 "only these fields, separated by commas; of a list also "
                                 "elements: proc.args[0]; dse fields lists all");
  selection.add_to(app);
  window.add_to(app);
  app.add_option(limit_name, limit, "stop after this many events")->check(at_least_one());
  app.add_flag("--summary", summary, "counts instead of events");
  app.add_flag("--mark", mark,
               "all events, each with what the filters make of it and which decides");
  app.add_flag("-q,--quiet", quiet, "no notes on the filters, and nothing when nothing is missing");
  app.add_flag("--fail-on-loss", fail_on_loss, "exit with 3 when records were lost");
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
  EventWriter::Mark mark;
  if (options.mark)
    mark = [&at = *printer](const auto& events, auto event, auto line, auto& out) {
      at.mark(events, event, line, out);
    };
  printer->writer_ = std::make_unique<EventWriter>(options.jobs, std::move(mark));
  if (options.summary) used.clear();
  if (options.summary || options.pace) used.push_back("evt.time");
  session.use_only(used);
  return printer;
}

bool Printer::print(replay::EventPage page) {
  const auto& sources = page.sources();
  if (hold_) {
    for (const replay::EventPage::Run& run : page.runs())
      for (std::uint32_t i = run.begin; i < run.end; ++i)
        print(replay::Event(sources[run.source].events, sources[run.source].chosen[i]));
    return true;
  }
  std::vector<replay::EventPage::Run> runs = page.runs();
  if (options_.limit != 0) limit_runs(options_.limit - printed_, runs);
  count(page, runs);
  if (options_.summary) return within_limit();
  auto rendered = std::make_shared<RenderedPage>(std::move(page));
  for (const replay::EventPage::Source& source : rendered->page.sources()) {
    const replay::Renderer& of = renderer(renderers_.at(&source.events->point()));
    rendered->renderers.push_back(&of);
    rendered->columns.push_back(of.columns(*source.events));
  }
  return writer_->write(std::move(rendered), std::move(runs)) && within_limit();
}

bool Printer::print(const replay::Event& event) {
  const replay::ObservationPoint* point = &event.batch().point();
  if (point != last_point_) {
    last_point_ = point;
    last_ = &renderers_.at(point);
  }
  if (hold_) {
    keep(event);
    return true;
  }
  count(*last_, options_.summary ? time_of(event) : std::nullopt);
  if (options_.summary) return within_limit();
  buffer_.clear();
  render(event, buffer_);
  return writer_->write(buffer_.view()) && within_limit();
}

void Printer::count(Renderers& renderers, std::optional<std::uint64_t> time) {
  ++renderers.count;
  ++printed_;
  if (!time) return;
  if (first_time_ == 0 || *time < first_time_) first_time_ = *time;
  last_time_ = std::max(last_time_, *time);
}

void Printer::count(const replay::EventPage& page,
                    const std::vector<replay::EventPage::Run>& runs) {
  for (const replay::EventPage::Run& run : runs) {
    const replay::EventPage::Source& source = page.sources()[run.source];
    Renderers& renderers = renderers_.at(&source.events->point());
    for (std::uint32_t i = run.begin; i < run.end && options_.summary; ++i)
      count(renderers, time_of(replay::Event(source.events, source.chosen[i])));
    if (options_.summary) continue;
    renderers.count += run.end - run.begin;
    printed_ += run.end - run.begin;
  }
}

std::optional<std::uint64_t> Printer::time_of(const replay::Event& event) const {
  auto boot = event.number("evt.time");
  if (!boot) return {};
  return event.batch().real_time(*boot, event.row());
}

void Printer::keep(const replay::Event& event) {
  if (*hold_ == 0) return;
  if (held_.size() < *hold_) held_.emplace_back();
  Held& held = held_[kept_++ % *hold_];
  held.renderers = last_;
  if (options_.summary) {
    held.time = time_of(event);
  } else {
    buffer_.clear();
    render(event, buffer_);
    held.line.assign(buffer_.view());
  }
}

bool Printer::show_held() {
  hold_.reset();
  bool more = true;
  for (std::size_t i = 0; i < held_.size() && more; ++i) {
    const Held& held = held_[(kept_ + i) % held_.size()];
    count(*held.renderers, held.time);
    more = writer_->write(held.line) && within_limit();
  }
  held_ = {};
  return more;
}

const replay::Renderer& Printer::renderer(const Renderers& renderers) const {
  if (json_) return *renderers.json;
  return *renderers.text;
}

void Printer::render(const replay::Event& event, replay::TextBuffer& out) {
  line_.clear();
  renderer(*last_).append(event.batch(), event.row(), line_);
  if (options_.mark)
    mark(event.batch(), event.row(), line_, out);
  else
    out.append(line_);
  out.append("\n");
}

// The event with what its filters say before it.
void Printer::mark(const replay::EventBatch& events, std::uint32_t event, std::string_view line,
                   replay::TextBuffer& out) const {
  replay::filter::Verdict verdict = events.verdict(event);
  const char* word = verdict.keep ? "keep" : "drop";
  std::string by = verdict.by != replay::filter::Verdict::kNone
                       ? events.point().chain().filters()[verdict.by].spec->label
                   : verdict.keep ? "no select"
                                  : "no select matched";
  if (!json_) {
    out.append(fmt::format("{}  {:<18} ", word, shown(by)));
    out.append(line);
    return;
  }
  std::string text = fmt::format("{{\"verdict\":\"{}\",\"by\":\"", word);
  replay::append_json_string(by, text);
  text += line == "{}" ? "\"" : "\",";
  out.append(text);
  out.append(line.substr(1));  // without its own bracket
}

bool Printer::flush() { return writer_->flush(); }

bool Printer::tell_notes() {
  const auto& notes = session_->source().notes();
  std::vector<format::Note> fresh(notes.begin() + static_cast<std::ptrdiff_t>(told_notes_),
                                  notes.end());
  told_notes_ = notes.size();
  damaged_ |= report_notes(fresh) != kOk;
  return !damaged_;
}

int Printer::finish() {
  if (hold_) show_held();
  auto losses = losses_that_matter(*session_, options_.window.given());
  print_summary(losses);
  flush();
  if (error()) return fail(*error());
  int code = tell_notes() ? kOk : kDamaged;
  // A reader that has gone does not care.
  if (writer_->reader_gone()) return code;
  bool limited = stopped_ || (options_.limit && printed_ >= options_.limit);
  bool complete = report_completeness(*session_, losses, {options_.quiet, limited});
  return code == kOk && !complete && options_.fail_on_loss ? kLoss : code;
}

void Printer::print_summary(const std::vector<format::Loss>& losses) {
  if (!options_.summary) return;
  std::string first, last, text;
  if (first_time_) {
    first = replay::rfc3339(first_time_);
    last = replay::rfc3339(last_time_);
  }
  auto out = std::back_inserter(text);
  if (json_) {
    fmt::format_to(out, "{{\"events\":{},\"points\":{{", printed_);
    const char* separator = "";
    for (const auto& point : session_->points()) {
      fmt::format_to(out, "{}\"{}\":{}", separator, point->name(),
                     renderers_.at(point.get()).count);
      separator = ",";
    }
    text += '}';
    if (first_time_) fmt::format_to(out, ",\"first\":\"{}\",\"last\":\"{}\"", first, last);
    fmt::format_to(out, ",\"lost\":{}", total(losses));
    if (std::uint64_t damage = total_damage(losses))
      fmt::format_to(out, ",\"damaged\":{}", damage);
    text += "}\n";
  } else {
    for (const auto& point : session_->points())
      fmt::format_to(out, "{:>14}  {}\n", human_count(renderers_.at(point.get()).count),
                     point->name());
    fmt::format_to(out, "{:>14}  events\n", human_count(printed_));
    fmt::format_to(out, "{:>14}  records lost\n", human_count(total(losses)));
    if (std::uint64_t damage = total_damage(losses))
      fmt::format_to(out, "{:>14}  of them to damage\n", human_count(damage));
    if (first_time_) fmt::format_to(out, "from {}\nto   {}\n", first, last);
  }
  writer_->write(text);
}

}  // namespace dse::tools
