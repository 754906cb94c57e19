// Writes events on standard output: pages of them are cut into portions, which several threads render, and
// which are written in order.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string_view>
#include <thread>
#include <vector>

#include "format/result.h"
#include "replay/batch_renderer.h"
#include "replay/event_page.h"
#include "replay/text_buffer.h"

namespace dse::tools {

// A page, and how each of its sources is rendered.
struct RenderedPage {
  explicit RenderedPage(replay::EventPage of) : page(std::move(of)) {}
  replay::EventPage page;
  std::vector<const replay::Renderer*> renderers;                // by source
  std::vector<std::vector<const replay::EventColumn*>> columns;  // by source
};

class EventWriter {
 public:
  // Writes the line of an event in its own way.
  using Mark = std::function<void(const replay::EventBatch& events, std::uint32_t event,
                                  std::string_view line, replay::TextBuffer& out)>;

  // With `jobs` threads, the caller's among them.
  explicit EventWriter(unsigned jobs, Mark mark = nullptr);
  ~EventWriter();
  EventWriter(const EventWriter&) = delete;
  EventWriter& operator=(const EventWriter&) = delete;

  // The events of these runs, each with a newline. False: writing has failed, or no one reads any more.
  bool write(std::shared_ptr<const RenderedPage> page, std::vector<replay::EventPage::Run> runs);
  // Behind all that was written before.
  bool write(std::string_view text);
  // Writes out what is held back; false as above.
  bool flush();

  // Has another thread do something else in between, some time or never.
  void run(std::function<void()> task);

  // Set when writing to standard output failed.
  const std::optional<Error>& error() const { return error_; }
  // Of a pipe: no error.
  bool reader_gone() const { return reader_gone_; }

 private:
  struct Portion {
    std::uint64_t turn = 0;  // when it is written
    std::shared_ptr<const RenderedPage> page;
    std::vector<replay::EventPage::Run> runs;
  };
  // What a thread has for itself.
  struct Bench {
    std::vector<replay::BatchRenderer> renderers;  // by source
    std::vector<replay::EventPage::Run> parts;     // likewise: what the portion has of it
    replay::TextBuffer own, line;
  };

  void work();
  bool help(std::size_t most);
  void process(const Portion& portion, Bench& bench);
  void render(const Portion& portion, Bench& bench, replay::TextBuffer& out);
  void append(replay::BatchRenderer& renderer, const replay::EventPage::Source& source,
              std::uint32_t place, std::uint32_t nth, Bench& bench, replay::TextBuffer& out);
  void wait_for_all();
  bool is_turn(const Portion& portion) const {
    return turn_.load(std::memory_order_acquire) == portion.turn;
  }
  void write_out(replay::TextBuffer& out);

  const Mark mark_;
  Bench bench_;  // the caller's
  std::vector<std::thread> threads_;

  std::mutex mutex_;
  std::condition_variable queued_, turned_;
  std::deque<Portion> queue_;
  std::deque<std::function<void()>> tasks_;  // before portions
  std::uint64_t next_ = 0;  // turn of the next portion that is added
  bool ended_ = false;

  // Who has the turn writes, and changes the rest.
  std::atomic<std::uint64_t> turn_ = 0;
  replay::TextBuffer held_;
  std::optional<Error> error_;
  bool reader_gone_ = false;
  std::atomic<bool> failed_ = false;  // one of both
};

}  // namespace dse::tools
