#include "record/recorder.h"

#include <sys/resource.h>

#include <algorithm>

namespace dse::record {
namespace {

// How often someone who watches is told; and how often limits and segments are looked after if no one does.
constexpr std::uint64_t kTick = 250'000'000, kQuietTick = 1'000'000'000;

std::uint64_t ns(const timeval& t) {
  return static_cast<std::uint64_t>(t.tv_sec) * 1'000'000'000u +
         static_cast<std::uint64_t>(t.tv_usec) * 1'000u;
}

}  // namespace

Result<std::unique_ptr<Recorder>> Recorder::start(const RecorderOptions& options,
                                                  format::FileSystem& fs) {
  std::unique_ptr<Recorder> recorder(new Recorder(options));
  DSE_TRY_ASSIGN(recorder->feed_, LiveFeed::start(options.live));
  DSE_TRY_ASSIGN(recorder->recording_, Recording::start(options.recording, *recorder->feed_, fs));
  recorder->start_ns_ = boot_time_ns();
  return recorder;
}

Account Recorder::account() const {
  Account account;
  account.elapsed_ns = boot_time_ns() - start_ns_;
  Recording::Progress progress = recording_->progress();
  account.own_records = feed_->own_records();
  account.records = progress.records - std::min(progress.records, account.own_records);
  account.bytes = progress.bytes;
  account.raw_bytes = progress.raw_bytes;
  account.segments = progress.segments;
  account.seen = feed_->seen();
  account.losses = feed_->losses();
  rusage usage;
  ::getrusage(RUSAGE_SELF, &usage);
  account.cpu_ns = ns(usage.ru_utime) + ns(usage.ru_stime);
  account.peak_memory = peak_memory_bytes();
  return account;
}

std::string Recorder::limit_reached() const {
  Recording::Progress progress = recording_->progress();
  if (options_.max_bytes && progress.bytes >= options_.max_bytes) return "--max-bytes";
  if (options_.duration_ns && boot_time_ns() - start_ns_ >= options_.duration_ns) return "--for";
  return {};
}

Result<Account> Recorder::run(const std::function<void(const Account&)>& tick) {
  const std::uint64_t period = tick ? kTick : kQuietTick;
  std::uint64_t next_tick = boot_time_ns() + period;
  std::string reason;
  while (true) {
    std::uint64_t now = boot_time_ns();
    if (reason.empty() && !(reason = limit_reached()).empty()) feed_->stop();
    std::uint64_t wake = next_tick;
    if (options_.duration_ns && reason.empty())
      wake = std::min(wake, start_ns_ + options_.duration_ns);
    DSE_TRY_ASSIGN(LiveFeed::Item item, feed_->next(wake > now ? wake - now : 0));
    if (item.what == LiveFeed::What::end) break;
    if (item.what == LiveFeed::What::rows)
      DSE_TRY(recording_->add(std::move(item.rows)));
    else
      DSE_TRY(recording_->tick());
    if (boot_time_ns() >= next_tick) {
      next_tick = boot_time_ns() + period;
      if (tick) tick(account());
    }
  }
  if (reason.empty() && options_.live.max_records && account().records >= options_.live.max_records)
    reason = "--max-events";
  if (reason.empty()) reason = "stopped";
  DSE_TRY(recording_->finish(reason));
  Account last = account();
  last.reason = reason;
  return last;
}

}  // namespace dse::record
