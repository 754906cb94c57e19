// Values that change from record to record, and can be asked for as of any record of the batch at hand.
#pragma once

#include <algorithm>
#include <cstdint>
#include <type_traits>
#include <unordered_map>
#include <utility>
#include <vector>

#include "format/batch.h"
#include "replay/flat_index.h"
#include "replay/state_trace.h"

namespace dse::replay {

// The number of the record at `position` of a batch, as events show it: 0 in a snapshot.
inline std::uint64_t record_number(const format::Batch& batch, std::uint32_t position) {
  return batch.number(position);
}

// The number of no record: all come before it.
inline constexpr std::uint64_t kForEver = ~std::uint64_t{0};

// Places in an array by keys that are no numbers; see FlatIndex.
template <typename Key>
class KeyIndex {
 public:
  std::size_t size() const { return places_.size(); }
  std::uint32_t find(const Key& key) const {
    auto found = places_.find(key);
    return found == places_.end() ? FlatIndex::kAbsent : found->second;
  }
  void insert(const Key& key, std::uint32_t place) { places_.emplace(key, place); }
  void erase(const Key& key) { places_.erase(key); }
  void clear() { places_.clear(); }

 private:
  std::unordered_map<Key, std::uint32_t> places_;
};

// Values by key, each with the record number from which on it holds. Versions that no one can ask for
// any more go away when the next batch begins.
template <typename Value, typename Key = std::uint64_t>
class VersionedTable {
 public:
  // Nothing: not known, or gone. The pointer is valid until the next change.
  const Value* at(const Key& key, std::uint64_t number) const {
    const std::uint32_t place = index_.find(key);
    if (place == FlatIndex::kAbsent) return nullptr;
    const Entry& entry = entries_[place];
    const Version* version = &entry.newest;
    if (version->from > number) {
      auto after = first_after(entry.older, number);
      if (after == entry.older.begin()) return nullptr;
      version = &*(after - 1);
    }
    if (!version->alive) return nullptr;
    if (trace_) trace_->read(version->origin);
    return &version->value;
  }
  // The first record behind `number` as of which at() may say something else.
  std::uint64_t holds_until(const Key& key, std::uint64_t number) const {
    const std::uint32_t place = index_.find(key);
    if (place == FlatIndex::kAbsent || entries_[place].newest.from <= number) return kForEver;
    const Entry& entry = entries_[place];
    auto after = first_after(entry.older, number);
    return after == entry.older.end() ? entry.newest.from : after->from;
  }
  const Value* newest(const Key& key) const { return at(key, ~std::uint64_t{0}); }
  // The same for what only keeps an index of the table, and lets nothing depend on the value.
  const Value* peek(const Key& key) const {
    const std::uint32_t place = index_.find(key);
    if (place == FlatIndex::kAbsent || !entries_[place].newest.alive) return nullptr;
    return &entries_[place].newest.value;
  }

  // Numbers never go back.
  void set(const Key& key, std::uint64_t from, Value value) {
    const std::uint32_t known = index_.find(key);
    const bool is_new = known == FlatIndex::kAbsent;
    const std::uint32_t place = is_new ? place_for(key) : known;
    Entry& entry = entries_[place];
    StateTrace::Origin origin;
    if (trace_)
      origin = trace_->set(!is_new && entry.newest.alive ? &entry.newest.origin : nullptr);
    Version version{from, true, std::move(value), origin};
    if (is_new)
      entry.newest = std::move(version);
    else
      put(entry, std::move(version));
    note_change(place);
  }
  void erase(const Key& key, std::uint64_t from) {
    const std::uint32_t place = index_.find(key);
    if (place == FlatIndex::kAbsent) return;
    Entry& entry = entries_[place];
    if (trace_ && entry.newest.alive) trace_->erase(entry.newest.origin);
    put(entry, {from, false, {}, {}});
    note_change(place);
  }
  // A batch begins with record `first`: no one asks for the time before the record before it any more.
  void settle(std::uint64_t first) {
    settle(first, [](Value&) {});
  }
  // The same, and calls keep(Value&) for what stays of that which has changed.
  template <typename Keep>
  void settle(std::uint64_t first, Keep keep) {
    std::size_t left = 0;
    for (const std::uint32_t place : changed_) {
      Entry& entry = entries_[place];
      forget_older(entry, first);
      for (Version& version : entry.older) keep(version.value);
      keep(entry.newest.value);
      if (!entry.older.empty() || entry.newest.from >= first) {
        changed_[left++] = place;
        continue;
      }
      entry.changed = false;
      if (!entry.newest.alive) give_back(place);
    }
    changed_.resize(left);
  }
  void clear() {
    index_.clear();
    entries_.clear();
    free_.clear();
    changed_.clear();
  }
  std::size_t size() const { return index_.size(); }
  // Whether any value has changed since the batch began, or just before it.
  bool changed() const { return !changed_.empty(); }

