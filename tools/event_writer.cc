#include "tools/event_writer.h"

#include <algorithm>
#include <utility>

#include "tools/terminal.h"

namespace dse::tools {
namespace {

using replay::EventPage;
using replay::TextBuffer;

// So that what is written is still in the cache.
constexpr std::size_t kBufferBytes = 256 * 1024;
// Templates are made for each portion; fewer events would not be worth them.
constexpr std::uint32_t kPortionEvents = 4096;

std::vector<std::vector<EventPage::Run>> cut(const std::vector<EventPage::Run>& runs) {
  std::vector<std::vector<EventPage::Run>> portions;
  std::uint32_t room = 0;
  for (EventPage::Run run : runs)
    while (run.begin < run.end) {
      if (room == 0) {
        portions.emplace_back();
        room = kPortionEvents;
      }
      std::uint32_t n = std::min(run.end - run.begin, room);
      portions.back().push_back({run.source, run.begin, run.begin + n});
      run.begin += n;
      room -= n;
    }
  return portions;
}

}  // namespace

EventWriter::EventWriter(unsigned jobs, Mark mark) : mark_(std::move(mark)) {
  for (unsigned i = 1; i < jobs; ++i) threads_.emplace_back([this] { work(); });
}

EventWriter::~EventWriter() {
  {
    std::lock_guard lock(mutex_);
    ended_ = true;
  }
  queued_.notify_all();
  for (std::thread& thread : threads_) thread.join();
}

bool EventWriter::write(std::shared_ptr<const RenderedPage> page,
                        std::vector<EventPage::Run> runs) {
  std::vector<std::vector<EventPage::Run>> portions = cut(runs);
  if (threads_.empty()) {
    for (auto& portion : portions) process({next_++, page, std::move(portion)}, bench_);
    return !failed_;
  }
  {
    std::lock_guard lock(mutex_);
    for (auto& portion : portions) queue_.push_back({next_++, page, std::move(portion)});
  }
  queued_.notify_all();
  // What the others do while the caller gets the next page. More of them would only take memory.
  while (help(portions.size())) continue;
  return !failed_;
}

bool EventWriter::write(std::string_view text) {
  wait_for_all();
  held_.append(text);
  if (held_.size() >= kBufferBytes) write_out(held_);
  return !failed_;
}

bool EventWriter::flush() {
  wait_for_all();
  if (held_.empty() && !failed_) {  // nothing to write that would tell
    reader_gone_ = stdout_reader_gone();
    failed_ = reader_gone_;
  }
  write_out(held_);
  return !failed_;
}

void EventWriter::run(std::function<void()> task) {
  if (threads_.empty()) return;
  {
    std::lock_guard lock(mutex_);
    tasks_.push_back(std::move(task));
  }
  queued_.notify_one();
}

void EventWriter::work() {
  Bench bench;
  while (true) {
    std::unique_lock lock(mutex_);
    queued_.wait(lock, [&] { return ended_ || !tasks_.empty() || !queue_.empty(); });
    if (ended_) return;
    if (!tasks_.empty()) {
      auto task = std::move(tasks_.front());
      tasks_.pop_front();
      lock.unlock();
      task();
      continue;
    }
    Portion portion = std::move(queue_.front());
    queue_.pop_front();
    lock.unlock();
    process(portion, bench);
  }
}

// Does a portion if more than `most` wait.
bool EventWriter::help(std::size_t most) {
  std::unique_lock lock(mutex_);
  if (queue_.size() <= most) return false;
  Portion portion = std::move(queue_.front());
  queue_.pop_front();
  lock.unlock();
  process(portion, bench_);
  return true;
}

void EventWriter::wait_for_all() {
  if (threads_.empty()) return;
  while (help(0)) continue;
  std::unique_lock lock(mutex_);
  turned_.wait(lock, [&] { return turn_ == next_; });
}

// Portions are taken in the order of their turns, so that whoever waits for one waits for a thread at work.
void EventWriter::process(const Portion& portion, Bench& bench) {
  TextBuffer& out = is_turn(portion) ? held_ : bench.own;
  if (!failed_) render(portion, bench, out);
  if (!threads_.empty()) {
    std::unique_lock lock(mutex_);
    turned_.wait(lock, [&] { return is_turn(portion); });
  }
  if (&out != &held_ && held_.size() + out.size() < kBufferBytes) {
    held_.append(out.view());
    out.clear();
  } else if (out.size() >= kBufferBytes || &out != &held_) {
    write_out(out);
  }
  {
    std::lock_guard lock(mutex_);
    turn_.store(portion.turn + 1, std::memory_order_release);
  }
  turned_.notify_all();
}

void EventWriter::render(const Portion& portion, Bench& bench, TextBuffer& out) {
  const RenderedPage& page = *portion.page;
  const auto& sources = page.page.sources();
  bench.parts.assign(sources.size(), {});
  for (const EventPage::Run& run : portion.runs) {
    EventPage::Run& part = bench.parts[run.source];
    if (part.begin == part.end) part.begin = run.begin;
    part.end = run.end;
  }
  if (bench.renderers.size() < sources.size()) bench.renderers.resize(sources.size());
  for (std::size_t i = 0; i < sources.size(); ++i) {
    const EventPage::Run& part = bench.parts[i];
    if (part.begin == part.end) continue;
    bench.renderers[i].begin(
        *page.renderers[i], *sources[i].events, page.columns[i],
        std::span(sources[i].chosen).subspan(part.begin, part.end - part.begin));
  }
  for (const EventPage::Run& run : portion.runs)
    for (std::uint32_t place = run.begin; place < run.end; ++place) {
      append(bench.renderers[run.source], sources[run.source], place,
             place - bench.parts[run.source].begin, bench, out);
      if (out.size() >= kBufferBytes && is_turn(portion)) write_out(out);
    }
}

void EventWriter::append(replay::BatchRenderer& renderer, const EventPage::Source& source,
                         std::uint32_t place, std::uint32_t nth, Bench& bench, TextBuffer& out) {
  if (mark_) {
    bench.line.clear();
    renderer.append(nth, bench.line);
    mark_(*source.events, source.chosen[place], bench.line.view(), out);
  } else {
    renderer.append(nth, out);
  }
  char* end = out.room(1);
  *end = '\n';
  out.end_at(end + 1);
}

// For who has the turn: what is held, and then `out`, if that is something else.
void EventWriter::write_out(TextBuffer& out) {
  for (TextBuffer* buffer : {&held_, &out}) {
    if (!failed_ && !buffer->empty()) {
      auto written = write_stdout(buffer->view());
      if (!written)
        error_ = written.error();
      else
        reader_gone_ = !*written;
      failed_ = error_ || reader_gone_;
    }
    buffer->clear();
  }
}

}  // namespace dse::tools
