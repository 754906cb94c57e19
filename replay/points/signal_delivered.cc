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
#include <array>

#include "replay/names.h"
#include "replay/points/derive.h"
#include "replay/points/pending_signals.h"
#include "replay/points/points.h"
#include "replay/points/signal_fields.h"
#include "replay/table_view.h"

namespace dse::replay {
namespace {

using Ints = std::span<const std::uint64_t>;

// The columns that a walk through a batch needs, of both sides.
struct Columns {
  TableView generates, delivers, exits;
  Ints pid, tid, uid, ns_pid, cgroup;
  format::StringColumn comm;
  Ints sent_signal, sent_code, sent_pid, group, result, target_pid, target_tid;
  Ints signal, code, handler, info_pid, info_uid, group_exit, deliver_flags, exit_flags;

  static Result<Columns> open(const format::Batch& batch) {
    Columns c;
    DSE_TRY_ASSIGN(c.generates, TableView::open(batch, DSE_SIGNAL_GENERATE));
    DSE_TRY_ASSIGN(c.delivers, TableView::open(batch, DSE_SIGNAL_DELIVER));
    DSE_TRY_ASSIGN(c.exits, TableView::open(batch, DSE_PROCESS_EXIT));
    if (c.generates.rows() + c.delivers.rows() + c.exits.rows() == 0) return c;
    DSE_TRY_ASSIGN(c.pid, task_ints(batch, "pid"));
    DSE_TRY_ASSIGN(c.tid, task_ints(batch, "tid"));
    DSE_TRY_ASSIGN(c.uid, task_ints(batch, "uid"));
    DSE_TRY_ASSIGN(c.ns_pid, task_ints(batch, "nsPid"));
    DSE_TRY_ASSIGN(c.cgroup, task_ints(batch, "cgroupId"));
    DSE_TRY_ASSIGN(c.comm, task_names(batch));
    DSE_TRY_ASSIGN(c.sent_signal, c.generates.ints("signal"));
    DSE_TRY_ASSIGN(c.sent_code, c.generates.ints("code"));
    DSE_TRY_ASSIGN(c.sent_pid, c.generates.ints("infoPid"));
    DSE_TRY_ASSIGN(c.group, c.generates.ints("group"));
    DSE_TRY_ASSIGN(c.result, c.generates.ints("result"));
    DSE_TRY_ASSIGN(c.target_pid, c.generates.ints("targetPid"));
    DSE_TRY_ASSIGN(c.target_tid, c.generates.ints("targetTid"));
    DSE_TRY_ASSIGN(c.signal, c.delivers.ints("signal"));
    DSE_TRY_ASSIGN(c.code, c.delivers.ints("code"));
    DSE_TRY_ASSIGN(c.handler, c.delivers.ints("handler"));
    DSE_TRY_ASSIGN(c.info_pid, c.delivers.ints("infoPid"));
    DSE_TRY_ASSIGN(c.info_uid, c.delivers.ints("infoUid"));
    DSE_TRY_ASSIGN(c.group_exit, c.delivers.ints("groupExit"));
    DSE_TRY_ASSIGN(c.deliver_flags, c.delivers.ints("exitFlags"));
    DSE_TRY_ASSIGN(c.exit_flags, c.exits.ints("flags"));
    return c;
  }
};

// What the other side adds to the events, by event.
struct Joined {
  std::vector<std::uint64_t>&pid, &tid, &uid, &number;
  std::vector<std::uint8_t>&has_sender, &has_tid, &has_number;
  TextColumn name, container, source, directed, result, cause;

  explicit Joined(const EventBatch& out)
      : pid(out.own_numbers(out.size())),
        tid(out.own_numbers(out.size())),
        uid(out.own_numbers(out.size())),
        number(out.own_numbers(out.size())),
        has_sender(out.own_flags(out.size())),
        has_tid(out.own_flags(out.size())),
        has_number(out.own_flags(out.size())),
        name(out),
        container(out),
        source(out),
        directed(out),
        result(out),
        cause(out) {}

  void set_columns(EventBatch& out) const {
    auto numbers = [&](const char* field, const std::vector<std::uint64_t>& values,
                       const std::vector<std::uint8_t>& present) {
      EventColumn column;
      column.numbers = values;
      column.present = present;
      out.set_column(field, column);
    };
    auto texts = [&](const char* field, const TextColumn& values) {
      out.set_column(field, values.column());
    };
    numbers("sig.sender.pid", pid, has_sender);
    numbers("sig.sender.uid", uid, has_sender);
    numbers("sig.sender.tid", tid, has_tid);
    numbers("sig.sender.num", number, has_number);
    texts("sig.sender.name", name);
    texts("sig.sender.container", container);
    texts("sig.sender.source", source);
    texts("sig.directed", directed);
    texts("sig.result", result);
    texts("sig.cause", cause);
  }
};

// The containers of senders, which are few in a batch.
class SenderContainers {
 public:
  explicit SenderContainers(const State& state) : state_(state) {}

