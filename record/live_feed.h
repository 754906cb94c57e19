// The live end of the pipeline: drains the rings into batches, in one order, and knows what stands at
// the start and at the end of a segment. What becomes of the batches is up to its users: dse run makes
// events of them, dse record writes them.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "format/capture_writer.h"
#include "format/redact.h"
#include "format/rewrite.h"
#include "format/rows.h"
#include "format/source.h"
#include "record/host.h"
#include "record/known_containers.h"
#include "record/observer.h"
#include "record/programs.h"
#include "record/ring_merge.h"
#include "record/ring_tasks.h"

namespace dse::record {

struct LiveOptions {
  format::KindSet kinds = format::kAllKinds;
  std::size_t ring_bytes = std::size_t{4} << 20;  // per CPU; a power of two, at least a page
  std::uint32_t max_args = 131072;                // bytes of argv that are recorded
  // Execs that fail take a tracepoint that every system call of the host pays for.
  bool failed_execs = false;
  format::Redactor redactor;  // what of arguments and environments is kept
  // Ask the host's container runtimes for names, images, labels and pods.
  bool container_metadata = true;
  std::uint64_t flush_ns = 1'000'000'000;  // a batch is at most this old
  // A batch as soon as there is something, and a wake-up for the first record: for a person who
  // watches. Else batches fill up and wake-ups are few.
  bool low_latency = false;
  std::uint64_t max_records = 0;  // the feed ends after so many; 0: never
  std::vector<std::pair<std::string, std::string>> described;  // options, for the segment header
};

class LiveFeed {
 public:
  // Loads, attaches and takes the first snapshot.
  static Result<std::unique_ptr<LiveFeed>> start(const LiveOptions& options);
  ~LiveFeed();

  enum class What { rows, idle, end };
  struct Item {
    What what;
    std::unique_ptr<format::Rows> rows;  // for `rows`; give it back with recycle()
  };
  // The next batch, waiting up to `timeout_ns` for it. At the end everything has been drained.
  Result<Item> next(std::uint64_t timeout_ns);
  // Whether everything that was drained has come out of next(): the moment for a new segment.
  bool between_batches() const { return ready_.empty() && rows_->empty(); }
  void recycle(std::unique_ptr<format::Rows> rows);

  // Ends the feed: what is in the rings comes out, then `end`. May be called from a signal handler
  // and from any thread.
  void stop();

  // What stands at the start of the next segment; only between batches. What happens while the
  // snapshot is taken follows by next().
  struct Beginning {
    format::SegmentInfo info;
    format::Snapshot snapshot;
  };
  Result<Beginning> begin_segment();

  // For the end entry; the index is the writer's.
  format::EndInfo end_info(const std::string& reason, bool last) const;

  // The number that the first record gets; before the first next().
  void set_first_record(std::uint64_t number) { next_record_ = number; }
  std::uint64_t next_record() const { return next_record_; }
  // Asked for with each sample of the recorder's own cost; until then nothing is written.
  void set_written(std::function<Written()> written) { written_ = std::move(written); }
  // Of the records that came out, those that are the recorder's own account.
  std::uint64_t own_records() const { return own_records_; }
  // Since the start.
  std::vector<format::Loss> losses() const { return programs_->losses(); }
  std::vector<format::Loss> seen() const { return programs_->seen(); }

 private:
  LiveFeed() = default;

  void wait(std::uint64_t timeout_ns);
  std::unique_ptr<format::Rows> flush();
  void drain_into_ready();
  void begin_pass();
  bool collect();
  void append(std::size_t ring, std::span<const std::byte> record);
  void append_rewritten(const format::RecordHead& head, const dse_task& task,
                        std::span<const std::byte> body);
  void append_own(std::span<const std::byte> record);
  void observe(std::uint64_t now);
  void finish_observing();
  bool at_limit() const { return options_.max_records && appended_ >= options_.max_records; }
  void check_stop();
  void sample_clock(std::uint64_t now);
  Status learn_names();
  void learn_names(const std::vector<ProcessRow>& processes);
  void add_hidden_processes(std::vector<ProcessRow>& processes, std::uint64_t before,
                            const std::function<void()>& meanwhile) const;
  static void complete_snapshot(format::Snapshot& snapshot, format::StreamTable& streams,
                                const format::Rows& rows);
  bool batch_is_due(std::uint64_t now) const;
  std::unique_ptr<format::Rows> fresh_rows();
  void number(format::Rows& rows);

  LiveOptions options_;
  std::unique_ptr<Programs> programs_;
  CgroupHierarchy hierarchy_;
  format::SegmentInfo info_;
  format::StreamTable streams_;
  std::uint64_t next_record_ = 0;
  format::FileHandle stop_event_;
  format::FileHandle epoll_;
  std::optional<Observer> observer_;
  std::function<Written()> written_;
  std::optional<KnownContainers> containers_;
  std::optional<format::NameRedactor> names_;  // of the stream and of all snapshots
  bool sockets_listed_ = false;
  std::uint64_t appended_ = 0;     // records of the kernel side, in all batches
  std::uint64_t own_records_ = 0;  // others
  bool detached_ = false;
  bool drained_ = false;

  std::unique_ptr<format::Rows> rows_;                // being filled
  std::uint64_t rows_since_ = 0;                      // the time of its first record, boot time
  std::vector<std::unique_ptr<format::Rows>> ready_;  // full, oldest first
  std::vector<std::unique_ptr<format::Rows>> spare_;

  std::optional<RingMerge> merge_;
  std::vector<RingTasks> tasks_;             // by ring
  format::SharedTask nobody_;
  format::KindSet rewritten_kinds_ = 0;      // those whose records take more than to be appended
  std::uint64_t before_pass_ = 0;  // of appended_

  ClockPair clock_{};  // the last sample in the stream
  std::uint64_t clock_seq_ = 0;
  std::uint64_t next_clock_ns_ = 0;
};

}  // namespace dse::record
