// A session: a source of records, the observation points that watch it, and their events in order.
// This is the same for `dse run` and `dse replay`, and it is what programs that use the library hold.
#pragma once

#include <array>
#include <iterator>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "format/source.h"
#include "replay/event_page.h"
#include "replay/gaps.h"
#include "replay/point.h"
#include "replay/state.h"

namespace dse::replay {

// Under which option of its header a filtered capture names the points that it was filtered for. Of no
// other does it have events.
inline constexpr const char* kFilteredOption = "filtered-points";

class Session {
 public:
  explicit Session(std::unique_ptr<format::Source> source);
  ~Session();

  // Before the first event. Points are asked in the order in which they are added.
  ObservationPoint& add(std::unique_ptr<ObservationPoint> point);
  // The only fields that will be asked for, by name, also by callables ("proc.args[0]" serves too);
  // nothing else but what expressions read is then read or kept up. Without this call all fields are
  // there, at a price.
  void use_only(std::vector<std::string> fields);
  // Only events within these real times, ns since 1970, both included.
  void set_window(std::optional<std::uint64_t> since, std::optional<std::uint64_t> until);
  // The same from the start of the first capture on, ns; what is set here goes before set_window().
  void set_window_from_start(std::optional<std::uint64_t> since,
                             std::optional<std::uint64_t> until);

  // Only events of records with these numbers (evt.num), both included; those of what existed before have
  // the number 0. Comes on top of a window of time.
  void set_numbers(std::optional<std::uint64_t> first, std::optional<std::uint64_t> last);
  // Whether any of these was set.
  bool has_window() const;
  // Nothing is read from behind the end of the window any more, though the clock may have been set back
  // there, so that later records are within it again.
  void end_with_window() { ends_with_window_ = true; }

  // Also events that are the recorder's own doing (evt.self); else they are only counted.
  void show_self(bool show) { show_self_ = show; }
  std::uint64_t hidden_self() const { return hidden_self_; }

  // Also events that filters drop; each has its verdict.
  void show_dropped(bool show) { show_dropped_ = show; }

  // Nobody will ask where events stand among the others, nor for their numbers and times.
  void use_values_only() { values_only_ = true; }

  // The next event that its point keeps; none at the end, and, from a live source, when there is
  // nothing to see yet (idle()). Valid until the next call.
  Result<std::optional<Event>> next();
  // Whether the last next() came back empty because nothing has happened yet.
  bool idle() const { return idle_; }

  // The same for many events at once, which stay valid however long. Not to be mixed with next().
  Result<std::optional<EventPage>> next_page();

  // Whether next() has more at hand without asking the source: a good moment to go on, else to flush.
  bool more_ready() const;

  // A batch at a time, for what looks at many events at once. Not to be mixed with next() or next_page().
  using Judged = replay::Judged;
  enum class Step { capture, batch, idle, end };
  Result<Step> next_batch();
  // Of the last batch; valid until the next call. Points that keep nothing, or whose columns are damaged,
  // are left out. In a merged capture, batches of several hosts follow one another.
  const format::Batch& batch() const { return work_.front().batch; }
  const std::vector<Judged>& judged() const { return work_.front().judged; }
  // Of the capture that the last batch, or the last step `capture`, is of.
  const State& state() const { return lanes_.at(at_).state; }
  // Of the last batch, the numbers of records behind which others are missing, of whatever kind, within the
  // window; they rise.
  Result<std::vector<std::uint64_t>> witnesses() const;
  // Records of these kinds are wanted too, whatever the points need. Before the first event.
  void want(format::KindSet kinds) { extra_kinds_ |= kinds; }
  // Batches are used whole: one that is damaged anywhere is passed over. Before the first event.
  void want_whole_batches() { whole_ = true; }

  // for (const Event& event : session): until the end or the first error, which status() tells.
  class Iterator {
   public:
    using iterator_category = std::input_iterator_tag;
    using value_type = Event;
    using difference_type = std::ptrdiff_t;
    using pointer = const Event*;
    using reference = const Event&;
    explicit Iterator(Session* session) : session_(session) { ++*this; }
    const Event& operator*() const { return *event_; }
    const Event* operator->() const { return &*event_; }
    Iterator& operator++();
    bool operator==(std::default_sentinel_t) const { return !event_; }

   private:
    Session* session_;
    std::optional<Event> event_;
  };
  Iterator begin() { return Iterator(this); }
  std::default_sentinel_t end() const { return {}; }
  const Status& status() const { return status_; }

  // Records that are missing, of the kinds that the answer is made of and within the window, as far as
  // the source has come: what may be missing in it. At most kMaxGaps, in order.
  const std::vector<PlacedGap>& gaps() const { return gaps_; }

