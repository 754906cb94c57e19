// The records of one ring on their way into a batch: what the numbers of tasks stand for (bpf/abi.h:
// dse_ring_header, dse_ring_task), and where the records of each kind went last.
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <vector>

#include "bpf/abi.h"
#include "format/rows.h"

namespace dse::record {

class RingTasks {
 public:
  RingTasks() : tasks_(DSE_RING_TASKS) {}

  // Appends a record that goes where the last one of its kind went, as those of the same CPU and task in the
  // same batch do. False: it does not, and is for take().
  bool append(std::span<const std::byte> record, format::Rows& rows) {
    const std::uint64_t whose = word_at(record, kWhose);
    const Last& last = last_of(whose);
    return last.whose == whose &&
           rows.append(last.lane, word_at(record, offsetof(dse_ring_header, time_ns)),
                       word_at(record, offsetof(dse_ring_header, seq)),
                       record.subspan(sizeof(dse_ring_header)));
  }

  // Takes a record of the ring apart, for `use(head, task, body, lane)`; what only names a task is noted
  // instead. `task` is as find() gives it; the lane is for Rows::append().
  template <typename Use>
  void take(std::span<const std::byte> record, Use&& use) {
    dse_ring_header header;
    std::memcpy(&header, record.data(), sizeof(header));
    if (header.kind == DSE_RING_TASK) return define(record);
    const std::uint64_t whose = word_at(record, kWhose);
    Last& last = last_of(whose);
    last = {whose, {}};
    use(format::RecordHead{header.time_ns, header.seq, header.kind, header.cpu}, find(header.task),
        record.subspan(sizeof(header)), last.lane);
  }

  // Valid until the next one is named; nullptr: the ring has not said what the number stands for.
  format::SharedTask* find(std::uint32_t number) {
    Numbered& found = tasks_[number % DSE_RING_TASKS];
    return number != 0 && found.number == number ? &found.task : nullptr;
  }

 private:
  struct Numbered {
    std::uint32_t number = 0;  // none
    format::SharedTask task;
  };
  struct Last {
    std::uint64_t whose = 0;
    format::Rows::Lane lane;
  };

  // The task's number, and above it the kind and the CPU. BPF is loaded on the machine that runs this, and
  // those that are built for are little-endian.
  static constexpr std::size_t kWhose = offsetof(dse_ring_header, task);
  static_assert(sizeof(dse_ring_header) - kWhose == sizeof(std::uint64_t));
  static_assert(std::endian::native == std::endian::little);
  Last& last_of(std::uint64_t whose) {
    return last_[static_cast<std::uint16_t>(whose >> 32) % DSE_KERNEL_KINDS];
  }

  static std::uint64_t word_at(std::span<const std::byte> record, std::size_t place) {
    std::uint64_t word;
    std::memcpy(&word, record.data() + place, sizeof(word));
    return word;
  }

  // From a dse_ring_task; what its number stood for before is forgotten.
  void define(std::span<const std::byte> record) {
    dse_ring_task named;
    if (record.size() < sizeof(named)) return;
    std::memcpy(&named, record.data(), sizeof(named));
    const std::uint32_t number = named.header.task;
    tasks_[number % DSE_RING_TASKS] = {number, format::SharedTask(named.task)};
    for (Last& last : last_)
      if (static_cast<std::uint32_t>(last.whose) == number) last.lane = {};
  }

  std::vector<Numbered> tasks_;
  std::array<Last, DSE_KERNEL_KINDS> last_;
};

}  // namespace dse::record
