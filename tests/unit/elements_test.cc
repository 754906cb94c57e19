// Elements of lists: "proc.args[0]", "proc.env[PATH]", as they are asked for and as they are shown.
#include <gtest/gtest.h>

#include "replay/points/points.h"
#include "replay/render.h"
#include "tests/unit/testing.h"

using namespace std::string_literals;
using namespace dse::replay;

namespace {

std::string error_of(std::string_view text) {
  auto ref = parse_field_ref(text);
  EXPECT_FALSE(ref) << text;
  return ref ? "" : ref.error().message();
}

TEST(element, references) {
  auto plain = parse_field_ref("proc.args");
  ASSERT_TRUE(plain);
  EXPECT_EQ(plain->name, "proc.args");
  EXPECT_EQ(plain->index, "");
  auto counted = parse_field_ref("proc.args[12]");
  ASSERT_TRUE(counted);
  EXPECT_EQ(counted->name, "proc.args");
  EXPECT_EQ(counted->index, "12");
  auto odd = parse_field_ref("proc.env[a.b[0]=]");
  ASSERT_TRUE(odd);
  EXPECT_EQ(odd->name, "proc.env");
  EXPECT_EQ(odd->index, "a.b[0]=");

  EXPECT_EQ(error_of("proc.args[0"),
            "field 'proc.args[0': the bracket is not closed; an element is asked for as "
            "proc.args[0] or proc.args[KEY]");
  EXPECT_NE(error_of("proc.args[").find("not closed"), std::string::npos);
  EXPECT_NE(error_of("proc.a]rgs[0").find("not closed"), std::string::npos);
  EXPECT_NE(error_of("proc.args[]").find("nothing in the brackets"), std::string::npos);
  EXPECT_NE(error_of("proc.args[0].x").find("follows"), std::string::npos);
}

TEST(element, only_lists_have_them) {
  EXPECT_TRUE(check_index({"proc.name", ""}, FieldType::text));
  EXPECT_TRUE(check_index({"proc.args", "0"}, FieldType::list));
  EXPECT_TRUE(check_index({"proc.env", "PATH"}, FieldType::list));
  EXPECT_TRUE(check_index({"x.y", "0"}, FieldType::numbers));
  auto none = check_index({"proc.name", "0"}, FieldType::text);
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error().code(), dse::ErrorCode::usage);
  EXPECT_EQ(none.error().message(),
            "field 'proc.name[0]': proc.name is no list (but of type text), so it has no elements");
  auto key = check_index({"x.y", "PATH"}, FieldType::numbers);
  ASSERT_FALSE(key);
  EXPECT_NE(key.error().message().find("no keys"), std::string::npos);
}

TEST(element, find) {
  const std::string list = "PATH=/bin\0\0PAT=1\0PATH=2\0E=\0last"s;
  EXPECT_EQ(find_element(list, "0"), "PATH=/bin");
  EXPECT_EQ(find_element(list, "1"), "");
  EXPECT_NE(find_element(list, "1").data(), nullptr);
  EXPECT_EQ(find_element(list, "5"), "last");
  EXPECT_EQ(find_element(list, "005"), "last");
  EXPECT_EQ(find_element(list, "6").data(), nullptr);
  EXPECT_EQ(find_element(list, "99999999999999999999999999").data(), nullptr);
  EXPECT_EQ(find_element(list, "PATH"), "/bin");
  EXPECT_EQ(find_element(list, "PAT"), "1");
  EXPECT_EQ(find_element(list, "E"), "");
  EXPECT_NE(find_element(list, "E").data(), nullptr);
  EXPECT_EQ(find_element(list, "last").data(), nullptr);
  EXPECT_EQ(find_element(list, "NONE").data(), nullptr);
  EXPECT_EQ(find_element("", "0").data(), nullptr);
  EXPECT_EQ(find_element(std::string_view(), "K").data(), nullptr);
}

// Whatever was executed, with the arguments behind argv[0] as numbers too.
class Numbered final : public ObservationPoint {
 public:
  Numbered()
      : ObservationPoint("Numbered", "{proc.name}((  first {x.list[0]}))  {x.numbers}",
                         {{"x.list", FieldType::list, "args", "", {}, "", {}},
                          {"x.numbers", FieldType::numbers, "args", "", {}, "", {}},
                          {"x.argc", FieldType::number, "argsCount", "", {}, "", {}}}) {}
  dse::format::KindSet kinds() const override { return dse::format::kind_bit(DSE_PROCESS_EXEC); }
  dse::Status process(const dse::format::Batch& batch, const State&, EventBatch& out) override {
    return out.use_table(batch.table(DSE_PROCESS_EXEC));
  }
};

