#include "replay/perfetto.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "replay/perfetto_view.h"
#include "replay/point.h"
#include "replay/state.h"

namespace dse::replay {
std::vector<std::string> PerfettoTrace::fields() {
  return {kFieldNames.begin(), kFieldNames.end()};
}

format::KindSet PerfettoTrace::kinds() {
  return format::kind_bit(DSE_OBSERVER_SAMPLE) | format::kind_bit(DSE_PROGRAM_SAMPLE);
}

void PerfettoTrace::begin_capture(const Session& session) {
  add_gaps(session);
  const format::SegmentInfo& info = session.state().info();
  const std::uint64_t offset = info.real_time - info.boot_time;
  const bool first = !std::exchange(started_, true);
  if (first) {
    boot_id_ = info.boot_id;
    offset_ = offset;
    writer_.clock(info.boot_time, info.real_time);
  }
  same_boot_ = info.boot_id == boot_id_;
  start_ = same_boot_ ? info.boot_of_start : info.boot_of_start + offset - offset_;
  // Nothing is known of what goes on: slices that are open stay so.
  containers_.clear();
  processes_.clear();
  gone_.clear();
  gone_order_.clear();
  sockets_.clear();
  sent_.clear();
  sent_order_.clear();
  last_time_ = info.boot_of_start;
  last_cpu_ = last_records_ = last_bytes_ = 0;
  if (host_ != info.host_name || !same_boot_ || first) {
    root_ = recorder_ = kernel_ = 0;
    counters_.clear();
  }
  host_ = info.host_name;
}

// The time of a moment in the trace: boot time of its first capture.
std::uint64_t PerfettoTrace::at(const State& state, std::uint64_t boot_ns,
                                std::uint64_t number) const {
  return same_boot_ ? boot_ns : state.real_time(boot_ns, number) - offset_;
}

std::uint64_t PerfettoTrace::time(const View& view, std::uint32_t event) const {
  return at(view.events().state(), view.number(kTime, event), view.events().number(event));
}

Status PerfettoTrace::add_batch(const Session& session) {
  std::vector<View> views;
  for (const Session::Judged& judged : session.judged()) {
    bool any = std::find(judged.kept.begin(), judged.kept.end(), 1) != judged.kept.end();
    if (!any) continue;
    DSE_TRY_ASSIGN(views.emplace_back(), View::open(judged));
  }
  // In the order of their records; of one record, in that of the points.
  std::vector<std::uint32_t> next(views.size(), 0);
  while (true) {
    std::size_t first = views.size();
    std::uint32_t position = 0;
    for (std::size_t i = 0; i < views.size(); ++i) {
      const filter::Mask& kept = views[i].judged().kept;
      while (next[i] < kept.size() && !kept[next[i]]) ++next[i];
      if (next[i] == kept.size()) continue;
      std::uint32_t at = views[i].events().positions()[next[i]];
      if (first != views.size() && at >= position) continue;
      first = i;
      position = at;
    }
    if (first == views.size()) break;
    add(views[first], next[first]++);
  }
  DSE_TRY(add_observer(session));
  DSE_TRY(add_programs(session));
  add_gaps(session);
  return {};
}

void PerfettoTrace::add(const View& view, std::uint32_t event) {
  ++events_;
  const std::string& point = view.point();
  if (point == "ProcessExecuted") add_exec(view, event);
  if (point == "ProcessExited") add_exit(view, event);
  if (point == "ContainerEvent") add_container(view, event);
  if (point == "SocketStateChange") add_socket(view, event);
  if (point == "SignalGenerated") add_sent(view, event);
  if (point == "SignalDelivered") add_received(view, event);
}

// ---- tracks ------------------------------------------------------------------------------------

std::uint64_t PerfettoTrace::root() {
  if (!root_) root_ = writer_.track({host_.empty() ? "host" : host_, 0, true, true});
  return root_;
}

PerfettoTrace::Lane& PerfettoTrace::container(std::string_view id, std::string_view name) {
  if (containers_.size() >= kMostContainers) containers_.clear();
  Lane& found = containers_[std::string(id)];
  if (found.track) return found;
  std::string title = "outside of containers";
  if (!id.empty())
    title = name.empty() ? fmt::format("container {}", id.substr(0, 64))
                         : fmt::format("container {} ({})", name, id.substr(0, 12));
  found.track = writer_.track({title, root(), true});
  return found;
}

PerfettoTrace::Process& PerfettoTrace::process(std::uint64_t pid, std::uint64_t start,
                                               std::string_view name, std::string_view container_id,
                                               std::string_view container_name,
                                               std::uint64_t time) {
  auto found = processes_.find(pid);
  if (found != processes_.end()) {
    Process& known = found->second;
    if (!start || !known.start || known.start == start) {
      if (start) known.start = start;
      return known;
    }
    // The number is another process's now; when the former one ended is not part of the trace.
    if (known.open) end(known, time);
    processes_.erase(found);
  }
  if (auto gone = gone_.find(pid); gone != gone_.end() && start && gone->second.start == start)
    return gone->second;
  if (processes_.size() >= kMostOpen) processes_.erase(processes_.begin());
  std::uint64_t group = container(container_id, container_name).track;
  Process& made = processes_[pid];
  made.start = start;
  made.track = writer_.track({name.empty() ? "process" : name, group});
  return made;
}

PerfettoTrace::Process& PerfettoTrace::process_of(const View& view, std::uint32_t event) {
  return process(view.number(kPid, event), view.start(event), view.text(kName, event),
                 view.text(kContainerId, event), view.text(kContainerName, event),
                 time(view, event));
}

std::uint64_t PerfettoTrace::track_of_pid(const View& view, std::uint32_t event, std::uint64_t pid,
                                          std::string_view name) {
  if (auto found = processes_.find(pid); found != processes_.end()) return found->second.track;
  if (auto found = gone_.find(pid); found != gone_.end()) return found->second.track;
  return process(pid, 0, name, {}, {}, time(view, event)).track;
}

void PerfettoTrace::begin(Lane& lane, std::uint64_t time, TraceCategory category,
                          std::string_view name, bool interned,
                          PerfettoWriter::Annotations annotations) {
  lane.last = std::max(lane.last, time);
  lane.open = true;
  writer_.begin(lane.track, lane.last, category, name, interned, annotations);
}

void PerfettoTrace::end(Lane& lane, std::uint64_t time, PerfettoWriter::Annotations annotations) {
  lane.last = std::max(lane.last, time);
  lane.open = false;
  writer_.end(lane.track, lane.last, annotations);
}

// ---- events ------------------------------------------------------------------------------------

void PerfettoTrace::add_exec(const View& view, std::uint32_t event) {
  const std::uint64_t now = time(view, event), number = view.events().number(event);
  Process& ran = process_of(view, event);
  if (view.there(kReturn, event)) {
    writer_.instant(ran.track, now, TraceCategory::exec_failed, "exec failed", true, 0,
                    {{"error", view.value(kReturn, event)},
                     {"command line", view.value(kCommand, event)},
                     {"evt.num", number}});
    return;
  }
  if (ran.open) end(ran, now);
  begin(ran, now, TraceCategory::process,
        fmt::format("{}[{}]", view.text(kName, event), view.number(kPid, event)), false,
        {{"command line", view.value(kCommand, event)},
         {"uid", view.value(kUid, event)},
         {"evt.num", number}});
}

void PerfettoTrace::add_exit(const View& view, std::uint32_t event) {
  const std::uint64_t now = time(view, event), pid = view.number(kPid, event);
  Process& ran = process_of(view, event);
  if (!ran.open) {
    const std::uint64_t lived = view.number(kDuration, event);
    begin(ran, std::max(std::min(start_, now), now - std::min(now, lived)), TraceCategory::fork,
          fmt::format("{}[{}]", view.text(kName, event), pid), false, {});
  }
  end(ran, now,
      {{"exit code", view.value(kExitCode, event)},
       {"killed by", view.value(kExitSignal, event)},
       {"exit evt.num", view.events().number(event)}});
  // A child's last signal to its parent comes after its exit.
  if (!gone_.contains(pid)) gone_order_.push_back(pid);
  gone_[pid] = ran;
  processes_.erase(pid);
  if (gone_order_.size() <= kMostGone) return;
  gone_.erase(gone_order_.front());
  gone_order_.pop_front();
}

void PerfettoTrace::add_container(const View& view, std::uint32_t event) {
  const std::uint64_t now = time(view, event);
  std::string_view id = view.text(kContainerId, event), phase = view.text(kPhase, event);
  Lane& found = container(id, view.text(kContainerName, event));
  PerfettoWriter::Annotation number{"evt.num", view.events().number(event)};
  PerfettoWriter::Annotation evidence{"evidence", view.value(kEvidence, event)};
  if (phase == "exited" && found.open) {
    end(found, now, {{"exit code", view.value(kExitCode, event)}});
  } else if (phase != "exited" && phase != "exec" && !found.open) {
    std::string_view name = view.text(kContainerName, event);
    begin(found, now, TraceCategory::container, name.data() ? name : id, false,
          {{"id", view.value(kContainerId, event)}, {"runtime", view.value(kRuntime, event)}});
  }
  writer_.instant(found.track, now, TraceCategory::container, phase, true, 0, {evidence, number});
}

void PerfettoTrace::add_socket(const View& view, std::uint32_t event) {
  const std::uint64_t now = time(view, event), cookie = view.number(kCookie, event);
  std::string_view state = view.text(kNewState, event);
  if (sockets_.size() >= kMostOpen) sockets_.erase(sockets_.begin());
  Lane& socket = sockets_[cookie];
  if (!socket.track) {
    std::string_view owner = view.text(kOwnerName, event);
    std::uint64_t group = container(view.text(kOwnerContainer, event), {}).track;
    socket.track = writer_.track(
        {owner.data() ? fmt::format("sockets of {}", owner) : std::string("sockets"), group});
  }
  if (socket.open) end(socket, now);
  auto address_of = [&](FieldPlace address, FieldPlace port) {
    return fmt::format("{}:{}", view.text(address, event), view.number(port, event));
  };
  std::string local = address_of(kLocalAddress, kLocalPort),
              remote = address_of(kRemoteAddress, kRemotePort);
  PerfettoWriter::Annotations said = {{"local", std::string_view(local)},
                                      {"remote", std::string_view(remote)},
                                      {"protocol", view.value(kProtocol, event)},
                                      {"owner pid", view.value(kOwnerPid, event)},
                                      {"owner", view.value(kOwnerName, event)},
                                      {"before", view.value(kOldState, event)},
                                      {"bytes sent", view.value(kBytesSent, event)},
                                      {"bytes received", view.value(kBytesReceived, event)},
                                      {"cookie", cookie},
                                      {"evt.num", view.events().number(event)}};
  if (state != "CLOSE") {
    begin(socket, now, TraceCategory::socket, state, true, said);
    return;
  }
  writer_.instant(socket.track, now, TraceCategory::socket, state, true, 0, said);
  sockets_.erase(cookie);
}

void PerfettoTrace::add_sent(const View& view, std::uint32_t event) {
  const std::uint64_t number = view.events().number(event), flow = ++flows_;
  std::uint64_t track = 0;
  if (view.there(kSenderPid, event)) {
    track = track_of_pid(view, event, view.number(kSenderPid, event),
                         view.text(kSenderName, event));
  } else {
    if (!kernel_) kernel_ = writer_.track({"signals of the kernel", root()});
    track = kernel_;
  }
  writer_.instant(track, time(view, event), TraceCategory::signal_sent, view.text(kSignal, event),
                  true, flow,
                  {{"to pid", view.value(kTargetPid, event)},
                   {"to", view.value(kTargetName, event)},
                   {"code", view.value(kCode, event)},
                   {"result", view.value(kResult, event)},
                   {"evt.num", number}});
  sent_[number] = flow;
  sent_order_.push_back(number);
  if (sent_order_.size() <= kMostFlows) return;
  sent_.erase(sent_order_.front());
  sent_order_.pop_front();
}

void PerfettoTrace::add_received(const View& view, std::uint32_t event) {
  const std::uint64_t now = time(view, event);
  std::string_view signal = view.text(kSignal, event);
  std::uint64_t flow = 0;
  auto sent = view.there(kSenderNumber, event) ? sent_.find(view.number(kSenderNumber, event))
                                               : sent_.end();
  if (sent != sent_.end()) {
    flow = sent->second;
  } else if (view.there(kSenderPid, event)) {
    // The sending is not part of the trace, and cannot have been later than this.
    flow = ++flows_;
    std::uint64_t track = track_of_pid(view, event, view.number(kSenderPid, event),
                                       view.text(kSenderName, event));
    writer_.instant(track, now, TraceCategory::signal_sender, signal, true, flow,
                    {{"to pid", view.value(kPid, event)}, {"to", view.value(kName, event)}});
  }
  Process& receiver = process_of(view, event);
  writer_.instant(receiver.track, now, TraceCategory::signal_received, signal, true, flow,
                  {{"from pid", view.value(kSenderPid, event)},
                   {"from", view.value(kSenderName, event)},
                   {"code", view.value(kCode, event)},
                   {"cause", view.value(kCause, event)},
                   {"evt.num", view.events().number(event)}});
}

}  // namespace dse::replay
