// What records of sending and of delivering a signal have in common.
#pragma once

#include <cstdint>

#include "replay/event.h"

namespace dse::replay {

// Kernel numbers that are the same on every machine (include/uapi/asm-generic/siginfo.h,
// include/trace/events/signal.h).
inline constexpr std::int32_t kSiUser = 0, kSiTimer = -2, kSiAsyncIo = -4, kSiSigIo = -5,
                              kSiTkill = -6, kSiAsyncName = -60;
inline constexpr std::uint64_t kResultDelivered = 0, kResultLoseInfo = 4;

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
