#include "replay/session.h"

#include <algorithm>
#include <utility>

#include "format/check_batch.h"

namespace dse::replay {
namespace {

// nullptr: it is no filtered capture.
const std::string* filtered_points(const format::SegmentInfo& info) {
  for (const auto& [name, value] : info.options)
    if (name == kFilteredOption) return &value;
  return nullptr;
}

}  // namespace

Session::Session(std::unique_ptr<format::Source> source) : source_(std::move(source)) {
  lanes_.try_emplace(0);
}
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
  format::KindSet remembered = lanes_.at(0).state.kinds();
  kinds_ |= remembered;
  unskipped_ |= remembered | extra_kinds_;
  source_->want(kinds_ | extra_kinds_);
  source_->want_blocks(
      [this](const format::BlockSummary& block) {
        const bool is_read = ((kinds_ | extra_kinds_) & block.kinds) && is_block_wanted(block);
        note_extent(block, is_read);
        if (is_read) note_outside(block);
        return is_read;
      });
}

void Session::use_fields() {
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
      needs_ = needs_ | point->use(read);
      read_.push_back(std::move(read));
      kinds_ |= point->kinds();
      if (point->remembers()) unskipped_ |= point->kinds();
    }
    if (!live_.back()) read_.emplace_back();
    used_.push_back(std::move(used));
  }
  Lane& lane = lanes_[0];
  lane.state.set_needs(needs_);
  for (const auto& point : points_) lane.makers.push_back(point.get());
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

// Beside those that there are.
Status Session::add_lane(std::uint32_t number) {
  Lane& lane = lanes_[number];
  lane.state.set_needs(needs_);
  for (std::size_t i = 0; i < points_.size(); ++i) {
    lane.own.push_back(points_[i]->another());
    if (!lane.own.back())
      return Error(ErrorCode::usage, points_[i]->name() + " cannot watch merged captures");
    lane.makers.push_back(lane.own.back().get());
    if (live_[i]) lane.own.back()->use(read_[i]);
  }
  return {};
}

void Session::end_lane(std::uint32_t number) {
  // The first one is always there, but needs no memory any more.
  if (number == 0)
    lanes_.at(0).state.reset({});
  else
    lanes_.erase(number);
  at_ = 0;
}

Status Session::take_capture(const format::Step& step) {
  if (step.what == format::Step::What::capture)
    std::erase_if(lanes_, [](const auto& lane) { return lane.first != 0; });
  at_ = step.lane;
  if (!lanes_.contains(at_)) DSE_TRY(add_lane(at_));
  Lane& lane = lanes_.at(at_);
  const format::SegmentInfo& info = source_->info();
  lane.state.reset(info);
  outside_ = {};
  for (std::size_t i = 0; i < points_.size(); ++i) {
    lane.makers[i]->reset();
    if (!show_dropped_) lane.makers[i]->serve_only(points_[i]->chain(), lane.state.arch());
  }
  note_unrecorded(info);
  std::uint64_t start = info.boot_of_start + (info.real_time - info.boot_time);
  if (since_start_) since_ = start + *std::exchange(since_start_, {});
  if (until_start_) until_ = start + *std::exchange(until_start_, {});
  return {};
}

Status Session::take(format::Step step) {
  at_ = step.lane;
  Work& work = work_.emplace_back(std::move(*step.batch), step.lane);
  if (whole_) DSE_TRY(format::read_all(work.batch));
  if (std::uint32_t count = work.batch.count(); count != 0 && !work.batch.snapshot()) {
    extent_.first = std::min(extent_.first, work.batch.number(0));
    extent_.last = std::max(extent_.last, work.batch.number(count - 1));
  }
  DSE_TRY(lanes_.at(at_).state.advance(work.batch));
  work.judged.reserve(points_.size());
  const bool outside = is_outside(work);
  for (std::size_t i = 0; i < points_.size(); ++i)
    if (live_[i] && !(outside && !points_[i]->remembers())) DSE_TRY(judge(work, i));
  return note_gaps(work);
}

