#include "replay/points/signal_join.h"

#include <array>
#include <cstring>
#include <optional>
#include <span>

#include "replay/names.h"
#include "replay/points/derive.h"
#include "replay/points/signal_fields.h"
#include "replay/table_view.h"

namespace dse::replay {
namespace {

using Ints = std::span<const std::uint64_t>;

// A column that most batches are never asked for.
class LazyInts {
 public:
  LazyInts(const format::Table* table, const char* name) : table_(table), name_(name) {}
  Result<std::uint64_t> at(std::uint32_t row) {
    if (!values_) {
      auto column = static_cast<unsigned>(table_->layout().column(name_));
      DSE_TRY_ASSIGN(values_, table_->ints(column));
    }
    return (*values_)[row];
  }

 private:
  const format::Table* table_;
  const char* name_;
  std::optional<Ints> values_;
};

std::uint32_t u32(std::uint64_t value) { return static_cast<std::uint32_t>(value); }
std::int32_t s32(std::uint64_t value) { return static_cast<std::int32_t>(value); }

// A name as records have it, as two words.
struct Comm {
  std::uint64_t low, high;
  explicit Comm(const char (&name)[DSE_COMM_SIZE]) {
    static_assert(DSE_COMM_SIZE == 2 * sizeof(std::uint64_t));
    std::memcpy(&low, name, sizeof(low));
    std::memcpy(&high, name + sizeof(low), sizeof(high));
  }
  bool operator==(const Comm&) const = default;
};

}  // namespace

// ---- The walk ------------------------------------------------------------------------------------

class SignalJoin::Walk {
 public:
  Walk(const format::Batch& batch, Arch arch, const SignalSet& followed, PendingSignals& pending)
      : batch_(batch),
        arch_(arch),
        child_(static_cast<std::uint32_t>(signal_number(arch, "SIGCHLD").value_or(17))),
        followed_(followed),
        pending_(pending),
        sent_(TableView::columns_of(batch, DSE_SIGNAL_GENERATE)),
        delivered_(TableView::columns_of(batch, DSE_SIGNAL_DELIVER)),
        exited_(TableView::columns_of(batch, DSE_PROCESS_EXIT)),
        sent_info_pid_(sent_.table(), "infoPid"),
        info_pid_(delivered_.table(), "infoPid"),
        info_uid_(delivered_.table(), "infoUid") {}

  Result<SentSides> run() {
    DSE_TRY_ASSIGN(const bool sends, has_followed(sent_));
    DSE_TRY_ASSIGN(const bool delivers, has_followed(delivered_));
    if (!sends && !delivers) {
      if (pending_.empty() || !exited_.table()) return SentSides();  // nothing is on its way
      DSE_TRY(open_exits());
      for (std::uint32_t row = 0; row < exited_task_.size(); ++row) take_exited(row);
      return SentSides();
    }
    DSE_TRY(open_tasks());
    if (sends) DSE_TRY(open_sent());
    if (delivers) {
      DSE_TRY(open_delivered());
      sides_ = SentSides(delivered_.rows());
    }
    enum : std::uint8_t { kOther, kSent, kDelivered, kExited };
    std::array<std::uint8_t, 256> what{};
    for (std::size_t slot = 0; slot < batch_.kinds().size(); ++slot) {
      const format::Kind kind = batch_.kinds()[slot];
      if (kind == DSE_SIGNAL_GENERATE && sends) what[slot] = kSent;
      if (kind == DSE_SIGNAL_DELIVER && delivers) what[slot] = kDelivered;
      if (kind == DSE_PROCESS_EXIT) what[slot] = kExited;
    }
    DSE_TRY_ASSIGN(auto order, batch_.order());
    std::uint32_t sent = 0, delivered = 0, exited = 0;
    for (std::uint32_t position = 0; position < order.size(); ++position) {
      switch (what[order[position]]) {
        case kSent: DSE_TRY(take_sent(sent++, position)); break;
        case kDelivered: DSE_TRY(take_delivered(delivered++)); break;
        case kExited: take_exited(exited++); break;
        default: break;
      }
    }
    return std::move(sides_);
  }

