#include "format/segment_reader.h"

#include <algorithm>
#include <cstring>

namespace dse::format {
namespace {

constexpr std::size_t kWindowBytes = 64 * 1024;

Error damaged(std::string what) { return {ErrorCode::damaged, std::move(what)}; }

}  // namespace

SegmentReader::SegmentReader(std::shared_ptr<ByteSource> source, ReadCounters* counters,
                             OnDamage on_damage)
    : source_(std::move(source)), counters_(counters), on_damage_(on_damage) {
  if (on_damage_ == OnDamage::go_on && !source_->can_seek())
    source_ = keeping_byte_source(std::move(source_));
}

// None: a clean end.
Result<std::optional<EntryHeader>> SegmentReader::read_header() {
  std::byte prefix[kSkippableBytes];
  DSE_TRY_ASSIGN(std::size_t n, source_->read(prefix));
  if (n == 0) return std::optional<EntryHeader>();
  std::uint32_t magic = 0, size = 0;
  if (n == sizeof(prefix)) {
    std::memcpy(&magic, prefix, sizeof(magic));
    std::memcpy(&size, prefix + sizeof(magic), sizeof(size));
  }
  if (n < sizeof(prefix)) {
    torn_ = any_ || growing_;
    return damaged(any_ ? "the input ends in the middle of an entry" : "not a dse capture");
  }
  if (magic != kSkippableMagic || size > kMaxHeaderBytes)
    return damaged(any_ ? "no entry where one should begin" : "not a dse capture");
  std::vector<std::byte> content(size);
  DSE_TRY_ASSIGN(n, source_->read(content));
  if (n < size) {
    torn_ = true;
    return damaged("the input ends in the middle of an entry");
  }
  DSE_TRY_ASSIGN(EntryHeader header, decode_header(content));
  return std::optional<EntryHeader>(std::move(header));
}

// Entries stand where they say they do, and a segment begins with its header. In a merged capture the
// headers of others follow within the segment.
Status SegmentReader::check_sequence(const EntryHeader& header, std::uint64_t offset) const {
  bool begins = header.type == EntryType::segment && header.position == 0;
  if (!begins && (!any_ || header.position != offset - segment_start_))
    return damaged("an entry that belongs elsewhere");
  if (sealed_ && !begins) return damaged("an entry behind the end of its segment");
  return {};
}

Result<std::optional<EntryRef>> SegmentReader::next() {
  if (on_damage_ == OnDamage::stop) return next_entry();
  std::uint64_t offset = source_->position();
  if (found_) offset = found_->offset;
  source_->keep(last_ ? std::min(last_body_, offset) : offset);
  auto entry = next_entry();
  if (!entry && entry.error().code() == ErrorCode::damaged) {
    const bool begins = !any_;
    DSE_TRY(pass_over(offset));
    if (begins && found_ && hole_.end > hole_.begin)
      return damaged("no entry where the first one should begin");
    return entry.error();
  }
  if (entry && *entry) last_ = **entry;
  return entry;
}

// Not whole yet: as if it were not there.
std::optional<EntryRef> SegmentReader::wait_at(std::uint64_t offset) {
  torn_ = false;
  source_->return_to(offset);
  return {};
}

// What a header says of the segment.
void SegmentReader::follow(const EntryHeader& header, std::uint64_t offset) {
  if (header.type == EntryType::segment && header.position == 0) {
    unsealed_inside_ = any_ && !sealed_;
    segment_start_ = offset;
  }
}

Result<std::optional<EntryRef>> SegmentReader::next_entry() {
  while (true) {
    std::uint64_t offset = source_->position();
    auto at = [&](const Error& error) {  // who goes on asks hole() where
      return on_damage_ == OnDamage::go_on ? error : error.in("at byte " + std::to_string(offset));
    };
    EntryRef entry{};
    const bool found = found_.has_value();
    if (found) {
      offset = found_->offset;
      entry.header = std::move(found_->header);
      found_.reset();
    } else {
      auto header = read_header();
      if (!header && torn_ && growing_) return wait_at(offset);
      if (!header)
        return header.error().code() == ErrorCode::damaged ? at(header.error()) : header.error();
      if (!*header) return std::optional<EntryRef>();
      if (auto status = check_sequence(**header, offset); !status) {
        if (on_damage_ == OnDamage::go_on)
          found_ = Placed{std::move(**header), offset, source_->position()};
        return at(status.error());
      }
      entry.header = std::move(**header);
    }
    entry.offset = offset;
    DSE_TRY_ASSIGN(bool whole, attach_body(entry));
    if (!whole && growing_) return wait_at(offset);
    // What is found behind damage has been adopted already.
    if (!found) follow(entry.header, offset);
    any_ = true;
    torn_ = !whole;
    sealed_ = entry.header.type == EntryType::trailer;
    if (!whole) {
      torn_header_ = std::move(entry.header);
      return at(damaged("the input ends in the middle of an entry"));
    }
    if (sealed_ && on_damage_ == OnDamage::stop) continue;
    if (counters_) ++counters_->entries;
    return std::optional<EntryRef>(std::move(entry));
  }
}

// False: the input ends before the body does.
Result<bool> SegmentReader::attach_body(EntryRef& entry) {
  std::uint64_t body_offset = last_body_ = source_->position();
  std::uint64_t body_size = entry.header.body_bytes();
  if (source_->can_seek()) {
    entry.body = [source = source_, body_offset, buffer = std::vector<std::byte>()](
                     std::uint64_t from,
                     std::uint32_t size) mutable -> Result<std::span<const std::byte>> {
      buffer.resize(size);
      DSE_TRY(source->read_at(body_offset + from, buffer));
      return std::span<const std::byte>(buffer);
    };
    return source_->skip(body_size);
  }
  auto buffer = std::make_shared<std::vector<std::byte>>(body_size);
  DSE_TRY_ASSIGN(std::size_t n, source_->read(*buffer));
  entry.body = [buffer](std::uint64_t from,
                        std::uint32_t size) -> Result<std::span<const std::byte>> {
    return std::span<const std::byte>(*buffer).subspan(from, size);
  };
  return n == body_size;
}

// ---- going on behind damage ----------------------------------------------------------------------

// Finds the entry to go on with, after an error at `offset`.
Status SegmentReader::pass_over(std::uint64_t offset) {
  hole_ = {offset, offset, std::exchange(torn_header_, {})};
  // Bytes may be missing in a body: then what follows began within what seemed to be the body. What a
  // sound body holds is never taken for an entry.
  const bool torn_body =
      hole_.header || (last_ && !check_frames(last_->header, last_->body).empty());
  if (found_ && !torn_body) {  // an entry in the wrong place
    adopt(*found_);
    return {};
  }
  last_.reset();
  DSE_TRY_ASSIGN(found_, find_header(torn_body ? last_body_ : offset));
  if (!found_) {
    hole_.end = source_->position();
    return {};
  }
  torn_ = false;
  hole_.begin = std::min(hole_.begin, found_->offset);
  hole_.end = found_->offset;
  adopt(*found_);
  return source_->go_back(found_->body);
}

// What follows is measured by where this entry says that it stands.
void SegmentReader::adopt(const Placed& placed) {
  if (placed.header.type == EntryType::segment && placed.header.position == 0)
    unsealed_inside_ = any_ && !sealed_;
  segment_start_ = placed.offset - placed.header.position;
  sealed_ = false;
}

// To a place that was read before.
Status SegmentReader::move_to(std::uint64_t position) {
  if (source_->position() >= position) return source_->go_back(position);
  DSE_TRY(source_->skip(position - source_->position()));
  return {};
}

// The first good header whose sync marker stands at `from` or later. At the end the source is too.
Result<std::optional<SegmentReader::Placed>> SegmentReader::find_header(std::uint64_t from) {
  std::vector<std::byte> window(kWindowBytes);
  auto marker = std::as_bytes(std::span(kSyncMarker));
  for (std::uint64_t at = from;;) {
    DSE_TRY(move_to(at));
    // In front of the marker stands the size of the header.
    source_->keep(std::max(from, at < kSkippableBytes ? 0 : at - kSkippableBytes));
    DSE_TRY_ASSIGN(std::size_t n, source_->read(window));
    auto end = window.begin() + static_cast<std::ptrdiff_t>(n);
    for (auto begin = window.begin();;) {
      auto hit = std::search(begin, end, marker.begin(), marker.end());
      if (hit == end) break;
      DSE_TRY_ASSIGN(auto placed,
                     header_at_marker(at + static_cast<std::uint64_t>(hit - window.begin())));
      if (placed) return placed;
      begin = hit + 1;
    }
    if (n < window.size()) {
      DSE_TRY(move_to(at + n));
      return std::optional<Placed>();
    }
    at += n - (marker.size() - 1);
  }
}

// The magic number and the size in front of the marker are under no checksum: where they are damaged,
// a header of this version still tells its size by what is in it.
Result<std::optional<SegmentReader::Placed>> SegmentReader::header_at_marker(std::uint64_t marker) {
  std::vector<std::uint64_t> sizes;
  if (marker >= sizeof(std::uint32_t)) {
    std::uint32_t size = 0;
    if (move_to(marker - sizeof(size)).ok()) {
      DSE_TRY(source_->read(std::as_writable_bytes(std::span(&size, 1))));
      sizes.push_back(size);
    }
  }
  DSE_TRY(move_to(marker));
  std::vector<std::byte> content(kFixedHeaderBytes);
  DSE_TRY_ASSIGN(std::size_t n, source_->read(content));
  if (n < content.size()) return std::optional<Placed>();
  std::uint32_t frames, kinds;
  std::memcpy(&frames, content.data() + 12, sizeof(frames));
  std::memcpy(&kinds, content.data() + 16, sizeof(kinds));
  if (frames > kMaxFrames || kinds > kMaxKinds) return std::optional<Placed>();
  const std::uint64_t least = kFixedHeaderBytes + 16 * frames + 8 * kinds + kChecksumBytes;
  if (sizes.empty() || sizes.front() != least) sizes.push_back(least);
  for (std::uint64_t size : sizes) {
    if (size < least || size > kMaxHeaderBytes) continue;
    content.resize(size);
    DSE_TRY(move_to(marker));
    DSE_TRY_ASSIGN(n, source_->read(content));
    if (n < size) continue;
    if (auto header = decode_header(content))
      return std::optional<Placed>(Placed{std::move(*header),
                                          marker < kSkippableBytes ? 0 : marker - kSkippableBytes,
                                          marker + size});
  }
  return std::optional<Placed>();
}

}  // namespace dse::format
