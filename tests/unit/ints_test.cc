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
  PackedInts packed = pack_ints(values, delta, start, arena);
  EXPECT_EQ(packed.rows, values.size());
  EXPECT_EQ(packed.offset, 3u);
  EXPECT_EQ(packed.delta, delta);
  EXPECT_EQ(arena.size(), 3 + packed.size_bytes());
  EXPECT_EQ(arena[2], std::byte{0x55});
  Values out(values.size());
  unpack_ints(packed, arena.data() + packed.offset, out.data());
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
    Values values(random() % 50);
    std::uint64_t shift = random() % 64, base = random();
    for (std::uint64_t& value : values) value = base + (random() >> shift);
    expect_round_trip(values, random() % 2, random() % 2 ? random() : 0);
    if (testing::Test::HasFailure()) return;
  }
}

TEST(ints, columns_share_an_arena) {
  PackArena arena;
  Values a{1, 2, 300}, b{5, 5}, c{7, 9};
  PackedInts pa = pack_ints(a, false, 0, arena), pb = pack_ints(b, false, 0, arena),
             pc = pack_ints(c, true, 7, arena);
  Values out(3);
  unpack_ints(pa, arena.data() + pa.offset, out.data());
  EXPECT_EQ(out, a);
  out.resize(2);
  unpack_ints(pb, arena.data() + pb.offset, out.data());
  EXPECT_EQ(out, b);
  unpack_ints(pc, arena.data() + pc.offset, out.data());
  EXPECT_EQ(out, c);
}

}  // namespace
