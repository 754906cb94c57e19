// Where batches come from: the live kernel (record/) or a capture. One contract for both.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "format/batch.h"
#include "format/segment_info.h"

namespace dse::format {

using KindSet = std::uint64_t;  // bit k: kind k
inline constexpr KindSet kAllKinds = ~KindSet{0};
constexpr KindSet kind_bit(Kind kind) { return KindSet{1} << kind; }

struct Step {
  enum class What {
    capture,  // another capture begins (or goes on behind a hole): forget all state; see info()
    batch,    // `batch` is set
    idle,     // nothing now (live sources only); call again
    end,      // nothing ever again
  };
  What what;
  std::optional<Batch> batch;
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
  // The capture that the last `capture` step began.
  virtual const SegmentInfo& info() const = 0;
  // Only batches that have one of these kinds matter; others may be left out. Before the first next().
  virtual void want(KindSet kinds) = 0;
  // A batch turned out to be damaged when it was used: makes a note of it.
  virtual void report_damage(const Error& error) = 0;
  // All notes so far.
  virtual const std::vector<Note>& notes() const = 0;
  // What the recorder lost of what was read so far, by kind and cause.
  virtual std::vector<Loss> losses() const = 0;
};

}  // namespace dse::format
