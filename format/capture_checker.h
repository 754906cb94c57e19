// Whether entries are what they claim to be, and follow from one another: the core of `dse verify`.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "format/check_batch.h"
#include "format/segment_info.h"
#include "format/segment_reader.h"

namespace dse::format {

// Something that is not as it should be.
struct Finding {
  std::string path;      // of the segment file
  std::uint64_t offset;  // in it, bytes
  std::string entry;     // which one: "block of records 1 to 20"; empty: none in particular
  std::string reason;
};

// Takes the entries of captures in the order of reading, and what is between them. Keeps the memory of a
// block, of an index, and of the sequence numbers of the captures at hand.
class CaptureChecker {
 public:
  using Report = std::function<void(const Finding&)>;
  explicit CaptureChecker(Report report) : report_(std::move(report)) {}

  struct Counts {
    std::uint64_t segments = 0;
    std::uint64_t entries = 0;  // whole and sound ones, trailers too
    std::uint64_t blocks = 0;
    std::uint64_t records = 0;
    std::uint64_t findings = 0;
  };

  // Another file, or stream. `directory`: that it is a segment of, with others beside it.
  void begin_input(const std::string& path, const std::string& directory);
  // The batch of a sound block or snapshot.
  std::optional<Batch> entry(const EntryRef& entry);
  // Bytes that are no entry, or an entry that is in the wrong place.
  void hole(const SegmentReader::Hole& hole, const Error& error);
  // A segment of the input at hand ended without its trailer.
  void unsealed(std::uint64_t offset, const std::string& how);
  void report(std::uint64_t offset, std::string entry, std::string reason);

  const Counts& counts() const { return counts_; }

 private:
  // A capture. There may be several, one after the other or side by side.
  struct Lane {
    CaptureId id{};
    bool known = false;         // a header of it was read
    std::uint32_t segment = 0;  // the number of the last one
    std::uint64_t next_record = 0;
    std::uint64_t last_number = 0;  // as tools show it, where records bring theirs with them
    Continuity continuity;
    std::uint64_t used = 0;
    // Of the segment at hand.
    bool in_segment = false, snapshot = false, ended = false;
    bool whole = true;  // no hole so far
    std::uint64_t records = 0;
    std::uint64_t indexed = 0;  // snapshots and blocks
    std::vector<IndexItem> index;
  };

  Lane& lane(std::uint64_t capture);
  void begin_segment(const EntryRef& entry);
  void follow_segment(Lane& lane, const SegmentInfo& info, const EntryRef& entry);
  std::optional<Batch> take_batch(const EntryRef& entry);
  void check_numbers(Lane& lane, const Batch& batch, const EntryRef& entry);
  void check_snapshot(const Batch& batch, const EntryRef& entry);
  void end_segment(const EntryRef& entry);
  void check_index(const Lane& lane, const std::vector<IndexItem>& told, const EntryRef& entry);
  void trailer(const EntryRef& entry);
  void note_index(Lane& lane, const EntryHeader& header);
  void report(const EntryRef& entry, std::string reason);

  Report report_;
  Counts counts_;
  std::string path_, directory_;
  bool first_in_input_ = true;
  std::map<std::uint64_t, Lane> lanes_;  // by short id
  std::uint64_t uses_ = 0;
  std::optional<CaptureId> in_directory_;      // the capture that came last in directory_
  std::optional<std::uint64_t> end_position_;  // of the end entry, if that came last
  std::uint64_t end_capture_ = 0;
};

// "block of records 1 to 20", with numbers as tools show them.
std::string describe_entry(const EntryHeader& header);

}  // namespace dse::format
