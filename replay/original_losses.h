// What is missing of a capture that is read to be written anew, and how what is written tells it: by sequence
// numbers that go on, so that it shows as gaps, and in end entries. What the original lost to damage has
// the cause "damaged" there (FORMAT.md 8).
#pragma once

#include <cstdint>
#include <map>
#include <vector>

#include "bpf/abi.h"
#include "format/batch.h"
#include "format/losses.h"
#include "format/rows.h"
#include "format/segment_info.h"

namespace dse::replay {

// Under which option of its header a part of a capture says which one it is.
inline constexpr const char* kPartOption = "part";

class OriginalLosses {
 public:
  // Whether a segment goes on with the capture at hand, maybe behind a hole.
  bool goes_on_in(const format::SegmentInfo& info) const {
    return any_ && info.capture_id == id_ && info.first >= next_record_;
  }
  void begin(const format::SegmentInfo& info);

  // Before the records of a block. A stream that is met for the first time begins in `written` as it does in
  // the original. Whether records are missing before the block.
  bool enter(const format::Batch& batch, format::StreamTable& written);
  // Of a block, all records with a sequence number, in order. Whether others are missing before it that are no
  // gap of the original; if it is written, that is told as a gap from now on.
  bool take(const dse_header& record, bool written);

  // The losses for an end entry. `told`: what that of the original tells of the whole capture, if it does;
  // `gaps`: what the gaps of what is written add up to. `found`: the damage that the reader has met so far,
  // of which that is told what showed as gaps since the last call; with `rest` all of it.
  std::vector<format::Loss> take_losses(const std::vector<format::Loss>* told, std::uint64_t gaps,
                                        const std::vector<format::Loss>& found, bool rest);

 private:
  struct Missing {
    format::Kind kind;
    std::uint16_t cpu;
    std::uint64_t count;
  };

  std::vector<format::Loss> take_shown(const std::vector<format::Loss>& found);

  bool any_ = false;
  format::CaptureId id_{};
  std::uint64_t next_record_ = 0;  // its number, were none missing
  bool from_start_ = false;        // sequence numbers began with the capture
  bool hole_ = false;              // records are missing
  format::StreamTable streams_;    // the numbers that are expected next; met: `batch` is 1
  std::vector<Missing> missing_;   // before the next record of a stream
  std::map<format::Kind, std::uint64_t> shown_;
  std::vector<format::Loss> told_;         // by ends of the original
  std::vector<format::Loss> told_damage_;  // as it was found
};

}  // namespace dse::replay
