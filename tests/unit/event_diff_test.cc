// Differences of events: blocks, hunks with what is around, changed fields, and the bounds.
#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include <fmt/format.h>

#include "replay/event_diff.h"

using namespace dse::replay;

namespace {

using Lines = std::vector<std::pair<std::string, std::string>>;  // of a sequence

EventSequences sequences_of(const Lines& lines, std::uint64_t most = EventSequences::kMaxEvents) {
  EventSequences out(most);
  for (const auto& [key, line] : lines) out.add(key, line);
  return out;
}

Lines of(const std::string& key, std::initializer_list<int> numbers) {
  Lines lines;
  for (int number : numbers) lines.emplace_back(key, std::to_string(number));
  return lines;
}

TEST(event_diff, blocks) {
  auto changes = compare(sequences_of(of("x", {1, 2, 3, 4, 5, 6})),
                         sequences_of(of("x", {1, 7, 8, 3, 4, 6, 9})), true);
  ASSERT_EQ(changes.size(), 1u);
  EXPECT_FALSE(changes[0].equal);
  EXPECT_EQ(changes[0].removed, 2u);
  EXPECT_EQ(changes[0].added, 3u);
  EXPECT_EQ(changes[0].blocks, (std::vector<DiffBlock>{{1, 2, 1, 3}, {4, 5, 5, 5}, {6, 6, 6, 7}}));
}

TEST(event_diff, sequences_by_themselves) {
  Lines a = of("x", {1, 2}), b = of("y", {3, 4});
  for (auto& line : of("y", {3, 4})) a.push_back(line);
  for (auto& line : of("x", {1, 2})) b.push_back(line);
  for (const SequenceChange& change : compare(sequences_of(a), sequences_of(b), true))
    EXPECT_TRUE(change.equal) << change.key;
  b.emplace_back("z", "5");
  auto changes = compare(sequences_of(a), sequences_of(b), true);
  ASSERT_EQ(changes.size(), 3u);
  EXPECT_EQ(changes[2].key, "z");
  EXPECT_EQ(changes[2].added, 1u);
}

// What is shown is what differs, with what is the same around it: put together, one side makes the other.
TEST(event_diff, hunks_make_one_side_the_other) {
  std::mt19937_64 random(5);
  for (int round = 0; round < 500; ++round) {
    SCOPED_TRACE(round);
    Lines a, b;
    for (std::uint64_t n = random() % 60; a.size() < n;)
      a.emplace_back("x", std::to_string(random() % 30));
    for (const auto& line : a) {
      if (random() % 8 == 0) b.emplace_back("x", std::to_string(random() % 30));
      if (random() % 8) b.push_back(line);
    }
    auto changes = compare(sequences_of(a), sequences_of(b), true);
    const auto context = static_cast<std::uint32_t>(random() % 4);
    DiffPlan plan = plan_hunks(changes, context, 1000);
    EXPECT_EQ(plan.left_out, 0u);
    EventPicker from_a(changes, plan, EventPicker::Side::a),
        from_b(changes, plan, EventPicker::Side::b);
    for (const auto& [key, line] : a)
      if (ShownEvent* event = from_a.next(key)) event->line = line;
    for (const auto& [key, line] : b)
      if (ShownEvent* event = from_b.next(key)) event->line = line;
    EXPECT_TRUE(from_a.done() && from_b.done());
    std::vector<std::string> made;
    std::uint32_t at = 0;
    for (const DiffHunk& hunk : plan.hunks) {
      ASSERT_LE(at, hunk.all.a0);
      for (; at < hunk.all.a0; ++at) made.push_back(a[at].second);
      ASSERT_EQ(made.size(), hunk.all.b0);
      for (const DiffBlock& block : hunk.blocks) {
        for (; at < block.a0; ++at) made.push_back(from_a.get(0, at)->line);
        for (; at < block.a1; ++at) ASSERT_EQ(from_a.get(0, at)->line, a[at].second);
        for (std::uint32_t j = block.b0; j < block.b1; ++j) made.push_back(from_b.get(0, j)->line);
      }
      for (; at < hunk.all.a1; ++at) made.push_back(from_a.get(0, at)->line);
      ASSERT_EQ(made.size(), hunk.all.b1);
    }
    for (; at < a.size(); ++at) made.push_back(a[at].second);
    std::vector<std::string> expected;
    for (const auto& [key, line] : b) expected.push_back(line);
    ASSERT_EQ(made, expected);
  }
}

TEST(event_diff, limit) {
  Lines a, b;
  for (int i = 0; i < 100; ++i) a.emplace_back("x", fmt::format("a{}", i));
  for (int i = 0; i < 50; ++i) b.emplace_back("x", fmt::format("b{}", i));
  auto changes = compare(sequences_of(a), sequences_of(b), true);
  for (std::uint64_t limit : {0u, 1u, 2u, 7u, 60u, 149u, 150u, 200u}) {
    DiffPlan plan = plan_hunks(changes, 2, limit);
    std::uint64_t shown = 0;
    for (const DiffHunk& hunk : plan.hunks)
      for (const DiffBlock& block : hunk.blocks) shown += block.a1 - block.a0 + block.b1 - block.b0;
    EXPECT_EQ(shown, std::min<std::uint64_t>(limit, 150)) << limit;
    EXPECT_EQ(plan.left_out, 150 - shown) << limit;
  }
}

// What is beyond the limit is not the same around what is shown.
TEST(event_diff, limit_ends_before_the_next_difference) {
  auto changes = compare(sequences_of(of("x", {1, 2, 3, 4, 5, 6})),
                         sequences_of(of("x", {1, 3, 5, 6})), true);
  DiffPlan plan = plan_hunks(changes, 2, 1);
  ASSERT_EQ(plan.hunks.size(), 1u);
  EXPECT_EQ(plan.hunks[0].all, (DiffBlock{0, 3, 0, 2}));
  plan = plan_hunks(changes, 2, 2);
  ASSERT_EQ(plan.hunks.size(), 1u);
  EXPECT_EQ(plan.hunks[0].all, (DiffBlock{0, 6, 0, 4}));
}

TEST(event_diff, too_many_to_compare_one_by_one) {
  Lines a, b;
  for (int i = 0; i < 100; ++i) a.emplace_back("x", std::to_string(i));
  b = a;
  std::swap(b[3], b[90]);
  auto changes = compare(sequences_of(a, 50), sequences_of(b, 50), true);
  ASSERT_EQ(changes.size(), 1u);
  EXPECT_EQ(changes[0].how, SequenceChange::How::counted);
  EXPECT_TRUE(changes[0].equal);  // the order is not looked at
  b[5].second = "other";
  changes = compare(sequences_of(a, 50), sequences_of(b, 50), true);
  EXPECT_FALSE(changes[0].equal);
  b.emplace_back("x", "one more");
  changes = compare(sequences_of(a, 50), sequences_of(b, 50), true);
  EXPECT_EQ(changes[0].added, 1u);
}

TEST(event_diff, too_different_for_order) {
  Lines a, b;
  for (int i = 0; i < 1000; ++i) a.emplace_back("x", std::to_string(i));
  b = a;
  std::shuffle(b.begin(), b.end(), std::mt19937_64(6));
  b[7].second = "other";
  auto changes = compare(sequences_of(a), sequences_of(b), true, 1000);
  EXPECT_EQ(changes[0].how, SequenceChange::How::unordered);
  EXPECT_EQ(changes[0].removed, 1u);
  EXPECT_EQ(changes[0].added, 1u);
  EXPECT_EQ(changes[0].blocks.size(), 2u);
}

TEST(event_diff, fields) {
  auto changes = changed_fields(R"({"a":{"b":1,"c":"x"},"d":[1]})",
                                R"({"a":{"b":2,"e":true},"d":[1]})");
  ASSERT_EQ(changes.size(), 3u);
  EXPECT_EQ(changes[0].field + changes[0].before + changes[0].after, "a.b12");
  EXPECT_EQ(changes[1].field + changes[1].before + changes[1].after, "a.c\"x\"");
  EXPECT_EQ(changes[2].field + changes[2].before + changes[2].after, "a.etrue");
  EXPECT_TRUE(changed_fields("not JSON", "{}").empty());
}

TEST(event_diff, pairs) {
  auto event = [](int name, int cwd) {
    return fmt::format(R"({{"evt":{{"type":"X"}},"a":{0},"b":{0},"c":{0},"d":{0},"cwd":{1}}})",
                       name, cwd);
  };
  std::string a1 = event(1, 1), a2 = event(2, 1), b1 = event(1, 5), b2 = event(2, 6),
              b3 = event(3, 7);
  using Pairs = std::vector<std::pair<std::size_t, std::size_t>>;
  EXPECT_EQ(pair_changed({a1, a2}, {b3, b1, b2}), (Pairs{{0, 1}, {1, 2}}));
  EXPECT_EQ(pair_changed({a1, a2}, {b2, b1}).size(), 1u);  // in order
  EXPECT_EQ(pair_changed({a1}, {b3}), Pairs{});
  EXPECT_EQ(pair_changed({a1}, {"not JSON"}), Pairs{});
  EXPECT_EQ(pair_changed(std::vector<std::string_view>(kMaxPaired + 1, a1), {b1}), Pairs{});
}

}  // namespace
