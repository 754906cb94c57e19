#include "replay/timestamp.h"

#include <gtest/gtest.h>

#include <random>

using namespace dse::replay;

namespace {

constexpr std::uint64_t kSecond = 1'000'000'000;

std::string rfc3339(std::uint64_t ns) {
  std::string out;
  append_rfc3339(ns, out);
  return out;
}

TEST(timestamp, written_one_after_the_other) {
  TimeWriter times;
  char text[kRfc3339Bytes];
  for (std::uint64_t ns :
       {std::uint64_t{0}, kSecond - 1, kSecond, kSecond + 1, 86'399 * kSecond + 99'990'001,
        86'400 * kSecond, 1'795'361'576'123'456'789u, 1'795'361'576'000'000'009u, std::uint64_t{5},
        ~std::uint64_t{0}}) {
    EXPECT_EQ(times.write(ns, text), text + kRfc3339Bytes);
    EXPECT_EQ(std::string_view(text, kRfc3339Bytes), rfc3339(ns));
    std::string fraction = std::to_string(ns % kSecond);
    EXPECT_EQ(std::string_view(text + 20, 9), std::string(9 - fraction.size(), '0') + fraction);
  }
}

TEST(timestamp, known_moments) {
  EXPECT_EQ(rfc3339(0), "1970-01-01T00:00:00.000000000Z");
  EXPECT_EQ(rfc3339(951'782'400 * kSecond), "2000-02-29T00:00:00.000000000Z");
  EXPECT_EQ(rfc3339(1'795'361'576'123'456'789), "2026-11-22T15:32:56.123456789Z");
  EXPECT_EQ(rfc3339(~std::uint64_t{0}), "2554-07-21T23:34:33.709551615Z");
}

TEST(timestamp, round_trip) {
  std::mt19937_64 random(1);
  for (int i = 0; i < 100'000; ++i) {
    std::uint64_t ns = random() % (18'446'744'073 * kSecond);
    auto back = parse_rfc3339(rfc3339(ns));
    ASSERT_TRUE(back) << ns;
    ASSERT_EQ(*back, ns);
  }
}

TEST(timestamp, other_ways_to_write_it) {
  const std::uint64_t expected = 1'795'361'576 * kSecond;
  for (const char* text : {"2026-11-22T15:32:56Z", "2026-11-22t15:32:56z", "2026-11-22 15:32:56Z",
                           "2026-11-22T16:32:56+01:00", "2026-11-22T10:02:56-05:30",
                           "2026-11-23T00:32:56.000+09:00", "2026-11-22T15:32:56-00:00"})
    EXPECT_EQ(parse_rfc3339(text), expected) << text;
  EXPECT_EQ(parse_rfc3339("2026-11-22T15:32:56.5Z"), expected + kSecond / 2);
  EXPECT_EQ(parse_rfc3339("2026-11-22T15:32:56.1234567899Z"), expected + 123'456'789);
  EXPECT_EQ(parse_rfc3339("1970-01-01T01:00:00+01:00"), 0u);
}

TEST(timestamp, bad_input) {
  for (const char* text : {"",
                           "Z",
                           "2026",
                           "2026-11-22",
                           "2026-11-22T15:32Z",
                           "2026-11-22T15:32:56",
                           "2026-11-22T15:32:56.Z",
                           "2026-11-22T15:32:56Zx",
                           "2026-11-22T15:32:56+0100",
                           "2026-11-22T15:32:56+24:00",
                           "2026-11-22T15:32:56+01:60",
                           "2026-13-01T00:00:00Z",
                           "2026-00-01T00:00:00Z",
                           "2026-02-29T00:00:00Z",
                           "2026-04-31T00:00:00Z",
                           "2026-01-00T00:00:00Z",
                           "2026-01-01T24:00:00Z",
                           "2026-01-01T00:60:00Z",
                           "2026-01-01T00:00:60Z",
                           "+026-01-01T00:00:00Z",
                           "2026-1-1T00:00:00Z",
                           " 2026-11-22T15:32:56Z",
                           "1969-12-31T23:59:59Z",
                           "1970-01-01T00:00:00+00:01",
                           "2555-01-01T00:00:00Z",
                           "9999-12-31T23:59:59Z",
                           "0000-01-01T00:00:00Z"})
    EXPECT_FALSE(parse_rfc3339(text)) << text;
}

TEST(timestamp, durations) {
  EXPECT_EQ(parse_duration("10s"), 10 * kSecond);
  EXPECT_EQ(parse_duration("10"), 10 * kSecond);
  EXPECT_EQ(parse_duration("0"), 0u);
  EXPECT_EQ(parse_duration("1.5h"), 5400 * kSecond);
  EXPECT_EQ(parse_duration("100ms"), kSecond / 10);
  EXPECT_EQ(parse_duration("7us"), 7000u);
  EXPECT_EQ(parse_duration("7ns"), 7u);
  EXPECT_EQ(parse_duration("2m"), 120 * kSecond);
  EXPECT_EQ(parse_duration("2min"), 120 * kSecond);
  EXPECT_EQ(parse_duration("1d"), 86'400 * kSecond);
  for (const char* text : {"", "s", "-1s", "1 s", "1x", "1ss", "ten", "nan", "inf", "infs", "1e30s",
                           "400000d", "+1s", ".", "0x10"})
    EXPECT_FALSE(parse_duration(text)) << text;
}

}  // namespace