struct Shown {
  std::vector<std::string> json, text;
};

// The executions of `commands`, with only `fields`.
Shown show(std::unique_ptr<ObservationPoint> point,
           const std::vector<std::vector<std::string>>& commands, std::vector<std::string> fields) {
  Script script;
  for (const auto& args : commands)
    script.add(exec_record(make_task(100, "some"), "/bin/some", args));
  Session session(
      std::make_unique<MemoryRecords>(Records{}, std::vector<Records>{script.records()}));
  ObservationPoint& added = session.add(std::move(point));
  session.use_only(fields);
  JsonRenderer json(added, &fields);
  TextRenderer text(added, false, &fields);
  Shown shown;
  for (const Event& event : session) {
    json.append(event.batch(), event.row(), shown.json.emplace_back());
    text.append(event.batch(), event.row(), shown.text.emplace_back());
  }
  EXPECT_TRUE(session.status().ok());
  return shown;
}

TEST(element, of_texts) {
  // The same list twice, as blocks keep it once.
  auto shown = show(
      process_executed(),
      {{"env", "A=1", "x\ty"}, {"true"}, {"env", "A=1", "x\ty"}, {"env", "B", "\xff"}},
      {"proc.args[1]", "evt.num", "proc.args[A]", "proc.args[0]"});
  EXPECT_EQ(shown.json,
            (std::vector<std::string>{
                R"({"proc":{"args[1]":"x\ty","args[A]":"1","args[0]":"A=1"},"evt":{"num":1}})",
                R"({"evt":{"num":2}})",
                R"({"proc":{"args[1]":"x\ty","args[A]":"1","args[0]":"A=1"},"evt":{"num":3}})",
                R"({"proc":{"args[1]":"\udcff","args[0]":"B"},"evt":{"num":4}})"}));
  EXPECT_EQ(shown.text, (std::vector<std::string>{"x\\x09y\t1\t1\tA=1", "-\t2\t-\t-",
                                                  "x\\x09y\t3\t1\tA=1", "\\xff\t4\t-\tB"}));
}

TEST(element, beside_the_whole_list) {
  auto shown = show(process_executed(), {{"env", "a.\"b=1"}},
                    {"proc.args", "proc.args[a.\"b]", "proc.args[7]"});
  EXPECT_EQ(shown.json[0], R"({"proc":{"args":["a.\"b=1"],"args[a.\"b]":"1"}})");
  EXPECT_EQ(shown.text[0], "a.\"b=1\t1\t-");
}

TEST(element, of_numbers) {
  auto shown = show(std::make_unique<Numbered>(),
                    {{"1", "-20", "9223372036854775807"}, {}, {"007", "x\"", "-", ""}},
                    {"x.numbers", "x.numbers[1]", "x.argc[0]"});
  EXPECT_EQ(shown.json,
            (std::vector<std::string>{
                R"({"x":{"numbers":[1,-20,9223372036854775807],"numbers[1]":-20}})",
                R"({"x":{"numbers":[]}})", R"({"x":{"numbers":["007","x\"","-",""]}})"}));
  EXPECT_EQ(shown.text, (std::vector<std::string>{"1 -20 9223372036854775807\t-20\t-", "\t-\t-",
                                                  "007 x\" - \t-\t-"}));
}

TEST(element, by_event) {
  Script script;
  script.add(exec_record(make_task(100, "some"), "/bin/some", {"5", "K=v"}));
  Session session(
      std::make_unique<MemoryRecords>(Records{}, std::vector<Records>{script.records()}));
  session.add(std::make_unique<Numbered>()).select([](const Event& event) {
    return event.text("x.list[K]") == "v";
  });
  int seen = 0;
  for (const Event& event : session) {
    ++seen;
    EXPECT_EQ(event.text("x.list[0]"), "5");
    EXPECT_EQ(event.text("x.list[1]"), "K=v");
    EXPECT_EQ(event.text("x.list[K]"), "v");
    EXPECT_EQ(event.number("x.numbers[0]"), 5u);
    EXPECT_FALSE(event.number("x.numbers[1]"));
    for (const char* none : {"x.list[2]", "x.list[0", "x.list[]", "x.none[0]", "proc.name[0]",
                             "x.argc[0]", "[0]", "]"})
      EXPECT_FALSE(event.text(none)) << none;
    EXPECT_TRUE(event.text().ends_with("some  first 5  5 K=v")) << event.text();
  }
  EXPECT_EQ(seen, 1);
  EXPECT_TRUE(session.status().ok());
}

}  // namespace
