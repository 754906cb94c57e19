// Packing of integer columns: frame of reference, optional differences, narrowest natural width.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include "format/uninitialized.h"

namespace dse::format {

// What stands in a schema Ints, with the packed numbers in an arena of the caller.
struct PackedInts {
  std::uint64_t base = 0;
  std::uint64_t start = 0;
  bool delta = false;
  unsigned width = 0;      // bytes per row: 0 (all equal `base`), 1, 2, 4, 8
  std::size_t offset = 0;  // of the packed numbers in the arena, bytes
  std::uint32_t rows = 0;

  std::size_t size_bytes() const { return std::size_t{width} * rows; }
};

// The smallest range that 64-bit values lie in, taken as unsigned or as signed numbers: -1 and 1 are two
// apart.
class Extent {
 public:
  void add(std::uint64_t value) {
    const auto number = static_cast<std::int64_t>(value);
    low_ = std::min(low_, value);
    high_ = std::max(high_, value);
    signed_low_ = std::min(signed_low_, number);
    signed_high_ = std::max(signed_high_, number);
  }
  // Of one value or more.
  std::uint64_t low() const {
    return is_signed() ? static_cast<std::uint64_t>(signed_low_) : low_;
  }
  std::uint64_t span() const { return is_signed() ? signed_span() : high_ - low_; }

 private:
  std::uint64_t signed_span() const {
    return static_cast<std::uint64_t>(signed_high_) - static_cast<std::uint64_t>(signed_low_);
  }
  bool is_signed() const { return signed_span() < high_ - low_; }

  std::uint64_t low_ = ~std::uint64_t{0}, high_ = 0;
  std::int64_t signed_low_ = std::numeric_limits<std::int64_t>::max(),
               signed_high_ = std::numeric_limits<std::int64_t>::min();
};

using PackArena = RawVector<std::byte>;

// Packs `values`; the numbers go to the end of `arena`. With `delta`, differences are packed and
// `start` is what the first one refers to.
PackedInts pack_ints(std::span<const std::uint64_t> values, bool delta, std::uint64_t start,
                     PackArena& arena);
// The same for numbers that stand in less memory.
PackedInts pack_ints(std::span<const std::uint32_t> values, PackArena& arena);
PackedInts pack_ints(std::span<const std::uint16_t> values, PackArena& arena);
PackedInts pack_ints(std::span<const std::uint8_t> values, PackArena& arena);

// Of values of type T, in 64 bits as columns have them: `low` is the lowest of the `rows` values, and none
// is more than `span` above.
template <typename T>
PackedInts pack_range(const T* values, std::size_t rows, std::uint64_t low, std::uint64_t span,
                      PackArena& arena);

// The reverse: `packed` has rows * width bytes. Writes `rows` values to `out`.
void unpack_ints(const PackedInts& header, const std::byte* packed, std::uint64_t* out);

}  // namespace dse::format
