// What differs between two runs of events, each gone through twice: first for hashes, which tell which events
// differ, and then for the few that are to be shown. Events come as lines, in sequences that are compared
// each by itself (those of an observation point, or all).
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "replay/digest.h"
#include "replay/json_line.h"
#include "replay/sequence_diff.h"

namespace dse::replay {

// One side, as it is read for the first time.
class EventSequences {
 public:
  // More events than this are only counted and summed up, and their order is not looked at.
  static constexpr std::uint64_t kMaxEvents = std::uint64_t{1} << 22;

  struct Sequence {
    std::string key;
    std::vector<Hash128> hashes;
    Hash128 sum;
    std::uint64_t count = 0;
  };

  explicit EventSequences(std::uint64_t most = kMaxEvents) : most_(most) {}
  void add(std::string_view key, std::string_view line);

  const std::vector<Sequence>& all() const { return all_; }
  std::uint64_t count() const { return count_; }
  bool has_hashes() const { return count_ <= most_; }

 private:
  std::uint64_t most_, count_ = 0;
  std::vector<Sequence> all_;
  std::size_t last_ = 0;
};

// Events from a0 up to a1 have those from b0 up to b1 in their place.
struct DiffBlock {
  std::uint32_t a0, a1, b0, b1;
  bool operator==(const DiffBlock&) const = default;
};

// Of one sequence.
struct SequenceChange {
  enum class How {
    in_order,
    unordered,  // too different, or not asked for: which events are there more often on one side
    counted,    // too many events: only whether they are the same
  };
  std::string key;
  How how = How::in_order;
  bool equal = true;
  std::uint64_t a = 0, b = 0;            // events
  std::uint64_t removed = 0, added = 0;  // of them; when only counted: by how many there are more
  std::vector<DiffBlock> blocks;         // in order; unordered: first removed, then added
};

// Of every sequence that either side has, in the order in which they begin.
std::vector<SequenceChange> compare(const EventSequences& a, const EventSequences& b, bool in_order,
                                    std::uint64_t work = kDiffWork);

// Blocks that are shown together, with what is the same around them: that is on both sides.
struct DiffHunk {
  std::size_t change;  // place of its SequenceChange
  DiffBlock all;       // with what is around
  std::vector<DiffBlock> blocks;
};

struct DiffPlan {
  std::vector<DiffHunk> hunks;
  std::uint64_t left_out = 0;  // removed and added events beyond the limit
};
// `limit`: removed and added events to be shown.
DiffPlan plan_hunks(const std::vector<SequenceChange>& changes, std::uint32_t context,
                    std::uint64_t limit);

// The events that a plan is about, as a side is read for the second time.
struct ShownEvent {
  std::string text;  // for people
  std::string line;  // as it was compared
  std::string note;  // what is to be said of it
};
class EventPicker {
 public:
  enum class Side { a, b };
  // Of side a what is removed and what is the same around it, of side b what is added.
  EventPicker(const std::vector<SequenceChange>& changes, const DiffPlan& plan, Side side);

  // To be filled for the next event of the sequence; nullptr: nobody wants it.
  ShownEvent* next(std::string_view key);
  bool done() const { return missing_ == 0; }
  // nullptr: the side has ended before it.
  const ShownEvent* get(std::size_t change, std::uint32_t event) const;
  std::map<std::pair<std::size_t, std::uint32_t>, ShownEvent>& all() { return events_; }

 private:
  struct Wanted {
    std::vector<std::pair<std::uint32_t, std::uint32_t>> ranges;
    std::size_t range = 0;
    std::uint32_t at = 0;  // the next event
  };
  std::map<std::string, std::size_t, std::less<>> places_;  // by key
  std::vector<Wanted> wanted_;
  std::uint64_t missing_ = 0;
  std::map<std::pair<std::size_t, std::uint32_t>, ShownEvent> events_;
};

struct FieldChange {
  std::string field, before, after;  // as in JSON; empty: missing
};
// Empty where one of them is no JSON.
std::vector<FieldChange> changed_fields(std::string_view before, std::string_view after);

// Which of the removed and the added lines are one event that changed, in order: those that differ in a
// quarter of their fields or in three at most. Of more than kMaxPaired on a side none are.
inline constexpr std::size_t kMaxPaired = 64;
std::vector<std::pair<std::size_t, std::size_t>> pair_changed(
    const std::vector<std::string_view>& removed, const std::vector<std::string_view>& added);

}  // namespace dse::replay
