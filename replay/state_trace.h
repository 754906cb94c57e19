// Which records what is remembered comes from (replay/state.h), so that those of them that no later answer
// depends on can be left out (replay/state_log.h). The tables of State and ContainerTracker tell of each
// value that is read, set and erased; whoever advances them says for which record that is.
//
// A value *lives* from the record that sets it, where there was none, to the one that erases it. To
// come to the same values with fewer records, one must keep
//   - with a record, those that set what it read, and
//   - with a record that sets a value, the one that ends the life of that value: so where a record met no
//     value, it meets none.
#pragma once

#include <cstdint>
#include <utility>
#include <vector>

namespace dse::replay {

class StateTrace {
 public:
  // Of a value: the record that set it, and the life that it is part of.
  struct Origin {
    std::uint32_t record = 0;
    std::uint32_t life = 0;
  };

  // What follows is the doing of this record.
  void at(std::uint32_t record) { record_ = record; }
  // The same by its place in the batch at hand, which begins with record `base`.
  void begin_batch(std::uint32_t base) { base_ = base; }
  void at_position(std::uint32_t position) { at(base_ + position); }

  void read(const Origin& origin) {
    if (origin.record != record_) depends_.emplace_back(record_, origin.record);
  }
  // `before`: of the value that is replaced; nullptr: there was none.
  Origin set(const Origin* before) {
    Origin origin{record_, before ? before->life : static_cast<std::uint32_t>(ender_.size())};
    if (!before) ender_.push_back(kNone);
    lives_.emplace_back(record_, origin.life);
    return origin;
  }
  void erase(const Origin& before) { ender_[before.life] = record_; }

  // By record, whether it has to stay, if those in `roots` have to. Ends the trace.
  std::vector<bool> closure(std::uint32_t records, const std::vector<std::uint32_t>& roots);

 private:
  static constexpr std::uint32_t kNone = 0xffffffff;

  std::uint32_t base_ = 0;
  std::uint32_t record_ = 0;
  std::vector<std::pair<std::uint32_t, std::uint32_t>> depends_;  // record, and one that it needs
  std::vector<std::pair<std::uint32_t, std::uint32_t>> lives_;  // record, and a life it is part of
  std::vector<std::uint32_t> ender_;                            // by life: the record that ends it
};

// A map that tells of what is done with it. Keys and values are those of `Map`.
template <template <typename...> typename Map, typename Key, typename Value>
class TracedMap {
 public:
  void set_trace(StateTrace* trace) { trace_ = trace; }

  Value* find(const Key& key) {
    auto found = map_.find(key);
    if (found == map_.end()) return nullptr;
    if (trace_) trace_->read(found->second.origin);
    return &found->second.value;
  }
  bool contains(const Key& key) { return find(key) != nullptr; }

  Value& set(const Key& key, Value value) {
    auto [found, is_new] = map_.try_emplace(key);
    found->second.value = std::move(value);
    if (trace_) found->second.origin = trace_->set(is_new ? nullptr : &found->second.origin);
    return found->second.value;
  }
  // The value is about to be changed in its place.
  void change(const Key& key) {
    if (!trace_) return;
    if (auto found = map_.find(key); found != map_.end()) {
      trace_->read(found->second.origin);
      found->second.origin = trace_->set(&found->second.origin);
    }
  }
  void erase(const Key& key) {
    auto found = map_.find(key);
    if (found == map_.end()) return;
    if (trace_) trace_->erase(found->second.origin);
    map_.erase(found);
  }
  void clear() { map_.clear(); }

  template <typename Visit>
  void for_each_origin(Visit visit) const {
    for (const auto& [key, entry] : map_) visit(entry.origin);
  }

 private:
  struct Entry {
    Value value{};
    StateTrace::Origin origin;
  };
  Map<Key, Entry> map_;
  StateTrace* trace_ = nullptr;
};

}  // namespace dse::replay
