// Several captures, of several hosts, as one: a *merged capture* (FORMAT.md). Each stays a capture of its own,
// with its own state, and their records are put in the order of real time, by which they are numbered
// anew. The records of one capture keep their order, whatever its clock did.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "format/capture_reader.h"
#include "format/capture_writer.h"
#include "replay/last_end.h"
#include "replay/original_losses.h"
#include "replay/state.h"

namespace dse::replay {

struct CaptureMergeOptions {
  format::WriterOptions writer;
  // Takes clocks as they are that nobody says to agree.
  bool trust_clocks = false;
  // By host name: what its clock was behind, ns, and is put right by.
  std::map<std::string, std::int64_t> offsets;
};

class CaptureMerge {
 public:
  // `fs` outlives it.
  CaptureMerge(CaptureMergeOptions options, format::FileSystem& fs)
      : options_(std::move(options)), fs_(fs) {}

  // `name` is for messages. Each is read once, from its beginning. Of what is equal in time, that of the
  // input that was added first goes first.
  void add(std::string name, std::unique_ptr<format::CaptureReader> reader);

  // Merges the next few thousand records; false: all is done. After an error, and before the end, what is
  // written is not whole. Errors: usage, where clocks cannot be related, an input is merged already or
  // there twice, or an offset is of a host that none is of.
  Result<bool> step();

  struct Account {
    std::uint64_t records = 0;
    std::uint64_t bytes = 0;
    std::set<std::string> hosts;
    std::uint32_t captures = 0;
  };
  const Account& account() const { return account_; }
  // Of all inputs.
  std::vector<format::Note> notes() const;
  // Of whose clocks it is not known whether they agree; the order between hosts is as good as they were.
  const std::set<std::string>& unknown_clocks() const { return unknown_clocks_; }

 private:
  // The events of one point that a filtered batch shows.
  struct Shown {
    const format::ShownEvents* events;
    std::size_t next = 0;
  };
  // A segment of a capture, which can be in one input only.
  using SegmentId = std::pair<format::CaptureId, std::uint32_t>;
  struct Observer final : LastEnd {
    void segment(const std::string& path, const format::SegmentInfo& info) override {
      LastEnd::segment(path, info);
      segments.emplace_back(info.capture_id, info.segment);
    }
    std::vector<SegmentId> segments;  // that are not checked yet
  };
  struct Input {
    std::string name;
    std::unique_ptr<format::CaptureReader> reader;
    Observer ends;
    bool done = false;
    // The capture at hand.
    bool open = false;   // it has begun
    bool begun = false;  // and so has what is written of it
    State state;         // for its clock
    std::int64_t offset = 0;
    std::uint32_t capture_number = 0;  // among those of this input
    std::uint64_t id = 0;              // short, of what is written
    std::uint64_t next_record = 0;     // of what is written
    std::uint64_t lost = 0;            // by gaps of what is written
    format::StreamTable streams;
    OriginalLosses original;
    // The batch at hand, record by record.
    std::optional<format::Batch> batch;
    std::vector<std::byte> bytes;
    std::vector<std::size_t> ends_at;  // of each record, in `bytes`
    std::vector<std::uint64_t> times;  // real, ns, never falling
    std::vector<Shown> shown;
    std::size_t next = 0;
    std::uint64_t last_time = 0;
    // What goes into the slice at hand.
    format::Rows rows;
  };

  Status refill(Input& input);
  Status take_capture(Input& input);
  Status begin_capture(Input& input, const format::Batch* snapshot);
  Status end_capture(Input& input, std::optional<format::EndInfo> told, bool goes_on);
  Status take_batch(Input& input, format::Batch batch);
  Result<format::Snapshot> snapshot_of(Input& input, const format::Batch& batch);
  Status check_segments(Input& input);
  Status check_offsets() const;
  Status check_clock(const Input& input, const format::SegmentInfo& info);
  format::SegmentInfo header(const Input& input) const;
  void correct_clock(const Input& input, std::span<std::byte> record) const;
  void take_record(Input& input);
  Status flush();

  CaptureMergeOptions options_;
  format::FileSystem& fs_;
  std::vector<std::unique_ptr<Input>> inputs_;
  std::unique_ptr<format::CaptureWriter> writer_;
  bool started_ = false;
  bool segment_begun_ = false;
  // The end of a capture that may be the last one, and its short id.
  std::optional<std::pair<format::EndInfo, std::uint64_t>> last_end_;
  std::uint64_t slice_ = 1;
  std::uint64_t slice_records_ = 0;
  std::size_t slice_bytes_ = 0;
  std::string boot_id_;               // of the first capture
  std::optional<std::string> alone_;  // the host of a clock that nobody kept right
  bool several_boots_ = false;
  std::set<std::string> unknown_clocks_;
  std::map<SegmentId, const Input*> segments_;
  Account account_;
};

}  // namespace dse::replay
