// What records of sending and of delivering a signal have in common.
#pragma once

#include <cstdint>

#include "bpf/abi.h"
#include "replay/event.h"

namespace dse::replay {

// Kernel numbers that are the same on every machine (include/uapi/asm-generic/siginfo.h,
// include/trace/events/signal.h).
inline constexpr std::int32_t kSiUser = 0, kSiTimer = -2, kSiAsyncIo = -4, kSiSigIo = -5,
                              kSiTkill = -6, kSiAsyncName = -60;
inline constexpr std::uint64_t kResultDelivered = 0, kResultLoseInfo = 4;

inline constexpr std::uint64_t kMaxSignal = 128;  // _NSIG of mips, the largest

inline constexpr std::uint32_t kKill = 9;  // SIGKILL, on every machine

constexpr bool is_signal(std::uint64_t number) { return number >= 1 && number <= kMaxSignal; }
// Whether a signal that was sent is on its way.
constexpr bool is_accepted(std::uint64_t result) {
  return result == kResultDelivered || result == kResultLoseInfo;
}
// Whether what is delivered only tells that the process, or all but one of its threads, must go.
constexpr bool is_end_of_process(std::uint64_t signal, std::uint64_t exit_flags) {
  return signal == kKill && (exit_flags & (DSE_DELIVER_GROUP_EXIT | DSE_DELIVER_GROUP_EXEC)) != 0;
}

// Whether a process sends with this code, so that whoever is running is the sender: not faults, timers or
// terminals. `is_child`: the signal is SIGCHLD, which a child that ends sends itself.
constexpr bool sent_by_process(std::int32_t code, bool is_child) {
  bool queued = code < 0 && code != kSiTimer && code != kSiAsyncIo && code != kSiSigIo &&
                code != kSiAsyncName;
  return code == kSiUser || queued || is_child;
}

// Whether a value comes with it (sigqueue, timers, message queues).
constexpr bool has_value(std::int32_t code) {
  return code < 0 && code != kSiSigIo && code != kSiTkill;
}

// "sig.name", "sig.code", "sig.value" and "sig.value_ptr" of the events; nothing for other fields.
Result<EventColumn> signal_field(std::string_view field, const EventBatch& events);

}  // namespace dse::replay
