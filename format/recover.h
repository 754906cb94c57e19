// Everything that can be read of damaged captures, as a capture that is whole and says what it lacks.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "format/transcriber.h"
#include "format/verify.h"

namespace dse::format {

// Something in the input that is not in the output, or could not be used.
struct LostPart {
  std::string path;
  std::uint64_t offset = 0;  // in the input, bytes
  std::string what;
  bool lost = true;  // false: damage that cost nothing
  // Records that it cost; none: nobody can tell how many.
  std::optional<std::uint64_t> records = 0;
  std::uint64_t first = 0;  // number of the first of them, as tools show it; 0: not known
  std::uint64_t since_ns = 0, until_ns = 0;  // real time, ns; 0: not known
};

// Segments keep their headers, snapshots and records, blocks their records. What is missing shows as gaps
// and as losses of the cause "damaged"; records keep the numbers that tools show. Where a segment begins
// behind a hole, its snapshot counts: the capture then goes on as another one.
class Recovery final : private InputVisitor {
 public:
  struct Account {
    std::uint64_t records = 0, blocks = 0, bytes = 0;  // written
    std::uint64_t lost_records = 0;                    // as far as they can be counted
    bool lost_uncounted = false;                       // and others
    bool lost_any = false;                             // records, or other entries
  };

  Recovery(WriterOptions writer, FileSystem& fs, std::function<void(const LostPart&)> report)
      : report_(std::move(report)), writer_(std::move(writer)), fs_(fs) {}

  // Errors are those of reading and writing, or that there was nothing to recover.
  Status run(const std::vector<std::string>& paths);
  // A single input, for tests.
  Status run(std::shared_ptr<ByteSource> source);

  Account account() const;
  const std::vector<std::string>& notes() const { return notes_; }
  std::function<void(std::uint64_t bytes)> progress;  // read so far

 private:
  // The capture that is read.
  struct Original {
    bool any = false;
    std::uint64_t capture = 0;          // short id
    SegmentInfo info;                   // of its last segment
    bool from_start = false;            // its streams began at 0
    std::optional<std::uint64_t> next;  // number of the next record
    std::uint64_t offset = 0;           // real time - boot time, in force
    std::uint64_t last_time = 0;        // boot time of the last record
    bool numbered = false;              // records bring numbers of their own
    bool hole = false;                  // records were lost since the last one that was written
    bool complete = false;              // its last end entry says that it is over
    // Of what is written of it: since its start, or since the hole that it goes on behind.
    bool written = false;
    unsigned part = 0;
    std::uint64_t damaged = 0;
    bool damaged_uncounted = false;
    std::uint64_t damaged_told = 0;  // of it, in the last end that was written
    std::map<Kind, std::uint64_t> gaps;
    std::vector<Loss> told;  // in what was written of it before
    std::vector<Loss> last_told;
  };
  // A segment that nothing is written of yet.
  struct Pending {
    SegmentInfo info;
    std::optional<Batch> snapshot;
    bool snapshot_met = false;
  };

  Status begin();
  Status read(std::shared_ptr<ByteSource> source, const PinnedSegment& segment);
  Status finish();

  Status entry(const EntryRef& entry) override;
  Status hole(const SegmentReader::Hole& hole, const Error& error) override;
  void unsealed_inside(std::uint64_t) override {}
  Status end_of_input(const PinnedSegment& segment, const InputEnd& end);

  Status take_segment(const EntryRef& entry);
  Status take_snapshot(const EntryRef& entry);
  Status take_block(const EntryRef& entry);
  Status take_end(const EntryRef& entry);
  void follow(const Batch& batch, const EntryHeader& header);
  void lose_open(const EntryHeader& next);
  void lose_block(const EntryHeader& header, std::uint64_t offset, const std::string& why);
  void settle(std::uint64_t first, std::uint64_t until, std::uint64_t offset);
  void report(LostPart part);
  LostPart part(std::uint64_t offset, std::string what) const;

  // recover_segments.cc
  void enter_capture(std::uint64_t capture);
  void restart(std::uint64_t first);
  Status ensure_segment(const EntryRef& entry);
  SegmentInfo make_info(std::uint64_t capture);
  std::optional<SegmentInfo> find_info(std::uint64_t capture);
  Status write_begin(std::uint64_t first);
  Status write_empty();
  Status end_segment(std::optional<EndInfo> end, bool growing);
  EndInfo made_end(bool growing) const;
  void add_damage(EndInfo& end) const;
  void lose_uncounted();

  std::function<void(const LostPart&)> report_;
  WriterOptions writer_;
  FileSystem& fs_;
  std::vector<PinnedSegment> inputs_;
  std::unique_ptr<Transcriber> out_;
  Account account_;
  std::vector<std::string> notes_;
  std::string path_;
  bool first_in_input_ = true;
  std::uint64_t bytes_ = 0;
  Original original_;
  unsigned parts_ = 0;  // captures that go on behind a hole, or begin anew
  std::optional<Pending> pending_;
  bool begun_ = false;  // the segment at hand is being written
  bool any_written_ = false;
  std::uint64_t last_first_ = 0;      // first record of the last segment that is written
  std::uint64_t last_position_ = 0;   // of the last entry, in its segment
  std::uint64_t last_offset_ = 0;     // in its input
  std::optional<EndInfo> empty_end_;  // of pending_, which had no records
  bool end_missing_ = false;          // the last segment has none: more may have followed
  std::optional<LostPart> open_;      // damage; what follows tells what it cost
};

}  // namespace dse::format
