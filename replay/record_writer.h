// Writes records of another capture, the original, into a capture of their own: with the state that they
// need in front of them, and with the numbers that they have there.
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "format/capture_writer.h"
#include "format/rows.h"
#include "replay/state_log.h"

namespace dse::replay {

class RecordWriter {
 public:
  // What the block of a record has to say (format/rows.h); a change begins another block.
  struct Marks {
    bool numbered = false;  // the record has the given number, not the one that it is counted by
    bool filtered = false;  // only events that are marked are shown; implies `numbered`
    std::uint64_t slice = 0;
    bool operator==(const Marks&) const = default;
  };
  static constexpr Marks kFiltered{true, true, 0};

  // Both outlive it. `streams`: sequence numbers as far as records were written, or are taken to be.
  RecordWriter(format::CaptureWriter& out, format::StreamTable& streams)
      : out_(out), streams_(streams), next_(out.first_record()) {}

  // A block is closed at this size in memory.
  void set_block_bytes(std::size_t bytes) { block_bytes_ = bytes; }

  // A segment whose first record is to be counted by next().
  Status begin(format::SegmentInfo info, const format::Snapshot& snapshot);
  // The same with what came before it, hidden.
  Status begin(format::SegmentInfo info, const StateLog& before,
               format::BatchEncoder::SnapshotSpan span);
  Status append(std::span<const std::byte> record, std::uint64_t number, const Marks& marks);
  // Of the record that was just appended, an event is shown.
  void show(const std::string& point, std::uint32_t nth);
  // To be called behind append() and show().
  Status flush_if_full() { return is_full() ? flush() : Status(); }
  Status flush();
  // The next record is counted by this number; flushed before.
  void set_next(std::uint64_t next) { next_ = next; }
  // The number, from 0, that the next record is counted by.
  std::uint64_t next() const { return next_ + rows_.count(); }
  bool pending() const { return !rows_.empty(); }

  // Since begin(): missing by gaps, and the number of the first record.
  std::uint64_t lost() const { return lost_; }
  std::uint64_t segment_first() const { return segment_first_; }

 private:
  static constexpr std::uint32_t kBlockRecords = 32768;

  bool is_full() const {
    return rows_.count() >= kBlockRecords || rows_.size_bytes() >= block_bytes_;
  }
  Status append_hidden(const StateLog& before);

  format::CaptureWriter& out_;
  std::size_t block_bytes_ = std::size_t{4} << 20;
  format::Rows rows_;
  Marks marks_;  // of rows_
  format::StreamTable& streams_;
  std::uint64_t next_;  // of the first of rows_
  std::uint64_t segment_first_ = 0;
  std::uint64_t lost_ = 0;
};

}  // namespace dse::replay
