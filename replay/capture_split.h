// A capture in parts that follow one another, each a capture by itself: all records of the whole, once, with
// their numbers, and in front of each part the state that it needs, hidden (replay/state_log.h). The
// events of the parts, one after the other, are those of the whole.
//
// The input is read once. Memory is that of a block and of the state.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "format/capture_reader.h"
#include "format/capture_writer.h"
#include "replay/kept_events.h"
#include "replay/original_losses.h"
#include "replay/record_writer.h"
#include "replay/session.h"
#include "replay/state_log.h"

namespace dse::replay {

// What a part may hold; one of them is set. A part has at least one record, and events of one record stay
// together, so a part may pass its limit.
struct PartLimit {
  std::uint64_t bytes = 0;  // a part ends with the block with which its file reaches this size
  std::uint64_t time_ns =
      0;  // with the last record before one that comes this much after the first one
  std::uint64_t events = 0;  // with the last record with which it has not more events
};

struct PartAccount {
  std::string path;
  std::uint64_t records = 0;
  std::uint64_t state = 0;  // records that only keep state, besides
  std::uint64_t events = 0;
  std::uint64_t first = 0, last = 0;         // numbers of the records
  std::uint64_t since_ns = 0, until_ns = 0;  // real times of the first and the last one
  std::uint64_t bytes = 0;
};

class CaptureSplit {
 public:
  struct Options {
    std::string directory;  // which is there
    PartLimit limit;
    int level = 3;  // zstd
  };
  // Is told of each part when it is complete.
  using OnPart = std::function<void(const PartAccount&)>;

  // `fs` outlives it.
  CaptureSplit(Options options, format::FileSystem& fs, OnPart on_part)
      : options_(std::move(options)), fs_(fs), on_part_(std::move(on_part)) {}

  // "part-000001.dse": names in the order of the parts.
  static std::string part_name(std::uint64_t part);

  // Takes a session over the reader with all points, and no filters, before its first event, to its end.
  Status run(Session& session, format::CaptureReader& reader);

  std::uint64_t parts() const { return parts_; }

 private:
  // What the last end entry of the original told.
  struct Ended final : format::CaptureReader::Observer {
    void segment(const std::string&, const format::SegmentInfo&) override {}
    void entry(const format::EntryHeader&) override {}
    void end(const format::EndInfo& info) override { losses = info.losses; }
    std::vector<format::Loss> losses;
  };

  Status begin_capture(const Session& session);
  Status take_snapshot(const Session& session);
  Status take_records(const Session& session);
  // Whether a record at that time, with so many events, must not be in the part at hand any more.
  bool is_full(std::uint64_t real_ns, std::uint64_t events) const;
  format::SegmentInfo header() const;
  Status open_part();
  Status begin_part(std::uint64_t first);
  Status end_part(bool of_capture);

  Options options_;
  format::FileSystem& fs_;
  OnPart on_part_;
  format::CaptureReader* reader_ = nullptr;
  Ended ended_;
  OriginalLosses original_;
  std::uint64_t parts_ = 0;
  // The capture at hand.
  bool open_ = false;  // it has begun
  format::SegmentInfo info_;
  format::BatchEncoder::SnapshotSpan span_{};
  StateLog before_;
  format::StreamTable streams_;
  std::uint64_t placed_lost_ = 0;  // while recording, by the gaps of the parts so far
  // The part at hand.
  std::unique_ptr<format::CaptureWriter> out_;
  std::optional<RecordWriter> writer_;
  PartAccount part_;
  std::vector<std::pair<const std::string*, std::uint32_t>> events_;  // of the record at hand
};

}  // namespace dse::replay
