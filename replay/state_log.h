// The records that keep state, up to some point of a capture, as far as they still matter: enough to answer
// all that later events may ask as the whole capture would. A capture that begins at that point carries
// them, hidden (FORMAT.md 5.1).
//
// It holds records as they are, in order, and condenses itself whenever it has doubled: what no later
// answer depends on is left out (replay/state_trace.h). So its size is that of what lives: processes and
// who made them, cgroups, containers, what runtimes said, signals on their way.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "bpf/abi.h"
#include "format/batch.h"
#include "format/segment_info.h"
#include "format/source.h"
#include "replay/state.h"

namespace dse::replay {

class StateLog {
 public:
  // The kinds that it takes; others keep no state.
  static bool takes(format::Kind kind);

  // Another capture begins.
  void reset(const format::SegmentInfo& info);
  // Whole records of kinds that it takes, in the layout of this version; first those of the snapshot.
  void add_snapshot(std::span<const std::byte> record) { append(record, 0); }
  // `number` as events show it.
  Status add(std::span<const std::byte> record, std::uint64_t number);

  // Leaves out all that no longer matters.
  Status condense();

  std::size_t size() const { return entries_.size(); }
  std::size_t size_bytes() const { return bytes_.size(); }
  // In order; those of the snapshot come first and have the number 0.
  std::size_t snapshot_size() const { return snapshot_; }
  std::span<const std::byte> record(std::size_t i) const {
    std::size_t begin = i ? entries_[i - 1].end : 0;
    return std::span(bytes_).subspan(begin, entries_[i].end - begin);
  }
  std::uint64_t number(std::size_t i) const { return entries_[i].number; }

 private:
  struct Entry {
    std::uint64_t number;
    std::size_t end;  // of the record in bytes_
  };
  // Below that it is not worth it.
  static constexpr std::size_t kLeastBytes = std::size_t{1} << 20;

  void append(std::span<const std::byte> record, std::uint64_t number);
  Status replay(State& state, StateTrace& trace) const;
  std::vector<std::uint32_t> trace_points(StateTrace& trace) const;

  format::SegmentInfo info_;
  std::vector<Entry> entries_;
  std::vector<std::byte> bytes_;
  std::size_t snapshot_ = 0;
  std::size_t condensed_bytes_ = 0;
};

}  // namespace dse::replay