 private:
  Result<bool> has_followed(const TableView& view) const {
    DSE_TRY_ASSIGN(const auto possible, view.possible_values("signal"));
    if (possible) return followed_.has_any_of(*possible);
    DSE_TRY_ASSIGN(const Ints signals, view.ints("signal"));
    return followed_.has_any_of(signals);
  }

  Status open_exits() {
    DSE_TRY_ASSIGN(pid_, task_ints(batch_, "pid"));
    DSE_TRY_ASSIGN(tid_, task_ints(batch_, "tid"));
    DSE_TRY_ASSIGN(exited_task_, exited_.tasks());
    DSE_TRY_ASSIGN(exit_flags_, exited_.ints("flags"));
    return {};
  }

  Status open_tasks() {
    DSE_TRY(open_exits());
    DSE_TRY_ASSIGN(uid_, task_ints(batch_, "uid"));
    DSE_TRY_ASSIGN(ns_pid_, task_ints(batch_, "nsPid"));
    DSE_TRY_ASSIGN(cgroup_, task_ints(batch_, "cgroupId"));
    DSE_TRY_ASSIGN(comm_, task_names(batch_));
    return {};
  }

  Status open_sent() {
    DSE_TRY_ASSIGN(sent_task_, sent_.tasks());
    DSE_TRY_ASSIGN(sent_signal_, sent_.ints("signal"));
    DSE_TRY_ASSIGN(sent_code_, sent_.ints("code"));
    DSE_TRY_ASSIGN(group_, sent_.ints("group"));
    DSE_TRY_ASSIGN(result_, sent_.ints("result"));
    DSE_TRY_ASSIGN(target_pid_, sent_.ints("targetPid"));
    DSE_TRY_ASSIGN(target_tid_, sent_.ints("targetTid"));
    return {};
  }

  Status open_delivered() {
    DSE_TRY_ASSIGN(delivered_task_, delivered_.tasks());
    DSE_TRY_ASSIGN(signal_, delivered_.ints("signal"));
    DSE_TRY_ASSIGN(code_, delivered_.ints("code"));
    DSE_TRY_ASSIGN(handler_, delivered_.ints("handler"));
    DSE_TRY_ASSIGN(group_exit_, delivered_.ints("groupExit"));
    DSE_TRY_ASSIGN(flags_, delivered_.ints("exitFlags"));
    return {};
  }

  bool is_child(std::uint64_t signal) const { return signal == child_; }
  bool is_followed(std::uint64_t signal) const {
    return is_signal(signal) && followed_.has(signal);
  }

  Status take_sent(std::uint32_t row, std::uint32_t position) {
    if (!is_accepted(result_[row]) || !is_followed(sent_signal_[row])) return {};
    const std::uint64_t task = sent_task_[row];
    const std::uint32_t signal = u32(sent_signal_[row]);
    Sender sender;
    sender.code = s32(sent_code_[row]);
    // Only queues are searched by it.
    if (signal >= kFirstRealTime) {
      DSE_TRY_ASSIGN(std::uint64_t info_pid, sent_info_pid_.at(row));
      sender.info_pid = s32(info_pid);
    }
    sender.to_process = group_[row] != 0;
    sender.result = u32(result_[row]);
    sender.known = sent_by_process(sender.code, is_child(signal));
    sender.pid = u32(pid_[task]);
    sender.tid = u32(tid_[task]);
    sender.uid = u32(uid_[task]);
    sender.ns_pid = u32(ns_pid_[task]);
    sender.cgroup_id = cgroup_[task];
    sender.number = record_number(batch_, position);
    comm_[task].copy(sender.name, sizeof(sender.name));
    pending_.add(u32(target_pid_[row]), u32(target_tid_[row]), signal, sender);
    return {};
  }

  // What ends a process is no signal that was sent: its exit code says which one was.
  void take_end(std::uint32_t row, std::uint32_t pid) {
    constexpr std::uint64_t kSignalOfStatus = 0x7f;
    const bool exec = (flags_[row] & DSE_DELIVER_GROUP_EXEC) != 0;
    const std::uint32_t fatal = exec ? 0 : u32(group_exit_[row] & kSignalOfStatus);
    sides_.set_cause(row, fatal  ? signal_name(arch_, static_cast<int>(fatal))
                          : exec ? "execve"
                                 : "exit_group");
    if (!fatal)
      sides_.set_source(row, SentSides::Source::kernel);
    else if (const Sender* sender = pending_.fatal(pid, fatal))
      set_sender(row, *sender,
                 fatal == kKill ? SentSides::Source::generate : SentSides::Source::fatal);
  }

