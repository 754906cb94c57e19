// Distinct byte strings of a block, numbered in order of first appearance.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>
#include <vector>

#include <xxhash.h>

namespace dse::format {

class Dictionary {
 public:
  // The number of `value`, adding it when it is new.
  std::uint32_t intern(std::string_view value) {
    std::uint64_t hash = XXH3_64bits(value.data(), value.size());
    if (2 * (ends_.size() + 1) > slots_.size()) grow();
    std::size_t mask = slots_.size() - 1;
    for (std::size_t i = hash & mask;; i = (i + 1) & mask) {
      Slot& slot = slots_[i];
      if (slot.index == kEmpty) {
        bytes_.insert(bytes_.end(), value.begin(), value.end());
        ends_.push_back(bytes_.size());
        slot = {static_cast<std::uint32_t>(hash >> 32),
                static_cast<std::uint32_t>(ends_.size() - 1)};
        return slot.index;
      }
      if (slot.tag == static_cast<std::uint32_t>(hash >> 32) && (*this)[slot.index] == value)
        return slot.index;
    }
  }

  std::string_view operator[](std::size_t index) const {
    std::uint64_t begin = index == 0 ? 0 : ends_[index - 1];
    return {bytes_.data() + begin, static_cast<std::size_t>(ends_[index] - begin)};
  }

  std::size_t size() const { return ends_.size(); }
  const std::vector<char>& bytes() const { return bytes_; }
  // Where each value ends in bytes().
  const std::vector<std::uint64_t>& ends() const { return ends_; }

  // Forgets the values and keeps the memory.
  void clear() {
    if (ends_.empty()) return;
    bytes_.clear();
    ends_.clear();
    std::fill(slots_.begin(), slots_.end(), Slot{});
  }

 private:
  static constexpr std::uint32_t kEmpty = 0xffffffff;
  struct Slot {
    std::uint32_t tag = 0;  // upper half of the hash: most mismatches end here
    std::uint32_t index = kEmpty;
  };

  void grow() {
    std::vector<Slot> slots(slots_.empty() ? 64 : 2 * slots_.size());
    std::size_t mask = slots.size() - 1;
    for (std::size_t index = 0; index < ends_.size(); ++index) {
      std::string_view value = (*this)[index];
      std::uint64_t hash = XXH3_64bits(value.data(), value.size());
      std::size_t i = hash & mask;
      while (slots[i].index != kEmpty) i = (i + 1) & mask;
      slots[i] = {static_cast<std::uint32_t>(hash >> 32), static_cast<std::uint32_t>(index)};
    }
    slots_ = std::move(slots);
  }

  std::vector<Slot> slots_;
  std::vector<char> bytes_;
  std::vector<std::uint64_t> ends_;
};

}  // namespace dse::format
