#include "format/recover.h"

#include <algorithm>

#include <fmt/format.h>

#include "bpf/abi.h"
#include "format/check_batch.h"

namespace dse::format {
namespace {

// Whether all records can be written again.
bool is_known(const Batch& batch, const EntryHeader& header) {
  return std::all_of(header.kinds.begin(), header.kinds.end(), [&](const KindCount& kind) {
    return kind.kind == 0 || kind.count == 0 || batch.table(kind.kind);
  });
}

}  // namespace

Status Recovery::begin() {
  TranscribeOptions options;
  options.writer = writer_;
  DSE_TRY_ASSIGN(out_, Transcriber::open(options, fs_));
  return {};
}

Status Recovery::run(const std::vector<std::string>& paths) {
  DSE_TRY_ASSIGN(inputs_, pin_segments(paths));
  DSE_TRY(begin());
  for (PinnedSegment& segment : inputs_) {
    DSE_TRY_ASSIGN(auto source, open_pinned(segment));
    if (!source) {
      notes_.push_back(segment.path + ": removed before it was read, as by --keep");
      continue;
    }
    DSE_TRY(read(std::move(*source), segment));
  }
  return finish();
}

Status Recovery::run(std::shared_ptr<ByteSource> source) {
  DSE_TRY(begin());
  PinnedSegment segment;
  segment.path = "-";
  DSE_TRY(read(std::move(source), segment));
  return finish();
}

Recovery::Account Recovery::account() const {
  Account account = account_;
  if (!out_) return account;
  Transcriber::Account written = out_->account();
  account.records = written.records;
  account.blocks = written.blocks;
  account.bytes = written.bytes;
  return account;
}

Status Recovery::read(std::shared_ptr<ByteSource> source, const PinnedSegment& segment) {
  path_ = shown_path(segment);
  first_in_input_ = true;
  last_offset_ = 0;
  DSE_TRY_ASSIGN(InputEnd end, read_input(std::move(source), *this));
  DSE_TRY(end_of_input(segment, end));
  bytes_ += end.offset;
  return {};
}

Status Recovery::finish() {
  if (open_) {
    if (!original_.complete) {
      open_->records.reset();
      lose_uncounted();
    } else {
      open_->lost = false;
    }
    report(*std::exchange(open_, {}));
  }
  if (end_missing_) lose_uncounted();
  DSE_TRY(write_empty());
  DSE_TRY(out_->finish());
  if (!any_written_)
    return Error(ErrorCode::damaged, path_ + ": nothing in it can be recovered: no entry is whole");
  return {};
}

LostPart Recovery::part(std::uint64_t offset, std::string what) const {
  LostPart part;
  part.path = path_;
  part.offset = offset;
  part.what = std::move(what);
  return part;
}

void Recovery::report(LostPart part) {
  part.lost = part.lost || !part.records || *part.records != 0;
  account_.lost_any = account_.lost_any || part.lost;
  account_.lost_uncounted = account_.lost_uncounted || !part.records;
  account_.lost_records += part.records.value_or(0);
  report_(part);
}

// ---- damage --------------------------------------------------------------------------------------

Status Recovery::hole(const SegmentReader::Hole& hole, const Error& error) {
  if (hole.header && hole.header->type == EntryType::block && original_.any &&
      hole.header->capture == original_.capture) {
    lose_block(*hole.header, hole.begin, error.message());
    return {};
  }
  std::string what = error.message();
  if (hole.end > hole.begin)
    what += fmt::format("; {} bytes cannot be read", hole.end - hole.begin);
  if (open_)
    open_->what += fmt::format("; and at byte {}, {}", hole.begin, what);
  else
    open_ = part(hole.begin, std::move(what));
  return {};
}

void Recovery::lose_block(const EntryHeader& header, std::uint64_t offset, const std::string& why) {
  settle(header.first, header.min_time, offset);
  LostPart lost = part(offset, describe_entry(header) + ": " + why);
  lost.records = header.count;
  lost.first = original_.numbered ? 0 : header.first + 1;
  if (header.min_time <= header.max_time && header.max_time != 0) {
    lost.since_ns = header.min_time + original_.offset;
    lost.until_ns = header.max_time + original_.offset;
  }
  original_.damaged += header.count;
  original_.hole = true;
  original_.next = header.first + header.count;
  if (!pending_ && !begun_) end_missing_ = true;  // its segment is lost, too: who knows what followed
  report(std::move(lost));
}

// Another capture comes: nobody can tell what the damage before it cost.
void Recovery::lose_open(const EntryHeader& next) {
  if (original_.capture == next.capture) {
    end_missing_ = false;  // numbers tell what is missing
    return;
  }
  if (!open_ || !original_.any || original_.complete) {
    if (end_missing_) lose_uncounted();
    return;
  }
  open_->records.reset();
  lose_uncounted();
  report(*std::exchange(open_, {}));
}

// The next record that is there, or would be, is `first`, of boot time `until`: so much was lost.
void Recovery::settle(std::uint64_t first, std::uint64_t until, std::uint64_t offset) {
  const bool gap = original_.next && first > *original_.next;
  if (open_ || gap) {
    LostPart lost = open_ ? *std::exchange(open_, {})
                          : part(offset, "before it, records are missing");
    lost.lost = false;
    if (gap) {
      lost.records = first - *original_.next;
      lost.first = original_.numbered ? 0 : *original_.next + 1;
      original_.damaged += *lost.records;
      original_.hole = true;
      if (original_.last_time) lost.since_ns = original_.last_time + original_.offset;
      if (until) lost.until_ns = until + original_.offset;
    } else if (!original_.next && !original_.from_start) {
      lost.records.reset();
      original_.damaged_uncounted = true;
    }
    report(std::move(lost));
  }
  original_.next = std::max(original_.next.value_or(0), first);
}

// ---- entries -------------------------------------------------------------------------------------

Status Recovery::entry(const EntryRef& entry) {
  Status status;
  switch (entry.header.type) {
    case EntryType::segment: status = take_segment(entry); break;
    case EntryType::snapshot: status = take_snapshot(entry); break;
    case EntryType::block: status = take_block(entry); break;
    case EntryType::end: status = take_end(entry); break;
    default: break;  // a trailer; what later versions may have is not known to be needed
  }
  first_in_input_ = false;
  last_position_ = entry.header.position;
  last_offset_ = entry.offset;
  if (progress) progress(bytes_ + entry.offset);
  return status;
}

Status Recovery::take_segment(const EntryRef& entry) {
  auto info = open_segment_info(entry.header, entry.body);
  if (entry.header.position != 0 || (info && is_merged(*info)))
    return Error(ErrorCode::usage,
                 path_ + ": merged captures cannot be recovered; recover each, and merge them again");
  const std::uint64_t first = entry.header.first;
  const bool same = original_.any && original_.capture == entry.header.capture;
  lose_open(entry.header);
  DSE_TRY(end_segment({}, false));
  if (!same) DSE_TRY(write_empty());
  std::optional<Pending> empty = std::exchange(pending_, {});
  empty_end_.reset();
  if (!info)
    report(part(entry.offset,
                "segment header: " + info.error().message() + "; made from what else is known"));
  SegmentInfo known = info ? std::move(*info) : make_info(entry.header.capture);
  enter_capture(entry.header.capture);
  original_.info = std::move(known);
  original_.offset = original_.info.real_time - original_.info.boot_time;
  original_.complete = false;
  if (same && original_.next && first < *original_.next) {
    restart(first);
    empty.reset();
  } else {
    const auto& options = original_.info.options;
    if (!same)  // what was recovered before may begin in the middle
      original_.from_start = original_.info.segment == 0 &&
                             std::none_of(options.begin(), options.end(), [](const auto& option) {
                               return option.first == kNumberedOption;
                             });
    settle(first, 0, entry.offset);
  }
  pending_ = Pending{original_.info, {}, false};
  // Nothing came of the segment before, and nothing is missing: then its snapshot still counts.
  if (empty && !original_.hole) pending_->snapshot = std::move(empty->snapshot);
  return {};
}

Status Recovery::take_snapshot(const EntryRef& entry) {
  DSE_TRY(ensure_segment(entry));
  pending_->snapshot_met = true;
  if (pending_->snapshot) return {};
  CheckedBatch checked = check_batch(entry.header, entry.body);
  if (checked.sound() && is_known(*checked.batch, entry.header))
    pending_->snapshot = std::move(checked.batch);
  else
    report(part(entry.offset, "snapshot: " + (checked.faults.empty() ? "made by a newer version"
                                                                     : checked.faults.front())));
  return {};
}

Status Recovery::take_block(const EntryRef& entry) {
  const EntryHeader& header = entry.header;
  if (original_.any && header.capture == original_.capture && original_.next &&
      header.first < *original_.next && (pending_ || begun_)) {
    LostPart again = part(entry.offset,
                          describe_entry(header) + ": its records were there already");
    again.lost = false;
    if (header.first + header.count > *original_.next) {  // but for the last ones
      again.records = header.first + header.count - *original_.next;
      again.first = original_.numbered ? 0 : *original_.next + 1;
      original_.damaged += *again.records;
      original_.hole = true;
      original_.next = header.first + header.count;
    }
    report(std::move(again));
    return {};
  }
  DSE_TRY(ensure_segment(entry));
  CheckedBatch checked = check_batch(header, entry.body);
  if (!checked.sound() || !is_known(*checked.batch, header)) {
    lose_block(header, entry.offset,
               checked.faults.empty() ? "made by a newer version" : checked.faults.front());
    return {};
  }
  settle(header.first, header.min_time, entry.offset);
  if (header.count == 0) return {};
  if (pending_) {
    if (!pending_->snapshot_met && !pending_->snapshot)
      report(part(entry.offset, "the snapshot before it is missing"));
    DSE_TRY(write_begin(header.first));
  }
  if (original_.hole && original_.from_start) out_->streams_begin_at_zero();
  DSE_TRY(out_->block(*checked.batch));
  follow(*checked.batch, header);
  return {};
}

void Recovery::follow(const Batch& batch, const EntryHeader& header) {
  original_.next = header.first + header.count;
  original_.hole = false;
  original_.numbered = batch.number(0) != header.first + 1;
  if (header.min_time <= header.max_time) original_.last_time = header.max_time;
  for (const Gap& gap : batch.gaps())
    if (gap.lost > 0) original_.gaps[gap.kind] += static_cast<std::uint64_t>(gap.lost);
  if (const Table* clock = batch.table(DSE_CLOCK_SAMPLE); clock && clock->rows() != 0) {
    auto time = clock->time();
    auto real = clock->ints(static_cast<unsigned>(clock->layout().column("real")));
    if (time && real) {
      original_.offset = real->back() - time->back();
      original_.info.boot_time = time->back();
      original_.info.real_time = real->back();
    }
  }
}

Status Recovery::take_end(const EntryRef& entry) {
  DSE_TRY(ensure_segment(entry));
  settle(entry.header.first, 0, entry.offset);
  auto end = open_end_info(entry.header, entry.body);
  if (!end) {
    report(part(entry.offset, "end entry: " + end.error().message()));
    return end_segment(made_end(false), true);
  }
  original_.complete = end->last;
  return end_segment(std::move(*end), true);
}

Status Recovery::end_of_input(const PinnedSegment& segment, const InputEnd& end) {
  const bool growing = segment.growing && (!end.error || end.torn);
  if (growing) {
    notes_.push_back(
        fmt::format("{}: still being recorded; this is what was there", shown_path(segment)));
  } else if (end.error) {
    DSE_TRY(hole(end.hole, *end.error));
  } else if (end.offset == 0) {
    report(part(0, "empty: its recorder died, or it was cut"));
  }
  return end_segment({}, growing);
}

}  // namespace dse::format
