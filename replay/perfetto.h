// Events as a timeline: a Perfetto trace with processes, sockets, signals, containers, and what recording
// cost and lost. What is remembered is bounded by what is open at a time.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "replay/perfetto_writer.h"
#include "replay/session.h"

namespace dse::replay {

class PerfettoTrace {
 public:
  // Packets are appended to `out`, which its owner empties now and then.
  explicit PerfettoTrace(std::string& out) : writer_(out) {}

  // What it reads: the fields of events by name, and the recorder's own account.
  static std::vector<std::string> fields();
  static format::KindSet kinds();

  // The session's last step was this. Error: a column is damaged.
  void begin_capture(const Session& session);
  Status add_batch(const Session& session);
  // All that was added; nothing comes any more.
  void finish(const Session& session) { add_gaps(session); }

  std::uint64_t events() const { return events_; }

 private:
  // A track with at most one slice at a time. Records of several CPUs may be a little out of order in time;
  // slices that follow one another must not be.
  struct Lane {
    std::uint64_t track = 0;
    bool open = false;
    std::uint64_t last = 0;  // when a slice began or ended
  };
  struct Process : Lane {
    std::uint64_t start = 0;  // boot time, ns; 0: not known
  };
  class View;  // of the events of a point

  void add(const View& view, std::uint32_t event);
  void add_exec(const View& view, std::uint32_t event);
  void add_exit(const View& view, std::uint32_t event);
  void add_container(const View& view, std::uint32_t event);
  void add_socket(const View& view, std::uint32_t event);
  void add_sent(const View& view, std::uint32_t event);
  void add_received(const View& view, std::uint32_t event);
  Status add_observer(const Session& session);
  Status add_programs(const Session& session);
  void add_gaps(const Session& session);

  void begin(Lane& lane, std::uint64_t time, TraceCategory category, std::string_view name,
             bool interned, PerfettoWriter::Annotations annotations);
  // Of a slice that is open.
  void end(Lane& lane, std::uint64_t time, PerfettoWriter::Annotations annotations = {});
  std::uint64_t time(const View& view, std::uint32_t event) const;
  std::uint64_t at(const State& state, std::uint64_t boot_ns, std::uint64_t number) const;
  std::uint64_t root();
  std::uint64_t recorder_track();
  std::uint64_t counter(const std::string& name, TraceUnit unit);
  Lane& container(std::string_view id, std::string_view name);
  Process& process(std::uint64_t pid, std::uint64_t start, std::string_view name,
                   std::string_view container_id, std::string_view container_name,
                   std::uint64_t time);
  Process& process_of(const View& view, std::uint32_t event);
  // Of one that is only known by its number.
  std::uint64_t track_of_pid(const View& view, std::uint32_t event, std::uint64_t pid,
                             std::string_view name);

  // So that a hostile capture, in which nothing ever ends, cannot fill the memory.
  static constexpr std::size_t kMostOpen = std::size_t{1} << 20;
  static constexpr std::size_t kMostContainers = 65'536;
  static constexpr std::size_t kMostGone = 4'096;
  static constexpr std::size_t kMostFlows = 65'536;

  PerfettoWriter writer_;
  std::uint64_t events_ = 0;
  bool started_ = false;
  std::string boot_id_;       // of the first capture, whose boot time is that of the trace
  std::uint64_t offset_ = 0;  // there, real time less boot time
  bool same_boot_ = true;     // the capture at hand is of that boot
  std::uint64_t start_ = 0;   // of the capture at hand, boot time
  std::string host_;
  std::uint64_t root_ = 0, recorder_ = 0, kernel_ = 0;
  std::map<std::string, std::uint64_t> counters_;
  std::unordered_map<std::string, Lane> containers_;
  std::unordered_map<std::uint64_t, Process> processes_;
  std::unordered_map<std::uint64_t, Process> gone_;  // those that exited last
  std::deque<std::uint64_t> gone_order_;
  std::unordered_map<std::uint64_t, Lane> sockets_;
  std::uint64_t flows_ = 0;
  std::unordered_map<std::uint64_t, std::uint64_t> sent_;  // flow by the number of the sending
  std::deque<std::uint64_t> sent_order_;
  std::size_t gaps_done_ = 0;
  // Of the recorder, at its last sample.
  std::uint64_t last_time_ = 0, last_cpu_ = 0, last_records_ = 0, last_bytes_ = 0;
};

}  // namespace dse::replay
