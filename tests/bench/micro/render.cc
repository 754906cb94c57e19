// Events to lines, from columns that have been made. Items are events, bytes those of the lines.
#include <string>

#include "tests/bench/captures.h"
#include "tests/bench/micro/report.h"

namespace {

using namespace dse;
using namespace dse::bench;
using Form = PageRenderer::Form;

constexpr std::size_t kRendered = 16384;  // records

// Lets `render` fill `out` with the lines of a page.
template <typename Text, typename Render>
void render(benchmark::State& bench, const Records& records, Form form, Text out, Render lines) {
  std::string bytes = capture_bytes(records, kBlock);
  auto session = open_session(bytes);
  PageRenderer renderer(*session, form);
  replay::EventPage page = first_page(*session);
  std::size_t events = lines(renderer, page, out);  // makes the columns
  for (auto _ : bench) {
    out.clear();
    benchmark::DoNotOptimize(lines(renderer, page, out));
  }
  report(bench, events, out.size());
}

void in_batches(benchmark::State& bench, Records (*storm)(std::size_t), Form form) {
  render(bench, storm(kRendered), form, replay::TextBuffer(),
         [](const PageRenderer& renderer, const replay::EventPage& page, replay::TextBuffer& out) {
           return renderer.in_batches(page, out);
         });
}

void one_by_one(benchmark::State& bench, Records (*storm)(std::size_t), Form form) {
  render(bench, storm(kRendered), form, std::string(),
         [](const PageRenderer& renderer, const replay::EventPage& page, std::string& out) {
           return renderer.one_by_one(page, out);
         });
}

BENCHMARK_CAPTURE(in_batches, json_signals, signal_storm, Form::json);
BENCHMARK_CAPTURE(in_batches, json_mixed, mixed_storm, Form::json);
BENCHMARK_CAPTURE(in_batches, text_signals, signal_storm, Form::text);
BENCHMARK_CAPTURE(in_batches, text_mixed, mixed_storm, Form::text);
BENCHMARK_CAPTURE(one_by_one, json_signals, signal_storm, Form::json);
BENCHMARK_CAPTURE(one_by_one, json_mixed, mixed_storm, Form::json);
BENCHMARK_CAPTURE(one_by_one, text_signals, signal_storm, Form::text);
BENCHMARK_CAPTURE(one_by_one, text_mixed, mixed_storm, Form::text);

}  // namespace
