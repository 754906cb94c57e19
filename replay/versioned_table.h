// Values that change from record to record, and can be asked for as of any record of the batch at hand.
#pragma once

#include <algorithm>
#include <cstdint>
#include <iterator>
#include <unordered_map>
#include <vector>

#include "format/batch.h"
#include "replay/state_trace.h"

namespace dse::replay {

// The number of the record at `position` of a batch, as events show it: 0 in a snapshot.
inline std::uint64_t record_number(const format::Batch& batch, std::uint32_t position) {
  return batch.number(position);
}

// The number of no record: all come before it.
inline constexpr std::uint64_t kForEver = ~std::uint64_t{0};

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
    auto after = std::upper_bound(versions.begin(), versions.end(), number,
                                  [](std::uint64_t n, const Version& v) { return n < v.from; });
    if (after == versions.begin() || !std::prev(after)->alive) return nullptr;
    if (trace_) trace_->read(std::prev(after)->origin);
    return &std::prev(after)->value;
  }
  // The first record behind `number` as of which at() may say something else.
  std::uint64_t holds_until(const Key& key, std::uint64_t number) const {
    auto found = entries_.find(key);
    if (found == entries_.end()) return kForEver;
    const std::vector<Version>& versions = found->second;
    auto after = std::upper_bound(versions.begin(), versions.end(), number,
                                  [](std::uint64_t n, const Version& v) { return n < v.from; });
    return after == versions.end() ? kForEver : after->from;
  }
  const Value* newest(const Key& key) const { return at(key, ~std::uint64_t{0}); }
  // The same for what only keeps an index of the table, and lets nothing depend on the value.
  const Value* peek(const Key& key) const {
    auto found = entries_.find(key);
    return found != entries_.end() && found->second.back().alive ? &found->second.back().value
                                                                 : nullptr;
  }

  // Numbers never go back.
  void set(const Key& key, std::uint64_t from, Value value) {
    std::vector<Version>& versions = entries_[key];
    StateTrace::Origin origin;
    if (trace_)
      origin = trace_->set(!versions.empty() && versions.back().alive ? &versions.back().origin
                                                                      : nullptr);
    put(versions, {from, true, std::move(value), origin});
    changed_.push_back(key);
  }
  void erase(const Key& key, std::uint64_t from) {
    auto found = entries_.find(key);
    if (found == entries_.end()) return;
    if (trace_ && found->second.back().alive) trace_->erase(found->second.back().origin);
    put(found->second, {from, false, {}, {}});
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
      // What held for the record before it may still be asked for, and what comes later anyway.
      auto after = std::upper_bound(versions.begin(), versions.end(), first - (first != 0),
                                    [](std::uint64_t n, const Version& v) { return n < v.from; });
      if (after != versions.begin()) versions.erase(versions.begin(), std::prev(after));
      if (versions.size() > 1 || versions.back().from >= first)
        changed_.push_back(key);
      else if (!versions.back().alive)
        entries_.erase(found);
    }
  }
  void clear() {
    entries_.clear();
    changed_.clear();
  }
  std::size_t size() const { return entries_.size(); }
  // Whether any value has changed since the batch began, or just before it.
  bool changed() const { return !changed_.empty(); }

  void set_trace(StateTrace* trace) { trace_ = trace; }
  // Of all values that hold for record `number` or later ones.
  template <typename Visit>
  void for_each_origin(std::uint64_t number, Visit visit) const {
    for (const auto& [key, versions] : entries_)
      for (std::size_t i = 0; i < versions.size(); ++i)
        if (versions[i].alive && (i + 1 == versions.size() || versions[i + 1].from > number))
          visit(versions[i].origin);
  }

 private:
  struct Version {
    std::uint64_t from;
    bool alive;
    Value value;
    StateTrace::Origin origin;  // where there is a trace
  };
  // Of two versions at one time the later counts.
  static void put(std::vector<Version>& versions, Version version) {
    if (!versions.empty() && versions.back().from >= version.from)
      versions.back() = {versions.back().from, version.alive, std::move(version.value),
                         version.origin};
    else
      versions.push_back(std::move(version));
  }
  std::unordered_map<Key, std::vector<Version>> entries_;
  std::vector<Key> changed_;
  StateTrace* trace_ = nullptr;
};

}  // namespace dse::replay
