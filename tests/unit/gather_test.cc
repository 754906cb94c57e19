#include "format/gather.h"

#include <gtest/gtest.h>

#include <cstring>
#include <random>
#include <vector>

using namespace dse::format;

namespace {

// Rows of 32 bytes with an integer of each type, and what becomes of them.
struct Row {
  std::uint64_t wide;
  std::int32_t number;
  std::uint32_t id;
  std::uint16_t port;
  std::uint8_t small;
  std::uint8_t text[5];
  std::uint64_t time;
};
static_assert(sizeof(Row) == 32);

std::vector<GatheredColumn> columns() {
  return {{Abi::u64, offsetof(Row, wide), 8, false, 0, {}, false},
          {Abi::s32, offsetof(Row, number), 4, false, 0, {}, false},
          {Abi::u32, offsetof(Row, id), 4, false, 0, {}, false},
          {Abi::u16, offsetof(Row, port), 2, false, 0, {}, false},
          {Abi::u8, offsetof(Row, small), 1, false, 0, {}, false},
          {Abi::fixed, offsetof(Row, text), 5, false, 0, {}, false},
          {Abi::u64, offsetof(Row, time), 8, true, 100, {}, false}};
}

std::vector<std::uint64_t> unpacked(const GatheredColumn& column, const PackArena& arena) {
  std::vector<std::uint64_t> out(column.packed.rows);
  unpack_ints(column.packed, arena.data() + column.packed.offset, out.data());
  return out;
}

std::vector<GatheredColumn> gather(Gatherer& gatherer, const std::vector<Row>& rows,
                                   PackArena& arena) {
  auto gathered = columns();
  WordColumns words(sizeof(Row) / sizeof(std::uint64_t));
  for (const Row& row : rows) words.append(reinterpret_cast<const std::byte*>(&row));
  gatherer.gather(words, gathered, arena);
  return gathered;
}

void expect_rows(const std::vector<Row>& rows, const std::vector<GatheredColumn>& gathered,
                 const PackArena& arena) {
  auto wide = unpacked(gathered[0], arena), number = unpacked(gathered[1], arena),
       id = unpacked(gathered[2], arena), port = unpacked(gathered[3], arena),
       small = unpacked(gathered[4], arena), time = unpacked(gathered[6], arena);
  for (std::size_t i = 0; i < rows.size(); ++i) {
    ASSERT_EQ(wide[i], rows[i].wide) << i;
    ASSERT_EQ(number[i], static_cast<std::uint64_t>(std::int64_t{rows[i].number})) << i;
    ASSERT_EQ(id[i], rows[i].id) << i;
    ASSERT_EQ(port[i], rows[i].port) << i;
    ASSERT_EQ(small[i], rows[i].small) << i;
    ASSERT_EQ(time[i], rows[i].time) << i;
  }
}

TEST(gather, columns_that_never_change_take_no_room) {
  std::vector<Row> rows(1000, Row{1, -2, 3, 4, 5, {6, 7, 8, 9, 10}, 100});
  Gatherer gatherer;
  PackArena arena(3, std::byte{0x55});
  auto gathered = gather(gatherer, rows, arena);
  EXPECT_EQ(arena.size(), 3u);
  for (std::size_t i = 0; i < 6; ++i) EXPECT_FALSE(gathered[i].differs) << i;
  expect_rows(rows, gathered, arena);
}

TEST(gather, a_column_may_begin_to_change_anywhere) {
  for (std::size_t at : {0u, 1u, 255u, 256u, 257u, 511u, 512u, 999u}) {
    std::vector<Row> rows(1000, Row{1, -2, 3, 4, 5, {}, 100});
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
    const auto which = static_cast<unsigned>(random() % 128);
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
    }
    PackArena arena;
    auto gathered = gather(gatherer, rows, arena);
    expect_rows(rows, gathered, arena);
  }
}

}  // namespace
