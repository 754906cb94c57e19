#include "format/entry.h"

#include <xxhash.h>
#include <zstd.h>

#include <algorithm>
#include <cstring>

#include "format/entry_message.h"
#include "format/message.h"

namespace dse::format {
namespace {

Error damaged(std::string what) { return {ErrorCode::damaged, std::move(what)}; }

// Little-endian fields, one after the other.
class Writer {
 public:
  template <typename T>
  void put(T value) {
    auto bytes = std::as_bytes(std::span(&value, 1));
    out.insert(out.end(), bytes.begin(), bytes.end());
  }
  std::vector<std::byte> out;
};

class Reader {
 public:
  explicit Reader(std::span<const std::byte> bytes) : bytes_(bytes) {}
  template <typename T>
  T get() {  // the caller has checked the size
    T value;
    std::memcpy(&value, bytes_.data() + at_, sizeof(T));
    at_ += sizeof(T);
    return value;
  }

 private:
  std::span<const std::byte> bytes_;
  std::size_t at_ = 0;
};

std::uint64_t checksum(std::span<const std::byte> bytes) {
  return XXH3_64bits(bytes.data(), bytes.size());
}

std::size_t content_bytes(std::size_t frames, std::size_t kinds) {
  return kFixedHeaderBytes + 16 * frames + 8 * kinds + kChecksumBytes;
}

}  // namespace

std::uint64_t EntryHeader::body_bytes() const {
  std::uint64_t sum = 0;
  for (const FrameInfo& frame : frames) sum += frame.compressed;
  return sum;
}

std::uint64_t EntryHeader::raw_bytes() const {
  std::uint64_t sum = 0;
  for (const FrameInfo& frame : frames) sum += frame.raw;
  return sum;
}

std::uint64_t EntryHeader::header_bytes() const {
  return kSkippableBytes + content_bytes(frames.size(), kinds.size());
}

bool EntryHeader::has_kind(Kind kind) const {
  return std::any_of(kinds.begin(), kinds.end(),
                     [&](const KindCount& k) { return k.kind == kind && k.count != 0; });
}

std::vector<std::byte> encode_header(const EntryHeader& header) {
  Writer w;
  w.put(kSkippableMagic);
  w.put(static_cast<std::uint32_t>(content_bytes(header.frames.size(), header.kinds.size())));
  for (std::uint8_t byte : kSyncMarker) w.put(byte);
  w.put(kFormatVersion);
  w.put(static_cast<std::uint8_t>(header.type));
  w.put(std::uint8_t{0});
  w.put(static_cast<std::uint32_t>(header.frames.size()));
  w.put(static_cast<std::uint32_t>(header.kinds.size()));
  w.put(header.inline_segments);
  w.put(header.capture);
  w.put(header.first);
  w.put(header.count);
  w.put(header.min_time);
  w.put(header.max_time);
  w.put(header.lost);
  w.put(header.position);
  for (const FrameInfo& frame : header.frames) {
    w.put(frame.compressed);
    w.put(frame.raw);
    w.put(frame.checksum);
  }
  for (const KindCount& kind : header.kinds) {
    w.put(kind.kind);
    w.put(std::uint16_t{0});
    w.put(kind.count);
  }
  w.put(checksum(std::span(w.out).subspan(kSkippableBytes)));
  return std::move(w.out);
}

Result<EntryHeader> decode_header(std::span<const std::byte> content) {
  if (content.size() < content_bytes(0, 0) ||
      std::memcmp(content.data(), kSyncMarker.data(), kSyncMarker.size()) != 0)
    return damaged("not a dse entry");
  std::size_t covered = content.size() - kChecksumBytes;
  if (Reader(content.subspan(covered)).get<std::uint64_t>() != checksum(content.first(covered)))
    return damaged("the checksum of an entry header does not match");

  Reader r(content.subspan(kSyncMarker.size()));
  EntryHeader header;
  header.version = r.get<std::uint16_t>();
  if (header.version < 1 || header.version > kFormatVersion)
    return damaged("format version " + std::to_string(header.version) +
                   ", and this program knows 1 to " + std::to_string(kFormatVersion) +
                   "; use the dse that made it");
  auto type = r.get<std::uint8_t>();
  // Types and trailing fields that are unknown here may come with later versions; they are skipped.
  header.type = static_cast<EntryType>(type);
  r.get<std::uint8_t>();
  auto frames = r.get<std::uint32_t>();
  auto kinds = r.get<std::uint32_t>();
  if (frames > kMaxFrames || kinds > kMaxKinds || content.size() < content_bytes(frames, kinds))
    return damaged("the size of an entry header does not add up");
  header.inline_segments = r.get<std::uint32_t>();
  header.capture = r.get<std::uint64_t>();
  header.first = r.get<std::uint64_t>();
  header.count = r.get<std::uint64_t>();
  header.min_time = r.get<std::uint64_t>();
  header.max_time = r.get<std::uint64_t>();
  header.lost = r.get<std::uint64_t>();
  header.position = r.get<std::uint64_t>();
  for (std::uint32_t i = 0; i < frames; ++i) {
    auto compressed = r.get<std::uint32_t>();
    auto raw = r.get<std::uint32_t>();
    header.frames.push_back({compressed, raw, r.get<std::uint64_t>()});
  }
  for (std::uint32_t i = 0; i < kinds; ++i) {
    auto kind = r.get<std::uint16_t>();
    r.get<std::uint16_t>();
    header.kinds.push_back({kind, r.get<std::uint32_t>()});
  }
  if (header.raw_bytes() > kMaxMessageBytes || header.body_bytes() > kMaxMessageBytes)
    return damaged("an entry of more than " + std::to_string(kMaxMessageBytes >> 20) + " MiB");
  if ((header.type == EntryType::trailer) != header.frames.empty() ||
      header.inline_segments > kMaxFrames)
    return damaged("an entry header that contradicts itself");
  return header;
}

// ---- writing -------------------------------------------------------------------------------------

void EntryEncoder::FreeContext::operator()(ZSTD_CCtx_s* context) const { ZSTD_freeCCtx(context); }

EntryEncoder::EntryEncoder(int level) : context_(ZSTD_createCCtx()) {
  ZSTD_CCtx_setParameter(context_.get(), ZSTD_c_compressionLevel, level);
  ZSTD_CCtx_setParameter(context_.get(), ZSTD_c_checksumFlag, 1);
  ZSTD_CCtx_setParameter(context_.get(), ZSTD_c_contentSizeFlag, 1);
}
EntryEncoder::~EntryEncoder() = default;
EntryEncoder::EntryEncoder(EntryEncoder&&) noexcept = default;

Status EntryEncoder::add_frame(std::span<const std::byte> raw, EntryHeader& header) {
  std::size_t at = out_.size();
  out_.resize(at + ZSTD_compressBound(raw.size()));
  std::size_t size = ZSTD_compress2(context_.get(), out_.data() + at, out_.size() - at, raw.data(),
                                    raw.size());
  if (ZSTD_isError(size))
    return Error(ErrorCode::io, std::string("zstd: ") + ZSTD_getErrorName(size));
  out_.resize(at + size);
  header.frames.push_back({static_cast<std::uint32_t>(size), static_cast<std::uint32_t>(raw.size()),
                           checksum(std::span(out_).subspan(at))});
  raw_bytes_ += raw.size();
  return {};
}

Result<std::span<const std::byte>> EntryEncoder::encode(EntryHeader& header,
                                                        ColumnMessage& message) {
  auto segments = message.getSegmentsForOutput();
  std::size_t small = std::min(message.small_segments(), segments.size());
  std::uint64_t words = 0;
  for (auto segment : segments) words += segment.size();
  if (words * sizeof(capnp::word) > kMaxMessageBytes || segments.size() - small + 1 > kMaxFrames)
    return Error(ErrorCode::io, "a batch that is too large for a capture");
  header.inline_segments = static_cast<std::uint32_t>(small);
  header.frames.clear();

  // The frames come after the header, whose size depends only on how many they are.
  std::size_t header_size = kSkippableBytes +
                            content_bytes(segments.size() - small + 1, header.kinds.size());
  out_.resize(header_size);

  // First frame: the segment table (Cap'n Proto's stream framing), then the small segments.
  Writer table;
  table.put(static_cast<std::uint32_t>(segments.size() - 1));
  for (auto segment : segments) table.put(static_cast<std::uint32_t>(segment.size()));
  if (table.out.size() % 8 != 0) table.put(std::uint32_t{0});
  scratch_ = std::move(table.out);
  for (std::size_t i = 0; i < small; ++i) {
    auto bytes = std::as_bytes(std::span(segments[i].begin(), segments[i].size()));
    scratch_.insert(scratch_.end(), bytes.begin(), bytes.end());
  }
  DSE_TRY(add_frame(scratch_, header));
  for (std::size_t i = small; i < segments.size(); ++i)
    DSE_TRY(add_frame(std::as_bytes(std::span(segments[i].begin(), segments[i].size())), header));

  if (header.raw_bytes() > kMaxMessageBytes || header.body_bytes() > kMaxMessageBytes)
    return Error(ErrorCode::io, "a batch that no reader would accept");
  std::vector<std::byte> encoded = encode_header(header);
  std::memcpy(out_.data(), encoded.data(), encoded.size());
  return std::span<const std::byte>(out_);
}

// ---- reading -------------------------------------------------------------------------------------

namespace {

struct FreeDecompressor {
  void operator()(ZSTD_DCtx* context) const { ZSTD_freeDCtx(context); }
};

// One per thread: contexts are 160 KiB and keep nothing between frames.
ZSTD_DCtx* decompressor() {
  thread_local std::unique_ptr<ZSTD_DCtx, FreeDecompressor> context(ZSTD_createDCtx());
  return context.get();
}

}  // namespace

LazyEntry::LazyEntry(const EntryHeader& header, BodyReader body, ReadCounters* counters)
    : header_(header), body_(std::move(body)), counters_(counters), frames_(header.frames.size()) {}

Result<std::span<const capnp::word>> LazyEntry::frame(std::size_t index) {
  auto& slot = frames_[index];
  if (slot.data()) return std::span<const capnp::word>(slot.data(), slot.size());
  const FrameInfo& info = header_.frames[index];
  std::uint64_t offset = 0;
  for (std::size_t i = 0; i < index; ++i) offset += header_.frames[i].compressed;
  if (info.raw % sizeof(capnp::word) != 0 || info.raw == 0)
    return damaged("a frame that is not whole words");
  DSE_TRY_ASSIGN(auto compressed, body_(offset, info.compressed));
  if (checksum(compressed) != info.checksum)
    return damaged("the checksum of frame " + std::to_string(index) + " does not match");
  if (ZSTD_getFrameContentSize(compressed.data(), compressed.size()) != info.raw)
    return damaged("frame " + std::to_string(index) + " is not as large as its header says");
  Words words;  // not the slot itself: what fails half way must not be there the next time
  words.resize(info.raw / sizeof(capnp::word));
  std::size_t size = ZSTD_decompressDCtx(decompressor(), words.data(), info.raw, compressed.data(),
                                         compressed.size());
  if (ZSTD_isError(size) || size != info.raw)
    return damaged("frame " + std::to_string(index) + ": " +
                   (ZSTD_isError(size) ? ZSTD_getErrorName(size) : "too short"));
  if (counters_) {
    ++counters_->frames;
    counters_->frame_bytes += info.raw;
  }
  slot = std::move(words);
  return std::span<const capnp::word>(slot.data(), slot.size());
}

std::vector<Error> LazyEntry::check_frames() {
  std::vector<Error> errors;
  for (std::size_t i = 0; i < frames_.size(); ++i) {
    if (auto words = frame(i); !words) errors.push_back(words.error());
    frames_[i] = {};
  }
  return errors;
}

std::vector<Error> check_frames(const EntryHeader& header, const BodyReader& body) {
  return LazyEntry(header, body, nullptr).check_frames();
}

Result<std::unique_ptr<LazyMessage>> LazyEntry::open(std::shared_ptr<LazyEntry> self) {
  DSE_TRY_ASSIGN(auto words, self->frame(0));
  auto bytes = std::as_bytes(words);
  Reader r(bytes);
  std::uint64_t segments = std::uint64_t{r.get<std::uint32_t>()} + 1;
  std::uint64_t small = self->header_.inline_segments;
  if (small == 0 || small > segments || segments - small + 1 != self->header_.frames.size())
    return damaged("the message does not have the segments that its header says");
  std::uint64_t table_words = (4 * (segments + 1) + 7) / 8;
  if (table_words > words.size()) return damaged("the segment table is cut");

  // Where each segment is: in the first frame, or a frame of its own.
  auto places = std::make_shared<std::vector<std::pair<std::uint64_t, std::uint64_t>>>();
  std::uint64_t at = table_words;
  for (std::uint64_t i = 0; i < segments; ++i) {
    std::uint64_t size = r.get<std::uint32_t>();
    if (i < small) {
      if (size > words.size() - at) return damaged("a segment leaves its frame");
      places->emplace_back(at, size);
      at += size;
    } else {
      if (size * sizeof(capnp::word) != self->header_.frames[i - small + 1].raw)
        return damaged("a segment is not as large as its frame");
      places->emplace_back(0, size);
    }
  }
  if (at != words.size()) return damaged("the first frame is larger than its segments");

  auto fetch = [self, places, small](unsigned id) -> Result<kj::ArrayPtr<const capnp::word>> {
    DSE_TRY_ASSIGN(auto frame, self->frame(id < small ? 0 : id - small + 1));
    auto [begin, size] = (*places)[id];
    return kj::ArrayPtr<const capnp::word>(frame.data() + begin, size);
  };
  // Every word may be read a few times, but a message that makes its reader go round in circles
  // is stopped.
  std::uint64_t traversal = 4 * (self->header_.raw_bytes() / sizeof(capnp::word)) + 65536;
  return std::make_unique<LazyMessage>(segments, std::move(fetch), traversal);
}

Result<Batch> open_batch(const EntryHeader& header, BodyReader body, ReadCounters* counters,
                         std::shared_ptr<ColumnUse> use) {
  auto entry = std::make_shared<LazyEntry>(header, std::move(body), counters);
  DSE_TRY_ASSIGN(std::unique_ptr<LazyMessage> message, LazyEntry::open(entry));
  const LazyMessage* lazy = message.get();
  DSE_TRY_ASSIGN(Batch batch, read_batch(std::move(message), lazy, entry, std::move(use)));

  bool is_snapshot = batch.snapshot().has_value();
  if (is_snapshot != (header.type == EntryType::snapshot) || batch.count() != header.count ||
      (!is_snapshot && batch.first() != header.first))
    return damaged("a block does not agree with its header");
  std::uint64_t lost = 0;
  for (const Gap& gap : batch.gaps())
    if (gap.lost > 0) lost += static_cast<std::uint64_t>(gap.lost);
  if (lost != header.lost) return damaged("a block does not have the gaps that its header says");
  for (const KindCount& kind : header.kinds) {
    const Table* table = batch.table(kind.kind);
    std::uint32_t rows = table ? table->rows() : 0;
    if (rows != kind.count && kind.kind != 0 && kind_layout(kind.kind))
      return damaged("a block does not have as many records of a kind as its header says");
  }
  for (Kind kind : batch.kinds())
    if (batch.table(kind) && batch.table(kind)->rows() != 0 && !header.has_kind(kind))
      return damaged("a block has records of a kind that its header does not name");
  return batch;
}

std::optional<Batch> open_batch_ahead(const EntryHeader& header, BodyReader body,
                                      std::shared_ptr<ColumnUse> use) {
  try {
    auto batch = open_batch(header, std::move(body), nullptr, use);
    if (batch && unpack_used(*batch, *use)) return std::move(*batch);
  } catch (const std::bad_alloc&) {  // there may be memory when it is needed
  }
  return {};
}

}  // namespace dse::format
