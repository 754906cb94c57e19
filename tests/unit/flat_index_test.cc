#include "replay/flat_index.h"

#include <gtest/gtest.h>

#include <random>
#include <unordered_map>

using dse::replay::FlatIndex;

namespace {

TEST(FlatIndex, is_a_map) {
  std::mt19937_64 random(1);
  FlatIndex index;
  std::unordered_map<std::uint64_t, std::uint32_t> truth;
  for (int i = 0; i < 200'000; ++i) {
    const std::uint64_t key = random() % 3000 << (random() % 2 * 40);
    const auto place = static_cast<std::uint32_t>(random() % 1'000'000);
    auto known = truth.find(key);
    ASSERT_EQ(index.find(key), known == truth.end() ? FlatIndex::kAbsent : known->second);
    if (known == truth.end()) {
      index.insert(key, place);
      truth.emplace(key, place);
    } else if (random() % 3 == 0) {
      index.set(key, place);
      known->second = place;
    } else {
      index.erase(key);
      truth.erase(known);
    }
    ASSERT_EQ(index.size(), truth.size());
  }
  for (auto [key, place] : truth) EXPECT_EQ(index.find(key), place);
  index.clear();
  EXPECT_EQ(index.size(), 0u);
  EXPECT_EQ(index.find(truth.begin()->first), FlatIndex::kAbsent);
}

TEST(FlatIndex, knows_zero_from_nothing) {
  FlatIndex index;
  EXPECT_EQ(index.find(0), FlatIndex::kAbsent);
  index.insert(1, 5);
  EXPECT_EQ(index.find(0), FlatIndex::kAbsent);
  index.insert(0, 7);
  EXPECT_EQ(index.find(0), 7u);
  index.erase(0);
  EXPECT_EQ(index.find(0), FlatIndex::kAbsent);
  EXPECT_EQ(index.find(1), 5u);
}

}  // namespace
