#include "replay/capture_split.h"

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <utility>

#include <fmt/format.h>

#include "format/transcriber.h"
namespace dse::replay {
namespace {

// So that a size is met about as well as this allows, and blocks are not too small to compress.
constexpr std::uint64_t kLeastBlock = std::uint64_t{64} << 10, kMostBlock = std::uint64_t{4} << 20;

// Whether the records of the batch have numbers that are not those that they are counted by.
bool has_own_numbers(const format::Batch& batch) {
  return batch.count() != 0 && !batch.snapshot() &&
         (batch.number(0) != batch.first() + 1 ||
          batch.number(batch.count() - 1) != batch.first() + batch.count());
}

// Marks of the records of a batch, as they are there.
RecordWriter::Marks marks_of(const format::Batch& batch) {
  return {batch.filtered() || batch.slice() != 0 || has_own_numbers(batch), batch.filtered(),
          batch.slice()};
}

}  // namespace

std::string CaptureSplit::part_name(std::uint64_t part) {
  return fmt::format("part-{:06}.dse", part);
}

Status CaptureSplit::run(Session& session, format::CaptureReader& reader) {
  reader_ = &reader;
  reader.observe(&ended_);
  session.want(format::kAllKinds);
  session.want_whole_batches();
  while (true) {
    DSE_TRY_ASSIGN(Session::Step step, session.next_batch());
    if (step == Session::Step::end) break;
    if (step == Session::Step::capture) DSE_TRY(begin_capture(session));
    if (step != Session::Step::batch) continue;
    DSE_TRY(session.batch().snapshot() ? take_snapshot(session) : take_records(session));
  }
  if (!open_) return Error(ErrorCode::damaged, "there is no capture to be read");
  return end_part(true);
}

Status CaptureSplit::begin_capture(const Session& session) {
  if (is_merged(session.state().info()))
    return Error(ErrorCode::usage,
                 "a merged capture cannot be split; split its parts, or choose from it with replay");
  const bool goes_on = original_.goes_on_in(session.state().info());
  if (open_) DSE_TRY(end_part(!goes_on));
  open_ = true;
  info_ = session.state().info();
  original_.begin(info_);
  span_ = {};
  before_.reset(info_);
  if (goes_on) return {};
  streams_ = {};
  placed_lost_ = 0;
  ended_.losses.clear();
  return {};
}

// The first part of a capture begins as the capture does.
Status CaptureSplit::take_snapshot(const Session& session) {
  const format::Batch& batch = session.batch();
  span_ = {batch.snapshot()->begin_time, batch.snapshot()->end_time, {}, {}};
  format::Snapshot snapshot;
  snapshot.span = span_;
  if (batch.filtered()) {
    snapshot.rows.marks.emplace();
    snapshot.rows.marks->shown.assign(batch.shown().begin(), batch.shown().end());
  }
  format::StreamTable streams;
  DSE_TRY(format::check_unpacked(batch));
  DSE_TRY_ASSIGN(auto order, batch.order());
  std::uint32_t position = 0;
  DSE_TRY(batch.for_each_record(DSE_ABI_VERSION, [&](auto record) -> Status {
    snapshot.rows.append(record, streams);
    if (order[position++] == 0) return {};
    dse_header header;
    std::memcpy(&header, record.data(), sizeof(header));
    if (StateLog::takes(header.kind)) before_.add_snapshot(record);
    return {};
  }));
  DSE_TRY(open_part());
  part_.events = KeptEvents(session).count();
  writer_->set_next(info_.first);
  return writer_->begin(header(), snapshot);
}

bool CaptureSplit::is_full(std::uint64_t real_ns, std::uint64_t events) const {
  if (part_.records == 0) return false;
  const PartLimit& limit = options_.limit;
  if (limit.bytes) return !writer_->pending() && out_->segment_bytes() >= limit.bytes;
  if (limit.time_ns) return real_ns >= part_.since_ns && real_ns - part_.since_ns >= limit.time_ns;
  return part_.events + events > limit.events;
}

Status CaptureSplit::take_records(const Session& session) {
  const format::Batch& batch = session.batch();
  KeptEvents kept(session);
  // A part has no hole: behind one another part begins.
  if (original_.enter(batch, streams_)) DSE_TRY(end_part(false));
  const RecordWriter::Marks marks = marks_of(batch);
  DSE_TRY_ASSIGN(auto order, batch.order());
  std::uint32_t position = 0;
  return batch.for_each_record(DSE_ABI_VERSION, [&](auto record) -> Status {
    const std::uint32_t at = position++;
    const std::uint64_t number = batch.number(at);
    dse_header header{};
    std::memcpy(&header, record.data(), std::min(record.size(), sizeof(header)));
    const bool known = order[at] != 0;
    const std::uint64_t real_ns = known ? session.state().real_time(header.time_ns, number)
                                        : part_.until_ns;
    events_.clear();
    kept.take(at, [&](const std::string& point, std::uint32_t nth) {
      events_.emplace_back(&point, nth);
    });
    if (out_ && is_full(real_ns, events_.size())) DSE_TRY(end_part(false));
    if (!out_) DSE_TRY(begin_part(batch.first() + at));
    if (known) original_.take(header, true);
    DSE_TRY(writer_->append(record, number, marks));
    if (marks.filtered)
      for (const auto& [point, nth] : events_) writer_->show(*point, nth);
    DSE_TRY(writer_->flush_if_full());

    if (part_.records++ == 0) {
      part_.first = number;
      part_.since_ns = real_ns;
    }
    part_.last = number;
    part_.until_ns = real_ns;
    part_.events += events_.size();
    return known && StateLog::takes(header.kind) ? before_.add(record, number) : Status();
  });
}

format::SegmentInfo CaptureSplit::header() const {
  format::SegmentInfo info = info_;
  const PartLimit& limit = options_.limit;
  std::string how = fmt::format("part {} of {} {} {}", parts_, limit.bytes, limit.time_ns,
                                limit.events);
  info.capture_id = format::derived_id(info_.capture_id, how);
  std::erase_if(info.options, [](const auto& option) { return option.first == kPartOption; });
  info.options.emplace_back(kPartOption, std::to_string(parts_));
  return info;
}

Status CaptureSplit::open_part() {
  part_ = {};
  part_.path = (std::filesystem::path(options_.directory) / part_name(++parts_)).string();
  format::WriterOptions options;
  options.path = part_.path;
  options.level = options_.level;
  DSE_TRY_ASSIGN(out_, format::CaptureWriter::open(options, fs_));
  writer_.emplace(*out_, streams_);
  if (options_.limit.bytes)
    writer_->set_block_bytes(std::clamp(options_.limit.bytes / 4, kLeastBlock, kMostBlock));
  return {};
}

// A part that is not the first one of its capture, or of a capture that lacks its snapshot. Its first
// record is counted by `first`, and what it needs from before by the numbers that lead up to it.
Status CaptureSplit::begin_part(std::uint64_t first) {
  DSE_TRY(before_.condense());
  DSE_TRY(open_part());
  part_.state = before_.size();
  const std::uint64_t hidden = before_.size() - before_.snapshot_size();
  writer_->set_next(first - std::min(first, hidden));
  DSE_TRY(writer_->begin(header(), before_, span_));
  DSE_TRY(writer_->flush());
  writer_->set_next(first);
  return {};
}

Status CaptureSplit::end_part(bool of_capture) {
  if (!out_) return {};
  DSE_TRY(writer_->flush());
  format::EndInfo end;
  end.losses = original_.take_losses(nullptr, writer_->lost(), reader_->damage(), of_capture);
  for (const format::Loss& loss : end.losses)
    if (!format::is_damage(loss)) placed_lost_ += loss.count;
  if (of_capture) {
    std::uint64_t told = 0;
    for (const format::Loss& loss : ended_.losses) told += loss.count;
    if (told > placed_lost_)
      end.losses.push_back(
          {0, "of the whole capture, at places that are not known", told - placed_lost_});
  }
  end.reason = "split";
  end.last = true;
  end.streams = streams_.positions();
  DSE_TRY(out_->end_segment(std::move(end)));
  part_.bytes = out_->total_bytes();
  writer_.reset();
  out_.reset();
  on_part_(part_);
  return {};
}

}  // namespace dse::replay
