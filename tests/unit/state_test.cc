#include "replay/state.h"

#include <gtest/gtest.h>

#include "tests/unit/testing.h"

using namespace dse::format;
using namespace dse::replay;

namespace {

TEST(versioned_table, as_of) {
  VersionedTable<int> table;
  EXPECT_EQ(table.at(1, 100), nullptr);
  table.set(1, 10, 5);
  table.set(1, 20, 6);
  table.erase(1, 30);
  table.set(1, 40, 7);
  EXPECT_EQ(table.at(1, 9), nullptr);
  EXPECT_EQ(*table.at(1, 10), 5);
  EXPECT_EQ(*table.at(1, 19), 5);
  EXPECT_EQ(*table.at(1, 20), 6);
  EXPECT_EQ(table.at(1, 30), nullptr);
  EXPECT_EQ(table.at(1, 39), nullptr);
  EXPECT_EQ(*table.at(1, 40), 7);
  EXPECT_EQ(*table.newest(1), 7);
  EXPECT_EQ(table.at(2, 40), nullptr);
}

TEST(versioned_table, of_two_versions_at_one_time_the_later_counts) {
  VersionedTable<int> table;
  table.set(1, 10, 5);
  table.set(1, 10, 6);
  EXPECT_EQ(*table.at(1, 10), 6);
}

TEST(versioned_table, settling_keeps_what_can_still_be_asked_for) {
  VersionedTable<int> table;
  table.set(1, 10, 5);
  table.set(1, 20, 6);
  table.set(2, 10, 7);
  table.erase(2, 15);
  table.set(3, 10, 8);
  table.erase(3, 21);  // ended with record 20, the last of its batch
  table.erase(4, 10);  // was never there
  table.settle(21);
  EXPECT_EQ(*table.at(1, 20), 6);
  EXPECT_EQ(*table.at(1, 21), 6);
  EXPECT_EQ(table.newest(2), nullptr);
  EXPECT_EQ(*table.at(3, 20), 8);
  EXPECT_EQ(table.at(3, 21), nullptr);
  EXPECT_EQ(table.size(), 2u);
  table.settle(30);
  EXPECT_EQ(table.newest(3), nullptr);
  EXPECT_EQ(table.size(), 1u);  // nothing stays for ever
}

TEST(versioned_table, the_record_before_a_batch_can_be_asked_for) {
  VersionedTable<int> table;
  table.set(1, 10, 5);
  table.set(1, 21, 6);  // with the last record of its batch, for the next one on
  table.settle(21);
  ASSERT_NE(table.at(1, 20), nullptr);
  EXPECT_EQ(*table.at(1, 20), 5);
  EXPECT_EQ(*table.at(1, 21), 6);
  table.settle(30);
  EXPECT_EQ(*table.at(1, 29), 6);
}

TEST(versioned_table, what_comes_back_after_its_end_stays) {
  VersionedTable<int> table;
  table.set(1, 10, 5);
  table.erase(1, 21);
  table.settle(21);
  table.set(1, 25, 6);
  table.settle(30);
  table.settle(40);
  ASSERT_NE(table.newest(1), nullptr);
  EXPECT_EQ(*table.newest(1), 6);
}

// A state with the records of a script taken in, all in one batch.
struct Fixture {
  State state;
  explicit Fixture(const Script& script, SegmentInfo info = test_info()) {
    state.set_needs({.processes = true, .cgroups = true});
    state.reset(info);
    take(script.records());
  }
  void take(const Records& records) {
    auto batch = batch_of(rows_of(records, streams, first));
    ASSERT_TRUE(batch.ok());
    auto status = state.advance(*batch);
    ASSERT_TRUE(status.ok()) << status.error().message();
    first += records.size();
  }
  std::string name(std::uint32_t pid, std::uint64_t number) const {
    const Process* process = state.process(pid, number);
    return process ? std::string(process->name_view()) : "-";
  }
  StreamTable streams;
  std::uint64_t first = 0;
};

TEST(state, names_of_processes) {
  dse_task shell = make_task(40, "sh"), child = make_task(50, "sh", 40);
  Script script;
  script.add(fork_record(shell, child));                                // 1
  script.add(exec_record(make_task(50, "ls", 40), "/bin/ls", {"ls"}));  // 2
  script.add(exit_record(make_task(50, "ls", 40)));                     // 3
  script.add(exit_record(shell));                                       // 4
  Fixture f(script);
  EXPECT_EQ(f.name(50, 0), "-");
  EXPECT_EQ(f.name(50, 1), "sh");
  EXPECT_EQ(f.name(50, 2), "ls");
  EXPECT_EQ(f.name(50, 3), "ls");  // its last record is still its own
  EXPECT_EQ(f.name(50, 4), "-");
  EXPECT_EQ(f.name(40, 1), "sh");  // a fork tells of the parent too
  EXPECT_EQ(f.state.process(50, 1)->ppid, 40u);
}

TEST(state, names_of_sixteen_bytes) {
  dse_task task = make_task(40, "");
  std::memset(task.comm, 'x', DSE_COMM_SIZE);  // not ended by a NUL
  Script script;
  script.add(exec_record(task, "/x", {"x"}));
  EXPECT_EQ(Fixture(script).name(40, 1), std::string(16, 'x'));
}

TEST(state, threads_are_not_processes) {
  dse_task shell = make_task(40, "sh"), thread = shell;
  thread.tid = 41;
  Script script;
  script.add(fork_record(shell, thread));
  Fixture f(script);
  EXPECT_EQ(f.name(41, 1), "-");
}

TEST(state, an_exit_of_another_process_with_that_pid) {
  dse_task old = make_task(40, "old"), young = old;
  young.start_time_ns += 5;
  Script script;
  script.add(exec_record(young, "/x", {"x"})).add(exit_record(old));
  EXPECT_EQ(Fixture(script).name(40, 2), "old");  // the name in both is the same task's comm
  EXPECT_EQ(Fixture(script).name(40, 3), "old");
}

TEST(state, cgroups) {
  dse_task task = make_task(40, "sh");
  Script script;
  script.add(cgroup_record(DSE_CGROUP_MKDIR, task, 7, "/a"));      // 1
  script.add(cgroup_record(DSE_CGROUP_MKDIR, task, 7, "/v1", 3));  // 2: another hierarchy
  script.add(cgroup_record(DSE_CGROUP_ATTACH, task, 8, "/b"));     // 3: existed before
  script.add(cgroup_record(DSE_CGROUP_RMDIR, task, 7, "/a", 3));   // 4
  script.add(cgroup_record(DSE_CGROUP_RMDIR, task, 7, "/a"));      // 5
  Fixture f(script);
  EXPECT_EQ(f.state.cgroup_path(7, 0), "");
  EXPECT_EQ(f.state.cgroup_path(7, 1), "/a");
  EXPECT_EQ(f.state.cgroup_path(8, 2), "");
  EXPECT_EQ(f.state.cgroup_path(8, 3), "/b");
  EXPECT_EQ(f.state.cgroup_path(7, 5), "/a");
  EXPECT_EQ(f.state.cgroup_path(7, 6), "");
}

TEST(state, clock) {
  Script script(1'000'000'000);
  script.add(clock_record(5'000'000'000));  // 1, at boot time 1.000001 s
  Fixture f(script);
  const std::uint64_t real = test_info().real_time;
  EXPECT_EQ(f.state.real_time(1'000'000'000, 0), real);
  EXPECT_EQ(f.state.real_time(2'000'000'000, 0), real + 1'000'000'000);
  EXPECT_EQ(f.state.real_time(0, 0), real - 1'000'000'000);
  EXPECT_EQ(f.state.real_time(1'000'001'000, 1), 5'000'000'000u);
  EXPECT_EQ(f.state.real_time(1'000'002'000, 9), 5'000'001'000u);
  f.take({exit_record(make_task(1, "a"))});
  EXPECT_EQ(f.state.real_time(1'000'002'000, 2), 5'000'001'000u);
  f.state.reset(test_info());
  EXPECT_EQ(f.state.real_time(1'000'000'000, 5), real);
}

TEST(state, only_what_is_needed_is_read) {
  State state;
  EXPECT_EQ(state.kinds(), kind_bit(DSE_CLOCK_SAMPLE));
  state.set_needs({.processes = true});
  EXPECT_TRUE(state.kinds() & kind_bit(DSE_PROCESS_FORK));
  EXPECT_FALSE(state.kinds() & kind_bit(DSE_CGROUP_MKDIR));
  state.set_needs({.cgroups = true});
  EXPECT_TRUE(state.kinds() & kind_bit(DSE_CGROUP_SNAPSHOT));
  EXPECT_FALSE(state.kinds() & kind_bit(DSE_PROCESS_SNAPSHOT));
  EXPECT_FALSE(state.kinds() & kind_bit(DSE_CONTAINER_METADATA));
  state.set_needs({.containers = true});
  for (unsigned kind : {DSE_PROCESS_FORK, DSE_CGROUP_MKDIR, DSE_CONTAINER_METADATA})
    EXPECT_TRUE(state.kinds() & kind_bit(static_cast<Kind>(kind))) << kind;
}

}  // namespace
