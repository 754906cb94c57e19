#include "format/gather.h"

#include <gtest/gtest.h>

#include <cstring>
#include <random>
#include <vector>

using namespace dse::format;

namespace {

// Rows with an integer of each type, and what becomes of them.
struct Row {
  std::uint64_t wide;
  std::int32_t number;
  std::uint32_t id;
  std::uint16_t port;
  std::uint8_t small;
  std::uint8_t text[5];
  std::uint64_t time;
  std::uint64_t since;  // mostly the time of another row
};
static_assert(sizeof(Row) == 40);

std::vector<GatheredColumn> columns() {
  return {{Abi::u64, offsetof(Row, wide), 8},
          {Abi::s32, offsetof(Row, number), 4, false, false, true},
          {Abi::u32, offsetof(Row, id), 4},
          {Abi::u16, offsetof(Row, port), 2},
          {Abi::u8, offsetof(Row, small), 1},
          {Abi::fixed, offsetof(Row, text), 5},
          {Abi::u64, offsetof(Row, time), 8, true},
          {Abi::u64, offsetof(Row, since), 8, false, true}};
}

std::vector<std::uint64_t> unpacked(const GatheredColumn& column, const PackArena& arena) {
  std::vector<std::uint64_t> out(column.packed.rows);
  unpack_ints(column.packed, parts_of(column.packed, arena), out.data());
  return out;
}

std::vector<std::uint64_t> times_of(const std::vector<Row>& rows) {
  std::vector<std::uint64_t> times;
  for (const Row& row : rows) times.push_back(row.time);
  return times;
}

std::vector<std::uint64_t> resolved(const GatheredColumn& column, const std::vector<Row>& rows,
                                    const PackArena& arena) {
  auto values = unpacked(column, arena);
  if (!column.packed.times) return values;
  std::vector<std::uint64_t> rest(column.rest.rows);
  unpack_ints(column.rest, parts_of(column.rest, arena), rest.data());
  EXPECT_EQ(count_rest(values), rest.size());
  EXPECT_TRUE(resolve_times(values, times_of(rows), rest).ok());
  return values;
}

std::vector<GatheredColumn> gather(Gatherer& gatherer, const std::vector<Row>& rows,
                                   PackArena& arena) {
  auto gathered = columns();
  WordColumns words(sizeof(Row) / sizeof(std::uint64_t));
  for (const Row& row : rows) words.append(reinterpret_cast<const std::byte*>(&row));
  gatherer.gather(words, times_of(rows), gathered, arena);
  return gathered;
}

void expect_rows(const std::vector<Row>& rows, const std::vector<GatheredColumn>& gathered,
                 const PackArena& arena) {
  auto wide = unpacked(gathered[0], arena), number = unpacked(gathered[1], arena),
       id = unpacked(gathered[2], arena), port = unpacked(gathered[3], arena),
       small = unpacked(gathered[4], arena), time = unpacked(gathered[6], arena),
       since = resolved(gathered[7], rows, arena);
  for (std::size_t i = 0; i < rows.size(); ++i) {
    ASSERT_EQ(wide[i], rows[i].wide) << i;
    ASSERT_EQ(number[i], static_cast<std::uint64_t>(std::int64_t{rows[i].number})) << i;
    ASSERT_EQ(id[i], rows[i].id) << i;
    ASSERT_EQ(port[i], rows[i].port) << i;
    ASSERT_EQ(small[i], rows[i].small) << i;
    ASSERT_EQ(time[i], rows[i].time) << i;
    ASSERT_EQ(since[i], rows[i].since) << i;
  }
}

TEST(gather, columns_that_never_change_take_no_room) {
  std::vector<Row> rows(1000, Row{1, -2, 3, 4, 5, {6, 7, 8, 9, 10}, 100, 11});
  Gatherer gatherer;
  PackArena arena(3, std::byte{0x55});
  auto gathered = gather(gatherer, rows, arena);
  EXPECT_EQ(arena.size(), 3u);
  for (std::size_t i = 0; i < 6; ++i) EXPECT_FALSE(gathered[i].differs) << i;
  expect_rows(rows, gathered, arena);
}

TEST(gather, a_column_may_begin_to_change_anywhere) {
  for (std::size_t at : {0u, 1u, 255u, 256u, 257u, 511u, 512u, 999u}) {
    std::vector<Row> rows(1000, Row{1, -2, 3, 4, 5, {}, 100, 11});
    rows[at].number = 7;
    rows[at].small = 255;
    rows[at].text[4] = 1;
    Gatherer gatherer;
    PackArena arena;
    auto gathered = gather(gatherer, rows, arena);
    EXPECT_TRUE(gathered[1].differs && gathered[4].differs && gathered[5].differs) << at;
    EXPECT_EQ(gathered[1].packed.width, 1u);
    expect_rows(rows, gathered, arena);
  }
}

TEST(gather, one_gatherer_serves_any_rows) {
  std::mt19937_64 random(7);
  Gatherer gatherer;
  for (int round = 0; round < 200; ++round) {
    std::vector<Row> rows(random() % 1500);
    const std::uint64_t mask = ~std::uint64_t{0} >> random() % 64;
    const auto which = static_cast<unsigned>(random() % 256);
    for (Row& row : rows) {
      std::memset(&row, 0, sizeof(row));
      auto value = [&](unsigned bit) { return which >> bit & 1 ? random() & mask : 42; };
      row.wide = value(0);
      row.number = static_cast<std::int32_t>(value(1));
      row.id = static_cast<std::uint32_t>(value(2));
      row.port = static_cast<std::uint16_t>(value(3));
      row.small = static_cast<std::uint8_t>(value(4));
      row.text[0] = static_cast<std::uint8_t>(value(5));
      row.time = value(6);
      row.since = which >> 7 ? rows[random() % rows.size()].time : value(6);
    }
    PackArena arena;
    auto gathered = gather(gatherer, rows, arena);
    expect_rows(rows, gathered, arena);
  }
}

TEST(gather, times_of_other_rows_become_references) {
  std::mt19937_64 random(8);
  std::vector<Row> rows(2000);
  for (std::size_t i = 0; i < rows.size(); ++i) {
    std::memset(&rows[i], 0, sizeof(Row));
    rows[i].time = i * 1'000'000 + random() % 1'000'000;
    rows[i].since = i < 3 ? 12345 : i % 3 ? rows[i - 3].time : 0;
  }
  Gatherer gatherer;
  PackArena arena;
  auto gathered = gather(gatherer, rows, arena);
  EXPECT_TRUE(gathered[7].packed.times);
  EXPECT_EQ(gathered[7].packed.width, 1u);
  EXPECT_EQ(gathered[7].rest.rows, 3u);
  expect_rows(rows, gathered, arena);
}

TEST(gather, values_that_are_close_together_are_listed) {
  std::vector<Row> rows(2000);
  for (std::size_t i = 0; i < rows.size(); ++i) {
    std::memset(&rows[i], 0, sizeof(Row));
    rows[i].number = i == 1234 ? 60 : i % 3 ? -3 : 7;
    rows[i].id = static_cast<std::uint32_t>(i % 3);  // of a column that shall not be listed
  }
  Gatherer gatherer;
  PackArena arena;
  auto gathered = gather(gatherer, rows, arena);
  EXPECT_EQ(gathered[1].packed.values.bits(), 0x8000000000000401u);  // 0, 10 and 63 above -3
  EXPECT_TRUE(gathered[2].packed.values.empty());
  expect_rows(rows, gathered, arena);
  rows[1234].number = 61;  // one too far
  gathered = gather(gatherer, rows, arena);
  EXPECT_TRUE(gathered[1].packed.values.empty());
  expect_rows(rows, gathered, arena);
}

TEST(gather, times_of_no_row_stand_as_they_are) {
  std::vector<Row> rows(2000);
  for (std::size_t i = 0; i < rows.size(); ++i) {
    std::memset(&rows[i], 0, sizeof(Row));
    rows[i].time = 10 * i;
    rows[i].since = 10 * i + 5;
  }
  Gatherer gatherer;
  PackArena arena;
  auto gathered = gather(gatherer, rows, arena);
  EXPECT_FALSE(gathered[7].packed.times);
  EXPECT_EQ(gathered[7].packed.width, 2u);
  expect_rows(rows, gathered, arena);
}

}  // namespace
