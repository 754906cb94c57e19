// SignalDelivered: a signal that reached its process, with who sent it.
//
// The kernel reports the two sides apart: signal_generate in the sender's context, signal_deliver in
// the receiver's. They are joined as the kernel itself queues signals: first those directed at the
// thread, then those directed at its process; standard signals are pending once, real-time signals
// queue up. A pair must agree on si_code. Signals of the kernel's own (faults, timers, terminals) have
// no sender.
#include <algorithm>
#include <array>
#include <list>
#include <unordered_map>

#include "replay/names.h"
#include "replay/points/derive.h"
#include "replay/points/points.h"
#include "replay/table_view.h"

namespace dse::replay {
namespace {

// Kernel numbers that are the same on every machine (include/uapi/asm-generic/siginfo.h,
// include/trace/events/signal.h).
constexpr std::uint32_t kFirstRealTime = 32;
constexpr std::uint64_t kMaxSignal = 128;  // _NSIG of mips, the largest
constexpr std::int32_t kSiUser = 0, kSiQueue = -1, kSiTkill = -6;
constexpr std::uint64_t kResultDelivered = 0, kResultLoseInfo = 4;

struct Sender {
  std::int32_t code = 0;
  bool to_process = false;
  bool known = false;  // false: the kernel sent it, whoever was running
  std::uint32_t pid = 0, tid = 0, uid = 0;
  char name[DSE_COMM_SIZE] = {};
};

// Signals on their way, as the kernel keeps them.
class PendingSignals {
 public:
  void add(std::uint32_t target, bool to_process, std::uint32_t signal, const Sender& sender) {
    std::uint64_t at = key(target, to_process);
    if (targets_.size() >= kMaxTargets && !targets_.count(at)) return;
    Queue& queue = queue_of(targets_[at], signal);
    // Whatever else a standard signal's slot holds was never delivered: the process discarded it.
    if (signal < kFirstRealTime) queue.clear();
    // A process that never takes its real-time signals fills its queue up to RLIMIT_SIGPENDING.
    if (queue.size() < kMaxQueue) queue.push_back(sender);
  }

  // The sender of a signal that is delivered now.
  std::optional<Sender> take(std::uint32_t pid, std::uint32_t tid, std::uint32_t signal,
                             std::int32_t code) {
    for (bool to_process : {false, true}) {
      auto found = targets_.find(key(to_process ? pid : tid, to_process));
      if (found == targets_.end()) continue;
      Queue& queue = queue_of(found->second, signal);
      if (queue.empty() || queue.front().code != code) continue;
      Sender sender = queue.front();
      queue.pop_front();
      return sender;
    }
    return {};
  }

  void forget(std::uint32_t pid, std::uint32_t tid, bool whole_process) {
    targets_.erase(key(tid, false));
    if (whole_process) targets_.erase(key(pid, true));
  }
  void clear() { targets_.clear(); }
  bool empty() const { return targets_.empty(); }

 private:
  // Mostly one long, and then it must not allocate.
  class Queue {
   public:
    bool empty() const { return !has_first_; }
    std::size_t size() const { return has_first_ + rest_.size(); }
    const Sender& front() const { return first_; }
    void push_back(const Sender& sender) {
      if (has_first_) {
        rest_.push_back(sender);
      } else {
        first_ = sender;
        has_first_ = true;
      }
    }
    void pop_front() {
      has_first_ = !rest_.empty();
      if (!has_first_) return;
      first_ = rest_.front();
      rest_.pop_front();
    }
    void clear() {
      has_first_ = false;
      rest_.clear();
    }

   private:
    Sender first_;
    bool has_first_ = false;
    std::list<Sender> rest_;
  };

  static constexpr std::size_t kMaxQueue = 65536;
  // Threads with signals on their way: more than there can be on a host (pid_max).
  static constexpr std::size_t kMaxTargets = std::size_t{1} << 22;

  // The few signals that a thread or process has met.
  using Target = std::vector<std::pair<std::uint32_t, Queue>>;

  static std::uint64_t key(std::uint32_t target, bool to_process) {
    return std::uint64_t{target} << 1 | std::uint64_t{to_process};
  }
  static Queue& queue_of(Target& target, std::uint32_t signal) {
    for (auto& [number, queue] : target)
      if (number == signal) return queue;
    return target.emplace_back(signal, Queue()).second;
  }

