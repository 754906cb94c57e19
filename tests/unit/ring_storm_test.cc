// Threads that write many rings as fast as they can, while they are merged into batches.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <map>
#include <random>
#include <thread>
#include <utility>
#include <vector>

#include "record/ring_merge.h"
#include "record/ring_tasks.h"
#include "tests/unit/simulated_ring.h"
#include "tests/unit/testing.h"

using namespace dse::record;
using dse::format::Kind;

namespace {

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool kSanitized = true;
#elif defined(__has_feature)  // clang
constexpr bool kSanitized = __has_feature(address_sanitizer) || __has_feature(thread_sanitizer);
#else
constexpr bool kSanitized = false;
#endif

constexpr std::size_t kRings = 64, kRingBytes = 32768, kThreads = 4;
constexpr std::uint64_t kPerThread = kSanitized ? 250'000 : 1'000'000;
constexpr std::array<Kind, 4> kKinds{DSE_PROCESS_FORK, DSE_PROCESS_EXEC, DSE_PROCESS_EXIT,
                                     DSE_SIGNAL_DELIVER};

// A record that its kind, CPU and number tell every byte of, but for the time.
class Stamps {
 public:
  std::string_view make(Kind kind, std::uint16_t cpu, std::uint64_t seq, std::uint64_t time) {
    scratch_ = kind == DSE_PROCESS_EXEC   ? exec(cpu + seq)
               : kind == DSE_PROCESS_FORK ? fork_
               : kind == DSE_PROCESS_EXIT ? exit_
                                          : deliver_;
    dse_header header = header_of_record(scratch_);
    header.cpu = cpu;
    header.seq = seq;
    header.task.cgroup_id = seq % 16;
    header.time_ns = time;
    set_header(scratch_, header);
    return scratch_;
  }

 private:
  const Record& exec(std::uint64_t number) {
    number %= execs_.size();
    Record& made = execs_[number];
    if (made.empty()) {
      const std::size_t size = number % 50 == 0 ? 3000 : 7 * (number % 64);
      made = exec_record(task_, "/bin/a",
                         {std::string(size, static_cast<char>('a' + number % 26))});
    }
    return made;
  }

  const dse_task task_ = make_task(1, "a"), child_ = make_task(2, "b");
  const Record fork_ = fork_record(task_, child_), exit_ = exit_record(task_),
               deliver_ = deliver_record(task_, 15, 0);
  std::array<Record, 1600> execs_;
  Record scratch_;
};

// The time: later for everyone with each record.
std::atomic<std::uint64_t> g_clock{1};
std::atomic<bool> g_failed{false};  // then no one waits for space any more

// The programs of some CPUs.
class Writer {
 public:
  Writer(SimulatedRings& rings, std::size_t first) : rings_(rings), first_(first), random_(first) {}

  void run() {
    for (std::uint64_t i = 0; i < kPerThread; ++i) {
      auto cpu = static_cast<std::uint16_t>(first_ + kThreads * (random_() % (kRings / kThreads)));
      write(cpu, kKinds[random_() % kKinds.size()], random_() % 2 == 0);
      if (random_() % 16 == 0) discard(cpu);
      if (held_.size() > random_() % 4) commit_held();
    }
    commit_held();
    // What was refused shows by what comes after it.
    for (std::size_t cpu = first_; cpu < kRings; cpu += kThreads)
      for (Kind kind : kKinds) write(static_cast<std::uint16_t>(cpu), kind, false);
    commit_held();
  }
  const std::map<std::pair<Kind, std::uint16_t>, std::uint64_t>& refused() const {
    return refused_;
  }
  std::uint64_t written() const { return written_; }

 private:
  struct Held {
    std::uint16_t cpu;
    std::uint64_t at;
  };

  void write(std::uint16_t cpu, Kind kind, bool may_be_refused) {
    const std::uint64_t seq = seqs_[cpu][kind]++;
    const std::string_view record = stamps_.make(kind, cpu, seq, 0);
    const std::uint32_t task = number_of(header_of_record(record).task, cpu, may_be_refused);
    const std::string_view body = record.substr(sizeof(dse_header));
    const auto length = static_cast<std::uint32_t>(sizeof(dse_ring_header) + body.size());
    const auto at = task ? reserve(cpu, length, may_be_refused) : std::nullopt;
    if (!at) {
      ++refused_[{kind, cpu}];
      return;
    }
    const dse_ring_header header{g_clock.fetch_add(1), seq, task, kind, cpu};
    ring_record_.assign(reinterpret_cast<const char*>(&header), sizeof(header));
    rings_[cpu].write(*at, bytes_of(ring_record_ += body));
    ++written_;
    if (random_() % 16 == 0)
      held_.push_back({cpu, *at});
    else
      rings_[cpu].commit(*at);
  }
  // As bpf/emit.h has it: what the ring knows is not said again, for a while. 0: no room to say it.
  std::uint32_t number_of(const dse_task& task, std::uint16_t cpu, bool may_be_refused) {
    Known& known = known_[cpu];
    auto& [slot_task, slot_number] = known.slots[task.cgroup_id % known.slots.size()];
    if (slot_number && known.latest - slot_number < DSE_RING_TASKS / 2 &&
        std::memcmp(&slot_task, &task, sizeof(task)) == 0)
      return slot_number;
    slot_number = 0;
    const auto at = reserve(cpu, sizeof(dse_ring_task), may_be_refused);
    if (!at) return 0;
    const dse_ring_task named{{g_clock.fetch_add(1), 0, ++known.latest, DSE_RING_TASK, cpu}, task};
    rings_[cpu].write(*at, std::as_bytes(std::span(&named, 1)));
    rings_[cpu].commit(*at);
    slot_task = task;
    return slot_number = known.latest;
  }
  std::optional<std::uint64_t> reserve(std::uint16_t cpu, std::uint32_t length,
                                       bool may_be_refused) {
    std::optional<std::uint64_t> at;
    while (!(at = rings_[cpu].reserve(length)) && !may_be_refused && !g_failed) {
      // Nothing is taken out, and no space becomes free, for as long as something is held.
      if (random_() % 256 == 0) commit_held();
      std::this_thread::yield();
    }
    return at;
  }
  void discard(std::uint16_t cpu) {
    if (auto at = rings_[cpu].reserve(static_cast<std::uint32_t>(1 + random_() % 400)))
      rings_[cpu].discard(*at);
  }
  void commit_held() {
    for (const Held& held : held_) rings_[held.cpu].commit(held.at);
    held_.clear();
  }