  // Where the records of a capture lie that were read: real times, ns since 1970, and numbers.
  struct Extent {
    std::uint64_t since_ns = ~std::uint64_t{0}, until_ns = 0;
    std::uint64_t first = ~std::uint64_t{0}, last = 0;
  };
  // Set where there are records, and the window is before or behind all of them.
  std::optional<Extent> missed() const;

  // Points whose records a capture that was read does not have, as it was recorded without them.
  const std::set<std::string>& unrecorded() const { return unrecorded_; }

  format::Source& source() { return *source_; }
  const std::vector<std::unique_ptr<ObservationPoint>>& points() const { return points_; }
  // Every record kind that points and state need; also what a recorder should record for them.
  // Fixes points and fields.
  format::KindSet kinds();

 private:
  // One of the captures that are read side by side: what is remembered of it.
  struct Lane {
    State state;
    // The points that make its events: of the first lane the user's own, of others such as they are.
    std::vector<ObservationPoint*> makers;
    std::vector<std::unique_ptr<ObservationPoint>> own;
  };
  using Work = JudgedBatch;

  void start();
  void use_fields();
  Result<std::optional<Step>> step();
  Status take(format::Step step);
  Status take_capture(const format::Step& step);
  Status add_lane(std::uint32_t number);
  void end_lane(std::uint32_t number);
  Status judge(Work& work, std::size_t point);
  // Of a filtered capture, the events that are not hidden.
  static void apply_marks(const EventBatch& events, filter::Mask& considered);
  Status apply_window(const EventBatch& events, filter::Mask& considered) const;
  bool is_numbered_within(std::uint64_t number) const {
    return (!first_number_ || number >= *first_number_) &&
           (!last_number_ || number <= *last_number_);
  }
  Status hide_self(Judged& judged);
  // Whether none of these times, the first and the last of many, is within the window.
  bool is_time_outside(std::uint64_t first, std::uint64_t last) const {
    return (since_ && last < *since_) || (until_ && first > *until_);
  }
  bool belongs_to_slice(const format::Step& step) const;
  bool is_block_wanted(const format::BlockSummary& block) const;
  bool is_block_outside(const format::BlockSummary& block) const;
  void note_outside(const format::BlockSummary& block);
  bool is_outside(const Work& work) const;
  void note_extent(const format::BlockSummary& block, bool is_read);
  Status make_columns(const EventBatch& events, const std::vector<std::size_t>& fields);
  std::optional<Event> next_of_page();
  Status note_gaps(const Work& work);
  bool is_gap_within(const PlacedGap& gap, std::uint64_t number) const;
  void note_unrecorded(const format::SegmentInfo& info);

  std::unique_ptr<format::Source> source_;
  std::vector<std::unique_ptr<ObservationPoint>> points_;
  std::optional<std::vector<std::string>> only_;
  std::vector<std::vector<std::size_t>> used_;  // by point: places of the fields that are shown
  std::vector<bool> live_;                      // by point: its filters keep anything at all
  std::optional<std::uint64_t> since_, until_;
  std::optional<std::uint64_t> since_start_, until_start_;
  std::optional<std::uint64_t> first_number_, last_number_;
  std::vector<std::vector<std::size_t>> read_;  // by point: places of all fields that are read
  StateNeeds needs_;
  std::map<std::uint32_t, Lane> lanes_;  // by number
  std::uint32_t at_ = 0;                 // the lane at hand
  // Whether blocks are read only for the state, as all their events are out of the window: of the last ones
  // that the source has asked about, which are that at hand and maybe the next one.
  struct Outside {
    std::uint32_t lane = 0;
    std::uint64_t first = 0;
    bool is_outside = false;
  };
  std::array<Outside, 2> outside_;
  Extent extent_;
  bool all_numbers_ = true;  // extent_ has those of all records
  bool ends_with_window_ = false;
  bool whole_ = false;
  bool show_self_ = false;
  bool show_dropped_ = false;
  bool values_only_ = false;
  std::uint64_t hidden_self_ = 0;
  std::vector<PlacedGap> gaps_;
  std::set<std::string> unrecorded_;
  bool started_ = false;
  Status start_status_;
  bool idle_ = false;
  bool ended_ = false;
  format::KindSet kinds_ = 0;        // of live points and the state
  format::KindSet extra_kinds_ = 0;  // see want()
  format::KindSet unskipped_ = 0;    // kinds whose blocks are read whatever their time
  // The batch at hand; next_page() gathers all those of a slice.
  std::list<Work> work_;
  EventPage page_;  // of next(), and its next event
  std::size_t next_run_ = 0;
  std::uint32_t next_in_run_ = 0;
  std::optional<format::Step> ahead_;  // that does not belong to the slice any more
  filter::Scratch scratch_;
  Status status_;
};

}  // namespace dse::replay
