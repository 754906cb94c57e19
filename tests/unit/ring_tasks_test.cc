#include "record/ring_tasks.h"

#include <gtest/gtest.h>

#include <map>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "tests/unit/same_rows.h"
#include "tests/unit/testing.h"

using namespace dse::format;
using dse::record::RingTasks;

namespace {

template <typename T>
std::string bytes_of_struct(const T& value) {
  return {reinterpret_cast<const char*>(&value), sizeof(value)};
}

// What a ring gets of records. There are few numbers, so that each is given away again and again.
class RingWriter {
 public:
  explicit RingWriter(std::uint64_t seed) : random_(seed) {}

  std::vector<std::string> write(const Record& record) {
    const dse_header header = header_of_record(record);
    std::vector<std::string> out;
    auto found = numbers_.find(bytes_of_struct(header.task));
    if (found == numbers_.end()) {
      const auto number = static_cast<std::uint32_t>(1 + random_() % 5);
      std::erase_if(numbers_, [&](const auto& one) { return one.second == number; });
      found = numbers_.emplace(bytes_of_struct(header.task), number).first;
      dse_ring_task named{};
      named.header.task = number;
      named.task = header.task;
      out.push_back(bytes_of_struct(named));
    }
    const dse_ring_header in_ring{header.time_ns, header.seq, found->second, header.kind, header.cpu};
    out.push_back(bytes_of_struct(in_ring) + record.substr(sizeof(header)));
    return out;
  }

 private:
  std::map<std::string, std::uint32_t> numbers_;  // by task
  std::mt19937_64 random_;
};

// Runs of one kind, CPU and task, some of which a gap interrupts.
Records in_runs(std::uint64_t seed, RandomRecords::Style style) {
  RandomRecords random(seed, style);
  Records records;
  std::map<std::pair<Kind, std::uint16_t>, std::uint64_t> next;
  for (const Record& one : random.take(150)) {
    if (one.size() < sizeof(dse_header)) continue;
    dse_header header = header_of_record(one);
    if (header.kind == DSE_RING_TASK || header.size != one.size()) continue;
    for (std::uint64_t n = 1 + random.below(4); n > 0; --n) {
      std::uint64_t& seq = next[{header.kind, header.cpu}];
      seq += random.below(20) == 0 ? 3 : 0;
      header.seq = seq++;
      header.time_ns += n;
      records.push_back(one);
      set_header(records.back(), header);
    }
  }
  return records;
}

TEST(ring_tasks, what_goes_where_others_went_is_as_if_it_came_alone) {
  std::size_t followed = 0;
  for (std::uint64_t seed = 0; seed < 40; ++seed) {
    SCOPED_TRACE(seed);
    const Records records = in_runs(seed, seed % 2 ? RandomRecords::Style::plausible
                                                   : RandomRecords::Style::arbitrary);
    RingWriter writer(seed);
    RingTasks tasks;
    StreamTable streams, expected_streams;
    Rows both[2], expected;  // in turn, as a recorder that writes one while it fills the other
    std::size_t batch = 0;
    for (std::size_t i = 0; i < records.size(); ++i) {
      Rows& rows = both[batch % 2];
      expected.append(bytes_of(records[i]), expected_streams);
      for (const std::string& one : writer.write(records[i])) {
        if (tasks.append(bytes_of(one), rows))
          ++followed;
        else
          tasks.take(bytes_of(one), [&](const auto& head, auto* task, auto body, auto& lane) {
            ASSERT_TRUE(task);
            rows.append(head, *task, body, streams, lane);
          });
      }
      if (i % 97 != 96 && i + 1 != records.size()) continue;
      ASSERT_EQ(rows.count(), expected.count());
      EXPECT_EQ(rows.size_bytes(), expected.size_bytes());
      ASSERT_NO_FATAL_FAILURE(expect_same(rows, expected));
      both[++batch % 2].clear();
      expected.clear();
    }
  }
  EXPECT_GT(followed, 1000u);
}

TEST(ring_tasks, a_name_that_comes_late_counts_from_there_on) {
  RingTasks tasks;
  StreamTable streams;
  Rows rows;
  SharedTask nobody;
  const Record record = exit_record(make_task(7, "late"));
  const dse_header header = header_of_record(record);
  dse_ring_task named{};
  named.header.task = 5;
  named.task = header.task;
  for (std::uint64_t seq = 0; seq < 4; ++seq) {
    if (seq == 2) tasks.take(bytes_of(bytes_of_struct(named)), [](auto&&...) { FAIL(); });
    const dse_ring_header in_ring{header.time_ns, seq, 5, header.kind, header.cpu};
    const std::string one = bytes_of_struct(in_ring) + record.substr(sizeof(header));
    EXPECT_EQ(tasks.append(bytes_of(one), rows), seq % 2 == 1);
    if (seq % 2 == 0)
      tasks.take(bytes_of(one), [&](const auto& head, auto* task, auto body, auto& lane) {
        EXPECT_EQ(task != nullptr, seq == 2);
        rows.append(head, task ? *task : nobody, body, streams, lane);
      });
  }
  const auto of = rows.table(header.kind)->task();
  EXPECT_EQ(std::vector<std::uint32_t>(of.begin(), of.end()), (std::vector<std::uint32_t>{0, 0, 1, 1}));
  EXPECT_EQ(rows.tasks().tasks()[1].pid, 7u);
}

}  // namespace
