#include "replay/capture_filter.h"

#include <algorithm>
#include <cstring>
#include <set>

#include <fmt/format.h>

#include "format/transcriber.h"
#include "replay/container.h"
#include "replay/points/points.h"
#include "replay/profile.h"
#include "replay/raw_record.h"

namespace dse::replay {
namespace {

bool has_point(const Session& session, std::string_view name) {
  return std::any_of(session.points().begin(), session.points().end(),
                     [&](const auto& point) { return point->name() == name; });
}

}  // namespace

bool CaptureFilter::reads_twice(const Session& session) const {
  return options_.close || options_.redactor.redacts() || session.has_window() ||
         has_point(session, "SignalDelivered");
}

// ---- the first time ------------------------------------------------------------------------------

// Of the batch at hand, the last record that an event of the cut is of, or that tells of a loss in it.
void CaptureFilter::note_last(const Session& session, const std::vector<std::uint64_t>& witnesses) {
  std::optional<std::uint64_t> last;
  if (!witnesses.empty()) last = witnesses.back();
  if (auto shown = KeptEvents(session).last())
    last = std::max(last.value_or(0), session.batch().number(*shown));
  if (!last) return;
  last_.resize(captures_);
  last_.back() = last;
}

// Signals wait for a process or for one of its threads.
void CaptureFilter::note_signalled(const Event& event) {
  if (auto pid = event.number("proc.pid")) signalled_.insert(static_cast<std::uint32_t>(*pid));
  if (auto tid = event.number("proc.tid"))
    signalled_threads_.insert(static_cast<std::uint32_t>(*tid));
}

bool CaptureFilter::is_signalled(std::uint32_t pid, std::uint32_t tid) const {
  return !first_done_ || signalled_.contains(pid) || signalled_threads_.contains(tid);
}

Status CaptureFilter::first(Session& session) {
  session.want(format::kAllKinds);
  session.want_whole_batches();
  captures_ = 0;
  unsigned closures = 0;
  format::CaptureId at{};
  while (true) {
    DSE_TRY_ASSIGN(Session::Step step, session.next_batch());
    if (step == Session::Step::end) break;
    if (step == Session::Step::capture) {
      ++captures_;
      const format::CaptureId& id = session.state().info().capture_id;
      if (closures == 0 || id != at) closure_.enter(++closures);
      at = id;
    }
    if (step != Session::Step::batch) continue;
    if (session.has_window()) {
      DSE_TRY_ASSIGN(auto witnesses, session.witnesses());
      note_last(session, witnesses);
    }
    first_id_ = session.state().info().capture_id;
    first_next_ = session.batch().snapshot() ? session.state().info().first
                                             : session.batch().first() + session.batch().count();
    if (options_.redactor.redacts())
      DSE_TRY(session.batch().for_each_record(DSE_ABI_VERSION, [&](auto record) -> Status {
        names_.learn_from_record(record);
        return {};
      }));
    for (const Session::Judged& judged : session.judged()) {
      const bool delivered = judged.events.point().name() == "SignalDelivered";
      if (!delivered && !options_.close) continue;
      KeptEvents::for_each_kept(judged, [&](std::uint32_t i, std::uint32_t) {
        Event event(&judged.events, i);
        if (options_.close)
          closure_.refer(event);
        else
          note_signalled(event);
      });
    }
  }
  first_done_ = true;
  first_damage_ = session.source().damage();
  captures_ = 0;
  return {};
}

// ---- the second time -----------------------------------------------------------------------------

Status CaptureFilter::run(Session& session, format::CaptureReader& reader) {
  if (options_.close && !first_done_)
    return Error(ErrorCode::usage,
                 "what events refer to is only known of a capture that can be read twice");
  DSE_TRY_ASSIGN(out_, format::CaptureWriter::open(options_.writer, fs_));
  writer_.emplace(*out_, streams_);
  signals_ = has_point(session, "SignalDelivered");
  cut_ = session.has_window();
  for (const auto& point : session.points()) points_.push_back(point->name());
  reader_ = &reader;
  reader.observe(&ended_);
  session.want(format::kAllKinds);
  session.want_whole_batches();
  while (!done_) {
    DSE_TRY_ASSIGN(Session::Step step, session.next_batch());
    if (step == Session::Step::end) break;
    captures_ += step == Session::Step::capture;
    if (step == Session::Step::capture && is_behind_all() && begun_) break;
    if (step == Session::Step::capture) DSE_TRY(begin_capture(session));
    if (step != Session::Step::batch) continue;
    if (is_behind_first(session)) break;
    DSE_TRY(take(session));
  }
  if (!open_) return Error(ErrorCode::damaged, "there is no capture to be read");
  DSE_TRY(begin_segment());
  DSE_TRY(end_capture(std::move(ended_.last), Ends::all));
  account_.bytes = out_->total_bytes();
  return {};
}

bool CaptureFilter::is_behind_first(const Session& session) const {
  return first_done_ && !session.batch().snapshot() && session.batch().first() >= first_next_ &&
         session.state().info().capture_id == first_id_;
}

bool CaptureFilter::is_behind_last(std::uint64_t number) const {
  return cut_ && first_done_ &&
         (captures_ > last_.size() || number > last_[captures_ - 1].value_or(0));
}

Status CaptureFilter::begin_capture(const Session& session) {
  const format::SegmentInfo& info = session.state().info();
  if (is_merged(info))
    return Error(ErrorCode::usage,
                 "a merged capture cannot be filtered into a new one; filter its parts, then merge "
                 "them");
  const bool same = open_ && info.capture_id == info_.capture_id;
  const bool goes_on = original_.goes_on_in(info);  // else its segments may not be in order
  // Of a cut, captures that have nothing in it leave nothing.
  if (open_ && (begun_ || !cut_)) {
    DSE_TRY(begin_segment());
    DSE_TRY(end_capture(std::move(ended_.before), goes_on ? Ends::before_hole : Ends::capture));
    // Its successor must not have its number.
    if (writer_->next() == writer_->segment_first()) writer_->set_next(writer_->next() + 1);
  }
  original_.begin(info);
  if (!same) closure_.enter(++closures_);
  holes_ = same ? holes_ + 1 : 0;
  open_ = true;
  begun_ = false;
  info_ = info;
  before_.reset(info);
  span_ = {};
  if (goes_on) return {};
  streams_ = {};
  left_out_.clear();
  return {};
}

format::SegmentInfo CaptureFilter::header() const {
  format::SegmentInfo info = info_;
  std::string how, names, former;
  for (const auto& [name, value] : options_.described) how += name + "=" + value + "\n";
  for (const auto& [name, value] : info.options)
    if (name == kFilteredOption) former = "," + value + ",";
  for (const std::string& point : points_)
    if (former.empty() || former.find("," + point + ",") != std::string::npos)
      names += (names.empty() ? "" : ",") + point;
  // Behind a hole it is another one, so that its snapshot counts.
  if (holes_) how += fmt::format("behind hole {}\n", holes_);
  info.capture_id = format::derived_id(info_.capture_id, how + names);
  // What was asked for may name what must not be there; only the table of containers is needed.
  std::erase_if(info.options, [&](const auto& option) {
    return option.first == kFilteredOption || option.first == "filter" ||
           option.first == "window" || (options_.close && option.first != kContainerTableOption);
  });
  info.options.insert(info.options.end(), options_.described.begin(), options_.described.end());
  info.options.emplace_back(kFilteredOption, names);
  if (options_.redactor.redacts()) {
    for (auto& [name, value] : info.options)
      if (name != kFilteredOption) value = options_.redactor.text(value);
    info.host_name = options_.redactor.text(info.host_name);
  }
  return info;
}

// What is written of the capture begins with its snapshot, if that could be read, and with the state
// before the cut.
Status CaptureFilter::begin_segment() {
  if (std::exchange(begun_, true)) return {};
  DSE_TRY(before_.condense());
  account_.state += before_.size();
  DSE_TRY(writer_->begin(header(), before_, span_));
  before_.reset(info_);
  return {};
}

Status CaptureFilter::end_capture(std::optional<format::EndInfo> told, Ends ends) {
  DSE_TRY(writer_->flush());
  format::EndInfo end;
  // Those of the whole original are not those of a cut, but for damage: it may have hit the range.
  const bool has_all = told && !cut_;
  if (has_all) end = std::move(*told);
  const bool read_before = ends == Ends::all && first_done_;  // and what is behind a cut too
  end.losses = original_.take_losses(has_all ? &end.losses : nullptr, writer_->lost(),
                                     read_before ? first_damage_ : reader_->damage(),
                                     ends != Ends::before_hole);
  if (ends == Ends::all && reader_->is_cut_short())
    format::add_loss(end.losses, 0, format::kUncountedCause, 1);
  end.reason = "filtered";
  end.last = ends == Ends::all;
  for (format::StreamPosition& stream : end.streams)
    if (auto found = left_out_.find({stream.kind, stream.cpu}); found != left_out_.end())
      stream.seq -= found->second;
  for (format::Loss& seen : end.seen)
    for (const auto& [stream, count] : left_out_)
      if (stream.first == seen.kind) seen.count -= std::min(seen.count, count);
  return out_->end_segment(std::move(end), ends != Ends::all);
}

Status CaptureFilter::take(const Session& session) {
  const format::Batch& batch = session.batch();
  KeptEvents shown(session);
  account_.events += shown.count();
  if (options_.close) DSE_TRY(closure_.begin(batch));
  if (!batch.snapshot()) return take_records(session, std::move(shown));
  return begun_ ? Status() : take_snapshot(batch, std::move(shown));
}

Status CaptureFilter::take_snapshot(const format::Batch& batch, KeptEvents shown) {
  span_ = {batch.snapshot()->begin_time, batch.snapshot()->end_time, {}, {}};
  const bool later = cut_ && shown.count() == 0;
  format::Snapshot snapshot;
  snapshot.rows.marks.emplace();
  snapshot.span = span_;
  format::StreamTable streams;
  std::map<format::Kind, std::uint64_t> next;
  DSE_TRY(format::check_unpacked(batch));
  DSE_TRY_ASSIGN(auto order, batch.order());
  std::uint32_t position = 0;
  DSE_TRY(batch.for_each_record(DSE_ABI_VERSION, [&](auto record) -> Status {
    const std::uint32_t at = position++;
    DSE_TRY_ASSIGN(auto kept, kept_record(record, 0, shown.by(at)));
    if (!kept) {
      shown.take(at, [](const std::string&, std::uint32_t) {});
      return {};
    }
    dse_header header;
    std::memcpy(&header, kept->data(), sizeof(header));
    if (later) {
      if (order[at] != 0 && StateLog::takes(header.kind)) before_.add_snapshot(*kept);
      return {};
    }
    header.seq = next[header.kind]++;
    std::memcpy(kept->data(), &header, sizeof(header));
    snapshot.rows.append(*kept, streams);
    shown.take(at, [&](const std::string& point, std::uint32_t nth) {
      format::show(*snapshot.rows.marks, point, snapshot.rows.count() - 1, nth);
    });
    return {};
  }));
  if (later) return {};
  begun_ = true;
  account_.state += snapshot.rows.count();
  return writer_->begin(header(), snapshot);
}

// The place of the first record of the batch that the cut is about; their number if there is none.
Result<std::uint32_t> CaptureFilter::first_of_cut(const Session& session, const KeptEvents& shown) {
  const format::Batch& batch = session.batch();
  std::uint32_t first = shown.first().value_or(batch.count());
  DSE_TRY_ASSIGN(auto witnesses, session.witnesses());
  if (!witnesses.empty())
    for (std::uint32_t at = 0; at < first; ++at)
      if (batch.number(at) >= witnesses.front()) first = at;
  return first;
}

Status CaptureFilter::take_records(const Session& session, KeptEvents shown) {
  const format::Batch& batch = session.batch();
  original_.enter(batch, streams_);
  // Until there state is only remembered.
  std::uint32_t begin = 0;
  if (cut_ && !begun_) {
    DSE_TRY_ASSIGN(begin, first_of_cut(session, shown));
  }
  DSE_TRY_ASSIGN(auto order, batch.order());
  // A record behind a loss stays where it may: it says until when.
  std::set<std::uint32_t> witnesses;
  for (const format::Gap& gap : batch.gaps())
    if (const format::Table* table = batch.table(gap.kind); table && !options_.close) {
      DSE_TRY_ASSIGN(auto positions, table->positions());
      if (gap.row < positions.size()) witnesses.insert(positions[gap.row]);
    }
  std::uint32_t position = 0;
  return batch.for_each_record(DSE_ABI_VERSION, [&](auto record) -> Status {
    const std::uint32_t at = position++;
    const std::uint64_t number = batch.number(at);
    if (is_behind_last(number)) {
      done_ = captures_ == last_.size();
      return {};
    }
    ++account_.read;
    if (order[at] == 0) {  // it has no part in the sequence numbers
      ++account_.unknown;
      return {};
    }
    if (at < begin) return remember(record, number);
    DSE_TRY(begin_segment());
    By by = witnesses.contains(at) ? By::others : shown.by(at);
    DSE_TRY_ASSIGN(bool stays, take_record(record, number, by));
    shown.take(at, [&](const std::string& point, std::uint32_t nth) {
      if (stays) writer_->show(point, nth);
    });
    return writer_->flush_if_full();
  });
}

// A record before the cut.
Status CaptureFilter::remember(std::span<const std::byte> record, std::uint64_t number) {
  dse_header header;
  std::memcpy(&header, record.data(), sizeof(header));
  format::StreamTable::State& stream = streams_.at(header.kind, header.cpu);
  stream.next = header.seq + 1;
  original_.take(header, false);
  stream.last_time = header.time_ns;
  if (!StateLog::takes(header.kind)) return {};
  DSE_TRY_ASSIGN(auto kept, kept_record(record, number, By::nothing));
  return kept ? before_.add(*kept, number) : Status();
}

// Whether it stays.
Result<bool> CaptureFilter::take_record(std::span<const std::byte> record, std::uint64_t number,
                                        By by) {
  dse_header header;
  std::memcpy(&header, record.data(), sizeof(header));
  std::uint64_t& left_out = left_out_[{header.kind, header.cpu}];
  if (original_.take(header, true) && !options_.close) by = By::others;
  DSE_TRY_ASSIGN(auto kept, kept_record(record, number, by));
  if (!kept) {
    ++left_out;
    // A loss after it has this one for its neighbour.
    streams_.at(header.kind, header.cpu).last_time = header.time_ns;
    return false;
  }
  ++account_.kept;
  std::memcpy(&header, kept->data(), sizeof(header));
  header.seq -= left_out;
  std::memcpy(kept->data(), &header, sizeof(header));
  DSE_TRY(writer_->append(*kept, number, RecordWriter::kFiltered));
  return true;
}

Result<std::optional<std::vector<std::byte>>> CaptureFilter::kept_record(
    std::span<const std::byte> record, std::uint64_t number, By shown) {
  dse_header header;
  std::memcpy(&header, record.data(), sizeof(header));
  std::optional<std::vector<std::byte>> kept;
  const bool has_strings = header.kind == DSE_PROCESS_EXEC || header.kind == DSE_PROCESS_SNAPSHOT;
  if (options_.close && shown == By::containers && has_strings)
    kept = closure_.strings_of_process(record);
  else if (shown != By::nothing || (!options_.close && keeps_state(header, record)))
    kept.emplace(record.begin(), record.end());
  else if (options_.close)
    kept = closure_.take(record, number);
  if (kept && options_.redactor.redacts())
    kept = format::rewrite_all(*kept, options_.redactor, names_);
  return kept;
}

bool CaptureFilter::keeps_state(const dse_header& header, std::span<const std::byte> record) const {
  switch (header.kind) {
    case DSE_SOCKET_STATE:
    case DSE_PROCESS_EXEC_FAIL: return false;
    case DSE_SIGNAL_GENERATE: {
      auto body = body_of<dse_signal_generate>(record);
      return signals_ && is_signalled(body.target_pid, body.target_tid);
    }
    case DSE_SIGNAL_DELIVER: return signals_ && is_signalled(header.task.pid, header.task.tid);
    default: return true;
  }
}

}  // namespace dse::replay
