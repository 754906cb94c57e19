#include "replay/record_writer.h"

#include <algorithm>
#include <cstring>
#include <map>
#include <utility>
#include <vector>

namespace dse::replay {
namespace {

dse_header header_of(std::span<const std::byte> record) {
  dse_header header;
  std::memcpy(&header, record.data(), sizeof(header));
  return header;
}

std::vector<std::byte> with_sequence_number(std::span<const std::byte> record, std::uint64_t seq) {
  std::vector<std::byte> copy(record.begin(), record.end());
  dse_header header = header_of(record);
  header.seq = seq;
  std::memcpy(copy.data(), &header, sizeof(header));
  return copy;
}

}  // namespace

Status RecordWriter::begin(format::SegmentInfo info, const format::Snapshot& snapshot) {
  segment_first_ = next_;
  lost_ = 0;
  return out_.begin_segment(std::move(info), next_, snapshot);
}

Status RecordWriter::begin(format::SegmentInfo info, const StateLog& before,
                           format::BatchEncoder::SnapshotSpan span) {
  format::Snapshot snapshot;
  snapshot.rows.marks.emplace();
  snapshot.span = std::move(span);
  format::StreamTable streams;
  std::map<format::Kind, std::uint64_t> next;
  for (std::size_t i = 0; i < before.snapshot_size(); ++i)
    snapshot.rows.append(
        with_sequence_number(before.record(i), next[header_of(before.record(i)).kind]++), streams);
  DSE_TRY(begin(std::move(info), snapshot));
  return append_hidden(before);
}

// Their sequence numbers are made to lead up to those of the records that follow.
Status RecordWriter::append_hidden(const StateLog& before) {
  using Stream = std::pair<format::Kind, std::uint16_t>;
  std::map<Stream, std::uint64_t> last_time;
  for (std::size_t i = before.snapshot_size(); i < before.size(); ++i) {
    dse_header header = header_of(before.record(i));
    format::StreamTable::State& stream = streams_.at(header.kind, header.cpu);
    last_time.try_emplace(Stream(header.kind, header.cpu), stream.last_time);
    --stream.next;
  }
  for (std::size_t i = before.snapshot_size(); i < before.size(); ++i) {
    dse_header header = header_of(before.record(i));
    std::uint64_t seq = streams_.at(header.kind, header.cpu).next;
    DSE_TRY(append(with_sequence_number(before.record(i), seq), before.number(i), kFiltered));
    DSE_TRY(flush_if_full());
  }
  for (const auto& [stream, time] : last_time)
    if (time) streams_.at(stream.first, stream.second).last_time = time;
  return {};
}

Status RecordWriter::append(std::span<const std::byte> record, std::uint64_t number,
                            const Marks& marks) {
  if (marks != marks_) DSE_TRY(flush());
  marks_ = marks;
  rows_.append(record, streams_);
  if (!marks.numbered) return {};
  if (!rows_.marks) {
    rows_.marks.emplace();
    rows_.marks->filtered = marks.filtered;
    rows_.marks->slice = marks.slice;
  }
  rows_.marks->number.push_back(number);
  return {};
}

void RecordWriter::show(const std::string& point, std::uint32_t nth) {
  format::show(*rows_.marks, point, rows_.count() - 1, nth);
}

Status RecordWriter::flush() {
  if (rows_.empty()) return {};
  rows_.first = next_;
  DSE_TRY(out_.write(rows_));
  next_ += rows_.count();
  lost_ += rows_.lost();
  rows_.clear();
  return {};
}

}  // namespace dse::replay
