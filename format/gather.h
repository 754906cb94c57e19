// Packed columns out of rows: the integers at the same place of all rows.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "format/ints.h"
#include "format/layout.h"
#include "format/word_columns.h"

namespace dse::format {

// A column to be made, and what it has become.
struct GatheredColumn {
  Abi abi;  // an integer, aligned to its size, or `fixed`: bytes, of which only is told whether they differ
  std::uint32_t offset;  // in the row
  std::uint32_t size;    // bytes
  bool delta = false;
  std::uint64_t start = 0;  // with `delta`: what the first difference refers to

  PackedInts packed;  // not of `fixed`
  bool differs = false;
};

class Gatherer {
 public:
  // The packed numbers go to the end of `arena`.
  void gather(const WordColumns& rows, std::span<GatheredColumn> columns, PackArena& arena);
  // The same of one column that stands alone, as differences; the first one refers to `start`.
  PackedInts differences(std::span<const std::uint64_t> values, std::uint64_t start,
                         PackArena& arena);

 private:
  std::span<const std::uint64_t> widen(const WordColumns& rows, const GatheredColumn& column);
  void gather_words(std::span<const std::uint64_t> words, GatheredColumn& column, PackArena& arena);
  template <typename T>
  void gather_parts(std::span<const std::uint64_t> words, GatheredColumn& column, PackArena& arena);

  RawVector<std::uint64_t> differences_, wide_;  // the column at hand
  RawVector<std::byte> narrow_;
};

// The integer in these eight bytes of a row, at that place among them, in 64 bits as columns have it.
std::uint64_t integer_in(std::uint64_t word, std::size_t place, Abi abi);

}  // namespace dse::format
