// Which signals anybody asks about.
#pragma once

#include <algorithm>
#include <bitset>
#include <cstdint>
#include <span>

#include "format/batch.h"
#include "format/result.h"
#include "replay/filter/chain.h"
#include "replay/names.h"
#include "replay/points/signal_fields.h"

namespace dse::replay {

// Numbers of signals.
class SignalSet {
 public:
  static SignalSet all();
  // Those whose events may pass the filters.
  static SignalSet kept_by(const filter::Chain& chain, Arch arch);

  bool has(std::uint64_t signal) const { return signal < bits_.size() && bits_[signal]; }
  bool has_any_of(std::span<const std::uint64_t> signals) const;
  bool has_any_of(const format::PossibleValues& signals) const;

 private:
  void add(std::uint64_t signal) {
    bits_.set(signal);
    lowest_ = std::min(lowest_, signal);
    highest_ = std::max(highest_, signal);
  }

  std::bitset<kMaxSignal + 1> bits_;
  std::uint64_t lowest_ = kMaxSignal, highest_ = 0;
};

// Whether records of this kind, a kind with a column `signal`, may make events that pass, if those signals
// may; numbers that are no signals always may. Told without unpacking anything: else it may be true for
// nothing.
Result<bool> may_pass(const format::Batch& batch, format::Kind kind, const SignalSet& passing);

}  // namespace dse::replay
