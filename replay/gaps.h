// Losses with their place: which records are missing, and between which real times.
#pragma once

#include <cstdint>
#include <vector>

#include "format/batch.h"
#include "format/source.h"

namespace dse::replay {

// Records of one CPU and kind that were lost, and between which real times, ns since 1970.
struct PlacedGap {
  format::Kind kind;
  std::uint16_t cpu;
  std::uint64_t lost;
  std::uint64_t since_ns;  // 0: since recording started
  std::uint64_t until_ns;
  // The same on the boot clock, which nobody sets.
  std::uint64_t since_boot_ns;
  std::uint64_t until_boot_ns;
};

// Kept in memory, so bounded; a capture with more has been lossy throughout.
inline constexpr std::size_t kMaxGaps = 10'000;

// Appends the gaps of a batch in these kinds that `wanted(PlacedGap, number)` takes, up to kMaxGaps in all;
// `number` is that of the record behind the gap.
// `real_time(boot_ns, number)` is the real time as of the record behind the gap, both ns.
template <typename RealTime, typename Wanted>
Status place_gaps(const format::Batch& batch, format::KindSet kinds, RealTime real_time,
                  Wanted wanted, std::vector<PlacedGap>& gaps) {
  for (const format::Gap& gap : batch.gaps()) {
    const format::Table* table = batch.table(gap.kind);
    if (!table || gap.row >= table->rows() || gap.lost <= 0 || gaps.size() >= kMaxGaps ||
        !(kinds & format::kind_bit(gap.kind)))
      continue;
    DSE_TRY_ASSIGN(auto time, table->time());
    DSE_TRY_ASSIGN(auto positions, table->positions());
    std::uint64_t number = batch.number(positions[gap.row]);
    PlacedGap placed{gap.kind,
                     gap.cpu,
                     static_cast<std::uint64_t>(gap.lost),
                     gap.since_time ? real_time(gap.since_time, number) : 0,
                     real_time(time[gap.row], number),
                     gap.since_time,
                     time[gap.row]};
    if (wanted(placed, number)) gaps.push_back(placed);
  }
  return {};
}

}  // namespace dse::replay
