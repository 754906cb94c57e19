// Packing of columns whose values are times that other rows of their table happened at: a socket has been
// in its state since the record before.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "format/ints.h"
#include "format/result.h"

namespace dse::format {

struct PackedTimes {
  PackedInts references;  // one for each value
  PackedInts rest;        // the values that no row's time is
};

class TimePacker {
 public:
  // The times of the rows, to which references are made from now on; they must stay where they are.
  void refer_to(std::span<const std::uint64_t> times);
  // A column of as many rows; the numbers go to the end of `arena`. Whether the references take less than
  // the values would is for the caller to compare.
  PackedTimes pack(std::span<const std::uint64_t> values, PackArena& arena);

 private:
  std::uint32_t row_of(std::uint64_t time) const;

  std::span<const std::uint64_t> times_;
  std::vector<std::uint32_t> slots_;  // open addressing: row + 1; 0: free
  unsigned shift_ = 0;
  std::vector<std::uint32_t> references_;
  std::vector<std::uint64_t> rest_;  // of the column at hand
};

// How many of the references stand for a value of `rest`.
std::uint32_t count_rest(std::span<const std::uint64_t> references);

// The reverse of pack(): makes the references, one for each of `times`, the values. `rest` has as many as
// count_rest() says. Error: one refers to a row that is not there.
Status resolve_times(std::span<std::uint64_t> references, std::span<const std::uint64_t> times,
                     std::span<const std::uint64_t> rest);

}  // namespace dse::format
