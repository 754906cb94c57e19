// What must be remembered from record to record: processes, cgroups, the clock. Everything can be
// asked "as of" a record's number, so that points can work on a whole batch at a time and the answer
// never depends on where batches begin and end.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "bpf/abi.h"
#include "format/batch.h"
#include "format/source.h"
#include "replay/clock.h"
#include "replay/container_tracker.h"
#include "replay/names.h"
#include "replay/process_children.h"
#include "replay/process_images.h"
#include "replay/versioned_table.h"

namespace dse::replay {

struct StateNeeds {
  bool processes = false;
  bool ancestors = false;  // takes processes too
  bool images = false;     // what processes execute, with their arguments
  bool cgroups = false;
  bool containers = false;  // takes processes and cgroups too
  StateNeeds operator|(const StateNeeds& other) const {
    return {processes || other.processes, ancestors || other.ancestors, images || other.images,
            cgroups || other.cgroups, containers || other.containers};
  }
};

struct Process {
  std::uint32_t pid = 0;
  std::uint32_t ppid = 0;
  std::uint64_t start_time_ns = 0;
  std::uint64_t cgroup_id = 0;
  std::uint32_t ns_pid = 0;
  char name[DSE_COMM_SIZE] = {};
  std::shared_ptr<const ProcessImage> image;  // nullptr: not known, or not needed

  std::string_view name_view() const;
  // Whether a record of a process that started then is of this one. What only /proc knew of is as fine as
  // that tells.
  bool started_at(std::uint64_t start_ns) const;
};

struct Cgroup {
  std::string path;
  std::shared_ptr<const Container> container;  // that its path tells of; nullptr: none
};

class State {
 public:
  // Only what is needed is kept up; the rest stays empty.
  void set_needs(StateNeeds needs);
  // From now on tells of which records what is remembered comes from. `trace` outlives it.
  void set_trace(StateTrace* trace);
  // Calls visit(StateTrace::Origin) for all that may be asked for as of record `number` or later.
  template <typename Visit>
  void for_each_origin(std::uint64_t number, Visit visit) const {
    processes_.for_each_origin(number, visit);
    cgroups_.for_each_origin(number, visit);
    metadata_.for_each_origin(number, visit);
    containers_.for_each_origin(number, visit);
  }
  // The record kinds that keep it up.
  format::KindSet kinds() const;

  // Another capture begins.
  void reset(const format::SegmentInfo& info);
  // Takes in the records of a batch.
  Status advance(const format::Batch& batch);

  // As of record `number` (from 1; 0: as the snapshot has it).
  const Process* process(std::uint32_t pid, std::uint64_t number) const;
  // Calls visit(const Process&) for the parent of a process that started at `start_time_ns`, the parent
  // of that, and so on as far as they are known.
  template <typename Visit>
  void for_each_ancestor(std::uint32_t ppid, std::uint64_t start_time_ns, std::uint64_t number,
                         Visit visit) const {
    for (unsigned depth = 0; depth < kMaxAncestors && ppid != 0; ++depth) {
      const Process* parent = process(ppid, number);
      // One that is younger has only inherited the number.
      if (!parent || parent->start_time_ns > start_time_ns) return;
      visit(*parent);
      ppid = parent->ppid;
      start_time_ns = parent->start_time_ns;
    }
  }
  // A task, as far as what is known of it goes.
  struct Task {
    std::uint32_t pid, ppid, ns_pid;
    std::uint64_t start_time_ns, cgroup_id;
  };
  // The first record behind `number` as of which anything that is known of the task, and needed, may be
  // something else.
  std::uint64_t holds_until(const Task& task, std::uint64_t number) const;
  // Whether what is known of processes, cgroups or containers changes within the batch. If not, one
  // answer serves all records of a task.
  bool steady() const;
  // Empty: not known.
  std::string_view cgroup_path(std::uint64_t id, std::uint64_t number) const;
  const Cgroup* cgroup(std::uint64_t id, std::uint64_t number) const;
  // The container of a task in this cgroup and pid namespace; nullptr: in none that is known.
  const Container* container(std::uint64_t cgroup_id, std::uint32_t ns_pid,
                             std::uint64_t number) const;
  // What the host's runtimes said of a container; nullptr: nothing (yet).
  const ContainerMetadata* metadata(const Container& container, std::uint64_t number) const;
  // What became of containers in the batch at hand.
  const std::vector<ContainerFinding>& container_findings() const { return containers_.findings(); }
  // Real time of a boot time, both ns.
  std::uint64_t real_time(std::uint64_t boot_ns, std::uint64_t number) const {
    return clock_.real_time(boot_ns, number);
  }
  const Clock& clock() const { return clock_; }

  const format::SegmentInfo& info() const { return info_; }
  Arch arch() const { return arch_; }
  // Of the table of container paths, by which the capture replays.
  unsigned container_edition() const { return container_edition_; }

 private:
  static constexpr unsigned kMaxAncestors = 64;

  Status advance_clock(const format::Batch& batch);
  Status advance_processes(const format::Batch& batch);
  void trace_at(std::uint32_t position) {
    if (trace_) trace_->at_position(position);
  }
  void set_process(Process process, std::uint64_t number);
  void end_process(std::uint32_t pid, std::uint32_t reaper, std::uint64_t number);
  Status advance_metadata(const format::Batch& batch);
  Status advance_cgroups(const format::Batch& batch);

  StateNeeds needs_;
  format::SegmentInfo info_;
  Arch arch_ = Arch::unknown;
  unsigned container_edition_ = 0;
  VersionedTable<Process> processes_;
  std::array<ProcessImages, 2> images_;  // of the batch at hand: of the snapshot, and of execs
  ProcessChildren children_;
  std::vector<std::uint32_t> orphans_;  // scratch
  VersionedTable<Cgroup> cgroups_;
  VersionedTable<ContainerMetadata, std::string> metadata_;  // by Container::key
  static constexpr std::size_t kMaxReparented = std::size_t{1} << 20;
  std::size_t reparented_ = 0;  // processes, in the batch at hand
  ContainerTracker containers_;
  Clock clock_;
  StateTrace* trace_ = nullptr;
};

}  // namespace dse::replay
