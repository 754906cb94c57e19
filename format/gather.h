// Packed columns out of rows: the integers at the same place of all rows.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "format/ints.h"
#include "format/layout.h"
#include "format/times.h"
#include "format/word_columns.h"

namespace dse::format {

// A column to be made, and what it has become.
struct GatheredColumn {
  Abi abi;  // an integer, aligned to its size, or `fixed`: bytes, of which only is told whether they differ
  std::uint32_t offset;  // in the row
  std::uint32_t size;    // bytes
  bool delta = false;    // to be packed as differences, the first one of which is 0
  bool times = false;    // to be packed as references to times, where that takes less
  bool listed = false;   // with the values that occur, where they are close together

  PackedInts packed{};  // not of `fixed`
  PackedInts rest{};    // what the references do not refer to; only if there are some
  bool differs = false;
};

class Gatherer {
 public:
  // The packed numbers go to the end of `arena`. `times`: when each row happened; empty if there are no
  // columns that refer to it.
  void gather(const WordColumns& rows, std::span<const std::uint64_t> times,
              std::span<GatheredColumn> columns, PackArena& arena);

 private:
  std::span<const std::uint64_t> widen(const WordColumns& rows, const GatheredColumn& column);
  void gather_integers(std::span<const std::uint64_t> words, GatheredColumn& column, PackArena& arena);
  void gather_times(std::span<const std::uint64_t> words, GatheredColumn& column, PackArena& arena);
  template <typename T>
  void gather_parts(std::span<const std::uint64_t> words, GatheredColumn& column, PackArena& arena);

  RawVector<std::uint64_t> wide_;  // the column at hand
  RawVector<std::byte> narrow_;
  TimePacker times_;
};

}  // namespace dse::format