// What becomes of the events of one point.
Status Session::judge(Work& work, std::size_t place) {
  ObservationPoint& point = *points_[place];
  Lane& lane = lanes_.at(work.lane);
  ObservationPoint& maker = *lane.makers[place];
  Judged judged{EventBatch(point, maker, work.batch, lane.state), {}, {}};
  DSE_TRY(maker.process(work.batch, lane.state, judged.events));
  const std::size_t n = judged.events.size();
  if (n == 0) return {};
  judged.considered.assign(n, 1);
  if (work.batch.filtered()) apply_marks(judged.events, judged.considered);
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
  if (filter::has_any(shown)) {
    DSE_TRY(make_columns(judged.events, used_[place]));
    DSE_TRY(values_only_ ? judged.events.damage() : judged.events.located());
  }
  work.judged.push_back(std::move(judged));
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

Status Session::hide_self(Judged& judged) {
  const filter::Mask& shown = show_dropped_ ? judged.considered : judged.kept;
  if (show_self_ || !filter::has_any(shown)) return {};
  const EventBatch& events = judged.events;
  DSE_TRY_ASSIGN(const EventColumn* self,
                 events.column(static_cast<std::size_t>(events.point().field("evt.self"))));
  if (std::find(self->numbers.begin(), self->numbers.end(), 1) == self->numbers.end()) return {};
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
  return !is_time_outside(gap.since_ns, gap.until_ns) && is_numbered_within(number);
}

Status Session::note_gaps(const Work& work) {
  const State& state = lanes_.at(work.lane).state;
  return place_gaps(
      work.batch, kinds_,
      [&](std::uint64_t boot_ns, std::uint64_t number) { return state.real_time(boot_ns, number); },
      [&](const PlacedGap& gap, std::uint64_t number) { return is_gap_within(gap, number); },
      gaps_);
}

Result<std::vector<std::uint64_t>> Session::witnesses() const {
  std::vector<std::uint64_t> numbers;
  std::vector<PlacedGap> ignored;
  DSE_TRY(place_gaps(
      batch(), format::kAllKinds,
      [&](std::uint64_t boot_ns, std::uint64_t number) {
        return state().real_time(boot_ns, number);
      },
      [&](const PlacedGap& gap, std::uint64_t number) {
        if (is_gap_within(gap, number)) numbers.push_back(number);
        return false;
      },
      ignored));
  std::sort(numbers.begin(), numbers.end());
  return numbers;
}

std::optional<Event> Session::next_of_page() {
  if (next_run_ == page_.runs().size()) return {};
  const EventPage::Run& run = page_.runs()[next_run_];
  const EventPage::Source& source = page_.sources()[run.source];
  Event event(source.events, source.chosen[run.begin + next_in_run_]);
  if (run.begin + ++next_in_run_ == run.end) {
    ++next_run_;
    next_in_run_ = 0;
  }
  return event;
}

bool Session::more_ready() const { return next_run_ < page_.runs().size(); }

// Takes the next step of the source, and adds it to the work at hand if it is a batch. Nothing: the slice
// that there is work of is complete.
Result<std::optional<Session::Step>> Session::step() {
  start();
  idle_ = false;
  if (!start_status_) {
    ended_ = true;
    return std::exchange(start_status_, {}).error();
  }
  while (!ended_) {
    Result<format::Step> step = ahead_ ? Result<format::Step>(*std::exchange(ahead_, {}))
                                       : source_->next();
    if (!step) {
      ended_ = true;
      return step.error();
    }
    if (!work_.empty() && !belongs_to_slice(*step)) {
      // What has no slice is not kept for later either.
      if (step->what == format::Step::What::idle)
        idle_ = true;
      else
        ahead_ = std::move(*step);
      return std::optional<Step>();
    }
    switch (step->what) {
      case format::Step::What::end: ended_ = true; break;
      case format::Step::What::idle: idle_ = true; return std::optional(Step::idle);
      case format::Step::What::leaves: end_lane(step->lane); break;
      case format::Step::What::capture:
      case format::Step::What::joins:
        DSE_TRY(take_capture(*step));
        return std::optional(Step::capture);
      case format::Step::What::batch:
        if (auto status = take(std::move(*step)))
          return std::optional(Step::batch);
        else {
          // One block that does not decode does not spoil the others.
          work_.pop_back();
          source_->report_damage(status.error());
        }
    }
  }
  return std::optional(Step::end);
}

// Of each host a slice has one batch.
bool Session::belongs_to_slice(const format::Step& step) const {
  return step.what == format::Step::What::batch && step.batch->slice() != 0 &&
         step.batch->slice() == work_.front().batch.slice() &&
         std::none_of(work_.begin(), work_.end(),
                      [&](const Work& work) { return work.lane == step.lane; });
}

Result<Session::Step> Session::next_batch() {
  work_.clear();
  // Without work at hand there is no slice to complete.
  DSE_TRY_ASSIGN(std::optional<Step> next, step());
  return *next;
}

Result<std::optional<EventPage>> Session::next_page() {
  while (true) {
    work_.clear();
    while (true) {
      DSE_TRY_ASSIGN(std::optional<Step> last, step());
      if (last == Step::end || last == Step::idle) return std::optional<EventPage>();
      if (last == Step::capture) continue;
      // More of a slice may follow.
      if (!last || work_.back().batch.slice() == 0) break;
    }
    EventPage page(std::exchange(work_, {}), show_dropped_);
    if (!page.empty()) return std::optional<EventPage>(std::move(page));
  }
}

Result<std::optional<Event>> Session::next() {
  if (auto event = next_of_page()) return event;
  page_ = {};
  next_run_ = 0;
  DSE_TRY_ASSIGN(std::optional<EventPage> page, next_page());
  if (page) page_ = std::move(*page);
  return next_of_page();
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
