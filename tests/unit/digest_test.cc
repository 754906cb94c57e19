// Digests: the same of the same events however they are kept, and another one of any other.
#include <gtest/gtest.h>

#include <set>

#include "replay/digest.h"
#include "replay/json_line.h"
#include "replay/points/points.h"
#include "tests/unit/testing.h"

using namespace dse::format;
using namespace dse::replay;

namespace {

struct Digest {
  Hash128 sum;
  std::uint64_t count = 0;
  bool operator==(const Digest&) const = default;
};

std::ostream& operator<<(std::ostream& out, const Digest& digest) {
  return out << digest.sum.hex() << ' ' << digest.count;
}

Digest digest_of(std::unique_ptr<Source> source) {
  Session session(std::move(source));
  for (const std::string& name : point_names()) session.add(make_point(name));
  EventDigest digest;
  while (true) {
    auto step = session.next_batch();
    EXPECT_TRUE(step.ok());
    if (!step || *step == Session::Step::end) break;
    if (*step != Session::Step::batch) continue;
    for (const Session::Judged& judged : session.judged())
      EXPECT_TRUE(digest.add(judged.events, judged.kept).ok());
  }
  EXPECT_TRUE(session.source().notes().empty());
  return {digest.sum(), digest.count()};
}

Digest digest_of(const Records& snapshot, std::vector<Records> batches,
                 SegmentInfo info = test_info()) {
  return digest_of(std::make_unique<MemoryRecords>(snapshot, std::move(batches), std::move(info)));
}

std::unique_ptr<Source> open(const std::string& path) {
  auto reader = CaptureReader::open({path});
  EXPECT_TRUE(reader.ok());
  return std::move(*reader);
}

Digest records_digest(std::unique_ptr<Source> source) {
  RecordDigest digest;
  while (true) {
    auto step = source->next();
    EXPECT_TRUE(step.ok());
    if (!step || step->what == Step::What::end) break;
    if (step->what != Step::What::batch) continue;
    EXPECT_TRUE(digest.add(*step->batch, source->info().abi_version).ok());
  }
  return {digest.hash(), digest.count()};
}

// A capture in a directory, of so many segments.
void write(const std::string& path, const Records& snapshot, const std::vector<Records>& batches,
           int level, std::size_t segments, SegmentInfo info = test_info()) {
  auto writer = CaptureWriter::open({path, level, 0}, FileSystem::host());
  ASSERT_TRUE(writer.ok());
  StreamTable streams;
  std::uint64_t first = 0;
  for (std::size_t segment = 0; segment < segments; ++segment) {
    Snapshot beginning;
    StreamTable snapshot_streams;
    beginning.rows = rows_of(snapshot, snapshot_streams);
    beginning.span = {1, 2, {}, {}};
    ASSERT_TRUE((*writer)->begin_segment(info, first, beginning).ok());
    for (std::size_t i = segment * batches.size() / segments;
         i < (segment + 1) * batches.size() / segments; ++i) {
      Rows rows = rows_of(batches[i], streams, first);
      ASSERT_TRUE((*writer)->write(rows).ok());
      first += batches[i].size();
    }
    EndInfo end;
    end.reason = "test";
    end.last = segment + 1 == segments;
    end.streams = streams.positions();
    ASSERT_TRUE((*writer)->end_segment(std::move(end)).ok());
  }
}

struct Input {
  Records snapshot, records;
};

Input make_input(std::uint64_t seed, std::size_t count = 600) {
  RandomRecords random(seed, RandomRecords::Style::plausible);
  Records snapshot = random.snapshot(12);
  return {std::move(snapshot), random.take(count)};
}

TEST(digest, sums_carry) {
  Hash128 sum{1, ~std::uint64_t{0}};
  sum += {2, 1};
  EXPECT_EQ(sum.hex(), "00000000000000040000000000000000");
  sum = {~std::uint64_t{0}, 5};
  sum += {1, 6};
  EXPECT_EQ(sum.hex(), "0000000000000000000000000000000b");
}

// Against the JSON of every event, taken apart and put together by other code, and 128-bit arithmetic.
TEST(digest, is_the_sum_of_the_events) {
  for (std::uint64_t seed = 0; seed < 10; ++seed) {
    Input input = make_input(seed);
    auto lines = events_of(std::make_unique<MemoryRecords>(input.snapshot, cut(input.records, 0)));
    unsigned __int128 sum = 0;
    for (std::size_t i = 0; i < lines.size(); i += 2) {
      JsonLine json;
      ASSERT_TRUE(json.parse(lines[i]));
      std::vector<JsonLine::Value> values;
      for (const auto& value : json.values())
        if (value.path != "evt.num" && value.path != "host.name") values.push_back(value);
      std::string bytes = test_info().host_name + "\n";
      append_json(values, bytes);
      Hash128 hash = hash128(bytes);
      sum += (static_cast<unsigned __int128>(hash.high) << 64) + hash.low;
    }
    Digest expected{{static_cast<std::uint64_t>(sum >> 64), static_cast<std::uint64_t>(sum)},
                    lines.size() / 2};
    ASSERT_GT(expected.count, 300u);
    EXPECT_EQ(digest_of(input.snapshot, cut(input.records, 0)), expected);
  }
}

TEST(digest, does_not_depend_on_how_a_capture_is_kept) {
  Input input = make_input(20);
  const Digest expected = digest_of(input.snapshot, cut(input.records, 0));
  TempDir dir;
  write(dir / "first", input.snapshot, cut(input.records, 0), 1, 1);
  const Digest expected_records = records_digest(open(dir / "first"));
  EXPECT_EQ(expected_records.count, input.records.size());
  int n = 0;
  for (int level : {1, 19})
    for (std::size_t block : {1u, 7u, 100u, 0u})
      for (std::size_t segments : {1u, 2u, 5u}) {
        SCOPED_TRACE(testing::Message() << level << ' ' << block << ' ' << segments);
        std::string path = dir / std::to_string(++n);
        write(path, input.snapshot, cut(input.records, block), level, block == 0 ? 1 : segments);
        EXPECT_EQ(digest_of(open(path)), expected);
        EXPECT_EQ(records_digest(open(path)), expected_records);
      }
}

// A record that is another one makes other events, or none that differ; and always other records.
TEST(digest, tells_any_other_value) {
  Input input = make_input(30, 80);
  auto lines_of = [&](const Records& records) {
    std::multiset<std::string> lines;
    auto all = events_of(std::make_unique<MemoryRecords>(input.snapshot, cut(records, 0)));
    for (std::size_t i = 0; i < all.size(); i += 2) {
      JsonLine json;
      EXPECT_TRUE(json.parse(all[i]));
      std::vector<JsonLine::Value> values;
      for (const auto& value : json.values())
        if (value.path != "evt.num" && value.path != "host.name") values.push_back(value);
      std::string line;
      append_json(values, line);
      lines.insert(line);
    }
    return lines;
  };
  const Digest before = digest_of(input.snapshot, cut(input.records, 0));
  const auto lines_before = lines_of(input.records);
  RandomRecords random(31, RandomRecords::Style::plausible);
  std::size_t changed = 0;
  for (int round = 0; round < 400; ++round) {
    Records records = input.records;
    Record& record = records[random.below(records.size())];
    // Time, sequence number and kind stay, so that it is a record as before.
    const std::size_t place = 24 + random.below(record.size() - 24);
    record[place] = static_cast<char>(record[place] ^ (1 << random.below(8)));
    const bool same = lines_of(records) == lines_before;
    ASSERT_EQ(digest_of(input.snapshot, cut(records, 0)) == before, same) << round;
    changed += !same;
  }
  EXPECT_GT(changed, 130u);
}

TEST(digest, tells_other_hosts) {
  Input input = make_input(40);
  SegmentInfo other = test_info();
  other.host_name += "2";
  EXPECT_NE(digest_of(input.snapshot, cut(input.records, 0)),
            digest_of(input.snapshot, cut(input.records, 0), other));
}

// The digest of the union is the sum, whatever order the captures are in.
TEST(digest, of_captures_together) {
  TempDir dir;
  Input a = make_input(50), b = make_input(51);
  write(dir / "a", a.snapshot, cut(a.records, 50), 1, 2);
  SegmentInfo other = test_info();
  other.capture_id[0] ^= 1;
  write(dir / "b", b.snapshot, cut(b.records, 70), 1, 1, other);
  Digest sum = digest_of(open(dir / "a"));
  const Digest of_b = digest_of(open(dir / "b"));
  sum.sum += of_b.sum;
  sum.count += of_b.count;
  for (bool turned : {false, true}) {
    auto reader = turned ? CaptureReader::open({dir / "b", dir / "a"})
                         : CaptureReader::open({dir / "a", dir / "b"});
    ASSERT_TRUE(reader.ok());
    EXPECT_EQ(digest_of(std::move(*reader)), sum);
  }
  // Of records the order counts.
  auto forth = CaptureReader::open({dir / "a", dir / "b"});
  auto back = CaptureReader::open({dir / "b", dir / "a"});
  EXPECT_NE(records_digest(std::move(*forth)), records_digest(std::move(*back)));
}

TEST(digest, records_tell_every_bit_and_boundary) {
  Input input = make_input(60, 60);
  auto digest = [](const Records& records) {
    return records_digest(std::make_unique<MemoryRecords>(Records(), cut(records, 0)));
  };
  const Digest before = digest(input.records);
  RandomRecords random(61, RandomRecords::Style::plausible);
  for (int round = 0; round < 300; ++round) {
    Records records = input.records;
    Record& record = records[random.below(records.size())];
    const std::size_t place = 24 + random.below(record.size() - 24);
    record[place] = static_cast<char>(record[place] ^ (1 << random.below(8)));
    ASSERT_NE(digest(records), before);
  }
}

}  // namespace
