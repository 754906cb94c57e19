// What counting and exporting are made of: buckets, numbering of values, and the bytes of messages.
#include "replay/tally.h"

#include <gtest/gtest.h>

#include <limits>
#include <random>
#include <unordered_map>

#include "replay/code_table.h"
#include "replay/csv.h"
#include "replay/protobuf.h"

namespace dse::replay {
namespace {

TEST(Tally, EveryNumberIsInTheBucketThatSaysSo) {
  std::vector<std::int64_t> values = {std::numeric_limits<std::int64_t>::min(), -1, 0, 1,
                                      std::numeric_limits<std::int64_t>::max()};
  for (unsigned bit = 1; bit < 63; ++bit)
    for (std::int64_t by : {-1, 0, 1}) values.push_back((std::int64_t{1} << bit) + by);
  for (std::int64_t value : values) {
    unsigned bucket = bucket_of(value);
    ASSERT_LT(bucket, kBuckets);
    EXPECT_GE(value, bucket_from(bucket));
    if (auto until = bucket_until(bucket)) {
      EXPECT_LT(value, *until);
    }
  }
}

TEST(Tally, BucketsFollowOneAnother) {
  for (unsigned bucket = 0; bucket + 1 < kBuckets; ++bucket)
    EXPECT_EQ(bucket_until(bucket), bucket_from(bucket + 1)) << bucket;
  EXPECT_FALSE(bucket_until(kBuckets - 1));
}

TEST(CodeTable, NumbersValuesInTheOrderInWhichTheyCome) {
  std::mt19937_64 random(1);
  CodeTable table;
  for (int round = 0; round < 3; ++round) {
    table.clear();
    std::unordered_map<std::uint64_t, std::uint32_t> expected;
    for (int i = 0; i < 50'000; ++i) {
      // Many that differ only in high bits, and many that come again.
      std::uint64_t value = random() % 20'000 << (i % 3 * 20);
      auto [at, inserted] = expected.try_emplace(value, static_cast<std::uint32_t>(expected.size()));
      bool is_new = false;
      ASSERT_EQ(table.code(value, is_new), at->second);
      ASSERT_EQ(is_new, inserted);
    }
    EXPECT_EQ(table.size(), expected.size());
  }
}

TEST(ProtoWriter, WritesTheBytesOfTheSpecification) {
  using namespace std::literals;
  std::string out;
  ProtoWriter writer(out);
  writer.number(1, 150);
  writer.bytes(2, "testing");
  writer.message(3, [](ProtoWriter& inner) { inner.number(1, 150); });
  EXPECT_EQ(out, "\x08\x96\x01\x12\x07testing\x1a\x03\x08\x96\x01");
  out.clear();
  writer.fixed64(47, 0x0102030405060708);
  writer.real(44, 1.0);
  writer.number(16, ~std::uint64_t{0});
  EXPECT_EQ(out,
            "\xf9\x02\x08\x07\x06\x05\x04\x03\x02\x01\xe1\x02\0\0\0\0\0\0\xf0\x3f"
            "\x80\x01\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"s);
  out.clear();
  // A length of two bytes.
  writer.message(1, [](ProtoWriter& inner) { inner.bytes(1, std::string(200, 'x')); });
  EXPECT_EQ(out, "\x0a\xcb\x01\x0a\xc8\x01" + std::string(200, 'x'));
}

TEST(Csv, QuotesWhatNeedsIt) {
  auto field = [](std::string_view value) {
    std::string out;
    append_csv_text(value, out);
    return out;
  };
  EXPECT_EQ(field(""), "\"\"");
  EXPECT_EQ(field("plain text"), "plain text");
  EXPECT_EQ(field("a,b"), "\"a,b\"");
  EXPECT_EQ(field("say \"x\""), "\"say \"\"x\"\"\"");
  EXPECT_EQ(field("a\nb\xff\\"), "a\\x0ab\\xff\\x5c");
}

}  // namespace
}  // namespace dse::replay
