// What was read of captures, written anew: the same records, byte for byte, with the same numbers, in the
// same segments. Used where a capture is mended or packed tighter.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "format/batch.h"
#include "format/capture_writer.h"

namespace dse::format {

struct TranscribeOptions {
  WriterOptions writer;
  // Blocks are filled up to one of these; 0: they stay as they are.
  std::uint32_t block_records = 0;
  std::size_t block_bytes = 0;
};

class Transcriber {
 public:
  // `fs` outlives it.
  static Result<std::unique_ptr<Transcriber>> open(const TranscribeOptions& options,
                                                   FileSystem& fs);

  // A capture begins that goes on with no former one: sequence numbers are those of its first blocks.
  void begin_capture();
  // From now on, what is missing in a stream is lost, also where nothing of the stream was seen.
  void streams_begin_at_zero() { adopts_ = false; }
  // A segment with this snapshot; null: with an empty one.
  Status begin_segment(SegmentInfo info, std::uint64_t first, const Batch* snapshot);
  // All records of a block. Those that are missing before it show as gaps.
  Status block(const Batch& batch);
  // The segment at hand is over; it is written so when it is known whether another one follows.
  Status end_segment(EndInfo info);
  // The end that is not written yet; null: there is none.
  EndInfo* waiting_end() { return ended_ ? &*ended_ : nullptr; }
  // Ends the last segment.
  Status finish();

  // The number of the next record, which that of the next segment may not be below.
  std::uint64_t next() const { return next_; }
  // Whether each segment gets a file of its own, named by its first record.
  bool has_files() const { return writer_->can_rotate(); }

  struct Account {
    std::uint64_t blocks = 0;  // written
    std::uint64_t records = 0;
    std::uint64_t bytes = 0;
  };
  Account account() const;

 private:
  Transcriber(TranscribeOptions options, std::unique_ptr<CaptureWriter> writer)
      : options_(std::move(options)), writer_(std::move(writer)) {}

  Status make_room(const Batch& batch);
  Status append(const Batch& batch, Rows& rows, StreamTable& streams, bool is_snapshot);
  Status flush();

  TranscribeOptions options_;
  std::unique_ptr<CaptureWriter> writer_;
  std::optional<EndInfo> ended_;  // waits for what follows
  bool adopts_ = true;            // a stream that was never seen begins anywhere
  std::uint64_t next_ = 0;
  Rows rows_;
  StreamTable streams_;
  Account account_;
};

// Some records are many times larger than what they are stored in. An error when all records of a batch
// together are more than anyone writes.
Status check_unpacked(const Batch& batch);

}  // namespace dse::format
