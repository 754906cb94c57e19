#include "record/ring_merge.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <limits>
#include <random>
#include <utility>
#include <vector>

#include "tests/unit/simulated_ring.h"
#include "tests/unit/testing.h"

using namespace dse::record;

namespace {

constexpr std::size_t kPage = 4096;
constexpr std::uint64_t kForever = std::numeric_limits<std::uint64_t>::max();

Record record_at(std::uint64_t time, std::size_t ring, std::size_t tail = 0) {
  Record record = make_record(DSE_PROCESS_EXIT, make_task(1, "a"), dse_process_exit{},
                              std::string(tail, static_cast<char>('a' + time % 26)));
  dse_header header = header_of_record(record);
  header.time_ns = time;
  header.cpu = static_cast<std::uint16_t>(ring);
  set_header(record, header);
  return record;
}

// What came out: the time, and the ring.
using Came = std::pair<std::uint64_t, std::size_t>;
using Order = std::vector<Came>;

class Merged {
 public:
  explicit Merged(std::size_t count, std::size_t size = 4 * kPage)
      : rings_(count, size), merge_(rings_.rings()) {}

  SimulatedProducer& operator[](std::size_t ring) { return rings_[ring]; }
  bool put(std::size_t ring, std::uint64_t time) {
    return rings_[ring].put(bytes_of(record_at(time, ring)));
  }
  std::uint64_t reserve(std::size_t ring, std::uint64_t time) {
    return rings_[ring].reserve(static_cast<std::uint32_t>(record_at(time, ring).size())).value();
  }
  void finish(std::size_t ring, std::uint64_t at, std::uint64_t time) {
    rings_[ring].write(at, bytes_of(record_at(time, ring)));
    rings_[ring].commit(at);
  }

  void begin(std::uint64_t now, bool to_the_end = false) { merge_.begin_pass(now, to_the_end); }
  // At most so many records.
  Order take(std::size_t most = std::numeric_limits<std::size_t>::max()) {
    Order order;
    done_ = merge_.deliver([&](std::size_t, std::span<const std::byte> record) {
      if (order.size() >= most) return false;
      dse_header header = header_of_record(string_of(record));
      order.emplace_back(header.time_ns, header.cpu);
      return true;
    });
    return order;
  }
  bool done() const { return done_; }
  void end() { merge_.end_pass(); }
  Order pass(std::uint64_t now, bool to_the_end = false) {
    begin(now, to_the_end);
    Order order = take();
    EXPECT_TRUE(done());
    end();
    return order;
  }
  RingMerge& merge() { return merge_; }

