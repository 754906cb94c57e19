// What is refused, and how it is said: the place, the reason and, where there is one, what was meant.
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>

#include "tests/unit/filter_cases.h"

using dse::replay::filter::Macros;

namespace {

// One line that says why, and below it where.
std::string said(std::string_view message, std::string_view text, std::size_t column,
                 std::size_t width, std::string_view source = "--select") {
  return std::string(source) + ": " + std::string(message) + "\n  " + std::string(text) + "\n  " +
         std::string(column, ' ') + "^" + std::string(width - 1, '~');
}

TEST(filter_errors, say_what_is_wrong_where_and_what_was_meant) {
  struct Case {
    const char *text, *message;
    std::size_t column, width;
  };
  for (const Case& c : std::initializer_list<Case>{
           {"", "the expression is empty", 0, 1},
           {"proc.nmae = bash",
            "unknown field 'proc.nmae'; did you mean proc.name or proc.aname or proc.exe?", 0, 9},
           {"(proc.pid = 1", "this bracket is not closed", 0, 1},
           {"proc.pid = 1)", "there is no '(' for this", 12, 1},
           {"proc.pid =", "a value is missing", 10, 1},
           {"proc.pid = (", "here should be a value; one with such characters goes in quotes", 11,
            1},
           {"proc.pid = 1 and", "a field (proc.name, …) is missing", 16, 1},
           {"proc.name = 'a", "the quote is not closed", 12, 2},
           {"proc.name regx a", "'regx' is no operator; did you mean regex?", 10, 4},
           {"proc.pid in 1", "here should be a list in brackets: in (1, 2)", 12, 1},
           {"proc.pid in (1, 2", "this list is not closed", 12, 1},
           {"proc.pid = x1", "'x1' is not a number; proc.pid takes one", 11, 2},
           {"proc.pid = 9223372036854775808",
            "'9223372036854775808' is not in range; proc.pid takes -2^63 to 2^63-1", 11, 19},
           {"sock.cookie = -1", "'-1' is not in range; sock.cookie takes 0 to 2^64-1", 14, 2},
           {"proc.pid in (9..1)", "the range ends before it begins, so nothing is in it", 13, 4},
           {"proc.pid = 1..5", "a range goes in a list: proc.pid in (1..5)", 11, 4},
           {"proc.pid contains 1", "proc.pid is a number; 'contains' is for texts", 9, 8},
           {"proc.name", "proc.name is a text; compare it with something, or ask whether it exists",
            0, 9},
           {"proc.name < b",
            "proc.name is a text; texts have no order; use = != in contains startswith …", 10, 1},
           {"proc.args in (a)",
            "proc.args is a list of texts; write proc.args intersects (…) for one of its elements",
            10, 2},
           {"proc.args != a",
            "proc.args is a list of texts; write not proc.args = a for none of its elements", 10,
            2},
           {"proc.is_script = yes", "proc.is_script is a flag: true or false", 17, 3},
           {"sock.lip = 10.0.0.0/33", "'/33' is not a length of a prefix: 0 to 32", 11, 11},
           {"sig.name = SIGKIL",
            "unknown signal 'SIGKIL'; did you mean SIGKILL or SIGILL or SIGIO?", 11, 6},
           {"sig.num < KILL", "the numbers of signals differ between machines; use = or in", 10, 4},
           {"sock.oldstate = ESTABLISHD",
            "unknown TCP state 'ESTABLISHD' of sock.oldstate; did you mean ESTABLISHED?", 16, 10},
           {"sig.handler = usr", "unknown value 'usr' of sig.handler; did you mean user?", 14, 3},
           {"evt.time > 12:00", "'12:00' is not a time; evt.time takes one as 2026-11-22T15:32:56Z",
            11, 5},
           {"proc.duration > 1.5",
            "'1.5' is not a duration; proc.duration takes a number of ns, or 1.5ms, 10s, 5min", 16,
            3},
           {"sock.srtt > 1ns", "'1ns' is finer than sock.srtt, which counts us", 12, 3},
           {"proc.name regex '('", "'(' is not a regular expression: missing ): (", 16, 3},
           {"@web", "unknown macro '@web'; macros come with a profile", 0, 4},
       })
    EXPECT_EQ(error_of(c.text), said(c.message, c.text, c.column, c.width));
}

TEST(filter_errors, more_that_is_refused) {
  for (const char* text : {"and",
                           "not",
                           "()",
                           "proc.pid = 1 proc.pid = 2",
                           "proc.pid = 1 & proc.pid = 2",
                           "proc.pid = 1 and or proc.pid = 2",
                           "proc.pid in ()",
                           "proc.pid in (1,)",
                           "proc.pid in (,1)",
                           "proc.pid = 1 .. 2",
                           "proc.pid in (1..)",
                           "proc.pid in (..1)",
                           "proc.pid in ('1..2')",
                           "proc.name in (a .. b)",
                           "proc.name[0] = a",
                           "proc.args[ = 1",
                           "proc.args[] = 1",
                           "proc.apid[x] = 1",
                           "proc.apid contains 1",
                           "proc.apid in (1)",
                           "proc.apid != 1",
                           "proc.name intersects (a)",
                           "proc.is_script < true",
                           "proc.is_script in (true)",
                           "evt.time contains 2026",
                           "sock.lip = 10.0.0",
                           "sock.lip = 10.0.0.1..10.0.0.2",
                           "sock.lip in (10.0.0.9..10.0.0.1)",
                           "sock.oldstate = 1",
                           "proc.ret = ENOENTT",
                           "sig.num in (HUP..TERM)",
                           "sock.bytes_sent > 1XB",
                           "sock.bytes_sent > 1.5",
                           "sock.bytes_sent > 10000000TB",
                           "proc.duration > 200000d",
                           "proc.duration > 1e3s",
                           "proc.pid = 1.5",
                           "proc.pid = 0x",
                           "proc.pid = +1",
                           "proc.pid = ''",
                           "proc.name regex 'a{9999}'",
                           "proc.name glob '[z-a]'",
                           "proc.name = a'b'",
                           "proc.name = 'a' 'b'",
                           "PROC.NAME = a",
                           "proc.name = a AND proc.pid = 1",
                           "proc.name==="})
    EXPECT_NE(error_of(text), "") << text;
}

TEST(filter_errors, name_the_line_of_a_long_text) {
  EXPECT_EQ(error_of("proc.pid = 1\nand proc.nmae exists\n"),
            "--select, line 2: unknown field 'proc.nmae'; did you mean proc.name or proc.aname or "
            "proc.exe?\n  and proc.nmae exists\n      ^~~~~~~~~");
}

TEST(filter_errors, steer_no_terminal_and_stay_short) {
  for (std::string text :
       {"proc.pid = '\x1b[2J'", "proc.\x1b[2J = 1", "\x9b = 1", "sig.name = 'a\nb'", "@\x1b"}) {
    std::string message = error_of(text);
    EXPECT_NE(message, "");
    EXPECT_EQ(message.find('\x1b'), message.npos) << text;
    EXPECT_EQ(message.find('\x9b'), message.npos) << text;
    EXPECT_LE(std::count(message.begin(), message.end(), '\n'), 2) << text;
  }
  for (const char* before : {"proc.pid = ", "", "@", "proc.name regex (", "sock.lip = "})
    EXPECT_LT(error_of(before + std::string(500'000, 'x')).size(), 2000u) << before;
}

TEST(filter_errors, of_macros_are_shown_in_them) {
  Macros macros{{"web", "proc.pid = 1 or\n proc.nmae = 1"},
                {"a", "@b or proc.pid = 2"},
                {"b", "proc.pid = 1 and @a"},
                {"me", "not @me"},
                {"half", "proc.pid = 1 or"}};
  EXPECT_EQ(error_of("@web", macros).substr(0, 36), "macro @web, line 2: unknown field 'p");
  EXPECT_EQ(error_of("@a", macros),
            said("macro '@a' is made of itself", "proc.pid = 1 and @a", 17, 2, "macro @b"));
  EXPECT_EQ(error_of("@me", macros),
            said("macro '@me' is made of itself", "not @me", 4, 3, "macro @me"));
  EXPECT_EQ(error_of("@wbe", macros),
            said("unknown macro '@wbe'; did you mean @b or @me or @web?", "@wbe", 0, 4));
  // A macro is a whole: it cannot be half of what it stands in.
  EXPECT_NE(error_of("@half proc.pid = 2", macros), "");
}

TEST(filter_errors, macros_nest) {
  Macros macros{{"one", "proc.pid = 1 or proc.pid = 2"}, {"two-b", "@one and not (@one)"}};
  EXPECT_EQ(error_of("@one and @two-b or not @two-b and @one", macros), "");
  auto node = dse::replay::filter::parse("x", "not @one and proc.tid = 3", macros);
  ASSERT_TRUE(node.ok());
  // "not" holds of the macro as a whole.
  EXPECT_EQ(node->children.at(0).children.at(0).kind, dse::replay::filter::Node::Kind::any);
}

// ---- limits --------------------------------------------------------------------------------------

std::string repeated(std::string_view text, std::size_t times) {
  std::string out;
  for (std::size_t i = 0; i < times; ++i) out += text;
  return out;
}

TEST(filter_errors, depth_is_limited) {
  EXPECT_EQ(error_of(repeated("(", 150) + "proc.pid = 1" + repeated(")", 150)), "");
  EXPECT_EQ(error_of(repeated("not ", 150) + "proc.pid = 1"), "");
  for (const char* deeper : {"(", "not ", "!", "!(", "not (not "}) {
    std::string message = error_of(repeated(deeper, 100'000) + "proc.pid = 1");
    EXPECT_NE(message.find("the expression is nested more than 200 deep"), message.npos) << deeper;
  }
  Macros chain{{"m0", "proc.pid = 1"}};
  for (int i = 1; i < 300; ++i) chain["m" + std::to_string(i)] = "@m" + std::to_string(i - 1);
  EXPECT_EQ(error_of("@m150", chain), "");
  EXPECT_NE(error_of("@m299", chain), "");
}

TEST(filter_errors, size_is_limited) {
  EXPECT_EQ(error_of("proc.pid = 1" + repeated(" or proc.pid = 1", 9'000)), "");
  EXPECT_NE(error_of("proc.pid = 1" + repeated(" or proc.pid = 1", 11'000)), "");
  EXPECT_EQ(error_of("proc.ret in (ENOENT" + repeated(",EPERM", 90'000) + ")"), "");
  EXPECT_NE(error_of("proc.pid in (1" + repeated(",1", 100'001) + ")"), "");
  EXPECT_NE(error_of("proc.pid = 1 #" + repeated("x", std::size_t{1} << 20)), "");
}

TEST(filter_errors, macros_that_grow_exponentially_are_refused_at_once) {
  Macros macros{{"m0", "proc.pid = 1"}, {"long", "proc.pid = 1 #" + repeated("x", 500'000)}};
  for (int i = 1; i < 64; ++i) {
    std::string former = "@m" + std::to_string(i - 1);
    macros["m" + std::to_string(i)] = former + " or " + former;
  }
  auto start = std::chrono::steady_clock::now();
  EXPECT_NE(error_of("@m63", macros), "");
  // Each use of a macro counts with the whole of its text.
  EXPECT_EQ(error_of("@long and @long", macros), "");
  EXPECT_NE(error_of("@long" + repeated(" or @long", 5'000), macros), "");
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(5));
}

}  // namespace
