// What stays of the records that keep state: what lives, and nothing that does not matter any more.
#include "replay/state_log.h"

#include <gtest/gtest.h>

#include "tests/unit/testing.h"

using dse::replay::StateLog;

namespace {

// A log with times and sequence numbers as a Script gives them, and the numbers in order.
class Log {
 public:
  Log() { log.reset(test_info()); }
  void snapshot(const Record& record) { log.add_snapshot(bytes_of(record)); }
  void add(Record record) {
    Script one(time_);
    one.add(std::move(record));
    time_ = one.time();
    ASSERT_TRUE(log.add(bytes_of(one.records().front()), ++number_).ok());
  }
  // The records that are left, by number, once it is condensed.
  std::vector<std::uint64_t> left() {
    EXPECT_TRUE(log.condense().ok());
    std::vector<std::uint64_t> numbers;
    for (std::size_t i = 0; i < log.size(); ++i) numbers.push_back(log.number(i));
    return numbers;
  }
  StateLog log;

 private:
  std::uint64_t time_ = 1'000'000'000, number_ = 0;
};

using Numbers = std::vector<std::uint64_t>;

dse_task started(std::uint32_t pid, std::uint64_t start, std::string_view comm,
                 std::uint32_t ppid = 1) {
  dse_task task = make_task(pid, comm, ppid);
  task.start_time_ns = start;
  return task;
}

TEST(StateLogTest, leaves_out_processes_that_are_gone) {
  Log log;
  dse_task shell = make_task(10, "sh"), child = make_task(20, "ls", 10);
  log.snapshot(process_snapshot_record(shell, "/bin/sh", {"sh"}));
  log.add(fork_record(shell, child));
  log.add(exec_record(child, "/bin/ls", {"ls"}));
  log.add(exit_record(child));
  log.add(fork_record(shell, make_task(21, "sh", 10)));
  EXPECT_EQ(log.left().front(), 0u);
  EXPECT_EQ(log.log.number(log.log.size() - 1), 4u);
  for (std::uint32_t pid = 100; pid < 200; ++pid) {
    dse_task one = make_task(pid, "ls", 10);
    log.add(fork_record(shell, one));
    log.add(exec_record(one, "/bin/ls", {"ls"}));
    log.add(exit_record(one));
  }
  Numbers left = log.left();
  EXPECT_LT(left.size(), 2u + 3 * 17);
  EXPECT_EQ(std::count(left.begin(), left.end(), 4u), 1);  // the child that lives
  EXPECT_EQ(std::count(left.begin(), left.end(), 1u), 0);
}

TEST(StateLogTest, keeps_who_a_process_descends_from) {
  Log log;
  dse_task shell = make_task(10, "sh"), middle = make_task(20, "daemon", 10),
           daemon = make_task(30, "daemon", 20);
  log.snapshot(process_snapshot_record(shell, "/bin/sh", {"sh"}));
  log.add(fork_record(shell, middle));
  log.add(exec_record(middle, "/usr/bin/daemon", {"daemon", "-d"}));
  log.add(fork_record(middle, daemon));
  log.add(
      exit_record(middle));  // what the daemon executes it has from there, and now another parent
  EXPECT_EQ(log.left(), (Numbers{0, 1, 2, 3, 4}));
}

TEST(StateLogTest, leaves_out_rows_of_the_snapshot) {
  Log log;
  dse_task gone = make_task(10, "gone");
  log.snapshot(process_snapshot_record(make_task(1, "init", 0), "/sbin/init", {"init"}));
  log.snapshot(process_snapshot_record(gone, "/bin/gone", {"gone"}));
  log.snapshot(cgroup_snapshot_record(7, "/made.scope"));
  log.snapshot(cgroup_snapshot_record(8, "/stays.scope"));
  log.add(exit_record(gone));
  log.add(cgroup_record(DSE_CGROUP_RMDIR, make_task(1, "init", 0), 7, "/made.scope"));
  for (std::uint32_t pid = 100; pid < 116; ++pid) log.add(exit_record(make_task(pid, "x")));
  ASSERT_TRUE(log.log.condense().ok());
  EXPECT_EQ(log.log.snapshot_size(), 2u);
  EXPECT_EQ(log.log.size(), 2u + 16);
}

TEST(StateLogTest, keeps_the_last_clock_sample_alone) {
  Log log;
  for (std::uint64_t i = 1; i <= 50; ++i) log.add(clock_record(i * 1'000'000'000));
  EXPECT_EQ(log.left(), (Numbers{50}));
}

TEST(StateLogTest, keeps_signals_that_are_on_their_way) {
  Log log;
  dse_task sender = make_task(10, "sh"), target = make_task(20, "sleep");
  log.add(generate_record(sender, target, 10, 0, true));
  log.add(deliver_record(target, 10, 0, 0x1000));
  log.add(generate_record(sender, target, 12, 0, true));
  EXPECT_EQ(log.left(), (Numbers{3}));
  log.add(generate_record(sender, target, 12, 0, true));  // takes the place of the other
  EXPECT_EQ(log.left(), (Numbers{4}));
  // One that its thread took without a handler may be what ends the process.
  log.add(deliver_record(target, 12, 0, 0));
  EXPECT_EQ(log.left(), (Numbers{4, 5}));
  log.add(exit_record(target));
  EXPECT_EQ(log.left().back(), 6u);
}

TEST(StateLogTest, keeps_containers_that_are_there) {
  Log log;
  dse_task runtime = make_task(10, "containerd");
  const std::string a = "/docker/" + std::string(64, 'a'), b = "/docker/" + std::string(64, 'b');
  log.add(cgroup_record(DSE_CGROUP_MKDIR, runtime, 7, a));
  log.add(container_metadata_record({a, std::string(64, 'a'), "test", "web"}));
  log.add(cgroup_record(DSE_CGROUP_MKDIR, runtime, 8, b));
  log.add(container_metadata_record({b, std::string(64, 'b'), "test", "db"}));
  EXPECT_EQ(log.left(), (Numbers{1, 2, 3, 4}));
  log.add(cgroup_record(DSE_CGROUP_RMDIR, runtime, 7, a));
  log.add(clock_record(1'000'000'000));  // what the removal ends is there up to the next record
  EXPECT_EQ(log.left(), (Numbers{3, 4, 6}));
}

// A long run of processes, in and out of a container, with signals, leaves what lives.
TEST(StateLogTest, is_of_the_size_of_what_lives) {
  Log log;
  dse_task shell = make_task(10, "sh"), init = make_task(11, "web", 10);
  shell.cgroup_id = 1;
  init.cgroup_id = 7;
  init.ns_pid = 0xF0000001;
  init.vpid = 1;
  log.snapshot(process_snapshot_record(shell, "/bin/sh", {"sh"}));
  log.snapshot(cgroup_snapshot_record(7, "/docker/" + std::string(64, 'c')));
  log.snapshot(process_snapshot_record(init, "/web", {"web"}));
  std::size_t most = 0;
  for (std::uint64_t i = 0; i < 20'000; ++i) {
    const dse_task& parent = i % 2 ? init : shell;
    // Process ids are used again.
    dse_task child = started(static_cast<std::uint32_t>(100 + i % 500), 5'000'000'000 + i, "worker",
                             parent.pid);
    child.cgroup_id = parent.cgroup_id;
    child.ns_pid = parent.ns_pid;
    child.vpid = parent.pid == 11 ? 5 : child.pid;
    log.add(fork_record(parent, child));
    log.add(exec_record(child, "/bin/worker", {"worker", std::string(100, 'x')}));
    log.add(generate_record(parent, child, 15, 0, true));
    log.add(deliver_record(child, 15, 0, i % 3));
    log.add(exit_record(child));
    most = std::max(most, log.log.size_bytes());
  }
  EXPECT_LT(most, std::size_t{3} << 20);
  ASSERT_TRUE(log.log.condense().ok());
  EXPECT_LE(log.log.size(), 3u + 16 * 5);
}

TEST(StateLogTest, of_threads_keeps_nothing) {
  Log log;
  dse_task process = make_task(10, "web");
  log.snapshot(process_snapshot_record(process, "/web", {"web"}));
  for (std::uint32_t tid = 100; tid < 1000; ++tid) {
    dse_task thread = process;
    thread.tid = tid;
    log.add(fork_record(process, thread));
    log.add(exit_record(thread, false));
  }
  EXPECT_EQ(log.left(), (Numbers{0}));
}

}  // namespace