  struct Known {
    std::uint32_t latest = 0;
    std::array<std::pair<dse_task, std::uint32_t>, 12> slots{};  // fewer than there are tasks
  };

  SimulatedRings& rings_;
  std::size_t first_;
  std::array<Known, kRings> known_{};
  Record ring_record_;
  std::mt19937_64 random_;
  Stamps stamps_;
  std::array<std::map<Kind, std::uint64_t>, kRings> seqs_;
  std::vector<Held> held_;  // are being written for a while
  std::map<std::pair<Kind, std::uint16_t>, std::uint64_t> refused_;
  std::uint64_t written_ = 0;
};

// Puts the records into batches, and checks what is then in there.
class Reader {
 public:
  bool take(std::size_t ring, std::span<const std::byte> record) {
    if (rows_.count() >= 5000) return false;
    expect(record);
    if (!tasks_[ring].append(record, rows_))
      tasks_[ring].take(record, [&](const auto& head, auto* task, auto body, auto& lane) {
        if (task) rows_.append(head, *task, body, streams_, lane);
      });
    g_failed = testing::Test::HasFailure();
    return !g_failed;
  }
  void flush() {
    EXPECT_TRUE(rows_.raw_index().empty());
    auto batch = batch_of(rows_);
    EXPECT_TRUE(batch.ok() && records_of(*batch) == expected_);
    expected_.clear();
    for (const dse::format::Gap& gap : rows_.gaps()) {
      EXPECT_GT(gap.lost, 0);  // else something came twice, or in the wrong order
      lost_[{gap.kind, gap.cpu}] += static_cast<std::uint64_t>(gap.lost);
    }
    rows_.clear();
  }
  const std::map<std::pair<Kind, std::uint16_t>, std::uint64_t>& lost() const { return lost_; }
  std::uint64_t taken() const { return taken_; }

 private:
  void expect(std::span<const std::byte> record) {
    dse_ring_header header;
    std::memcpy(&header, record.data(), sizeof(header));
    if (header.kind == DSE_RING_TASK) return;
    EXPECT_LT(last_time_, header.time_ns);
    last_time_ = header.time_ns;
    ++taken_;
    expected_.emplace_back(stamps_.make(header.kind, header.cpu, header.seq, header.time_ns));
  }

  Stamps stamps_;
  std::vector<RingTasks> tasks_{kRings};
  dse::format::Rows rows_;
  Records expected_;
  dse::format::StreamTable streams_;
  std::uint64_t last_time_ = 0, taken_ = 0;
  std::map<std::pair<Kind, std::uint16_t>, std::uint64_t> lost_;
};

void merge_until(const std::atomic<std::size_t>& running, SimulatedRings& rings, Reader& reader) {
  RingMerge merge(rings.rings());
  for (unsigned pass = 0; !g_failed; ++pass) {
    const bool ended = running == 0;
    merge.begin_pass(g_clock, ended);
    while (!merge.deliver([&](std::size_t ring, auto record) { return reader.take(ring, record); })) {
      if (g_failed) return;
      reader.flush();
    }
    merge.end_pass();
    if (ended) break;
    // Now and then the rings fill up.
    if (pass % 64 == 0) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  reader.flush();
}

TEST(ring_storm, everything_comes_once_in_order_and_what_was_refused_is_known) {
  SimulatedRings rings(kRings, kRingBytes);
  std::vector<std::unique_ptr<Writer>> writers;
  for (std::size_t i = 0; i < kThreads; ++i) writers.push_back(std::make_unique<Writer>(rings, i));
  std::atomic<std::size_t> running{kThreads};
  std::vector<std::thread> threads;
  for (auto& writer : writers)
    threads.emplace_back([&, raw = writer.get()] {
      raw->run();
      --running;
    });
  Reader reader;
  merge_until(running, rings, reader);
  for (std::thread& thread : threads) thread.join();

  std::uint64_t written = 0;
  std::map<std::pair<Kind, std::uint16_t>, std::uint64_t> refused;
  for (const auto& writer : writers) {
    written += writer->written();
    refused.insert(writer->refused().begin(), writer->refused().end());
  }
  EXPECT_EQ(reader.taken(), written);
  EXPECT_EQ(reader.lost(), refused);
  EXPECT_FALSE(refused.empty());
  for (const Ring& ring : rings.rings()) EXPECT_FALSE(ring.has_more());
}

}  // namespace
