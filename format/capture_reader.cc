#include "format/capture_reader.h"

#include <unistd.h>

#include <algorithm>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "bpf/abi.h"
#include "format/plural.h"
#include "format/segment_file.h"

namespace dse::format {

Result<std::unique_ptr<CaptureReader>> CaptureReader::open(const std::vector<std::string>& paths) {
  std::unique_ptr<CaptureReader> reader(new CaptureReader);
  for (const std::string& path : paths) {
    DSE_TRY_ASSIGN(auto segments, list_segments(path));
    reader->segments_.insert(reader->segments_.end(), segments.begin(), segments.end());
  }
  return reader;
}

Result<std::unique_ptr<CaptureReader>> CaptureReader::follow(const std::string& path,
                                                             const FollowOptions& options) {
  if (path == "-")
    return Error(ErrorCode::usage,
                 "-: a pipe cannot be followed as a file; replay reads it as it comes");
  std::unique_ptr<CaptureReader> reader(new CaptureReader);
  DSE_TRY_ASSIGN(reader->follow_, Follow::start(path, options));
  return reader;
}

void CaptureReader::stop() {
  if (follow_) follow_->watch().stop();
}

CaptureReader::CaptureReader(std::shared_ptr<ByteSource> source, std::string name)
    : reader_(std::make_unique<SegmentReader>(std::move(source), &counters_)),
      name_(std::move(name)) {}

void CaptureReader::note(Note::What what, std::string text) {
  // A capture that is bad all over must not fill the memory with complaints.
  constexpr std::size_t kMaxNotes = 100;
  if (notes_.size() == kMaxNotes) notes_.push_back({what, "and more of the same kind"});
  if (notes_.size() > kMaxNotes) return;
  notes_.push_back({what, std::move(text)});
}

void CaptureReader::report_damage(const Error& error) {
  note(Note::What::damaged, name_ + ": " + error.message());
  lose(std::exchange(last_batch_, {}));
}

void CaptureReader::lose(const std::vector<KindCount>& records) {
  for (const KindCount& kind : records) damaged_[kind.kind] += kind.count;
}

// Opens the next input; what is to be said instead when there is none.
Result<std::optional<Step>> CaptureReader::open_next_segment() {
  if (next_segment_ >= segments_.size()) return std::optional<Step>(Step{Step::What::end, {}});
  SegmentPath segment = segments_[next_segment_++];
  // The recorder may have sealed it, or let it go, since the directory was read.
  if (segment.path != "-" && ::access(segment.path.c_str(), F_OK) != 0) {
    if (segment.path.ends_with(kOpenSuffix)) {
      segment.path.resize(segment.path.size() - std::string_view(kOpenSuffix).size());
      segment.sealed = true;
    }
    if (::access(segment.path.c_str(), F_OK) != 0) {
      note(Note::What::missing, segment.path + ": went away before it was read");
      return std::optional<Step>();
    }
  }
  name_ = segment.path == "-" ? "standard input" : segment.path;
  was_open_ = !segment.sealed;
  DSE_TRY_ASSIGN(auto source, open_byte_source(segment.path));
  reader_ = std::make_unique<SegmentReader>(std::move(source), &counters_);
  entries_before_ = counters_.entries;
  return std::optional<Step>();
}

Result<std::optional<Step>> CaptureReader::follow_next_segment() {
  DSE_TRY_ASSIGN(Follow::Next next, follow_->next(over_));
  if (next.what == Follow::What::lost) {
    note(Note::What::missing, follow_->path() +
                                  ": the recorder went on to another segment, which is not there: "
                                  "it died, or the segment was removed");
    over_ = true;
    return std::optional<Step>();
  }
  if (next.what == Follow::What::never) return std::optional<Step>(Step{Step::What::end, {}});
  if (next.what == Follow::What::later) return std::optional<Step>(idle());
  auto source = open_byte_source(next.segment.path);
  if (!source) {
    DSE_TRY(follow_->failed(next.segment, source.error()));
    return std::optional<Step>(idle());
  }
  if (!(*source)->can_seek())
    return Error(ErrorCode::usage,
                 next.segment.path + " is no regular file; replay reads it as it comes");
  follow_->opened(next.segment);
  name_ = next.segment.path;
  was_open_ = !next.segment.sealed;
  reader_ = std::make_unique<SegmentReader>(std::move(*source), &counters_);
  reader_->set_growing(was_open_);
  entries_before_ = counters_.entries;
  return std::optional<Step>();
}

bool CaptureReader::still_grows() const {
  return reader_->source().is_being_recorded() ||
         (counters_.entries == entries_before_ && follow_->is_new());
}

// Says what is to be said about how the input ended; `error` is why reading stopped, if it did.
void CaptureReader::close_segment(const std::optional<Error>& error) {
  bool cut = (error && reader_->torn()) || (!error && !reader_->sealed());
  if (error && !reader_->torn()) {
    note(Note::What::damaged, name_ + ": " + error->message());
    broken_off_ = in_segment_;
  } else if (cut && was_open_ && (is_being_recorded(name_) || ::access(name_.c_str(), F_OK) != 0)) {
    note(Note::What::growing, name_ + ": still being recorded; this is what is there so far");
  } else if (cut && counters_.entries == entries_before_) {
    over_ = true;
    // The next segment is made before the last one ends: one note is enough.
    if (was_open_ && !std::exchange(died_, true))
      note(Note::What::unsealed,
           name_ + ": not sealed: the recorder died before its first entry; nothing to read");
    if (!was_open_)
      note(Note::What::damaged, name_ + ": empty or cut before its first entry; nothing to read");
  } else if (cut) {
    over_ = died_ = true;
    const std::uint64_t entries = counters_.entries - entries_before_;
    note(Note::What::unsealed,
         fmt::format("{}: not sealed: the recorder died or the file was cut; {} read{}", name_,
                     entries == 1 ? "its one complete entry was"
                                  : fmt::format("all {} complete entries were", entries),
                     error ? ", the last one is torn" : ""));
  }
  reader_.reset();
}

Step CaptureReader::idle() {
  idle_ = true;
  return Step{Step::What::idle, {}};
}

void CaptureReader::read_ahead(Executor executor) {
  ahead_ = std::make_unique<ReadAhead>(std::move(executor));
  use_ = std::make_shared<ColumnUse>();
}

// Reads the next header, and has its batch opened if it looks as if it were wanted.
void CaptureReader::start_ahead() {
  if (!ahead_ || follow_ || !reader_->source().can_seek()) return;
  next_batch_.reset();
  next_ = reader_->next();
  if (!*next_ || !**next_) return;
  const EntryRef& entry = ***next_;
  const Lane* lane = lane_of(entry.header);
  if (entry.header.type != EntryType::block || !lane || !is_wanted(entry.header, *lane)) return;
  ahead_->start([this, &entry] { next_batch_ = open_batch_ahead(entry.header, entry.body, use_); });
}

Result<std::optional<EntryRef>> CaptureReader::next_entry() {
  if (!next_) return reader_->next();
  if (ahead_->started()) ahead_->finish();
  return *std::exchange(next_, std::nullopt);
}

Result<Step> CaptureReader::next() {
  if (std::exchange(idle_, false)) follow_->watch().wait(follow_->options().patience);
  while (true) {
    if (follow_ && follow_->watch().stopped()) return Step{Step::What::end, {}};
    if (!reader_) {
      DSE_TRY_ASSIGN(auto step, follow_ ? follow_next_segment() : open_next_segment());
      if (step) return std::move(*step);
      continue;
    }
    if (follow_ && follow_->passes_start(reader_->position()))
      return Step{Step::What::idle, {}};  // and no reason to wait
    auto entry = next_entry();
    if (!entry) {
      if (entry.error().code() != ErrorCode::damaged) return entry.error();
      close_segment(entry.error());
      continue;
    }
    if (!*entry && reader_->growing()) {
      if (still_grows()) return idle();
      // What was written before the lock was let go is still to be read.
      reader_->set_growing(false);
      continue;
    }
    if (!*entry) {
      close_segment({});
      continue;
    }
    std::uint64_t offset = (*entry)->offset;
    auto step = take(**entry);
    if (!step) {
      if (step.error().code() != ErrorCode::damaged) return step.error();
      // One bad entry does not spoil the others.
      note(Note::What::damaged,
           fmt::format("{}: at byte {}: {}", name_, offset, step.error().message()));
      if ((*entry)->header.type == EntryType::block) lose((*entry)->header.kinds);
      continue;
    }
    if (!*step) continue;
    if ((*step)->what == Step::What::batch) start_ahead();
    return std::move(**step);
  }
}

Result<std::optional<Step>> CaptureReader::take(EntryRef& entry) {
  if (observer_) observer_->entry(entry.header);
  switch (entry.header.type) {
    case EntryType::segment: return take_segment(entry);
    case EntryType::snapshot:
    case EntryType::block: return take_batch(entry);
    case EntryType::end: return take_end(entry);
    case EntryType::trailer: break;
  }
  return std::optional<Step>();
}

CaptureReader::Lane* CaptureReader::lane_of(const EntryHeader& header) {
  for (Lane& lane : lanes_)
    if (short_id(lane.id) == header.capture) return &lane;
  return nullptr;
}

Result<CaptureReader::Lane*> CaptureReader::enter_lane(bool joins) {
  if (!joins) {
    for (const Lane& lane : lanes_)
      if (lane.id != info_.capture_id) add_losses(lane, ended_losses_);
    std::erase_if(lanes_, [&](const Lane& lane) { return lane.id != info_.capture_id; });
  }
  for (Lane& lane : lanes_)
    if (lane.id == info_.capture_id) return &lane;
  if (!joins) next_lane_ = 0;
  if (lanes_.size() == kMaxLanes)
    return Error(ErrorCode::damaged, "too many captures side by side");
  Lane& lane = lanes_.emplace_back();
  lane.id = info_.capture_id;
  lane.number = next_lane_++;
  lane.next_record = ~std::uint64_t{0};
  return &lane;
}

Result<std::optional<Step>> CaptureReader::take_segment(EntryRef& entry) {
  // In a merged capture, the headers of all but the first one stand within its segment.
  const bool joins = entry.header.position != 0;
  DSE_TRY_ASSIGN(SegmentInfo info, open_segment_info(entry.header, std::move(entry.body)));
  if (observer_) observer_->segment(name_, info);
  if (reader_->take_unsealed_inside())
    note(Note::What::unsealed, name_ +
                                   ": a segment before this one is not sealed: its end may be "
                                   "missing");
  info_ = std::move(info);
  DSE_TRY_ASSIGN(Lane * lane, enter_lane(joins));
  const bool same = lane->next_record != ~std::uint64_t{0};
  const bool goes_on = same && info_.first == lane->next_record;
  if (same && !goes_on) {
    if (info_.first > lane->next_record) {
      const std::uint64_t missing = info_.first - lane->next_record;
      note(Note::What::missing, name_ + ": " +
                                    plural(missing, "record before it is missing",
                                           "records before it are missing"));
      damaged_[0] += missing;
    } else {
      note(Note::What::damaged, name_ + ": segments are not in order, or twice");
    }
  }
  // Where the capture goes on, numbers tell what its damage cost.
  broken_ = (std::exchange(broken_off_, false) && !same) || broken_;
  in_segment_ = true;
  if (info_.abi_version > DSE_ABI_VERSION && !same)
    note(Note::What::newer, name_ + ": recorded by a newer version; what it added is left out");
  over_ = died_ = false;
  lane->next_record = info_.first;
  lane->take_snapshot = !goes_on;
  if (goes_on) return std::optional<Step>();
  return std::optional<Step>(
      Step{joins ? Step::What::joins : Step::What::capture, {}, lane->number});
}

// The records of the capture go on with this number.
void CaptureReader::expect(Lane& lane, std::uint64_t first) {
  if (first > lane.next_record) {
    note(Note::What::missing, name_ + ": " + describe_missing(lane.next_record, first));
    damaged_[0] += first - lane.next_record;
  } else if (first < lane.next_record) {
    note(Note::What::damaged,
         fmt::format("{}: records are there twice, or not in order: {} is expected next", name_,
                     lane.next_record + 1));
  }
  lane.next_record = first;
}

Result<std::optional<Step>> CaptureReader::take_end(EntryRef& entry) {
  Lane* lane = lane_of(entry.header);
  DSE_TRY_ASSIGN(EndInfo end, open_end_info(entry.header, std::move(entry.body)));
  if (observer_) observer_->end(end);
  if (!lane) return Error(ErrorCode::damaged, "the end of another capture");
  expect(*lane, entry.header.first);
  in_segment_ = lanes_.size() > 1;
  lane->losses = std::move(end.losses);
  lane->losses_known = true;
  over_ = end.last && lanes_.size() == 1;
  if (!end.last || lanes_.size() == 1) return std::optional<Step>();
  Step step{Step::What::leaves, {}, lane->number};
  add_losses(*lane, ended_losses_);
  lanes_.erase(lanes_.begin() + (lane - lanes_.data()));
  return std::optional<Step>(std::move(step));
}

bool CaptureReader::is_wanted(const EntryHeader& header, const Lane& lane) const {
  KindSet kinds = 0;
  for (const KindCount& kind : header.kinds)
    if (kind.kind < kMaxKinds) kinds |= kind_bit(kind.kind);
  const bool wanted = header.type == EntryType::snapshot || !block_wanted_ ||
                      block_wanted_({kinds, header.first, header.count, header.min_time,
                                     header.max_time, header.lost, lane.number});
  return (want_gaps_ && header.lost != 0) || (wanted && (kinds & wanted_));
}

Result<std::optional<Step>> CaptureReader::take_batch(EntryRef& entry) {
  const EntryHeader& header = entry.header;
  Lane* lane = lane_of(header);
  if (!lane)
    return Error(ErrorCode::damaged, header.type == EntryType::block
                                         ? "a block of another capture"
                                         : "a snapshot of another capture");
  const bool take_snapshot = std::exchange(lane->take_snapshot, false);
  if (header.type == EntryType::snapshot && !take_snapshot) return std::optional<Step>();
  if (header.type == EntryType::block) {
    expect(*lane, header.first);
    lane->next_record = header.first + header.count;
    lane->gap_losses += header.lost;
    lane->losses_known = false;
  }
  for (const KindCount& kind : header.kinds)
    if (kind.kind != 0 && kind.kind < kMaxKinds && !kind_layout(kind.kind) &&
        !(unknown_kinds_ & kind_bit(kind.kind))) {
      unknown_kinds_ |= kind_bit(kind.kind);
      note(Note::What::newer, fmt::format("{}: records of kind {} are newer than this program and "
                                          "left out",
                                          name_, kind.kind));
    }
  if (!is_wanted(header, *lane)) return std::optional<Step>();
  auto opened = std::exchange(next_batch_, std::nullopt);
  if (!opened) {
    DSE_TRY_ASSIGN(opened, open_batch(header, std::move(entry.body), &counters_, use_));
  }
  Batch batch = std::move(*opened);
  last_batch_.clear();
  if (header.type == EntryType::block) last_batch_ = header.kinds;
  if (batch.slice() != 0) {
    // Who puts events in order has a whole slice in memory.
    if (std::exchange(slice_, batch.slice()) != batch.slice()) slice_bytes_ = 0;
    slice_bytes_ += header.raw_bytes();
    if (slice_bytes_ > kMaxMessageBytes)
      return Error(ErrorCode::damaged, "a slice of more bytes than there can be");
  }
  return std::optional<Step>(Step{Step::What::batch, std::move(batch), lane->number});
}

void CaptureReader::add_losses(const Lane& lane, std::vector<Loss>& losses) {
  if (lane.losses_known) {
    for (const Loss& loss : lane.losses)
      if (loss.count) losses.push_back(loss);
  } else if (lane.gap_losses) {
    // Without an end only the gaps tell, and not by cause.
    losses.push_back({0, kGapsCause, lane.gap_losses});
  }
}

std::vector<Loss> CaptureReader::losses() const {
  std::vector<Loss> all = ended_losses_;
  for (const Lane& lane : lanes_) add_losses(lane, all);
  for (Loss& loss : damage()) all.push_back(std::move(loss));
  return all;
}

std::vector<Loss> CaptureReader::damage() const {
  std::vector<Loss> all;
  for (auto [kind, count] : damaged_) add_loss(all, kind, kDamagedCause, count);
  add_loss(all, 0, kUncountedCause, broken_ || broken_off_);
  return all;
}

bool CaptureReader::is_cut_short() const {
  return broken_ || broken_off_ ||
         std::any_of(notes_.begin(), notes_.end(),
                     [](const Note& one) { return one.what == Note::What::unsealed; });
}

}  // namespace dse::format
