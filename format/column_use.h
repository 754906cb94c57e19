// Which columns are asked for, by kind: what was of one batch will be of the next one, so it can be unpacked
// before. Threads may note and ask at the same time.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>

#include "format/layout.h"

namespace dse::format {

class ColumnUse {
 public:
  // Columns that all kinds have, beside those of their own.
  enum Common : unsigned { time = 60, cpu, task, positions };
  static constexpr unsigned kMaxColumns = 60;  // of others nothing is noted

  void note(Kind kind, unsigned column) {
    if (kind < kMaxKinds && column < 64)
      used_[kind].fetch_or(std::uint64_t{1} << column, std::memory_order_relaxed);
  }
  bool is_used(Kind kind, unsigned column) const {
    return kind < kMaxKinds && (used_[kind].load(std::memory_order_relaxed) >> column & 1) != 0;
  }

 private:
  std::array<std::atomic<std::uint64_t>, kMaxKinds> used_{};  // 0: the task table
};

}  // namespace dse::format
