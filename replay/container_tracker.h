// Containers as they come and go. Which ones there are is told by cgroup paths (replay/container.h), by
// pid namespaces with an init of their own, and by the names that runc's processes give themselves. All of
// it comes from records, so that it says the same live and on replay.
#pragma once

#include <algorithm>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "format/batch.h"
#include "format/result.h"
#include "replay/state_trace.h"
#include "replay/versioned_table.h"

namespace dse::replay {

class State;

// How sure it is that this is a container: what a runtime calls one; a pid namespace with a cgroup of its
// own; a pid namespace (which sandboxes make too).
enum class Confidence : std::uint8_t { high, medium, low };
std::string_view confidence_name(Confidence confidence);

struct Container {
  std::string key;  // tells it from others of its id: the path of its own cgroup, else the id
  std::string id;
  std::string runtime;  // "unknown": nothing tells
  std::string ids;  // of all containers around it, from the outermost to itself, each with a NUL
  std::string pod_uid;  // of Kubernetes, with dashes; empty: none
  Confidence confidence = Confidence::high;
};

// The container, or the containers one in the other, that a cgroup's path tells of, by that edition of the
// table; nullptr: none.
std::shared_ptr<const Container> container_of_path(std::string_view path, unsigned edition);

// What the runtimes of the recorded host said; what they did not say is empty.
struct ContainerMetadata {
  std::string source, name, image, image_digest, pod_name, pod_namespace, pod_uid;
  std::string labels;  // KEY=VALUE, each with a NUL
};
// The key of the container whose cgroup, or one below, has this path; the path itself if it tells of none.
std::string metadata_key(std::string_view cgroup_path, unsigned edition);

// Whether an exec is that of a runtime which executes itself again, inside the cgroup, before it executes
// the container's program.
bool is_runtime_setup(std::string_view filename, std::string_view args);

// Something that became of a container.
struct ContainerFinding {
  std::uint32_t position;  // of the record, in the batch
  std::uint64_t time;      // boot time, ns
  std::uint64_t cpu;
  std::uint64_t task;  // row of the task table; EventBatch::kNoTask: none
  std::shared_ptr<const Container> container;
  std::string cgroup_path;
  std::uint64_t cgroup_id;
  std::uint32_t init_pid;  // 0: none yet
  const char* phase;       // created, started, exec, exited, existing
  const char* evidence;
  std::optional<std::uint32_t> status;  // of the init, as waitpid(2) has it
};

class ContainerTracker {
 public:
  void reset();
  // `state` is past the batch already, and is asked "as of" records.
  Status advance(const format::Batch& batch, const State& state);

  // Containers that no path tells of, by their cgroup and by their pid namespace.
  const Container* by_cgroup(std::uint64_t id, std::uint64_t number) const;
  const Container* by_namespace(std::uint32_t ns_pid, std::uint64_t number) const;
  // The first record behind `number` as of which one of them may say something else.
  std::uint64_t holds_until(std::uint64_t cgroup_id, std::uint32_t ns_pid,
                            std::uint64_t number) const {
    return std::min(by_cgroup_.holds_until(cgroup_id, number),
                    by_namespace_.holds_until(ns_pid, number));
  }

  const std::vector<ContainerFinding>& findings() const { return findings_; }
  bool changed() const { return by_cgroup_.changed() || by_namespace_.changed(); }

  // See State.
  void set_trace(StateTrace* trace);
  template <typename Visit>
  void for_each_origin(std::uint64_t number, Visit visit) const {
    by_cgroup_.for_each_origin(number, visit);
    by_namespace_.for_each_origin(number, visit);
    tracked_.for_each_origin(visit);
    inits_.for_each_origin(visit);
    members_.for_each_origin(visit);
  }

 private:
  enum class Phase { created, started, exited };
  // A container that is there.
  struct Tracked {
    std::shared_ptr<const Container> container;
    Phase phase = Phase::created;
    bool has_path = false;        // that tells of it
    std::uint64_t cgroup_id = 0;  // the first one that it was met in
    std::string cgroup_path;
    std::uint32_t init_pid = 0;
    std::uint64_t init_start = 0;
    std::uint32_t ns_pid = 0;  // of its init; 0: the host's
  };
  struct Member {
    std::uint64_t start;
    std::shared_ptr<const Container> container;
  };
  struct Tasks;
  class Walk;

  Tracked& track(const std::shared_ptr<const Container>& container);
  void forget(const std::string& key);
  void register_namespace(Tracked& tracked, std::uint32_t ns_pid, std::uint64_t number);
  bool is_member(std::uint32_t pid, std::uint64_t start, const Container& container);

  using Shared = std::shared_ptr<const Container>;
  VersionedTable<Shared> by_cgroup_;
  VersionedTable<Shared> by_namespace_;
  // More pid namespaces than any host has: only a hostile capture names them. That of an init that has
  // ended stays, as processes may be left in it for a moment, until its number is used again.
  static constexpr std::size_t kMaxNamespaces = std::size_t{1} << 20;
  TracedMap<std::map, std::string, Tracked> tracked_;                // by key
  TracedMap<std::unordered_map, std::uint32_t, std::string> inits_;  // pid to key
  // Processes that were born in their container, and those whose entry has been told.
  TracedMap<std::unordered_map, std::uint32_t, Member> members_;
  StateTrace* trace_ = nullptr;
  std::vector<ContainerFinding> findings_;
};

}  // namespace dse::replay
