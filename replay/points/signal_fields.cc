#include "replay/points/signal_fields.h"

#include "replay/names.h"
#include "replay/points/derive.h"
#include "replay/state.h"

namespace dse::replay {
namespace {

Result<EventColumn> code_names(const EventBatch& events) {
  Arch arch = events.state().arch();
  DSE_TRY_ASSIGN(EventColumn signals, events.source_column("signal"));
  DSE_TRY_ASSIGN(EventColumn codes, events.source_column("code"));
  auto& keys = events.own_numbers(events.size());
  for (std::uint32_t i = 0; i < events.size(); ++i)
    keys[i] = signals.numbers[signals.slot(i)] << 32 |
              static_cast<std::uint32_t>(codes.numbers[codes.slot(i)]);
  EventColumn both;
  both.numbers = keys;
  return name_numbers(events, both, [&](std::uint64_t key) {
    auto code = static_cast<std::int32_t>(key);
    std::string_view name = signal_code_name(arch, static_cast<int>(key >> 32), code);
    return std::optional(name.empty() ? std::to_string(code) : std::string(name));
  });
}

// The value that a sender gave along; other codes have other things in its place.
Result<EventColumn> values(const EventBatch& events, bool pointer) {
  EventColumn out;
  if (events.state().info().abi_version < 2) return out;
  DSE_TRY_ASSIGN(EventColumn codes, events.source_column("code"));
  DSE_TRY_ASSIGN(EventColumn raw, events.source_column("value"));
  auto& numbers = events.own_numbers(events.size());
  auto& present = events.own_flags(events.size());
  for (std::uint32_t i = 0; i < events.size(); ++i) {
    auto code = static_cast<std::int32_t>(codes.numbers[codes.slot(i)]);
    present[i] = has_value(code);
    std::uint64_t value = raw.numbers[raw.slot(i)];
    numbers[i] = pointer
                     ? value
                     : static_cast<std::uint64_t>(std::int64_t{static_cast<std::int32_t>(value)});
  }
  out.numbers = numbers;
  out.present = present;
  return out;
}

}  // namespace

Result<EventColumn> signal_field(std::string_view field, const EventBatch& events) {
  if (field == "sig.name") {
    DSE_TRY_ASSIGN(EventColumn signals, events.source_column("signal"));
    Arch arch = events.state().arch();
    return name_numbers(events, signals, [&](std::uint64_t signal) {
      return std::optional(signal_name(arch, static_cast<int>(signal)));
    });
  }
  if (field == "sig.code") return code_names(events);
  if (field == "sig.value" || field == "sig.value_ptr")
    return values(events, field == "sig.value_ptr");
  return EventColumn();
}

}  // namespace dse::replay
