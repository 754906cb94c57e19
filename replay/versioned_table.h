// Values that change from record to record, and can be asked for as of any record of the batch at hand.
#pragma once

#include <cstdint>
#include <unordered_map>
#include <vector>

#include "format/batch.h"

namespace dse::replay {

// The number of the record at `position` of a batch: from 1, and 0 in a snapshot.
inline std::uint64_t record_number(const format::Batch& batch, std::uint32_t position) {
  return batch.snapshot() ? 0 : batch.first() + position + 1;
}

// Values by key, each with the record number from which on it holds. Versions that no one can ask for
// any more go away when the next batch begins.
template <typename Value, typename Key = std::uint64_t>
class VersionedTable {
 public:
  // Nothing: not known, or gone. The pointer is valid until the next change.
  const Value* at(const Key& key, std::uint64_t number) const {
    auto found = entries_.find(key);
    if (found == entries_.end()) return nullptr;
    const std::vector<Version>& versions = found->second;
    for (std::size_t i = versions.size(); i-- > 0;)
      if (versions[i].from <= number) return versions[i].alive ? &versions[i].value : nullptr;
    return nullptr;
  }
  const Value* newest(const Key& key) const { return at(key, ~std::uint64_t{0}); }

  void set(const Key& key, std::uint64_t from, Value value) {
    auto& versions = entries_[key];
    versions.push_back({from, true, std::move(value)});
    changed_.push_back(key);
  }
  void erase(const Key& key, std::uint64_t from) {
    auto found = entries_.find(key);
    if (found == entries_.end()) return;
    found->second.push_back({from, false, {}});
    changed_.push_back(key);
  }
  // A batch begins with record `first`: no one asks for the time before the record before it any more.
  void settle(std::uint64_t first) {
    std::vector<Key> changed;
    changed.swap(changed_);
    for (const Key& key : changed) {
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
  // Whether any value has changed since the batch began, or just before it.
  bool changed() const { return !changed_.empty(); }

 private:
  struct Version {
    std::uint64_t from;
    bool alive;
    Value value;
  };
  std::unordered_map<Key, std::vector<Version>> entries_;
  std::vector<Key> changed_;
};

}  // namespace dse::replay