  Status take_delivered(std::uint32_t row) {
    if (!is_followed(signal_[row])) return {};
    const std::uint64_t task = delivered_task_[row];
    const std::uint32_t pid = u32(pid_[task]), tid = u32(tid_[task]), signal = u32(signal_[row]);
    if (is_end_of_process(signal, flags_[row])) {
      take_end(row, pid);
      return {};
    }
    std::uint64_t info_pid = 0;
    if (signal >= kFirstRealTime) {
      DSE_TRY_ASSIGN(info_pid, info_pid_.at(row));
    }
    if (const Sender* sender = pending_.take(pid, tid, signal, s32(code_[row]), s32(info_pid))) {
      constexpr std::uint64_t kDefault = 0;  // SIG_DFL
      if (handler_[row] == kDefault) pending_.note_default(pid, signal, *sender);
      set_sender(row, *sender, SentSides::Source::generate);
      return {};
    }
    if (!sent_by_process(s32(code_[row]), is_child(signal))) {
      sides_.set_source(row, SentSides::Source::kernel);
      return {};
    }
    // The record of sending is missing. What the receiver is told is true in its own namespaces.
    DSE_TRY_ASSIGN(info_pid, info_pid_.at(row));
    if (info_pid == 0 || ns_pid_[task] != DSE_INITIAL_PID_NS) return {};
    DSE_TRY_ASSIGN(std::uint64_t info_uid, info_uid_.at(row));
    Sender told;
    told.pid = u32(info_pid);
    told.uid = u32(info_uid);
    sides_.set_sender(row, told, SentSides::Source::siginfo);
    return {};
  }

  void set_sender(std::uint32_t row, const Sender& sender, SentSides::Source source) {
    sides_.set_sender(row, sender, sender.known ? source : SentSides::Source::kernel);
  }

  void take_exited(std::uint32_t row) {
    const std::uint64_t task = exited_task_[row];
    pending_.forget(u32(pid_[task]), u32(tid_[task]), (exit_flags_[row] & DSE_EXIT_GROUP_DEAD) != 0);
  }

