// Entries one after the other, from a file or a pipe, checked as far as their headers go.
#pragma once

#include <memory>
#include <optional>
#include <utility>

#include "format/byte_source.h"
#include "format/entry.h"
#include "format/result.h"

namespace dse::format {

struct EntryRef {
  EntryHeader header;
  std::uint64_t offset;  // in the source, bytes
  BodyReader body;       // from a pipe: the body itself is held
};

class SegmentReader {
 public:
  // `counters` may be null, else it outlives the reader.
  SegmentReader(std::shared_ptr<ByteSource> source, ReadCounters* counters)
      : source_(std::move(source)), counters_(counters) {}

  // The next entry; none at the end. Trailers are checked and passed over. An error is final, but
  // all entries before it were good.
  Result<std::optional<EntryRef>> next();

  // While the source grows, the end is none: an entry that is not whole yet is not there yet, and
  // next() may be asked again. For sources that can seek.
  void set_growing(bool growing) { growing_ = growing; }
  bool growing() const { return growing_; }
  // Where the next entry begins.
  std::uint64_t position() const { return source_->position(); }
  const ByteSource& source() const { return *source_; }

  // After the end: whether the last thing read was the end of a segment.
  bool sealed() const { return sealed_; }
  // Whether a segment that was not sealed came before the one at hand, in the same input. Asking
  // forgets it.
  bool take_unsealed_inside() { return std::exchange(unsealed_inside_, false); }
  // After an error: the input just stops in the middle of an entry.
  bool torn() const { return torn_; }

 private:
  Result<std::optional<EntryHeader>> read_header();
  Status check_sequence(const EntryHeader& header, std::uint64_t offset) const;
  Result<std::optional<EntryRef>> read_entry(std::uint64_t offset);
  Result<bool> read_body(EntryRef& entry);

  std::shared_ptr<ByteSource> source_;
  ReadCounters* counters_;
  bool growing_ = false;
  bool any_ = false;
  bool sealed_ = false;
  bool torn_ = false;
  bool unsealed_inside_ = false;
  std::uint64_t segment_start_ = 0;
};

}  // namespace dse::format
