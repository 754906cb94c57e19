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
// Sequence numbers are made such that what was lost before still shows as lost, and what was filtered out
// does not.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
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
#include "replay/session.h"

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
  // signals stay, and names are hidden from where they are known on; `close` is then not possible.
  bool reads_twice(const Session& session) const;
  // Each takes a session of its own, of the same capture, with the same points and filters, before its
  // first event, to its end.
  Status first(Session& session);
  Status run(Session& session, format::CaptureReader& reader);

  struct Account {
    std::uint64_t read = 0;     // records, snapshots not included
    std::uint64_t kept = 0;     // of them
    std::uint64_t events = 0;   // that passed
    std::uint64_t unknown = 0;  // records left out as nobody can tell what is in them
    std::uint64_t bytes = 0;    // written
  };
  const Account& account() const { return account_; }

 private:
  struct Ended final : format::CaptureReader::Observer {
    void segment(const std::string&, const format::SegmentInfo&) override {
      before = std::exchange(last, {});
    }
    void entry(const format::EntryHeader&) override {}
    void end(const format::EndInfo& info) override { last = info; }
    std::optional<format::EndInfo> last;    // of the segment at hand; none: it has none so far
    std::optional<format::EndInfo> before;  // of the one before it
  };
  // Of one CPU and kind: what was left out so far.
  using Streams = std::map<std::pair<format::Kind, std::uint16_t>, std::uint64_t>;

  // Of a batch, by point: the events that passed.
  struct Shown {
    const std::string* point;
    std::vector<std::uint32_t> position, nth;
    std::size_t next = 0;  // the first that has not been written
  };

  Status take(const Session& session);
  Status take_records(const format::Batch& batch, std::vector<Shown> shown);
  Status begin_capture(const Session& session);
  Status begin_segment(const Session& session);
  // `told`: by the last segment of the original. `cut`: the original is not whole.
  Status end_capture(std::optional<format::EndInfo> told, bool goes_on, bool cut);
  bool is_behind_first(const Session& session) const;
  format::SegmentInfo header(const Session& session) const;
  Result<format::Snapshot> filtered_snapshot(const format::Batch& batch, std::vector<Shown> shown);
  std::vector<Shown> shown_events(const Session& session) const;
  // Whether an event shows the record; and, if so, whether one of ContainerEvent alone does.
  enum class By { nothing, containers, others };
  static By shown_by(const std::vector<Shown>& shown, std::uint32_t position);
  static void mark(std::vector<Shown>& shown, std::uint32_t position, format::Rows& rows);
  Result<std::optional<std::vector<std::byte>>> kept_record(std::span<const std::byte> record,
                                                            std::uint64_t number, By shown);
  bool keeps_state(const dse_header& header, std::span<const std::byte> record) const;
  void follow_streams(const format::Batch& batch);
  Status flush();

  CaptureFilterOptions options_;
  format::FileSystem& fs_;
  format::NameRedactor names_;
  bool first_done_ = false;
  // Where the first time ended: what was recorded since is not known, and not taken.
  format::CaptureId first_id_{};
  std::uint64_t first_next_ = 0;
  Closure closure_;
  std::unordered_set<std::uint32_t> signalled_;  // processes whose signals are shown
  bool signals_ = false;                         // SignalDelivered is on
  Ended ended_;
  std::unique_ptr<format::CaptureWriter> writer_;
  unsigned captures_ = 0;  // that have begun
  // The capture at hand.
  bool open_ = false;   // it has begun
  bool begun_ = false;  // and so has what is written of it
  format::CaptureId source_id_{};
  std::uint64_t source_next_ = 0;    // number of its next record, were none missing
  std::uint64_t next_ = 0;           // that of the next one written
  std::uint64_t segment_first_ = 0;  // that of the first one of the segment
  std::uint64_t lost_ = 0;           // by its gaps
  format::Rows rows_;
  format::StreamTable streams_;
  Streams left_out_;
  Account account_;
};

}  // namespace dse::replay
