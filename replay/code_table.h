// Numbers the distinct values that come by: 0, 1, 2, … in the order in which they come.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace dse::replay {

class CodeTable {
 public:
  static constexpr std::uint32_t kNew = ~std::uint32_t{0};

  void clear() {
    slots_.assign(kLeast, {0, kNew});
    size_ = 0;
  }
  std::uint32_t size() const { return size_; }

  // The number of a value; `is_new` says whether it was not there before.
  std::uint32_t code(std::uint64_t value, bool& is_new) {
    Slot& slot = find(value);
    is_new = slot.code == kNew;
    if (!is_new) return slot.code;
    slot = {value, size_++};
    std::uint32_t made = slot.code;
    if (size_ * std::size_t{2} > slots_.size()) grow();
    return made;
  }

 private:
  struct Slot {
    std::uint64_t value;
    std::uint32_t code;
  };
  static constexpr std::size_t kLeast = 1024;  // a power of two

  Slot& find(std::uint64_t value) {
    const std::size_t mask = slots_.size() - 1;
    // Fibonacci hashing; the high bits are the good ones.
    std::size_t at = static_cast<std::size_t>((value * 0x9e3779b97f4a7c15u) >> 32) & mask;
    while (slots_[at].code != kNew && slots_[at].value != value) at = (at + 1) & mask;
    return slots_[at];
  }
  void grow() {
    std::vector<Slot> old(slots_.size() * 2, {0, kNew});
    old.swap(slots_);
    for (const Slot& slot : old)
      if (slot.code != kNew) find(slot.value) = slot;
  }

  std::vector<Slot> slots_ = std::vector<Slot>(kLeast, Slot{0, kNew});
  std::uint32_t size_ = 0;
};

}  // namespace dse::replay
