// Diffs of sequences against the longest common subsequence by the textbook's table.
#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "replay/sequence_diff.h"

using namespace dse::replay;

namespace {

using Sequence = std::vector<Hash128>;

Sequence sequence_of(std::initializer_list<std::uint64_t> numbers) {
  Sequence out;
  for (std::uint64_t number : numbers) out.push_back({number % 3, number});
  return out;
}

std::size_t longest_common(const Sequence& a, const Sequence& b) {
  std::vector<std::vector<std::size_t>> best(a.size() + 1, std::vector<std::size_t>(b.size() + 1));
  for (std::size_t i = a.size(); i-- > 0;)
    for (std::size_t j = b.size(); j-- > 0;)
      best[i][j] = a[i] == b[j] ? best[i + 1][j + 1] + 1 : std::max(best[i + 1][j], best[i][j + 1]);
  return best[0][0];
}

Sequence kept(const Sequence& sequence, const std::vector<std::uint8_t>& gone) {
  Sequence out;
  for (std::size_t i = 0; i < sequence.size(); ++i)
    if (!gone[i]) out.push_back(sequence[i]);
  return out;
}

void expect_shortest(const Sequence& a, const Sequence& b) {
  SequenceDiff diff = diff_sequences(a, b, true);
  ASSERT_EQ(diff.removed.size(), a.size());
  ASSERT_EQ(diff.added.size(), b.size());
  ASSERT_TRUE(diff.in_order);
  ASSERT_TRUE(kept(a, diff.removed) == kept(b, diff.added));      // it is a diff
  ASSERT_EQ(kept(a, diff.removed).size(), longest_common(a, b));  // and there is no shorter one
}

TEST(sequence_diff, by_hand) {
  expect_shortest({}, {});
  expect_shortest({}, sequence_of({1}));
  expect_shortest(sequence_of({1}), {});
  expect_shortest(sequence_of({1, 2, 3}), sequence_of({1, 3}));
  expect_shortest(sequence_of({1, 2}), sequence_of({2, 1}));
  expect_shortest(sequence_of({1, 2, 3, 1, 2, 2, 1}), sequence_of({3, 2, 1, 2, 1, 3}));
  // Halves of one number alone do not make two equal.
  expect_shortest({{1, 2}}, {{2, 2}});
  expect_shortest({{1, 2}}, {{1, 3}});
}

TEST(sequence_diff, at_random) {
  std::mt19937_64 random(1);
  for (int round = 0; round < 4000; ++round) {
    SCOPED_TRACE(round);
    const std::uint64_t letters = 1 + random() % 12;
    Sequence a, b;
    for (std::uint64_t n = random() % 40; a.size() < n;) a.push_back({0, random() % letters});
    if (round % 2) {
      for (std::uint64_t n = random() % 40; b.size() < n;) b.push_back({0, random() % letters});
    } else {  // a few edits
      b = a;
      for (std::uint64_t edits = random() % 6; edits > 0; --edits) {
        auto place = static_cast<std::ptrdiff_t>(random() % (b.size() + 1));
        if (random() % 2 || place == static_cast<std::ptrdiff_t>(b.size()))
          b.insert(b.begin() + place, {0, random() % (letters + 2)});
        else
          b.erase(b.begin() + place);
      }
    }
    ASSERT_NO_FATAL_FAILURE(expect_shortest(a, b));
  }
}

TEST(sequence_diff, long_ones) {
  std::mt19937_64 random(2);
  for (int round = 0; round < 10; ++round) {
    SCOPED_TRACE(round);
    Sequence a, b;
    for (int i = 0; i < 1500; ++i) a.push_back({0, random() % 200});
    for (const Hash128& one : a)
      if (random() % 10) b.push_back(random() % 10 ? one : Hash128{0, random() % 200});
    ASSERT_NO_FATAL_FAILURE(expect_shortest(a, b));
  }
}

// As many of each as the other side lacks, wherever they are.
void expect_counts(const Sequence& a, const Sequence& b, const SequenceDiff& diff) {
  ASSERT_FALSE(diff.in_order);
  Sequence in_both = kept(a, diff.removed), in_both_b = kept(b, diff.added);
  std::sort(in_both.begin(), in_both.end());
  std::sort(in_both_b.begin(), in_both_b.end());
  ASSERT_TRUE(in_both == in_both_b);
  Sequence sorted_a = a, sorted_b = b, common;
  std::sort(sorted_a.begin(), sorted_a.end());
  std::sort(sorted_b.begin(), sorted_b.end());
  std::set_intersection(sorted_a.begin(), sorted_a.end(), sorted_b.begin(), sorted_b.end(),
                        std::back_inserter(common));
  ASSERT_TRUE(in_both == common);
}

TEST(sequence_diff, regardless_of_order) {
  std::mt19937_64 random(3);
  for (int round = 0; round < 300; ++round) {
    SCOPED_TRACE(round);
    Sequence a, b;
    for (std::uint64_t n = 1 + random() % 50; a.size() < n;) a.push_back({0, random() % 20});
    for (std::uint64_t n = 1 + random() % 50; b.size() < n;) b.push_back({0, random() % 20});
    if (a == b) continue;
    ASSERT_NO_FATAL_FAILURE(expect_counts(a, b, diff_sequences(a, b, false)));
  }
}

TEST(sequence_diff, too_much_work) {
  std::mt19937_64 random(4);
  Sequence a;
  for (std::uint64_t i = 0; i < 2000; ++i) a.push_back({0, i});
  Sequence b = a;
  std::shuffle(b.begin(), b.end(), random);
  SequenceDiff diff = diff_sequences(a, b, true, 10'000);
  ASSERT_NO_FATAL_FAILURE(expect_counts(a, b, diff));
  EXPECT_EQ(std::count(diff.removed.begin(), diff.removed.end(), 1), 0);
  // What is alone on its side is no work.
  Sequence other;
  for (std::uint64_t i = 0; i < 2000; ++i) other.push_back({1, i});
  diff = diff_sequences(a, other, true, 10'000);
  EXPECT_TRUE(diff.in_order);
  EXPECT_EQ(std::count(diff.removed.begin(), diff.removed.end(), 1), 2000);
  EXPECT_EQ(std::count(diff.added.begin(), diff.added.end(), 1), 2000);
}

}  // namespace
