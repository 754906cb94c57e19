// What the events of a filtered capture refer to, so that all else can be left out: of the records that only
// keep state, which are needed for what the events show unasked, and which of their strings.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

#include "format/batch.h"
#include "format/result.h"
#include "replay/container.h"
#include "replay/event.h"
#include "replay/state.h"

namespace dse::replay {

class Closure {
 public:
  // Which of several captures is at hand: the numbers of records are its own.
  void enter(unsigned capture) { capture_ = capture; }

  // An event that is shown. All events come before the first record is asked about.
  void refer(const Event& event);

  // Before the records of a batch.
  Status begin(const format::Batch& batch);
  // Of an exec, or a process of the snapshot, that an event of containers alone shows: with no other
  // strings than take() would leave it.
  std::optional<std::vector<std::byte>> strings_of_process(std::span<const std::byte> record) const;
  // A record that shows no event, in the layout of this version, as far as it is needed; nullopt: it is
  // not. `number` is its number as events show it.
  std::optional<std::vector<std::byte>> take(std::span<const std::byte> record,
                                             std::uint64_t number);

 private:
  // Processes by id and start time: ids are used again.
  using Processes = std::unordered_map<std::uint32_t, std::vector<std::uint64_t>>;

  static bool has(const Processes& processes, std::uint32_t pid, std::uint64_t start_ns);
  static void add(Processes& processes, const Process& process);
  void refer_to_context(const State& state, std::uint64_t cgroup, std::uint32_t ns_pid,
                        std::uint64_t number);
  // Whether the path of its cgroup tells of the container.
  bool path_tells(std::string_view path, std::string_view id) const;
  static std::vector<std::byte> without_name(std::vector<std::byte> record);
  bool is_named(std::uint32_t pid, std::uint64_t start_ns) const;
  // Of a container that events are in.
  bool is_inside(std::uint64_t cgroup, std::uint32_t ns_pid) const;
  bool is_cgroup_needed(std::uint64_t id, std::string_view path);

  unsigned edition_ = kContainerTableVersion;  // of the table of container paths
  Processes named_;                            // whose names are shown
  Processes imaged_;                           // whose arguments and executables are shown too
  std::unordered_set<std::uint64_t> cgroups_;  // whose paths are shown
  std::unordered_set<std::uint64_t> container_cgroups_;  // what happens in them tells of containers
  std::unordered_set<std::uint32_t> container_namespaces_;
  // A container that no path tells of shows by where its processes came from: then all processes stay,
  // without their names.
  bool needs_processes_ = false;
  std::set<std::string, std::less<>> containers_;  // ids
  std::set<std::string, std::less<>> paths_;       // of cgroups in containers
  unsigned capture_ = 0;
  std::set<std::pair<unsigned, std::uint64_t>> sendings_;  // captures and record numbers
  std::unordered_set<std::uint64_t> sockets_;      // cookies
};

}  // namespace dse::replay
