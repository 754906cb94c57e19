// Lossless: whatever bytes the kernel side wrote come back out of a capture, in the same order. No
// kind, size, sequence number or string is assumed to make sense.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>

#include "format/segment_reader.h"
#include "tests/unit/testing.h"

using namespace dse::format;

namespace {

// Reads entries without CaptureReader, so that the layers below it are held to account themselves.
struct Blocks {
  Records records;
  std::vector<EntryHeader> headers;
  bool sealed = false;
};

Blocks read_blocks(const std::string& bytes, bool seekable) {
  Blocks out;
  SegmentReader reader(memory_byte_source(bytes, seekable), nullptr);
  while (true) {
    auto entry = reader.next();
    EXPECT_TRUE(entry.ok()) << entry.error().message();
    if (!entry || !*entry) break;
    if ((*entry)->header.type != EntryType::block) continue;
    out.headers.push_back((*entry)->header);
    auto batch = open_batch((*entry)->header, std::move((*entry)->body), nullptr);
    EXPECT_TRUE(batch.ok()) << batch.error().message();
    if (!batch) break;
    dse::Status status;
    Records records = records_of(*batch, &status);
    EXPECT_TRUE(status.ok()) << status.error().message();
    out.records.insert(out.records.end(), records.begin(), records.end());
  }
  out.sealed = reader.sealed();
  return out;
}

// Headers are what skipping relies on, so they are checked against the records themselves.
void expect_header_is_true(const EntryHeader& header, const Records& records) {
  EXPECT_EQ(header.count, records.size());
  std::uint64_t min_time = ~std::uint64_t{0}, max_time = 0;
  for (const Record& record : records) {
    if (record.size() < sizeof(dse_header)) continue;
    min_time = std::min<std::uint64_t>(min_time, header_of_record(record).time_ns);
    max_time = std::max<std::uint64_t>(max_time, header_of_record(record).time_ns);
  }
  if (min_time <= max_time) {
    EXPECT_EQ(header.min_time, min_time);
    EXPECT_EQ(header.max_time, max_time);
  }
  std::uint64_t sum = 0;
  for (const KindCount& kind : header.kinds) sum += kind.count;
  EXPECT_EQ(sum, records.size());
}

void expect_lossless(const std::vector<Records>& batches) {
  std::string bytes = capture_bytes({}, batches);
  Records all;
  for (const Records& batch : batches) all.insert(all.end(), batch.begin(), batch.end());
  for (bool seekable : {true, false}) {
    Blocks blocks = read_blocks(bytes, seekable);
    EXPECT_TRUE(blocks.sealed);
    ASSERT_EQ(blocks.records.size(), all.size());
    for (std::size_t i = 0; i < all.size(); ++i)
      ASSERT_EQ(blocks.records[i], all[i]) << "record " << i;
    ASSERT_EQ(blocks.headers.size(), batches.size());
    for (std::size_t i = 0; i < batches.size(); ++i)
      expect_header_is_true(blocks.headers[i], batches[i]);

    ReadBack back = read_back(bytes, seekable);
    EXPECT_TRUE(back.records == all);
    EXPECT_TRUE(back.notes.empty()) << back.describe();
  }
}

TEST(lossless, arbitrary_records_in_small_batches) {
  for (std::uint64_t seed = 0; seed < 60; ++seed) {
    SCOPED_TRACE(seed);
    RandomRecords random(seed, RandomRecords::Style::arbitrary);
    std::vector<Records> batches;
    for (std::uint64_t n = random.below(6); batches.size() <= n;)
      batches.push_back(random.take(random.below(40)));
    expect_lossless(batches);
    if (HasFatalFailure()) return;
  }
}

TEST(lossless, arbitrary_records_in_batches_with_column_frames) {
  for (std::uint64_t seed = 100; seed < 103; ++seed) {
    SCOPED_TRACE(seed);
    RandomRecords random(seed, RandomRecords::Style::arbitrary);
    expect_lossless({random.take(20'000), random.take(3), random.take(10'000)});
    if (HasFatalFailure()) return;
  }
}

TEST(lossless, plausible_records) {
  for (std::uint64_t seed = 200; seed < 210; ++seed) {
    SCOPED_TRACE(seed);
    RandomRecords random(seed, RandomRecords::Style::plausible);
    expect_lossless(cut(random.take(1000), 300));
    if (HasFatalFailure()) return;
  }
}

TEST(lossless, one_record_of_every_size_around_the_fixed_parts) {
  // Every prefix of a record of every kind, once with its header's size told right and once not.
  RandomRecords random(300, RandomRecords::Style::arbitrary);
  Records records;
  for (const TableLayout& layout : all_kind_layouts()) {
    Record whole(sizeof(dse_header) + layout.fixed_size, '\0');
    dse_header header{};
    header.kind = layout.kind;
    for (std::size_t size = 0; size <= whole.size() + 3; ++size) {
      Record record = whole;
      record.resize(size);
      header.size = static_cast<std::uint32_t>(random.chance(80) ? size : whole.size());
      if (size >= sizeof(header)) set_header(record, header);
      records.push_back(std::move(record));
    }
  }
  expect_lossless({records});
}

TEST(lossless, sizes_of_variable_parts_that_overflow) {
  // Two sizes whose 32-bit sum is that of the record, were it computed in 32 bits.
  dse_process_exec body{};
  body.filename_size = 0xfffffff0;
  body.args_size = 0x10 + 5;
  expect_lossless({{make_record(DSE_PROCESS_EXEC, make_task(1, "a"), body, "12345")}});
}

TEST(lossless, empty_batches_and_an_empty_capture) {
  expect_lossless({});
  expect_lossless({{}, {}});
}

TEST(lossless, only_records_without_a_time) { expect_lossless({{"", "x", "yy", ""}}); }

TEST(lossless, snapshots) {
  for (std::uint64_t seed = 400; seed < 410; ++seed) {
    RandomRecords random(seed, RandomRecords::Style::arbitrary);
    Records snapshot = random.snapshot(200), records = random.take(50);
    for (bool seekable : {true, false}) {
      ReadBack back = read_back(capture_bytes(snapshot, {records}), seekable);
      EXPECT_TRUE(back.snapshot == snapshot) << seed;
      EXPECT_TRUE(back.records == records) << seed;
      EXPECT_TRUE(back.notes.empty()) << back.describe();
    }
  }
}

TEST(lossless, without_a_file_in_between) {
  // The path of `dse run`: from the encoder's message straight to a batch.
  for (std::uint64_t seed = 500; seed < 530; ++seed) {
    RandomRecords random(seed, RandomRecords::Style::arbitrary);
    StreamTable streams;
    for (int i = 0; i < 3; ++i) {
      Records records = random.take(random.below(500));
      auto batch = batch_of(rows_of(records, streams));
      ASSERT_TRUE(batch.ok()) << batch.error().message();
      dse::Status status;
      EXPECT_TRUE(records_of(*batch, &status) == records) << seed;
      EXPECT_TRUE(status.ok());
    }
  }
}

}  // namespace
