#include "format/compact.h"

#include <algorithm>

#include <fmt/format.h>

#include "bpf/abi.h"

namespace dse::format {
namespace {

// Larger ones gain little, and a query has to load more for a single record.
constexpr std::uint32_t kBlockRecords = 32768;
constexpr std::size_t kBlockBytes = std::size_t{4} << 20;

Error refuse(const std::string& path, const std::string& why) {
  return {ErrorCode::damaged,
          path + ": " + why + "; only what is whole is compacted: 'dse recover' makes it so"};
}

}  // namespace

Compaction::Compaction(WriterOptions writer, FileSystem& fs)
    : options_{std::move(writer), kBlockRecords, kBlockBytes},
      fs_(fs),
      checker_([this](const Finding& finding) {
        if (!finding_) finding_ = finding;
      }) {}

Compaction::Account Compaction::account() const {
  Account account{bytes_, blocks_, {}};
  if (out_) account.written = out_->account();
  return account;
}

Status Compaction::checked() const {
  if (!finding_) return {};
  std::string entry = finding_->entry.empty() ? "" : finding_->entry + ": ";
  return refuse(finding_->path,
                fmt::format("at byte {}: {}{}", finding_->offset, entry, finding_->reason));
}

Status Compaction::run(const std::vector<std::string>& paths) {
  DSE_TRY_ASSIGN(auto segments, pin_segments(paths));
  for (const PinnedSegment& segment : segments) {
    if (segment.growing)
      return Error(ErrorCode::usage, segment.path +
                                         " is still being recorded; compact what is "
                                         "complete, or wait for the rest");
    if (segment.open_name) return refuse(segment.path, "its recorder died");
  }
  DSE_TRY_ASSIGN(out_, Transcriber::open(options_, fs_));
  for (PinnedSegment& segment : segments) {
    DSE_TRY_ASSIGN(auto source, open_pinned(segment));
    if (!source) return Error(ErrorCode::io, segment.path + " went away");
    path_ = shown_path(segment);
    checker_.begin_input(path_, segment.directory);
    DSE_TRY_ASSIGN(InputEnd end, read_input(std::move(*source), *this));
    if (end.error) return refuse(path_, end.error->message());
    if (!end.sealed) return refuse(path_, "it is not sealed");
    bytes_ += end.offset;
  }
  return out_->finish();
}

Status Compaction::hole(const SegmentReader::Hole& hole, const Error& error) {
  return refuse(path_, fmt::format("at byte {}: {}", hole.begin, error.message()));
}

void Compaction::unsealed_inside(std::uint64_t offset) {
  checker_.unsealed(offset, "the segment before this one is not sealed");
}

Status Compaction::entry(const EntryRef& entry) {
  const EntryHeader& header = entry.header;
  std::optional<Batch> batch = checker_.entry(entry);
  DSE_TRY(checked());
  if (progress) progress(bytes_ + entry.offset);
  if (batch)
    for (Kind kind : batch->kinds())
      if (kind != 0 && !batch->table(kind))
        return Error(ErrorCode::usage, path_ +
                                           ": it has records of a kind that only a newer dse "
                                           "knows; compact it with that one");
  switch (header.type) {
    case EntryType::segment: return begin_segment(entry);
    case EntryType::snapshot: return out_->begin_segment(info_, info_.first, &*batch);
    case EntryType::block: ++blocks_; return out_->block(*batch);
    case EntryType::end: {
      DSE_TRY_ASSIGN(EndInfo end, open_end_info(header, entry.body));
      return out_->end_segment(std::move(end));
    }
    default: return {};
  }
}

Status Compaction::begin_segment(const EntryRef& entry) {
  DSE_TRY_ASSIGN(SegmentInfo info, open_segment_info(entry.header, entry.body));
  if (info.abi_version > DSE_ABI_VERSION)
    return Error(ErrorCode::usage,
                 path_ + ": it was recorded by a newer dse; compact it with that one");
  if (entry.header.position != 0)
    return Error(ErrorCode::usage, path_ +
                                       ": merged captures cannot be compacted; compact each before "
                                       "they are merged");
  if (any_ && out_->has_files() && info.first <= info_.first)
    return Error(
        ErrorCode::usage,
        path_ +
            ": its records have numbers that others have too, and files of a directory are "
            "named by them; write a file NAME.dse, or each capture by itself");
  if (!any_ || info.capture_id != info_.capture_id) out_->begin_capture();
  any_ = true;
  info_ = std::move(info);
  return {};
}

}  // namespace dse::format
