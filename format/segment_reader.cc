#include "format/segment_reader.h"

#include <cstring>

namespace dse::format {
namespace {

Error damaged(std::string what) { return {ErrorCode::damaged, std::move(what)}; }

}  // namespace

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

// Entries stand where they say they do, and a segment begins with its header.
Status SegmentReader::check_sequence(const EntryHeader& header, std::uint64_t offset) const {
  bool begins = header.type == EntryType::segment;
  if (begins ? header.position != 0 : !any_ || header.position != offset - segment_start_)
    return damaged("an entry that belongs elsewhere");
  if (sealed_ && !begins) return damaged("an entry behind the end of its segment");
  return {};
}

// False: the source ends before the body does.
Result<bool> SegmentReader::read_body(EntryRef& entry) {
  std::uint64_t body_offset = source_->position();
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

// What it says of the segment counts once the entry is whole.
Result<std::optional<EntryRef>> SegmentReader::read_entry(std::uint64_t offset) {
  DSE_TRY_ASSIGN(auto header, read_header());
  if (!header) return std::optional<EntryRef>();
  DSE_TRY(check_sequence(*header, offset));
  EntryRef entry{std::move(*header), offset, {}};
  DSE_TRY_ASSIGN(bool whole, read_body(entry));
  if (!whole) {
    torn_ = true;
    return damaged("the input ends in the middle of an entry");
  }
  if (entry.header.type == EntryType::segment) {
    unsealed_inside_ = any_ && !sealed_;
    segment_start_ = offset;
  }
  any_ = true;
  sealed_ = entry.header.type == EntryType::trailer;
  return std::optional<EntryRef>(std::move(entry));
}

Result<std::optional<EntryRef>> SegmentReader::next() {
  while (true) {
    std::uint64_t offset = source_->position();
    auto entry = read_entry(offset);
    if (!entry && torn_ && growing_) {
      torn_ = false;
      source_->return_to(offset);
      return std::optional<EntryRef>();
    }
    if (!entry)
      return entry.error().code() == ErrorCode::damaged
                 ? entry.error().in("at byte " + std::to_string(offset))
                 : entry.error();
    if (!*entry) return entry;
    if (sealed_) continue;
    if (counters_) ++counters_->entries;
    return entry;
  }
}

}  // namespace dse::format
