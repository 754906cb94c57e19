#include "replay/session.h"

#include <algorithm>
#include <utility>

namespace dse::replay {

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

format::KindSet Session::kinds() {
  start();
  return kinds_;
}

void Session::start() {
  if (started_) return;
  started_ = true;
  StateNeeds needs;
  for (const auto& point : points_) {
    std::vector<std::size_t> used;
    for (std::size_t i = 0; i < point->fields().size(); ++i) {
      const std::string& name = point->fields()[i].name;
      bool named = !only_ || std::find(only_->begin(), only_->end(), name) != only_->end();
      bool window = name == "evt.time" && (since_ || until_ || since_start_ || until_start_);
      if (named || window) used.push_back(i);
    }
    needs = needs | point->use(used);
    used_.push_back(std::move(used));
    kinds_ |= point->kinds();
  }
  state_.set_needs(needs);
  kinds_ |= state_.kinds();
  source_->want(kinds_);
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

Status Session::take(format::Step step) {
  if (step.what == format::Step::What::capture) {
    state_.reset(source_->info());
    for (auto& point : points_) point->reset();
    const format::SegmentInfo& info = source_->info();
    note_unrecorded(info);
    std::uint64_t start = info.boot_of_start + (info.real_time - info.boot_time);
    if (since_start_) since_ = start + *std::exchange(since_start_, {});
    if (until_start_) until_ = start + *std::exchange(until_start_, {});
    return {};
  }
  batch_ = std::move(step.batch);
  DSE_TRY(state_.advance(*batch_));
  for (std::size_t i = 0; i < points_.size(); ++i) {
    EventBatch events(*points_[i], *batch_, state_);
    DSE_TRY(points_[i]->process(*batch_, state_, events));
    DSE_TRY(make_columns(events, used_[i]));
    const EventColumn* self = nullptr;
    if (!show_self_ && events.size() != 0) {
      DSE_TRY_ASSIGN(self, events.column(static_cast<std::size_t>(points_[i]->field("evt.self"))));
    }
    cursors_.push_back({std::move(events), 0, self});
  }
  return note_gaps(*batch_);
}

void Session::note_unrecorded(const format::SegmentInfo& info) {
  // These are there on request, or once in a capture.
  constexpr format::KindSet kOptional = format::kind_bit(DSE_PROCESS_EXEC_FAIL) |
                                        format::kind_bit(DSE_SOCKET_SNAPSHOT);
  if (info.kinds.empty()) return;  // it does not say
  format::KindSet recorded = kOptional;
  for (format::Kind kind : info.kinds)
    if (kind < format::kMaxKinds) recorded |= format::kind_bit(kind);
  for (const auto& point : points_)
    if (point->kinds() & ~recorded) unrecorded_.insert(point->name());
}

Status Session::note_gaps(const format::Batch& batch) {
  std::uint64_t number = record_number(batch, 0);
  return place_gaps(
      batch, kinds_, [&](std::uint64_t boot_ns) { return state_.real_time(boot_ns, number); },
      [&](const PlacedGap& gap) {
        return (!since_ || gap.until_ns >= *since_) && (!until_ || gap.since_ns <= *until_);
      },
      gaps_);
}

bool Session::is_hidden(const Cursor& cursor, std::uint32_t event) {
  if (!cursor.self || cursor.self->missing(event) ||
      cursor.self->numbers[cursor.self->slot(event)] == 0)
    return false;
  ++hidden_self_;
  return true;
}

// The events of all points in the order of their records; of one record, in that of the points.
std::optional<Event> Session::next_of_batch() {
  while (true) {
    Cursor* first = nullptr;
    std::uint32_t position = 0;
    for (Cursor& cursor : cursors_) {
      if (cursor.next >= cursor.events.size()) continue;
      std::uint32_t at = cursor.events.positions()[cursor.next];
      if (!first || at < position) {
        first = &cursor;
        position = at;
      }
    }
    if (!first) return {};
    std::uint32_t at = first->next++;
    Event event(&first->events, at);
    if (passes(event) && !is_hidden(*first, at)) return event;
  }
}

bool Session::more_ready() const {
  return std::any_of(cursors_.begin(), cursors_.end(),
                     [](const Cursor& cursor) { return cursor.next < cursor.events.size(); });
}

bool Session::passes(const Event& event) const {
  if (since_ || until_) {
    auto boot = event.number("evt.time");
    if (!boot) return false;
    std::uint64_t real = state_.real_time(*boot, event.batch().number(event.row()));
    if ((since_ && real < *since_) || (until_ && real > *until_)) return false;
  }
  return !event.batch().point().has_filters() || event.batch().point().keeps(event);
}

Result<std::optional<Event>> Session::next() {
  start();
  idle_ = false;
  while (true) {
    if (auto event = next_of_batch()) return event;
    if (ended_) return std::optional<Event>();
    cursors_.clear();
    batch_.reset();
    auto step = source_->next();
    if (!step) {
      ended_ = true;
      return step.error();
    }
    switch (step->what) {
      case format::Step::What::end: ended_ = true; break;
      case format::Step::What::idle: idle_ = true; return std::optional<Event>();
      default:
        if (auto status = take(std::move(*step)); !status) {
          // One block that does not decode does not spoil the others.
          cursors_.clear();
          source_->report_damage(status.error());
        }
    }
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