  const format::Batch& batch_;
  Arch arch_;
  std::uint32_t child_;
  const SignalSet& followed_;
  PendingSignals& pending_;
  SentSides sides_;
  TableView sent_, delivered_, exited_;
  LazyInts sent_info_pid_, info_pid_, info_uid_;
  Ints pid_, tid_, uid_, ns_pid_, cgroup_;
  format::StringColumn comm_;
  Ints sent_task_, sent_signal_, sent_code_, group_, result_, target_pid_, target_tid_;
  Ints delivered_task_, signal_, code_, handler_, group_exit_, flags_;
  Ints exited_task_, exit_flags_;
};

Result<SentSides> SignalJoin::take(const format::Batch& batch, Arch arch) {
  return Walk(batch, arch, followed_, pending_).run();
}

// ---- Columns -------------------------------------------------------------------------------------

bool SentSides::has(std::string_view field) {
  return field.starts_with("sig.sender.") || field == "sig.directed" || field == "sig.result" ||
         field == "sig.cause";
}

template <typename IsThere, typename Value>
EventColumn SentSides::numbers(const EventBatch& events, IsThere is_there, Value value) const {
  auto& numbers = events.own_numbers(events.size());
  auto& present = events.own_flags(events.size());
  for (std::uint32_t i = 0; i < events.size(); ++i) {
    present[i] = is_there(i);
    numbers[i] = present[i] ? value(sender(i)) : 0;
  }
  EventColumn out;
  out.numbers = numbers;
  out.present = present;
  return out;
}

EventColumn SentSides::names(const EventBatch& events) const {
  // A few names come again and again; each has one place where it is looked for first.
  struct Known {
    std::optional<Comm> comm;
    std::uint64_t slot;
  };
  constexpr std::size_t kPlaces = 64;
  std::array<Known, kPlaces> known{};
  TextColumn texts(events);
  for (std::uint32_t i = 0; i < events.size(); ++i) {
    if (source_[i] != Source::generate && source_[i] != Source::fatal) continue;
    const Comm comm(sender(i).name);
    Known& at = known[((comm.low ^ comm.high) * 0x9e3779b97f4a7c15u) >> 58];
    if (at.comm != comm)
      at = {comm, texts.slot(until_nul(std::string_view(sender(i).name, DSE_COMM_SIZE)))};
    texts.set_slot(i, at.slot);
  }
  return texts.column();
}

// Of senders, which are few in a batch.
EventColumn SentSides::containers(const EventBatch& events) const {
  struct Known {
    std::uint64_t cgroup_id = 0;
    std::uint32_t ns_pid = 0;
    std::uint64_t from = 0, until = 0;
    std::uint64_t slot = 0;
  };
  std::array<Known, 16> places{};
  const State& state = events.state();
  const bool steady = state.steady();
  TextColumn texts(events);
  for (std::uint32_t i = 0; i < events.size(); ++i) {
    if (source_[i] != Source::generate && source_[i] != Source::fatal) continue;
    const Sender& by = sender(i);
    const std::uint64_t number = events.number(i);
    Known& known = places[(by.cgroup_id ^ by.ns_pid) % places.size()];
    if (known.cgroup_id != by.cgroup_id || known.ns_pid != by.ns_pid || number < known.from ||
        number >= known.until) {
      const State::Task task{0, 0, by.ns_pid, 0, by.cgroup_id};
      const Container* container = state.container(by.cgroup_id, by.ns_pid, number);
      known = {by.cgroup_id, by.ns_pid, number, steady ? kForEver : state.holds_until(task, number),
               container ? texts.slot(container->id) : 0};
    }
    texts.set_slot(i, known.slot);
  }
  return texts.column();
}

EventColumn SentSides::results(const EventBatch& events) const {
  TextColumn texts(events);
  std::optional<std::uint32_t> last;
  std::uint64_t slot = 0;
  for (std::uint32_t i = 0; i < events.size(); ++i) {
    if (!was_seen(i)) continue;
    if (last != sender(i).result) {
      last = sender(i).result;
      slot = texts.slot(signal_generate_result_name(*last));
    }
    texts.set_slot(i, slot);
  }
  return texts.column();
}

EventColumn SentSides::causes(const EventBatch& events) const {
  TextColumn texts(events);
  for (const auto& [event, cause] : causes_) texts.set(event, cause);
  return texts.column();
}

EventColumn SentSides::column(std::string_view field, const EventBatch& events) const {
  if (source_.size() != events.size()) return {};
  auto by_process = [&](std::uint32_t i) { return this->by_process(i); };
  auto was_seen = [&](std::uint32_t i) { return this->was_seen(i); };
  if (field == "sig.sender.pid")
    return numbers(events, by_process, [](const Sender& sender) { return sender.pid; });
  if (field == "sig.sender.uid")
    return numbers(events, by_process, [](const Sender& sender) { return sender.uid; });
  if (field == "sig.sender.tid")
    return numbers(
        events, [&](std::uint32_t i) { return this->by_process(i) && this->was_seen(i); },
        [](const Sender& sender) { return sender.tid; });
  if (field == "sig.sender.num")
    return numbers(events, was_seen, [](const Sender& sender) { return sender.number; });
  if (field == "sig.sender.name") return names(events);
  if (field == "sig.sender.container") return containers(events);
  if (field == "sig.result") return results(events);
  if (field == "sig.cause") return causes(events);
  const bool directed = field == "sig.directed";
  TextColumn texts(events);
  std::array<std::uint64_t, 5> slots{};
  constexpr std::array<std::string_view, 5> kSources{"", "kernel", "generate", "fatal", "siginfo"};
  if (directed)
    slots = {texts.slot("thread"), texts.slot("process")};
  else
    for (std::size_t i = 1; i < kSources.size(); ++i) slots[i] = texts.slot(kSources[i]);
  for (std::uint32_t i = 0; i < events.size(); ++i) {
    if (!directed)
      texts.set_slot(i, slots[static_cast<std::size_t>(source_[i])]);
    else if (was_seen(i))
      texts.set_slot(i, slots[sender(i).to_process]);
  }
  return texts.column();
}

}  // namespace dse::replay
