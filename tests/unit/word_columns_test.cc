#include "format/word_columns.h"

#include <gtest/gtest.h>

#include <array>
#include <cstring>
#include <random>
#include <string>
#include <vector>

using namespace dse::format;

namespace {

using Row = std::array<std::uint64_t, 5>;
const std::byte* bytes_of_row(const Row& row) {
  return reinterpret_cast<const std::byte*>(row.data());
}

void expect_rows(const WordColumns& columns, const std::vector<Row>& rows) {
  ASSERT_EQ(columns.rows(), rows.size());
  for (std::size_t w = 0; w < columns.words(); ++w) {
    bool varies = false;
    for (std::uint32_t i = 0; i < rows.size(); ++i) {
      ASSERT_EQ(columns.at(i, w), rows[i][w]) << i << ' ' << w;
      varies = varies || rows[i][w] != rows[0][w];
    }
    ASSERT_EQ(columns.varies(w), varies) << w;
    EXPECT_TRUE(rows.empty() || columns.first(w) == rows[0][w]) << w;
    EXPECT_TRUE(!varies || columns.values(w).size() == rows.size()) << w;
  }
}

TEST(word_columns, nothing) {
  WordColumns none, empty(5);
  EXPECT_EQ(none.words(), 0u);
  expect_rows(empty, {});
}

TEST(word_columns, a_word_may_begin_to_vary_anywhere) {
  for (std::size_t at : {1u, 2u, 63u, 64u, 65u, 127u, 128u, 129u, 999u}) {
    std::vector<Row> rows(1000, Row{1, 2, 3, 0, 5});
    rows[at][0] = 7;
    rows[at][3] = ~std::uint64_t{0};
    WordColumns columns(5);
    for (const Row& row : rows) columns.append(bytes_of_row(row));
    expect_rows(columns, rows);
  }
}

TEST(word_columns, any_word_of_any_number_may_vary) {
  for (std::size_t words : {1u, 2u, 5u, 6u, 7u, 31u, 32u})
    for (std::size_t varying = 0; varying < words; ++varying) {
      SCOPED_TRACE(std::to_string(varying) + " of " + std::to_string(words));
      WordColumns columns(words);
      std::vector<std::uint64_t> row(words, 3);
      std::string bytes(1 + words * sizeof(std::uint64_t), 0);  // rows may stand anywhere
      for (std::uint64_t i = 0; i < 70; ++i) {
        row[varying] = i < 66 ? 3 : i;
        std::memcpy(bytes.data() + 1, row.data(), words * sizeof(std::uint64_t));
        columns.append(reinterpret_cast<const std::byte*>(bytes.data() + 1));
      }
      for (std::size_t w = 0; w < words; ++w) {
        ASSERT_EQ(columns.varies(w), w == varying) << w;
        for (std::uint32_t i = 0; i < 70; ++i)
          ASSERT_EQ(columns.at(i, w), w == varying && i >= 66 ? i : 3u) << i << ' ' << w;
      }
    }
}

TEST(word_columns, it_is_the_same_again_after_clear) {
  std::mt19937_64 random(3);
  WordColumns columns(5);
  for (int round = 0; round < 300; ++round) {
    std::vector<Row> rows(random() % 400);
    const std::uint64_t varying = random();
    for (Row& row : rows)
      for (std::size_t w = 0; w < row.size(); ++w)
        row[w] = varying >> w & 1 && random() % 8 == 0 ? random() % 3 : 42;
    columns.clear();
    for (const Row& row : rows) columns.append(bytes_of_row(row));
    expect_rows(columns, rows);

    WordColumns both(5);
    both.append(columns);
    both.append(columns);
    rows.insert(rows.end(), rows.begin(), rows.end());
    expect_rows(both, rows);
  }
}

}  // namespace
