// How several segments stand in one file, one stream or a directory.
#include "format/capture_writer.h"

#include <gtest/gtest.h>

#include <fcntl.h>

#include <filesystem>

#include "tests/unit/testing.h"

using namespace dse::format;

namespace {

const Records kRecords{exit_record(make_task(1, "a")), exit_record(make_task(2, "b")),
                       exit_record(make_task(3, "c"))};

Snapshot empty_snapshot() { return {{}, {1, 2, {}, {}}}; }

// What every opened file turns out to be; the name only says which kind it is.
class OneFile final : public FileSystem {
 public:
  explicit OneFile(std::string path) : path_(std::move(path)) {}
  int open(const char*, int, mode_t) override {
    return FileSystem::open(path_.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  }

 private:
  std::string path_;
};

struct SeenSegments final : CaptureReader::Observer {
  std::vector<SegmentInfo> segments;
  std::vector<EntryHeader> entries;  // of the segment at hand
  void segment(const std::string&, const SegmentInfo& info) override {
    segments.push_back(info);
    entries.clear();
  }
  void entry(const EntryHeader& header) override { entries.push_back(header); }
  // The index has what stood in this segment, where its headers say that they stand.
  void end(const EndInfo& info) override {
    std::vector<std::uint64_t> indexed, there;
    for (const IndexItem& item : info.index) indexed.push_back(item.offset);
    for (const EntryHeader& header : entries)
      if (header.type == EntryType::snapshot || header.type == EntryType::block)
        there.push_back(header.position);
    EXPECT_EQ(indexed, there);
    EXPECT_LT(indexed.front(), 1000u);
  }
};

// Two segments of one capture, and one of another.
void write_three(CaptureWriter& writer, bool one_file) {
  StreamTable streams;
  std::uint64_t bytes = 0;
  for (std::uint32_t segment = 0; segment < 3; ++segment) {
    SegmentInfo info = test_info();
    if (segment == 2) info.capture_id.fill(9);
    auto begun = writer.begin_segment(info, 3 * segment, empty_snapshot());
    ASSERT_TRUE(begun.ok()) << begun.error().message();
    ASSERT_TRUE(writer.write(rows_of(kRecords, streams, 3 * segment)).ok());
    EXPECT_GT(writer.segment_bytes(), 0u);
    EXPECT_EQ(writer.total_bytes(), bytes + writer.segment_bytes());
    bytes = writer.total_bytes();
    ASSERT_TRUE(writer.end_segment({}, one_file && segment != 2).ok());
    EXPECT_EQ(writer.segment_bytes(), 0u);
    EXPECT_GT(writer.total_bytes(), bytes);
    bytes = writer.total_bytes();
    EXPECT_EQ(writer.segments(), segment + 1);
  }
}

void expect_three(const std::string& bytes) {
  for (bool seekable : {false, true}) {
    CaptureReader reader(memory_byte_source(bytes, seekable), "test");
    SeenSegments seen;
    reader.observe(&seen);
    ReadBack back = read_back(reader);
    EXPECT_FALSE(back.error) << back.describe();
    EXPECT_TRUE(back.notes.empty()) << back.describe();
    EXPECT_EQ(back.records.size(), 9u);
    ASSERT_EQ(seen.segments.size(), 3u);
    for (std::uint32_t i = 0; i < 3; ++i) {
      EXPECT_EQ(seen.segments[i].segment, i == 1 ? 1u : 0u);
      EXPECT_EQ(seen.segments[i].first, 3 * i);
    }
  }
}

TEST(capture_writer, several_segments_in_one_file) {
  TempDir dir;
  std::string path = dir / "c.dse";
  auto writer = CaptureWriter::open({path, 1, 0}, FileSystem::host());
  ASSERT_TRUE(writer.ok()) << writer.error().message();
  StreamTable streams;
  write_three(**writer, true);
  EXPECT_FALSE(std::filesystem::exists(path + ".open"));
  EXPECT_EQ((*writer)->total_bytes(), std::filesystem::file_size(path));
  expect_three(read_file(path));
  // It is sealed: nothing follows on it.
  EXPECT_FALSE((*writer)->begin_segment(test_info(), 9, empty_snapshot()).ok());
}

TEST(capture_writer, a_file_that_goes_on_is_not_sealed) {
  TempDir dir;
  std::string path = dir / "c.dse";
  auto writer = CaptureWriter::open({path, 1, 0}, FileSystem::host());
  ASSERT_TRUE(writer.ok()) << writer.error().message();
  ASSERT_TRUE((*writer)->begin_segment(test_info(), 0, empty_snapshot()).ok());
  ASSERT_TRUE((*writer)->end_segment({}, true).ok());
  EXPECT_FALSE(std::filesystem::exists(path));
  EXPECT_EQ((*writer)->total_bytes(), std::filesystem::file_size(path + ".open"));
}

TEST(capture_writer, several_segments_in_a_stream) {
  TempDir dir;
  OneFile stream(dir / "stream");
  auto writer = CaptureWriter::open({"/dev/null", 1, 0}, stream);
  ASSERT_TRUE(writer.ok()) << writer.error().message();
  write_three(**writer, false);
  EXPECT_EQ((*writer)->total_bytes(), std::filesystem::file_size(dir / "stream"));
  expect_three(read_file(dir / "stream"));
}

TEST(capture_writer, a_directory_has_a_file_for_each_segment) {
  for (bool more : {false, true}) {
    TempDir dir;
    auto writer = CaptureWriter::open({dir / "c", 1, 0}, FileSystem::host());
    ASSERT_TRUE(writer.ok()) << writer.error().message();
    write_three(**writer, more);
    auto segments = list_segments(dir / "c");
    ASSERT_TRUE(segments.ok()) << segments.error().message();
    ASSERT_EQ(segments->size(), 3u);
    std::string all;
    for (const SegmentPath& segment : *segments) {
      EXPECT_TRUE(segment.sealed);
      all += read_file(segment.path);
    }
    expect_three(all);
  }
}

}  // namespace
