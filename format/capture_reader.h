// Captures as a source of batches: directories, files and pipes, one after the other.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "format/capture_directory.h"
#include "format/follow.h"
#include "format/read_ahead.h"
#include "format/segment_reader.h"
#include "format/source.h"

namespace dse::format {

class CaptureReader final : public Source {
 public:
  // Each path is a directory, a file, or "-" for standard input. An error when one does not exist.
  static Result<std::unique_ptr<CaptureReader>> open(const std::vector<std::string>& paths);
  // A directory or file that may still be recorded: next() goes along with the recorder, through rotation
  // and retention, until it ends, and is idle when there is nothing new. The first idle comes when all
  // that was there at the start has been read. An idle reader waits for a change before it looks again.
  static Result<std::unique_ptr<CaptureReader>> follow(const std::string& path,
                                                       const FollowOptions& options);
  // One source of bytes, for tests.
  explicit CaptureReader(std::shared_ptr<ByteSource> source, std::string name);

  Result<Step> next() override;
  // While following: next() soon gives `end`, wherever it is. Also for signal handlers.
  void stop();
  bool stopped() const { return follow_ && follow_->watch().stopped(); }
  // While following: why the kernel is not asked for changes; empty: it is.
  std::string why_polling() const { return follow_ ? follow_->watch().why_polling() : ""; }
  const SegmentInfo& info() const override { return info_; }
  void want(KindSet kinds) override { wanted_ = kinds; }
  void want_blocks(std::function<bool(const BlockSummary&)> wanted) override {
    block_wanted_ = std::move(wanted);
  }
  void report_damage(const Error& error) override;
  const std::vector<Note>& notes() const override { return notes_; }
  std::vector<Loss> losses() const override;
  std::vector<Loss> damage() const override;

  // From now on another thread opens the next batch while the one at hand is in use, where the input can be
  // sought in. What comes out is the same. The executor is not called but by next().
  void read_ahead(Executor executor);

  // For `dse info`: told of every entry, whatever next() makes of it.
  struct Observer {
    virtual ~Observer() = default;
    virtual void segment(const std::string& path, const SegmentInfo& info) = 0;
    virtual void entry(const EntryHeader& header) = 0;
    virtual void end(const EndInfo& info) = 0;
  };
  void observe(Observer* observer) { observer_ = observer; }
  // Batches with gaps come out even if they have no wanted kind.
  void want_gaps() { want_gaps_ = true; }

  // Whether there was more, and nobody can tell how much: a file is not sealed, or damaged such that its
  // rest cannot be read.
  bool is_cut_short() const;

  const ReadCounters& counters() const { return counters_; }

 private:
  CaptureReader() = default;

  Result<std::optional<Step>> open_next_segment();
  Result<std::optional<Step>> follow_next_segment();
  bool still_grows() const;
  Step idle();
  void close_segment(const std::optional<Error>& error);
  // A capture at hand. There are several of them in a merged one.
  struct Lane {
    CaptureId id{};
    std::uint32_t number = 0;  // as steps name it
    std::uint64_t next_record = 0;
    bool take_snapshot = false;   // the segment at hand begins the capture
    std::vector<Loss> losses;     // as its last end entry has them
    bool losses_known = false;    // nothing came after that entry
    std::uint64_t gap_losses = 0; // what the gaps of all its blocks add up to
  };
  // More than this many hosts at a time are never in one capture.
  static constexpr std::size_t kMaxLanes = 1024;

  Result<std::optional<EntryRef>> next_entry();
  void start_ahead();
  Result<std::optional<Step>> take(EntryRef& entry);
  Result<std::optional<Step>> take_segment(EntryRef& entry);
  Result<std::optional<Step>> take_batch(EntryRef& entry);
  Result<std::optional<Step>> take_end(EntryRef& entry);
  Lane* lane_of(const EntryHeader& header);
  // The lane for the capture of a header: the one that it has already, or a new one.
  Result<Lane*> enter_lane(bool joins);
  static void add_losses(const Lane& lane, std::vector<Loss>& losses);
  void expect(Lane& lane, std::uint64_t first);
  void lose(const std::vector<KindCount>& records);
  bool is_wanted(const EntryHeader& header, const Lane& lane) const;
  void note(Note::What what, std::string text);

  std::vector<SegmentPath> segments_;
  std::size_t next_segment_ = 0;
  std::unique_ptr<SegmentReader> reader_;
  std::string name_;                  // of what reader_ reads
  bool was_open_ = false;             // it goes by its `.open` name
  std::unique_ptr<Follow> follow_;    // null: what is there now is all
  bool idle_ = false;                 // there was nothing new at the last look
  bool over_ = false;                 // the capture at hand has ended
  bool died_ = false;                 // its recorder did, and that was said
  std::uint64_t entries_before_ = 0;  // in the inputs before it
  Observer* observer_ = nullptr;

  KindSet wanted_ = kAllKinds;
  std::function<bool(const BlockSummary&)> block_wanted_;
  bool want_gaps_ = false;
  KindSet unknown_kinds_ = 0;  // that a note has been made of
  SegmentInfo info_;
  std::vector<Lane> lanes_;
  // Of a merged capture: the slice at hand, and how much its messages are.
  std::uint64_t slice_ = 0;
  std::uint64_t slice_bytes_ = 0;
  std::uint32_t next_lane_ = 0;
  std::vector<Note> notes_;
  std::vector<Loss> ended_losses_;  // of captures that are over
  // What was found to be damaged or missing.
  std::map<Kind, std::uint64_t> damaged_;  // records
  std::vector<KindCount> last_batch_;      // records of the last batch, unless they are in damaged_
  bool in_segment_ = false;                // that has not ended yet
  bool broken_off_ = false;   // the last one was damaged before its end; what follows may tell more
  bool broken_ = false;       // so was another one, and nothing told more
  ReadCounters counters_;

  // Only where batches are opened ahead: the entry behind the one at hand, and the batch that it is if that
  // has been opened already.
  std::optional<Result<std::optional<EntryRef>>> next_;
  std::optional<Batch> next_batch_;
  std::shared_ptr<ColumnUse> use_;
  std::unique_ptr<ReadAhead> ahead_;  // who goes first, as it may be at work
};

}  // namespace dse::format
