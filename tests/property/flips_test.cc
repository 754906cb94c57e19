// Bit rot: whichever byte of a capture changes, reading it neither crashes nor yields a record that was
// never recorded, and whatever is missing is accompanied by a note.
//
// No byte is exempt. Headers, trailer included, are under their own checksum from the sync marker on,
// the eight bytes before it are compared or decide where that checksum is looked for, and frames are
// under the checksums in the headers. So every single flip must lead to a note, even where all records
// survive (in the segment header, the end entry or the trailer).
#include <gtest/gtest.h>

#include "replay/points/points.h"
#include "tests/unit/testing.h"

using namespace dse::format;

namespace {

Records g_records, g_snapshot;

std::string small_capture() {
  RandomRecords random(7, RandomRecords::Style::plausible);
  g_snapshot = random.snapshot(3);
  g_records = random.take(24);
  RandomRecords arbitrary(8, RandomRecords::Style::arbitrary);
  Records odd = arbitrary.take(12);
  g_records.insert(g_records.end(), odd.begin(), odd.end());
  return capture_bytes(g_snapshot, cut(g_records, 12));
}

void expect_detected(const std::string& bytes, bool seekable) {
  ReadBack back = read_back(bytes, seekable);
  ASSERT_FALSE(back.error) << back.describe();
  ASSERT_TRUE(is_subsequence(back.records, g_records)) << back.describe();
  ASSERT_TRUE(is_subsequence(back.snapshot, g_snapshot)) << back.describe();
  ASSERT_FALSE(back.notes.empty()) << back.describe();
}

TEST(flips, the_capture_itself_is_whole) {
  ReadBack back = read_back(small_capture(), true);
  EXPECT_TRUE(back.records == g_records);
  EXPECT_TRUE(back.notes.empty()) << back.describe();
}

TEST(flips, every_byte) {
  const std::string bytes = small_capture();
  std::mt19937_64 random(9);
  for (std::size_t at = 0; at < bytes.size(); ++at) {
    for (bool seekable : {true, false}) {
      // One time the whole byte, one time a single bit.
      auto mask = static_cast<char>(seekable ? 0xff : 1 << random() % 8);
      SCOPED_TRACE("byte " + std::to_string(at) + " xor " + std::to_string(mask & 0xff));
      std::string flipped = bytes;
      flipped[at] = static_cast<char>(flipped[at] ^ mask);
      ASSERT_NO_FATAL_FAILURE(expect_detected(flipped, seekable));
    }
  }
}

TEST(flips, every_byte_with_all_points_watching) {
  // The same through a session, which asks for columns instead of records: every line that it prints
  // is one of the undamaged capture's, unless a note says that something is missing before it.
  const std::string bytes = small_capture();
  for (std::size_t at = 0; at < bytes.size(); ++at) {
    std::string flipped = bytes;
    flipped[at] = static_cast<char>(flipped[at] ^ 0x10);
    auto lines = events_of(
        std::make_unique<CaptureReader>(memory_byte_source(flipped, true), "test"));
    ASSERT_FALSE(lines.empty()) << "byte " << at;
    ASSERT_EQ(lines.back().substr(0, 6), "note: ") << "byte " << at;
  }
}

TEST(flips, a_damaged_column_frame_is_found_when_it_is_used) {
  // Blocks large enough for frames of their own: a flip in one of them is met only by who reads it.
  RandomRecords random(11, RandomRecords::Style::plausible);
  Records records;
  while (records.size() < 6000) {
    Record record = random.next();
    if (header_of_record(record).kind == DSE_SOCKET_STATE) records.push_back(std::move(record));
  }
  const std::string bytes = capture_bytes({}, {records});
  g_records = records;
  g_snapshot.clear();
  for (std::size_t at = 0; at < bytes.size(); at += 997) {
    std::string flipped = bytes;
    flipped[at] = static_cast<char>(flipped[at] ^ 0x04);
    SCOPED_TRACE(at);
    ASSERT_NO_FATAL_FAILURE(expect_detected(flipped, true));
  }
}

}  // namespace
