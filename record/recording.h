// A capture being recorded: a thread that encodes, compresses and writes, and the rules by which
// segments begin and end. The thread that drains the rings never waits for the disk unless the disk is
// slower than the host for seconds.
#pragma once

#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>

#include "format/capture_writer.h"
#include "record/live_feed.h"

namespace dse::record {

struct RecordingOptions {
  format::WriterOptions writer;
  std::uint64_t segment_bytes = std::uint64_t{64} << 20;
  std::uint64_t segment_time_ns = std::uint64_t{3600} * 1'000'000'000;
  // Batches that come small, because someone watches, are gathered for so long before they are
  // written; 0: they come as they should be written.
  std::uint64_t gather_ns = 0;
};

class Recording {
 public:
  // Checks the place to write to and begins the first segment with a snapshot of `feed`, whose
  // records are numbered from here on. `fs` outlives the recording.
  static Result<std::unique_ptr<Recording>> start(const RecordingOptions& options, LiveFeed& feed,
                                                  format::FileSystem& fs);
  ~Recording();

  // What the first segment began with; to be asked for once.
  LiveFeed::Beginning take_beginning() { return std::move(beginning_); }

  // Hands a batch over; it goes back to `feed` for reuse when it is written. Begins a new segment
  // where one is due.
  Status add(std::unique_ptr<format::Rows> rows);
  // To be called now and then when there is nothing to add: writes what has been gathered.
  Status tick();
  // Writes all that was added, seals the last segment and waits for it.
  Status finish(const std::string& reason);

  // So far, from any thread. An error of the writing thread comes out of the next add() or finish().
  struct Progress {
    std::uint64_t records = 0;
    std::uint64_t bytes = 0;      // written
    std::uint64_t raw_bytes = 0;  // of messages, before compression
    std::uint64_t blocks = 0;
    std::uint32_t segments = 0;
  };
  Progress progress() const;

 private:
  struct Job {
    std::unique_ptr<format::Rows> rows;
    std::optional<format::EndInfo> end;
    std::optional<LiveFeed::Beginning> begin;
    std::uint64_t first = 0;  // of `begin`
  };

  Recording(const RecordingOptions& options, LiveFeed& feed) : options_(options), feed_(feed) {}

  Status add_rows(std::unique_ptr<format::Rows> rows);
  Status gather(std::unique_ptr<format::Rows> rows);
  Status push_gathered();
  Status rotate_if_due();
  Status push(Job job);
  void reclaim();
  void write_all();
  Status write(Job& job);

  RecordingOptions options_;
  LiveFeed& feed_;
  std::unique_ptr<format::CaptureWriter> writer_;  // of the thread, once it runs
  LiveFeed::Beginning beginning_;
  bool can_rotate_ = false;
  std::uint64_t segment_start_ns_ = 0;
  std::uint64_t segment_start_bytes_ = 0;
  std::uint64_t segment_start_records_ = 0;
  std::uint64_t records_ = 0;
  std::unique_ptr<format::Rows> gathered_;
  std::uint64_t gathered_since_ns_ = 0;

  // A few batches may wait: enough to ride out a slow moment of the disk, few enough to bound memory.
  static constexpr std::size_t kMaxJobs = 4;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Job> jobs_;
  std::vector<std::unique_ptr<format::Rows>> done_;
  Status status_;
  bool closing_ = false;
  Progress progress_;
  std::thread thread_;
};

}  // namespace dse::record
