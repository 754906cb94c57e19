// Packing of integer columns: frame of reference, optional differences, narrowest width; long ones by bytes.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "format/uninitialized.h"
#include "format/value_set.h"

namespace dse::format {

// Columns of so many rows or more, with more than a byte in each, are split into planes, which zstd packs
// smaller and in less time.
inline constexpr std::uint32_t kPlaneRows = 4096;

// What stands in a schema Ints, with the packed numbers in an arena of the caller.
struct PackedInts {
  std::uint64_t base = 0;
  std::uint64_t start = 0;
  bool delta = false;
  bool planes = false;     // the lowest bytes of all numbers, then all second bytes, and so on
  bool times = false;      // see format/times.h
  unsigned width = 0;      // bytes per row, 0 (all equal `base`) to 8; but for planes a power of two
  std::size_t offset = 0;  // of the packed numbers in the arena, bytes
  std::uint32_t rows = 0;
  ValueSet values{};  // of packed numbers, those that occur; empty: not told

  std::size_t size_bytes() const { return std::size_t{width} * rows; }
};

// Where packed numbers stand: the planes, or in [0] all.
using PackedParts = std::array<const std::byte*, 8>;

// The range that 64-bit values lie in, on the circle of all: -1 and 1 are two apart, whether they are meant
// as signed numbers or not. It is the smallest one, unless that is half of the circle.
class Extent {
 public:
  // Of this value, so far.
  explicit Extent(std::uint64_t first) : first_(first) {}
  void add(std::uint64_t value) {
    const auto distance = static_cast<std::int64_t>(value - first_);
    low_ = std::min(low_, distance);
    high_ = std::max(high_, distance);
  }
  std::uint64_t low() const { return first_ + static_cast<std::uint64_t>(low_); }
  // How far the others are above low() at most.
  std::uint64_t span() const {
    return static_cast<std::uint64_t>(high_) - static_cast<std::uint64_t>(low_);
  }

 private:
  std::uint64_t first_;
  std::int64_t low_ = 0, high_ = 0;
};

using PackArena = RawVector<std::byte>;

// Packs `values`; the numbers go to the end of `arena`.
PackedInts pack_ints(std::span<const std::uint64_t> values, PackArena& arena);
// The same for numbers that stand in less memory.
PackedInts pack_ints(std::span<const std::uint32_t> values, PackArena& arena);
PackedInts pack_ints(std::span<const std::uint16_t> values, PackArena& arena);
PackedInts pack_ints(std::span<const std::uint8_t> values, PackArena& arena);
// The same as differences from row to row; the first one refers to `start`.
PackedInts pack_differences(std::span<const std::uint64_t> values, std::uint64_t start,
                            PackArena& arena);

// Of values of type T, in 64 bits as columns have them: `low` is the lowest, and none is more than `span`
// above.
template <typename T>
PackedInts pack_range(std::span<const T> values, std::uint64_t low, std::uint64_t span,
                      PackArena& arena);

// The bytes that numbers of so many rows take.
std::size_t packed_bytes(std::size_t rows, std::uint64_t span);

// The reverse. Writes `rows` values to `out`; of references to times (format/times.h) the references.
void unpack_ints(const PackedInts& header, const PackedParts& packed, std::uint64_t* out);

// The parts of what stands in an arena.
PackedParts parts_of(const PackedInts& packed, const PackArena& arena);

}  // namespace dse::format
