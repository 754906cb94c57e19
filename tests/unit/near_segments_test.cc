// Which segments a range of time is read from.
#include "format/near_segments.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "tests/unit/testing.h"

using namespace dse::format;

namespace {

constexpr std::uint64_t kSecond = 1'000'000'000;
constexpr std::uint64_t kSegments = 5, kSpan = 10 * kSecond;  // how long a segment is
constexpr std::uint64_t kStart = 1'795'000'000 * kSecond;     // real time

// Segments of ten seconds each; in each a record at its beginning and one in its middle. By `set_back` the
// clock of the last one is behind.
class Capture {
 public:
  explicit Capture(std::uint64_t set_back = 0) {
    auto writer = CaptureWriter::open({path(), 1, 0}, FileSystem::host());
    EXPECT_TRUE(writer.ok());
    StreamTable streams;
    for (std::uint64_t i = 0; i < kSegments; ++i) {
      SegmentInfo info = test_info();
      info.boot_of_start = info.boot_time = kSecond;
      info.real_time = kStart - (i + 1 == kSegments ? set_back : 0);
      EXPECT_TRUE((*writer)->begin_segment(info, 2 * i, {{}, {1, 2, {}, {}}}).ok());
      Script script(kSecond + i * kSpan);
      script.add(exit_record(make_task(1, "a"))).wait(kSpan / 2).add(exit_record(make_task(2, "b")));
      EXPECT_TRUE((*writer)->write(rows_of(script.records(), streams, 2 * i)).ok());
      EXPECT_TRUE((*writer)->end_segment({}).ok());
    }
  }
  std::string path() const { return dir_ / "c"; }

  // The numbers of the segments that are read for a range of seconds after the start.
  std::vector<std::uint64_t> near(std::optional<double> since, std::optional<double> until) const {
    auto real = [](std::optional<double> seconds) {
      return seconds ? std::optional(kStart + static_cast<std::uint64_t>(*seconds * 1e9))
                     : std::nullopt;
    };
    auto found = segments_near({path()}, real(since), real(until));
    EXPECT_TRUE(found.ok());
    std::vector<std::uint64_t> numbers;
    for (const std::string& file : *found) numbers.push_back(segment_number(file).value() / 2);
    return numbers;
  }

 private:
  TempDir dir_;
};

using Numbers = std::vector<std::uint64_t>;

TEST(NearSegments, are_those_that_the_range_touches) {
  Capture capture;
  EXPECT_EQ(capture_start({capture.path()}).value(), kStart);
  EXPECT_EQ(capture.near(25, 26), Numbers{2});
  EXPECT_EQ(capture.near(25, 35), (Numbers{2, 3}));
  EXPECT_EQ(capture.near({}, 5), Numbers{0});
  EXPECT_EQ(capture.near(45, {}), Numbers{4});
  EXPECT_EQ(capture.near(12, 38), (Numbers{1, 2, 3}));
}

TEST(NearSegments, have_some_room_for_clocks_and_late_records) {
  Capture capture;
  EXPECT_EQ(capture.near(20.5, 25), (Numbers{1, 2}));
  EXPECT_EQ(capture.near(12, 19.5), (Numbers{1, 2}));
}

TEST(NearSegments, are_at_least_one) {
  Capture capture;
  EXPECT_EQ(capture.near(1000, {}), Numbers{4});  // the last one may still grow
  EXPECT_EQ(capture.near({}, -1000), (Numbers{0, 1, 2, 3, 4}));
}

TEST(NearSegments, are_found_behind_a_clock_that_was_set_back) {
  Capture capture(30 * kSecond);  // the last one is at 10 to 20 s again
  EXPECT_EQ(capture.near(12, 13), (Numbers{1, 2, 3, 4}));
  EXPECT_EQ(capture.near(45, {}), (Numbers{3, 4}));
}

TEST(NearSegments, count_a_damaged_segment_in_where_nothing_tells_when_it_was) {
  Capture capture;
  auto files = list_segments(capture.path());
  std::ofstream((*files)[2].path, std::ios::trunc) << "no capture";
  EXPECT_EQ(capture.near(12, 13), Numbers{1});
  EXPECT_EQ(capture.near(12, 35), (Numbers{1, 2, 3}));
}

TEST(NearSegments, are_of_files) {
  EXPECT_EQ(segments_near({"/none"}, 1, 2).error().code(), dse::ErrorCode::io);
  EXPECT_EQ(segments_near({"/dev/null"}, 1, 2).error().code(), dse::ErrorCode::usage);
}

}  // namespace
