#include "tests/property/integrity.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

using namespace dse::format;

std::string Verified::describe() const {
  std::string out = std::to_string(counts.records) + " records";
  for (const Finding& finding : findings)
    out += "\n  " + finding.path + ": at byte " + std::to_string(finding.offset) + ": " +
           finding.entry + ": " + finding.reason;
  if (!status) out += "\n  error: " + status.error().message();
  return out;
}

std::string Recovered::describe() const {
  std::string out = std::to_string(account.records) + " records";
  for (const LostPart& part : parts)
    out += "\n  at byte " + std::to_string(part.offset) + ": " + part.what + ": " +
           (part.records ? std::to_string(*part.records) : "?");
  if (!status) out += "\n  error: " + status.error().message();
  return out;
}

namespace {

template <typename Run>
Verified verified(Run run) {
  Verified result;
  Verifier verifier([&](const Finding& finding) { result.findings.push_back(finding); }, nullptr);
  result.status = run(verifier);
  result.notes = verifier.notes();
  result.counts = verifier.counts();
  return result;
}

template <typename Run>
Recovered recovered(const std::string& out, Run run) {
  Recovered result;
  NoSync fs;
  Recovery recovery({out, 1, 0}, fs, [&](const LostPart& part) { result.parts.push_back(part); });
  result.status = run(recovery);
  result.account = recovery.account();
  return result;
}

// Some of the records are of every kind that there is, and some of none.
Records all_kinds(RandomRecords& random, std::size_t count) {
  Records records;
  std::set<std::uint16_t> missing;
  for (const TableLayout& layout : all_kind_layouts()) missing.insert(layout.kind);
  while (!missing.empty() || records.size() < count) {
    Record record = random.next();
    bool fresh = record.size() >= sizeof(dse_header) &&
                 missing.erase(header_of_record(record).kind) != 0;
    if (fresh || records.size() + missing.size() < count) records.push_back(std::move(record));
  }
  return records;
}

}  // namespace

Verified verify_bytes(const std::string& bytes, bool seekable) {
  return verified([&](Verifier& verifier) {
    PinnedSegment segment;
    segment.path = "-";
    return verifier.verify(memory_byte_source(bytes, seekable), segment);
  });
}

Verified verify_paths(const std::vector<std::string>& paths) {
  return verified([&](Verifier& verifier) { return verifier.verify(paths); });
}

Recovered recover_bytes(const std::string& bytes, bool seekable, const std::string& out) {
  return recovered(
      out, [&](Recovery& recovery) { return recovery.run(memory_byte_source(bytes, seekable)); });
}

Recovered recover_paths(const std::vector<std::string>& paths, const std::string& out) {
  return recovered(out, [&](Recovery& recovery) { return recovery.run(paths); });
}

Original make_original(std::uint64_t seed, unsigned segments, std::size_t block_records) {
  Original original;
  TempDir dir;
  NoSync fs;
  auto writer = CaptureWriter::open({dir / "c.dse", 1, 0}, fs);
  if (!writer) throw std::runtime_error(writer.error().message());
  RandomRecords plausible(seed, RandomRecords::Style::plausible);
  RandomRecords arbitrary(seed + 1, RandomRecords::Style::arbitrary);
  StreamTable streams;
  auto check = [](const dse::Status& status) {
    if (!status) throw std::runtime_error(status.error().message());
  };
  for (unsigned segment = 0; segment < segments; ++segment) {
    Snapshot snapshot;
    StreamTable snapshot_streams;
    snapshot.rows = rows_of(plausible.snapshot(3), snapshot_streams);
    snapshot.span = {1, 2, {{1, 0, 5}}, {{1, 0, 7}}};
    check((*writer)->begin_segment(test_info(), original.records.size(), snapshot));
    for (unsigned block = 0; block < 3; ++block) {
      Records records = block == 1 ? all_kinds(arbitrary, block_records)
                                   : plausible.take(block_records);
      check((*writer)->write(rows_of(records, streams, original.records.size())));
      original.records.insert(original.records.end(), records.begin(), records.end());
    }
    EndInfo end;
    end.reason = "test";
    end.last = segment + 1 == segments;
    end.losses = {{DSE_PROCESS_EXEC, "ring full", segment}};
    check((*writer)->end_segment(end, !end.last));
  }
  original.bytes = read_file(dir / "c.dse");
  SegmentReader reader(memory_byte_source(original.bytes, true), nullptr);
  while (true) {
    auto entry = reader.next();
    if (!entry) throw std::runtime_error(entry.error().message());
    if (!*entry) break;
    const EntryHeader& header = (*entry)->header;
    if (header.type == EntryType::segment) original.segments.push_back((*entry)->offset);
    if (header.type == EntryType::block)
      original.blocks.push_back({(*entry)->offset,
                                 (*entry)->offset + header.header_bytes() + header.body_bytes(),
                                 header.first, header.count});
  }
  return original;
}

Numbered read_numbered(CaptureReader& reader) {
  Numbered found;
  while (true) {
    auto step = reader.next();
    if (!step) {
      found.notes.push_back(step.error().message());
      break;
    }
    if (step->what == Step::What::end) break;
    if (step->what != Step::What::batch || step->batch->snapshot()) continue;
    std::uint32_t at = 0;
    for (Record& record : records_of(*step->batch))
      found.records.emplace_back(step->batch->number(at++), std::move(record));
  }
  for (const Note& note : reader.notes()) found.notes.push_back(note.text);
  return found;
}

void expect_originals(const Numbered& found, const Original& original) {
  std::uint64_t before = 0;
  for (const auto& [number, record] : found.records) {
    ASSERT_GT(number, before);
    ASSERT_LE(number, original.records.size());
    ASSERT_EQ(record, original.records[number - 1]) << number;
    before = number;
  }
}

bool holds(const Numbered& found, const Original::Block& block) {
  auto begin = std::lower_bound(
      found.records.begin(), found.records.end(), block.first + 1,
      [](const auto& record, std::uint64_t number) { return record.first < number; });
  if (static_cast<std::uint64_t>(found.records.end() - begin) < block.count) return false;
  return begin->first == block.first + 1 &&
         (begin + static_cast<std::ptrdiff_t>(block.count) - 1)->first == block.first + block.count;
}
