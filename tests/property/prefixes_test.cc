// A recorder may die, and a copy may be cut, at any byte: every prefix of a capture gives all the
// entries that it holds whole, and says that it is not all.
#include <gtest/gtest.h>

#include "format/segment_reader.h"
#include "tests/unit/testing.h"

using namespace dse::format;

namespace {

struct Entry {
  std::size_t end;  // offset behind it
  std::uint64_t records;
};

TEST(prefixes, every_prefix_reads_up_to_its_last_whole_entry) {
  RandomRecords random(1, RandomRecords::Style::arbitrary);
  Records snapshot = random.snapshot(4), all = random.take(30);
  std::string bytes = capture_bytes(snapshot, cut(all, 10));

  std::vector<Entry> entries;
  SegmentReader reader(memory_byte_source(bytes, true), nullptr);
  while (true) {
    auto entry = reader.next();
    ASSERT_TRUE(entry.ok());
    if (!*entry) break;
    const EntryHeader& header = (*entry)->header;
    std::size_t end = (*entry)->offset + header.header_bytes() + header.body_bytes();
    entries.push_back({end, header.type == EntryType::block ? header.count : 0});
  }
  ASSERT_EQ(entries.size(), 6u);  // header, snapshot, three blocks, end

  for (std::size_t size = 0; size <= bytes.size(); ++size) {
    std::uint64_t records = 0, whole = 0;
    bool between = size == 0;
    for (const Entry& entry : entries) {
      if (entry.end > size) break;
      records += entry.records;
      ++whole;
      between = entry.end == size;
    }
    for (bool seekable : {true, false}) {
      SCOPED_TRACE("prefix of " + std::to_string(size) + (seekable ? " bytes" : " bytes, pipe"));
      std::string prefix = bytes.substr(0, size);
      ReadBack back = read_back(prefix, seekable);
      EXPECT_FALSE(back.error);
      ASSERT_EQ(back.records.size(), records) << back.describe();
      EXPECT_TRUE(std::equal(back.records.begin(), back.records.end(), all.begin()));
      EXPECT_EQ(back.snapshot.size(), whole >= 2 ? snapshot.size() : 0);
      if (size == bytes.size()) {
        EXPECT_TRUE(back.notes.empty()) << back.describe();
      } else {
        // One note, and never that of damage in the middle, once there is something to read.
        ASSERT_EQ(back.notes.size(), 1u) << back.describe();
        EXPECT_EQ(back.notes[0].what, whole ? Note::What::unsealed : Note::What::damaged)
            << back.describe();
      }

      ReadCounters counters;
      SegmentReader segments(memory_byte_source(prefix, seekable), &counters);
      while (true) {
        auto entry = segments.next();
        if (!entry || !*entry) break;
      }
      EXPECT_EQ(counters.entries >= whole, true);
      EXPECT_EQ(segments.sealed(), size == bytes.size());
      // Torn is what ends inside of an entry, the trailer included; below eight bytes there is
      // nothing to tell a capture by.
      if (size >= kSkippableBytes) {
        EXPECT_EQ(segments.torn(), !between && size != bytes.size());
      }
    }
  }
}

TEST(prefixes, a_cut_in_the_second_of_two_segments) {
  RandomRecords random(2, RandomRecords::Style::arbitrary);
  Records one = random.take(5), two = random.take(6);
  TempDir dir;
  auto& fs = FileSystem::host();
  ASSERT_TRUE(write_capture(dir / "c", {}, {one}, fs).ok());
  SegmentInfo other = test_info();
  other.capture_id[0] ^= 1;
  ASSERT_TRUE(write_capture(dir / "c", {}, {two}, fs, other).ok());
  auto segments = list_segments(dir / "c");
  ASSERT_TRUE(segments.ok());
  ASSERT_EQ(segments->size(), 2u);
  std::string last = (*segments)[1].path, bytes = read_file(last);
  for (std::size_t size = 0; size < bytes.size(); size += 7) {
    write_file(last, std::string_view(bytes).substr(0, size));
    auto reader = CaptureReader::open({dir / "c"});
    ASSERT_TRUE(reader.ok());
    ReadBack back = read_back(**reader);
    ASSERT_GE(back.records.size(), one.size()) << size;
    EXPECT_EQ(back.notes.size(), 1u) << size << ": " << back.describe();
  }
}

}  // namespace
