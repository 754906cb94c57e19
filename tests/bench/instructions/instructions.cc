// One hot path at a time, for valgrind to count its instructions: `dse_instructions PATH`. Only the second
// time that the work is done counts, and none of what it takes to prepare it. check.py runs it.
#include <gnu/libc-version.h>
#include <sys/utsname.h>
#include <valgrind/callgrind.h>

#include <algorithm>
#include <cstdio>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "format/batch_impl.h"
#include "format/encode.h"
#include "format/message.h"
#include "replay/batch_renderer.h"
#include "replay/points/points.h"
#include "replay/render.h"
#include "replay/session.h"
#include "replay/tally.h"
#include "tests/bench/captures.h"

namespace {

using namespace dse;
using namespace dse::bench;

using Path = std::function<std::size_t()>;  // gives how many events it was
using Paths = std::map<std::string, Path>;

constexpr std::size_t kBlock = 32768;  // records
// Large enough that what is done once per block or session does not show.
constexpr std::size_t kAppended = 8192, kStorm = 131072, kRendered = 16384;

// What is counted must not be optimised away.
template <typename T>
void keep(const T& value) {
  asm volatile("" : : "r,m"(value) : "memory");
}

// The first time, memory grows to what it needs.
template <typename Prepare, typename Work>
void measure(Prepare prepare, Work work) {
  {
    auto input = prepare();
    work(input);
  }
  auto input = prepare();
  CALLGRIND_START_INSTRUMENTATION;
  work(input);
  CALLGRIND_STOP_INSTRUMENTATION;
}

template <typename Work>
void measure(Work work) {
  work();
  CALLGRIND_START_INSTRUMENTATION;
  work();
  CALLGRIND_STOP_INSTRUMENTATION;
}

// ---- recording -----------------------------------------------------------------------------------

std::size_t append(const Records& records) {
  format::Rows rows;
  measure([&] {
    rows.clear();
    append_all(records, rows);
  });
  return records.size();
}

std::size_t encode(const Records& records) {
  format::Rows rows;
  append_all(records, rows);
  format::BatchEncoder encoder;
  measure([&] { keep(encoder.block(rows)); });
  return records.size();
}

std::size_t compress(const Records& records) {
  format::Rows rows;
  append_all(records, rows);
  format::BatchEncoder batches;
  auto message = batches.block(rows);
  format::EntryEncoder entries(1);
  measure([&] {
    format::EntryHeader header;
    keep(must(entries.encode(header, *message)).size());
  });
  return records.size();
}

// ---- reading -------------------------------------------------------------------------------------

// Opens a block and goes through one column of one kind.
std::size_t scan(format::Kind kind, std::string_view column) {
  EncodedBlock block = encode_block(signal_storm(kBlock));
  const auto place = static_cast<unsigned>(format::kind_layout(kind)->column(column));
  measure([&] {
    format::Batch batch = block.open();
    auto values = column == "time" ? must(batch.table(kind)->time())
                                   : must(batch.table(kind)->ints(place));
    keep(std::count(values.begin(), values.end(), 9));
  });
  return kBlock / 2;  // rows of that kind
}

std::unique_ptr<replay::Session> open_session(const std::string& bytes) {
  auto session = std::make_unique<replay::Session>(open_capture(bytes));
  for (const std::string& name : replay::default_point_names())
    session->add(replay::make_point(name));
  return session;
}

// From the bytes of a capture to the few events that pass.
std::size_t predicate(const std::string& filter, const std::vector<std::string>& fields) {
  std::string bytes = capture_bytes(signal_storm(kStorm), kBlock);
  auto prepare = [&] {
    auto session = std::make_unique<replay::Session>(open_capture(bytes));
    session->add(replay::signal_delivered()).select(filter);
    session->use_only(fields);
    return session;
  };
  measure(prepare, [](auto& session) {
    while (auto page = must(session->next_page())) keep(page->runs().size());
  });
  return kStorm;
}

std::size_t stats(const Records& records) {
  struct Counting {
    std::unique_ptr<replay::Session> session;
    replay::Tally tally;
  };
  std::string bytes = capture_bytes(records, kBlock);
  auto prepare = [&] {
    auto session = open_session(bytes);
    replay::TallyOptions options;
    options.by = {"proc.name"};
    replay::Tally tally(options, session->points());
    session->use_only(tally.fields());
    session->use_values_only();
    return Counting{std::move(session), std::move(tally)};
  };
  measure(prepare, [](Counting& counting) {
    using Step = replay::Session::Step;
    for (Step step; (step = must(counting.session->next_batch())) != Step::end;)
      if (step == Step::batch)
        for (const auto& judged : counting.session->judged()) must(counting.tally.add(judged));
    keep(counting.tally.answer(20, false).rows.size());
  });
  return records.size();
}

std::size_t advance_state(const Records& records) {
  format::BatchEncoder encoder;
  format::Rows rows, snapshot;
  append_all(records, rows);
  append_all(snapshot_records(), snapshot);
  format::Batch beginning = must(format::read_batch(encoder.snapshot(snapshot, {1, 2, {}, {}})));
  format::Batch batch = must(format::read_batch(encoder.block(rows)));
  auto prepare = [&] {
    auto state = std::make_unique<replay::State>();
    state->set_needs({true, true, true, true, true});
    state->reset(segment_info());
    must(state->advance(beginning));
    return state;
  };
  measure(prepare, [&](auto& state) { must(state->advance(batch)); });
  return records.size();
}

// ---- rendering -----------------------------------------------------------------------------------

template <typename Renderer>
using Renderers = std::map<const replay::ObservationPoint*, Renderer>;

replay::JsonRenderer make_renderer(const replay::ObservationPoint& point, replay::JsonRenderer*) {
  return replay::JsonRenderer(point);
}
replay::TextRenderer make_renderer(const replay::ObservationPoint& point, replay::TextRenderer*) {
  return {point, false};
}

// Many events at a time, as replay does it.
template <typename Renderer>
std::size_t render(const Records& records) {
  std::string bytes = capture_bytes(records, kBlock);
  auto session = open_session(bytes);
  Renderers<Renderer> renderers;
  for (const auto& point : session->points())
    renderers.try_emplace(point.get(),
                          make_renderer(*point, static_cast<Renderer*>(nullptr)));
  must(session->next_page());  // of the snapshot
  auto page = must(session->next_page());
  std::size_t events = 0;
  replay::TextBuffer out;
  measure([&] {
    events = 0;
    out.clear();
    for (const auto& source : page->sources()) {
      const Renderer& renderer = renderers.at(&source.events->point());
      auto columns = renderer.columns(*source.events);
      replay::BatchRenderer batch;
      batch.begin(renderer, *source.events, columns, source.chosen);
      for (std::size_t i = 0; i < source.chosen.size(); ++i) batch.append(i, out);
      events += source.chosen.size();
    }
  });
  return events;
}

// One event by itself.
std::size_t render_alone(const Records& records) {
  std::string bytes = capture_bytes(records, kBlock);
  auto session = open_session(bytes);
  must(session->next_page());
  auto page = must(session->next_page());
  std::size_t events = 0;
  std::string out;
  for (const auto& source : page->sources()) events += source.chosen.size();
  measure([&] {
    out.clear();
    for (const auto& source : page->sources()) {
      replay::JsonRenderer renderer(source.events->point());
      for (std::uint32_t event : source.chosen) renderer.append(*source.events, event, out);
    }
  });
  return events;
}

// ---- all of them ---------------------------------------------------------------------------------

Paths all_paths() {
  using replay::JsonRenderer, replay::TextRenderer;
  Paths paths;
  for (format::Kind kind = DSE_PROCESS_FORK; kind <= DSE_PROCESS_EXEC_FAIL; ++kind)
    paths["append/" + format::kind_name(kind)] = [kind] {
      return append(records_of_kind(kind, kAppended));
    };
  paths["encode/signals"] = [] { return encode(signal_storm(kBlock)); };
  paths["encode/mixed"] = [] { return encode(mixed_storm(kBlock)); };
  paths["compress/signals"] = [] { return compress(signal_storm(kBlock)); };
  paths["compress/mixed"] = [] { return compress(mixed_storm(kBlock)); };
  paths["scan/numbers"] = [] { return scan(DSE_SIGNAL_DELIVER, "signal"); };
  paths["scan/times"] = [] { return scan(DSE_SIGNAL_DELIVER, "time"); };
  paths["predicate/number"] = [] { return predicate("sig.num = 9", {"evt.time"}); };
  paths["predicate/name"] = [] { return predicate("proc.name = nginx", {"evt.time"}); };
  paths["predicate/sender"] = [] { return predicate("sig.sender.name = nginx", {"evt.time"}); };
  paths["stats/signals"] = [] { return stats(signal_storm(kStorm)); };
  paths["stats/mixed"] = [] { return stats(mixed_storm(kStorm)); };
  paths["state/mixed"] = [] { return advance_state(mixed_storm(kBlock)); };
  paths["json/signals"] = [] { return render<JsonRenderer>(signal_storm(kRendered)); };
  paths["json/mixed"] = [] { return render<JsonRenderer>(mixed_storm(kRendered)); };
  paths["json_alone/mixed"] = [] { return render_alone(mixed_storm(kRendered)); };
  paths["text/signals"] = [] { return render<TextRenderer>(signal_storm(kRendered)); };
  paths["text/mixed"] = [] { return render<TextRenderer>(mixed_storm(kRendered)); };
  return paths;
}

// What the figures depend on, and all paths: as JSON.
void describe(const Paths& paths) {
  utsname host;
  uname(&host);
#ifdef __clang__
  std::printf("{\"made_with\":{\"compiler\":\"clang++ %d\"", __clang_major__);
#else
  std::printf("{\"made_with\":{\"compiler\":\"g++ %d\"", __GNUC__);
#endif
  std::printf(",\"build\":\"%s\",\"machine\":\"%s\",\"libraries\":\"glibc %s, %s\"},\"paths\":[",
              DSE_BENCH_BUILD, host.machine, gnu_get_libc_version(), DSE_BENCH_LIBRARIES);
  const char* separator = "";
  for (const auto& [name, path] : paths) {
    std::printf("%s\"%s\"", separator, name.c_str());
    separator = ",";
  }
  std::printf("]}\n");
}

}  // namespace

int main(int argc, char** argv) {
  Paths paths = all_paths();
  if (argc == 1) {
    describe(paths);
    return 0;
  }
  auto path = paths.find(argv[1]);
  if (argc != 2 || path == paths.end()) {
    std::fprintf(stderr, "usage: dse_instructions [PATH]; without one it lists them\n");
    return 2;
  }
  std::printf("%zu\n", path->second());
}