  // Valid until the next call.
  const Container* of(const Sender& sender, std::uint64_t number) {
    Known& known = known_[(sender.cgroup_id ^ sender.ns_pid) % known_.size()];
    if (known.cgroup_id != sender.cgroup_id || known.ns_pid != sender.ns_pid ||
        number < known.from || number >= known.until) {
      const State::Task task{0, 0, sender.ns_pid, 0, sender.cgroup_id};
      known = {sender.cgroup_id, sender.ns_pid, number,
               state_.steady() ? kForEver : state_.holds_until(task, number),
               state_.container(sender.cgroup_id, sender.ns_pid, number)};
    }
    return known.container;
  }

 private:
  struct Known {
    std::uint64_t cgroup_id = 0;
    std::uint32_t ns_pid = 0;
    std::uint64_t from = 0, until = 0;
    const Container* container = nullptr;
  };
  const State& state_;
  std::array<Known, 16> known_;
};

bool is_joined_field(std::string_view name) {
  return name.starts_with("sig.sender.") || name == "sig.directed" || name == "sig.result" ||
         name == "sig.cause";
}

class SignalDelivered final : public ObservationPoint {
 public:
  SignalDelivered()
      : ObservationPoint("SignalDelivered",
                         "{sig.name} -> {proc.name}[{proc.pid}]((  in {container.id}))"
                         "((  from {sig.sender.name}[{sig.sender.pid}]))((  for {sig.cause}))"
                         "((  {sig.code}))((  value={sig.value}))  handler={sig.handler}") {}

  format::KindSet kinds() const override {
    using format::kind_bit;
    if (!join_) return kind_bit(DSE_SIGNAL_DELIVER);
    return kind_bit(DSE_SIGNAL_DELIVER) | kind_bit(DSE_SIGNAL_GENERATE) |
           kind_bit(DSE_PROCESS_EXIT);
  }

  StateNeeds use(const std::vector<std::size_t>& used) override {
    join_ = std::any_of(used.begin(), used.end(),
                        [&](std::size_t field) { return is_joined_field(fields()[field].name); });
    return ObservationPoint::use(used);
  }

  Status process(const format::Batch& batch, const State& state, EventBatch& out) override {
    DSE_TRY(out.use_table(batch.table(DSE_SIGNAL_DELIVER)));
    if (!join_) return {};
    return join(batch, state, out);
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
    DSE_TRY_ASSIGN(out, signal_field(field.name, events));
    return {};
  }

  bool remembers() const override { return join_; }
  void reset() override { pending_.clear(); }

 private:
  // Walks both sides in arrival order and sets the columns that come from the sending one.
  Status join(const format::Batch& batch, const State& state, EventBatch& out) {
    DSE_TRY_ASSIGN(Columns c, Columns::open(batch));
    if (c.delivers.rows() == 0 && c.generates.rows() == 0 &&
        (pending_.empty() || c.exits.rows() == 0))
      return {};
    Joined joined(out);
    SenderContainers containers(state);
    const int child = signal_number(state.arch(), "SIGCHLD").value_or(17);
    std::array<const TableView*, 3> views{&c.generates, &c.delivers, &c.exits};
    DSE_TRY(in_arrival_order(views, [&](std::size_t view, std::uint32_t row) -> Status {
      if (view == 0) {
        note_sent(c, row, child, batch);
      } else if (view == 1) {
        note_delivered(c, row, child, state, out, containers, joined);
      } else {
        std::uint64_t task = c.exits.task[row];
        pending_.forget(static_cast<std::uint32_t>(c.pid[task]),
                        static_cast<std::uint32_t>(c.tid[task]),
                        (c.exit_flags[row] & DSE_EXIT_GROUP_DEAD) != 0);
      }
      return {};
    }));
    joined.set_columns(out);
    return {};
  }

