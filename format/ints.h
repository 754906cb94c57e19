// Packing of integer columns: frame of reference, optional differences, narrowest natural width.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

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

// Packs `values`; the numbers go to the end of `arena`. With `delta`, differences are packed and
// `start` is what the first one refers to.
PackedInts pack_ints(std::span<const std::uint64_t> values, bool delta, std::uint64_t start,
                     std::vector<std::byte>& arena);

// The reverse: `packed` has rows * width bytes. Writes `rows` values to `out`.
void unpack_ints(const PackedInts& header, const std::byte* packed, std::uint64_t* out);

}  // namespace dse::format
