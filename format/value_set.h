// A few numbers, as a set.
#pragma once

#include <cstdint>

namespace dse::format {

// Numbers below 64.
class ValueSet {
 public:
  static constexpr std::uint64_t kEnd = 64;

  ValueSet() = default;
  explicit ValueSet(std::uint64_t bits) : bits_(bits) {}
  std::uint64_t bits() const { return bits_; }
  bool empty() const { return bits_ == 0; }
  void add(std::uint64_t value) { bits_ |= std::uint64_t{1} << value; }
  bool has(std::uint64_t value) const { return value < kEnd && (bits_ >> value & 1); }

 private:
  std::uint64_t bits_ = 0;
};

}  // namespace dse::format
