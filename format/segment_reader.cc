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
    torn_ = any_;
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
Status SegmentReader::check_sequence(const EntryHeader& header, std::uint64_t offset) {
  bool begins = header.type == EntryType::segment && header.position == 0;
  if (begins) {
    unsealed_inside_ = any_ && !sealed_;
    segment_start_ = offset;
  }
  if (!begins && (!any_ || header.position != offset - segment_start_))
    return damaged("an entry that belongs elsewhere");
  if (sealed_ && !begins) return damaged("an entry behind the end of its segment");
  return {};
}

Result<std::optional<EntryRef>> SegmentReader::next() {
  while (true) {
    std::uint64_t offset = source_->position();
    auto at = [&](const Error& error) { return error.in("at byte " + std::to_string(offset)); };
    auto header = read_header();
    if (!header)
      return header.error().code() == ErrorCode::damaged ? at(header.error()) : header.error();
    if (!*header) return std::optional<EntryRef>();
    if (auto status = check_sequence(**header, offset); !status) return at(status.error());
    any_ = true;
    sealed_ = (*header)->type == EntryType::trailer;
    if (sealed_) continue;

    EntryRef entry{std::move(**header), offset, {}};
    std::uint64_t body_offset = source_->position();
    std::uint64_t body_size = entry.header.body_bytes();
    bool whole = true;
    if (source_->can_seek()) {
      DSE_TRY_ASSIGN(whole, source_->skip(body_size));
      entry.body = [source = source_, body_offset, buffer = std::vector<std::byte>()](
                       std::uint64_t from,
                       std::uint32_t size) mutable -> Result<std::span<const std::byte>> {
        buffer.resize(size);
        DSE_TRY(source->read_at(body_offset + from, buffer));
        return std::span<const std::byte>(buffer);
      };
    } else {
      auto buffer = std::make_shared<std::vector<std::byte>>(body_size);
      DSE_TRY_ASSIGN(std::size_t n, source_->read(*buffer));
      whole = n == body_size;
      entry.body = [buffer](std::uint64_t from,
                            std::uint32_t size) -> Result<std::span<const std::byte>> {
        return std::span<const std::byte>(*buffer).subspan(from, size);
      };
    }
    if (!whole) {
      torn_ = true;
      return at(damaged("the input ends in the middle of an entry"));
    }
    if (counters_) ++counters_->entries;
    return std::optional<EntryRef>(std::move(entry));
  }
}

}  // namespace dse::format
