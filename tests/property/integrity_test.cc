// Damage of every sort: verify finds it, recover saves all that it did not hit, and what recover writes
// is whole.
#include <gtest/gtest.h>
#include <xxhash.h>

#include <cstring>
#include <filesystem>

#include "format/compact.h"
#include "format/entry.h"
#include "tests/property/integrity.h"

using namespace dse::format;

namespace {

// What is to be true of recovering `damaged`, whose blocks `intact` were not hit.
void expect_recovered(const std::string& damaged, bool seekable, const Original& original,
                      const std::vector<Original::Block>& intact, bool any_entry = true) {
  TempDir dir;
  const std::string out = dir / "out.dse";
  Recovered result = recover_bytes(damaged, seekable, out);
  if (!result.status) {  // only where there is nothing at all
    ASSERT_FALSE(any_entry) << result.describe();
    ASSERT_TRUE(intact.empty()) << result.describe();
    return;
  }
  Verified verified = verify_paths({out});
  ASSERT_TRUE(verified.status.ok()) << verified.describe();
  ASSERT_TRUE(verified.findings.empty()) << verified.describe() << "\n" << result.describe();
  auto reader = CaptureReader::open({out});
  ASSERT_TRUE(reader.ok());
  Numbered found = read_numbered(**reader);
  ASSERT_TRUE(found.notes.empty()) << found.notes.front();
  ASSERT_NO_FATAL_FAILURE(expect_originals(found, original));
  ASSERT_EQ(found.records.size(), result.account.records);
  for (const Original::Block& block : intact)
    ASSERT_TRUE(holds(found, block)) << block.first << "\n" << result.describe();
  // Nothing goes missing in silence.
  if (found.records.size() != original.records.size()) {
    ASSERT_TRUE(result.account.lost_any) << result.describe();
    ASSERT_TRUE(result.account.lost_uncounted ||
                result.account.lost_records >= original.records.size() - found.records.size())
        << result.describe();
    // And it does not for who replays it.
    ASSERT_FALSE((*reader)->losses().empty());
  }
}

TEST(integrity, whole_captures_are_good) {
  for (std::uint64_t seed = 1; seed <= 6; ++seed) {
    Original original = make_original(seed, 3, 40);
    for (bool seekable : {true, false}) {
      Verified verified = verify_bytes(original.bytes, seekable);
      EXPECT_TRUE(verified.findings.empty()) << verified.describe();
      EXPECT_EQ(verified.counts.records, original.records.size());
      EXPECT_EQ(verified.counts.blocks, 9u);
      EXPECT_EQ(verified.counts.segments, 3u);
      EXPECT_EQ(verified.counts.entries, 3u * 7);
    }
    expect_recovered(original.bytes, true, original, original.blocks);
    TempDir dir;
    Recovered result = recover_bytes(original.bytes, false, dir / "out.dse");
    EXPECT_FALSE(result.account.lost_any) << result.describe();
    EXPECT_TRUE(result.parts.empty()) << result.describe();
  }
}

TEST(integrity, a_version_that_the_message_contradicts_is_told) {
  Original original = make_original(7, 1, 5);
  std::uint32_t size;
  std::memcpy(&size, original.bytes.data() + 4, sizeof(size));
  char* const header = original.bytes.data() + kSkippableBytes;
  header[kSyncMarker.size()] = 1;
  const std::uint64_t checksum = XXH3_64bits(header, size - kChecksumBytes);
  std::memcpy(header + size - kChecksumBytes, &checksum, sizeof(checksum));
  const Verified verified = verify_bytes(original.bytes, true);
  ASSERT_EQ(verified.findings.size(), 1u) << verified.describe();
  EXPECT_EQ(verified.findings[0].reason, "it says format version 2, and its header 1");
}

TEST(integrity, every_byte_flipped) {
  const Original original = make_original(7, 1, 3);
  std::mt19937_64 random(9);
  for (std::size_t at = 0; at < original.bytes.size(); ++at) {
    for (bool seekable : {true, false}) {
      // One time the whole byte, one time a single bit.
      auto mask = static_cast<char>(seekable ? 0xff : 1 << random() % 8);
      SCOPED_TRACE("byte " + std::to_string(at) + " xor " + std::to_string(mask & 0xff));
      std::string flipped = original.bytes;
      flipped[at] = static_cast<char>(flipped[at] ^ mask);
      Verified verified = verify_bytes(flipped, seekable);
      ASSERT_TRUE(verified.status.ok()) << verified.describe();
      ASSERT_FALSE(verified.findings.empty());
      // What is counted as sound is so: all blocks but the one that was hit.
      std::vector<Original::Block> intact;
      for (const Original::Block& block : original.blocks)
        if (at < block.begin || at >= block.end) intact.push_back(block);
      ASSERT_GE(verified.counts.blocks, intact.size()) << verified.describe();
      if (at % 11 == 0) {  // it takes far longer
        ASSERT_NO_FATAL_FAILURE(expect_recovered(flipped, seekable, original, intact));
      }
    }
  }
}

TEST(integrity, every_prefix) {
  const Original original = make_original(8, 1, 3);
  std::size_t first_entry = 0;  // where it ends
  {
    SegmentReader reader(memory_byte_source(original.bytes, true), nullptr);
    auto entry = reader.next();
    first_entry = (*entry)->header.header_bytes() + (*entry)->header.body_bytes();
  }
  for (std::size_t size = 0; size < original.bytes.size(); ++size) {
    SCOPED_TRACE("prefix of " + std::to_string(size));
    const bool seekable = size % 2 == 0;
    std::string prefix = original.bytes.substr(0, size);
    Verified verified = verify_bytes(prefix, seekable);
    ASSERT_TRUE(verified.status.ok());
    ASSERT_FALSE(verified.findings.empty());
    std::vector<Original::Block> intact;
    for (const Original::Block& block : original.blocks)
      if (block.end <= size) intact.push_back(block);
    ASSERT_EQ(verified.counts.blocks, intact.size());
    ASSERT_NO_FATAL_FAILURE(
        expect_recovered(prefix, seekable, original, intact, size >= first_entry));
  }
}

// The bytes of a capture that has come to harm, with where they stood before; -1: nowhere.
struct Damaged {
  std::string bytes;
  std::vector<std::int64_t> origin;

