// What records of sending and of delivering a signal have in common.
#pragma once

#include <cstdint>

#include "replay/event.h"

namespace dse::replay {

// Kernel numbers that are the same on every machine (include/uapi/asm-generic/siginfo.h,
// include/trace/events/signal.h).
inline constexpr std::int32_t kSiUser = 0, kSiQueue = -1, kSiTimer = -2, kSiMesgq = -3,
                              kSiTkill = -6;
inline constexpr std::uint64_t kResultDelivered = 0, kResultLoseInfo = 4;

// Whether a process sends with this code, so that whoever is running is the sender: not faults, timers or
// terminals. `is_child`: the signal is SIGCHLD, which a child that ends sends itself.
constexpr bool sent_by_process(std::int32_t code, bool is_child) {
  return code == kSiUser || code == kSiQueue || code == kSiMesgq || code == kSiTkill || is_child;
}

// "sig.name", "sig.code", "sig.value" and "sig.value_ptr" of the events; nothing for other fields.
Result<EventColumn> signal_field(std::string_view field, const EventBatch& events);

}  // namespace dse::replay
