#include "replay/capture_filter.h"

#include <algorithm>
#include <cstring>
#include <set>

#include <fmt/format.h>

#include "replay/container.h"
#include "replay/points/points.h"
#include "replay/profile.h"
#include "replay/raw_record.h"

namespace dse::replay {
namespace {

constexpr std::uint32_t kBlockRecords = 32768;
constexpr std::size_t kBlockBytes = std::size_t{4} << 20;

bool has_point(const Session& session, std::string_view name) {
  return std::any_of(session.points().begin(), session.points().end(),
                     [&](const auto& point) { return point->name() == name; });
}

// Calls visit(event, nth): which of the events that its point makes of its record it is.
template <typename Visit>
void for_each_kept(const Session::Judged& judged, Visit visit) {
  auto positions = judged.events.positions();
  std::uint32_t nth = 0;
  for (std::uint32_t i = 0; i < positions.size(); ++i) {
    nth = i > 0 && positions[i] == positions[i - 1] ? nth + 1 : 0;
    if (judged.kept[i]) visit(i, nth);
  }
}

}  // namespace

bool CaptureFilter::reads_twice(const Session& session) const {
  return options_.close || options_.redactor.redacts() || has_point(session, "SignalDelivered");
}

// ---- the first time ------------------------------------------------------------------------------

Status CaptureFilter::first(Session& session) {
  session.want(format::kAllKinds);
  unsigned captures = 0;
  while (true) {
    DSE_TRY_ASSIGN(Session::Step step, session.next_batch());
    if (step == Session::Step::end) break;
    if (step == Session::Step::capture) {
      const format::CaptureId& id = session.state().info().capture_id;
      if (captures == 0 || id != source_id_) closure_.enter(++captures);
      source_id_ = id;
    }
    if (step != Session::Step::batch) continue;
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
      for_each_kept(judged, [&](std::uint32_t i, std::uint32_t) {
        Event event(&judged.events, i);
        if (options_.close)
          closure_.refer(event);
        else if (auto pid = event.number("proc.pid"))
          signalled_.insert(static_cast<std::uint32_t>(*pid));
      });
    }
  }
  first_done_ = true;
  return {};
}

// ---- the second time -----------------------------------------------------------------------------

Status CaptureFilter::run(Session& session, format::CaptureReader& reader) {
  if (options_.close && !first_done_)
    return Error(ErrorCode::usage,
                 "what events refer to is only known of a capture that can be read twice");
  DSE_TRY_ASSIGN(writer_, format::CaptureWriter::open(options_.writer, fs_));
  next_ = writer_->first_record();
  signals_ = has_point(session, "SignalDelivered");
  reader.observe(&ended_);
  session.want(format::kAllKinds);
  while (true) {
    DSE_TRY_ASSIGN(Session::Step step, session.next_batch());
    if (step == Session::Step::end) break;
    if (step == Session::Step::capture) DSE_TRY(begin_capture(session));
    if (step != Session::Step::batch) continue;
    if (is_behind_first(session)) break;
    DSE_TRY(take(session));
  }
  if (!open_) return Error(ErrorCode::damaged, "there is no capture to be read");
  DSE_TRY(begin_segment(session));
  const auto& notes = session.source().notes();
  bool cut = std::any_of(notes.begin(), notes.end(), [](const format::Note& note) {
    return note.what == format::Note::What::unsealed || note.what == format::Note::What::damaged;
  });
  DSE_TRY(end_capture(std::move(ended_.last), false, cut));
  account_.bytes = writer_->total_bytes();
  return {};
}

bool CaptureFilter::is_behind_first(const Session& session) const {
  return first_done_ && !session.batch().snapshot() && session.batch().first() >= first_next_ &&
         session.state().info().capture_id == first_id_;
}

Status CaptureFilter::begin_capture(const Session& session) {
  const format::SegmentInfo& info = session.state().info();
  if (is_merged(info))
    return Error(ErrorCode::usage,
                 "a merged capture cannot be filtered into a new one; filter its parts, then merge "
                 "them");
  const bool goes_on = open_ && info.capture_id == source_id_;
  if (open_) {
    DSE_TRY(begin_segment(session));
    DSE_TRY(end_capture(std::move(ended_.before), true, false));
    // Its successor must not have its number.
    if (next_ == segment_first_) ++next_;
  }
  // Behind a hole: what is missing there is missing here.
  if (goes_on && info.first > source_next_) next_ += info.first - source_next_;
  if (!goes_on) closure_.enter(++captures_);
  open_ = true;
  begun_ = false;
  source_id_ = info.capture_id;
  source_next_ = info.first;
  lost_ = 0;
  streams_ = {};
  left_out_.clear();
  return {};
}