 private:
  SimulatedRings rings_;
  RingMerge merge_;
  bool done_ = false;
};

TEST(ring_merge, nothing) {
  Merged none(0), idle(128);
  EXPECT_EQ(none.pass(5), Order{});
  EXPECT_EQ(idle.pass(5), Order{});
  EXPECT_EQ(idle.pass(5, true), Order{});
}

TEST(ring_merge, every_record_from_another_ring) {
  constexpr std::size_t kRings = 64;
  Merged merged(kRings);
  Order expected;
  for (std::uint64_t time = 1; time <= 10 * kRings; ++time) {
    const std::size_t ring = time * 37 % kRings;
    ASSERT_TRUE(merged.put(ring, time));
    expected.emplace_back(time, ring);
  }
  EXPECT_EQ(merged.pass(kForever), expected);
  EXPECT_EQ(merged.pass(kForever), Order{});
}

TEST(ring_merge, equal_times_come_by_ring) {
  Merged merged(3);
  for (std::size_t ring : {2u, 0u, 1u})
    for (std::uint64_t time : {7u, 7u, 8u}) merged.put(ring, time);
  EXPECT_EQ(merged.pass(kForever),
            (Order{{7, 0}, {7, 0}, {7, 1}, {7, 1}, {7, 2}, {7, 2}, {8, 0}, {8, 1}, {8, 2}}));
  merged.put(2, 9);
  merged.put(2, 10);
  merged.put(1, 10);  // a run ends where a ring before it is as early
  EXPECT_EQ(merged.pass(kForever), (Order{{9, 2}, {10, 1}, {10, 2}}));
}

TEST(ring_merge, what_is_later_than_the_pass_waits) {
  Merged merged(2);
  for (std::uint64_t time : {1u, 5u, 6u}) merged.put(0, time);
  merged.put(1, 3);
  EXPECT_EQ(merged.pass(4), (Order{{1, 0}, {3, 1}}));
  EXPECT_EQ(merged.pass(5), (Order{{5, 0}}));
  EXPECT_EQ(merged.pass(5), Order{});
  EXPECT_EQ(merged.pass(5, true), (Order{{6, 0}}));
}

TEST(ring_merge, a_record_that_is_being_written_holds_back_what_may_be_later) {
  Merged merged(3);
  merged.put(0, 1);
  EXPECT_EQ(merged.pass(2), (Order{{1, 0}}));
  const std::uint64_t busy = merged.reserve(0, 3);
  merged.put(0, 6);
  merged.put(1, 2);
  merged.put(1, 4);
  EXPECT_EQ(merged.pass(5), (Order{{2, 1}}));  // its time is not before that of the pass before
  merged.put(2, 7);
  EXPECT_EQ(merged.pass(8), Order{});
  merged.finish(0, busy, 3);
  EXPECT_EQ(merged.pass(9), (Order{{3, 0}, {4, 1}, {6, 0}, {7, 2}}));
}

TEST(ring_merge, at_the_end_nothing_is_held_back_but_what_is_being_written) {
  Merged merged(2);
  const std::uint64_t busy = merged.reserve(0, 3);
  merged.put(0, 5);
  merged.put(1, 4);
  EXPECT_EQ(merged.pass(1, true), (Order{{4, 1}}));
  merged.finish(0, busy, 3);
  EXPECT_EQ(merged.pass(1, true), (Order{{3, 0}, {5, 0}}));
}

TEST(ring_merge, a_record_that_is_refused_comes_next) {
  Merged merged(3);
  for (std::uint64_t time = 1; time <= 9; ++time) merged.put(time % 3, time);
  merged.put(2, 10);
  merged.begin(kForever);
  Order all;
  for (std::size_t most = 0; !merged.done() || most == 0; ++most) {
    EXPECT_TRUE(merged.merge().pass_open());
    for (Came came : merged.take(most)) all.push_back(came);
  }
  merged.end();
  EXPECT_FALSE(merged.merge().pass_open());
  ASSERT_EQ(all.size(), 10u);
  for (std::size_t i = 0; i < all.size(); ++i) EXPECT_EQ(all[i].first, i + 1);
}

TEST(ring_merge, what_was_not_taken_comes_in_the_next_pass) {
  Merged merged(2);
  for (std::uint64_t time = 1; time <= 6; ++time) merged.put(time % 2, time);
  merged.begin(kForever);
  EXPECT_EQ(merged.take(3), (Order{{1, 1}, {2, 0}, {3, 1}}));
  merged.end();
  merged.put(0, 7);
  EXPECT_EQ(merged.pass(kForever), (Order{{4, 0}, {5, 1}, {6, 0}, {7, 0}}));
}

TEST(ring_merge, discarded_records_give_their_space_back) {
  Merged merged(1, kPage);
  for (std::uint64_t time = 1; time < 1000; ++time) {
    const std::uint64_t at = merged.reserve(0, time);
    if (time % 3 == 0) {
      merged.finish(0, at, time);
      ASSERT_EQ(merged.pass(time), (Order{{time, 0}}));
    } else {
      merged[0].discard(at);
      ASSERT_EQ(merged.pass(time), Order{});
    }
  }
}

TEST(ring_merge, a_full_ring_takes_what_was_released) {
  Merged merged(2, kPage);
  std::uint64_t time = 1;
  for (int round = 0; round < 100; ++round) {
    const std::uint64_t first = time;
    while (merged.put(0, time)) ++time;
    merged.begin(kForever);
    ASSERT_EQ(merged.take(5).size(), 5u);
    merged.end();
    for (int i = 0; i < 5; ++i) ASSERT_TRUE(merged.put(0, time++));
    ASSERT_FALSE(merged.put(0, time));
    Order rest = merged.pass(kForever);
    ASSERT_EQ(rest.size(), time - first - 5);
    ASSERT_EQ(rest.back().first, time - 1);
  }
}

TEST(ring_merge, records_over_the_end_of_the_data_are_whole) {
  SimulatedRings rings(2, kPage);
  RingMerge merge(rings.rings());
  std::mt19937_64 random{1};
  for (std::uint64_t time = 1; time < 3000; ++time) {
    Records expected;
    for (std::size_t ring : {0u, 1u}) {
      expected.push_back(record_at(time, ring, random() % 900));
      ASSERT_TRUE(rings[ring].put(bytes_of(expected.back())));
    }
    Records came;
    merge.begin_pass(time, false);
    ASSERT_TRUE(merge.deliver([&](std::size_t, std::span<const std::byte> record) {
      came.push_back(string_of(record));
      return true;
    }));
    merge.end_pass();
    ASSERT_EQ(came, expected);
  }
}

TEST(ring_merge, agrees_with_sorting) {
  std::mt19937_64 random{7};
  for (int round = 0; round < 100; ++round) {
    const std::size_t count = 1 + random() % 70;
    const std::uint64_t step = 1 + random() % 4;  // 1: all times are equal within a ring
    Merged merged(count, 4 * kPage);
    Order expected;
    std::vector<std::uint64_t> times(count);
    for (std::size_t i = random() % 500; i > 0; --i) {
      const std::size_t ring = random() % count;
      if (merged.put(ring, times[ring] += random() % step))
        expected.emplace_back(times[ring], ring);
    }
    std::sort(expected.begin(), expected.end());
    Order came;
    for (std::uint64_t now = 0; came.size() < expected.size(); ++now) {
      merged.begin(now);
      while (true) {
        for (Came one : merged.take(random() % 50)) came.push_back(one);
        if (merged.done()) break;
      }
      merged.end();
    }
    ASSERT_EQ(came, expected) << round;
  }
}

TEST(ring, tells_the_most_that_was_in_use) {
  SimulatedRings rings(1, kPage);
  Ring& ring = rings.rings()[0];
  for (std::uint64_t time : {1u, 2u, 3u}) rings[0].put(bytes_of(record_at(time, 0)));
  const std::uint64_t used = rings[0].position();
  EXPECT_TRUE(ring.has_more());
  ring.begin_pass(4);
  while (!ring.head().empty()) ring.pop();
  ring.release();
  EXPECT_FALSE(ring.has_more());
  EXPECT_FALSE(ring.is_in_use());
  rings[0].put(bytes_of(record_at(5, 0)));
  ring.begin_pass(6);
  EXPECT_EQ(ring.take_peak(), used);
  EXPECT_EQ(ring.take_peak(), 0u);
}

}  // namespace
