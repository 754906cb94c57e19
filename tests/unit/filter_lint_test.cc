// What is right by the grammar and still hardly meant, and what must not be taken for that.
#include <gtest/gtest.h>

#include "replay/filter/lint.h"
#include "replay/filter/parser.h"
#include "replay/points/points.h"

using namespace dse::replay;
using namespace dse::replay::filter;

namespace {

struct Written {
  Action action;
  std::string text;
  std::vector<std::string> points = {"ProcessExecuted"};
};

std::vector<std::string> lints(const std::vector<Written>& filters) {
  std::vector<std::unique_ptr<ObservationPoint>> points;
  std::vector<Spec> specs;
  std::vector<Node> nodes;
  for (const Written& filter : filters) {
    std::string number = std::to_string(specs.size() + 1);
    specs.push_back({filter.action,
                     (filter.action == Action::select ? "select " : "drop ") + number, filter.text,
                     -1});
    auto node = parse("F" + number, filter.text, {{"pad", "        proc.pid = 1"}});
    if (!node) {
      ADD_FAILURE() << node.error().message();
      return {};
    }
    nodes.push_back(std::move(*node));
  }
  std::vector<Linted> linted;
  for (const std::string& name : point_names()) points.push_back(make_point(name));
  for (std::size_t i = 0; i < filters.size(); ++i) {
    Linted& one = linted.emplace_back(Linted{&specs[i], &nodes[i], {}});
    for (const auto& point : points)
      if (std::find(filters[i].points.begin(), filters[i].points.end(), point->name()) !=
          filters[i].points.end())
        one.points.push_back(point.get());
  }
  return lint(linted);
}

std::vector<std::string> lints(const std::string& select,
                               const std::vector<std::string>& points = {"ProcessExecuted"}) {
  return lints({{Action::select, select, points}});
}

// The one message that there is, without its place; what else there is instead.
std::string only(const std::vector<std::string>& messages) {
  if (messages.size() != 1) return std::to_string(messages.size()) + " messages";
  return messages[0].substr(0, messages[0].find('\n'));
}

bool covers(const std::string& former, const std::string& later) {
  auto found = lints({{Action::drop, former}, {Action::drop, later}});
  for (const std::string& message : found)
    if (message.starts_with("F2: decides nothing: drop 1 already takes all that it matches"))
      return true;
  return false;
}

const std::vector<std::string> kEveryPoint = point_names();

TEST(filter_lint, not_equal_where_the_value_may_be_missing) {
  EXPECT_EQ(
      only(lints("proc.cwd != /")),
      "F1: '!=' is false where proc.cwd is missing, and not every event of ProcessExecuted has "
      "it; 'not proc.cwd = /' takes those in");
  EXPECT_EQ(only(lints("sig.name != SIGKILL", {"ProcessExecuted", "SignalDelivered"})),
            "F1: '!=' is false where sig.name is missing, and events of ProcessExecuted never have "
            "it; 'not "
            "sig.name = SIGKILL' takes those in");
  EXPECT_NE(only(lints("proc.args[0] != -c")), "0 messages");
  EXPECT_EQ(only(lints("proc.cwd exists and proc.cwd != /")), "0 messages");
  EXPECT_EQ(only(lints("evt.num != 5", kEveryPoint)), "0 messages");
  EXPECT_EQ(only(lints("sig.name != SIGKILL", {"SignalDelivered", "SignalGenerated"})),
            "0 messages");
}

TEST(filter_lint, not_of_what_may_be_missing) {
  EXPECT_EQ(only(lints("not proc.cwd = /")),
            "F1: under 'not' this is true where proc.cwd is missing, and not every event of "
            "ProcessExecuted has it; 'proc.cwd exists and not …' leaves those out");
  EXPECT_EQ(only(lints("proc.cwd exists and not proc.cwd = /")), "0 messages");
  EXPECT_EQ(only(lints("not proc.cwd exists")), "0 messages");
  EXPECT_EQ(only(lints("not not proc.cwd = /")), "0 messages");
  EXPECT_EQ(only(lints("not evt.type = ProcessExecuted", kEveryPoint)), "0 messages");
}

TEST(filter_lint, what_can_never_be_true) {
  EXPECT_EQ(only(lints("sig.num = 9")),
            "F1: can never be true: ProcessExecuted has no sig.num; it is one of SignalDelivered, "
            "SignalGenerated");
  EXPECT_EQ(only(lints("sig.num = 9", {"ProcessExecuted", "ProcessExited"})),
            "F1: can never be true: ProcessExecuted, ProcessExited have no sig.num; it is one of "
            "SignalDelivered, SignalGenerated");
  EXPECT_EQ(only(lints("proc.name = a and proc.name in (b, c)")),
            "F1: can never be true: its parts exclude one another");
  EXPECT_EQ(only(lints("proc.pid = 5 or (proc.pid < 3 and proc.pid > 7)")),
            "F1: can never be true: its parts exclude one another");
  EXPECT_EQ(only(lints("proc.pid > 9223372036854775807")),
            "F1: can never be true: no value is in it");
  EXPECT_EQ(only(lints("proc.pid >= 5 and proc.pid < 5")),
            "F1: can never be true: its parts exclude one another");
}

TEST(filter_lint, a_filter_that_a_former_one_covers) {
  EXPECT_TRUE(covers("proc.name = sh", "proc.name = sh"));
  EXPECT_TRUE(covers("proc.name in (sh, bash)", "proc.name = sh"));
  EXPECT_TRUE(covers("proc.name in (a, b, c)", "proc.name in (c, a)"));
  EXPECT_TRUE(covers("proc.pid < 100", "proc.pid < 50"));
  EXPECT_TRUE(covers("proc.pid in (1..100)", "proc.pid in (5..9, 50)"));
  EXPECT_TRUE(covers("proc.name = sh", "proc.pid = 1 and proc.name = sh"));
  EXPECT_TRUE(covers("proc.name = sh or proc.pid = 1", "proc.pid = 1"));
  EXPECT_TRUE(covers("proc.filename startswith /usr", "proc.filename startswith /usr"));
  EXPECT_TRUE(covers("not proc.pid = 1", "not proc.pid in (1, 2)"));

  EXPECT_FALSE(covers("proc.name = sh", "proc.name in (sh, bash)"));
  EXPECT_FALSE(covers("proc.name = sh", "proc.pname = sh"));
  EXPECT_FALSE(covers("proc.pid < 50", "proc.pid < 100"));
  EXPECT_FALSE(covers("proc.name = sh and proc.pid = 1", "proc.name = sh"));
  EXPECT_FALSE(covers("not proc.pid in (1, 2)", "not proc.pid = 1"));
  EXPECT_FALSE(covers("proc.name != sh", "proc.name = sh"));
  EXPECT_FALSE(covers("proc.args = a", "proc.args[0] = a"));
}

TEST(filter_lint, selects_and_drops_cover_only_their_like_and_only_at_the_same_points) {
  EXPECT_EQ(only(lints({{Action::select, "proc.pid = 1"}, {Action::drop, "proc.pid = 1"}})),
            "0 messages");
  EXPECT_EQ(only(lints({{Action::drop, "proc.pid = 1"},
                        {Action::drop, "proc.pid = 1", {"ProcessExecuted", "ProcessExited"}}})),
            "0 messages");
  EXPECT_NE(only(lints({{Action::drop, "proc.pid = 1", {"ProcessExecuted", "ProcessExited"}},
                        {Action::drop, "proc.pid = 1"}})),
            "0 messages");
}

TEST(filter_lint, places_are_right_around_macros) {
  // The macro's text begins further in than the whole expression is long.
  EXPECT_EQ(
      lints({{Action::drop, "@pad"}, {Action::drop, "@pad and evt.cpu = 1"}}),
      std::vector<std::string>{"F2: decides nothing: drop 1 already takes all that it matches\n"
                               "  @pad and evt.cpu = 1\n"
                               "  ^~~~~~~~~~~~~~~~~~~~"});
}

TEST(filter_lint, says_nothing_of_good_expressions) {
  for (const char* text :
       {"proc.name = bash", "proc.pid in (1..100, 200) and not evt.num in (1..5)",
        "proc.filename startswith /usr or proc.args contains http",
        "proc.pid > 1 and proc.pid < 10", "proc.name in (a, b) and proc.name = a",
        "proc.args = a and proc.args = b",  // two elements
        "proc.ret exists", "proc.is_script and proc.pid = 1", "proc.env[PATH] startswith /",
        "evt.num != 3 and evt.time > 2026-01-01T00:00:00Z"})
    EXPECT_EQ(only(lints(text)), "0 messages") << text;
}

}  // namespace
