// What the numbers of tasks in one ring stand for (bpf/abi.h: dse_ring_header, dse_ring_task).
#pragma once

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

  // From a dse_ring_task; what its number stood for before is forgotten.
  void define(std::span<const std::byte> record) {
    dse_ring_task named;
    if (record.size() < sizeof(named)) return;
    std::memcpy(&named, record.data(), sizeof(named));
    tasks_[named.header.task % DSE_RING_TASKS] = {named.header.task, format::SharedTask(named.task)};
  }

  // Takes a record of the ring apart, for `use(head, task, body)`; what only names a task is noted instead.
  // `task` is as find() gives it.
  template <typename Use>
  void take(std::span<const std::byte> record, Use&& use) {
    dse_ring_header header;
    std::memcpy(&header, record.data(), sizeof(header));
    if (header.kind == DSE_RING_TASK) return define(record);
    use(format::RecordHead{header.time_ns, header.seq, header.kind, header.cpu},
        find(header.task), record.subspan(sizeof(header)));
  }

  // Valid until the next define(); nullptr: the ring has not said what the number stands for.
  format::SharedTask* find(std::uint32_t number) {
    Numbered& found = tasks_[number % DSE_RING_TASKS];
    return number != 0 && found.number == number ? &found.task : nullptr;
  }

 private:
  struct Numbered {
    std::uint32_t number = 0;  // none
    format::SharedTask task;
  };
  std::vector<Numbered> tasks_;
};

}  // namespace dse::record
