#include "format/times.h"

#include <gtest/gtest.h>

#include <random>
#include <vector>

using namespace dse::format;

namespace {

using Values = std::vector<std::uint64_t>;

struct Unpacked {
  Values references, rest;
};

Unpacked pack(TimePacker& packer, const Values& times, const Values& values) {
  PackArena arena;
  packer.refer_to(times);
  const PackedTimes packed = packer.pack(values, arena);
  EXPECT_TRUE(packed.references.times);
  EXPECT_FALSE(packed.rest.times);
  Unpacked out{Values(packed.references.rows), Values(packed.rest.rows)};
  unpack_ints(packed.references, parts_of(packed.references, arena), out.references.data());
  unpack_ints(packed.rest, parts_of(packed.rest, arena), out.rest.data());
  return out;
}

void expect_round_trip(TimePacker& packer, const Values& times, const Values& values) {
  Unpacked out = pack(packer, times, values);
  ASSERT_EQ(out.references.size(), values.size());
  ASSERT_EQ(count_rest(out.references), out.rest.size());
  ASSERT_TRUE(resolve_times(out.references, times, out.rest).ok());
  ASSERT_EQ(out.references, values);
}

TEST(times, references_say_how_many_rows_before) {
  TimePacker packer;
  const Unpacked out =
      pack(packer, {100, 200, 300, 400, 500}, {0, 200, 100, 77, 200});
  EXPECT_EQ(out.references, (Values{0, 2, 4, 1, 5}));
  EXPECT_EQ(out.rest, Values{77});
}

TEST(times, what_comes_later_is_not_referred_to) {
  TimePacker packer;
  const Unpacked out = pack(packer, {100, 200, 300}, {200, 300, 300});
  EXPECT_EQ(out.references, (Values{1, 1, 2}));
  EXPECT_EQ(out.rest, (Values{200, 300}));
}

TEST(times, of_equal_times_the_first_one_that_is_not_the_own_is_meant) {
  TimePacker packer;
  const Unpacked out = pack(packer, {5, 5, 5, 6}, {5, 5, 5, 5});
  EXPECT_EQ(out.references, (Values{2, 2, 2, 5}));
}

TEST(times, any_values) {
  std::mt19937_64 random(3);
  TimePacker packer;
  for (int round = 0; round < 300; ++round) {
    Values times(random() % 300), values(times.size());
    const unsigned shift = random() % 64;
    for (std::uint64_t& time : times) time = random() >> shift;
    for (std::size_t i = 0; i < values.size(); ++i)
      values[i] = random() % 3 ? times[random() % times.size()] : random() >> random() % 64;
    expect_round_trip(packer, times, values);
    if (HasFatalFailure()) return;
  }
}

TEST(times, those_that_want_the_same_place_cost_room_only) {
  // Multiples of the inverse of the multiplier, which all hash to what they are multiples by.
  constexpr std::uint64_t kInverse = 0xf1de83e19937733d;
  static_assert(kInverse * 0x9e3779b97f4a7c15 == 1);
  Values times(100'000);
  for (std::size_t i = 0; i < times.size(); ++i) times[i] = kInverse * (i + 1);
  TimePacker packer;
  expect_round_trip(packer, times, times);
  Values of_the_first(times.size(), times[0]);
  expect_round_trip(packer, times, of_the_first);
  Values before(times.begin(), times.end());
  before.insert(before.begin(), 0);
  before.pop_back();
  expect_round_trip(packer, times, before);
  const Unpacked out = pack(packer, times, before);
  EXPECT_GT(out.rest.size(), times.size() / 2);
}

TEST(times, a_row_in_front_of_the_first_one_is_damage) {
  const Values times{100, 200, 300};
  for (const std::uint64_t reference : {5u, 6u, ~0u}) {
    Values references{2, 3, reference};
    auto status = resolve_times(references, times, {});
    ASSERT_FALSE(status.ok()) << reference;
    EXPECT_EQ(status.error().code(), dse::ErrorCode::damaged);
  }
  Values references{2, 3, 4};
  EXPECT_TRUE(resolve_times(references, times, {}).ok());
  EXPECT_EQ(references, (Values{100, 100, 100}));
}

}  // namespace
