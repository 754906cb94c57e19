// Entries on disk: a zstd skippable frame with the protected header, then the message in zstd frames.
// FORMAT.md has the bytes.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "format/batch.h"
#include "format/column_use.h"
#include "format/layout.h"
#include "format/result.h"

struct ZSTD_CCtx_s;

namespace dse::format {

class ColumnMessage;

// What is written; what is older is read as well.
inline constexpr std::uint16_t kFormatVersion = 2;

// Skippable frame: its magic number and the size of what follows, both u32.
inline constexpr std::uint32_t kSkippableMagic = 0x184d2a5d;
inline constexpr std::size_t kSkippableBytes = 8;
// First bytes of every header: not text, and damaged by any newline conversion.
inline constexpr std::array<std::uint8_t, 8> kSyncMarker = {0x89, 'D',  'S',  'E',
                                                            0x0d, 0x0a, 0x1a, 0xf1};
inline constexpr std::size_t kFixedHeaderBytes = 80;
inline constexpr std::size_t kChecksumBytes = 8;

// What a reader accepts. A writer stays far below.
inline constexpr std::uint32_t kMaxFrames = 4096;
inline constexpr std::uint32_t kMaxHeaderBytes = 128 * 1024;
inline constexpr std::uint64_t kMaxMessageBytes = 128u << 20;

enum class EntryType : std::uint8_t { segment = 1, snapshot = 2, block = 3, end = 4, trailer = 5 };

struct FrameInfo {
  std::uint32_t compressed;  // bytes
  std::uint32_t raw;
  std::uint64_t checksum;  // XXH3-64 of the compressed bytes: binds the header to its body
};

struct KindCount {
  Kind kind;
  std::uint32_t count;
};

struct EntryHeader {
  std::uint16_t version = kFormatVersion;  // as read; written is always kFormatVersion
  EntryType type = EntryType::block;
  std::uint64_t capture = 0;   // first half of the capture id
  std::uint64_t first = 0;     // number of the first record; trailer: position of the end entry
  std::uint64_t count = 0;     // records
  std::uint64_t min_time = 0;  // of the records, boot time in ns
  std::uint64_t max_time = 0;
  std::uint64_t lost = 0;             // records missing according to the block's gaps
  std::uint64_t position = 0;         // of this entry in its segment, bytes
  std::uint32_t inline_segments = 0;  // Cap'n Proto segments in the first frame
  std::vector<FrameInfo> frames;
  std::vector<KindCount> kinds;

  std::uint64_t body_bytes() const;
  std::uint64_t header_bytes() const;  // the skippable frame
  std::uint64_t raw_bytes() const;     // of the message
  bool has_kind(Kind kind) const;
};

// The skippable frame for `header`.
std::vector<std::byte> encode_header(const EntryHeader& header);

// The reverse; `content` is what the skippable frame holds.
Result<EntryHeader> decode_header(std::span<const std::byte> content);

// Compresses messages. Keeps its memory from entry to entry.
class EntryEncoder {
 public:
  explicit EntryEncoder(int level);
  ~EntryEncoder();
  EntryEncoder(EntryEncoder&&) noexcept;

  // Fills in `header.frames` and `header.inline_segments`. The bytes of the whole entry are valid
  // until the next call.
  Result<std::span<const std::byte>> encode(EntryHeader& header, ColumnMessage& message);

  // Raw bytes of messages and what they became, so far.
  std::uint64_t raw_bytes() const { return raw_bytes_; }

 private:
  Status add_frame(std::span<const std::byte> raw, EntryHeader& header);

  struct FreeContext {
    void operator()(ZSTD_CCtx_s* context) const;
  };
  std::unique_ptr<ZSTD_CCtx_s, FreeContext> context_;
  std::vector<std::byte> out_;
  std::vector<std::byte> scratch_;
  std::uint64_t raw_bytes_ = 0;
};

// Gives `size` bytes of an entry's body from `offset`; they stay valid until the next call.
using BodyReader =
    std::function<Result<std::span<const std::byte>>(std::uint64_t offset, std::uint32_t size)>;

// Checks and decompresses every frame, also those that no one would ask for; what is wrong with each.
std::vector<Error> check_frames(const EntryHeader& header, const BodyReader& body);

// Counts what reading really cost, so that laziness can be shown.
struct ReadCounters {
  std::uint64_t entries = 0;      // whole entries met
  std::uint64_t frames = 0;       // frames decompressed
  std::uint64_t frame_bytes = 0;  // bytes that came out of them
};

// A block or snapshot as a batch, checked against its header.
Result<Batch> open_batch(const EntryHeader& header, BodyReader body, ReadCounters* counters,
                         std::shared_ptr<ColumnUse> use = nullptr);
// The same with the columns unpacked that were used before, for another thread; nothing if anything of it
// fails: then who opens it will see.
std::optional<Batch> open_batch_ahead(const EntryHeader& header, BodyReader body,
                                      std::shared_ptr<ColumnUse> use);

}  // namespace dse::format
