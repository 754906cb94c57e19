#include "record/live_feed.h"

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <unordered_set>

#include "record/proc.h"
#include "record/snapshot.h"

namespace dse::record {
namespace {

// A batch closes at whichever comes first: these, or LiveOptions::flush_ns.
constexpr std::uint32_t kMaxBatchRecords = 65536;
constexpr std::size_t kMaxBatchBytes = std::size_t{4} << 20;

// How often the clocks are compared, and which change is worth a sample in the stream.
constexpr std::uint64_t kClockPeriod = 1'000'000'000;
constexpr std::int64_t kClockChange = 1'000;

// More than that in one pass is a storm: then a timer is cheaper than a wake-up per record.
constexpr std::uint64_t kStormRecords = 64;
constexpr std::uint64_t kStormPause = 500'000;

// Records of variable size take their time before they take their space, and copy in between.
constexpr std::uint64_t kCopyTime = 50'000;

// Bytes of the environment that are looked at for the variables that are kept.
constexpr std::uint32_t kMaxEnv = 131072;

void pause(std::uint64_t ns) {
  timespec span{static_cast<time_t>(ns / 1'000'000'000), static_cast<long>(ns % 1'000'000'000)};
  ::nanosleep(&span, nullptr);
}

}  // namespace

Result<std::unique_ptr<LiveFeed>> LiveFeed::start(const LiveOptions& options) {
  std::unique_ptr<LiveFeed> feed(new LiveFeed);
  feed->options_ = options;
  feed->names_.emplace(feed->options_.redactor);
  if (!options.failed_execs) feed->options_.kinds &= ~format::kind_bit(DSE_PROCESS_EXEC_FAIL);
  feed->hierarchy_ = find_cgroup_hierarchy();

  ProgramOptions programs;
  programs.kinds = feed->options_.kinds;
  programs.ring_bytes = options.ring_bytes;
  programs.watermark_bytes = static_cast<std::uint32_t>(options.ring_bytes / 4);
  programs.max_args = options.max_args;
  programs.max_env = options.redactor.keeps_env() ? kMaxEnv : 0;
  programs.cgroup_controller = feed->hierarchy_.controller;
  DSE_TRY_ASSIGN(feed->programs_, Programs::load(programs));
  feed->merge_.emplace(feed->programs_->rings());
  feed->tasks_.resize(feed->programs_->rings().size());
  for (const format::TableLayout& layout : format::all_kind_layouts())
    if (options.redactor.redacts() || format::needs_rewrite(layout.kind, options.redactor) ||
        layout.kind == DSE_CGROUP_MKDIR || layout.kind == DSE_CGROUP_RMDIR)
      feed->rewritten_kinds_ |= format::kind_bit(layout.kind);

  feed->stop_event_.reset(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  feed->epoll_.reset(::epoll_create1(EPOLL_CLOEXEC));
  epoll_event event{};
  event.events = EPOLLIN;
  ::epoll_ctl(feed->epoll_.get(), EPOLL_CTL_ADD, feed->stop_event_.get(), &event);
  // Edge-triggered: a ring counts as readable whenever it holds anything, but only a forced wake-up
  // is news.
  event.events = EPOLLIN | EPOLLET;
  for (int fd : feed->programs_->ring_fds())
    if (::epoll_ctl(feed->epoll_.get(), EPOLL_CTL_ADD, fd, &event) != 0)
      return errno_error("cannot wait for a ring buffer", errno);

  format::SegmentInfo& info = feed->info_;
  describe_host(info);
  info.capture_id = random_capture_id();
  info.cgroup_hierarchy = feed->hierarchy_.id;
  info.cgroup_controllers = feed->hierarchy_.controllers;
  info.options = options.described;
  info.options.emplace_back(format::kClockOption, is_clock_synchronised()
                                                      ? format::kClockSynchronised
                                                      : format::kClockAlone);
  for (const format::TableLayout& layout : format::all_kind_layouts())
    if (feed->options_.kinds & format::kind_bit(layout.kind)) info.kinds.push_back(layout.kind);
  info.boot_of_start = boot_time_ns();
  feed->clock_ = read_clocks();
  feed->next_clock_ns_ = feed->clock_.boot_ns + kClockPeriod;
  feed->rows_ = feed->fresh_rows();
  DSE_TRY(feed->programs_->attach());
  DSE_TRY(feed->learn_names());
  feed->observer_.emplace(*feed->programs_, options.ring_bytes);
  if (options.container_metadata) {
    feed->containers_.emplace(feed->hierarchy_, feed->options_.redactor);
    event.events = EPOLLIN;
    ::epoll_ctl(feed->epoll_.get(), EPOLL_CTL_ADD, feed->containers_->event_fd(), &event);
  }
  return feed;
}

LiveFeed::~LiveFeed() = default;

void LiveFeed::stop() {
  std::uint64_t one = 1;
  // Async-signal-safe. It can only fail when a stop is pending already.
  [[maybe_unused]] ssize_t n = ::write(stop_event_.get(), &one, sizeof(one));
}

std::unique_ptr<format::Rows> LiveFeed::fresh_rows() {
  if (spare_.empty()) return std::make_unique<format::Rows>();
  auto rows = std::move(spare_.back());
  spare_.pop_back();
  return rows;
}

void LiveFeed::recycle(std::unique_ptr<format::Rows> rows) {
  constexpr std::size_t kMaxSpare = 6;
  if (spare_.size() >= kMaxSpare) return;
  rows->clear();
  spare_.push_back(std::move(rows));
}

void LiveFeed::number(format::Rows& rows) {
  rows.first = next_record_;
  next_record_ += rows.count();
}

std::unique_ptr<format::Rows> LiveFeed::flush() {
  auto out = std::move(rows_);
  rows_ = fresh_rows();
  number(*out);
  return out;
}

// A sample goes into the stream when real time has moved against boot time, so that a capture
// knows about every step and slew; it holds for all that follows.
void LiveFeed::sample_clock(std::uint64_t now) {
  if (now < next_clock_ns_) return;
  next_clock_ns_ = now + kClockPeriod;
  ClockPair sample = read_clocks();
  auto change = static_cast<std::int64_t>((sample.real_ns - sample.boot_ns) -
                                          (clock_.real_ns - clock_.boot_ns));
  if (change > -kClockChange && change < kClockChange) return;
  clock_ = sample;
  dse_clock_sample body{sample.real_ns};
  append_own(make_record(DSE_CLOCK_SAMPLE, sample.boot_ns, clock_seq_++, dse_task{},
                         std::as_bytes(std::span(&body, 1))));
}

void LiveFeed::observe(std::uint64_t now) {
  if (detached_ || now < observer_->next_ns()) return;
  observer_->tick(now, appended_, written_ ? written_() : Written(),
                  [&](std::span<const std::byte> record) { append_own(record); });
}

void LiveFeed::finish_observing() {
  observer_->finish(appended_, written_ ? written_() : Written(),
                    [&](std::span<const std::byte> record) { append_own(record); });
}

void LiveFeed::append(std::size_t ring, std::span<const std::byte> record) {
  tasks_[ring].take(record, [&](const format::RecordHead& head, format::SharedTask* task,
                                std::span<const std::byte> body, format::Rows::Lane& lane) {
    if (rows_->empty()) rows_since_ = head.time_ns;
    ++appended_;
    if (!task) task = &nobody_;  // the kernel side does not do that
    if (rewritten_kinds_ & format::kind_bit(head.kind))
      append_rewritten(head, task->task(), body);
    else
      rows_->append(head, *task, body, streams_, lane);
  });
}

// Without what must not be kept, and telling of containers.
void LiveFeed::append_rewritten(const format::RecordHead& head, const dse_task& task,
                                std::span<const std::byte> body) {
  std::vector<std::byte> record = format::whole_record(head, task, body);
  if (containers_ && (head.kind == DSE_CGROUP_MKDIR || head.kind == DSE_CGROUP_RMDIR))
    containers_->note(record);
  if (options_.redactor.redacts()) names_->learn_from_record(record);
  if (format::needs_rewrite(head.kind, options_.redactor))
    record = format::rewrite(record, options_.redactor);
  if (options_.redactor.redacts()) names_->apply_to_record(record);
  rows_->append(record, streams_);
}

void LiveFeed::append_own(std::span<const std::byte> record) {
  if (rows_->empty()) rows_since_ = boot_time_ns();
  rows_->append(record, streams_);
  ++own_records_;
}

void LiveFeed::begin_pass() {
  merge_->begin_pass(boot_time_ns() - kCopyTime, detached_);
  before_pass_ = appended_;
}

// True when the pass is done, false when the batch is full.
bool LiveFeed::collect() {
  std::uint64_t until = appended_ + (kMaxBatchRecords - std::min(kMaxBatchRecords, rows_->count()));
  if (options_.max_records) until = std::min(until, options_.max_records);
  const bool done = merge_->deliver([&](std::size_t ring, std::span<const std::byte> record) {
    if (appended_ >= until || rows_->size_bytes() >= kMaxBatchBytes) return false;
    if (tasks_[ring].append(record, *rows_))
      ++appended_;
    else
      append(ring, record);
    return true;
  });
  if (!done && !at_limit()) return false;
  merge_->end_pass();
  return true;
}

bool LiveFeed::batch_is_due(std::uint64_t now) const {
  if (rows_->empty()) return false;
  return options_.low_latency || drained_ || now >= rows_since_ + options_.flush_ns;
}

void LiveFeed::wait(std::uint64_t timeout_ns) {
  if (options_.low_latency && appended_ - before_pass_ > kStormRecords) {
    pause(std::min(kStormPause, timeout_ns));
    timeout_ns = 0;
  } else if (options_.low_latency || rows_->empty()) {
    // The first record of a batch is news: it may get no older than flush_ns.
    programs_->arm();
    // What came before the arming wakes no one.
    for (const Ring& ring : programs_->rings())
      if (ring.has_more()) timeout_ns = 0;
  }
  epoll_event events[16];
  timespec span{static_cast<time_t>(timeout_ns / 1'000'000'000),
                static_cast<long>(timeout_ns % 1'000'000'000)};
  ::epoll_pwait2(epoll_.get(), events, std::size(events), &span, nullptr);
}

void LiveFeed::check_stop() {
  if (detached_) return;
  std::uint64_t stops;
  bool asked = ::read(stop_event_.get(), &stops, sizeof(stops)) == sizeof(stops);
  if (!asked && !at_limit()) return;
  programs_->detach();
  detached_ = true;
}

Result<LiveFeed::Item> LiveFeed::next(std::uint64_t timeout_ns) {
  std::uint64_t deadline = boot_time_ns() + timeout_ns;
  while (true) {
    if (!ready_.empty()) {
      auto rows = std::move(ready_.front());
      ready_.erase(ready_.begin());
      return Item{What::rows, std::move(rows)};
    }
    check_stop();
    if (!merge_->pass_open()) begin_pass();
    if (!collect()) return Item{What::rows, flush()};
    // Now everything before these in the stream is older.
    sample_clock(boot_time_ns());
    observe(boot_time_ns());
    if (containers_ && !detached_)
      containers_->take([this](std::span<const std::byte> record) { append_own(record); });
    if (at_limit() && !drained_) {
      check_stop();
      drained_ = true;  // what else is in the rings came too late
      finish_observing();
    }
    if (detached_ && !drained_) {
      // Programs that were running when they were detached finish within microseconds.
      bool more = false;
      for (const Ring& ring : programs_->rings()) more = more || ring.has_more();
      if (more) {
        pause(1'000'000);
        continue;
      }
      drained_ = true;
      finish_observing();
    }
    std::uint64_t now = boot_time_ns();
    if (batch_is_due(now)) return Item{What::rows, flush()};
    if (drained_) return Item{What::end, nullptr};
    if (now >= deadline) return Item{What::idle, nullptr};
    std::uint64_t until = std::min(deadline, observer_->next_ns());
    if (!rows_->empty()) until = std::min(until, rows_since_ + options_.flush_ns);
    if (until > now) wait(until - now);
  }
}

// Empties the rings as they are now, while something else takes longer than they can hold out.
void LiveFeed::drain_into_ready() {
  while (merge_->pass_open() && !collect()) ready_.push_back(flush());
  begin_pass();
  while (!collect()) ready_.push_back(flush());
}

// Some kernels leave tasks out of what BPF programs may walk (seen with pid 1 of a virtual machine).
// Younger processes than `before` are not hidden: their fork is in the stream.
void LiveFeed::add_hidden_processes(std::vector<ProcessRow>& processes, std::uint64_t before,
                                    const std::function<void()>& meanwhile) const {
  constexpr std::uint64_t kClockTick = 10'000'000;  // how fine /proc tells when a process started
  std::unordered_set<std::uint32_t> known;
  for (const ProcessRow& process : processes) known.insert(process.task.pid);
  for (std::uint32_t pid : list_proc()) {
    if (known.count(pid) || read_proc_start_time(pid) + kClockTick >= before) continue;
    if (auto process = read_proc_process(pid, hierarchy_)) processes.push_back(std::move(*process));
    meanwhile();
  }
}

void LiveFeed::learn_names(const std::vector<ProcessRow>& processes) {
  for (const ProcessRow& process : processes) names_->learn(process.exe, process.task.comm);
}

// Before anything comes out of the rings: a snapshot would be too late, as they are drained while it is
// taken.
Status LiveFeed::learn_names() {
  if (!options_.redactor.redacts()) return {};
  std::uint64_t now = boot_time_ns();
  DSE_TRY_ASSIGN(auto processes, programs_->processes({}));
  add_hidden_processes(processes, now, [] {});
  learn_names(processes);
  return {};
}

Result<LiveFeed::Beginning> LiveFeed::begin_segment() {
  Beginning beginning{info_, {}};
  beginning.info.boot_time = clock_.boot_ns;
  beginning.info.real_time = clock_.real_ns;
  auto& snapshot = beginning.snapshot;
  snapshot.span.begin_streams = programs_->positions();
  snapshot.span.begin_time = boot_time_ns();
  auto meanwhile = [&] { drain_into_ready(); };
  DSE_TRY_ASSIGN(auto processes, programs_->processes(meanwhile));
  add_hidden_processes(processes, snapshot.span.begin_time, meanwhile);
  learn_names(processes);  // those of the owners of sockets, too
  format::StreamTable streams;
  SnapshotBuilder builder(snapshot.rows, streams, options_.redactor, *names_,
                          {options_.max_args, options_.redactor.keeps_env() ? kMaxEnv : 0},
                          meanwhile);
  if (!sockets_listed_) {  // first, as what changes until then has no owner
    sockets_listed_ = true;
    DSE_TRY_ASSIGN(auto sockets, programs_->sockets(meanwhile));
    for (const dse_socket_snapshot& socket : sockets) builder.add(socket);
  }
  for (const ProcessRow& process : processes) builder.add(process);
  if (containers_) containers_->begin_listing();
  builder.add_cgroups(hierarchy_, [&](const std::string& path) {
    if (containers_) containers_->listed(path);
  });
  if (containers_) {
    containers_->end_listing();
    containers_->for_each([&](const auto& record) { builder.add_record(record); });
  }
  snapshot.span.end_time = boot_time_ns();
  snapshot.span.end_streams = programs_->positions();

  // What happened meanwhile comes after the snapshot; processes that ended before the walk reached
  // them are found there.
  drain_into_ready();
  for (const auto& rows : ready_) complete_snapshot(snapshot, streams, *rows);
  complete_snapshot(snapshot, streams, *rows_);
  return beginning;
}

// Adds the processes that existed when the snapshot began and ended before it was complete: their
// exit records know all but their arguments.
void LiveFeed::complete_snapshot(format::Snapshot& snapshot, format::StreamTable& streams,
                                 const format::Rows& rows) {
  const format::Rows::Table* exits = rows.table(DSE_PROCESS_EXIT);
  std::unordered_set<std::uint32_t> known;
  for (const dse_task& task : snapshot.rows.tasks().tasks()) known.insert(task.pid);
  for (std::uint32_t i = 0; i < exits->count(); ++i) {
    const std::uint64_t time = exits->time()[i];
    dse_task task = rows.tasks().tasks()[exits->task()[i]];
    if (task.tid != task.pid) continue;  // its main thread has, or had, a record of its own
    if (task.start_time_ns >= snapshot.span.begin_time || time < snapshot.span.begin_time ||
        time > snapshot.span.end_time || !known.insert(task.pid).second)
      continue;
    dse_process_snapshot body{};
    std::uint64_t seq = streams.at(DSE_PROCESS_SNAPSHOT, DSE_CPU_NONE).next;
    snapshot.rows.append(
        make_record(DSE_PROCESS_SNAPSHOT, time, seq, task, std::as_bytes(std::span(&body, 1))),
        streams);
  }
}

format::EndInfo LiveFeed::end_info(const std::string& reason, bool last) const {
  format::EndInfo info;
  info.reason = reason;
  info.last = last;
  info.losses = programs_->losses();
  info.seen = programs_->seen();
  info.streams = programs_->positions();
  return info;
}

}  // namespace dse::record