  explicit Damaged(const std::string& whole) : bytes(whole), origin(whole.size()) {
    for (std::size_t i = 0; i < origin.size(); ++i) origin[i] = static_cast<std::int64_t>(i);
  }
  void cut(std::size_t begin, std::size_t end) {
    bytes.erase(begin, end - begin);
    origin.erase(origin.begin() + static_cast<std::ptrdiff_t>(begin),
                 origin.begin() + static_cast<std::ptrdiff_t>(end));
  }
  void harm(std::mt19937_64& random) {
    if (bytes.empty()) return;
    const std::size_t at = random() % bytes.size();
    const std::size_t most = random() % 2 ? 40 : 3000;  // apart: what comes first is each compiler's
    const std::size_t size = 1 + random() % most;
    const std::size_t end = std::min(bytes.size(), at + size);
    auto to = static_cast<std::ptrdiff_t>(at);
    switch (random() % 8) {
      case 0:
      case 1:  // a range of other bytes
        for (std::size_t i = at; i < end; ++i) {
          bytes[i] = static_cast<char>(bytes[i] ^ static_cast<char>(1 + random() % 255));
          origin[i] = -1;
        }
        break;
      case 2:
      case 3:  // a byte
        bytes[at] = static_cast<char>(bytes[at] ^ static_cast<char>(1 << random() % 8));
        origin[at] = -1;
        break;
      case 4:
      case 5:  // cut out
        cut(at, end);
        break;
      case 6: {  // put in
        std::string garbage;
        while (garbage.size() < size) {
          garbage += static_cast<char>(random());
          if (random() % 50 == 0)  // what begins like an entry
            garbage.append(reinterpret_cast<const char*>(kSyncMarker.data()), kSyncMarker.size());
        }
        bytes.insert(at, garbage);
        origin.insert(origin.begin() + to, garbage.size(), -1);
        break;
      }
      default:
        if (random() % 4 != 0) break;
        bytes.resize(at);
        origin.resize(at);
    }
  }
  bool has(const Original::Block& block, std::uint64_t moved = 0) const {
    for (std::size_t i = 0; i < origin.size(); ++i) {
      if (origin[i] != static_cast<std::int64_t>(block.begin - moved)) continue;
      std::size_t size = block.end - block.begin;
      if (i + size > origin.size()) return false;
      for (std::size_t j = 0; j < size; ++j)
        if (origin[i + j] != static_cast<std::int64_t>(block.begin - moved + j)) return false;
      return true;
    }
    return false;
  }
};

// As many bytes are gone from a block as the next one has: an entry begins where the body should end,
// and the next block stands before it.
TEST(integrity, whole_blocks_length_cut_out_of_a_block) {
  std::size_t tried = 0;
  for (std::uint64_t seed = 1; seed <= 12; ++seed) {
    const Original original = make_original(seed, 1, 26);
    for (std::size_t i = 0; i + 1 < original.blocks.size(); ++i) {
      const Original::Block &hit = original.blocks[i], &next = original.blocks[i + 1];
      const std::size_t size = next.end - next.begin;
      if (hit.end - hit.begin < size + 600) continue;  // the header stays
      ++tried;
      SCOPED_TRACE("seed " + std::to_string(seed) + ", block " + std::to_string(i));
      Damaged damaged(original.bytes);
      damaged.cut(hit.end - size, hit.end);
      std::vector<Original::Block> intact = original.blocks;
      intact.erase(intact.begin() + static_cast<std::ptrdiff_t>(i));
      for (bool seekable : {true, false}) {
        ASSERT_FALSE(verify_bytes(damaged.bytes, seekable).findings.empty());
        ASSERT_NO_FATAL_FAILURE(expect_recovered(damaged.bytes, seekable, original, intact));
      }
    }
  }
  EXPECT_GT(tried, 3u);
}

// Of the last segment there is only a torn block, which says how many records it had; not what followed.
TEST(integrity, a_torn_block_alone_in_its_segment_is_not_the_end) {
  const Original original = make_original(15, 3, 26);
  const Original::Block& torn = original.blocks[7];
  const std::string damaged = original.bytes.substr(0, original.segments[2]) +
                              original.bytes.substr(torn.begin, (torn.end - torn.begin) / 2);
  std::vector<Original::Block> intact = original.blocks;
  intact.resize(6);
  for (bool seekable : {true, false})
    ASSERT_NO_FATAL_FAILURE(expect_recovered(damaged, seekable, original, intact));
}

TEST(integrity, random_damage_in_one_file) {
  std::mt19937_64 random(10);
  for (unsigned round = 0; round < 600; ++round) {
    SCOPED_TRACE("round " + std::to_string(round));
    static Original original = make_original(11, 3, 26);
    if (round % 40 == 0) original = make_original(100 + round, 3, round % 80 ? 26 : 900);
    Damaged damaged(original.bytes);
    for (std::uint64_t harms = 1 + random() % 4; harms > 0; --harms) damaged.harm(random);
    std::vector<Original::Block> intact;
    for (const Original::Block& block : original.blocks)
      if (damaged.has(block)) intact.push_back(block);
    const bool seekable = round % 2 == 0;
    Verified verified = verify_bytes(damaged.bytes, seekable);
    ASSERT_TRUE(verified.status.ok());
    const bool whole = damaged.bytes == original.bytes ||
                       damaged.bytes.size() == original.segments[1] ||
                       damaged.bytes.size() == original.segments[2];
    if (!whole) {
      ASSERT_FALSE(verified.findings.empty());
    }
    ASSERT_NO_FATAL_FAILURE(expect_recovered(damaged.bytes, seekable, original, intact, false));
  }
}

TEST(integrity, random_damage_in_a_directory) {
  std::mt19937_64 random(12);
  const Original original = make_original(13, 4, 26);
  for (unsigned round = 0; round < 300; ++round) {
    SCOPED_TRACE("round " + std::to_string(round));
    TempDir dir;
    const std::string in = dir / "in", out = dir / "out";
    std::filesystem::create_directory(in);
    std::vector<Original::Block> intact;
    for (std::size_t i = 0; i < original.segments.size(); ++i) {
      const std::uint64_t begin = original.segments[i];
      const std::uint64_t end = i + 1 < original.segments.size() ? original.segments[i + 1]
                                                                 : original.bytes.size();
      if (random() % 10 == 0) continue;  // the file is gone
      Damaged damaged(original.bytes.substr(begin, end - begin));
      if (random() % 2) damaged.harm(random);
      write_file(in + "/" + segment_name(original.blocks[3 * i].first), damaged.bytes);
      for (std::size_t j = 3 * i; j < 3 * i + 3; ++j)
        if (damaged.has(original.blocks[j], begin)) intact.push_back(original.blocks[j]);
    }
    if (std::filesystem::is_empty(in)) continue;
    Recovered result = recover_paths({in}, out);
    if (!result.status) {
      ASSERT_TRUE(intact.empty()) << result.describe();
      continue;
    }
    Verified verified = verify_paths({out});
    ASSERT_TRUE(verified.status.ok() && verified.findings.empty()) << verified.describe() << "\n"
                                                                   << result.describe();
    auto reader = CaptureReader::open({out});
    Numbered found = read_numbered(**reader);
    ASSERT_TRUE(found.notes.empty()) << found.notes.front() << "\n" << result.describe();
    ASSERT_NO_FATAL_FAILURE(expect_originals(found, original));
    for (const Original::Block& block : intact)
      ASSERT_TRUE(holds(found, block)) << block.first << "\n" << result.describe();
  }
}

TEST(integrity, a_hole_shows_as_a_gap_where_it_is) {
  const Original original = make_original(14, 1, 60);
  const Original::Block& hit = original.blocks[1];
  std::string damaged = original.bytes;
  damaged[hit.end - 3] ^= 1;
  TempDir dir;
  Recovered result = recover_bytes(damaged, true, dir / "out.dse");
  ASSERT_TRUE(result.status.ok());
  ASSERT_EQ(result.parts.size(), 1u) << result.describe();
  EXPECT_EQ(result.parts[0].records, hit.count);
  EXPECT_EQ(result.parts[0].first, hit.first + 1);
  EXPECT_EQ(result.account.lost_records, hit.count);
  auto reader = CaptureReader::open({dir / "out.dse"});
  std::uint64_t gaps = 0, next = 0;
  while (true) {
    auto step = (*reader)->next();
    ASSERT_TRUE(step.ok());
    if (step->what == Step::What::end) break;
    if (step->what != Step::What::batch || step->batch->snapshot()) continue;
    EXPECT_EQ(step->batch->first(), next);
    next += step->batch->count();
    if (step->batch->number(0) > hit.first) gaps += step->batch->gaps().size();
  }
  EXPECT_GT(gaps, 0u);
  auto losses = (*reader)->losses();
  ASSERT_FALSE(losses.empty());
  EXPECT_EQ(losses.back().cause, "damaged");
  EXPECT_EQ(losses.back().count, hit.count);
}

// Those who read past a hole name the same records, and count them.
TEST(integrity, a_hole_is_the_same_for_all) {
  TempDir dir;
  const std::string path = dir / "hole.dse";
  NoSync fs;
  auto writer = CaptureWriter::open({path, 1, 0}, fs);
  ASSERT_TRUE(writer.ok());
  ASSERT_TRUE((*writer)->begin_segment(test_info(), 0, {}).ok());
  StreamTable streams;
  Rows rows;
  const Records records = RandomRecords(7, RandomRecords::Style::plausible).take(40);
  for (std::size_t first : {std::size_t{0}, std::size_t{30}}) {
    rows.first = first;
    for (std::size_t i = first; i < first + 10; ++i) rows.append(std::as_bytes(std::span(records[i])), streams);
    ASSERT_TRUE((*writer)->write(rows).ok());
    rows.clear();
  }
  ASSERT_TRUE((*writer)->end_segment({}).ok());

  const std::string what = "records 11 to 30 are missing";
  Verified verified = verify_paths({path});
  EXPECT_NE(verified.describe().find(what), std::string::npos) << verified.describe();
  auto reader = CaptureReader::open({path});
  ASSERT_TRUE(reader.ok());
  Numbered found = read_numbered(**reader);
  ASSERT_EQ(found.notes.size(), 1u);
  EXPECT_NE(found.notes[0].find(what), std::string::npos) << found.notes[0];
  auto damage = (*reader)->damage();
  ASSERT_EQ(damage.size(), 1u);
  EXPECT_EQ(damage[0].cause, kDamagedCause);
  EXPECT_EQ(damage[0].count, 20u);
}

// ---- compact -------------------------------------------------------------------------------------

void expect_same(const std::string& before, const std::string& after) {
  auto a = CaptureReader::open({before}), b = CaptureReader::open({after});
  ASSERT_TRUE(a.ok() && b.ok());
  Numbered one = read_numbered(**a), two = read_numbered(**b);
  EXPECT_TRUE(one.records == two.records);
  EXPECT_EQ(one.notes, two.notes);
  auto losses = [](CaptureReader& reader) {
    std::string all;
    for (const Loss& loss : reader.losses())
      all += std::to_string(loss.kind) + loss.cause + std::to_string(loss.count) + "\n";
    return all;
  };
  EXPECT_EQ(losses(**a), losses(**b));
  a = CaptureReader::open({before});
  b = CaptureReader::open({after});
  ReadBack whole = read_back(**a), again = read_back(**b);
  EXPECT_TRUE(whole.snapshot == again.snapshot);
  auto events = [](const std::string& path) {
    auto reader = CaptureReader::open({path});
    return events_of(std::move(*reader));
  };
  EXPECT_EQ(events(before), events(after));
}

TEST(integrity, compact_keeps_everything) {
  for (std::uint64_t seed = 30; seed < 34; ++seed) {
    TempDir dir;
    write_file(dir / "in.dse", make_original(seed, 3, 20 + seed).bytes);
    for (const char* name : {"out.dse", "out"}) {
      NoSync fs;
      Compaction compaction({dir / name, 19, 0}, fs);
      auto status = compaction.run({dir / "in.dse"});
      ASSERT_TRUE(status.ok()) << status.error().message();
      EXPECT_EQ(compaction.account().blocks, 9u);
      EXPECT_EQ(compaction.account().written.blocks, 3u);
      Verified verified = verify_paths({dir / name});
      EXPECT_TRUE(verified.findings.empty()) << verified.describe();
      ASSERT_NO_FATAL_FAILURE(expect_same(dir / "in.dse", dir / name));
    }
  }
}

TEST(integrity, compact_keeps_the_numbers_of_what_was_recovered) {
  Original original = make_original(50, 2, 40);
  std::string damaged = original.bytes;
  damaged[original.blocks[2].end - 1] ^= 4;
  TempDir dir;
  ASSERT_TRUE(recover_bytes(damaged, true, dir / "mended.dse").status.ok());
  NoSync fs;
  Compaction compaction({dir / "out.dse", 19, 0}, fs);
  auto status = compaction.run({dir / "mended.dse"});
  ASSERT_TRUE(status.ok()) << status.error().message();
  ASSERT_NO_FATAL_FAILURE(expect_same(dir / "mended.dse", dir / "out.dse"));
  auto reader = CaptureReader::open({dir / "out.dse"});
  ASSERT_NO_FATAL_FAILURE(expect_originals(read_numbered(**reader), original));
}

TEST(integrity, compact_refuses_damage) {
  const Original original = make_original(51, 2, 26);
  for (std::size_t at = 0; at < original.bytes.size(); at += 61) {
    TempDir dir;
    std::string flipped = original.bytes;
    flipped[at] = static_cast<char>(flipped[at] ^ 0x20);
    write_file(dir / "in.dse", flipped);
    NoSync fs;
    Compaction compaction({dir / "out.dse", 1, 0}, fs);
    auto status = compaction.run({dir / "in.dse"});
    ASSERT_FALSE(status.ok()) << at;
    ASSERT_EQ(status.error().code(), dse::ErrorCode::damaged);
    ASSERT_NE(status.error().message().find("dse recover"), std::string::npos);
  }
}

}  // namespace
