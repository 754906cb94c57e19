#include "format/ints.h"

#include <gtest/gtest.h>

#include <limits>
#include <random>

using namespace dse::format;

namespace {

using Values = std::vector<std::uint64_t>;
constexpr std::uint64_t kMax = std::numeric_limits<std::uint64_t>::max();

std::uint64_t negative(std::int64_t value) { return static_cast<std::uint64_t>(value); }

// Packs behind something else, as in a real arena, and gives the width.
unsigned expect_round_trip(const Values& values, bool delta = false, std::uint64_t start = 0) {
  PackArena arena(3, std::byte{0x55});
  PackedInts packed = delta ? pack_differences(values, start, arena) : pack_ints(values, arena);
  EXPECT_EQ(packed.rows, values.size());
  EXPECT_EQ(packed.offset, 3u);
  EXPECT_EQ(packed.delta, delta);
  EXPECT_EQ(arena.size(), 3 + packed.size_bytes());
  EXPECT_EQ(arena[2], std::byte{0x55});
  Values out(values.size());
  unpack_ints(packed, parts_of(packed, arena), out.data());
  EXPECT_EQ(out, values);
  return packed.width;
}

TEST(ints, width_is_the_narrowest) {
  EXPECT_EQ(expect_round_trip({}), 0u);
  EXPECT_EQ(expect_round_trip({7}), 0u);
  EXPECT_EQ(expect_round_trip({kMax, kMax, kMax}), 0u);
  EXPECT_EQ(expect_round_trip({1000, 1255}), 1u);
  EXPECT_EQ(expect_round_trip({1000, 1256}), 2u);
  EXPECT_EQ(expect_round_trip({0, 0xffff}), 2u);
  EXPECT_EQ(expect_round_trip({0, 0x10000}), 4u);
  EXPECT_EQ(expect_round_trip({0, 0xffffffff}), 4u);
  EXPECT_EQ(expect_round_trip({0, 0x100000000}), 8u);
  EXPECT_EQ(expect_round_trip({0, kMax}), 1u);  // 0 and -1
  EXPECT_EQ(expect_round_trip({0, kMax / 2, kMax / 2 + 1, kMax}), 8u);
}

TEST(ints, signed_columns_are_narrow_too) {
  EXPECT_EQ(expect_round_trip({negative(-6), 0, 128}), 1u);
  EXPECT_EQ(expect_round_trip({negative(-1), 1}), 1u);
  EXPECT_EQ(expect_round_trip({negative(std::numeric_limits<std::int32_t>::min()),
                               std::numeric_limits<std::int32_t>::max()}),
            4u);
  EXPECT_EQ(
      expect_round_trip({negative(std::numeric_limits<std::int64_t>::min()),
                         static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max())}),
      1u);  // next to each other, unsigned
}

TEST(ints, differences) {
  EXPECT_EQ(expect_round_trip({}, true, 99), 0u);
  EXPECT_EQ(expect_round_trip({100, 110, 120}, true, 90), 0u);  // a constant step
  EXPECT_EQ(expect_round_trip({1'000'000, 1'000'005, 1'000'001}, true, 1'000'000), 1u);
  EXPECT_EQ(expect_round_trip({5, 3, 900}, true, 5), 2u);
  expect_round_trip({kMax, 0, kMax, 1}, true, 0);  // wraps around
  expect_round_trip({0, kMax / 2 + 1, 0}, true, kMax);
}

TEST(ints, arbitrary_values) {
  std::mt19937_64 random(1);
  for (int i = 0; i < 3000; ++i) {
    Values values(i % 50 ? random() % 50 : kPlaneRows - 5 + random() % 50);
    std::uint64_t shift = random() % 64, base = random();
    for (std::uint64_t& value : values) value = base + (random() >> shift);
    expect_round_trip(values, random() % 2, random() % 2 ? random() : 0);
    if (testing::Test::HasFailure()) return;
  }
}

// As many rows as are split, of which one in the middle is `high` and all others are 1.
Values many_rows(std::uint64_t high) {
  Values values(kPlaneRows, 1);
  values[kPlaneRows / 2] = high;
  return values;
}

TEST(ints, long_columns_are_as_wide_as_they_must_be) {
  EXPECT_EQ(expect_round_trip(many_rows(1)), 0u);
  for (unsigned bytes = 1; bytes <= 7; ++bytes) {
    const std::uint64_t most = (std::uint64_t{1} << 8 * bytes) - 1;
    EXPECT_EQ(expect_round_trip(many_rows(1 + most)), bytes);
    EXPECT_EQ(expect_round_trip(many_rows(2 + most)), bytes + 1);
  }
  EXPECT_EQ(expect_round_trip(many_rows(kMax / 2)), 8u);
  EXPECT_EQ(expect_round_trip(many_rows(2 + 0xffff), true, 1), 3u);
  Values short_of_it = many_rows(2 + 0xffff);
  short_of_it.pop_back();
  EXPECT_EQ(expect_round_trip(short_of_it), 4u);
}

TEST(ints, long_columns_are_split_by_bytes) {
  Values values(kPlaneRows + 1);
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = 1000 + 0x100 * i;
  PackArena arena;
  const PackedInts packed = pack_ints(values, arena);
  ASSERT_TRUE(packed.planes);
  ASSERT_EQ(packed.width, 3u);
  const PackedParts parts = parts_of(packed, arena);
  for (std::size_t i = 0; i < values.size(); ++i) {
    ASSERT_EQ(parts[0][i], std::byte{0});
    ASSERT_EQ(parts[1][i], static_cast<std::byte>(i & 0xff));
    ASSERT_EQ(parts[2][i], static_cast<std::byte>(i >> 8));
  }
}

TEST(ints, what_is_said_of_the_room_is_true) {
  std::mt19937_64 random(2);
  for (std::size_t rows : {std::size_t{1}, std::size_t{100}, std::size_t{kPlaneRows}}) {
    for (int i = 0; i < 200; ++i) {
      const std::uint64_t span = random() >> random() % 64 >> 1;
      Values values(rows, 7);
      values.back() = 7 + span;
      PackArena arena;
      pack_ints(values, arena);
      ASSERT_EQ(arena.size(), rows == 1 ? 0 : packed_bytes(rows, span)) << span;
    }
  }
}

TEST(ints, columns_share_an_arena) {
  PackArena arena;
  Values a{1, 2, 300}, b{5, 5}, c{7, 9};
  PackedInts pa = pack_ints(a, arena), pb = pack_ints(b, arena), pc = pack_differences(c, 7, arena);
  Values out(3);
  unpack_ints(pa, parts_of(pa, arena), out.data());
  EXPECT_EQ(out, a);
  out.resize(2);
  unpack_ints(pb, parts_of(pb, arena), out.data());
  EXPECT_EQ(out, b);
  unpack_ints(pc, parts_of(pc, arena), out.data());
  EXPECT_EQ(out, c);
}

}  // namespace
