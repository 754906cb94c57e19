// Joins the two sides of signals: what signal_generate told in the sender's context, and signal_deliver in
// the receiver's.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "format/batch.h"
#include "replay/event.h"
#include "replay/points/pending_signals.h"
#include "replay/points/signal_fields.h"
#include "replay/points/signal_set.h"
#include "replay/state.h"

namespace dse::replay {

// Of the signals that a batch delivers, what the sending side tells. Columns are made of it on demand.
class SentSides {
 public:
  enum class Source : std::uint8_t { none, kernel, generate, fatal, siginfo };

  SentSides() = default;
  explicit SentSides(std::uint32_t events) : source_(events), sender_(events), senders_(1) {}

  void set_source(std::uint32_t event, Source source) { source_[event] = source; }
  void set_sender(std::uint32_t event, const Sender& sender, Source source) {
    source_[event] = source;
    sender_[event] = static_cast<std::uint32_t>(senders_.size());
    senders_.push_back(sender);
  }
  // Of a SIGKILL that only ends a process, what it is for.
  void set_cause(std::uint32_t event, std::string cause) {
    causes_.emplace_back(event, std::move(cause));
  }

  static bool has(std::string_view field);
  EventColumn column(std::string_view field, const EventBatch& events) const;

 private:
  // Whether a process has sent the event, and whether the record of its sending was seen, whoever did.
  bool by_process(std::uint32_t event) const { return source_[event] > Source::kernel; }
  bool was_seen(std::uint32_t event) const {
    return sender_[event] != 0 && source_[event] != Source::siginfo;
  }
  const Sender& sender(std::uint32_t event) const { return senders_[sender_[event]]; }
  template <typename IsThere, typename Value>
  EventColumn numbers(const EventBatch& events, IsThere is_there, Value value) const;
  EventColumn names(const EventBatch& events) const;
  EventColumn containers(const EventBatch& events) const;
  EventColumn results(const EventBatch& events) const;
  EventColumn causes(const EventBatch& events) const;

  std::vector<Source> source_;         // by event
  std::vector<std::uint32_t> sender_;  // by event, in senders_; 0: none
  std::vector<Sender> senders_;
  std::vector<std::pair<std::uint32_t, std::string>> causes_;
};

class SignalJoin {
 public:
  static constexpr format::KindSet kKinds = format::kind_bit(DSE_SIGNAL_DELIVER) |
                                            format::kind_bit(DSE_SIGNAL_GENERATE) |
                                            format::kind_bit(DSE_PROCESS_EXIT);

  // Walks both sides of a batch in the order of arrival. Batches come in order.
  Result<SentSides> take(const format::Batch& batch, Arch arch);
  void reset() {
    pending_.clear();
    followed_ = SignalSet::all();
  }
  // From the start of a capture on: nobody asks about deliveries of others. SIGKILL tells that a process ends,
  // and whatever the process was sent may be why.
  void follow(const SignalSet& signals) {
    followed_ = signals.has(kKill) ? SignalSet::all() : signals;
  }

 private:
  class Walk;
  PendingSignals pending_;
  SignalSet followed_ = SignalSet::all();
};

}  // namespace dse::replay
