// Chains of filters: what is kept, and which filter is the reason, follow from what each of them says
// alone, whatever else the session has to read.
#include <gtest/gtest.h>

#include <algorithm>

#include "tests/property/filtered_capture.h"

using dse::replay::Event;
using dse::replay::Session;
using dse::replay::filter::Verdict;

namespace {

struct Filter {
  bool select;
  bool callable;  // handed over as a C++ function
  std::string text;
  slow::Expression slow;
};

std::string describe(std::uint64_t seed, const std::vector<Filter>& chain) {
  std::string out = "seed " + std::to_string(seed);
  for (const Filter& filter : chain)
    out += std::string(filter.select ? "\n  select " : "\n  drop ") +
           (filter.callable ? "by function: " : "") + filter.text;
  return out;
}

std::vector<Filter> random_chain(RandomFilters& random, bool callables) {
  std::vector<Filter> chain;
  for (std::uint64_t n = random.below(6); chain.size() < n;) {
    std::string text = random.expression(2);
    if (auto parsed = slow::parse(text))
      chain.push_back({random.chance(50), callables && random.chance(25), text, *parsed});
  }
  return chain;
}

void add(Session& session, const std::vector<Filter>& chain) {
  for (const auto& point : session.points()) {
    for (const Filter& filter : chain) {
      if (filter.callable) {
        auto function = [&filter](const Event& event) { return slow::matches(filter.slow, event); };
        filter.select ? point->select(function) : point->drop(function);
      } else {
        filter.select ? point->select(filter.text) : point->drop(filter.text);
      }
    }
    ASSERT_TRUE(point->filter_status().ok()) << point->filter_status().error().message();
  }
}

// The specification, word by word. `matches(i)`: whether filter i of the chain matches.
template <typename Matches>
Verdict judge(const std::vector<Filter>& chain, Matches matches) {
  // Reasons count selects, then drops.
  std::uint16_t selects = 0;
  for (const Filter& filter : chain) selects = static_cast<std::uint16_t>(selects + filter.select);
  Verdict verdict{selects == 0, Verdict::kNone};
  std::uint16_t place = 0;
  for (std::size_t i = 0; i < chain.size() && !verdict.keep; ++i)
    if (chain[i].select) {
      if (matches(i)) verdict = {true, place};
      ++place;
    }
  if (!verdict.keep) return verdict;
  place = selects;
  for (std::size_t i = 0; i < chain.size(); ++i)
    if (!chain[i].select) {
      if (matches(i)) return {false, place};
      ++place;
    }
  return verdict;
}

Verdict judge(const std::vector<Filter>& chain, const Event& event) {
  return judge(chain, [&](std::size_t i) { return slow::matches(chain[i].slow, event); });
}

std::uint64_t real_time_of(const Event& event) {
  const auto& batch = event.batch();
  return batch.state().real_time(event.number("evt.time").value_or(0), batch.number(event.row()));
}

struct Input {
  Capture capture;
  Samples samples;
  std::vector<EventId> events;
  std::vector<std::uint64_t> times;
};

std::vector<Input> inputs() {
  std::vector<Input> out;
  for (Capture& capture : test_captures()) {
    Input& input = out.emplace_back();
    input.capture = std::move(capture);
    for_each_event(input.capture, [&](const Event& event) {
      input.samples.add(event);
      input.events.push_back(id_of(event));
      input.times.push_back(real_time_of(event));
    });
  }
  return out;
}

class FilterChains : public testing::Test {
 protected:
  // Chains for each capture, each with what the slow evaluator keeps of the events that `within` allows.
  template <typename Check>
  void for_chains(std::uint64_t salt, std::size_t count, bool callables, Check check) {
    for (const Input& input : inputs()) {
      std::uint64_t seed = 1'000'000 * first_seed() + 100'000 * salt;
      for (std::size_t i = 0; i < affordable(count); ++i, ++seed) {
        RandomFilters random(seed, input.samples);
        std::vector<Filter> chain = random_chain(random, callables);
        check(input, chain, random, describe(seed, chain));
        if (HasFailure()) return;
      }
    }
  }
};

TEST_F(FilterChains, keep_what_any_select_and_no_drop_matches) {
  for_chains(1, 60, true,
             [](const Input& input, const std::vector<Filter>& chain, RandomFilters&,
                const std::string& what) {
               std::vector<EventId> slow;
               for_each_event(input.capture, [&](const Event& event) {
                 if (judge(chain, event).keep) slow.push_back(id_of(event));
               });
               auto session = open_session(input.capture);
               ASSERT_NO_FATAL_FAILURE(add(*session, chain));
               EXPECT_EQ(difference(input.capture, what, slow, events_of(*session)), "");
             });
}

TEST_F(FilterChains, every_event_has_one_verdict_and_one_reason) {
  for_chains(2, 60, true,
             [](const Input& input, const std::vector<Filter>& chain, RandomFilters&,
                const std::string& what) {
               auto session = open_session(input.capture);
               ASSERT_NO_FATAL_FAILURE(add(*session, chain));
               session->show_dropped(true);
               std::vector<EventId> shown;
               for (const Event& event : *session) {
                 shown.push_back(id_of(event));
                 Verdict slow = judge(chain, event), fast = event.verdict();
                 EXPECT_EQ(slow.keep, fast.keep) << what << "\n" << event.json();
                 EXPECT_EQ(slow.by, fast.by) << what << "\n" << event.json();
                 if (fast.by != Verdict::kNone && slow.by == fast.by) {
                   const auto& by = event.batch().point().chain().filters().at(fast.by);
                   EXPECT_EQ(by.spec->action == dse::replay::filter::Action::select, fast.keep);
                 }
               }
               EXPECT_TRUE(session->status().ok());
               EXPECT_EQ(difference(input.capture, what, input.events, shown), "");
             });
}

TEST_F(FilterChains, together_are_what_each_is_alone) {
  // Without the slow evaluator: this holds whatever the expressions mean.
  for_chains(3, 25, true,
             [](const Input& input, const std::vector<Filter>& chain, RandomFilters&,
                const std::string& what) {
               std::vector<std::vector<EventId>> alone;
               for (const Filter& filter : chain) {
                 auto session = open_session(input.capture);
                 ASSERT_NO_FATAL_FAILURE(add(*session, {{true, false, filter.text, filter.slow}}));
                 alone.push_back(events_of(*session));
               }
               std::vector<EventId> combined;
               // Rows repeat from snapshot to snapshot, so events are told apart by their order.
               std::vector<std::size_t> at(chain.size());
               for (const EventId& id : input.events) {
                 std::vector<bool> matched;
                 for (std::size_t i = 0; i < chain.size(); ++i) {
                   matched.push_back(at[i] < alone[i].size() && alone[i][at[i]] == id);
                   at[i] += matched.back();
                 }
                 if (judge(chain, [&](std::size_t i) { return matched[i]; }).keep)
                   combined.push_back(id);
               }
               auto session = open_session(input.capture);
               ASSERT_NO_FATAL_FAILURE(add(*session, chain));
               EXPECT_EQ(difference(input.capture, what, combined, events_of(*session)), "");
             });
}

TEST_F(FilterChains, need_no_other_fields_than_their_own) {
  // What the expressions read is then all that is read and kept up.
  for_chains(4, 60, false,
             [](const Input& input, const std::vector<Filter>& chain, RandomFilters&,
                const std::string& what) {
               std::vector<EventId> slow;
               for_each_event(input.capture, [&](const Event& event) {
                 if (judge(chain, event).keep) slow.push_back(id_of(event));
               });
               auto session = open_session(input.capture);
               ASSERT_NO_FATAL_FAILURE(add(*session, chain));
               session->use_only({"evt.num"});
               EXPECT_EQ(difference(input.capture, what, slow, events_of(*session)), "");
             });
}

TEST_F(FilterChains, judge_the_same_within_a_window) {
  for_chains(5, 40, true,
             [](const Input& input, const std::vector<Filter>& chain, RandomFilters& random,
                std::string what) {
               if (input.times.empty()) return;
               std::uint64_t since = input.times[random.below(input.times.size())],
                             until = input.times[random.below(input.times.size())];
               if (since > until && random.chance(90)) std::swap(since, until);
               what += "\nfrom " + std::to_string(since) + " to " + std::to_string(until);
               std::vector<EventId> slow;
               for_each_event(input.capture, [&](const Event& event) {
                 std::uint64_t time = real_time_of(event);
                 if (time >= since && time <= until && judge(chain, event).keep)
                   slow.push_back(id_of(event));
               });
               auto session = open_session(input.capture);
               ASSERT_NO_FATAL_FAILURE(add(*session, chain));
               session->set_window(since, until);
               if (random.chance(50) &&
                   std::none_of(chain.begin(), chain.end(), [](auto& f) { return f.callable; }))
                 session->use_only({"evt.num"});
               EXPECT_EQ(difference(input.capture, what, slow, events_of(*session)), "");
             });
}

}  // namespace
