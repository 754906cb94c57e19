// Compiled filters answer as an evaluator does that looks at one event at a time and shares no code with
// them: which expressions are refused, and which events are kept, of random captures and golden ones.
#include <gtest/gtest.h>

#include <iostream>

#include "replay/filter/parser.h"
#include "replay/points/points.h"
#include "tests/property/filtered_capture.h"

using dse::replay::Event;

namespace {

struct Case {
  std::uint64_t seed;
  std::string text;
  slow::Macros macros;
  bool drop;
  std::optional<slow::Expression> slow;
  std::vector<EventId> kept{};  // as the slow one says
};

std::vector<Case> make_cases(std::uint64_t seed, const Samples& samples, std::size_t count,
                             const std::vector<std::string>& fields) {
  std::vector<Case> cases;
  for (; cases.size() < count; ++seed) {
    RandomFilters random(seed, samples);
    std::string text = fields.empty() ? random.expression() : random.expression_on(fields);
    bool drop = random.chance(30);
    slow::Macros macros;
    if (fields.empty() && random.chance(10)) {
      macros = {{"a", random.expression(2)},
                {"b-1", "not @a or (@a && " + random.expression(1) + ")"}};
      text = "@b-1 and (" + text + ") or @a and not @b-1";
    }
    cases.push_back({seed, text, macros, drop, slow::parse(text, macros)});
  }
  return cases;
}

struct Tally {
  std::size_t cases = 0, refused = 0, decisive = 0;  // decisive: some events kept, and some not
};

// As a profile does if there are macros, else as a program does.
dse::Status add_filter(dse::replay::ObservationPoint& point, const Case& it) {
  using namespace dse::replay::filter;
  if (it.macros.empty()) {
    it.drop ? point.drop(it.text) : point.select(it.text);
    return point.filter_status();
  }
  auto node = parse("test", it.text, {it.macros.begin(), it.macros.end()});
  if (!node) return node.error();
  Spec spec{it.drop ? Action::drop : Action::select, "test", it.text, 0};
  return point.add_filter(std::make_shared<const Spec>(spec), *node);
}

void expect_agreement(const Capture& capture, std::uint64_t seed, std::size_t count, Tally& tally,
                      const std::vector<std::string>& fields = {}) {
  Samples samples;
  for_each_event(capture, [&](const Event& event) { samples.add(event); });
  std::vector<Case> cases = make_cases(seed, samples, count, fields);
  Size size = for_each_event(capture, [&](const Event& event) {
    for (Case& it : cases)
      if (it.slow && slow::matches(*it.slow, event) != it.drop) it.kept.push_back(id_of(event));
  });
  for (const Case& it : cases) {
    auto session = open_session(capture);
    std::string what = "seed " + std::to_string(it.seed) + (it.drop ? ", drop " : ", select ") +
                       it.text;
    for (const auto& [name, text] : it.macros) what += "\n@" + name + ": " + text;
    dse::Status status;
    for (const auto& point : session->points())
      if (auto added = add_filter(*point, it); !added) status = added;
    EXPECT_EQ(status.ok(), it.slow.has_value()) << what << "\n"
                                                << (status ? "" : status.error().message());
    if (!status) {
      EXPECT_EQ(status.error().code(), dse::ErrorCode::usage);
    }
    if (!status || !it.slow) {
      ++tally.refused;
      continue;
    }
    EXPECT_EQ(difference(capture, what, it.kept, events_of(*session)), "");
    tally.cases += size.batches;
    if (!it.kept.empty() && it.kept.size() < size.events) ++tally.decisive;
  }
}

TEST(filter_agreement, random_expressions) {
  Tally tally;
  std::uint64_t seed = 1'000'000 * first_seed();
  std::size_t expressions = 0;
  for (const Capture& capture : test_captures()) {
    expect_agreement(capture, seed += 10'000, affordable(400), tally);
    expressions += affordable(400);
  }
  std::cout << tally.cases << " batches judged, " << tally.refused << " expressions refused, "
            << tally.decisive << " decisive of " << expressions << "\n";
  EXPECT_GE(tally.cases, 10'000u);
  // Else the expressions say little.
  EXPECT_LT(tally.refused, expressions / 5);
  EXPECT_GT(tally.decisive, expressions / 3);
}

TEST(filter_agreement, skipping_blocks_changes_no_answer) {
  Tally tally;
  std::uint64_t seed = 2'000'000 * first_seed();
  for (std::size_t block : {std::size_t{1}, std::size_t{3}, std::size_t{10}}) {
    Capture capture = random_capture(20 + block, RandomRecords::Style::plausible, 150, block);
    expect_agreement(capture, seed += 10'000, 80, tally, {"evt.num", "evt.time", "evt.type"});
    expect_agreement(capture, seed += 10'000, 40, tally,
                     {"evt.num", "evt.time", "proc.pid", "evt.cpu"});
  }
  Capture wild = random_capture(30, RandomRecords::Style::arbitrary, 150, 5);
  expect_agreement(wild, seed += 10'000, 80, tally, {"evt.num", "evt.time", "evt.type"});
  EXPECT_GT(tally.decisive, 100u);
}

TEST(filter_agreement, blocks_are_skipped_at_all) {
  Capture capture = random_capture(41, RandomRecords::Style::plausible, 200, 5);
  auto frames = [&](const std::string& expression) {
    auto source = std::make_unique<dse::format::CaptureReader>(
        dse::format::memory_byte_source(capture.bytes, true), "test");
    auto& reader = *source;
    dse::replay::Session session(std::move(source));
    session.add(dse::replay::make_point("SignalGenerated")).select(expression);
    session.use_only({"evt.num"});
    for (const Event& event : session) (void)event;
    return reader.counters().frames;
  };
  std::uint64_t all = frames("evt.num >= 0");
  EXPECT_GT(all, 10u);
  EXPECT_LT(frames("evt.num in (50..60)"), all / 2);
  EXPECT_LT(frames("evt.num > 1000000"), all / 2);
}

}  // namespace