  std::unordered_map<std::uint64_t, Target> targets_;
};

class SignalDelivered final : public ObservationPoint {
 public:
  SignalDelivered()
      : ObservationPoint("SignalDelivered",
                         "{sig.name} -> {proc.name}[{proc.pid}]"
                         "((  from {sig.sender.name}[{sig.sender.pid}]))"
                         "((  {sig.code}))  handler={sig.handler}") {
    for (const char* name :
         {"sig.sender.pid", "sig.sender.tid", "sig.sender.name", "sig.sender.uid", "sig.directed"})
      sender_fields_.push_back(static_cast<std::size_t>(field(name)));
  }

  format::KindSet kinds() const override {
    using format::kind_bit;
    if (!join_) return kind_bit(DSE_SIGNAL_DELIVER);
    return kind_bit(DSE_SIGNAL_DELIVER) | kind_bit(DSE_SIGNAL_GENERATE) |
           kind_bit(DSE_PROCESS_EXIT);
  }

  StateNeeds use(const std::vector<std::size_t>& used) override {
    join_ = std::any_of(used.begin(), used.end(), [&](std::size_t field) {
      return std::find(sender_fields_.begin(), sender_fields_.end(), field) != sender_fields_.end();
    });
    return ObservationPoint::use(used);
  }

  Status process(const format::Batch& batch, const State& state, EventBatch& out) override {
    DSE_TRY(out.use_table(batch.table(DSE_SIGNAL_DELIVER)));
    if (!join_) return {};
    return join(batch, state.arch(), out);
  }

  Status derive(const Field& field, const EventBatch& events, EventColumn& out) const override {
    Arch arch = events.state().arch();
    DSE_TRY_ASSIGN(TableView delivers, TableView::open(events.batch(), DSE_SIGNAL_DELIVER));
    if (field.name == "sig.name") {
      DSE_TRY_ASSIGN(auto signals, delivers.ints("signal"));
      out = name_numbers(events, signals, [&](std::uint64_t signal) {
        return signal_name(arch, static_cast<int>(signal));
      });
    } else if (field.name == "sig.code") {
      DSE_TRY_ASSIGN(auto signals, delivers.ints("signal"));
      DSE_TRY_ASSIGN(auto codes, delivers.ints("code"));
      std::vector<std::uint64_t> keys(codes.size());
      for (std::size_t i = 0; i < keys.size(); ++i)
        keys[i] = signals[i] << 32 | static_cast<std::uint32_t>(codes[i]);
      out = name_numbers(events, keys, [&](std::uint64_t key) {
        auto code = static_cast<std::int32_t>(key);
        std::string_view name = signal_code_name(arch, static_cast<int>(key >> 32), code);
        return name.empty() ? std::to_string(code) : std::string(name);
      });
    } else if (field.name == "sig.handler") {
      DSE_TRY_ASSIGN(auto handlers, delivers.ints("handler"));
      auto& kinds = events.own_numbers(handlers.size());
      for (std::size_t i = 0; i < kinds.size(); ++i)
        kinds[i] = std::min<std::uint64_t>(handlers[i], 2);
      auto& names = events.own_texts(0);
      names = {"default", "ignore", "user"};
      out.index = kinds;
      out.texts = names;
    }
    return {};
  }

  void reset() override { pending_.clear(); }

