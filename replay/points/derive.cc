#include "replay/points/derive.h"

#include "replay/names.h"
#include "replay/state.h"

namespace dse::replay {

EventColumn exit_column(const EventBatch& events, const EventColumn& status,
                        std::string_view field) {
  constexpr std::uint64_t kSignal = 0x7f, kCore = 0x80;
  if (field == "proc.exit_signal")
    return name_numbers(events, status, [&](std::uint64_t value) -> std::optional<std::string> {
      if (!(value & kSignal)) return {};
      return signal_name(events.state().arch(), static_cast<int>(value & kSignal));
    });
  auto& numbers = events.own_numbers(events.size());
  auto& present = events.own_flags(events.size());
  for (std::uint32_t i = 0; i < events.size(); ++i) {
    if (status.missing(i)) continue;
    std::uint64_t value = status.numbers[status.slot(i)];
    bool code = field == "proc.exit_code";
    present[i] = !code || !(value & kSignal);
    numbers[i] = code ? value >> 8 & 0xff : (value & kCore) != 0;
  }
  EventColumn out;
  out.numbers = numbers;
  out.present = present;
  return out;
}

}  // namespace dse::replay
