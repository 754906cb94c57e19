// `dse record` without its command line: drains, writes, keeps limits and accounts for itself.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "record/live_feed.h"
#include "record/recording.h"

namespace dse::record {

struct RecorderOptions {
  LiveOptions live;
  RecordingOptions recording;
  // Limits besides live.max_records; 0: none. Bytes are met to within a batch.
  std::uint64_t max_bytes = 0;
  std::uint64_t duration_ns = 0;
};

// The recorder's account of itself, while it runs and at its end.
struct Account {
  std::uint64_t elapsed_ns = 0;
  std::uint64_t records = 0;      // of what the kernel side saw
  std::uint64_t own_records = 0;  // clock and cost samples and the like, on top of those
  std::uint64_t bytes = 0;
  std::uint64_t raw_bytes = 0;  // of messages, before compression
  std::uint32_t segments = 0;
  std::vector<format::Loss> seen;
  std::vector<format::Loss> losses;
  std::uint64_t cpu_ns = 0;       // user and system, all threads, since the program started
  std::uint64_t peak_memory = 0;  // bytes resident
  std::string reason;             // why it ended
};

class Recorder {
 public:
  static Result<std::unique_ptr<Recorder>> start(const RecorderOptions& options,
                                                 format::FileSystem& fs);

  // Records until a limit, stop() or an error. `tick`, if there is one, is called a few times a second.
  Result<Account> run(const std::function<void(const Account&)>& tick);
  // Ends run() with everything written. From any thread and from a signal handler.
  void stop() { feed_->stop(); }
  Account account() const;

 private:
  explicit Recorder(const RecorderOptions& options) : options_(options) {}

  std::string limit_reached() const;

  RecorderOptions options_;
  std::unique_ptr<LiveFeed> feed_;
  std::unique_ptr<Recording> recording_;
  std::uint64_t start_ns_ = 0;
};

}  // namespace dse::record
