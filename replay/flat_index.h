// A hash table from numbers to places in an array: no allocation per key, one cache line per question.
#pragma once

#include <cstddef>
#include <cstdint>
#include <random>
#include <vector>

namespace dse::replay {

class FlatIndex {
 public:
  static constexpr std::uint32_t kAbsent = 0xffffffff;

  std::size_t size() const { return size_; }
  // kAbsent: not there.
  std::uint32_t find(std::uint64_t key) const {
    if (slots_.empty()) return kAbsent;
    for (std::size_t at = home(key);; at = next(at))
      if (slots_[at].place == kAbsent || slots_[at].key == key) return slots_[at].place;
  }
  // A key that is not there.
  void insert(std::uint64_t key, std::uint32_t place) {
    if (2 * (size_ + 1) > slots_.size()) grow();
    put({key, place});
    ++size_;
  }
  // Of a key that is there.
  void set(std::uint64_t key, std::uint32_t place) { slots_[slot_of(key)].place = place; }
  void erase(std::uint64_t key) {
    std::size_t hole = slot_of(key);
    --size_;
    // What would not be found any more behind the hole moves into it.
    for (std::size_t at = next(hole); slots_[at].place != kAbsent; at = next(at)) {
      const std::size_t mask = slots_.size() - 1;
      if (((at - home(slots_[at].key)) & mask) < ((at - hole) & mask)) continue;
      slots_[hole] = slots_[at];
      hole = at;
    }
    slots_[hole].place = kAbsent;
  }
  void clear() {
    slots_.clear();
    size_ = 0;
  }

 private:
  struct Slot {
    std::uint64_t key = 0;
    std::uint32_t place = kAbsent;
  };
  static constexpr std::size_t kFewest = 64;

  // Another one in each process: no capture can be made such that its keys collide.
  static std::uint64_t multiplier() {
    static const std::uint64_t random = [] {
      std::random_device device;
      return (std::uint64_t{device()} << 32 | device()) | 1;
    }();
    return random;
  }
  std::size_t home(std::uint64_t key) const {
    return static_cast<std::size_t>((key * multiplier_) >> shift_);
  }
  std::size_t next(std::size_t at) const { return (at + 1) & (slots_.size() - 1); }
  std::size_t slot_of(std::uint64_t key) const {
    std::size_t at = home(key);
    while (slots_[at].key != key || slots_[at].place == kAbsent) at = next(at);
    return at;
  }
  void put(const Slot& slot) {
    std::size_t at = home(slot.key);
    while (slots_[at].place != kAbsent) at = next(at);
    slots_[at] = slot;
  }
  void grow() {
    std::vector<Slot> old(slots_.empty() ? kFewest : 2 * slots_.size());
    old.swap(slots_);
    shift_ = 64;
    for (std::size_t size = slots_.size(); size > 1; size /= 2) --shift_;
    for (const Slot& slot : old)
      if (slot.place != kAbsent) put(slot);
  }

  std::vector<Slot> slots_;  // a power of two
  std::size_t size_ = 0;
  unsigned shift_ = 64;
  std::uint64_t multiplier_ = multiplier();
};

}  // namespace dse::replay
