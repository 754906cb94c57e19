// Events do not depend on where batches begin and end, nor on which other points watch, nor on whether
// there was a file in between. The law "live equals offline" rests on this: a live source closes its
// batches by time, a recorder by size.
#include <gtest/gtest.h>

#include "replay/points/points.h"
#include "tests/unit/testing.h"

using namespace dse::format;

namespace {

void expect_same(const std::vector<std::string>& expected, const std::vector<std::string>& got) {
  for (std::size_t i = 0; i < std::min(expected.size(), got.size()); ++i)
    ASSERT_EQ(expected[i], got[i]) << "line " << i;
  ASSERT_EQ(expected.size(), got.size());
}

std::vector<std::string> live(const Records& snapshot, std::vector<Records> batches) {
  return events_of(std::make_unique<MemoryRecords>(snapshot, std::move(batches)));
}

std::vector<std::string> offline(const Records& snapshot, const std::vector<Records>& batches,
                                 const std::vector<std::string>& points = {}) {
  return events_of(std::make_unique<CaptureReader>(
                       memory_byte_source(capture_bytes(snapshot, batches), true), "test"),
                   points);
}

struct Input {
  Records snapshot, records;
};

Input make_input(std::uint64_t seed, std::size_t count) {
  RandomRecords random(seed, RandomRecords::Style::plausible);
  Records snapshot = random.snapshot(12);
  return {std::move(snapshot), random.take(count)};
}

class BlockBoundaries : public testing::TestWithParam<int> {
 protected:
  Input input = make_input(static_cast<std::uint64_t>(GetParam()), 400);
};

TEST_P(BlockBoundaries, events_do_not_depend_on_batches) {
  auto expected = live(input.snapshot, cut(input.records, 0));
  ASSERT_GT(expected.size(), 200u);  // else the input says nothing
  for (std::size_t size : {1u, 7u, 100u}) {
    SCOPED_TRACE(size);
    ASSERT_NO_FATAL_FAILURE(expect_same(expected, live(input.snapshot, cut(input.records, size))));
  }
}

TEST_P(BlockBoundaries, events_do_not_depend_on_a_file_in_between) {
  auto expected = live(input.snapshot, cut(input.records, 0));
  for (std::size_t size : {7u, 0u}) {
    SCOPED_TRACE(size);
    ASSERT_NO_FATAL_FAILURE(
        expect_same(expected, offline(input.snapshot, cut(input.records, size))));
  }
}

TEST_P(BlockBoundaries, events_do_not_depend_on_other_points) {
  // Alone, a point makes the session read fewer kinds and keep up less state.
  auto together = offline(input.snapshot, cut(input.records, 7));
  for (const std::string& name : dse::replay::point_names()) {
    SCOPED_TRACE(name);
    std::vector<std::string> expected;
    std::string type = "\"type\":\"" + name + "\"";
    for (std::size_t i = 0; i + 1 < together.size(); i += 2)
      if (together[i].find(type) != std::string::npos) {
        expected.push_back(together[i]);
        expected.push_back(together[i + 1]);
      }
    ASSERT_NO_FATAL_FAILURE(
        expect_same(expected, offline(input.snapshot, cut(input.records, 7), {name})));
  }
}

// A name is asked for as of the record before, which may be the last one of the batch before, and
// that of an exit: the fork of the next process with this pid was lost.
TEST(block_boundaries, what_ended_at_the_end_of_a_batch) {
  dse_task parent = make_task(30, "parent"), before = make_task(31, "runc:[2:INIT]", 30);
  before.cgroup_id = 78;
  before.vpid = 1;
  before.ns_pid = 0xF0001234;
  dse_task init = before;
  std::memcpy(init.comm, "sh\0\0\0\0\0\0\0\0\0\0\0\0", DSE_COMM_SIZE - 1);
  Script script;
  script.add(cgroup_record(DSE_CGROUP_MKDIR, parent, 78, "/box"));
  script.add(exec_record(parent, "/runc", {"runc"}));
  script.add(exec_record(before, "/proc/self/exe", {"runc", "init"}));
  script.add(exit_record(before));
  script.add(exec_record(init, "/bin/sh", {"sh"}));
  auto expected = live({}, cut(script.records(), 0));
  for (std::size_t size : {1u, 2u, 3u, 4u}) {
    SCOPED_TRACE(size);
    ASSERT_NO_FATAL_FAILURE(expect_same(expected, live({}, cut(script.records(), size))));
  }
}

INSTANTIATE_TEST_SUITE_P(seeds, BlockBoundaries, testing::Range(0, 25));

}  // namespace
