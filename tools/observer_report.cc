#include "tools/observer_report.h"

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "format/layout.h"
#include "replay/table_view.h"
#include "replay/timestamp.h"
#include "tools/terminal.h"

namespace dse::tools {
namespace {

using Sample = dse_observer_sample;

// More than a day's; with more, every other one goes and spans get twice as long.
constexpr std::size_t kMaxSeries = 100'000;

// What a later total has over an earlier one, of a counter that only grows. A capture may claim otherwise.
std::uint64_t growth(std::uint64_t now, std::uint64_t before) {
  return now > before ? now - before : 0;
}

// The columns of a sample; `counter`: a total, as opposed to a size or peak.
using Member = decltype(Sample::user_ns) Sample::*;
struct SampleColumn {
  const char* column;
  Member member;
  const char* key;
  bool counter;
};
constexpr SampleColumn kColumns[] = {
    {"user", &Sample::user_ns, "user_ns", true},
    {"system", &Sample::system_ns, "system_ns", true},
    {"rss", &Sample::rss_bytes, "rss_bytes", false},
    {"peakRss", &Sample::peak_rss_bytes, "peak_rss_bytes", false},
    {"minorFaults", &Sample::minor_faults, "minor_faults", true},
    {"majorFaults", &Sample::major_faults, "major_faults", true},
    {"voluntarySwitches", &Sample::voluntary_switches, "voluntary_switches", true},
    {"involuntarySwitches", &Sample::involuntary_switches, "involuntary_switches", true},
    {"ringBytes", &Sample::ring_bytes, "ring_bytes", false},
    {"ringPeak", &Sample::ring_peak, "ring_peak_bytes", false},
    {"records", &Sample::records, "records", true},
    {"blocks", &Sample::blocks, "blocks", true},
    {"bytes", &Sample::bytes, "bytes", true},
};

std::string kind_of(std::uint32_t program) {
  return format::kind_name(static_cast<format::Kind>(program));
}

double percent(std::uint64_t part, std::uint64_t whole) {
  return whole ? 100.0 * static_cast<double>(part) / static_cast<double>(whole) : 0;
}

// In less time, what it takes to start is nearly all of the cost, and no share of a CPU means anything.
constexpr std::uint64_t kLeastForShare = 2'000'000'000;

std::string share(std::uint64_t ns, std::uint64_t length_ns, const char* of) {
  if (length_ns < kLeastForShare) return {};
  return fmt::format(" ({:.2f} %{})", percent(ns, length_ns), of);
}

}  // namespace

double ObserverReport::Program::ns_per_run() const {
  return measured_runs ? static_cast<double>(measured_ns) / static_cast<double>(measured_runs) : 0;
}

// Failed execs are only some of the runs of their programs, so for them the time speaks.
std::uint64_t ObserverReport::Program::estimated_ns(std::uint32_t kind,
                                                    std::uint64_t length_ns) const {
  if (kind == DSE_PROCESS_EXEC_FAIL)
    return window_ns ? static_cast<std::uint64_t>(static_cast<double>(measured_ns) *
                                                  static_cast<double>(length_ns) /
                                                  static_cast<double>(window_ns))
                     : 0;
  return static_cast<std::uint64_t>(ns_per_run() * static_cast<double>(runs));
}

format::KindSet ObserverReport::kinds() {
  return format::kind_bit(DSE_OBSERVER_SAMPLE) | format::kind_bit(DSE_PROGRAM_SAMPLE);
}

void ObserverReport::begin(std::uint64_t started_ns) {
  last_time_ns_ = started_ns;
  last_ = {};
  last_programs_.clear();
}

Status ObserverReport::add(const format::Batch& batch, std::uint64_t offset) {
  DSE_TRY_ASSIGN(auto samples, replay::TableView::open(batch, DSE_OBSERVER_SAMPLE));
  DSE_TRY_ASSIGN(auto time, samples.time());
  std::array<std::span<const std::uint64_t>, std::size(kColumns)> columns;
  for (std::size_t i = 0; i < columns.size(); ++i) {
    DSE_TRY_ASSIGN(columns[i], samples.ints(kColumns[i].column));
  }
  // Those before the first sample belong to the last one of the batch before.
  Span rest;
  DSE_TRY(add_programs(batch, 0, samples.rows() ? samples.positions[0] : ~0u, rest));
  if (!rest.programs.empty()) {
    add_programs_up(sum_, rest);
    if (!series_.empty()) add_programs_up(series_.back(), rest);
  }
  for (std::uint32_t row = 0; row < samples.rows(); ++row) {
    Span span;
    span.real_ns = time[row] + offset;
    span.length_ns = growth(time[row], last_time_ns_);
    last_time_ns_ = time[row];
    for (std::size_t i = 0; i < columns.size(); ++i) {
      Member member = kColumns[i].member;
      std::uint64_t value = columns[i][row];
      span.recorder.*member = kColumns[i].counter ? growth(value, last_.*member) : value;
      last_.*member = value;
    }
    // The programs' records follow on that of the recorder.
    std::uint32_t until = row + 1 < samples.rows() ? samples.positions[row + 1] : ~0u;
    DSE_TRY(add_programs(batch, samples.positions[row], until, span));
    keep(std::move(span));
  }
  return {};
}

// Those whose records are between two positions of the batch.
Status ObserverReport::add_programs(const format::Batch& batch, std::uint32_t from,
                                    std::uint32_t until, Span& span) {
  DSE_TRY_ASSIGN(auto programs, replay::TableView::open(batch, DSE_PROGRAM_SAMPLE));
  DSE_TRY_ASSIGN(auto program, programs.ints("program"));
  DSE_TRY_ASSIGN(auto runs, programs.ints("runs"));
  DSE_TRY_ASSIGN(auto ring_full, programs.ints("ringFull"));
  DSE_TRY_ASSIGN(auto busy, programs.ints("busy"));
  DSE_TRY_ASSIGN(auto measured_runs, programs.ints("measuredRuns"));
  DSE_TRY_ASSIGN(auto measured, programs.ints("measured"));
  DSE_TRY_ASSIGN(auto window, programs.ints("window"));
  auto first = std::lower_bound(programs.positions.begin(), programs.positions.end(), from);
  for (auto at = first; at != programs.positions.end() && *at < until; ++at) {
    auto row = static_cast<std::size_t>(at - programs.positions.begin());
    auto number = static_cast<std::uint32_t>(program[row]);
    if (number >= format::kMaxKinds) continue;  // only a hostile capture has one
    Program total{runs[row],          ring_full[row], busy[row],
                  measured_runs[row], measured[row],  window[row]};
    const Program before = std::exchange(last_programs_[number], total);
    span.programs[number] = {growth(total.runs, before.runs),
                             growth(total.ring_full, before.ring_full),
                             growth(total.busy, before.busy),
                             growth(total.measured_runs, before.measured_runs),
                             growth(total.measured_ns, before.measured_ns),
                             growth(total.window_ns, before.window_ns)};
  }
  return {};
}

void ObserverReport::keep(Span span) {
  add_up(sum_, span);
  if (!keep_series_) return;
  series_.push_back(std::move(span));
  if (series_.size() < kMaxSeries) return;
  for (std::size_t i = 0; i + 1 < series_.size(); i += 2) {
    Span pair = std::move(series_[i]);
    add_up(pair, series_[i + 1]);
    series_[i / 2] = std::move(pair);
  }
  series_.resize(series_.size() / 2);
}

// `span` follows on `to`.
void ObserverReport::add_up(Span& to, const Span& span) {
  to.real_ns = span.real_ns;
  to.length_ns += span.length_ns;
  for (const SampleColumn& column : kColumns) {
    auto& into = to.recorder.*column.member;
    auto from = span.recorder.*column.member;
    bool peak = column.member == &Sample::ring_peak || column.member == &Sample::peak_rss_bytes;
    into = column.counter ? into + from : peak ? std::max(into, from) : from;
  }
  add_programs_up(to, span);
}

void ObserverReport::add_programs_up(Span& to, const Span& span) {
  for (const auto& [number, program] : span.programs) {
    Program& into = to.programs[number];
    into.runs += program.runs;
    into.ring_full += program.ring_full;
    into.busy += program.busy;
    into.measured_runs += program.measured_runs;
    into.measured_ns += program.measured_ns;
    into.window_ns += program.window_ns;
  }
}

std::string ObserverReport::text() const {
  std::string out;
  if (sum_.length_ns == 0) return out;
  auto to = std::back_inserter(out);
  const Sample& recorder = sum_.recorder;
  std::uint64_t cpu = recorder.user_ns + recorder.system_ns, programs = 0;
  for (const auto& [number, program] : sum_.programs)
    programs += program.estimated_ns(number, sum_.length_ns);
  fmt::format_to(to, "{:<13} {} of CPU for the recorder{}, {} of memory at most\n", "own cost",
                 human_duration(cpu), share(cpu, sum_.length_ns, " of one"),
                 human_bytes(recorder.peak_rss_bytes));
  bool measured = std::any_of(sum_.programs.begin(), sum_.programs.end(),
                              [](const auto& program) { return program.second.measured_runs; });
  std::string kernel_side = measured
                                ? fmt::format("{} for the programs{}", human_duration(programs),
                                              share(programs, sum_.length_ns, ""))
                                : "no time of the programs, as none ran while they were timed";
  fmt::format_to(to, "{:<13} {}; rings at most {:.1f} % full\n", "", kernel_side,
                 percent(recorder.ring_peak, recorder.ring_bytes));
  for (const auto& [number, program] : sum_.programs) {
    if (program.runs == 0) continue;
    fmt::format_to(to, "  {:>14}  {}", human_count(program.runs), kind_of(number));
    if (program.measured_runs && number != DSE_PROCESS_EXEC_FAIL)
      fmt::format_to(to, ", {:.0f} ns each", program.ns_per_run());
    out += '\n';
  }
  return out;
}

void ObserverReport::write_span(Writer& w, const Span& span) {
  auto number = [&](const char* key, std::uint64_t value) {
    w.Key(key);
    w.Uint64(value);
  };
  std::string time = replay::rfc3339(span.real_ns);
  w.StartObject();
  w.Key("until");
  w.String(time.data(), static_cast<rapidjson::SizeType>(time.size()));
  number("span_ns", span.length_ns);
  for (const SampleColumn& column : kColumns) number(column.key, span.recorder.*column.member);
  w.Key("programs");
  w.StartArray();
  for (const auto& [kind, program] : span.programs) {
    w.StartObject();
    w.Key("kind");
    w.String(kind_of(kind).c_str());
    number("runs", program.runs);
    number("lost_ring_full", program.ring_full);
    number("lost_busy", program.busy);
    number("measured_runs", program.measured_runs);
    number("measured_ns", program.measured_ns);
    number("measured_window_ns", program.window_ns);
    if (program.measured_runs) number("estimated_ns", program.estimated_ns(kind, span.length_ns));
    w.EndObject();
  }
  w.EndArray();
  w.EndObject();
}

void ObserverReport::write(Writer& w) const {
  w.StartObject();
  w.Key("sum");
  write_span(w, sum_);
  if (keep_series_) {
    w.Key("series");
    w.StartArray();
    for (const Span& span : series_) write_span(w, span);
    w.EndArray();
  }
  w.EndObject();
}

}  // namespace dse::tools
