// One hot path at a time, for valgrind to count its instructions: `dse_instructions PATH`. Only the second
// time that the work is done counts, and none of what it takes to prepare it. check.py runs it.
#include <gnu/libc-version.h>
#include <sys/utsname.h>
#include <valgrind/callgrind.h>

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "format/encode.h"
#include "format/message.h"
#include "record/ring_tasks.h"
#include "replay/points/points.h"
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

// Out of a ring.
std::size_t append(const Records& records) {
  const auto in_ring = in_rings(records, 1);
  record::RingTasks tasks;
  format::StreamTable streams;
  format::Rows rows;
  measure([&] {
    rows.clear();
    for (const RingRecord& record : in_ring)
      take_from_ring(std::as_bytes(std::span(record.bytes)), tasks, rows, streams);
    keep(rows.count());
  });
  return records.size();
}

// As a storm has them: all of one process, on one CPU.
Records of_one_task(const Records& records) {
  dse_header first;
  std::memcpy(&first, records[0].data(), sizeof(first));
  Records out;
  for (std::size_t i = 0; i < records.size(); ++i) {
    std::string record(reinterpret_cast<const char*>(records[i].data()), records[i].size());
    dse_header header;
    std::memcpy(&header, record.data(), sizeof(header));
    header.task = first.task;
    header.cpu = first.cpu;
    header.seq = i;
    std::memcpy(record.data(), &header, sizeof(header));
    out.add(record);
  }
  return out;
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
  format::Batch batch = block_batch(records);
  InitialState initial;
  measure([&] { return initial.make(kAllNeeds); },
          [&](auto& state) { must(state->advance(batch)); });
  return records.size();
}

// ---- rendering -----------------------------------------------------------------------------------

std::size_t render(const Records& records, PageRenderer::Form form) {
  std::string bytes = capture_bytes(records, kBlock);
  auto session = open_session(bytes);
  PageRenderer renderer(*session, form);
  replay::EventPage page = first_page(*session);
  std::size_t events = 0;
  replay::TextBuffer out;
  measure([&] {
    out.clear();
    events = renderer.in_batches(page, out);
  });
  return events;
}

std::size_t render_alone(const Records& records) {
  std::string bytes = capture_bytes(records, kBlock);
  auto session = open_session(bytes);
  PageRenderer renderer(*session, PageRenderer::Form::json);
  replay::EventPage page = first_page(*session);
  std::size_t events = 0;
  std::string out;
  measure([&] {
    out.clear();
    events = renderer.one_by_one(page, out);
  });
  return events;
}

// ---- all of them ---------------------------------------------------------------------------------

Paths all_paths() {
  constexpr auto kJson = PageRenderer::Form::json, kText = PageRenderer::Form::text;
  Paths paths;
  for (format::Kind kind = DSE_PROCESS_FORK; kind <= DSE_PROCESS_EXEC_FAIL; ++kind)
    paths["append/" + format::kind_name(kind)] = [kind] {
      return append(records_of_kind(kind, kAppended));
    };
  paths["append/of_one_task"] = [] {
    return append(of_one_task(records_of_kind(DSE_SIGNAL_DELIVER, kAppended)));
  };
  paths["encode/signals"] = [] { return encode(signal_storm(kBlock)); };
  paths["encode/mixed"] = [] { return encode(mixed_storm(kBlock)); };
  paths["compress/signals"] = [] { return compress(signal_storm(kBlock)); };
  paths["compress/mixed"] = [] { return compress(mixed_storm(kBlock)); };
  paths["scan/numbers"] = [] { return scan(DSE_SIGNAL_DELIVER, "signal"); };
  paths["scan/times"] = [] { return scan(DSE_SIGNAL_DELIVER, "time"); };
  paths["predicate/number"] = [] { return predicate("sig.num = 9", {"evt.time"}); };
  paths["predicate/absent"] = [] { return predicate("sig.num = 11", {"evt.time"}); };
  paths["predicate/name"] = [] { return predicate("proc.name = nginx", {"evt.time"}); };
  paths["predicate/sender"] = [] { return predicate("sig.sender.name = nginx", {"evt.time"}); };
  paths["stats/signals"] = [] { return stats(signal_storm(kStorm)); };
  paths["stats/mixed"] = [] { return stats(mixed_storm(kStorm)); };
  paths["state/mixed"] = [] { return advance_state(mixed_storm(kBlock)); };
  paths["json/signals"] = [] { return render(signal_storm(kRendered), kJson); };
  paths["json/mixed"] = [] { return render(mixed_storm(kRendered), kJson); };
  paths["json_alone/mixed"] = [] { return render_alone(mixed_storm(kRendered)); };
  paths["text/signals"] = [] { return render(signal_storm(kRendered), kText); };
  paths["text/mixed"] = [] { return render(mixed_storm(kRendered), kText); };
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
