// What must be remembered from record to record: processes, cgroups, the clock. Everything can be
// asked "as of" a record's number, so that points can work on a whole batch at a time and the answer
// never depends on where batches begin and end.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "bpf/abi.h"
#include "format/batch.h"
#include "format/source.h"
#include "replay/names.h"

namespace dse::replay {

struct StateNeeds {
  bool processes = false;
  bool cgroups = false;
  StateNeeds operator|(const StateNeeds& other) const {
    return {processes || other.processes, cgroups || other.cgroups};
  }
};

struct Process {
  std::uint32_t pid = 0;
  std::uint32_t ppid = 0;
  std::uint64_t start_time_ns = 0;
  std::uint64_t cgroup_id = 0;
  char name[DSE_COMM_SIZE] = {};

  std::string_view name_view() const;
};

// Values by key, each with the record number from which on it holds. Versions that no one can ask for
// any more go away when the next batch begins.
template <typename Value>
class VersionedTable {
 public:
  // Nothing: not known, or gone. The pointer is valid until the next change.
  const Value* at(std::uint64_t key, std::uint64_t number) const {
    auto found = entries_.find(key);
    if (found == entries_.end()) return nullptr;
    const std::vector<Version>& versions = found->second;
    for (std::size_t i = versions.size(); i-- > 0;)
      if (versions[i].from <= number) return versions[i].alive ? &versions[i].value : nullptr;
    return nullptr;
  }
  const Value* newest(std::uint64_t key) const { return at(key, ~std::uint64_t{0}); }

  void set(std::uint64_t key, std::uint64_t from, Value value) {
    auto& versions = entries_[key];
    versions.push_back({from, true, std::move(value)});
    changed_.push_back(key);
  }
  void erase(std::uint64_t key, std::uint64_t from) {
    auto found = entries_.find(key);
    if (found == entries_.end()) return;
    found->second.push_back({from, false, {}});
    changed_.push_back(key);
  }
  // A batch begins with record `first`: no one asks for the time before the record before it any more.
  void settle(std::uint64_t first) {
    std::vector<std::uint64_t> changed;
    changed.swap(changed_);
    for (std::uint64_t key : changed) {
      auto found = entries_.find(key);
      if (found == entries_.end()) continue;
      auto& versions = found->second;
      // What ended with the record before it was still there as of that record.
      bool just_ended = !versions.back().alive && versions.back().from >= first;
      if (just_ended) {
        changed_.push_back(key);
      } else if (!versions.back().alive) {
        entries_.erase(found);
      } else if (versions.size() > 1) {
        versions.front() = std::move(versions.back());
        versions.resize(1);
      }
    }
  }
  void clear() {
    entries_.clear();
    changed_.clear();
  }
  std::size_t size() const { return entries_.size(); }

 private:
  struct Version {
    std::uint64_t from;
    bool alive;
    Value value;
  };
  std::unordered_map<std::uint64_t, std::vector<Version>> entries_;
  std::vector<std::uint64_t> changed_;
};

class State {
 public:
  // Only what is needed is kept up; the rest stays empty.
  void set_needs(StateNeeds needs) { needs_ = needs; }
  // The record kinds that keep it up.
  format::KindSet kinds() const;

  // Another capture begins.
  void reset(const format::SegmentInfo& info);
  // Takes in the records of a batch.
  Status advance(const format::Batch& batch);

  // As of record `number` (from 1; 0: as the snapshot has it).
  const Process* process(std::uint32_t pid, std::uint64_t number) const;
  // Empty: not known.
  std::string_view cgroup_path(std::uint64_t id, std::uint64_t number) const;
  // Real time of a boot time, both ns.
  std::uint64_t real_time(std::uint64_t boot_ns, std::uint64_t number) const;

  const format::SegmentInfo& info() const { return info_; }
  Arch arch() const { return arch_; }

 private:
  struct ClockVersion {
    std::uint64_t from;
    std::uint64_t offset;  // real - boot, ns
  };

  Status advance_clock(const format::Batch& batch);
  Status advance_processes(const format::Batch& batch);
  Status advance_cgroups(const format::Batch& batch);

  StateNeeds needs_;
  format::SegmentInfo info_;
  Arch arch_ = Arch::unknown;
  VersionedTable<Process> processes_;
  VersionedTable<std::string> cgroups_;
  std::vector<ClockVersion> clock_;
};

// The number of the record at `position` of a batch: from 1, and 0 in a snapshot.
inline std::uint64_t record_number(const format::Batch& batch, std::uint32_t position) {
  return batch.snapshot() ? 0 : batch.first() + position + 1;
}

}  // namespace dse::replay
