#include "format/rows.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "tests/unit/same_rows.h"
#include "tests/unit/testing.h"

using namespace dse::format;

namespace {

Record numbered(Record record, std::uint64_t seq, std::uint16_t cpu = 0, std::uint64_t time = 5) {
  dse_header header = header_of_record(record);
  header.seq = seq;
  header.cpu = cpu;
  header.time_ns = time;
  set_header(record, header);
  return record;
}

const Record kExit = exit_record(make_task(1, "a"));

void append(Rows& rows, const Record& record, StreamTable& streams) {
  rows.append(bytes_of(record), streams);
}

TEST(rows, known_records_go_to_the_table_of_their_kind) {
  StreamTable streams;
  Rows rows = rows_of(std::vector<Record>{exec_record(make_task(1, "a"), "/f", {"x", "y"}), kExit},
                      streams);
  EXPECT_EQ(rows.count(), 2u);
  ASSERT_NE(rows.table(DSE_PROCESS_EXEC), nullptr);
  EXPECT_EQ(rows.table(DSE_PROCESS_EXEC)->count(), 1u);
  EXPECT_EQ(rows.table(DSE_PROCESS_EXEC)->dictionaries[0][0], "/f");
  EXPECT_EQ(rows.table(DSE_PROCESS_EXEC)->dictionaries[1][0], std::string_view("x\0y\0", 4));
  EXPECT_EQ(rows.table(DSE_PROCESS_EXIT)->count(), 1u);
  EXPECT_EQ(rows.tasks().tasks().size(), 1u);
  EXPECT_EQ(rows.table(99), nullptr);
  EXPECT_TRUE(rows.raw_index().empty());
  EXPECT_GT(rows.size_bytes(), 0u);
}

TEST(rows, what_fits_no_layout_is_kept_whole) {
  Record unknown = make_record(42, make_task(1, "a"), dse_clock_sample{1}, "tail");
  Record long_one = kExit + "x";  // the header tells another size
  Record cut = kExit.substr(0, kExit.size() - 1), tiny = "abc";
  Record exec = exec_record(make_task(1, "a"), "/f", {"x"});
  exec[sizeof(dse_header) + 16] = 1;  // filename_size: the sizes no longer add up
  StreamTable streams;
  Rows rows = rows_of(std::vector<Record>{unknown, long_one, cut, tiny, exec, unknown}, streams);
  EXPECT_EQ(rows.count(), 6u);
  ASSERT_EQ(rows.raw_index().size(), 6u);
  EXPECT_EQ(rows.raw().size(), 5u);  // one came twice
  EXPECT_EQ(rows.raw()[rows.raw_index()[1]], long_one);
  EXPECT_EQ(rows.raw()[rows.raw_index()[4]], exec);
  EXPECT_EQ(rows.table(DSE_PROCESS_EXEC)->count(), 0u);
  EXPECT_TRUE(rows.streams().empty());  // raw records are not followed
}

TEST(rows, times) {
  StreamTable streams;
  Rows rows;
  append(rows, "short", streams);
  append(rows, numbered(kExit, 0, 0, 70), streams);
  append(rows, numbered(kExit, 1, 0, 20), streams);
  EXPECT_EQ(rows.min_time(), 20u);
  EXPECT_EQ(rows.max_time(), 70u);
  rows.clear();
  EXPECT_TRUE(rows.empty());
  append(rows, numbered(kExit, 2, 0, 30), streams);
  EXPECT_EQ(rows.min_time(), 30u);
  EXPECT_EQ(rows.max_time(), 30u);
}

TEST(rows, gaps_are_located) {
  StreamTable streams;
  Rows rows;
  append(rows, numbered(kExit, 0, 0, 10), streams);
  append(rows, numbered(kExit, 0, 1, 11), streams);
  append(rows, numbered(kExit, 4, 0, 12), streams);  // 1, 2, 3 of CPU 0 are missing
  append(rows, numbered(kExit, 1, 1, 13), streams);
  append(rows, numbered(kExit, 2, 0, 14), streams);  // back again: not a loss
  ASSERT_EQ(rows.gaps().size(), 2u);
  const Gap& gap = rows.gaps()[0];
  EXPECT_EQ(gap.kind, DSE_PROCESS_EXIT);
  EXPECT_EQ(gap.cpu, 0);
  EXPECT_EQ(gap.row, 2u);
  EXPECT_EQ(gap.lost, 3);
  EXPECT_EQ(gap.since_time, 10u);
  EXPECT_EQ(rows.gaps()[1].lost, -3);
  EXPECT_EQ(rows.lost(), 3u);
}

TEST(rows, a_gap_at_the_start_has_no_time_before_it) {
  StreamTable streams;
  Rows rows;
  append(rows, numbered(kExit, 7), streams);
  ASSERT_EQ(rows.gaps().size(), 1u);
  EXPECT_EQ(rows.gaps()[0].lost, 7);
  EXPECT_EQ(rows.gaps()[0].since_time, 0u);
}

TEST(rows, streams_go_on_across_batches) {
  StreamTable streams;
  Rows rows;
  append(rows, numbered(kExit, 0, 2), streams);
  append(rows, numbered(kExit, 1, 2), streams);
  rows.clear();
  append(rows, numbered(kExit, 5, 2, 50), streams);
  ASSERT_EQ(rows.streams().size(), 1u);
  EXPECT_EQ(rows.streams()[0].cpu, 2);
  EXPECT_EQ(rows.streams()[0].seq, 2u);
  ASSERT_EQ(rows.gaps().size(), 1u);
  EXPECT_EQ(rows.gaps()[0].lost, 3);
  EXPECT_EQ(rows.gaps()[0].since_time, 5u);
  ASSERT_EQ(streams.positions().size(), 1u);
  EXPECT_EQ(streams.positions()[0].seq, 6u);
}

TEST(rows, appending_a_batch_is_appending_its_records) {
  for (std::uint64_t seed = 0; seed < 30; ++seed) {
    SCOPED_TRACE(seed);
    RandomRecords random(seed, RandomRecords::Style::arbitrary);
    Records records = random.take(300);
    StreamTable together_streams, apart_streams;
    Rows together = rows_of(records, together_streams, 10), apart;
    std::uint64_t first = 10;
    for (std::size_t at = 0; at < records.size();) {
      std::size_t n = std::min<std::size_t>(random.below(60), records.size() - at);
      Rows part = rows_of(std::span(records).subspan(at, n), apart_streams, first);
      apart.append(part);
      at += n;
      first += n;
    }
    ASSERT_NO_FATAL_FAILURE(expect_same(together, apart));
    auto batch = batch_of(apart);
    ASSERT_TRUE(batch.ok());
    EXPECT_TRUE(records_of(*batch) == records);
  }
}

TEST(rows, appending_a_batch_without_times_leaves_the_times_alone) {
  StreamTable streams;
  Rows rows, nothing, short_ones;
  append(rows, numbered(kExit, 0, 0, 70), streams);
  append(short_ones, "abc", streams);
  for (const Rows* later : {&nothing, &short_ones}) {
    rows.append(*later);
    EXPECT_EQ(rows.min_time(), 70u);
    EXPECT_EQ(rows.max_time(), 70u);
  }
}

TEST(rows, records_may_follow_an_appended_batch) {
  // The streams know the appended batch and not this one, but the sequence numbers must come out.
  StreamTable streams;
  Records records;
  for (std::uint64_t seq = 0; seq < 3; ++seq) records.push_back(numbered(kExit, seq));
  Rows rows, later;
  append(rows, records[0], streams);
  append(later, records[1], streams);
  rows.append(later);
  append(rows, records[2], streams);
  auto batch = batch_of(rows);
  ASSERT_TRUE(batch.ok());
  EXPECT_TRUE(records_of(*batch) == records);
}

}  // namespace