 private:
  // Walks both sides in arrival order and sets the columns of the sender.
  Status join(const format::Batch& batch, Arch arch, EventBatch& out) {
    DSE_TRY_ASSIGN(TableView generates, TableView::open(batch, DSE_SIGNAL_GENERATE));
    DSE_TRY_ASSIGN(TableView delivers, TableView::open(batch, DSE_SIGNAL_DELIVER));
    DSE_TRY_ASSIGN(TableView exits, TableView::open(batch, DSE_PROCESS_EXIT));
    if (generates.rows() == 0 && (pending_.empty() || delivers.rows() + exits.rows() == 0))
      return {};
    using Ints = std::span<const std::uint64_t>;
    DSE_TRY_ASSIGN(Ints pid, task_ints(batch, "pid"));
    DSE_TRY_ASSIGN(Ints tid, task_ints(batch, "tid"));
    DSE_TRY_ASSIGN(Ints uid, task_ints(batch, "uid"));
    DSE_TRY_ASSIGN(format::StringColumn comm, task_names(batch));
    DSE_TRY_ASSIGN(Ints sent_signal, generates.ints("signal"));
    DSE_TRY_ASSIGN(Ints sent_code, generates.ints("code"));
    DSE_TRY_ASSIGN(Ints group, generates.ints("group"));
    DSE_TRY_ASSIGN(Ints result, generates.ints("result"));
    DSE_TRY_ASSIGN(Ints target_pid, generates.ints("targetPid"));
    DSE_TRY_ASSIGN(Ints target_tid, generates.ints("targetTid"));
    DSE_TRY_ASSIGN(Ints signal, delivers.ints("signal"));
    DSE_TRY_ASSIGN(Ints code, delivers.ints("code"));
    DSE_TRY_ASSIGN(Ints exit_flags, exits.ints("flags"));
    const int child_signal = signal_number(arch, "SIGCHLD").value_or(17);

    std::uint32_t n = delivers.rows();
    auto& sender_pid = out.own_numbers(n);
    auto& sender_tid = out.own_numbers(n);
    auto& sender_name = out.own_texts(n);
    auto& sender_uid = out.own_numbers(n);
    auto& directed = out.own_texts(n);
    auto& present = out.own_flags(n);

    std::array<const TableView*, 3> views{&generates, &delivers, &exits};
    DSE_TRY(in_arrival_order(views, [&](std::size_t view, std::uint32_t row) -> Status {
      std::uint64_t task = views[view]->task[row];
      if (view == 0) {
        if (result[row] != kResultDelivered && result[row] != kResultLoseInfo) return {};
        if (sent_signal[row] < 1 || sent_signal[row] > kMaxSignal) return {};
        Sender sender;
        sender.code = static_cast<std::int32_t>(sent_code[row]);
        sender.to_process = group[row] != 0;
        sender.known = sender.code == kSiUser || sender.code == kSiQueue ||
                       sender.code == kSiTkill ||
                       static_cast<int>(sent_signal[row]) == child_signal;
        sender.pid = static_cast<std::uint32_t>(pid[task]);
        sender.tid = static_cast<std::uint32_t>(tid[task]);
        sender.uid = static_cast<std::uint32_t>(uid[task]);
        std::string_view name = comm[task];
        name.copy(sender.name, sizeof(sender.name));
        pending_.add(
            static_cast<std::uint32_t>(sender.to_process ? target_pid[row] : target_tid[row]),
            sender.to_process, static_cast<std::uint32_t>(sent_signal[row]), sender);
      } else if (view == 1) {
        if (signal[row] < 1 || signal[row] > kMaxSignal) return {};
        auto sender = pending_.take(
            static_cast<std::uint32_t>(pid[task]), static_cast<std::uint32_t>(tid[task]),
            static_cast<std::uint32_t>(signal[row]), static_cast<std::int32_t>(code[row]));
        if (!sender) return {};
        directed[row] = sender->to_process ? "process" : "thread";
        if (!sender->known) return {};
        present[row] = 1;
        sender_pid[row] = sender->pid;
        sender_tid[row] = sender->tid;
        sender_uid[row] = sender->uid;
        sender_name[row] = out.own_text(
            std::string(until_nul(std::string_view(sender->name, sizeof(sender->name)))));
      } else {
        pending_.forget(static_cast<std::uint32_t>(pid[task]),
                        static_cast<std::uint32_t>(tid[task]),
                        (exit_flags[row] & DSE_EXIT_GROUP_DEAD) != 0);
      }
      return {};
    }));

    auto numbers = [&](const std::vector<std::uint64_t>& values) {
      EventColumn column;
      column.numbers = values;
      column.present = present;
      return column;
    };
    auto texts = [](const std::vector<std::string_view>& values) {
      EventColumn column;
      column.texts = values;
      return column;
    };
    out.set_column(sender_fields_[0], numbers(sender_pid));
    out.set_column(sender_fields_[1], numbers(sender_tid));
    out.set_column(sender_fields_[2], texts(sender_name));
    out.set_column(sender_fields_[3], numbers(sender_uid));
    out.set_column(sender_fields_[4], texts(directed));
    return {};
  }

  std::vector<std::size_t> sender_fields_;
  bool join_ = true;  // someone wants to know the senders
  PendingSignals pending_;
};

}  // namespace

std::unique_ptr<ObservationPoint> signal_delivered() { return std::make_unique<SignalDelivered>(); }

}  // namespace dse::replay
