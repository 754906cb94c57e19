// Signals between being sent and being delivered, as the kernel keeps them: those directed at a thread apart
// from those directed at its process; standard signals pending once, real-time signals in a queue.
#pragma once

#include <cstdint>
#include <iterator>
#include <list>
#include <utility>
#include <vector>

#include "bpf/abi.h"
#include "replay/flat_index.h"

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

// Signals on their way, as the kernel keeps them. Pointers that come out are valid until something is added,
// taken or forgotten.
class PendingSignals {
 public:
  void add(std::uint32_t pid, std::uint32_t tid, std::uint32_t signal, const Sender& sender) {
    add_to(key(sender.to_process ? pid : tid, sender.to_process), signal, sender);
    // What one thread is sent may be the end of all.
    if (!sender.to_process) note_default(pid, signal, sender);
  }

  // Who sent the signal that ends a process; it stays, as every thread is told. nullptr: not known.
  const Sender* fatal(std::uint32_t pid, std::uint32_t signal) const {
    if (const Queue* queue = find(key(pid, true), signal); queue && !queue->empty())
      return &queue->front();
    const std::uint32_t thread = defaults_.find(pid);
    if (thread == FlatIndex::kAbsent || default_of_[thread].signal != signal) return nullptr;
    return &default_of_[thread].sender;
  }

  // A signal that was taken may still end the process: one that dumps core does, by the thread that took
  // it.
  void note_default(std::uint32_t pid, std::uint32_t signal, const Sender& sender) {
    std::uint32_t at = defaults_.find(pid);
    if (at == FlatIndex::kAbsent) {
      if (defaults_.size() >= kMaxTargets) return;
      at = place_in(default_of_, free_defaults_);
      defaults_.insert(pid, at);
    }
    default_of_[at] = {signal, sender};
  }

  // The sender of a signal that is delivered now, with what the receiver is told; nullptr: not known.
  const Sender* take(std::uint32_t pid, std::uint32_t tid, std::uint32_t signal, std::int32_t code,
                     std::int32_t info_pid) {
    for (bool to_process : {false, true}) {
      Queue* queue = find(key(to_process ? pid : tid, to_process), signal);
      if (!queue || queue->empty()) continue;
      queued_ -= queue->behind_first();
      // Those before it in the queue were not delivered: the process waited for them (sigwaitinfo).
      const bool found_one = queue->drop_until([&](const Sender& sender) {
        if (signal < kFirstRealTime) return sender.code == code;
        return sender.code == code &&
               (sender.info_pid == info_pid || sender.info_pid == 0 || info_pid == 0);
      });
      if (found_one) {
        taken_ = queue->front();
        queue->pop_front();
      }
      queued_ += queue->behind_first();
      if (found_one) return &taken_;
    }
    return nullptr;
  }

  // Whether signals of that number are on their way to the thread, or to the process.
  bool has(std::uint32_t target, bool to_process, std::uint32_t signal) const {
    const Queue* queue = find(key(target, to_process), signal);
    return queue && !queue->empty();
  }

  void forget(std::uint32_t pid, std::uint32_t tid, bool whole_process) {
    forget_target(key(tid, false));
    if (!whole_process) return;
    forget_target(key(pid, true));
    const std::uint32_t at = defaults_.find(pid);
    if (at == FlatIndex::kAbsent) return;
    defaults_.erase(pid);
    free_defaults_.push_back(at);
  }
  void clear() { *this = PendingSignals(); }
  bool empty() const { return targets_.size() == 0 && defaults_.size() == 0; }

 private:
  static constexpr std::size_t kMaxSearch = 1024;
  // Senders in all queues behind the first ones.
  static constexpr std::size_t kMaxQueued = std::size_t{1} << 20;

  // Mostly one long, and then it must not allocate.
  class Queue {
   public:
    explicit Queue(std::uint32_t signal = 0, std::uint32_t next = FlatIndex::kAbsent)
        : next_of_target(next), signal_(signal) {}

    // Of the queues of one target the next one.
    std::uint32_t next_of_target;

    std::uint32_t signal() const { return signal_; }
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
    std::uint32_t signal_;
    bool has_first_ = false;
    Sender first_;
    std::list<Sender> rest_;
  };
  struct Default {
    std::uint32_t signal = 0;
    Sender sender;
  };

  static constexpr std::size_t kMaxQueue = 65536;
  // Threads with signals on their way, and queues of theirs: more than there can be on a host (pid_max).
  static constexpr std::size_t kMaxTargets = std::size_t{1} << 22;

  // A place in an array for something new: one that was given back, or another one.
  template <typename T>
  static std::uint32_t place_in(std::vector<T>& all, std::vector<std::uint32_t>& free) {
    if (free.empty()) {
      all.emplace_back();
      return static_cast<std::uint32_t>(all.size() - 1);
    }
    const std::uint32_t place = free.back();
    free.pop_back();
    return place;
  }

  void add_to(std::uint64_t at, std::uint32_t signal, const Sender& sender) {
    Queue* queue = find(at, signal);
    if (!queue) queue = make_queue(at, signal);
    if (!queue) return;
    // Whatever else a standard signal's slot holds was never delivered: the process discarded it.
    queued_ -= queue->behind_first();
    if (signal < kFirstRealTime) queue->clear();
    // A process that never takes its real-time signals fills its queue up to RLIMIT_SIGPENDING.
    if (queue->empty() || (queue->size() < kMaxQueue && queued_ < kMaxQueued))
      queue->push_back(sender);
    queued_ += queue->behind_first();
  }
  Queue* make_queue(std::uint64_t at, std::uint32_t signal) {
    if (queues_.size() - free_queues_.size() >= kMaxTargets) return nullptr;
    const std::uint32_t first = targets_.find(at), place = place_in(queues_, free_queues_);
    queues_[place] = Queue(signal, first);
    if (first == FlatIndex::kAbsent)
      targets_.insert(at, place);
    else
      targets_.set(at, place);
    return &queues_[place];
  }
  void forget_target(std::uint64_t at) {
    std::uint32_t place = targets_.find(at);
    if (place == FlatIndex::kAbsent) return;
    targets_.erase(at);
    for (; place != FlatIndex::kAbsent; place = queues_[place].next_of_target) {
      queued_ -= queues_[place].behind_first();
      queues_[place].clear();
      free_queues_.push_back(place);
    }
  }
  static std::uint64_t key(std::uint32_t target, bool to_process) {
    return std::uint64_t{target} << 1 | std::uint64_t{to_process};
  }
  const Queue* find(std::uint64_t at, std::uint32_t signal) const {
    std::uint32_t place = targets_.find(at);
    while (place != FlatIndex::kAbsent && queues_[place].signal() != signal)
      place = queues_[place].next_of_target;
    return place == FlatIndex::kAbsent ? nullptr : &queues_[place];
  }
  Queue* find(std::uint64_t at, std::uint32_t signal) {
    return const_cast<Queue*>(std::as_const(*this).find(at, signal));
  }

  FlatIndex targets_;  // by target the first of its queues, of the few signals that it has met
  std::vector<Queue> queues_;
  std::vector<std::uint32_t> free_queues_;
  std::size_t queued_ = 0;
  Sender taken_;
  // By process: the last signal that any of its threads was sent, or took without a handler.
  FlatIndex defaults_;
  std::vector<Default> default_of_;
  std::vector<std::uint32_t> free_defaults_;
};

}  // namespace dse::replay
