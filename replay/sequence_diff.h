// What differs between two sequences of hashes: as few removals and additions as there can be (Myers,
// "An O(ND) Difference Algorithm and Its Variations", in linear space), or regardless of order.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "replay/digest.h"

namespace dse::replay {

struct SequenceDiff {
  // Of each element, whether it has no counterpart in the other sequence.
  std::vector<std::uint8_t> removed, added;
  // The counterparts are in the same order. Else they are only as many: the sequences were compared
  // regardless of order.
  bool in_order = true;
};

// At most this much work is put into keeping the order: elements looked at.
inline constexpr std::uint64_t kDiffWork = std::uint64_t{1} << 30;

// Regardless of order if so asked, or if order takes more than `work`. Each has less than 2^31 elements.
// Takes some 40 bytes for each element, and time as (N + M) log (N + M) and `work` at most.
SequenceDiff diff_sequences(std::span<const Hash128> a, std::span<const Hash128> b, bool in_order,
                            std::uint64_t work = kDiffWork);

}  // namespace dse::replay
