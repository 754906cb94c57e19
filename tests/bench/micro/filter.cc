// The operators of the filter language, each over the events of a block whose columns have been made.
// Items are events, bytes those of the columns that the operator looks at; `matches` is the share of events.
#include <algorithm>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "replay/filter/parser.h"
#include "replay/filter/program.h"
#include "replay/points/points.h"
#include "tests/bench/captures.h"
#include "tests/bench/micro/report.h"

namespace {

using namespace dse;
using namespace dse::bench;

// The events that one point makes of a block.
class Events {
 public:
  Events(const Records& records, std::string_view point)
      : bytes_(capture_bytes(records, kBlock)), session_(open_capture(bytes_)) {
    using Step = replay::Session::Step;
    session_.add(replay::make_point(point));
    while (must(session_.next_batch()) != Step::batch || session_.batch().snapshot()) {
    }
  }
  const replay::EventBatch& batch() const { return session_.judged().front().events; }

 private:
  std::string bytes_;
  replay::Session session_;
};

std::size_t column_bytes(const replay::EventColumn& column) {
  std::size_t bytes = column.index.size_bytes() + column.numbers.size_bytes() +
                      column.present.size();
  for (std::string_view text : column.texts) bytes += text.size();
  return bytes;
}

void run(benchmark::State& bench, const Events& events, const std::string& expression) {
  using namespace replay::filter;
  const replay::EventBatch& batch = events.batch();
  Node node = must(parse("benchmark", expression));
  Program program = must(Program::compile(node, batch.point()));
  Mask active(batch.size(), 1), out(batch.size());
  Scratch scratch;
  must(program.run(batch, active, out, scratch));  // makes the columns
  for (auto _ : bench) {
    must(program.run(batch, active, out, scratch));
    benchmark::DoNotOptimize(out.data());
  }
  std::vector<std::size_t> fields;
  program.add_fields(fields, false);
  std::size_t bytes = 0;
  for (std::size_t field : fields) bytes += column_bytes(*must(batch.column(field)));
  report(bench, batch.size(), bytes);
  bench.counters["matches"] = static_cast<double>(std::count(out.begin(), out.end(), 1)) /
                              static_cast<double>(batch.size());
}

void signals(benchmark::State& bench, const char* expression) {
  static const Events events(signal_storm(kBlock), "SignalDelivered");
  run(bench, events, expression);
}
// Nearly every command line is another.
void programs(benchmark::State& bench, const char* expression) {
  static const Events events(records_of_kind(DSE_PROCESS_EXEC, kBlock), "ProcessExecuted");
  run(bench, events, expression);
}
void sockets(benchmark::State& bench, const char* expression) {
  static const Events events(records_of_kind(DSE_SOCKET_STATE, kBlock), "SocketStateChange");
  run(bench, events, expression);
}

BENCHMARK_CAPTURE(signals, flag, "evt.self");
BENCHMARK_CAPTURE(signals, exists, "sig.sender.name exists");
BENCHMARK_CAPTURE(signals, number_equal, "sig.num = 9");
BENCHMARK_CAPTURE(signals, number_by_name, "sig.num = SIGKILL");
BENCHMARK_CAPTURE(signals, number_not_equal, "sig.num != 10");
BENCHMARK_CAPTURE(signals, number_in, "sig.num in (9, 12, 15)");
BENCHMARK_CAPTURE(signals, time_less, "evt.time < 2026-11-22T15:49:35.018Z");
BENCHMARK_CAPTURE(signals, time_in,
                  "evt.time in (2026-11-22T15:49:35.01Z .. 2026-11-22T15:49:35.02Z)");
BENCHMARK_CAPTURE(signals, text_equal, "proc.name = nginx");
BENCHMARK_CAPTURE(signals, and_, "sig.num = 10 and proc.name = nginx");
BENCHMARK_CAPTURE(signals, or_, "sig.num = 10 or proc.name = nginx");
BENCHMARK_CAPTURE(signals, not_, "not sig.num = 10");

BENCHMARK_CAPTURE(sockets, number_less, "sock.rport < 32768");
BENCHMARK_CAPTURE(sockets, number_less_equal, "sock.rport <= 32768");
BENCHMARK_CAPTURE(sockets, number_greater, "sock.rport > 50000");
BENCHMARK_CAPTURE(sockets, number_greater_equal, "sock.rport >= 50000");
BENCHMARK_CAPTURE(sockets, number_in, "sock.rport in (8080, 40000, 40001, 50000)");
BENCHMARK_CAPTURE(sockets, number_range, "sock.rport in (40000..50000)");
BENCHMARK_CAPTURE(sockets, address_equal, "sock.rip = 10.0.1.9");
BENCHMARK_CAPTURE(sockets, address_not_equal, "sock.rip != 10.0.0.7");
BENCHMARK_CAPTURE(sockets, address_network, "sock.rip = 10.0.1.0/26");
BENCHMARK_CAPTURE(sockets, address_in, "sock.rip in (127.0.0.0/8, ::1, 10.0.1.0/26)");
BENCHMARK_CAPTURE(sockets, address_range, "sock.rip in (10.0.1.3 .. 10.0.1.99)");

BENCHMARK_CAPTURE(programs, flag, "proc.is_script");
BENCHMARK_CAPTURE(programs, text_equal, "proc.cmdline = 'sleep 0.1 20005'");
BENCHMARK_CAPTURE(programs, text_not_equal, "proc.cmdline != 'sleep 0.1 20005'");
BENCHMARK_CAPTURE(programs, text_in, "proc.cmdline in ('sleep 0.1 20005', 'sleep 0.1 20016', top)");
BENCHMARK_CAPTURE(programs, contains, "proc.cmdline contains loadavg");
BENCHMARK_CAPTURE(programs, icontains, "proc.cmdline icontains LoadAvg");
BENCHMARK_CAPTURE(programs, startswith, "proc.cmdline startswith 'git '");
BENCHMARK_CAPTURE(programs, endswith, "proc.cmdline endswith 00");
BENCHMARK_CAPTURE(programs, glob, "proc.cmdline glob 'curl *health*'");
BENCHMARK_CAPTURE(programs, regex, "proc.cmdline regex '.*-m [a-z]+ tests/\\w+.*'");
BENCHMARK_CAPTURE(programs, list_equal, "proc.args = -j2");
BENCHMARK_CAPTURE(programs, list_contains, "proc.args contains needle");
BENCHMARK_CAPTURE(programs, list_regex, "proc.args regex '--\\w+=.*'");
BENCHMARK_CAPTURE(programs, list_intersects, "proc.args intersects (needle, -sb, --branch)");
BENCHMARK_CAPTURE(programs, list_element, "proc.args[2] = needle");

}  // namespace
