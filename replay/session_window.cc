// Which blocks and events a session's window has.
#include <algorithm>

#include "replay/session.h"

namespace dse::replay {
namespace {

// Whether the records of a capture come with numbers of their own.
bool brings_numbers(const format::SegmentInfo& info) {
  return std::any_of(info.options.begin(), info.options.end(), [](const auto& option) {
    return option.first == kFilteredOption || option.first == format::kNumberedOption;
  });
}

}  // namespace

void Session::set_window(std::optional<std::uint64_t> since, std::optional<std::uint64_t> until) {
  since_ = since;
  until_ = until;
}

void Session::set_window_from_start(std::optional<std::uint64_t> since,
                                    std::optional<std::uint64_t> until) {
  since_start_ = since;
  until_start_ = until;
}

void Session::set_numbers(std::optional<std::uint64_t> first, std::optional<std::uint64_t> last) {
  first_number_ = first;
  last_number_ = last;
}

bool Session::has_window() const {
  return since_ || until_ || since_start_ || until_start_ || first_number_ || last_number_;
}

// Only what nothing depends on may be passed over: no state, no gaps, and all events out of the window
// or dropped.
bool Session::is_block_wanted(const format::BlockSummary& block) const {
  const State& state = lanes_.at(block.lane).state;
  // Whether headers tell the numbers of events. Numbers rise, so behind the last one nothing counts any more.
  const bool numbered = !brings_numbers(state.info());
  if (numbered && last_number_ && block.first >= *last_number_) return false;
  // Records that set the clock are state, so the clock at hand is that of the block.
  auto real = [&](std::uint64_t boot) { return state.real_time(boot, ~std::uint64_t{0}); };
  constexpr std::uint64_t kSlew = 1'000'000'000;  // but behind the window it is not followed any more
  if (ends_with_window_ && until_ && block.min_time <= block.max_time &&
      real(block.min_time) > *until_ + kSlew)
    return false;
  if ((block.kinds & unskipped_) || block.lost != 0 || block.min_time > block.max_time) return true;
  filter::Bounds bounds{{real(block.min_time), real(block.max_time)},
                        {block.first + 1, block.first + block.count}};
  if (!numbered) bounds.number = {0, ~std::uint64_t{0}};
  if (bounds.real_time.low > bounds.real_time.high || bounds.number.low > bounds.number.high)
    return true;
  if (is_time_outside(bounds.real_time.low, bounds.real_time.high)) return false;
  if (first_number_ && bounds.number.high < *first_number_) return false;
  for (std::size_t i = 0; i < points_.size(); ++i)
    if (live_[i] && (points_[i]->kinds() & block.kinds) &&
        (show_dropped_ || points_[i]->chain().may_keep(bounds)))
      return true;
  return false;
}

// Records of what is outside keep state and nothing else. Where a block sets the clock itself, nobody knows
// beforehand what its times are.
bool Session::is_block_outside(const format::BlockSummary& block) const {
  if ((!since_ && !until_) || block.min_time > block.max_time ||
      (block.kinds & format::kind_bit(DSE_CLOCK_SAMPLE)))
    return false;
  const State& state = lanes_.at(block.lane).state;
  const std::uint64_t low = state.real_time(block.min_time, ~std::uint64_t{0}),
                      high = state.real_time(block.max_time, ~std::uint64_t{0});
  return low <= high && is_time_outside(low, high);
}

void Session::note_outside(const format::BlockSummary& block) {
  const bool same = outside_[0].lane == block.lane && outside_[0].first == block.first;
  if (!same) outside_[1] = outside_[0];
  // What is asked about again may be another block, where a damaged capture has records twice.
  const bool is_outside = is_block_outside(block) && (!same || outside_[0].is_outside);
  outside_[0] = {block.lane, block.first, is_outside};
}

bool Session::is_outside(const Work& work) const {
  if (work.batch.snapshot()) return false;
  for (const Outside& one : outside_)
    if (one.lane == work.lane && one.first == work.batch.first()) return one.is_outside;
  return false;
}

void Session::note_extent(const format::BlockSummary& block, bool is_read) {
  if (block.count == 0 || block.min_time > block.max_time) return;
  const State& state = lanes_.at(block.lane).state;
  auto real = [&](std::uint64_t boot) { return state.real_time(boot, ~std::uint64_t{0}); };
  extent_.since_ns = std::min(extent_.since_ns, real(block.min_time));
  extent_.until_ns = std::max(extent_.until_ns, real(block.max_time));
  if (brings_numbers(state.info())) {  // take() sees them, if anyone does
    all_numbers_ = all_numbers_ && is_read;
    return;
  }
  extent_.first = std::min(extent_.first, block.first + 1);
  extent_.last = std::max(extent_.last, block.first + block.count);
}

std::optional<Session::Extent> Session::missed() const {
  if (extent_.since_ns > extent_.until_ns) return {};
  const bool number = all_numbers_ && extent_.first <= extent_.last &&
                      ((first_number_ && extent_.last < *first_number_) ||
                       (last_number_ && extent_.first > *last_number_));
  if (number || is_time_outside(extent_.since_ns, extent_.until_ns)) return extent_;
  return {};
}

Status Session::apply_window(const EventBatch& events, filter::Mask& considered) const {
  if (first_number_ || last_number_)
    for (std::uint32_t i = 0; i < events.size(); ++i)
      considered[i] = considered[i] && is_numbered_within(events.number(i));
  if (!since_ && !until_) return {};
  DSE_TRY_ASSIGN(const EventColumn* time,
                 events.column(static_cast<std::size_t>(events.point().field("evt.time"))));
  for (std::uint32_t i = 0; i < events.size(); ++i) {
    std::uint64_t real = time->missing(i) ? 0
                                          : events.state().real_time(time->numbers[time->slot(i)],
                                                                     events.number(i));
    considered[i] = considered[i] && !time->missing(i) && (!since_ || real >= *since_) &&
                    (!until_ || real <= *until_);
  }
  return {};
}

}  // namespace dse::replay
