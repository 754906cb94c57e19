// Packets of a Perfetto trace (https://perfetto.dev, protos/perfetto/trace/): tracks, slices, instants,
// flows and counters, as bytes. All are of one sequence, with times in boot time.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <variant>
#include <vector>

#include "replay/protobuf.h"

namespace dse::replay {

enum class TraceCategory : std::uint8_t {
  process,  // from an exec on
  fork,     // a process that never executed anything
  exec_failed,
  container,
  socket,
  signal_sent,
  signal_sender,  // where the record of sending is not part of the trace
  signal_received,
  loss,
  count,
};

enum class TraceUnit : std::uint8_t { count, bytes, percent, ns };

class PerfettoWriter {
 public:
  // What is said of a slice or an instant. Names are literals; missing texts are left out.
  struct Annotation {
    std::string_view name;
    std::variant<std::monostate, std::uint64_t, std::string_view> value;
  };
  using Annotations = std::initializer_list<Annotation>;
  struct Track {
    std::string_view name;
    std::uint64_t parent = 0;  // 0: none
    bool is_group = false;     // its children are in the order of their names
    bool apart = false;        // not drawn together with others of its name
  };

  // Everything is appended to `out`, which its owner empties.
  explicit PerfettoWriter(std::string& out);

  // The same moment on both clocks, ns.
  void clock(std::uint64_t boot_ns, std::uint64_t real_ns);
  // Returns the track's number.
  std::uint64_t track(const Track& track);
  std::uint64_t counter_track(std::string_view name, std::uint64_t parent, TraceUnit unit);

  // `interned`: of few different names.
  void begin(std::uint64_t track, std::uint64_t time, TraceCategory category, std::string_view name,
             bool interned, Annotations annotations);
  void end(std::uint64_t track, std::uint64_t time, Annotations annotations = {});
  // `flow`: ties it to the other events with that number; 0: none.
  void instant(std::uint64_t track, std::uint64_t time, TraceCategory category,
               std::string_view name, bool interned, std::uint64_t flow, Annotations annotations);
  void counter(std::uint64_t track, std::uint64_t time, std::uint64_t value);
  void counter(std::uint64_t track, std::uint64_t time, double value);

 private:
  template <typename Write>
  void packet(std::optional<std::uint64_t> time, std::uint32_t flags, Write write);
  template <typename Write>
  void event(std::uint32_t type, std::uint64_t track, std::uint64_t time, Write write);
  void named(std::uint32_t type, std::uint64_t track, std::uint64_t time, TraceCategory category,
             std::string_view name, bool interned, std::uint64_t flow, Annotations annotations);
  void annotate(ProtoWriter& event, Annotations annotations);
  void first_packet();
  std::string_view safe(std::string_view text);

  std::string& out_;
  std::uint64_t tracks_ = 0;
  std::unordered_map<std::string, std::uint64_t> names_;  // of events, by their text
  // Names of annotations; those that the packet at hand brings.
  std::unordered_map<std::string_view, std::uint64_t> annotation_names_;
  std::vector<std::pair<std::uint64_t, std::string_view>> new_annotation_names_;
  std::string safe_;
};

}  // namespace dse::replay
