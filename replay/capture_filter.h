// A new capture with what passes the filters of a session. Every event that passed can be had from it
// again, with the number that it had, and no other:
//
// - by default the records that keep state (fork, exec, exit, cgroups, clock, what runtimes said, the
//   recorder's account) stay, and those of signals that tell of senders; what they would show by themselves
//   is hidden (FORMAT.md: `shown`). So the events are those of filtering the original, in all fields;
// - with `close`, only what the events refer to stays (replay/closure.h). So they are the same in the
//   fields that they show unasked, and nothing else is left in the file;
// - with a redactor, all strings are as its rules have them.
//
// Of a session with a window it is a *cut*: what came before the first of these events is condensed to what
// still matters (replay/state_log.h), and nothing is kept of what comes behind the last one.
//
// Sequence numbers are made such that what was lost before still shows as lost, and what was filtered out
// does not.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <unordered_set>
#include <utility>
#include <vector>

#include "format/capture_reader.h"
#include "format/capture_writer.h"
#include "format/redact.h"
#include "format/rewrite.h"
#include "replay/closure.h"
#include "replay/kept_events.h"
#include "replay/last_end.h"
#include "replay/original_losses.h"
#include "replay/record_writer.h"
#include "replay/session.h"
#include "replay/state_log.h"

namespace dse::replay {

struct CaptureFilterOptions {
  format::WriterOptions writer;
  bool close = false;
  format::Redactor redactor;
  std::vector<std::pair<std::string, std::string>>
      described;  // for the header: what was filtered for
};

class CaptureFilter {
 public:
  // `fs` outlives it.
  CaptureFilter(CaptureFilterOptions options, format::FileSystem& fs)
      : options_(std::move(options)), fs_(fs), names_(options_.redactor) {}

  // Whether the capture should be read twice: first() and then run(). If it cannot be, all records of
  // signals stay, names are hidden from where they are known on, and the state behind the last event of a
  // cut stays; `close` is then not possible.
  bool reads_twice(const Session& session) const;
  // Each takes a session of its own, of the same capture, with the same points and filters, before its
  // first event, to its end.
  Status first(Session& session);
  Status run(Session& session, format::CaptureReader& reader);

  struct Account {
    std::uint64_t read = 0;     // records, snapshots not included
    std::uint64_t kept = 0;     // of them
    std::uint64_t state = 0;    // in front of them: snapshots, and what a cut needs from before
    std::uint64_t events = 0;   // that passed
    std::uint64_t unknown = 0;  // records left out as nobody can tell what is in them
    std::uint64_t bytes = 0;    // written
  };
  const Account& account() const { return account_; }

 private:
  // Of one CPU and kind: what was left out so far.
  using Streams = std::map<std::pair<format::Kind, std::uint16_t>, std::uint64_t>;

  using By = KeptEvents::By;

  void note_last(const Session& session, const std::vector<std::uint64_t>& witnesses);
  void note_signalled(const Event& event);
  bool is_signalled(std::uint32_t pid, std::uint32_t tid) const;
  Status take(const Session& session);
  Status take_snapshot(const format::Batch& batch, KeptEvents shown);
  Status take_records(const Session& session, KeptEvents shown);
  static Result<std::uint32_t> first_of_cut(const Session& session, const KeptEvents& shown);
  Status remember(std::span<const std::byte> record, std::uint64_t number);
  Status begin_capture(const Session& session);
  Status begin_segment();
  // `told`: by the last segment of the original.
  enum class Ends { before_hole, capture, all };
  Status end_capture(std::optional<format::EndInfo> told, Ends ends);
  bool is_behind_first(const Session& session) const;
  // Behind the last event of the capture at hand, or of all of them.
  bool is_behind_last(std::uint64_t number) const;
  bool is_behind_all() const { return cut_ && first_done_ && captures_ > last_.size(); }
  format::SegmentInfo header() const;
  Result<bool> take_record(std::span<const std::byte> record, std::uint64_t number, By by);
  Result<std::optional<std::vector<std::byte>>> kept_record(std::span<const std::byte> record,
                                                            std::uint64_t number, By shown);
  bool keeps_state(const dse_header& header, std::span<const std::byte> record) const;

  CaptureFilterOptions options_;
  format::FileSystem& fs_;
  format::NameRedactor names_;
  bool first_done_ = false;
  // Where the first time ended: what was recorded since is not known, and not taken.
  format::CaptureId first_id_{};
  std::uint64_t first_next_ = 0;
  Closure closure_;
  std::unordered_set<std::uint32_t> signalled_;  // processes whose signals are shown
  std::unordered_set<std::uint32_t> signalled_threads_;
  bool signals_ = false;                         // SignalDelivered is on
  std::vector<std::string> points_;              // that are on
  format::CaptureReader* reader_ = nullptr;
  LastEnd ended_;
  OriginalLosses original_;
  std::vector<format::Loss> first_damage_;  // as the first time found it, to the end
  // Of a cut: by capture as they are read, the number of the last record that counts, if any does.
  std::vector<std::optional<std::uint64_t>> last_;
  bool cut_ = false;
  bool done_ = false;  // behind the last one of all
  std::unique_ptr<format::CaptureWriter> out_;
  unsigned closures_ = 0;  // captures that the closure has entered
  format::StreamTable streams_;
  std::optional<RecordWriter> writer_;
  // The capture at hand.
  std::size_t captures_ = 0;  // how many have begun
  bool open_ = false;         // it has begun
  bool begun_ = false;        // and so has what is written of it
  format::SegmentInfo info_;
  unsigned holes_ = 0;  // behind which it went on so far
  StateLog before_;  // the state, until what is written has begun
  format::BatchEncoder::SnapshotSpan span_{};
  Streams left_out_;
  Account account_;
};

}  // namespace dse::replay
