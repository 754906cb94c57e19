#include "replay/session.h"

#include <algorithm>
#include <utility>

namespace dse::replay {
namespace {

// nullptr: it is no filtered capture.
const std::string* filtered_points(const format::SegmentInfo& info) {
  for (const auto& [name, value] : info.options)
    if (name == kFilteredOption) return &value;
  return nullptr;
}

}  // namespace

Session::Session(std::unique_ptr<format::Source> source) : source_(std::move(source)) {}
Session::~Session() = default;

ObservationPoint& Session::add(std::unique_ptr<ObservationPoint> point) {
  points_.push_back(std::move(point));
  return *points_.back();
}

void Session::use_only(std::vector<std::string> fields) {
  for (std::string& field : fields)
    if (auto ref = parse_field_ref(field)) field.resize(ref->name.size());
  only_ = std::move(fields);
}

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

format::KindSet Session::kinds() {
  start();
  return kinds_;
}

void Session::start() {
  if (started_) return;
  started_ = true;
  for (const auto& point : points_)
    if (start_status_) start_status_ = point->filter_status();
  use_fields();
  kinds_ |= state_.kinds();
  unskipped_ |= state_.kinds() | extra_kinds_;
  source_->want(kinds_ | extra_kinds_);
  source_->want_blocks(
      [this](const format::BlockSummary& block) { return is_block_wanted(block); });
}

void Session::use_fields() {
  StateNeeds needs;
  for (const auto& point : points_) {
    std::vector<std::size_t> used;
    for (std::size_t i = 0; i < point->fields().size(); ++i) {
      const std::string& name = point->fields()[i].name;
      bool named = !only_ || std::find(only_->begin(), only_->end(), name) != only_->end();
      bool window = name == "evt.time" && (since_ || until_ || since_start_ || until_start_);
      if (named || window) used.push_back(i);
    }
    live_.push_back(show_dropped_ || !point->chain().keeps_nothing());
    if (live_.back()) {
      std::vector<std::size_t> read = point->chain().fields(show_dropped_);
      read.insert(read.end(), used.begin(), used.end());
      std::sort(read.begin(), read.end());
      read.erase(std::unique(read.begin(), read.end()), read.end());
      needs = needs | point->use(read);
      kinds_ |= point->kinds();
      if (point->remembers()) unskipped_ |= point->kinds();
    }
    used_.push_back(std::move(used));
  }
  state_.set_needs(needs);
}

// Only what nothing depends on may be passed over: no state, no gaps, and all events out of the window
// or dropped.
bool Session::is_block_wanted(const format::BlockSummary& block) const {
  // Numbers rise, so behind the last one nothing counts any more.
  const bool numbered = tells_numbers_;
  if (numbered && last_number_ && block.first >= *last_number_) return false;
  if ((block.kinds & unskipped_) || block.lost != 0 || block.min_time > block.max_time) return true;
  // Records that set the clock are state, so the clock at hand is that of the block.
  auto real = [&](std::uint64_t boot) { return state_.real_time(boot, ~std::uint64_t{0}); };
  filter::Bounds bounds{{real(block.min_time), real(block.max_time)},
                        {block.first + 1, block.first + block.count}};
  if (!numbered) bounds.number = {0, ~std::uint64_t{0}};
  if (bounds.real_time.low > bounds.real_time.high || bounds.number.low > bounds.number.high)
    return true;
  if ((since_ && bounds.real_time.high < *since_) || (until_ && bounds.real_time.low > *until_))
    return false;
  if (first_number_ && bounds.number.high < *first_number_) return false;
  for (std::size_t i = 0; i < points_.size(); ++i)
    if (live_[i] && (points_[i]->kinds() & block.kinds) &&
        (show_dropped_ || points_[i]->chain().may_keep(bounds)))
      return true;
  return false;
}

// The columns in use, so that damage in one of them is met here and not in the middle of an event.
Status Session::make_columns(const EventBatch& events, const std::vector<std::size_t>& fields) {
  if (events.size() == 0) return {};
  for (std::size_t field : fields) {
    // Without a choice of fields any may be asked for, and few will be: those that must be derived wait.
    if (!only_ && events.point().fields()[field].from.empty()) continue;
    auto column = events.column(field);
    if (!column) return column.error();
  }
  return {};
}

void Session::take_capture() {
  state_.reset(source_->info());
  tells_numbers_ = !filtered_points(source_->info());
  for (auto& point : points_) point->reset();
  const format::SegmentInfo& info = source_->info();
  note_unrecorded(info);
  std::uint64_t start = info.boot_of_start + (info.real_time - info.boot_time);
  if (since_start_) since_ = start + *std::exchange(since_start_, {});
  if (until_start_) until_ = start + *std::exchange(until_start_, {});
}

Status Session::take(format::Step step) {
  batch_ = std::move(step.batch);
  if (!batch_->snapshot() && batch_->count() != 0)
    tells_numbers_ = tells_numbers_ && !batch_->filtered() &&
                     batch_->number(0) == batch_->first() + 1 &&
                     batch_->number(batch_->count() - 1) == batch_->first() + batch_->count();
  DSE_TRY(state_.advance(*batch_));
  judged_.reserve(points_.size());
  for (std::size_t i = 0; i < points_.size(); ++i)
    if (live_[i]) DSE_TRY(judge(i));
  return note_gaps(*batch_);
}

// What becomes of the events of one point.
Status Session::judge(std::size_t place) {
  ObservationPoint& point = *points_[place];
  Judged judged{EventBatch(point, *batch_, state_), {}, {}};
  DSE_TRY(point.process(*batch_, state_, judged.events));
  const std::size_t n = judged.events.size();
  if (n == 0) return {};
  judged.considered.assign(n, 1);
  if (batch_->filtered()) apply_marks(judged.events, judged.considered);
  DSE_TRY(apply_window(judged.events, judged.considered));
  if (point.chain().empty()) {
    judged.kept = judged.considered;
  } else {
    std::vector<filter::Verdict> verdicts;
    DSE_TRY(point.chain().judge(judged.events, judged.considered, judged.kept, scratch_,
                                show_dropped_ ? &verdicts : nullptr));
    judged.events.set_verdicts(std::move(verdicts));
  }
  DSE_TRY(hide_self(judged));
  const filter::Mask& shown = show_dropped_ ? judged.considered : judged.kept;
  if (std::find(shown.begin(), shown.end(), 1) != shown.end())
    DSE_TRY(make_columns(judged.events, used_[place]));
  judged_.push_back(std::move(judged));
  return {};
}

void Session::apply_marks(const EventBatch& events, filter::Mask& considered) {
  format::ShownView shown = events.batch().shown(events.point().name());
  std::size_t next = 0;
  std::uint32_t nth = 0;
  auto positions = events.positions();
  for (std::size_t i = 0; i < positions.size(); ++i) {
    nth = i > 0 && positions[i] == positions[i - 1] ? nth + 1 : 0;
    auto before = [&](std::size_t j) {
      return shown.position[j] < positions[i] ||
             (shown.position[j] == positions[i] && shown.nth[j] < nth);
    };
    while (next < shown.position.size() && before(next)) ++next;
    considered[i] = next < shown.position.size() && shown.position[next] == positions[i] &&
                    shown.nth[next] == nth;
  }
}

Status Session::apply_window(const EventBatch& events, filter::Mask& considered) const {
  if (first_number_ || last_number_)
    for (std::uint32_t i = 0; i < events.size(); ++i)
      considered[i] = considered[i] && is_numbered_within(events.number(i));
  if (!since_ && !until_) return {};
  DSE_TRY_ASSIGN(const EventColumn* time,
                 events.column(static_cast<std::size_t>(events.point().field("evt.time"))));
  for (std::uint32_t i = 0; i < events.size(); ++i) {
    std::uint64_t real = time->missing(i)
                             ? 0
                             : state_.real_time(time->numbers[time->slot(i)], events.number(i));
    considered[i] = considered[i] && !time->missing(i) && (!since_ || real >= *since_) &&
                    (!until_ || real <= *until_);
  }
  return {};
}

Status Session::hide_self(Judged& judged) {
  if (show_self_) return {};
  const EventBatch& events = judged.events;
  DSE_TRY_ASSIGN(const EventColumn* self,
                 events.column(static_cast<std::size_t>(events.point().field("evt.self"))));
  for (std::uint32_t i = 0; i < events.size(); ++i) {
    if (self->missing(i) || self->numbers[self->slot(i)] == 0) continue;
    hidden_self_ += judged.kept[i];
    judged.kept[i] = judged.considered[i] = 0;
  }
  return {};
}

void Session::note_unrecorded(const format::SegmentInfo& info) {
  if (const std::string* names = filtered_points(info)) {
    std::string list = "," + *names + ",";
    for (std::size_t i = 0; i < points_.size(); ++i)
      if (live_[i] && list.find("," + points_[i]->name() + ",") == std::string::npos)
        unrecorded_.insert(points_[i]->name());
  }
  // These are there on request, or once in a capture.
  constexpr format::KindSet kOptional = format::kind_bit(DSE_PROCESS_EXEC_FAIL) |
                                        format::kind_bit(DSE_SOCKET_SNAPSHOT);
  if (info.kinds.empty()) return;  // it does not say
  format::KindSet recorded = kOptional;
  for (format::Kind kind : info.kinds)
    if (kind < format::kMaxKinds) recorded |= format::kind_bit(kind);
  for (std::size_t i = 0; i < points_.size(); ++i)
    if (live_[i] && (points_[i]->kinds() & ~recorded)) unrecorded_.insert(points_[i]->name());
}

bool Session::is_gap_within(const PlacedGap& gap, std::uint64_t number) const {
  return (!since_ || gap.until_ns >= *since_) && (!until_ || gap.since_ns <= *until_) &&
         is_numbered_within(number);
}

Status Session::note_gaps(const format::Batch& batch) {
  return place_gaps(
      batch, kinds_,
      [&](std::uint64_t boot_ns, std::uint64_t number) {
        return state_.real_time(boot_ns, number);
      },
      [&](const PlacedGap& gap, std::uint64_t number) { return is_gap_within(gap, number); },
      gaps_);
}

Result<std::vector<std::uint64_t>> Session::witnesses() const {
  std::vector<std::uint64_t> numbers;
  std::vector<PlacedGap> ignored;
  DSE_TRY(place_gaps(
      *batch_, format::kAllKinds,
      [&](std::uint64_t boot_ns, std::uint64_t number) {
        return state_.real_time(boot_ns, number);
      },
      [&](const PlacedGap& gap, std::uint64_t number) {
        if (is_gap_within(gap, number)) numbers.push_back(number);
        return false;
      },
      ignored));
  std::sort(numbers.begin(), numbers.end());
  return numbers;
}

// The events to give out, once all points have made theirs.
void Session::choose() {
  for (const Judged& judged : judged_) {
    Cursor cursor{&judged.events, {}};
    const filter::Mask& shown = show_dropped_ ? judged.considered : judged.kept;
    for (std::uint32_t i = 0; i < shown.size(); ++i)
      if (shown[i]) cursor.chosen.push_back(i);
    if (!cursor.chosen.empty()) cursors_.push_back(std::move(cursor));
  }
}

// The events of all points in the order of their records; of one record, in that of the points.
std::optional<Event> Session::next_of_batch() {
  Cursor* first = nullptr;
  std::uint32_t position = 0;
  for (Cursor& cursor : cursors_) {
    if (cursor.next == cursor.chosen.size()) continue;
    std::uint32_t at = cursor.events->positions()[cursor.chosen[cursor.next]];
    if (!first || at < position) {
      first = &cursor;
      position = at;
    }
  }
  if (!first) return {};
  return Event(first->events, first->chosen[first->next++]);
}

bool Session::more_ready() const {
  return std::any_of(cursors_.begin(), cursors_.end(),
                     [](const Cursor& cursor) { return cursor.next < cursor.chosen.size(); });
}

Result<Session::Step> Session::next_batch() {
  start();
  idle_ = false;
  if (!start_status_) {
    ended_ = true;
    return std::exchange(start_status_, {}).error();
  }
  while (!ended_) {
    cursors_.clear();
    judged_.clear();
    batch_.reset();
    auto step = source_->next();
    if (!step) {
      ended_ = true;
      return step.error();
    }
    switch (step->what) {
      case format::Step::What::end: ended_ = true; break;
      case format::Step::What::idle: idle_ = true; return Step::idle;
      case format::Step::What::capture: take_capture(); return Step::capture;
      case format::Step::What::batch:
        if (auto status = take(std::move(*step)))
          return Step::batch;
        else {
          // One block that does not decode does not spoil the others.
          judged_.clear();
          source_->report_damage(status.error());
        }
    }
  }
  return Step::end;
}

Result<std::optional<Event>> Session::next() {
  while (true) {
    if (auto event = next_of_batch()) return event;
    DSE_TRY_ASSIGN(Step step, next_batch());
    if (step == Step::end || step == Step::idle) return std::optional<Event>();
    if (step == Step::batch) choose();
  }
}

Session::Iterator& Session::Iterator::operator++() {
  while (true) {
    auto event = session_->next();
    if (!event) session_->status_ = event.error();
    event_ = event ? *event : std::nullopt;
    if (event_ || !event || !session_->idle()) return *this;
  }
}

}  // namespace dse::replay
