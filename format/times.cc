#include "format/times.h"

#include <algorithm>
#include <bit>

namespace dse::format {
namespace {

// References (FORMAT.md, section 6.1): what is more than kOwnRow is how many rows before.
constexpr std::uint32_t kZero = 0, kRest = 1, kOwnRow = 2;

// Slots that are tried for a time. Times that someone chose might all want the same one: then most have
// none, which costs room and not time.
constexpr unsigned kMaxProbes = 16;

constexpr std::uint32_t kNoRow = ~std::uint32_t{0};

// Fibonacci hashing: 2^64 divided by the golden ratio.
constexpr std::uint64_t kMultiplier = 0x9e3779b97f4a7c15;

}  // namespace

void TimePacker::refer_to(std::span<const std::uint64_t> times) {
  times_ = times;
  const std::size_t size = std::bit_ceil(std::max<std::size_t>(2 * times.size(), kMaxProbes));
  shift_ = 64 - static_cast<unsigned>(std::countr_zero(size));
  slots_.assign(size + kMaxProbes, 0);  // the last ones have no slots behind them otherwise
  for (std::uint32_t row = 0; row < times.size(); ++row) {
    std::uint32_t* slot = &slots_[(times[row] * kMultiplier) >> shift_];
    std::uint32_t* const end = slot + kMaxProbes;
    // Of rows of the same time the first one is taken, which is before most of those that refer to it.
    while (slot != end && *slot != 0 && times[*slot - 1] != times[row]) ++slot;
    if (slot != end && *slot == 0) *slot = row + 1;
  }
}

std::uint32_t TimePacker::row_of(std::uint64_t time) const {
  const std::uint32_t* slot = &slots_[(time * kMultiplier) >> shift_];
  for (const std::uint32_t* const end = slot + kMaxProbes; slot != end && *slot != 0; ++slot)
    if (times_[*slot - 1] == time) return *slot - 1;
  return kNoRow;
}

PackedTimes TimePacker::pack(std::span<const std::uint64_t> values, PackArena& arena) {
  references_.resize(values.size());
  rest_.clear();
  for (std::uint32_t i = 0; i < values.size(); ++i) {
    if (values[i] == 0) {
      references_[i] = kZero;
    } else if (values[i] == times_[i]) {
      references_[i] = kOwnRow;
    } else if (const std::uint32_t row = row_of(values[i]); row < i) {
      references_[i] = kOwnRow + (i - row);
    } else {
      references_[i] = kRest;
      rest_.push_back(values[i]);
    }
  }
  PackedTimes packed;
  packed.references = pack_ints(references_, arena);
  packed.references.times = true;
  packed.rest = pack_ints(rest_, arena);
  return packed;
}

std::uint32_t count_rest(std::span<const std::uint64_t> references) {
  return static_cast<std::uint32_t>(std::count(references.begin(), references.end(), kRest));
}

Status resolve_times(std::span<std::uint64_t> references, std::span<const std::uint64_t> times,
                     std::span<const std::uint64_t> rest) {
  auto next = rest.begin();
  for (std::size_t i = 0; i < references.size(); ++i) {
    std::uint64_t& value = references[i];
    if (value == kZero) continue;
    if (value == kRest) {
      value = *next++;
    } else {
      const std::uint64_t back = value - kOwnRow;
      if (back > i)
        return Error(ErrorCode::damaged, "a time refers to a row in front of the first one");
      value = times[i - back];
    }
  }
  return {};
}

}  // namespace dse::format
