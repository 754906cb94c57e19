// Lines of JSON taken apart and put together, and what of them is stable.
#include <gtest/gtest.h>

#include "replay/field.h"
#include "replay/normalise.h"
#include "replay/points/points.h"
#include "tests/unit/testing.h"

using namespace dse::replay;

namespace {

std::string again(std::string_view line) {
  JsonLine json;
  auto status = json.parse(line);
  if (!status) return "error: " + status.error().message();
  std::string out;
  append_json(json.values(), out);
  return out;
}

TEST(json_line, values_and_paths) {
  JsonLine json;
  ASSERT_TRUE(json.parse(
      R"( {"evt":{"num":1,"x":{"y":true}},"proc":{"env[a.b]":"q\"}","l":[1,"]"]},"z":-1.5e3} )"));
  std::vector<std::pair<std::string, std::string>> got;
  for (const auto& value : json.values()) got.emplace_back(value.path, value.text);
  std::vector<std::pair<std::string, std::string>> expected{{"evt.num", "1"},
                                                            {"evt.x.y", "true"},
                                                            {"proc.env[a.b]", R"("q\"}")"},
                                                            {"proc.l", R"([1,"]"])"},
                                                            {"z", "-1.5e3"}};
  EXPECT_EQ(got, expected);
  EXPECT_EQ(json.find("evt.x.y"), "true");
  EXPECT_EQ(json.find("evt.x"), "");
}

TEST(json_line, what_is_put_together_again) {
  for (std::string_view line :
       {R"({})", R"({"a":1})", R"({"a":{"b":1,"c":2},"d":{"b":3}})",
        R"({"a":{"b":{"c":1},"d":2},"e":[]})", R"({"a":{"b":{"c":1}},"a2":{"b":{"c":2}}})",
        R"({"p":{"env[a.b]":"x"}})"})
    EXPECT_EQ(again(line), line);
}

TEST(json_line, all_events_are_put_together_again) {
  RandomRecords random(7, RandomRecords::Style::plausible);
  Records snapshot = random.snapshot(12);
  auto lines = events_of(std::make_unique<MemoryRecords>(snapshot, cut(random.take(2000), 0)));
  ASSERT_GT(lines.size(), 1000u);
  for (std::size_t i = 0; i < lines.size(); i += 2) ASSERT_EQ(again(lines[i]), lines[i]);
}

TEST(json_line, what_is_no_such_line) {
  for (std::string_view line : {"",
                                "{",
                                "}",
                                "[]",
                                "1",
                                "{}x",
                                "{} {}",
                                R"({"a")",
                                R"({"a":})",
                                R"({"a":1,})",
                                R"({,"a":1})",
                                R"({"a":01})",
                                R"({"a":1.})",
                                R"({"a":tru})",
                                R"({"a":"x)",
                                R"({"a":"\x"})",
                                R"({"a":"\u12g4"})",
                                R"({"a":[1,]})",
                                R"({"a":[[1]]})",
                                R"({"a":[1})",
                                R"({"a":1 "b":2})",
                                R"({a:1})",
                                "{\"a\":\"\n\"}"})
    EXPECT_TRUE(again(line).starts_with("error: not JSON")) << line << ": " << again(line);
  std::string deep;
  for (int i = 0; i < 100'000; ++i) deep += "{\"a\":";
  EXPECT_TRUE(again(deep).starts_with("error: ")) << again(deep).substr(0, 100);
}

TEST(normalise, names) {
  for (auto [before, after] :
       {std::pair("/", "/"),
        {"/demo", "/demo"},
        {"/user.slice/user-1000.slice/session-12.scope",
         "/user.slice/user-#.slice/session-#.scope"},
        {"/docker/59f2293e16ba89b65cadb4f04b436b63", "/docker/*"},
        {"/docker-59f2293e16ba89b65cadb4f04b436b63.scope", "/docker-*.scope"},
        {"pod0f1e2d3c-1111-2222-3333-444455556666", "po*"},
        {"pod0f1e2d3c_1111_2222_3333_444455556666.slice", "po*.slice"},
        {"abcdefabcdefabcdef", "abcdefabcdefabcdef"},
        {"pidns-4026532001", "pidns-#"},
        {"pts/3", "pts/#"},
        {R"(\udc80\"1)", R"(\udc80\"#)"},
        {R"(x\)", R"(x\)"}})
    EXPECT_EQ(stable_name(before), after);
}

std::string normalised(std::string_view line, Normaliser::Options options = {}) {
  JsonLine json;
  EXPECT_TRUE(json.parse(line));
  Normaliser normaliser(options);
  std::string out;
  append_json(normaliser.apply(json), out);
  return out;
}

TEST(normalise, lines) {
  const std::string exec =
      R"({"evt":{"num":4,"time":"2026-11-22T17:12:23Z","type":"ProcessExecuted","cpu":0},)"
      R"("proc":{"name":"sh","pid":7,"apid[1]":3,"tty":"pts/4"},"user":{"uid":0},)"
      R"("cgroup":{"id":"34","path":"/s-1"},"ns":{"net":1}})";
  EXPECT_EQ(normalised(exec),
            R"({"evt":{"type":"ProcessExecuted"},"proc":{"name":"sh","tty":"pts/#"},)"
            R"("user":{"uid":0},"cgroup":{"path":"/s-#"}})");
  EXPECT_EQ(normalised(exec, {true, {}}), exec);
  EXPECT_EQ(normalised(exec, {false, {"proc.tty", "cgroup.path", "user.uid"}}),
            R"({"evt":{"type":"ProcessExecuted"},"proc":{"name":"sh"}})");
  // Whoever was interrupted by a packet is nobody's business.
  EXPECT_EQ(
      normalised(
          R"({"evt":{"type":"SocketStateChange"},"proc":{"name":"sh"},"user":{"uid":0},)"
          R"("sock":{"lport":32767,"rport":32768,"owner":{"pid":1,"name":"x"}},"cgroup":{"path":"/"}})"),
      R"({"evt":{"type":"SocketStateChange"},"sock":{"lport":32767,"rport":"ephemeral","owner":{"name":"x"}}})");
}

// What is normalised stays what it is, and is JSON.
TEST(normalise, twice_is_once) {
  RandomRecords random(8, RandomRecords::Style::plausible);
  Records snapshot = random.snapshot(12);
  auto lines = events_of(std::make_unique<MemoryRecords>(snapshot, cut(random.take(2000), 0)));
  for (std::size_t i = 0; i < lines.size(); i += 2) {
    std::string once = normalised(lines[i]);
    ASSERT_EQ(normalised(once), once);
    ASSERT_LT(once.size(), lines[i].size());
  }
}

// Every field that is a number given out anew has its rule: a new one must be thought of.
TEST(normalise, every_field_that_is_kept) {
  std::vector<std::string> kept;
  for (const Field& field : builtin_fields())
    if (stability(field.name, "ProcessExecuted") == Stability::kept &&
        (field.type == FieldType::number || field.type == FieldType::id ||
         field.type == FieldType::time || field.type == FieldType::numbers))
      kept.push_back(field.name);
  EXPECT_EQ(kept, (std::vector<std::string>{
                      "proc.argc", "proc.args_bytes", "proc.exe_uid", "proc.exit_code", "user.uid",
                      "user.euid", "user.loginuid", "group.gid", "group.egid", "sock.owner.uid",
                      "sock.bytes_sent", "sock.bytes_received", "sig.num", "sig.errno", "sig.flags",
                      "sig.sender.uid"}));
}

}  // namespace
