// A capture in fewer and larger blocks: the same records, numbers, snapshots and losses in less room.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "format/transcriber.h"
#include "format/verify.h"

namespace dse::format {

class Compaction final : private InputVisitor {
 public:
  struct Account {
    std::uint64_t bytes = 0, blocks = 0;  // read
    Transcriber::Account written;
  };

  Compaction(WriterOptions writer, FileSystem& fs);

  // An error where anything of the input is not as it should be: it is made for whole captures.
  Status run(const std::vector<std::string>& paths);

  Account account() const;
  std::function<void(std::uint64_t bytes)> progress;  // read so far

 private:
  Status entry(const EntryRef& entry) override;
  Status hole(const SegmentReader::Hole& hole, const Error& error) override;
  void unsealed_inside(std::uint64_t offset) override;
  Status begin_segment(const EntryRef& entry);
  // What the checker found, if anything.
  Status checked() const;

  TranscribeOptions options_;
  FileSystem& fs_;
  CaptureChecker checker_;
  std::optional<Finding> finding_;
  std::unique_ptr<Transcriber> out_;
  std::string path_;
  SegmentInfo info_;
  bool any_ = false;
  std::uint64_t bytes_ = 0;  // of inputs that are done
  std::uint64_t blocks_ = 0;
};

}  // namespace dse::format
