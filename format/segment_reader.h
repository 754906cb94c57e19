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

enum class OnDamage {
  stop,   // an error is final
  go_on,  // next() goes on at the next entry whose header is good; trailers come out too
};

class SegmentReader {
 public:
  // `counters` may be null, else it outlives the reader.
  SegmentReader(std::shared_ptr<ByteSource> source, ReadCounters* counters,
                OnDamage on_damage = OnDamage::stop);

  // The next entry; none at the end. Trailers are checked and passed over. After an error nothing
  // comes, unless the reader goes on; all entries before it were good as far as their headers go.
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

  // For a reader that goes on, after an error: the bytes that are no entry, none if there is one where
  // none belongs. The last entry before them may have its body in there.
  struct Hole {
    std::uint64_t begin = 0, end = 0;
    std::optional<EntryHeader> header;  // of the entry that is not whole, if that much is known
  };
  const Hole& hole() const { return hole_; }

 private:
  // An entry header and where it stands.
  struct Placed {
    EntryHeader header;
    std::uint64_t offset;
    std::uint64_t body;  // offset
  };

  Result<std::optional<EntryRef>> next_entry();
  Result<std::optional<EntryHeader>> read_header();
  Status check_sequence(const EntryHeader& header, std::uint64_t offset) const;
  std::optional<EntryRef> wait_at(std::uint64_t offset);
  void follow(const EntryHeader& header, std::uint64_t offset);
  Result<bool> attach_body(EntryRef& entry);
  Status pass_over(std::uint64_t offset);
  Result<std::optional<Placed>> find_header(std::uint64_t from);
  Result<std::optional<Placed>> header_at_marker(std::uint64_t marker);
  void adopt(const Placed& placed);
  Status move_to(std::uint64_t position);

  std::shared_ptr<ByteSource> source_;
  ReadCounters* counters_;
  OnDamage on_damage_;
  bool growing_ = false;
  bool any_ = false;
  bool sealed_ = false;
  bool torn_ = false;
  bool unsealed_inside_ = false;
  std::uint64_t segment_start_ = 0;
  // Only where the reader goes on:
  Hole hole_;
  std::optional<Placed> found_;   // behind a hole
  std::optional<EntryRef> last_;  // the last one that came out
  std::uint64_t last_body_ = 0;   // where its body begins
  std::optional<EntryHeader> torn_header_;
};

}  // namespace dse::format
