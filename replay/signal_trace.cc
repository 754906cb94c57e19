#include "replay/signal_trace.h"

#include <algorithm>

#include "replay/points/signal_fields.h"
#include "replay/raw_record.h"

namespace dse::replay {

void SignalTrace::take(const dse_header& header, std::span<const std::byte> record) {
  switch (header.kind) {
    case DSE_SIGNAL_GENERATE: return sent(record);
    case DSE_SIGNAL_DELIVER: return taken(header, record);
    case DSE_PROCESS_EXIT: return exited(header, record);
    default: return;
  }
}

void SignalTrace::sent(std::span<const std::byte> record) {
  auto body = body_of<dse_signal_generate>(record);
  if (!is_accepted(body.result) || !is_signal(static_cast<std::uint64_t>(body.signal))) return;
  auto signal = static_cast<std::uint32_t>(body.signal);
  Sender sender;
  sender.code = body.code;
  sender.info_pid = body.info_pid;
  sender.to_process = body.group != 0;
  pending_.add(body.target_pid, body.target_tid, signal, sender);
  std::uint64_t target = key(sender.to_process ? body.target_pid : body.target_tid,
                             sender.to_process);
  if (signal >= kFirstRealTime) read(target, signal);  // it joins those that are there
  set(target, signal);
  if (!sender.to_process) set_last(body.target_pid);
}

void SignalTrace::taken(const dse_header& header, std::span<const std::byte> record) {
  auto body = body_of<dse_signal_deliver>(record);
  if (!is_signal(static_cast<std::uint64_t>(body.signal)) ||
      is_end_of_process(static_cast<std::uint64_t>(body.signal), body.exit_flags))
    return;
  auto signal = static_cast<std::uint32_t>(body.signal);
  read(key(header.task.tid, false), signal);
  read(key(header.task.pid, true), signal);
  const Sender* sender =
      pending_.take(header.task.pid, header.task.tid, signal, body.code, body.info_pid);
  if (!sender) return;
  const bool to_process = sender->to_process;
  const std::uint32_t of = to_process ? header.task.pid : header.task.tid;
  if (pending_.has(of, to_process, signal))
    set(key(of, to_process), signal);
  else
    erase(key(of, to_process), signal);
  if (body.handler != 0) return;
  pending_.note_default(header.task.pid, signal, *sender);
  set_last(header.task.pid);
}

void SignalTrace::exited(const dse_header& header, std::span<const std::byte> record) {
  const bool whole = (body_of<dse_process_exit>(record).flags & DSE_EXIT_GROUP_DEAD) != 0;
  pending_.forget(header.task.pid, header.task.tid, whole);
  erase_all(key(header.task.tid, false));
  if (!whole) return;
  erase_all(key(header.task.pid, true));
  if (auto last = last_.find(header.task.pid); last != last_.end()) {
    trace_.erase(last->second);
    last_.erase(last);
  }
}

namespace {

template <typename Queues>
auto find_queue(Queues& queues, std::uint32_t signal) {
  return std::find_if(queues.begin(), queues.end(),
                      [&](const auto& queue) { return queue.first == signal; });
}

}  // namespace

void SignalTrace::read(std::uint64_t target, std::uint32_t signal) {
  auto found = queues_.find(target);
  if (found == queues_.end()) return;
  if (auto queue = find_queue(found->second, signal); queue != found->second.end())
    trace_.read(queue->second);
}

void SignalTrace::set(std::uint64_t target, std::uint32_t signal) {
  Queues& queues = queues_[target];
  if (auto queue = find_queue(queues, signal); queue != queues.end())
    queue->second = trace_.set(&queue->second);
  else
    queues.emplace_back(signal, trace_.set(nullptr));
}

void SignalTrace::erase(std::uint64_t target, std::uint32_t signal) {
  auto found = queues_.find(target);
  if (found == queues_.end()) return;
  auto queue = find_queue(found->second, signal);
  if (queue == found->second.end()) return;
  trace_.erase(queue->second);
  found->second.erase(queue);
  if (found->second.empty()) queues_.erase(found);
}

void SignalTrace::erase_all(std::uint64_t target) {
  auto found = queues_.find(target);
  if (found == queues_.end()) return;
  for (const auto& [signal, origin] : found->second) trace_.erase(origin);
  queues_.erase(found);
}

void SignalTrace::set_last(std::uint32_t pid) {
  auto [found, is_new] = last_.try_emplace(pid);
  found->second = trace_.set(is_new ? nullptr : &found->second);
}

}  // namespace dse::replay
