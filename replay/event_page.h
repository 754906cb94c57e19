// Batches that observation points have made events of, and their events in order, many at a time.
#pragma once

#include <cstdint>
#include <list>
#include <optional>
#include <utility>
#include <vector>

#include "format/batch.h"
#include "replay/event.h"
#include "replay/filter/chain.h"

namespace dse::replay {

// The events that one point made of a batch.
struct Judged {
  EventBatch events;
  filter::Mask considered;  // within the window, and not the recorder's own unless they are shown
  filter::Mask kept;        // of those, what the filters keep
};

// A batch, and what has become of it.
struct JudgedBatch {
  JudgedBatch(format::Batch of, std::uint32_t in) : batch(std::move(of)), lane(in) {}
  format::Batch batch;
  std::uint32_t lane;
  std::vector<Judged> judged;
};

// Owns its batches, and with them all that is needed to show the events: columns that have been made do not
// change any more, whatever becomes of the session.
class EventPage {
 public:
  EventPage() = default;
  // Of a batch, or of those of a slice. `show_dropped`: also events that filters drop.
  EventPage(std::list<JudgedBatch> batches, bool show_dropped);
  EventPage(EventPage&&) = default;
  EventPage& operator=(EventPage&&) = default;

  // Events of one point and batch: the rows of those that are shown, ascending.
  struct Source {
    const EventBatch* events;
    std::vector<std::uint32_t> chosen;
  };
  // Some of the events of a source, by their places in `chosen`.
  struct Run {
    std::uint32_t source;
    std::uint32_t begin, end;
  };
  // The runs one after the other are all events in the order of their records; of one record, in that of the
  // points. The records of several hosts have their order in their numbers.
  const std::vector<Source>& sources() const { return sources_; }
  const std::vector<Run>& runs() const { return runs_; }
  bool empty() const { return runs_.empty(); }

 private:
  void put_in_order();

  std::list<JudgedBatch> batches_;  // their events point to them
  std::vector<Source> sources_;
  std::vector<Run> runs_;
};

}  // namespace dse::replay
