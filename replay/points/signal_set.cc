#include "replay/points/signal_set.h"

#include <limits>

#include "replay/table_view.h"

namespace dse::replay {
namespace {

// Whether this holds for one of the values.
template <typename Holds>
bool any_of(const format::PossibleValues& values, Holds holds) {
  for (std::uint64_t above = 0; above < format::ValueSet::kEnd; ++above)
    if (values.above_base.has(above) && holds(values.base + above)) return true;
  return false;
}

}  // namespace

SignalSet SignalSet::all() {
  SignalSet set;
  for (std::uint64_t signal = 0; signal <= kMaxSignal; ++signal) set.add(signal);
  return set;
}

SignalSet SignalSet::kept_by(const filter::Chain& chain, Arch arch) {
  constexpr filter::Range kAnyTime{0, ~std::uint64_t{0}},
      kAnyNumber{0, std::numeric_limits<std::int64_t>::max()};  // as fields have it
  SignalSet set;
  for (std::uint64_t signal = 0; signal <= kMaxSignal; ++signal)
    if (chain.may_keep({kAnyTime, kAnyNumber, filter::KnownSignal{signal, arch}})) set.add(signal);
  return set;
}

bool SignalSet::has_any_of(std::span<const std::uint64_t> signals) const {
  // Mostly none is even near, which a wide loop tells.
  const std::uint64_t low = lowest_, span = highest_ - lowest_;
  std::uint64_t near = 0;
  for (std::uint64_t signal : signals) near |= signal - low <= span;
  return near && std::any_of(signals.begin(), signals.end(), [&](auto one) { return has(one); });
}

bool SignalSet::has_any_of(const format::PossibleValues& signals) const {
  return any_of(signals, [&](std::uint64_t signal) { return has(signal); });
}

Result<bool> may_pass(const format::Batch& batch, format::Kind kind, const SignalSet& passing) {
  DSE_TRY_ASSIGN(const auto possible,
                 TableView::columns_of(batch, kind).possible_values("signal"));
  return !possible || any_of(*possible, [&](std::uint64_t signal) {
           return passing.has(signal) || signal > kMaxSignal;
         });
}

}  // namespace dse::replay
