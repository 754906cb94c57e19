// Case files of `dse check`: what they may say, and how they are told what is wrong.
#include <gtest/gtest.h>

#include "replay/check_case.h"

using dse::replay::CheckCase;
using dse::replay::parse_check_case;

namespace {

TEST(check_case, everything) {
  auto read = parse_check_case("case.toml", R"(
description = "all keys"
capture = "../day.dse"
profile = "mine.toml"
points = ["SignalDelivered", "ProcessExecuted"]
select = "proc.pid > 1"
drop = ["proc.name = sh",
        "SignalDelivered:sig.name = SIGCHLD"]
since = "+1s"
until = "+2s"
num = "3..9"
self = true
expected = "other.jsonl"
fields = ["proc.name"]
ignore = ["proc.args"]
normalise = true
digest = "0123456789abcdef0123456789abcdef"
lossless = true
[counts]
events = 3
SignalDelivered = 0
)");
  ASSERT_TRUE(read.ok()) << read.error().message();
  const CheckCase& all = *read;
  EXPECT_EQ(all.capture, "../day.dse");
  EXPECT_EQ(all.profile, "mine.toml");
  EXPECT_EQ(all.points.size(), 2u);
  ASSERT_EQ(all.select.size(), 1u);
  EXPECT_EQ(all.select[0].source, "case.toml:6");
  ASSERT_EQ(all.drop.size(), 2u);
  EXPECT_EQ(all.drop[1].source, "case.toml:8");
  EXPECT_EQ(all.since + all.until + all.num, "+1s+2s3..9");
  EXPECT_TRUE(all.self && all.normalise && all.lossless && all.digest);
  EXPECT_EQ(all.expected, "other.jsonl");
  EXPECT_EQ(all.fields.size(), 1u);
  EXPECT_EQ(all.ignore.size(), 1u);
  ASSERT_EQ(all.counts.size(), 2u);
}

TEST(check_case, least) {
  auto read = parse_check_case("case.toml", "capture = 'x.dse'");
  ASSERT_TRUE(read.ok());
  EXPECT_EQ(read->expected, "expected.jsonl");
  read = parse_check_case("case.toml", "capture = 'x.dse'\nexpected = false\nlossless = true");
  ASSERT_TRUE(read.ok());
  EXPECT_FALSE(read->expected);
}

TEST(check_case, what_is_wrong) {
  struct Row {
    const char *text, *where, *what;
  };
  for (const Row& row : std::initializer_list<Row>{
           {"captur = 'x'", "case.toml:1", "unknown key 'captur'; did you mean capture?"},
           {"capture = 'x'\n\ncolour = 1", "case.toml:3", "unknown key 'colour'; there are "},
           {"capture = 1", "case.toml:1", "capture takes a text in quotes"},
           {"capture = ''", "case.toml:1", "capture takes a text in quotes"},
           {"", "case.toml", "no capture"},
           {"capture = 'x'\nexpected = false", "case.toml", "nothing is expected"},
           {"capture = 'x'\nexpected = true", "case.toml:2", "expected takes the name of a file"},
           {"capture = 'x'\npoints = ['SignalDelivred']", "case.toml:2",
            "did you mean SignalDelivered"},
           {"capture = 'x'\npoints = []", "case.toml:2", "points names none"},
           {"capture = 'x'\nselect = [1]", "case.toml:2", "select takes a text"},
           {"capture = 'x'\nself = 'yes'", "case.toml:2", "self takes true or false"},
           {"capture = 'x'\nlossless = false", "case.toml:2", "lossless is true"},
           {"capture = 'x'\ndigest = 'abc'", "case.toml:2", "32 digits"},
           {"capture = 'x'\ncounts = 3", "case.toml:2", "write [counts]"},
           {"capture = 'x'\n[counts]\n", "case.toml:2", "counts names no"},
           {"capture = 'x'\n[counts]\nevents = -1", "case.toml:3", "takes a number of events"},
           {"capture = 'x'\n[counts]\nExecs = 1", "case.toml:3",
            "unknown observation point 'Execs'"},
           {"capture = 'x'\n[count]\nevents = 1", "case.toml:2", "unknown key 'count'"},
           {"capture =", "case.toml:1", "not TOML"},
       }) {
    auto read = parse_check_case("case.toml", row.text);
    ASSERT_FALSE(read.ok()) << row.text;
    const std::string& message = read.error().message();
    EXPECT_EQ(read.error().code(), dse::ErrorCode::usage);
    EXPECT_TRUE(message.starts_with(std::string(row.where) + ": ")) << message;
    EXPECT_NE(message.find(row.what), std::string::npos) << message;
  }
  std::string deep = "a";
  for (int i = 0; i < 100'000; ++i) deep += ".a";
  EXPECT_FALSE(parse_check_case("case.toml", deep + " = 1").ok());
}

}  // namespace
