#include "format/dictionary.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>
#include <string>

using dse::format::Dictionary;

namespace {

TEST(dictionary, numbers_in_order_of_first_appearance) {
  Dictionary dictionary;
  EXPECT_EQ(dictionary.intern("b"), 0u);
  EXPECT_EQ(dictionary.intern("a"), 1u);
  EXPECT_EQ(dictionary.intern(""), 2u);
  EXPECT_EQ(dictionary.intern("b"), 0u);
  EXPECT_EQ(dictionary.intern(""), 2u);
  EXPECT_EQ(dictionary.intern({}), 2u);  // a view of nothing is an empty string
  EXPECT_EQ(dictionary.size(), 3u);
  EXPECT_EQ(dictionary[0], "b");
  EXPECT_EQ(dictionary[1], "a");
  EXPECT_EQ(dictionary[2], "");
  EXPECT_EQ(dictionary.ends(), (std::vector<std::uint64_t>{1, 2, 2}));
}

TEST(dictionary, tells_apart_what_only_a_nul_sets_apart) {
  Dictionary dictionary;
  EXPECT_EQ(dictionary.intern(std::string_view("a", 1)), 0u);
  EXPECT_EQ(dictionary.intern(std::string_view("a\0", 2)), 1u);
  EXPECT_EQ(dictionary.intern(std::string_view("\0a", 2)), 2u);
}

TEST(dictionary, many_values_and_again_after_clear) {
  std::mt19937_64 random(1);
  Dictionary dictionary;
  for (int round = 0; round < 3; ++round) {
    std::map<std::string, std::uint32_t> expected;
    for (int i = 0; i < 5000; ++i) {
      std::string value(random() % 5, '\0');
      for (char& c : value) c = static_cast<char>(random() % 7);
      auto [known, is_new] = expected.try_emplace(value,
                                                  static_cast<std::uint32_t>(expected.size()));
      ASSERT_EQ(dictionary.intern(value), known->second);
    }
    ASSERT_EQ(dictionary.size(), expected.size());
    ASSERT_GT(expected.size(), 1000u);
    for (const auto& [value, index] : expected) ASSERT_EQ(dictionary[index], value);
    dictionary.clear();
    ASSERT_EQ(dictionary.size(), 0u);
    ASSERT_TRUE(dictionary.bytes().empty());
  }
}

}  // namespace
