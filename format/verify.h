// Reads captures through, whatever is wrong with them: what is to be read is fixed first, so that a
// capture can be verified or recovered while it is being recorded.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "format/capture_checker.h"
#include "format/capture_directory.h"

namespace dse::format {

// A segment file as it was when the reading of all of them began.
struct PinnedSegment {
  std::string path;                        // "-": standard input
  std::string directory;                   // that it was found in; empty: it was named itself
  bool open_name = false;                  // it goes by its `.open` name
  bool growing = false;                    // a recorder is at work on it
  std::uint64_t size = ~std::uint64_t{0};  // bytes; of a growing one, what is there
};

// The segments of all captures. An error when one of them does not exist.
Result<std::vector<PinnedSegment>> pin_segments(const std::vector<std::string>& paths);
// Opens it, also if it got its final name meanwhile. None: it has been removed, as may be.
Result<std::optional<std::shared_ptr<ByteSource>>> open_pinned(PinnedSegment& segment);
// The name of what is read, for people.
std::string shown_path(const PinnedSegment& segment);

// How an input came to its end.
struct InputEnd {
  std::uint64_t offset = 0;  // where reading ended
  bool sealed = false;
  bool torn = false;  // in the middle of an entry; `error` says so
  std::optional<Error> error;
  SegmentReader::Hole hole;  // what `error` is about
};

// Hands out all entries of an input and what is between them.
struct InputVisitor {
  virtual ~InputVisitor() = default;
  virtual Status entry(const EntryRef& entry) = 0;
  virtual Status hole(const SegmentReader::Hole& hole, const Error& error) = 0;
  // A segment before the entry that comes next has no end.
  virtual void unsealed_inside(std::uint64_t offset) = 0;
};
Result<InputEnd> read_input(std::shared_ptr<ByteSource> source, InputVisitor& visitor);

// `dse verify`.
class Verifier final : private InputVisitor {
 public:
  Verifier(CaptureChecker::Report report, std::function<void(const Verifier&)> progress)
      : checker_(std::move(report)), progress_(std::move(progress)) {}

  // Errors are those of reading; what is wrong with a capture is reported.
  Status verify(const std::vector<std::string>& paths);
  // A single input, for tests.
  Status verify(std::shared_ptr<ByteSource> source, PinnedSegment segment);

  const CaptureChecker::Counts& counts() const { return checker_.counts(); }
  std::uint64_t bytes() const { return bytes_ + at_; }
  // What is to be said and is no fault: "still being recorded".
  const std::vector<std::string>& notes() const { return notes_; }

 private:
  Status entry(const EntryRef& entry) override;
  Status hole(const SegmentReader::Hole& hole, const Error& error) override;
  void unsealed_inside(std::uint64_t offset) override;
  void take_end(const PinnedSegment& segment, const InputEnd& end);

  CaptureChecker checker_;
  std::function<void(const Verifier&)> progress_;
  std::uint64_t bytes_ = 0;  // of inputs that are done
  std::uint64_t at_ = 0;     // in the one at hand
  std::vector<std::string> notes_;
};

}  // namespace dse::format
