// Where batches come from: the live kernel (record/) or a capture. One contract for both.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "format/batch.h"
#include "format/segment_info.h"

namespace dse::format {

using KindSet = std::uint64_t;  // bit k: kind k
inline constexpr KindSet kAllKinds = ~KindSet{0};
constexpr KindSet kind_bit(Kind kind) { return KindSet{1} << kind; }

// What the header of a block tells before anything of it is read.
struct BlockSummary {
  KindSet kinds;
  std::uint64_t first;  // number of the first record, from 0
  std::uint64_t count;
  std::uint64_t min_time;  // boot time, ns; above max_time: no record has a time
  std::uint64_t max_time;
  std::uint64_t lost;
  std::uint32_t lane;  // see Step
};

// A merged capture is several captures side by side: each of them is a lane, with a state of its own.
// All others have the lane 0 alone.
struct Step {
  enum class What {
    capture,  // another capture begins (or goes on behind a hole): forget all state; see info()
    joins,    // the same in a lane of a merged capture; the state of the others stays
    leaves,   // that lane has come to its end
    batch,    // `batch` is set
    idle,     // nothing now (live sources, captures that are followed); call again
    end,      // nothing ever again
  };
  What what;
  std::optional<Batch> batch;
  std::uint32_t lane = 0;
};

// Something that the user must know to judge what was read.
struct Note {
  enum class What {
    growing,   // still being recorded
    unsealed,  // the recorder died: the end may be missing
    damaged,   // some of the input could not be read
    missing,   // records between two segments are not there
    newer,     // some records are of kinds that only a newer version knows
  };
  What what;
  std::string text;  // one line
};

class Source {
 public:
  virtual ~Source() = default;

  // Never blocks for longer than it must. After an error, `end`.
  virtual Result<Step> next() = 0;
  // The capture that the last `capture` or `joins` step began.
  virtual const SegmentInfo& info() const = 0;
  // Only batches that have one of these kinds matter; others may be left out. Before the first next().
  virtual void want(KindSet kinds) = 0;
  // Those for which `wanted` is false may be left out too. It is asked of every block of a capture, when all
  // former batches have been taken.
  virtual void want_blocks(std::function<bool(const BlockSummary&)> wanted) { (void)wanted; }
  // The last batch turned out to be damaged when it was used: makes a note of it, and takes it for lost.
  virtual void report_damage(const Error& error) = 0;
  // All notes so far.
  virtual const std::vector<Note>& notes() const = 0;
  // What is missing of what was read so far, by kind and cause.
  virtual std::vector<Loss> losses() const = 0;
  // Of it, what this source found damaged or gone, and nobody told.
  virtual std::vector<Loss> damage() const { return {}; }
};

}  // namespace dse::format
