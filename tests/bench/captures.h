// Batches, captures and events of the benchmarks' records, in memory, and what is done with them.
#pragma once

#include <map>
#include <memory>
#include <span>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "format/entry.h"
#include "format/result.h"
#include "format/rows.h"
#include "format/segment_info.h"
#include "format/source.h"
#include "record/ring_tasks.h"
#include "replay/event_page.h"
#include "replay/render.h"
#include "replay/session.h"
#include "replay/state.h"
#include "replay/text_buffer.h"
#include "tests/bench/records.h"

namespace dse::bench {

// What cannot fail here: a benchmark has no one to tell.
template <typename T>
T must(Result<T> result) {
  if (!result) throw std::runtime_error(result.error().message());
  return std::move(*result);
}
inline void must(const Status& status) {
  if (!status) throw std::runtime_error(status.error().message());
}

// Appends them one by one.
void append_all(const Records& records, format::Rows& rows);

// What the rings of so many CPUs get of these records, one after the other: each names its task by a number,
// which the ring has told before.
struct RingRecord {
  std::size_t ring;
  std::string bytes;
};
std::vector<RingRecord> in_rings(const Records& records, std::size_t rings);

// Takes a record out of a ring whose tasks these are, as the recorder does.
inline void take_from_ring(std::span<const std::byte> record, record::RingTasks& tasks,
                           format::Rows& rows, format::StreamTable& streams) {
  if (tasks.append(record, rows)) return;
  tasks.take(record, [&](const format::RecordHead& head, format::SharedTask* task,
                         std::span<const std::byte> body, format::Rows::Lane& lane) {
    rows.append(head, *task, body, streams, lane);
  });
}

// A block as it is in a file: its header, and all of its frames.
struct EncodedBlock {
  format::EntryHeader header;
  std::vector<std::byte> body;
  std::uint64_t raw_bytes = 0;

  format::Batch open(format::ReadCounters* counters = nullptr) const;
};
EncodedBlock encode_block(const Records& records, int level = 1);
// As a live source has it, without compression.
format::Batch block_batch(const Records& records);

format::SegmentInfo segment_info();
// Of one segment, with so many records in each block.
std::string capture_bytes(const Records& records, std::size_t per_block = 32768, int level = 1);
std::unique_ptr<format::Source> open_capture(const std::string& bytes);
// With the points that are shown unasked.
std::unique_ptr<replay::Session> open_session(const std::string& bytes);
// The events of the first block.
replay::EventPage first_page(replay::Session& session);

// What the snapshot tells, as far as it is needed.
class InitialState {
 public:
  InitialState();
  std::unique_ptr<replay::State> make(const replay::StateNeeds& needs) const;

 private:
  format::Batch snapshot_;
};
inline constexpr replay::StateNeeds kAllNeeds{true, true, true, true, true};

// Renders the events of a session's pages. Both give how many there were.
class PageRenderer {
 public:
  enum class Form { json, text };
  PageRenderer(const replay::Session& session, Form form);

  // Many events at a time, as replay does it.
  std::size_t in_batches(const replay::EventPage& page, replay::TextBuffer& out) const;
  std::size_t one_by_one(const replay::EventPage& page, std::string& out) const;

 private:
  std::map<const replay::ObservationPoint*, std::unique_ptr<replay::Renderer>> renderers_;
};

}  // namespace dse::bench
