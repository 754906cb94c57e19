// SignalDelivered: a signal that reached its process, with who sent it.
//
// The kernel reports the two sides apart: signal_generate in the sender's context, signal_deliver in
// the receiver's. They are joined as the kernel itself queues signals: first those directed at the
// thread, then those directed at its process; standard signals are pending once, real-time signals
// queue up. A pair must agree on si_code. Signals of the kernel's own (faults, timers, terminals) have
// no sender.
//
// A signal that is fatal never arrives: every thread takes a SIGKILL without siginfo instead, and by then
// the exit code of the process says which signal it was. Its sender is that of the pending signal.
#include <algorithm>
#include <memory>
#include <utility>

#include "replay/points/points.h"
#include "replay/points/signal_fields.h"
#include "replay/points/signal_join.h"

namespace dse::replay {
namespace {

class SignalDelivered final : public ObservationPoint {
 public:
  SignalDelivered()
      : ObservationPoint("SignalDelivered",
                         "{sig.name} -> {proc.name}[{proc.pid}]((  in {container.id}))"
                         "((  from {sig.sender.name}[{sig.sender.pid}]))((  for {sig.cause}))"
                         "((  {sig.code}))((  value={sig.value}))  handler={sig.handler}") {}

  format::KindSet kinds() const override {
    using format::kind_bit;
    return join_ ? SignalJoin::kKinds : kind_bit(DSE_SIGNAL_DELIVER);
  }

  StateNeeds use(const std::vector<std::size_t>& used) override {
    join_ = std::any_of(used.begin(), used.end(),
                        [&](std::size_t field) { return SentSides::has(fields()[field].name); });
    return ObservationPoint::use(used);
  }

  Status process(const format::Batch& batch, const State& state, EventBatch& out) override {
    DSE_TRY_ASSIGN(const bool any, may_pass(batch, DSE_SIGNAL_DELIVER, passing_));
    if (any) DSE_TRY(out.use_table(batch.table(DSE_SIGNAL_DELIVER)));
    if (!join_) return {};
    DSE_TRY_ASSIGN(SentSides sent, join_signals_.take(batch, state.arch()));
    out.keep(std::make_shared<const SentSides>(std::move(sent)));
    return {};
  }

  Status derive(const Field& field, const EventBatch& events, EventColumn& out) const override {
    if (field.name == "sig.handler") {
      DSE_TRY_ASSIGN(EventColumn handlers, events.source_column("handler"));
      auto& kinds = events.own_numbers(events.size());
      for (std::uint32_t i = 0; i < events.size(); ++i)
        kinds[i] = std::min<std::uint64_t>(handlers.numbers[handlers.slot(i)], 2);
      auto& names = events.own_texts(0);
      names = {"default", "ignore", "user"};
      out.index = kinds;
      out.texts = names;
      return {};
    }
    if (SentSides::has(field.name)) {
      const auto* sent = events.kept<SentSides>();
      if (sent) out = sent->column(field.name, events);
      return {};
    }
    DSE_TRY_ASSIGN(out, signal_field(field.name, events));
    return {};
  }

  bool remembers() const override { return join_; }
  void reset() override {
    passing_ = SignalSet::all();
    join_signals_.reset();
  }
  void serve_only(const filter::Chain& chain, Arch arch) override {
    passing_ = SignalSet::kept_by(chain, arch);
    join_signals_.follow(passing_);
  }

 private:
  SignalSet passing_ = SignalSet::all();
  bool join_ = true;  // someone wants to know what the sending side tells
  SignalJoin join_signals_;
};

}  // namespace

std::unique_ptr<ObservationPoint> signal_delivered() { return std::make_unique<SignalDelivered>(); }

}  // namespace dse::replay
