// The list of fields in format/capture.capnp is data that filters, JSON, text, docs and completion all
// rely on, so it is checked like code.
#include "replay/field.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>

#include "format/layout.h"
#include "replay/points/points.h"
#include "replay/render.h"

using namespace dse::replay;

namespace {

// The table that a field's column belongs to, for each point; those without a main table have none.
const std::map<std::string, const char*>& main_kinds() {
  static const std::map<std::string, const char*> kinds{
      {"ProcessExecuted", "process_exec"},    {"SocketStateChange", "socket_state"},
      {"ProcessExited", "process_exit"},      {"SignalDelivered", "signal_deliver"},
      {"SignalGenerated", "signal_generate"}, {"ContainerEvent", nullptr}};
  return kinds;
}

TEST(field, points_exist) {
  auto points = point_names();
  for (const std::string& point : points) {
    EXPECT_TRUE(main_kinds().count(point)) << "tell this test about " << point;
    ASSERT_NE(make_point(point), nullptr);
    EXPECT_EQ(make_point(point)->name(), point);
  }
  for (const Field& field : builtin_fields())
    for (const std::string& point : field.points)
      EXPECT_NE(std::find(points.begin(), points.end(), point), points.end())
          << field.name << " names " << point;
  EXPECT_EQ(make_point("NoSuchPoint"), nullptr);
}

TEST(field, from_is_a_column) {
  for (const Field& field : builtin_fields()) {
    if (field.from.empty()) continue;
    if (field.from.starts_with("task.")) {
      EXPECT_GE(dse::format::task_layout().column(field.from.substr(5)), 0) << field.name;
      continue;
    }
    EXPECT_FALSE(field.points.empty()) << field.name << ": a column of which kind?";
    for (const std::string& point : field.points) {
      const char* kind = main_kinds().at(point);
      ASSERT_NE(kind, nullptr) << field.name;
      EXPECT_GE(dse::format::kind_layout(kind)->column(field.from), 0) << field.name;
    }
  }
}

TEST(field, from_and_type_agree) {
  for (const Field& field : builtin_fields()) {
    if (field.from.empty()) continue;
    bool of_task = field.from.starts_with("task.");
    const auto& layout = of_task ? dse::format::task_layout()
                                 : *dse::format::kind_layout(main_kinds().at(field.points[0]));
    const auto& column = layout.columns[static_cast<std::size_t>(
        layout.column(of_task ? field.from.substr(5) : field.from))];
    bool is_text = field.type == FieldType::text || is_list(field.type);
    EXPECT_EQ(is_text, column.is_string()) << field.name;
    // Numbers of 64 bits do not all survive JSON readers.
    if (!is_text && column.size == 8) {
      EXPECT_NE(field.type, FieldType::number) << field.name;
    }
  }
}

TEST(field, names_are_unique_and_nest) {
  std::set<std::string> names;
  for (const Field& field : builtin_fields()) {
    EXPECT_TRUE(names.insert(field.name).second) << field.name;
    EXPECT_NE(field.name.find('.'), std::string::npos) << field.name;
    EXPECT_FALSE(field.doc.empty()) << field.name;
    for (char c : field.name)
      EXPECT_TRUE((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' || c == '_')
          << field.name;
  }
  // "a.b" and "a.b.c" cannot both be in one JSON object.
  for (const std::string& name : names)
    for (const std::string& other : names)
      EXPECT_FALSE(other.starts_with(name + ".")) << name << " and " << other;
}

TEST(field, groups_stand_together) {
  std::set<std::string> done;
  std::string group;
  for (const Field& field : builtin_fields()) {
    std::string now = field.name.substr(0, field.name.find('.'));
    if (now == group) continue;
    EXPECT_TRUE(done.insert(now).second) << field.name << " stands apart from its group";
    group = now;
  }
}

TEST(field, points_have_the_fields_that_name_them) {
  for (const std::string& name : point_names()) {
    auto point = make_point(name);
    for (const Field& field : builtin_fields())
      EXPECT_EQ(point->field(field.name) >= 0, field.belongs_to(name)) << name << field.name;
    EXPECT_EQ(point->field("no.such"), -1);
    // What the text line names must be there.
    std::string text = point->text_template();
    for (std::size_t at = 0; (at = text.find('{', at)) != std::string::npos; ++at) {
      std::string named = text.substr(at + 1, text.find('}', at) - at - 1);
      EXPECT_GE(point->field(named), 0) << name << " has no " << named;
    }
  }
}

TEST(field, find) {
  ASSERT_NE(find_builtin_field("proc.name"), nullptr);
  EXPECT_EQ(find_builtin_field("proc.name")->from, "task.comm");
  EXPECT_EQ(find_builtin_field("proc"), nullptr);
  EXPECT_EQ(find_builtin_field(""), nullptr);
}

TEST(field, similar_names) {
  std::vector<std::string> known{"proc.name", "proc.pname", "proc.pid", "sock.rport", "sig.name"};
  auto similar = similar_names("proc.nme", known);
  ASSERT_FALSE(similar.empty());
  EXPECT_EQ(similar[0], "proc.name");
  EXPECT_TRUE(similar_names("completely.different.thing", {"evt.num"}).empty());
  EXPECT_EQ(similar_names("sock.rport", known).at(0), "sock.rport");
  EXPECT_TRUE(similar_names("x", {}).empty());
}

}  // namespace
