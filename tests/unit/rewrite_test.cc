// Records of a capture that there is, with the rules applied to all of them: no kind, however its layout
// is or is broken, keeps what a rule matches.
#include "format/rewrite.h"

#include <gtest/gtest.h>

#include <set>

#include "tests/unit/testing.h"

using namespace std::string_literals;
using namespace dse::format;

namespace {

const std::string kCanary = "CANARY";

Redactor rules() { return *Redactor::make({"CANARY\\w*"}, {}); }

// A record of any kind with numbers that differ and, in each column of bytes, what `text` gives.
template <typename Text>
Record record_of(const TableLayout& layout, std::string_view comm, Text text) {
  std::string body(layout.fixed_size, '\0'), tail;
  for (std::size_t i = 0; i < layout.columns.size(); ++i) {
    const ColumnLayout& column = layout.columns[i];
    std::uint64_t value = i + 3;
    if (column.abi == Abi::fixed) {
      if (column.name.ends_with("Comm")) comm.copy(body.data() + column.offset, column.size - 1);
      continue;
    }
    if (column.abi == Abi::bytes) {
      std::string bytes = text(column);
      value = bytes.size();
      tail += bytes;
    }
    if (column.name == "flags") value = 0;
    std::memcpy(body.data() + column.offset, &value, column.size);
  }
  if (int total = layout.column("argsTotal"); total >= 0)
    std::memcpy(
        body.data() + layout.columns[static_cast<std::size_t>(total)].offset,
        body.data() + layout.columns[static_cast<std::size_t>(layout.column("args"))].offset, 4);
  dse_header header{};
  header.kind = layout.kind;
  header.cpu = 1;
  header.size = static_cast<std::uint32_t>(sizeof(header) + body.size() + tail.size());
  header.task = make_task(7, comm);
  Record record(sizeof(header), '\0');
  set_header(record, header);
  return record + body + tail;
}

bool is_block(const ColumnLayout& column) {
  return column.name == "args" || column.name == "env" || column.name == "labels";
}

// What a column of bytes may hold, with `secret` in the midst of it.
std::string text_with(const ColumnLayout& column, const std::string& secret) {
  if (!is_block(column)) return "/" + column.name + "/" + secret + "/end";
  return "A=" + column.name + "\0B=x "s + secret + " y\0C=\0"s;
}

// nullopt: it is to be dropped. What is kept must fit its kind.
std::optional<Record> rewritten(std::string_view record, const Redactor& redactor = rules()) {
  NameRedactor names(redactor);
  auto out = rewrite_all(bytes_of(record), redactor, names);
  if (!out) return {};
  Record kept = string_of(*out);
  StreamTable streams;
  Rows rows = rows_of(std::vector<Record>{kept}, streams);
  EXPECT_TRUE(rows.raw_index().empty());
  EXPECT_EQ(header_of_record(kept).kind, header_of_record(record).kind);
  return kept;
}

TEST(rewrite_all, no_string_of_any_kind_keeps_a_canary) {
  std::size_t strings = 0;
  for (const TableLayout& layout : all_kind_layouts()) {
    SCOPED_TRACE(layout.name);
    auto with = [&](const std::string& secret, const std::string& comm) {
      return record_of(layout, comm,
                       [&](const ColumnLayout& column) { return text_with(column, secret); });
    };
    // All at once, and all other bytes as they were.
    EXPECT_EQ(rewritten(with(kCanary + "1", "a-CANARY2-b")), with("***", "a-***-b"));
    // What has none stays as it is.
    EXPECT_EQ(rewritten(with("plain", "name")), with("plain", "name"));
    // One at a time.
    for (const ColumnLayout& wanted : layout.columns) {
      if (wanted.abi != Abi::bytes) continue;
      SCOPED_TRACE(wanted.name);
      ++strings;
      auto in_one = [&](const std::string& secret) {
        return record_of(layout, "name", [&](const ColumnLayout& column) {
          return text_with(column, column.name == wanted.name ? secret : "plain");
        });
      };
      EXPECT_EQ(rewritten(in_one(kCanary)), in_one("***"));
    }
  }
  EXPECT_GT(strings, 25u);
}

TEST(rewrite_all, every_column_of_text_is_known) {
  for (const TableLayout& layout : all_kind_layouts())
    for (const ColumnLayout& column : layout.columns)
      if (column.abi == Abi::fixed) {
        EXPECT_TRUE(column.name.ends_with("Comm") || column.name.ends_with("Address"))
            << layout.name << "." << column.name;
      }
}

TEST(rewrite_all, variables_stay_with_their_names) {
  ExecFacts facts;
  facts.env = "PATH=/bin\0CANARYNAME=CANARY5\0TOKEN=x CANARY\0noise CANARY\0"s;
  auto kept = rewritten(exec_record(make_task(1, "sh"), "/bin/sh", {"sh"}, facts));
  ASSERT_TRUE(kept);
  EXPECT_NE(kept->find("PATH=/bin\0CANARYNAME=***\0TOKEN=x ***\0noise ***\0"s), Record::npos);
  // Also without any rule.
  EXPECT_NE(
      rewritten(exec_record(make_task(1, "sh"), "/bin/sh", {"sh"}, facts), *Redactor::make({}, {}))
          ->find(facts.env),
      Record::npos);
  // What was cut off may be the rest of a secret.
  facts.env = "PATH=/bin\0TOKEN=part"s;
  facts.body.flags = DSE_ENV_CUT;
  kept = rewritten(exec_record(make_task(1, "sh"), "/bin/sh", {"sh"}, facts));
  EXPECT_TRUE(kept->ends_with("PATH=/bin\0TOKEN=***"s));
}

TEST(rewrite_all, labels_are_seen_one_by_one) {
  Redactor each = *Redactor::make({"secret=(.+)"}, {});
  std::vector<std::string> strings(10);
  strings[9] = "a=b\0secret=c d\0e=f\0"s;
  auto kept = rewritten(container_metadata_record(strings), each);
  EXPECT_TRUE(kept->ends_with("a=b\0secret=***\0e=f\0"s));
}

TEST(rewrite_all, an_argument_that_was_cut_is_gone) {
  dse_process_snapshot body{};
  body.flags = DSE_ARGS_CUT;
  body.exe_size = 7;
  body.args_size = 7;
  body.args_total = 1000;
  auto kept = rewritten(
      make_record(DSE_PROCESS_SNAPSHOT, make_task(1, "sh"), body, "/bin/shsh\0CANA"s));
  ASSERT_TRUE(kept);
  EXPECT_TRUE(kept->ends_with("/bin/shsh\0***"s));
}

TEST(rewrite_all, names_are_learned_from_execs_and_snapshots) {
  Redactor by_the_end = *Redactor::make({"[a-z-]+-known-by-its-end"}, {});
  const std::string name = "telltale-and-so", file = name + "-on-known-by-its-end";
  ExecFacts by_descriptor;
  by_descriptor.exepath = "/bin/" + file;
  for (const Record& telling :
       {exec_record(make_task(1, name), "/bin/" + file, {"x"}),
        exec_record(make_task(1, name), "/dev/fd/3", {"x"}, by_descriptor),
        process_snapshot_record(make_task(1, name), "/bin/" + file, {"x"})}) {
    NameRedactor names(by_the_end);
    Record later = deliver_record(make_task(1, name), 15, 0);
    auto before = rewrite_all(bytes_of(later), by_the_end, names);
    EXPECT_NE(string_of(*before).find(name), Record::npos);
    auto kept = rewrite_all(bytes_of(telling), by_the_end, names);
    EXPECT_EQ(string_of(*kept).find("telltale"), Record::npos);
    auto after = rewrite_all(bytes_of(later), by_the_end, names);
    EXPECT_EQ(string_of(*after).find(name), Record::npos);
  }
}

TEST(rewrite_all, what_cannot_be_told_is_not_kept) {
  Record unknown = make_record(40, make_task(1, "sh"), std::uint64_t{0}, kCanary);
  EXPECT_EQ(rewritten(unknown), std::nullopt);
  unknown = make_record(kMaxKinds + 1, make_task(1, "sh"), std::uint64_t{0}, kCanary);
  EXPECT_EQ(rewritten(unknown), std::nullopt);
  EXPECT_EQ(rewritten(kCanary), std::nullopt);
  EXPECT_EQ(rewritten(""), std::nullopt);
}

TEST(rewrite_all, what_is_malformed_has_no_strings_left) {
  for (const TableLayout& layout : all_kind_layouts()) {
    SCOPED_TRACE(layout.name);
    const Record whole = record_of(
        layout, "CANARY", [&](const ColumnLayout& column) { return text_with(column, kCanary); });
    auto expect_nothing = [&](const Record& record) {
      auto kept = rewritten(record);
      if (!kept) return;
      EXPECT_EQ(kept->find(kCanary), Record::npos);
      EXPECT_EQ(kept->size(), sizeof(dse_header) + layout.fixed_size);
    };
    for (std::size_t size = 0; size < whole.size(); ++size) {
      Record cut = whole.substr(0, size);
      expect_nothing(cut);
      dse_header header = header_of_record(cut);
      header.size = static_cast<std::uint32_t>(size);
      if (size >= sizeof(header)) set_header(cut, header);
      expect_nothing(cut);
    }
    expect_nothing(whole + kCanary);
    // In the layout of the first version, where there are strings that this one takes for numbers.
    std::string strings;
    while (strings.size() < layout.fixed_size) strings += kCanary;
    expect_nothing(whole.substr(0, sizeof(dse_header) + layout.fixed_size_at(1)) + strings);
  }
}

TEST(rewrite_all, whatever_the_bytes_are) {
  const Redactor anything = *Redactor::make({"[^*]+"}, {});
  RandomRecords random(11, RandomRecords::Style::arbitrary);
  std::set<Kind> seen;
  for (const Record& record : random.take(3000))
    if (auto kept = rewritten(record, anything)) seen.insert(header_of_record(*kept).kind);
  EXPECT_EQ(seen.size(), all_kind_layouts().size());
}

}  // namespace