  void note_sent(const Columns& c, std::uint32_t row, int child, const format::Batch& batch) {
    if (!is_accepted(c.result[row]) || !is_signal(c.sent_signal[row])) return;
    std::uint64_t task = c.generates.task[row];
    Sender sender;
    sender.code = static_cast<std::int32_t>(c.sent_code[row]);
    sender.info_pid = static_cast<std::int32_t>(c.sent_pid[row]);
    sender.to_process = c.group[row] != 0;
    sender.result = static_cast<std::uint32_t>(c.result[row]);
    sender.known = sent_by_process(sender.code, static_cast<int>(c.sent_signal[row]) == child);
    sender.pid = static_cast<std::uint32_t>(c.pid[task]);
    sender.tid = static_cast<std::uint32_t>(c.tid[task]);
    sender.uid = static_cast<std::uint32_t>(c.uid[task]);
    sender.ns_pid = static_cast<std::uint32_t>(c.ns_pid[task]);
    sender.cgroup_id = c.cgroup[task];
    sender.number = record_number(batch, c.generates.positions[row]);
    c.comm[task].copy(sender.name, sizeof(sender.name));
    pending_.add(static_cast<std::uint32_t>(c.target_pid[row]),
                 static_cast<std::uint32_t>(c.target_tid[row]),
                 static_cast<std::uint32_t>(c.sent_signal[row]), sender);
  }

  void note_delivered(const Columns& c, std::uint32_t row, int child, const State& state,
                      const EventBatch& out, SenderContainers& containers, Joined& joined) {
    constexpr std::uint64_t kSignalOfStatus = 0x7f;
    if (!is_signal(c.signal[row])) return;
    std::uint64_t task = c.delivers.task[row];
    auto pid = static_cast<std::uint32_t>(c.pid[task]);
    auto tid = static_cast<std::uint32_t>(c.tid[task]);
    auto signal = static_cast<std::uint32_t>(c.signal[row]);
    auto code = static_cast<std::int32_t>(c.code[row]);
    constexpr std::uint32_t kKill = 9;  // on every machine
    if (is_end_of_process(signal, c.deliver_flags[row])) {
      auto fatal = static_cast<std::uint32_t>(c.group_exit[row] & kSignalOfStatus);
      if (c.deliver_flags[row] & DSE_DELIVER_GROUP_EXEC) fatal = 0;
      joined.cause.set(row, fatal ? signal_name(state.arch(), static_cast<int>(fatal))
                            : c.deliver_flags[row] & DSE_DELIVER_GROUP_EXEC ? "execve"
                                                                            : "exit_group");
      auto sender = fatal ? pending_.fatal(pid, fatal) : std::nullopt;
      if (sender)
        set_sender(*sender, fatal == kKill ? "generate" : "fatal", row, out, containers, joined);
      else if (!fatal)
        joined.source.set(row, "kernel");
      return;
    }
    auto info_pid = static_cast<std::int32_t>(c.info_pid[row]);
    if (auto sender = pending_.take(pid, tid, signal, code, info_pid)) {
      constexpr std::uint64_t kDefault = 0;  // SIG_DFL
      if (c.handler[row] == kDefault) pending_.note_default(pid, signal, *sender);
      set_sender(*sender, "generate", row, out, containers, joined);
      return;
    }
    if (!sent_by_process(code, static_cast<int>(signal) == child)) {
      joined.source.set(row, "kernel");
    } else if (c.info_pid[row] != 0 && c.ns_pid[task] == DSE_INITIAL_PID_NS) {
      // The record of sending is missing. What the receiver is told is true in its own namespaces.
      joined.source.set(row, "siginfo");
      joined.has_sender[row] = 1;
      joined.pid[row] = c.info_pid[row];
      joined.uid[row] = c.info_uid[row];
    }
  }

  static void set_sender(const Sender& sender, std::string_view source, std::uint32_t row,
                         const EventBatch& out, SenderContainers& containers, Joined& joined) {
    joined.directed.set(row, sender.to_process ? "process" : "thread");
    joined.result.set(row, signal_generate_result_name(sender.result));
    joined.source.set(row, sender.known ? source : "kernel");
    joined.has_number[row] = 1;
    joined.number[row] = sender.number;
    if (!sender.known) return;
    joined.has_sender[row] = joined.has_tid[row] = 1;
    joined.pid[row] = sender.pid;
    joined.tid[row] = sender.tid;
    joined.uid[row] = sender.uid;
    joined.name.set(row, until_nul(std::string_view(sender.name, sizeof(sender.name))));
    if (const Container* container = containers.of(sender, out.number(row)))
      joined.container.set(row, container->id);
  }

  bool join_ = true;  // someone wants to know what the sending side tells
  PendingSignals pending_;
};

}  // namespace

std::unique_ptr<ObservationPoint> signal_delivered() { return std::make_unique<SignalDelivered>(); }

}  // namespace dse::replay