  void set_trace(StateTrace* trace) { trace_ = trace; }
  // Of all values that hold for record `number` or later ones.
  template <typename Visit>
  void for_each_origin(std::uint64_t number, Visit visit) const {
    for (const Entry& entry : entries_) {
      for (std::size_t i = 0; i < entry.older.size(); ++i) {
        const Version& next = i + 1 < entry.older.size() ? entry.older[i + 1] : entry.newest;
        if (entry.older[i].alive && next.from > number) visit(entry.older[i].origin);
      }
      if (entry.newest.alive) visit(entry.newest.origin);
    }
  }

 private:
  struct Version {
    std::uint64_t from = 0;
    bool alive = false;
    Value value{};
    StateTrace::Origin origin{};  // where there is a trace
  };
  // Entries are used again with their memory, so that what comes and goes within batches does not allocate.
  struct Entry {
    Key key{};
    bool changed = false;  // it is in changed_
    Version newest;
    std::vector<Version> older;  // ascending
  };
  using Index = std::conditional_t<std::is_integral_v<Key>, FlatIndex, KeyIndex<Key>>;

  static auto first_after(const std::vector<Version>& versions, std::uint64_t number) {
    return std::upper_bound(versions.begin(), versions.end(), number,
                            [](std::uint64_t n, const Version& v) { return n < v.from; });
  }
  // Of two versions at one time the later counts.
  static void put(Entry& entry, Version version) {
    if (entry.newest.from >= version.from)
      version.from = entry.newest.from;
    else
      entry.older.push_back(std::move(entry.newest));
    entry.newest = std::move(version);
  }
  // What held for the record before `first` may still be asked for, and what comes later anyway.
  static void forget_older(Entry& entry, std::uint64_t first) {
    const std::uint64_t last = first - (first != 0);
    if (entry.newest.from <= last) {
      constexpr std::size_t kUsual = 16;
      entry.older.clear();
      if (entry.older.capacity() > kUsual) entry.older.shrink_to_fit();
      return;
    }
    auto after = first_after(entry.older, last);
    if (after != entry.older.begin()) entry.older.erase(entry.older.cbegin(), after - 1);
  }
  void note_change(std::uint32_t place) {
    if (std::exchange(entries_[place].changed, true)) return;
    changed_.push_back(place);
  }
  std::uint32_t place_for(const Key& key) {
    auto place = static_cast<std::uint32_t>(entries_.size());
    if (free_.empty()) {
      entries_.emplace_back();
    } else {
      place = free_.back();
      free_.pop_back();
    }
    entries_[place].key = key;
    index_.insert(key, place);
    return place;
  }
  void give_back(std::uint32_t place) {
    Entry& entry = entries_[place];
    index_.erase(entry.key);
    entry.newest = {};
    free_.push_back(place);
  }

  Index index_;  // into entries_
  std::vector<Entry> entries_;
  std::vector<std::uint32_t> free_;     // of entries_, that are in use no more
  std::vector<std::uint32_t> changed_;  // places in entries_, each once
  StateTrace* trace_ = nullptr;
};

}  // namespace dse::replay
