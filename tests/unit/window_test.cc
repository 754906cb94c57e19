// Windows of numbers: which events are in them, and which blocks need not be read for that.
#include <gtest/gtest.h>

#include "replay/points/points.h"
#include "tests/unit/testing.h"

using dse::format::CaptureReader;
using dse::replay::Event;
using dse::replay::Session;
using Number = std::optional<std::uint64_t>;

namespace {

constexpr std::size_t kRecords = 1000, kBlock = 50;

// Failed execs keep no state, so blocks of them may be passed over.
std::string capture() {
  Script script;
  for (std::size_t i = 0; i < kRecords; ++i)
    script.add(exec_fail_record(make_task(10, "sh"), "/none", {"none"}, 2));
  return capture_bytes({}, cut(script.records(), kBlock));
}

struct Answer {
  std::vector<std::uint64_t> numbers;
  std::uint64_t frames = 0;
};

Answer answer(const std::string& bytes, Number first, Number last) {
  auto reader = std::make_unique<CaptureReader>(dse::format::memory_byte_source(bytes, true), "x");
  const auto& counters = reader->counters();
  Session session(std::move(reader));
  session.add(dse::replay::process_executed());
  session.use_only({"evt.num"});
  session.set_numbers(first, last);
  Answer answer;
  for (const Event& event : session) answer.numbers.push_back(event.number("evt.num").value());
  EXPECT_TRUE(session.status().ok());
  answer.frames = counters.frames;
  return answer;
}

std::vector<std::uint64_t> range(std::uint64_t first, std::uint64_t last) {
  std::vector<std::uint64_t> numbers;
  while (first <= last) numbers.push_back(first++);
  return numbers;
}

TEST(NumberWindow, has_both_its_bounds) {
  std::string bytes = capture();
  EXPECT_EQ(answer(bytes, {}, {}).numbers, range(1, kRecords));
  EXPECT_EQ(answer(bytes, 7, 7).numbers, range(7, 7));
  EXPECT_EQ(answer(bytes, 50, 51).numbers, range(50, 51));
  EXPECT_EQ(answer(bytes, 51, 100).numbers, range(51, 100));
  EXPECT_EQ(answer(bytes, 990, {}).numbers, range(990, kRecords));
  EXPECT_EQ(answer(bytes, {}, 3).numbers, range(1, 3));
  EXPECT_EQ(answer(bytes, 1001, {}).numbers, range(1, 0));
}

TEST(NumberWindow, reads_its_own_blocks_alone) {
  std::string bytes = capture();
  std::uint64_t all = answer(bytes, {}, {}).frames, none = answer(bytes, 2000, 2001).frames;
  std::uint64_t block = (all - none) / (kRecords / kBlock);
  ASSERT_GT(block, 0u);
  EXPECT_EQ(answer(bytes, 60, 70).frames, none + block);
  EXPECT_EQ(answer(bytes, 100, 101).frames, none + 2 * block);
  EXPECT_EQ(answer(bytes, {}, 50).frames, none + block);
  EXPECT_EQ(answer(bytes, 951, {}).frames, none + block);
}

TEST(NumberWindow, of_blocks_with_numbers_of_their_own_goes_by_these) {
  // As of a capture that was made of others: the records 500, 501, ….
  Script script;
  for (std::size_t i = 0; i < 100; ++i)
    script.add(exec_fail_record(make_task(10, "sh"), "/none", {"none"}, 2));
  dse::format::StreamTable streams;
  TempDir dir;
  auto writer = dse::format::CaptureWriter::open({dir / "x.dse", 1, 0},
                                                 dse::format::FileSystem::host());
  ASSERT_TRUE(writer);
  auto info = test_info();
  info.options.emplace_back(dse::replay::kFilteredOption, "ProcessExecuted");
  ASSERT_TRUE((*writer)->begin_segment(info, 0, {}).ok());
  auto rows = rows_of(script.records(), streams);
  rows.marks.emplace();
  for (std::uint32_t i = 0; i < 100; ++i) {
    rows.marks->number.push_back(500 + i);
    dse::format::show(*rows.marks, "ProcessExecuted", i, 0);
  }
  ASSERT_TRUE((*writer)->write(rows).ok());
  ASSERT_TRUE((*writer)->end_segment({}).ok());
  std::string bytes = read_file(dir / "x.dse");
  EXPECT_EQ(answer(bytes, 510, 520).numbers, range(510, 520));
  EXPECT_EQ(answer(bytes, {}, 499).numbers, range(1, 0));
  EXPECT_EQ(answer(bytes, 1, 500).numbers, range(500, 500));
}

// A window of time over a filtered capture does not bring back what is hidden.
TEST(TimeWindow, leaves_hidden_what_is_hidden) {
  Script script;
  for (std::size_t i = 0; i < 4; ++i)
    script.add(exec_fail_record(make_task(10, "sh"), "/none", {"none"}, 2));
  dse::format::StreamTable streams;
  TempDir dir;
  auto writer = dse::format::CaptureWriter::open({dir / "x.dse", 1, 0},
                                                 dse::format::FileSystem::host());
  ASSERT_TRUE(writer);
  ASSERT_TRUE((*writer)->begin_segment(test_info(), 0, {}).ok());
  auto rows = rows_of(script.records(), streams);
  rows.marks.emplace().number = {1, 2, 3, 4};
  dse::format::show(*rows.marks, "ProcessExecuted", 2, 0);
  ASSERT_TRUE((*writer)->write(rows).ok());
  ASSERT_TRUE((*writer)->end_segment({}).ok());
  Session session(std::move(*CaptureReader::open({dir / "x.dse"})));
  session.add(dse::replay::process_executed());
  session.set_window(1, ~std::uint64_t{0});
  std::vector<std::uint64_t> numbers;
  for (const Event& event : session) numbers.push_back(event.number("evt.num").value());
  EXPECT_EQ(numbers, range(3, 3));
}

// ---- windows of time ---------------------------------------------------------------------------

struct Seen {
  std::vector<std::string> lines;  // a parent's name, which earlier blocks tell
  std::vector<std::uint64_t> times;
  std::uint64_t frames = 0;
};

Seen signals(const std::string& bytes, Number since, Number until) {
  auto reader = std::make_unique<CaptureReader>(dse::format::memory_byte_source(bytes, true), "x");
  const auto& counters = reader->counters();
  Session session(std::move(reader));
  session.add(dse::replay::make_point("SignalDelivered"));
  session.use_only({"evt.num", "evt.time", "proc.pname"});
  session.set_window(since, until);
  Seen seen;
  for (const Event& event : session) {
    seen.times.push_back(event.batch().real_time(event.number("evt.time").value(), event.row()));
    seen.lines.push_back(std::to_string(event.number("evt.num").value()) + " " +
                         std::string(event.text("proc.pname").value_or("-")));
  }
  EXPECT_TRUE(session.status().ok());
  seen.frames = counters.frames;
  return seen;
}

TEST(TimeWindow, of_blocks_outside_takes_the_state_alone) {
  constexpr std::size_t kSignals = 5000, kBlocks = 6;  // times of so many are a frame of their own
  std::vector<Records> blocks;
  Script script;
  for (std::uint32_t block = 0; block < kBlocks; ++block) {
    const std::size_t before = script.records().size();
    script.add(exec_record(make_task(100 + block, "parent" + std::to_string(block)), "/p", {"p"}));
    for (std::size_t i = 0; i < kSignals; ++i) {
      const auto of = static_cast<std::uint32_t>(i % (block + 1));
      script.add(deliver_record(make_task(1000 + of, "child", 100 + of), 10, 0));
      script.wait(i % 7 * 1000);
    }
    blocks.emplace_back(script.records().begin() + static_cast<std::ptrdiff_t>(before),
                        script.records().end());
  }
  const std::string bytes = capture_bytes({}, blocks);
  const Seen all = signals(bytes, {}, {});
  ASSERT_EQ(all.lines.size(), kBlocks * kSignals);
  // In the middle of the third block, and of the fourth.
  const std::size_t first = 2 * kSignals + 100, last = 3 * kSignals + 200;
  const Seen some = signals(bytes, all.times[first], all.times[last]);
  EXPECT_EQ(some.lines, std::vector<std::string>(
                            all.lines.begin() + static_cast<std::ptrdiff_t>(first),
                            all.lines.begin() + static_cast<std::ptrdiff_t>(last) + 1));
  // What tells of times, if of nothing else, is only read in two of the blocks.
  EXPECT_LE(some.frames + (kBlocks - 2), all.frames);
}

}  // namespace
