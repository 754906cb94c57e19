// Which records of sending and taking signals later answers depend on: what SignalDelivered joins them by
// (replay/points/pending_signals.h), traced.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <unordered_map>
#include <utility>
#include <vector>

#include "bpf/abi.h"
#include "replay/points/pending_signals.h"
#include "replay/state_trace.h"

namespace dse::replay {

class SignalTrace {
 public:
  explicit SignalTrace(StateTrace& trace) : trace_(trace) {}

  // Whole records in order, each after trace.at(). Other kinds are passed over.
  void take(const dse_header& header, std::span<const std::byte> record);

  // Of all signals on their way, and of those that may have been the end of their process.
  template <typename Visit>
  void for_each_origin(Visit visit) const {
    for (const auto& [target, queues] : queues_)
      for (const auto& [signal, origin] : queues) visit(origin);
    for (const auto& [pid, origin] : last_) visit(origin);
  }

 private:
  // By signal; only queues that are not empty.
  using Queues = std::vector<std::pair<std::uint32_t, StateTrace::Origin>>;

  static std::uint64_t key(std::uint32_t target, bool to_process) {
    return std::uint64_t{target} << 1 | std::uint64_t{to_process};
  }
  void sent(std::span<const std::byte> record);
  void taken(const dse_header& header, std::span<const std::byte> record);
  void exited(const dse_header& header, std::span<const std::byte> record);
  void read(std::uint64_t target, std::uint32_t signal);
  void set(std::uint64_t target, std::uint32_t signal);
  void erase(std::uint64_t target, std::uint32_t signal);
  void erase_all(std::uint64_t target);
  void set_last(std::uint32_t pid);

  StateTrace& trace_;
  PendingSignals pending_;
  std::unordered_map<std::uint64_t, Queues> queues_;            // by target
  std::unordered_map<std::uint32_t, StateTrace::Origin> last_;  // by process
};

}  // namespace dse::replay
