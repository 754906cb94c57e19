// Signals between being sent and being delivered, as the kernel keeps them: those directed at a thread apart
// from those directed at its process; standard signals pending once, real-time signals in a queue.
#pragma once

#include <cstdint>
#include <iterator>
#include <list>
#include <optional>
#include <unordered_map>
#include <utility>
#include <vector>

#include "bpf/abi.h"

namespace dse::replay {

inline constexpr std::uint32_t kFirstRealTime = 32;  // the kernel's SIGRTMIN, on every machine

struct Sender {
  std::int32_t code = 0;
  std::int32_t info_pid = 0;  // si_pid, where the code has one
  bool to_process = false;
  bool known = false;  // false: the kernel sent it, whoever was running
  std::uint32_t result = 0;
  std::uint32_t pid = 0, tid = 0, uid = 0, ns_pid = 0;
  std::uint64_t cgroup_id = 0;
  std::uint64_t number = 0;  // of the record of its sending
  char name[DSE_COMM_SIZE] = {};
};

// Signals on their way, as the kernel keeps them.
class PendingSignals {
 public:
  void add(std::uint32_t pid, std::uint32_t tid, std::uint32_t signal, const Sender& sender) {
    add_to(key(sender.to_process ? pid : tid, sender.to_process), signal, sender);
    // What one thread is sent may be the end of all.
    if (!sender.to_process) note_default(pid, signal, sender);
  }

  // Who sent the signal that ends a process; it stays, as every thread is told.
  std::optional<Sender> fatal(std::uint32_t pid, std::uint32_t signal) {
    auto found = targets_.find(key(pid, true));
    if (found != targets_.end())
      for (auto& [number, queue] : found->second)
        if (number == signal && !queue.empty()) return queue.front();
    auto thread = fatal_of_thread_.find(pid);
    if (thread != fatal_of_thread_.end() && thread->second.first == signal)
      return thread->second.second;
    return {};
  }

  // A signal that was taken may still end the process: one that dumps core does, by the thread that took
  // it.
  void note_default(std::uint32_t pid, std::uint32_t signal, const Sender& sender) {
    if (fatal_of_thread_.size() < kMaxTargets || fatal_of_thread_.count(pid))
      fatal_of_thread_[pid] = {signal, sender};
  }

  // The sender of a signal that is delivered now, with what the receiver is told.
  std::optional<Sender> take(std::uint32_t pid, std::uint32_t tid, std::uint32_t signal,
                             std::int32_t code, std::int32_t info_pid) {
    for (bool to_process : {false, true}) {
      auto found = targets_.find(key(to_process ? pid : tid, to_process));
      if (found == targets_.end()) continue;
      Queue& queue = queue_of(found->second, signal);
      queued_ -= queue.behind_first();
      // Those before it in the queue were not delivered: the process waited for them (sigwaitinfo).
      bool found_one = queue.drop_until([&](const Sender& sender) {
        if (signal < kFirstRealTime) return sender.code == code;
        return sender.code == code &&
               (sender.info_pid == info_pid || sender.info_pid == 0 || info_pid == 0);
      });
      std::optional<Sender> sender;
      if (found_one) {
        sender = queue.front();
        queue.pop_front();
      }
      queued_ += queue.behind_first();
      if (!sender) continue;
      return sender;
    }
    return {};
  }

  // Whether signals of that number are on their way to the thread, or to the process.
  bool has(std::uint32_t target, bool to_process, std::uint32_t signal) const {
    auto found = targets_.find(key(target, to_process));
    if (found == targets_.end()) return false;
    for (const auto& [number, queue] : found->second)
      if (number == signal) return !queue.empty();
    return false;
  }

  void forget(std::uint32_t pid, std::uint32_t tid, bool whole_process) {
    forget_target(key(tid, false));
    if (!whole_process) return;
    forget_target(key(pid, true));
    fatal_of_thread_.erase(pid);
  }
  void clear() {
    targets_.clear();
    queued_ = 0;
    fatal_of_thread_.clear();
  }
  bool empty() const { return targets_.empty() && fatal_of_thread_.empty(); }

 private:
  static constexpr std::size_t kMaxSearch = 1024;
  // Senders in all queues behind the first ones.
  static constexpr std::size_t kMaxQueued = std::size_t{1} << 20;

  // Mostly one long, and then it must not allocate.
  class Queue {
   public:
    bool empty() const { return !has_first_; }
    std::size_t size() const { return has_first_ + rest_.size(); }
    std::size_t behind_first() const { return rest_.size(); }
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
    // Drops what is before the first one that is `wanted`; nothing and false if there is none.
    template <typename Wanted>
    bool drop_until(Wanted wanted) {
      if (!has_first_) return false;
      if (wanted(first_)) return true;
      // Not for ever: a queue may be long, and hold none that is wanted.
      auto found = rest_.begin();
      for (std::size_t i = 0; found != rest_.end() && !wanted(*found); ++found)
        if (++i > kMaxSearch) return false;
      if (found == rest_.end()) return false;
      first_ = *found;
      rest_.erase(rest_.begin(), std::next(found));
      return true;
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

  void add_to(std::uint64_t at, std::uint32_t signal, const Sender& sender) {
    if (targets_.size() >= kMaxTargets && !targets_.count(at)) return;
    Queue& queue = queue_of(targets_[at], signal);
    // Whatever else a standard signal's slot holds was never delivered: the process discarded it.
    queued_ -= queue.behind_first();
    if (signal < kFirstRealTime) queue.clear();
    // A process that never takes its real-time signals fills its queue up to RLIMIT_SIGPENDING.
    if (queue.empty() || (queue.size() < kMaxQueue && queued_ < kMaxQueued))
      queue.push_back(sender);
    queued_ += queue.behind_first();
  }
  void forget_target(std::uint64_t at) {
    auto found = targets_.find(at);
    if (found == targets_.end()) return;
    for (const auto& [signal, queue] : found->second) queued_ -= queue.behind_first();
    targets_.erase(found);
  }
  static std::uint64_t key(std::uint32_t target, bool to_process) {
    return std::uint64_t{target} << 1 | std::uint64_t{to_process};
  }
  static Queue& queue_of(Target& target, std::uint32_t signal) {
    for (auto& [number, queue] : target)
      if (number == signal) return queue;
    return target.emplace_back(signal, Queue()).second;
  }

  std::unordered_map<std::uint64_t, Target> targets_;
  std::size_t queued_ = 0;
  // By process: the last signal that any of its threads was sent, or took without a handler.
  std::unordered_map<std::uint32_t, std::pair<std::uint32_t, Sender>> fatal_of_thread_;
};

}  // namespace dse::replay
