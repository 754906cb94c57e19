#include "format/redact.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <random>

#include "format/rewrite.h"
#include "tests/unit/testing.h"

using namespace std::string_literals;
using dse::ErrorCode;
using dse::format::NameRedactor;
using dse::format::Redactor;
using dse::format::rewrite;

namespace {

Redactor redactor(const std::vector<std::string>& patterns,
                  const std::vector<std::string>& env = {}) {
  auto made = Redactor::make(patterns, env);
  EXPECT_TRUE(made) << (made ? "" : made.error().message());
  return made ? *made : *Redactor::make({}, {});
}

std::string args(const std::string& pattern, const std::string& block, bool cut = false) {
  return redactor({pattern}).args(block, cut);
}

// Strings that each end with a NUL; a last one need not.
std::size_t count_strings(std::string_view block) {
  auto ends = static_cast<std::size_t>(std::count(block.begin(), block.end(), '\0'));
  return ends + (!block.empty() && block.back() != '\0');
}

TEST(redact, nothing_to_do) {
  Redactor none = redactor({});
  EXPECT_FALSE(none.redacts());
  EXPECT_FALSE(none.keeps_env());
  EXPECT_EQ(none.args("a\0b\0"s, true), "a\0b\0"s);
  EXPECT_EQ(none.args("a\0b"s, true), "a\0b"s);
  EXPECT_EQ(none.env("A=b\0"s, false), "");
  EXPECT_EQ(none.text("/bin/true"), "/bin/true");
  EXPECT_EQ(args("x", ""), "");
  EXPECT_EQ(args("x", "a\0b\0"s), "a\0b\0"s);
  EXPECT_TRUE(redactor({"x"}).redacts());
  EXPECT_TRUE(redactor({}, {"A"}).keeps_env());
}

TEST(redact, group_or_whole_match) {
  const std::string password = R"(--password[= ](\S+))";
  EXPECT_EQ(args(password, "mysql\0--password=hunter2\0db\0"s), "mysql\0--password=***\0db\0"s);
  EXPECT_EQ(args(password, "mysql\0--password\0hunter2\0db\0"s), "mysql\0--password\0***\0db\0"s);
  EXPECT_EQ(args(R"(--password[= ]\S+)", "mysql\0--password\0hunter2\0db\0"s),
            "mysql\0***\0***\0db\0"s);
  EXPECT_EQ(args("hunter2", "x=hunter2;y\0hunter2\0"s), "x=***;y\0***\0"s);
  EXPECT_EQ(args("(a+)-(b+)-(c+)", "aa-bb-cc\0"s), "***-***-***\0"s);
  EXPECT_EQ(args("((a+)b)", "aab\0"s), "***\0"s);
  // No group took part: better too much than too little.
  EXPECT_EQ(args("key=(\\w+)|SECRET", "SECRET key=abc\0"s), "*** key=***\0"s);
  EXPECT_EQ(args("key=(\\w*)", "key=\0"s), "key=\0"s);
  EXPECT_EQ(args("(?:hunter2)", "hunter2"), "***");
}

TEST(redact, all_matches_and_all_patterns) {
  EXPECT_EQ(args(R"(\d)", "1234 5\0a6b\0"s), "*** ***\0a***b\0"s);
  Redactor both = redactor({"b+", "ab", R"(\d+)"});
  EXPECT_EQ(both.args("aabbb\0x12\0"s, false), "a***\0x***\0"s);
}

TEST(redact, boundaries_stay) {
  // A match that begins or ends with the space that a NUL is.
  EXPECT_EQ(args(R"( b )", "a\0b\0c\0"s), "a\0***\0c\0"s);
  EXPECT_EQ(args(R"(a.*d)", "a\0\0d\0"s), "***\0***\0***\0"s);
  EXPECT_EQ(args(R"(.+)", "a\0b\0"s), "***\0***\0"s);
  EXPECT_EQ(args(R"(^a)", "a\0a\0"s), "***\0a\0"s);
}

TEST(redact, empty_matches_end) {
  EXPECT_EQ(args("x*", "axxb\0"s), "a***b\0"s);
  EXPECT_EQ(args(R"(\b)", "ab cd\0"s), "ab cd\0"s);
  EXPECT_EQ(args("()", "ab\0"s), "ab\0"s);
  EXPECT_EQ(args("$", "ab"), "ab");
}

TEST(redact, what_is_cut) {
  EXPECT_EQ(args("nothing", "a\0--passw"s, true), "a\0***"s);
  EXPECT_EQ(args("nothing", "a\0--passw"s, false), "a\0--passw"s);
  EXPECT_EQ(args("nothing", "a\0b\0"s, true), "a\0b\0"s);  // cut between two strings
  EXPECT_EQ(args("nothing", "secre", true), "***");
  EXPECT_EQ(args("cre", "secre", true), "***");
}

TEST(redact, env) {
  const std::string block = "PATH=/bin\0SECRET=s3\0HOME=/root\0EMPTY=\0PATHS=x\0noise\0"s;
  EXPECT_EQ(redactor({}, {"HOME", "PATH"}).env(block, false), "PATH=/bin\0HOME=/root\0"s);
  EXPECT_EQ(redactor({}, {"EMPTY", "noise"}).env(block, false), "EMPTY=\0"s);
  EXPECT_EQ(redactor({"HOME=(\\S+)"}, {"HOME", "PATH"}).env(block, false),
            "PATH=/bin\0HOME=***\0"s);
  // Names stay, also under a pattern that takes them in.
  EXPECT_EQ(redactor({".*"}, {"HOME", "PATH"}).env(block, false), "PATH=***\0HOME=***\0"s);
  EXPECT_EQ(redactor({"[oO]"}, {"HOME"}).env(block, false), "HOME=/r***t\0"s);
  EXPECT_EQ(redactor({"[bt]"}, {"HOME", "PATH"}).env(block, false), "PATH=/***in\0HOME=/roo***\0"s);
  // Values that hold the separator, names that come twice.
  EXPECT_EQ(redactor({"c"}, {"A"}).env("A=b=c\0A=c\0"s, false), "A=b=***\0A=***\0"s);
}

TEST(redact, env_that_is_cut) {
  Redactor both = redactor({"none"}, {"A", "B"});
  EXPECT_EQ(both.env("A=b\0B=part"s, true), "A=b\0B=***"s);
  EXPECT_EQ(both.env("A=b\0B=part"s, false), "A=b\0B=part"s);
  EXPECT_EQ(both.env("A=b\0C=part"s, true), "A=b\0"s);
  EXPECT_EQ(both.env("A=b\0B"s, true), "A=b\0"s);
  EXPECT_EQ(redactor({}, {"B"}).env("B=part", true), "B=part");
}

TEST(redact, bytes_need_not_be_utf8) {
  EXPECT_EQ(args("k=(\\S+)", "k=\xff\xfe\x80\0caf\xe9\0"s), "k=***\0caf\xe9\0"s);
  EXPECT_EQ(args("caf\xe9", "caf\xe9\0"s), "***\0"s);
  EXPECT_EQ(redactor({"s\\w+t"}).text("/tmp/secret/x"), "/tmp/***/x");
}

TEST(redact, errors_name_the_option_and_the_reason) {
  auto error = [](const std::vector<std::string>& patterns, const std::vector<std::string>& env) {
    auto made = Redactor::make(patterns, env);
    EXPECT_FALSE(made);
    if (made) return std::string();
    EXPECT_EQ(made.error().code(), ErrorCode::usage);
    return made.error().message();
  };
  EXPECT_EQ(error({"ok", "a(b"}, {}), "--redact: 'a(b': missing ): a(b");
  EXPECT_NE(error({"(?=x)"}, {}).find("(?="), std::string::npos);
  EXPECT_NE(error({""}, {}).find("empty"), std::string::npos);
  EXPECT_NE(error({"((((x{1,100}){1,100}){1,100}){1,100})"}, {}).find("--redact"),
            std::string::npos);
  EXPECT_EQ(error({}, {"A=B"}), "--env: 'A=B': not the name of an environment variable");
  EXPECT_NE(error({}, {""}).find("--env"), std::string::npos);
}

// Every search of this pattern looks at all that is left, and finds one byte.
TEST(redact, time_stays_linear) {
  std::string block(128 << 10, 'a');
  EXPECT_EQ(args("a.*b|a", block), "***");
}

TEST(redact, after_very_many_matches_all_goes) {
  std::string block;
  for (std::size_t i = 0; i < Redactor::kMaxMatches; ++i) block += "1a\0"s;
  std::string out = args(R"(\d)", block + "tail\0"s);
  EXPECT_EQ(count_strings(out), Redactor::kMaxMatches + 1);
  EXPECT_TRUE(out.starts_with("***a\0***a\0"s));
  EXPECT_TRUE(out.ends_with("***\0***\0"s));
}

// A canary that a pattern matches is nowhere in what is kept, and nothing else changes in shape.
TEST(redact, canaries_never_survive) {
  std::mt19937_64 random(7);
  auto below = [&](std::size_t n) { return static_cast<std::size_t>(random() % n); };
  const std::string canary = "CANARY";
  const std::vector<Redactor> redactors{redactor({"CANARY\\d*"}), redactor({"(CANARY)"}),
                                        redactor({"--key[= ](\\S*CANARY\\S*)", "CANARY"}),
                                        redactor({"[a-c]+", "C.N.RY", "\\xff*"}),
                                        redactor({"\\S*CANARY"})};
  const std::string pieces[] = {canary, "\0"s,   "\0"s,   "--key=", "--key", " ", "\xff",
                                "a",    "bcCAN", "ARY\n", "=",      "CANAR", "*", "K=v"};
  for (int round = 0; round < 3000; ++round) {
    std::string block;
    for (std::size_t n = below(20); n > 0; --n) block += pieces[below(std::size(pieces))];
    const bool cut = below(2) == 0;
    for (const Redactor& rules : redactors) {
      std::string out = rules.args(block, cut);
      EXPECT_EQ(out.find(canary), std::string::npos) << out;
      EXPECT_EQ(count_strings(out), count_strings(block));
      EXPECT_EQ(std::count(out.begin(), out.end(), '\0'),
                std::count(block.begin(), block.end(), '\0'));
      EXPECT_EQ(rules.text(block).find(canary), std::string::npos);
    }
    Redactor kept = redactor({canary}, {"K", "--key"});
    EXPECT_EQ(kept.env(block, cut).find(canary), std::string::npos);
  }
}

// ---- whole records -------------------------------------------------------------------------------

Redactor secrets() { return *Redactor::make({"SECRET\\w*"}, {}); }

TEST(rewrite, a_failed_exec_keeps_no_part_of_an_argument_that_was_cut) {
  // Each argument is cut at a page and ends with a NUL all the same.
  std::string whole = "plain", cut(4095, 'x');
  cut.replace(4095 - 6, 6, "SECRET");
  Record record = exec_fail_record(make_task(1, "sh"), "/no", {whole, cut, "-v"}, 2);
  dse_process_exec_fail body;
  std::memcpy(&body, record.data() + sizeof(dse_header), sizeof(body));
  body.flags |= DSE_ARGS_CUT;
  std::memcpy(record.data() + sizeof(dse_header), &body, sizeof(body));
  // The rule does not match what is left of the secret.
  auto kept = string_of(rewrite(bytes_of(record), *Redactor::make({"SECRET\\d{9}"}, {})));
  EXPECT_EQ(kept.find("xSECRET"), std::string::npos);
  std::memcpy(&body, kept.data() + sizeof(dse_header), sizeof(body));
  EXPECT_EQ(kept.substr(sizeof(dse_header) + sizeof(body) + body.filename_size, body.args_size),
            std::string("plain\0***\0***\0", 14));
}

TEST(rewrite, the_size_of_what_is_gone_does_not_show) {
  Record record = exec_record(make_task(1, "sh"), "/bin/sh", {"sh", "SECRET123456"});
  auto kept = string_of(rewrite(bytes_of(record), secrets()));
  dse_process_exec body;
  std::memcpy(&body, kept.data() + sizeof(dse_header), sizeof(body));
  EXPECT_EQ(body.args_total, body.args_size);
  EXPECT_EQ(header_of_record(kept).size, kept.size());
}

TEST(rewrite, what_does_not_add_up_loses_its_strings) {
  Record record = exec_record(make_task(1, "sh"), "/bin/SECRET", {"SECRET"});
  dse_process_exec body;
  std::memcpy(&body, record.data() + sizeof(dse_header), sizeof(body));
  body.args_size += 1000;
  std::memcpy(record.data() + sizeof(dse_header), &body, sizeof(body));
  auto kept = string_of(rewrite(bytes_of(record), secrets()));
  EXPECT_EQ(kept.size(), sizeof(dse_header) + sizeof(body));
  EXPECT_EQ(kept.find("SECRET"), std::string::npos);
}

TEST(rewrite, names_of_processes_are_those_of_files) {
  Redactor rules = secrets();
  NameRedactor names(rules);
  for (int i = 0; i < 2; ++i) {  // the second time from memory
    dse_socket_state body{};
    std::memcpy(body.owner_comm, "a-SECRET-b", 10);
    Record record = socket_record(make_task(1, "SECRETprog"), body);
    std::vector<std::byte> kept(bytes_of(record).begin(), bytes_of(record).end());
    names.apply_to_record(kept);
    EXPECT_EQ(string_of(kept).find("SECRET"), std::string::npos);
    EXPECT_STREQ(reinterpret_cast<const char*>(header_of_record(string_of(kept)).task.comm), "***");
  }
}

std::string name_after(NameRedactor& names, std::string_view name) {
  dse_task task = make_task(1, name);
  names.apply(task.comm);
  return reinterpret_cast<const char*>(task.comm);
}

TEST(rewrite, names_of_secret_files_are_hidden_as_a_whole) {
  Redactor rules = *Redactor::make({"\\w+-SECRET"}, {});
  NameRedactor names(rules);
  const std::string whole = "telltale-and-so-on-SECRET";
  Record exec = exec_record(make_task(1, whole), "/bin/" + whole, {whole});
  EXPECT_EQ(name_after(names, whole), whole.substr(0, 15));
  names.learn_from_record(bytes_of(exec));
  EXPECT_EQ(name_after(names, whole), "***");
  // A thread that has renamed itself: what it is called now, and what others are called.
  names.learn("/bin/other-and-so-on-SECRET", make_task(2, "renamed").comm);
  EXPECT_EQ(name_after(names, "renamed"), "***");
  EXPECT_EQ(name_after(names, "other-and-so-on"), "***");
  // Only the name of the file counts.
  names.learn("/opt/x-SECRET/innocent", make_task(3, "innocent").comm);
  EXPECT_EQ(name_after(names, "innocent"), "innocent");
  names.learn("/bin/x-SECRET", make_task(4, "").comm);
  EXPECT_EQ(name_after(names, ""), "");
}

TEST(rewrite, hidden_names_are_never_forgotten) {
  Redactor rules = *Redactor::make({"-SECRET"}, {});
  NameRedactor names(rules);
  names.learn("/bin/telltale-and-so-on-SECRET", make_task(1, "telltale-and-so").comm);
  for (int i = 0; i < 70'000; ++i) {
    std::string name = "n" + std::to_string(i);
    ASSERT_EQ(name_after(names, name), name);
  }
  EXPECT_EQ(name_after(names, "telltale-and-so"), "***");
}

TEST(redact, the_rules_themselves_do_not_show) {
  Redactor rules = *Redactor::make({"--password[= ](\\S+)"}, {});
  std::string shell = std::string("sh\0-c\0dse record --redact '--password[= ](\\S+)'\0", 48);
  EXPECT_EQ(rules.args(shell, false).find("[= ]"), std::string::npos);
}

}  // namespace
