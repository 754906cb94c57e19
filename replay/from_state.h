// The fields that come from what has been remembered (replay/state.h), the same for every point.
#pragma once

#include <string_view>

#include "replay/event.h"
#include "replay/state.h"

namespace dse::replay {

// What of State a field needs.
StateNeeds state_needs(std::string_view field);

// The column of such a field for the tasks of the events; without values for any other field.
Result<EventColumn> derive_from_state(std::string_view field, const EventBatch& events);

// A field of a container ("container.id", "k8s.pod.name", …) as of a record's number; data() == nullptr:
// missing. Views are valid as long as the batch.
std::string_view container_text(std::string_view field, const Container* container,
                                const State& state, std::uint64_t number);

// evt.self: whether `pid_of(event)` is the recorder, by whose process each event is judged.
template <typename PidOf>
EventColumn self_column(const EventBatch& events, PidOf pid_of) {
  auto& flags = events.own_numbers(events.size());
  std::uint64_t recorder = events.state().info().recorder_pid;
  for (std::uint32_t i = 0; i < events.size(); ++i)
    flags[i] = recorder != 0 && pid_of(i) == recorder;
  EventColumn out;
  out.numbers = flags;
  return out;
}

// All arguments, joined by spaces.
std::string command_line(std::string_view args);

}  // namespace dse::replay
