// SignalGenerated: every signal that is sent, whatever became of it: also those that are ignored, already
// pending, or lost. The fields of the process are those of the sender.
#include "replay/from_state.h"
#include "replay/names.h"
#include "replay/points/derive.h"
#include "replay/points/points.h"
#include "replay/points/signal_fields.h"
#include "replay/points/signal_set.h"
#include "replay/table_view.h"

namespace dse::replay {
namespace {

class SignalGenerated final : public ObservationPoint {
 public:
  SignalGenerated()
      : ObservationPoint("SignalGenerated",
                         "{sig.name} -> ((\"{sig.target.name}\" )){sig.target.pid}"
                         "  from {proc.name}[{proc.pid}]  {sig.directed}  {sig.result}"
                         "((  {sig.code}))((  value={sig.value}))") {}

  format::KindSet kinds() const override { return format::kind_bit(DSE_SIGNAL_GENERATE); }

  StateNeeds use(const std::vector<std::size_t>& used) override {
    StateNeeds needs = ObservationPoint::use(used);
    for (std::size_t field : used)
      needs.processes = needs.processes || fields()[field].name.starts_with("sig.target.");
    return needs;
  }

  Status process(const format::Batch& batch, const State&, EventBatch& out) override {
    DSE_TRY_ASSIGN(const bool any, may_pass(batch, DSE_SIGNAL_GENERATE, passing_));
    if (!any) return {};
    return out.use_table(batch.table(DSE_SIGNAL_GENERATE));
  }

  void reset() override { passing_ = SignalSet::all(); }
  void serve_only(const filter::Chain& chain, Arch arch) override {
    passing_ = SignalSet::kept_by(chain, arch);
  }

  Status derive(const Field& field, const EventBatch& events, EventColumn& out) const override {
    if (field.name == "sig.target.name" || field.name == "sig.target.container")
      return target(field.name == "sig.target.name", events, out);
    if (field.name == "evt.self") return is_self(events, out);
    if (field.name.starts_with("sig.sender.")) return sender(field.name, events, out);
    if (field.name == "sig.directed") {
      DSE_TRY_ASSIGN(EventColumn group, events.source_column("group"));
      out = name_numbers(events, group, [](std::uint64_t to_process) {
        return std::optional<std::string>(to_process ? "process" : "thread");
      });
    } else if (field.name == "sig.result") {
      DSE_TRY_ASSIGN(EventColumn result, events.source_column("result"));
      out = name_numbers(events, result, [](std::uint64_t number) {
        std::string_view name = signal_generate_result_name(static_cast<unsigned>(number));
        return std::optional(name.empty() ? std::to_string(number) : std::string(name));
      });
    } else {
      DSE_TRY_ASSIGN(out, signal_field(field.name, events));
    }
    return {};
  }

 private:
  static Status target(bool name, const EventBatch& events, EventColumn& out) {
    DSE_TRY_ASSIGN(EventColumn pid, events.source_column("targetPid"));
    TextColumn texts(events);
    for (std::uint32_t i = 0; i < events.size(); ++i) {
      auto target_pid = static_cast<std::uint32_t>(pid.numbers[pid.slot(i)]);
      const Process* process = events.state().process(target_pid, events.number(i));
      if (!process) continue;
      if (name) {
        texts.set(i, process->name_view());
      } else if (const Container* container = events.state().container(
                     process->cgroup_id, process->ns_pid, events.number(i))) {
        texts.set(i, container->id);
      }
    }
    out = texts.column();
    return {};
  }

  // What the kernel sends, it sends in whatever task an interrupt was in: the recorder's as well.
  static Status is_self(const EventBatch& events, EventColumn& out) {
    EventColumn sender_pid;
    DSE_TRY(sender("sig.sender.pid", events, sender_pid));
    DSE_TRY_ASSIGN(EventColumn target, events.source_column("targetPid"));
    out = self_column(events, [&](std::uint32_t i) {
      return sender_pid.missing(i) ? target.numbers[target.slot(i)] : sender_pid.numbers[i];
    });
    return {};
  }

  // The task of the record, where a process sends at all.
  static Status sender(std::string_view field, const EventBatch& events, EventColumn& out) {
    DSE_TRY_ASSIGN(EventColumn code, events.source_column("code"));
    DSE_TRY_ASSIGN(EventColumn signal, events.source_column("signal"));
    int child = signal_number(events.state().arch(), "SIGCHLD").value_or(17);
    auto& present = events.own_flags(events.size());
    for (std::uint32_t i = 0; i < events.size(); ++i)
      present[i] = sent_by_process(static_cast<std::int32_t>(code.numbers[code.slot(i)]),
                                   static_cast<int>(signal.numbers[signal.slot(i)]) == child);
    if (field == "sig.sender.source") {
      TextColumn texts(events);
      for (std::uint32_t i = 0; i < events.size(); ++i)
        texts.set(i, present[i] ? "generate" : "kernel");
      out = texts.column();
      return {};
    }
    const char* same = field == "sig.sender.pid"    ? "proc.pid"
                       : field == "sig.sender.tid"  ? "proc.tid"
                       : field == "sig.sender.uid"  ? "user.uid"
                       : field == "sig.sender.name" ? "proc.name"
                                                    : "container.id";
    DSE_TRY_ASSIGN(const EventColumn* of_task,
                   events.column(static_cast<std::size_t>(events.point().field(same))));
    if (of_task->is_text()) {
      TextColumn texts(events);
      for (std::uint32_t i = 0; i < events.size(); ++i)
        if (present[i]) texts.set(i, of_task->texts[of_task->slot(i)]);
      out = texts.column();
    } else {
      auto& numbers = events.own_numbers(events.size());
      for (std::uint32_t i = 0; i < events.size(); ++i)
        numbers[i] = of_task->numbers[of_task->slot(i)];
      out.numbers = numbers;
      out.present = present;
    }
    return {};
  }

  SignalSet passing_ = SignalSet::all();
};

}  // namespace

std::unique_ptr<ObservationPoint> signal_generated() { return std::make_unique<SignalGenerated>(); }

}  // namespace dse::replay
