// Columns out of rows: the integers at the same place of all rows become packed columns.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "format/ints.h"
#include "format/layout.h"

namespace dse::format {

// A column to be made, and what it has become.
struct GatheredColumn {
  Abi abi;               // an integer, or `fixed`: bytes, of which only is told whether they differ
  std::uint32_t offset;  // in the row
  std::uint32_t size;    // bytes
  bool delta = false;
  std::uint64_t start = 0;  // with `delta`: what the first difference refers to

  PackedInts packed;  // not of `fixed`
  bool differs = false;
};

class Gatherer {
 public:
  // `rows`: `count` rows of `stride` bytes, a multiple of 8. The packed numbers go to the end of `arena`.
  // All rows are gone through once, a few at a time that stay in the nearest cache; most columns never
  // change, and cost next to nothing.
  void gather(const std::byte* rows, std::size_t stride, std::uint32_t count,
              std::span<GatheredColumn> columns, PackArena& arena);

 private:
  // A column that is not the same in all rows.
  struct Varying {
    GatheredColumn* column;
    RawVector<std::byte> values;  // in the type of the column; differences as 64 bits
    std::uint64_t previous = 0;   // with `delta`
    Extent extent;
    std::uint64_t low = 0, high = 0;  // of narrower types, as they stand there
  };

  void note_differences(const std::byte* rows, std::size_t stride, std::uint32_t count);
  bool differs(const GatheredColumn& column) const;
  Varying& add_varying(GatheredColumn& column, std::uint32_t count);
  static void take(Varying& to, const std::byte* rows, std::size_t stride, std::uint32_t begin,
                   std::uint32_t end);
  static void pack(Varying& from, std::uint32_t count, PackArena& arena);

  std::vector<std::uint64_t> first_, differences_;  // words of the first row, and which bits ever differ
  std::vector<Varying> varying_;                    // kept for their memory
  std::size_t used_ = 0;
};

}  // namespace dse::format
