// A capture being written: segments of snapshot, blocks and end, rotated and, if asked, pruned.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "format/encode.h"
#include "format/entry.h"
#include "format/segment_file.h"
#include "format/segment_info.h"

namespace dse::format {

// More items are never in the index of a segment; every other one is left out instead.
inline constexpr std::size_t kMaxIndexItems = 65536;

struct WriterOptions {
  std::string path;        // directory, file, or "-"
  int level = 1;           // zstd
  std::uint32_t keep = 0;  // sealed segments to keep in a directory; 0: all
};

// What stands at the start of a segment.
struct Snapshot {
  Rows rows;
  BatchEncoder::SnapshotSpan span;
};

class CaptureWriter {
 public:
  // Checks and makes the place to write to. A path that ends in ".dse" is a file, a pipe or device
  // that exists is a stream; anything else is a directory, made if need be. `fs` outlives the writer.
  static Result<std::unique_ptr<CaptureWriter>> open(const WriterOptions& options, FileSystem& fs);

  // The number of the first record to write: a directory may have captures already.
  std::uint64_t first_record() const { return first_record_; }
  // Whether each segment gets a file of its own, so that old ones can go.
  bool can_rotate() const { return place_ == Place::directory; }

  // Begins a segment. `info.segment` and `info.first` are set here: the segments that have one
  // capture id are counted from 0.
  Status begin_segment(SegmentInfo info, std::uint64_t first, const Snapshot& snapshot);
  // In a merged capture, begins another capture within the segment: its header and its snapshot.
  // `info.first` is that of its first record.
  Status join(SegmentInfo info, const Snapshot& snapshot);
  // Rows in a segment that has begun, with `rows.first` set; in a merged capture, of the capture of that
  // id.
  Status write(const Rows& rows) { return write(rows, capture_); }
  Status write(const Rows& rows, std::uint64_t capture);
  // Ends one of the captures of a merged one, but for the last.
  Status leave(EndInfo info, std::uint64_t capture);
  // Writes the end entry, with the index filled in here, and seals. With `more` a capture of a single
  // file stays open and unsealed, for the next segment to follow in it; elsewhere it makes no
  // difference.
  Status end_segment(EndInfo info, bool more = false);
  // The two at once, for segments that follow on one another. The next one is there before the end of
  // the last one, so that what a recorder leaves behind when it is killed never seems complete.
  Status rotate(EndInfo end, SegmentInfo info, std::uint64_t first, const Snapshot& snapshot);

  // Of the segment at hand, and of all so far.
  std::uint64_t segment_bytes() const { return file_ ? file_->size_bytes() - segment_start_ : 0; }
  std::uint64_t total_bytes() const { return closed_bytes_ + segment_bytes(); }
  std::uint32_t segments() const { return segments_; }
  std::uint64_t raw_bytes() const { return encoder_.raw_bytes(); }

 private:
  enum class Place { directory, file, stream };

  CaptureWriter(WriterOptions options, Place place, FileSystem& fs)
      : options_(std::move(options)), place_(place), fs_(fs), encoder_(options_.level) {}

  Result<SegmentFile> open_target(std::uint64_t first);
  Status finish_segment(EndInfo info);
  Status seal_segment();
  Status start_segment(SegmentInfo info, std::uint64_t first, const Snapshot& snapshot);
  // What is known of each capture in the segment: of a merged one, of several.
  struct Lane {
    std::uint64_t records = 0;  // in the segment
    std::uint64_t next_record = 0;
    std::vector<IndexItem> index;
  };

  Status append(EntryHeader header, ColumnMessage& message, std::uint64_t capture);
  Status append_start(SegmentInfo info, const Snapshot& snapshot);
  Status append_end(EndInfo info, std::uint64_t capture);
  Status prune();

  WriterOptions options_;
  Place place_;
  FileSystem& fs_;
  EntryEncoder encoder_;
  BatchEncoder batches_;
  std::optional<SegmentFile> file_;
  bool goes_on_ = false;             // file_ waits for another segment
  std::uint64_t segment_start_ = 0;  // of the segment at hand, in file_
  std::uint64_t capture_ = 0;
  std::uint64_t first_record_ = 0;
  std::map<std::uint64_t, Lane> lanes_;  // by short id
  std::uint64_t closed_bytes_ = 0;
  std::uint32_t segments_ = 0;
  std::uint32_t capture_segments_ = 0;  // of the capture at hand
};

}  // namespace dse::format
