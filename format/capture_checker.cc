#include "format/capture_checker.h"

#include <algorithm>

#include <fmt/format.h>

#include "format/capture_directory.h"
#include "format/capture_writer.h"
#include "format/plural.h"

namespace dse::format {
namespace {

// Captures that are followed at a time; more are never in one place.
constexpr std::size_t kMaxCaptures = 1024;

bool same_item(const IndexItem& a, const IndexItem& b) {
  return a.type == b.type && a.first == b.first && a.count == b.count && a.min_time == b.min_time &&
         a.max_time == b.max_time && a.lost == b.lost && a.kinds == b.kinds;
}

}  // namespace

std::string describe_entry(const EntryHeader& header) {
  switch (header.type) {
    case EntryType::segment: return "segment header";
    case EntryType::snapshot: return "snapshot";
    case EntryType::block:
      return header.count == 0 ? "empty block"
                               : fmt::format("block of records {} to {}", header.first + 1,
                                             header.first + header.count);
    case EntryType::end: return "end entry";
    case EntryType::trailer: return "trailer";
  }
  return fmt::format("entry of type {}", static_cast<unsigned>(header.type));
}

void CaptureChecker::report(std::uint64_t offset, std::string entry, std::string reason) {
  ++counts_.findings;
  report_({path_, offset, std::move(entry), std::move(reason)});
}

void CaptureChecker::report(const EntryRef& entry, std::string reason) {
  report(entry.offset, describe_entry(entry.header), std::move(reason));
}

void CaptureChecker::begin_input(const std::string& path, const std::string& directory) {
  path_ = path;
  if (directory != directory_) in_directory_.reset();
  directory_ = directory;
  first_in_input_ = true;
  end_position_.reset();
  for (auto& [id, lane] : lanes_) lane.in_segment = false;
}

// The oldest one is forgotten where there are too many.
CaptureChecker::Lane& CaptureChecker::lane(std::uint64_t capture) {
  if (lanes_.size() >= kMaxCaptures && !lanes_.contains(capture))
    lanes_.erase(std::min_element(lanes_.begin(), lanes_.end(), [](const auto& a, const auto& b) {
      return a.second.used < b.second.used;
    }));
  Lane& found = lanes_[capture];
  found.used = ++uses_;
  return found;
}

void CaptureChecker::hole(const SegmentReader::Hole& hole, const Error& error) {
  std::string entry = hole.header ? describe_entry(*hole.header) : "";
  std::string reason = error.message();
  if (hole.end > hole.begin)
    reason += "; " + plural(hole.end - hole.begin, "byte") + " cannot be read";
  report(hole.begin, std::move(entry), std::move(reason));
  for (auto& [id, lane] : lanes_) {
    lane.whole = false;
    lane.continuity.forget();
  }
  end_position_.reset();
}

void CaptureChecker::unsealed(std::uint64_t offset, const std::string& how) {
  report(offset, "", how);
  for (auto& [id, lane] : lanes_) lane.in_segment = false;
}

std::optional<Batch> CaptureChecker::entry(const EntryRef& entry) {
  const std::uint64_t before = counts_.findings;
  const EntryHeader& header = entry.header;
  std::optional<Batch> batch;
  if (header.type != EntryType::trailer) end_position_.reset();
  const bool has_rows = header.type == EntryType::block || header.type == EntryType::snapshot;
  if (!has_rows &&
      (header.count || header.min_time || header.max_time || header.lost || !header.kinds.empty()))
    report(entry, "its header has records, and it cannot have any");
  switch (header.type) {
    case EntryType::segment: begin_segment(entry); break;
    case EntryType::snapshot:
    case EntryType::block: batch = take_batch(entry); break;
    case EntryType::end: end_segment(entry); break;
    case EntryType::trailer: trailer(entry); break;
    default:  // of a later version
      for (const Error& error : check_frames(header, entry.body)) report(entry, error.message());
  }
  first_in_input_ = false;
  if (counts_.findings == before) ++counts_.entries;
  return batch;
}

// ---- segments ------------------------------------------------------------------------------------

void CaptureChecker::begin_segment(const EntryRef& entry) {
  ++counts_.segments;
  // In a merged capture the headers of the others stand within the segment of the first one.
  if (entry.header.position == 0)
    for (auto& [id, lane] : lanes_) lane.in_segment = false;
  Lane& at = lane(entry.header.capture);
  at.in_segment = at.whole = true;
  at.snapshot = at.ended = false;
  at.records = at.indexed = 0;
  at.index.clear();
  std::vector<Error> errors = check_frames(entry.header, entry.body);
  for (const Error& error : errors) report(entry, error.message());
  auto info = errors.empty() ? open_segment_info(entry.header, entry.body)
                             : Result<SegmentInfo>(errors.front());
  if (info) {
    follow_segment(at, *info, entry);
    return;
  }
  if (errors.empty()) report(entry, info.error().message());
  if (at.known && entry.header.first != at.next_record) {
    if (entry.header.first > at.next_record)
      report(entry, describe_missing(at.next_record, entry.header.first));
    at.continuity.forget();
  }
  at.next_record = entry.header.first;
}

void CaptureChecker::follow_segment(Lane& at, const SegmentInfo& info, const EntryRef& entry) {
  if (info.format_version != entry.header.version)
    report(entry, fmt::format("it says format version {}, and its header {}", info.format_version,
                              entry.header.version));
  if (info.first != entry.header.first)
    report(entry, "the number of its first record is not that of its header");
  const bool same = at.known && at.id == info.capture_id;
  if (auto number = segment_number(path_); first_in_input_ && number && *number != info.first)
    report(entry,
           fmt::format("the file is named by record {}, and begins with {}", *number, info.first));
  if (same) {
    if (info.first > at.next_record)
      report(entry, "before it, " + describe_missing(at.next_record, info.first));
    else if (info.first < at.next_record)
      report(entry, "segments are not in order, or twice");
    else if (info.segment != at.segment + 1)
      report(entry, fmt::format("it is segment {} of its capture, behind segment {}", info.segment,
                                at.segment));
  } else if (in_directory_ && info.segment != 0 && segment_number(path_)) {
    // Retention removes the oldest files first, so what is behind others is there from its start.
    report(entry,
           info.segment == 1
               ? "the first segment of its capture is missing"
               : fmt::format("the first {} segments of its capture are missing", info.segment));
  }
  if (!same || info.first != at.next_record) {
    at.continuity.forget();
    at.last_number = 0;
  }
  at.id = info.capture_id;
  at.known = true;
  at.segment = info.segment;
  at.next_record = info.first;
  if (!directory_.empty()) in_directory_ = info.capture_id;
}

// As the writer has it: where it grows too large, every other item is left out.
void CaptureChecker::note_index(Lane& at, const EntryHeader& header) {
  ++at.indexed;
  std::uint64_t kinds = 0;
  for (const KindCount& kind : header.kinds)
    if (kind.kind < kMaxKinds) kinds |= std::uint64_t{1} << kind.kind;
  if (at.index.size() >= kMaxIndexItems) {
    std::size_t kept = 0;
    for (std::size_t i = 0; i < at.index.size(); i += 2) at.index[kept++] = at.index[i];
    at.index.resize(kept);
  }
  at.index.push_back({header.position, header.type, header.first,
                      static_cast<std::uint32_t>(header.count), header.min_time, header.max_time,
                      header.lost, kinds});
}

void CaptureChecker::end_segment(const EntryRef& entry) {
  std::vector<Error> errors = check_frames(entry.header, entry.body);
  for (const Error& error : errors) report(entry, error.message());
  end_position_ = entry.header.position;
  end_capture_ = entry.header.capture;
  Lane& at = lane(entry.header.capture);
  if (!at.in_segment || at.ended) report(entry, "it ends no segment");
  if (!at.snapshot && at.whole) report(entry, "the segment has no snapshot");
  at.ended = true;
  const EntryHeader& header = entry.header;
  if (header.first != at.next_record)
    report(entry, header.first > at.next_record
                      ? "before it, " + describe_missing(at.next_record, header.first)
                      : fmt::format("it counts {}, and there are {}",
                                    plural(header.first, "record"), at.next_record));
  at.next_record = std::max(at.next_record, header.first);
  if (!errors.empty()) return;
  auto end = open_end_info(header, entry.body);
  if (!end) {
    report(entry, end.error().message());
    return;
  }
  if (end->records != at.records && at.whole)
    report(entry, fmt::format("it says that the segment has {}, and it has {}",
                              plural(end->records, "record"), at.records));
  check_index(at, end->index, entry);
}

void CaptureChecker::check_index(const Lane& at, const std::vector<IndexItem>& told,
                                 const EntryRef& entry) {
  std::size_t right = 0;
  std::uint64_t before = 0;
  for (std::size_t i = 0; i < told.size(); ++i) {
    const IndexItem& item = told[i];
    auto wrong = [&](const char* what) {
      report(entry, fmt::format("item {} of its index, for byte {}, {}", i, item.offset, what));
    };
    if (i > 0 && item.offset <= before) return wrong("is not in order");
    before = item.offset;
    auto found = std::lower_bound(
        at.index.begin(), at.index.end(), item.offset,
        [](const IndexItem& one, std::uint64_t offset) { return one.offset < offset; });
    if (found != at.index.end() && found->offset == item.offset) {
      ++right;
      if (!same_item(*found, item)) return wrong("is not what the entry there says");
    } else if (at.whole && at.indexed <= kMaxIndexItems) {
      return wrong("leads to no snapshot or block");
    }
  }
  if (at.whole && at.indexed <= kMaxIndexItems && right != at.indexed)
    report(entry, fmt::format("its index has {} of {} snapshots and blocks", right, at.indexed));
}

void CaptureChecker::trailer(const EntryRef& entry) {
  for (auto& [id, lane] : lanes_) lane.in_segment = false;
  if (!end_position_) {
    report(entry, "there is no end entry before it");
  } else if (entry.header.first != *end_position_ || entry.header.capture != end_capture_) {
    report(entry, "it does not lead to the end entry before it");
  }
  end_position_.reset();
}

// ---- records -------------------------------------------------------------------------------------

std::optional<Batch> CaptureChecker::take_batch(const EntryRef& entry) {
  const EntryHeader& header = entry.header;
  const bool is_snapshot = header.type == EntryType::snapshot;
  const bool known = lanes_.contains(header.capture);
  Lane& at = lane(header.capture);
  if (!known || (!at.in_segment && at.whole))
    report(entry, "it belongs to no segment here");
  else if (at.ended)
    report(entry, "it stands behind the end of its segment");
  at.in_segment = true;
  if (is_snapshot) {
    if (at.snapshot || at.indexed != 0) report(entry, "it does not follow on its segment's header");
    at.snapshot = true;
    if (header.first != 0) report(entry, "its header numbers its rows");
  } else {
    if (!at.snapshot && at.whole && at.indexed == 0)
      report(entry, "the segment has no snapshot before it");
    if (!known) {
      at.next_record = header.first;
      at.whole = false;
    }
    if (header.first > at.next_record) {
      report(entry, "before it, " + describe_missing(at.next_record, header.first));
      at.continuity.forget();
    } else if (header.first < at.next_record) {
      report(entry, fmt::format("its records are there twice, or not in order: {} is expected next",
                                at.next_record + 1));
      at.continuity.forget();
      at.last_number = 0;
    }
    at.next_record = header.first + header.count;
    at.records += header.count;
  }
  note_index(at, header);

  CheckedBatch checked = check_batch(header, entry.body);
  for (std::string& fault : checked.faults) report(entry, std::move(fault));
  if (!checked.sound()) {
    if (!is_snapshot) at.continuity.forget();
    return std::nullopt;
  }
  if (is_snapshot) {
    check_snapshot(*checked.batch, entry);
  } else {
    ++counts_.blocks;
    counts_.records += header.count;
    for (std::string& fault : at.continuity.take(*checked.batch)) report(entry, std::move(fault));
    check_numbers(at, *checked.batch, entry);
  }
  return std::move(checked.batch);
}

void CaptureChecker::check_snapshot(const Batch& batch, const EntryRef& entry) {
  for (const StreamPosition& stream : batch.streams())
    if (stream.seq != 0) {
      report(entry, "its sequence numbers do not begin at 0");
      break;
    }
  Continuity alone;
  for (std::string& fault : alone.take(batch)) report(entry, std::move(fault));
  if (batch.snapshot()->begin_time > batch.snapshot()->end_time)
    report(entry, "it was ended before it began");
}

// Numbers rise, also those that records bring with them.
void CaptureChecker::check_numbers(Lane& at, const Batch& batch, const EntryRef& entry) {
  if (batch.count() == 0) return;
  if (batch.number(0) <= at.last_number)
    report(entry, fmt::format("its first record has the number {}, and the one before it {}",
                              batch.number(0), at.last_number));
  at.last_number = batch.number(batch.count() - 1);
}

}  // namespace dse::format
