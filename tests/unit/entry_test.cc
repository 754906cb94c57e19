#include "format/entry.h"

#include <gtest/gtest.h>

#include <xxhash.h>

#include "format/segment_reader.h"
#include "tests/unit/testing.h"

using namespace dse::format;

namespace {

EntryHeader sample() {
  EntryHeader header;
  header.type = EntryType::block;
  header.capture = 0x1122334455667788;
  header.first = 1000;
  header.count = 77;
  header.min_time = 5;
  header.max_time = 500;
  header.lost = 3;
  header.position = 4096;
  header.inline_segments = 2;
  header.frames = {{100, 800, 0xabcdef}, {200, 1600, 42}};
  header.kinds = {{DSE_PROCESS_EXEC, 70}, {DSE_PROCESS_EXIT, 7}};
  return header;
}

std::span<const std::byte> content(const std::vector<std::byte>& encoded) {
  return std::span(encoded).subspan(kSkippableBytes);
}

// Makes the checksum right again, as whoever forges a header would.
void fix_checksum(std::vector<std::byte>& encoded) {
  std::size_t covered = encoded.size() - kSkippableBytes - kChecksumBytes;
  std::uint64_t sum = XXH3_64bits(encoded.data() + kSkippableBytes, covered);
  std::memcpy(encoded.data() + kSkippableBytes + covered, &sum, sizeof(sum));
}

dse::Result<EntryHeader> forged(std::size_t at, std::uint8_t value) {
  auto encoded = encode_header(sample());
  encoded[kSkippableBytes + at] = std::byte{value};
  fix_checksum(encoded);
  return decode_header(content(encoded));
}

TEST(entry, header_round_trip) {
  EntryHeader in = sample();
  auto encoded = encode_header(in);
  EXPECT_EQ(encoded.size(), in.header_bytes());
  auto out = decode_header(content(encoded));
  ASSERT_TRUE(out.ok()) << out.error().message();
  EXPECT_EQ(out->type, in.type);
  EXPECT_EQ(out->capture, in.capture);
  EXPECT_EQ(out->first, in.first);
  EXPECT_EQ(out->count, in.count);
  EXPECT_EQ(out->min_time, in.min_time);
  EXPECT_EQ(out->max_time, in.max_time);
  EXPECT_EQ(out->lost, in.lost);
  EXPECT_EQ(out->position, in.position);
  EXPECT_EQ(out->inline_segments, in.inline_segments);
  ASSERT_EQ(out->frames.size(), 2u);
  EXPECT_EQ(out->frames[1].compressed, 200u);
  EXPECT_EQ(out->frames[1].raw, 1600u);
  EXPECT_EQ(out->frames[1].checksum, 42u);
  ASSERT_EQ(out->kinds.size(), 2u);
  EXPECT_EQ(out->kinds[1].kind, DSE_PROCESS_EXIT);
  EXPECT_EQ(out->kinds[1].count, 7u);
  EXPECT_EQ(out->body_bytes(), 300u);
  EXPECT_EQ(out->raw_bytes(), 2400u);
  EXPECT_TRUE(out->has_kind(DSE_PROCESS_EXEC));
  EXPECT_FALSE(out->has_kind(DSE_PROCESS_FORK));
}

TEST(entry, a_skippable_frame_that_zstd_knows) {
  auto encoded = encode_header(sample());
  std::uint32_t magic, size;
  std::memcpy(&magic, encoded.data(), 4);
  std::memcpy(&size, encoded.data() + 4, 4);
  EXPECT_EQ(magic & 0xfffffff0, 0x184d2a50u);
  EXPECT_EQ(size, encoded.size() - kSkippableBytes);
}

TEST(entry, every_flipped_byte_of_a_header_is_noticed) {
  const auto encoded = encode_header(sample());
  for (std::size_t at = 0; at < encoded.size(); ++at)
    for (int bit = 0; bit < 8; ++bit) {
      auto flipped = encoded;
      flipped[at] ^= std::byte{static_cast<std::uint8_t>(1 << bit)};
      if (at >= kSkippableBytes) {
        auto header = decode_header(content(flipped));
        ASSERT_FALSE(header.ok()) << "byte " << at << " bit " << bit;
        ASSERT_EQ(header.error().code(), dse::ErrorCode::damaged);
      }
      // And by the reader of segments, which sees the frame's own eight bytes as well.
      SegmentReader reader(memory_byte_source(string_of(flipped), true), nullptr);
      ASSERT_FALSE(reader.next().ok()) << "byte " << at << " bit " << bit;
    }
}

TEST(entry, every_prefix_of_a_header_is_refused) {
  const auto encoded = encode_header(sample());
  for (std::size_t size = 0; size + kSkippableBytes < encoded.size(); ++size)
    EXPECT_FALSE(decode_header(content(encoded).first(size)).ok()) << size;
}

TEST(entry, nonsense_under_a_right_checksum_is_refused) {
  EXPECT_TRUE(forged(10, 3).ok());    // as it was: a block
  EXPECT_TRUE(forged(10, 200).ok());  // a type from the future: readers pass it over
  EXPECT_FALSE(forged(10, 5).ok());   // a trailer with frames
  EXPECT_FALSE(forged(12, 3).ok());   // more frames than there is room for
  EXPECT_FALSE(forged(15, 0xff).ok());
  EXPECT_FALSE(forged(16, 3).ok());     // kinds
  EXPECT_FALSE(forged(23, 0xff).ok());  // inline segments
}

TEST(entry, a_newer_version_is_refused_by_its_number) {
  auto header = forged(8, kFormatVersion + 1);
  ASSERT_FALSE(header.ok());
  EXPECT_NE(header.error().message().find("format version 3"), std::string::npos)
      << header.error().message();
  EXPECT_FALSE(forged(8, 0).ok());
}

TEST(entry, older_versions_are_read) {
  auto header = forged(8, 1);
  ASSERT_TRUE(header.ok()) << header.error().message();
  EXPECT_EQ(header->version, 1);
}

TEST(entry, sizes_are_bounded_before_anything_is_allocated) {
  EntryHeader header = sample();
  header.frames = {{1, 0xffffffff, 0}};
  EXPECT_FALSE(decode_header(content(encode_header(header))).ok());
  header.frames = {{0xffffffff, 8, 0}};
  EXPECT_FALSE(decode_header(content(encode_header(header))).ok());
  header.frames.assign(kMaxFrames + 1, {1, 8, 0});
  EXPECT_FALSE(decode_header(content(encode_header(header))).ok());
  header.frames.assign(4, {8, static_cast<std::uint32_t>(kMaxMessageBytes / 4), 0});
  EXPECT_TRUE(decode_header(content(encode_header(header))).ok());
  header.frames.push_back({8, 8, 0});
  EXPECT_FALSE(decode_header(content(encode_header(header))).ok());
}

TEST(entry, empty_and_foreign_input) {
  for (const std::string& bytes :
       {std::string(8, '\0'), std::string("PK\3\4 something else entirely"),
        std::string("\x5d\x2a\x4d\x18\0\0\0\0", 8),           // a frame of no bytes
        std::string("\x5d\x2a\x4d\x18\xff\xff\xff\xff", 8)})  // and of four gigabytes
    for (bool seekable : {true, false}) {
      SegmentReader reader(memory_byte_source(bytes, seekable), nullptr);
      EXPECT_FALSE(reader.next().ok());
    }
}

TEST(entry, entries_stay_where_they_were_written) {
  // A block copied to another place, or into another capture, is not believed.
  Script script;
  for (int i = 0; i < 4; ++i) script.add(exit_record(make_task(1, "a")));
  std::string bytes = capture_bytes({}, cut(script.records(), 2));
  std::vector<std::pair<std::size_t, std::size_t>> places;
  SegmentReader reader(memory_byte_source(bytes, true), nullptr);
  while (true) {
    auto entry = reader.next();
    ASSERT_TRUE(entry.ok());
    if (!*entry) break;
    places.emplace_back((*entry)->offset,
                        (*entry)->header.header_bytes() + (*entry)->header.body_bytes());
  }
  ASSERT_EQ(places.size(), 5u);
  auto part = [&](std::size_t i) { return bytes.substr(places[i].first, places[i].second); };
  std::string twice = part(0) + part(1) + part(2) + part(2);
  std::string left_out = part(0) + part(1) + part(3);
  std::string headless = part(2);
  for (const std::string& wrong : {twice, left_out, headless}) {
    ReadBack back = read_back(wrong, true);
    EXPECT_TRUE(back.has_note(Note::What::damaged)) << back.describe();
    EXPECT_LE(back.records.size(), 2u);
  }
  SegmentInfo other = test_info();
  other.capture_id[0] ^= 1;
  std::string foreign = capture_bytes({}, cut(script.records(), 2), other);
  ReadBack back = read_back(part(0) + part(1) + foreign.substr(places[2].first), true);
  EXPECT_TRUE(back.has_note(Note::What::damaged)) << back.describe();
  EXPECT_TRUE(back.records.empty());
}

}  // namespace