format::SegmentInfo CaptureFilter::header(const Session& session) const {
  format::SegmentInfo info = session.state().info();
  std::string how, names, former;
  for (const auto& [name, value] : options_.described) how += name + "=" + value + "\n";
  for (const auto& [name, value] : info.options)
    if (name == kFilteredOption) former = "," + value + ",";
  for (const auto& point : session.points())
    if (former.empty() || former.find("," + point->name() + ",") != std::string::npos)
      names += (names.empty() ? "" : ",") + point->name();
  info.capture_id = format::derived_id(source_id_, how + names);
  // What was asked for may name what must not be there; only the table of containers is needed.
  std::erase_if(info.options, [&](const auto& option) {
    return option.first == kFilteredOption || option.first == "filter" ||
           (options_.close && option.first != kContainerTableOption);
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

// What is written of the capture begins with its snapshot, or with none if that could not be read.
Status CaptureFilter::begin_segment(const Session& session) {
  if (std::exchange(begun_, true)) return {};
  format::Snapshot snapshot;
  snapshot.rows.marks.emplace();
  snapshot.span = {};
  segment_first_ = next_;
  return writer_->begin_segment(header(session), next_, snapshot);
}

Status CaptureFilter::end_capture(std::optional<format::EndInfo> told, bool goes_on, bool cut) {
  DSE_TRY(flush());
  format::EndInfo end;
  if (told) {
    end = std::move(*told);
  } else if (lost_) {
    end.losses.push_back({0, "gaps in what was recorded", lost_});
  }
  if (cut) end.losses.push_back({0, "or more, where what was filtered is cut or damaged", 1});
  end.reason = "filtered";
  end.last = !goes_on;
  for (format::StreamPosition& stream : end.streams)
    if (auto found = left_out_.find({stream.kind, stream.cpu}); found != left_out_.end())
      stream.seq -= found->second;
  for (format::Loss& seen : end.seen)
    for (const auto& [stream, count] : left_out_)
      if (stream.first == seen.kind) seen.count -= std::min(seen.count, count);
  return writer_->end_segment(std::move(end), goes_on);
}

std::vector<CaptureFilter::Shown> CaptureFilter::shown_events(const Session& session) const {
  std::vector<Shown> all;
  for (const Session::Judged& judged : session.judged()) {
    Shown shown{&judged.events.point().name(), {}, {}};
    for_each_kept(judged, [&](std::uint32_t i, std::uint32_t nth) {
      shown.position.push_back(judged.events.positions()[i]);
      shown.nth.push_back(nth);
    });
    if (!shown.position.empty()) all.push_back(std::move(shown));
  }
  return all;
}

CaptureFilter::By CaptureFilter::shown_by(const std::vector<Shown>& shown, std::uint32_t position) {
  By by = By::nothing;
  for (const Shown& of_point : shown) {
    if (of_point.next == of_point.position.size() || of_point.position[of_point.next] != position)
      continue;
    if (*of_point.point != "ContainerEvent") return By::others;
    by = By::containers;
  }
  return by;
}

// Marks the events of the record that is the last one of `rows`, and of the batch at `position`.
void CaptureFilter::mark(std::vector<Shown>& shown, std::uint32_t position, format::Rows& rows) {
  for (Shown& of_point : shown)
    for (; of_point.next < of_point.position.size() && of_point.position[of_point.next] == position;
         ++of_point.next) {
      std::vector<format::ShownEvents>& marks = rows.marks->shown;
      auto found = std::find_if(marks.begin(), marks.end(), [&](const format::ShownEvents& one) {
        return one.point == *of_point.point;
      });
      if (found == marks.end()) found = marks.insert(marks.end(), {*of_point.point, {}, {}});
      found->position.push_back(rows.count() - 1);
      found->nth.push_back(of_point.nth[of_point.next]);
    }
}

Status CaptureFilter::take(const Session& session) {
  const format::Batch& batch = session.batch();
  std::vector<Shown> shown = shown_events(session);
  for (const Shown& of_point : shown) account_.events += of_point.position.size();
  if (options_.close) DSE_TRY(closure_.begin(batch));
  if (batch.snapshot()) {
    if (begun_) return {};
    begun_ = true;
    DSE_TRY_ASSIGN(format::Snapshot snapshot, filtered_snapshot(batch, std::move(shown)));
    segment_first_ = next_;
    return writer_->begin_segment(header(session), next_, snapshot);
  }
  DSE_TRY(begin_segment(session));
  return take_records(batch, std::move(shown));
}

Result<format::Snapshot> CaptureFilter::filtered_snapshot(const format::Batch& batch,
                                                          std::vector<Shown> shown) {
  format::Snapshot snapshot;
  snapshot.rows.marks.emplace();
  snapshot.span = {batch.snapshot()->begin_time, batch.snapshot()->end_time, {}, {}};
  format::StreamTable streams;
  std::map<format::Kind, std::uint64_t> next;
  std::uint32_t position = 0;
  DSE_TRY(batch.for_each_record(DSE_ABI_VERSION, [&](auto record) -> Status {
    const std::uint32_t at = position++;
    DSE_TRY_ASSIGN(auto kept, kept_record(record, 0, shown_by(shown, at)));
    if (!kept) return {};
    dse_header header;
    std::memcpy(&header, kept->data(), sizeof(header));
    header.seq = next[header.kind]++;
    std::memcpy(kept->data(), &header, sizeof(header));
    snapshot.rows.append(*kept, streams);
    mark(shown, at, snapshot.rows);
    return {};
  }));
  return snapshot;
}

// The numbers that the streams begin with, where the capture lacks its beginning.
void CaptureFilter::follow_streams(const format::Batch& batch) {
  for (const format::StreamPosition& stream : batch.streams())
    if (stream.kind < format::kMaxKinds &&
        left_out_.try_emplace({stream.kind, stream.cpu}, 0).second)
      streams_.at(stream.kind, stream.cpu).next = stream.seq;
  for (const format::Gap& gap : batch.gaps())
    if (gap.lost > 0) lost_ += static_cast<std::uint64_t>(gap.lost);
}

Status CaptureFilter::take_records(const format::Batch& batch, std::vector<Shown> shown) {
  if (batch.first() > source_next_) {
    DSE_TRY(flush());
    next_ += batch.first() - source_next_;
  }
  source_next_ = batch.first() + batch.count();
  follow_streams(batch);
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
    ++account_.read;
    if (order[at] == 0) {  // it has no part in the sequence numbers
      ++account_.unknown;
      return {};
    }
    dse_header header;
    std::memcpy(&header, record.data(), sizeof(header));
    By by = shown_by(shown, at);
    if (witnesses.contains(at)) by = By::others;
    std::uint64_t& left_out = left_out_[{header.kind, header.cpu}];
    DSE_TRY_ASSIGN(auto kept, kept_record(record, batch.number(at), by));
    if (!kept) {
      ++left_out;
      // A loss after it has this one for its neighbour.
      streams_.at(header.kind, header.cpu).last_time = header.time_ns;
      return {};
    }
    ++account_.kept;
    std::memcpy(&header, kept->data(), sizeof(header));
    header.seq -= left_out;
    std::memcpy(kept->data(), &header, sizeof(header));
    if (!rows_.marks) rows_.marks.emplace();
    rows_.append(*kept, streams_);
    rows_.marks->number.push_back(batch.number(at));
    mark(shown, at, rows_);
    return rows_.count() >= kBlockRecords || rows_.size_bytes() >= kBlockBytes ? flush() : Status();
  });
}

Status CaptureFilter::flush() {
  if (rows_.empty()) return {};
  rows_.first = next_;
  DSE_TRY(writer_->write(rows_));
  next_ += rows_.count();
  rows_.clear();
  return {};
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
    case DSE_SIGNAL_GENERATE:
      return signals_ &&
             (!first_done_ || signalled_.contains(body_of<dse_signal_generate>(record).target_pid));
    case DSE_SIGNAL_DELIVER:
      return signals_ && (!first_done_ || signalled_.contains(header.task.pid));
    default: return true;
  }
}

}  // namespace dse::replay
