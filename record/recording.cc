#include "record/recording.h"

#include <signal.h>

namespace dse::record {

Result<std::unique_ptr<Recording>> Recording::start(const RecordingOptions& options, LiveFeed& feed,
                                                    format::FileSystem& fs) {
  std::unique_ptr<Recording> recording(new Recording(options, feed));
  DSE_TRY_ASSIGN(recording->writer_, format::CaptureWriter::open(options.writer, fs));
  recording->can_rotate_ = recording->writer_->can_rotate();
  feed.set_first_record(recording->writer_->first_record());
  std::uint64_t first = feed.next_record();
  DSE_TRY_ASSIGN(recording->beginning_, feed.begin_segment());
  recording->segment_start_ns_ = boot_time_ns();
  // Here and not in the thread, so that a place that cannot be written to is known at once.
  DSE_TRY(recording->writer_->begin_segment(recording->beginning_.info, first,
                                            recording->beginning_.snapshot));
  recording->progress_.bytes = recording->writer_->total_bytes();
  recording->progress_.segments = 1;
  feed.set_written([raw = recording.get()] {
    Progress progress = raw->progress();
    return Written{progress.blocks, progress.bytes};
  });

  // Signals are for the main thread.
  sigset_t all, former;
  ::sigfillset(&all);
  ::pthread_sigmask(SIG_SETMASK, &all, &former);
  recording->thread_ = std::thread([raw = recording.get()] { raw->write_all(); });
  ::pthread_sigmask(SIG_SETMASK, &former, nullptr);
  return recording;
}

Recording::~Recording() {
  feed_.set_written({});
  if (!thread_.joinable()) return;
  {
    std::lock_guard lock(mutex_);
    closing_ = true;
  }
  changed_.notify_all();
  thread_.join();
}

Recording::Progress Recording::progress() const {
  std::lock_guard lock(mutex_);
  Progress progress = progress_;
  progress.records = records_;
  return progress;
}

void Recording::reclaim() {
  std::vector<std::unique_ptr<format::Rows>> done;
  {
    std::lock_guard lock(mutex_);
    done.swap(done_);
  }
  for (auto& rows : done) feed_.recycle(std::move(rows));
}

Status Recording::push(Job job) {
  reclaim();
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] { return jobs_.size() < kMaxJobs || !status_; });
  if (!status_) return status_;
  jobs_.push_back(std::move(job));
  lock.unlock();
  changed_.notify_all();
  return {};
}

Status Recording::add_rows(std::unique_ptr<format::Rows> rows) {
  {
    std::lock_guard lock(mutex_);
    records_ += rows->count();
  }
  Job job;
  job.rows = std::move(rows);
  return push(std::move(job));
}

Status Recording::gather(std::unique_ptr<format::Rows> rows) {
  constexpr std::uint32_t kEnough = 32768;
  constexpr std::size_t kEnoughBytes = std::size_t{4} << 20;
  std::uint64_t now = boot_time_ns();
  if (!gathered_) gathered_ = std::make_unique<format::Rows>();
  if (gathered_->empty()) gathered_since_ns_ = now;
  gathered_->append(*rows);
  feed_.recycle(std::move(rows));
  bool due = now - gathered_since_ns_ >= options_.gather_ns || gathered_->count() >= kEnough ||
             gathered_->size_bytes() >= kEnoughBytes;
  return due ? push_gathered() : Status();
}

Status Recording::tick() {
  if (gathered_ && boot_time_ns() - gathered_since_ns_ >= options_.gather_ns)
    DSE_TRY(push_gathered());
  return rotate_if_due();
}

Status Recording::push_gathered() {
  if (!gathered_ || gathered_->empty()) return {};
  return add_rows(std::move(gathered_));
}

Status Recording::add(std::unique_ptr<format::Rows> rows) {
  DSE_TRY(options_.gather_ns ? gather(std::move(rows)) : add_rows(std::move(rows)));
  return rotate_if_due();
}

Status Recording::rotate_if_due() {
  if (!can_rotate_ || !feed_.between_batches()) return {};
  std::uint64_t now = boot_time_ns();
  Progress now_written = progress();
  std::uint64_t records = now_written.records, bytes = now_written.bytes;
  // An empty segment goes on: its successor would have the same name.
  if (records == segment_start_records_ && !(gathered_ && !gathered_->empty())) return {};
  if (bytes - segment_start_bytes_ < options_.segment_bytes &&
      now - segment_start_ns_ < options_.segment_time_ns)
    return {};
  DSE_TRY(push_gathered());
  Job job;
  job.end = feed_.end_info("rotated", false);
  job.first = feed_.next_record();
  DSE_TRY_ASSIGN(job.begin, feed_.begin_segment());
  segment_start_ns_ = now;
  segment_start_bytes_ = bytes;
  segment_start_records_ = progress().records;
  return push(std::move(job));
}

Status Recording::finish(const std::string& reason) {
  DSE_TRY(push_gathered());
  Job job;
  job.end = feed_.end_info(reason, true);
  DSE_TRY(push(std::move(job)));
  {
    std::lock_guard lock(mutex_);
    closing_ = true;
  }
  changed_.notify_all();
  thread_.join();
  return status_;
}

// ---- the writing thread --------------------------------------------------------------------------

Status Recording::write(Job& job) {
  if (job.rows) return writer_->write(*job.rows);
  if (job.begin)
    return writer_->rotate(std::move(*job.end), std::move(job.begin->info), job.first,
                           job.begin->snapshot);
  return writer_->end_segment(std::move(*job.end));
}

void Recording::write_all() {
  while (true) {
    Job job;
    {
      std::unique_lock lock(mutex_);
      changed_.wait(lock, [&] { return !jobs_.empty() || closing_; });
      if (jobs_.empty()) return;
      job = std::move(jobs_.front());
      jobs_.pop_front();
    }
    Status status = write(job);
    {
      std::lock_guard lock(mutex_);
      if (job.rows) {
        ++progress_.blocks;
        done_.push_back(std::move(job.rows));
      }
      progress_.bytes = writer_->total_bytes();
      progress_.raw_bytes = writer_->raw_bytes();
      progress_.segments = writer_->segments();
      if (!status) {
        status_ = status;
        jobs_.clear();
      }
    }
    changed_.notify_all();
    if (!status) return;
  }
}

}  // namespace dse::record
