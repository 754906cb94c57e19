// Where filters rule signals out beforehand, they are not followed. What is shown must not tell.
#include <gtest/gtest.h>

#include <functional>
#include <random>

#include "replay/points/points.h"
#include "tests/unit/testing.h"

using namespace dse::format;
using dse::replay::Event;
using dse::replay::Session;

namespace {

// A storm has one of these rows: also what no machine has as a signal.
constexpr std::uint32_t kChoice = 7;
constexpr int kSignals[][kChoice] = {{9, 10, 12, 15, 17, 34, 40},
                                     {9, 10, 12, 17, 0, -3, 34},
                                     {12, 34, 100, 128, 129, 200, 10}};
constexpr int kCodes[] = {0, -1, -6, 1, 0x80};

// Few processes of a few threads, so that signals meet: some wait, some are never taken, some end processes.
Records storm(unsigned seed, std::size_t count) {
  std::mt19937 random(seed);
  const auto& signals = kSignals[seed % std::size(kSignals)];
  Script script;
  auto below = [&](std::uint32_t n) { return static_cast<std::uint32_t>(random() % n); };
  auto task = [&] {
    dse_task made = make_task(100 + 10 * below(4), "task" + std::to_string(below(3)));
    made.tid = made.pid + below(3);
    return made;
  };
  for (std::size_t i = 0; i < count; ++i) {
    const int signal = signals[below(kChoice)], code = kCodes[below(std::size(kCodes))];
    const std::uint32_t lot = below(100);
    if (lot < 45) {
      script.add(generate_record(task(), task(), signal, code, below(2) == 0, below(8) == 0));
    } else if (lot < 92) {
      Record record = deliver_record(task(), signal, code, below(2) == 0 ? 0 : 0x4000);
      if (signal == 9 && below(2) == 0) {
        auto* body = reinterpret_cast<dse_signal_deliver*>(record.data() + sizeof(dse_header));
        body->exit_flags = DSE_DELIVER_GROUP_EXIT;
        body->group_exit = static_cast<std::uint32_t>(signals[below(kChoice)]);
      }
      script.add(std::move(record));
    } else {
      script.add(exit_record(task(), below(2) == 0));
    }
  }
  return script.records();
}

using Wanted = std::function<bool(const Event&)>;

// As JSON, one after the other. `wanted` is asked outside of the session, which knows nothing of it.
std::vector<std::string> lines(const std::vector<Records>& batches, const std::string& select,
                               const std::string& drop, const Wanted& wanted) {
  Session session(std::make_unique<MemoryRecords>(Records{}, batches));
  auto& point = session.add(dse::replay::make_point("SignalDelivered"));
  if (!select.empty()) point.select(select);
  if (!drop.empty()) point.drop(drop);
  std::vector<std::string> out;
  for (const Event& event : session)
    if (!wanted || wanted(event)) out.push_back(event.json());
  EXPECT_TRUE(session.status().ok());
  return out;
}

bool is(const Event& event, int signal) {
  return event.number("sig.num") == static_cast<std::uint64_t>(signal);
}

struct Case {
  std::string select, drop;
  Wanted wanted;
};

const Case kCases[] = {
    {"sig.num = 12", "", [](const Event& e) { return is(e, 12); }},
    {"sig.num = 9", "", [](const Event& e) { return is(e, 9); }},
    {"sig.num = 64", "", [](const Event&) { return false; }},
    {"sig.name = SIGUSR1", "", [](const Event& e) { return is(e, 10); }},
    {"sig.num = SIGUSR1", "", [](const Event& e) { return is(e, 10); }},
    {"sig.num in (10, 15, 34)", "",
     [](const Event& e) { return is(e, 10) || is(e, 15) || is(e, 34); }},
    {"sig.num = 40 and sig.sender.name exists", "",
     [](const Event& e) { return is(e, 40) && e.text("sig.sender.name"); }},
    {"sig.num = 12 or sig.sender.pid = 110", "",
     [](const Event& e) { return is(e, 12) || e.number("sig.sender.pid") == 110u; }},
    {"evt.num < 300", "", [](const Event& e) { return e.number("evt.num") < 300u; }},
    {"sig.num = 10 and evt.num in (100..400)", "",
     [](const Event& e) {
       return is(e, 10) && e.number("evt.num") >= 100u && e.number("evt.num") <= 400u;
     }},
    {"sig.num = 200", "", [](const Event& e) { return is(e, 200); }},
    {"sig.num < 1", "", [](const Event& e) { return is(e, 0) || is(e, -3); }},
    {"sig.num != 12", "", [](const Event& e) { return !is(e, 12); }},
    {"", "", {}},
    {"", "sig.num != 17", [](const Event& e) { return is(e, 17); }},
    {"not sig.name in (SIGKILL, SIGUSR2)", "sig.num = 10",
     [](const Event& e) { return !is(e, 9) && !is(e, 12) && !is(e, 10); }},
};

TEST(signal_following, does_not_depend_on_what_filters_rule_out) {
  for (unsigned seed = 1; seed <= 6; ++seed) {
    const Records records = storm(seed, 500);
    for (std::size_t size : {1u, 20u, 500u}) {
      const std::vector<Records> batches = cut(records, size);
      for (const Case& one : kCases)
        ASSERT_EQ(lines(batches, one.select, one.drop, {}), lines(batches, "", "", one.wanted))
            << one.select << " / " << one.drop << ", seed " << seed << ", batches of " << size;
    }
  }
}

}  // namespace
