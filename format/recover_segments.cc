// Recovery: segments, and what stands for those of their entries that are lost.
#include <algorithm>
#include <cstring>

#include <fmt/format.h>

#include "bpf/abi.h"
#include "format/recover.h"

namespace dse::format {
void Recovery::enter_capture(std::uint64_t capture) {
  if (original_.any && original_.capture == capture) return;
  original_ = {};
  original_.any = true;
  original_.capture = capture;
  out_->begin_capture();
}

// The records of the capture begin anew: segments are not in order, or twice.
void Recovery::restart(std::uint64_t first) {
  SegmentInfo info = std::move(original_.info);
  const std::uint64_t capture = original_.capture, offset = original_.offset;
  original_ = {};
  original_.any = true;
  original_.capture = capture;
  original_.info = std::move(info);
  original_.offset = offset;
  original_.next = first;
  original_.part = ++parts_;
  out_->begin_capture();
}

// A snapshot, block or end whose segment header was lost gets another one.
Status Recovery::ensure_segment(const EntryRef& entry) {
  const EntryHeader& header = entry.header;
  const bool belongs = original_.any && header.capture == original_.capture;
  const bool in_segment = header.type == EntryType::snapshot ? pending_ && !pending_->snapshot_met
                                                             : pending_ || begun_;
  const bool further = header.position > last_position_ || !open_;
  if (belongs && in_segment && further && !empty_end_) return {};
  lose_open(header);
  DSE_TRY(end_segment({}, false));
  if (!belongs) DSE_TRY(write_empty());
  std::optional<Batch> snapshot;  // of a segment that nothing came of still counts
  if (pending_ && !original_.hole) snapshot = std::move(pending_->snapshot);
  empty_end_.reset();
  enter_capture(header.capture);
  original_.info = make_info(header.capture);
  original_.offset = original_.info.real_time - original_.info.boot_time;
  original_.complete = false;
  if (!belongs && first_in_input_) {
    original_.next = segment_number(path_);
    if (header.type == EntryType::block && original_.next && header.first < *original_.next)
      original_.next.reset();  // the name is wrong
  }
  pending_ = Pending{original_.info, std::move(snapshot), false};
  report(
      part(entry.offset, "the segment header before it is missing; made from what else is known"));
  return {};
}

std::optional<SegmentInfo> Recovery::find_info(std::uint64_t capture) {
  for (PinnedSegment segment : inputs_) {
    if (segment.path == "-") continue;
    auto source = open_pinned(segment);
    if (!source || !*source || !(**source)->can_seek()) continue;
    SegmentReader reader(**source, nullptr, OnDamage::go_on);
    while (true) {
      auto entry = reader.next();
      if (!entry && entry.error().code() != ErrorCode::damaged) break;
      if (!entry) continue;
      if (!*entry) break;
      if ((*entry)->header.type != EntryType::segment || (*entry)->header.capture != capture)
        continue;
      if (auto info = open_segment_info((*entry)->header, (*entry)->body)) return std::move(*info);
    }
  }
  return std::nullopt;
}

// For a segment header that is lost.
SegmentInfo Recovery::make_info(std::uint64_t capture) {
  if (original_.any && original_.capture == capture && original_.info.format_version != 0 &&
      short_id(original_.info.capture_id) == capture) {
    SegmentInfo info = original_.info;  // with the clock as it went on
    ++info.segment;
    return info;
  }
  if (auto info = find_info(capture)) return *info;
  SegmentInfo info;
  info.abi_version = DSE_ABI_VERSION;
  std::memcpy(info.capture_id.data(), &capture, sizeof(capture));
  info.segment = 1;  // not known to be the first one
  info.recorder_version = "unknown";
  info.host_name = "unknown";
  return info;
}

// Begins to write pending_, whose first record to be written has this number.
Status Recovery::write_begin(std::uint64_t first) {
  Pending at = std::move(*pending_);
  pending_.reset();
  if (original_.written && original_.hole && at.snapshot) {
    // What happened in the hole is in this snapshot alone.
    original_.part = ++parts_;
    original_.written = false;
    original_.told = original_.last_told;
    original_.gaps.clear();
    original_.damaged -= original_.damaged_told;
    original_.damaged_told = 0;
  }
  std::uint64_t out_first = out_->next();
  if (!original_.written) {
    out_first = any_written_ ? std::max(first, out_first) : first;
    if (any_written_ && out_->has_files() && out_first == last_first_) ++out_first;
  }
  SegmentInfo info = std::move(at.info);
  info.abi_version = std::min<std::uint16_t>(info.abi_version, DSE_ABI_VERSION);
  info.capture_id = derived_id(info.capture_id, fmt::format("recovered {}", original_.part));
  std::erase_if(info.options, [](const auto& option) { return option.first == kNumberedOption; });
  info.options.emplace_back(kNumberedOption, kRecoveredValue);
  original_.written = any_written_ = begun_ = true;
  last_first_ = out_first;
  return out_->begin_segment(std::move(info), out_first, at.snapshot ? &*at.snapshot : nullptr);
}

EndInfo Recovery::made_end(bool growing) const {
  EndInfo end;
  end.reason = growing ? "still being recorded when it was recovered" : "its end was lost";
  for (auto [kind, count] : original_.gaps) end.losses.push_back({kind, kGapsCause, count});
  return end;
}

void Recovery::add_damage(EndInfo& end) const {
  subtract_losses(end.losses, original_.told);
  add_loss(end.losses, 0, kDamagedCause, original_.damaged);
  if (original_.damaged_uncounted) add_loss(end.losses, 0, kUncountedCause, 1);
}

// Also in the end of what is written already, where nothing follows.
void Recovery::lose_uncounted() {
  account_.lost_any = account_.lost_uncounted = true;
  end_missing_ = false;
  original_.damaged_uncounted = true;
  EndInfo* end = pending_ || begun_ ? nullptr : out_->waiting_end();
  if (end) end->losses.push_back({0, kUncountedCause, 1});
}

// The segment at hand, if it has no records, so that it is not lost.
Status Recovery::write_empty() {
  if (!pending_) return {};
  EndInfo end = empty_end_ ? *std::exchange(empty_end_, {}) : made_end(false);
  DSE_TRY(write_begin(original_.next.value_or(0)));
  return end_segment(std::move(end), false);
}

// Of the segment at hand; without `end` it has none, which is no loss as long as it grows.
Status Recovery::end_segment(std::optional<EndInfo> end, bool growing) {
  if ((!pending_ && !begun_) || (pending_ && empty_end_)) return {};
  if (!end) {
    if (!growing)
      report(part(last_offset_, "the end of the segment is missing: why it ended, and its losses"));
    end = made_end(growing);
    end_missing_ = !growing;
  }
  if (pending_) {  // it is written when it is known what follows
    empty_end_ = std::move(end);
    return {};
  }
  begun_ = false;
  original_.last_told = end->losses;
  add_damage(*end);
  original_.damaged_told = original_.damaged;
  return out_->end_segment(std::move(*end));
}

}  // namespace dse::format
