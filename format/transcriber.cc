#include "format/transcriber.h"

#include <algorithm>
#include <cstring>
#include <map>

#include "bpf/abi.h"

namespace dse::format {
namespace {

// A recorder's block is a few megabytes. Beyond this, one is made to keep its reader busy.
constexpr std::uint64_t kMaxUnpacked = std::uint64_t{2} << 30;

// Whether records have other numbers than those counted from the first one.
bool is_numbered(const Batch& batch, std::uint64_t first) {
  if (batch.count() == 0) return batch.filtered();
  return batch.number(0) != first + 1 || batch.number(batch.count() - 1) != first + batch.count();
}

std::uint64_t shown_events(std::span<const ShownEvents> shown) {
  std::uint64_t sum = 0;
  for (const ShownEvents& of_point : shown) sum += of_point.position.size();
  return sum;
}

// What stands before each row of a batch that is not in the row itself.
class Positions {
 public:
  explicit Positions(const Batch& batch) {
    for (const StreamPosition& stream : batch.streams())
      seq_[{stream.kind, stream.cpu}] = stream.seq;
    for (const Gap& gap : batch.gaps())
      if (gap.kind < kMaxKinds) gaps_[gap.kind].push_back(&gap);
  }
  std::uint64_t first_seq(Kind kind, std::uint16_t cpu) const {
    auto found = seq_.find({kind, cpu});
    return found == seq_.end() ? 0 : found->second;
  }
  // The gap before the next row of that kind; null: none.
  const Gap* next_row(Kind kind) {
    std::uint32_t row = row_[kind]++;
    auto& gaps = gaps_[kind];
    std::size_t& next = next_gap_[kind];
    return next < gaps.size() && gaps[next]->row == row ? gaps[next++] : nullptr;
  }

 private:
  std::map<std::pair<Kind, std::uint16_t>, std::uint64_t> seq_;
  std::array<std::vector<const Gap*>, kMaxKinds> gaps_;
  std::array<std::size_t, kMaxKinds> next_gap_{};
  std::array<std::uint32_t, kMaxKinds> row_{};
};

// The events that are shown of the record at `from`, now the last one of `rows`.
void mark_shown(std::span<const ShownEvents> shown, std::vector<std::size_t>& next,
                std::uint32_t from, Rows& rows) {
  for (std::size_t i = 0; i < shown.size(); ++i)
    for (; next[i] < shown[i].position.size() && shown[i].position[next[i]] == from; ++next[i]) {
      auto& marks = rows.marks->shown;
      auto found = std::find_if(marks.begin(), marks.end(), [&](const ShownEvents& one) {
        return one.point == shown[i].point;
      });
      if (found == marks.end()) found = marks.insert(marks.end(), {shown[i].point, {}, {}});
      found->position.push_back(rows.count() - 1);
      found->nth.push_back(shown[i].nth[next[i]]);
    }
}

Result<std::uint64_t> unpacked_bytes(const Batch& batch) {
  std::uint64_t sum = 0;
  auto add = [&](const StringColumn& column) {
    for (std::uint64_t value : column.index) sum += column.values[value].size();
  };
  for (Kind kind : batch.kinds()) {
    const Table* table = batch.table(kind);
    if (!table) continue;
    sum += std::uint64_t{table->rows()} * (sizeof(dse_header) + table->layout().fixed_size);
    for (unsigned i = 0; i < table->layout().columns.size(); ++i)
      if (table->layout().columns[i].abi == Abi::bytes) {
        DSE_TRY_ASSIGN(StringColumn column, table->strings(i));
        add(column);
      }
  }
  DSE_TRY_ASSIGN(StringColumn raw, batch.raw());
  add(raw);
  return sum;
}

}  // namespace

Status check_unpacked(const Batch& batch) {
  DSE_TRY_ASSIGN(std::uint64_t bytes, unpacked_bytes(batch));
  if (bytes > kMaxUnpacked)
    return Error(ErrorCode::damaged, "a block that unpacks to more than 2 GiB");
  return {};
}

Result<std::unique_ptr<Transcriber>> Transcriber::open(const TranscribeOptions& options,
                                                       FileSystem& fs) {
  DSE_TRY_ASSIGN(auto writer, CaptureWriter::open(options.writer, fs));
  return std::unique_ptr<Transcriber>(new Transcriber(options, std::move(writer)));
}

Transcriber::Account Transcriber::account() const {
  Account account = account_;
  account.bytes = writer_->total_bytes();
  return account;
}

void Transcriber::begin_capture() {
  streams_ = {};
  adopts_ = true;
}

Status Transcriber::begin_segment(SegmentInfo info, std::uint64_t first, const Batch* from) {
  if (ended_) DSE_TRY(writer_->end_segment(*std::exchange(ended_, {}), true));
  Snapshot snapshot;
  snapshot.span = {};
  if (from) {
    StreamTable streams;  // those of a snapshot are its own
    DSE_TRY(append(*from, snapshot.rows, streams, true));
    const SnapshotInfo& span = *from->snapshot();
    snapshot.span = {span.begin_time, span.end_time, span.begin_streams, span.end_streams};
  }
  next_ = first;
  return writer_->begin_segment(std::move(info), first, snapshot);
}

// Records that are marked in different ways have no place in one block.
Status Transcriber::make_room(const Batch& batch) {
  if (rows_.empty()) return {};
  const bool numbered = batch.filtered() || batch.slice() != 0 ||
                        is_numbered(batch, next_ + rows_.count());
  bool fits = options_.block_records != 0 && (rows_.marks || !numbered);
  if (fits && rows_.marks) {
    const FilterMarks& marks = *rows_.marks;
    fits = marks.filtered == batch.filtered() && marks.slice == batch.slice() &&
           marks.shown.size() + batch.shown().size() <= Batch::kMaxShownPoints &&
           shown_events(marks.shown) + shown_events(batch.shown()) <= Batch::kMaxShownOfPoint;
  }
  return fits ? Status() : flush();
}

Status Transcriber::block(const Batch& batch) {
  if (batch.count() == 0) return {};
  DSE_TRY(make_room(batch));
  DSE_TRY(append(batch, rows_, streams_, false));
  return options_.block_records == 0 ? flush() : Status();
}

Status Transcriber::append(const Batch& batch, Rows& rows, StreamTable& streams, bool is_snapshot) {
  DSE_TRY(check_unpacked(batch));
  DSE_TRY_ASSIGN(auto order, batch.order());
  Positions positions(batch);
  std::vector<std::size_t> next_shown(batch.shown().size());
  std::uint32_t at = 0;
  const bool marked = batch.filtered() || batch.slice() != 0 ||
                      (!is_snapshot && is_numbered(batch, next_ + rows.count())) ||
                      (is_snapshot && batch.count() != 0 && batch.number(0) != 0);
  const bool numbers = !is_snapshot || (batch.count() != 0 && batch.number(0) != 0);
  auto mark = [&] {
    if (!rows.marks && !marked) return;
    if (!rows.marks) rows.marks = FilterMarks{{}, {}, batch.filtered(), batch.slice()};
  };
  mark();  // a snapshot without rows is filtered too
  return batch.for_each_record(DSE_ABI_VERSION, [&](std::span<const std::byte> record) -> Status {
    const std::uint32_t from = at++;
    mark();
    if (order[from] == 0) {
      rows.append_raw(record);
    } else {
      dse_header header;
      std::memcpy(&header, record.data(), sizeof(header));
      StreamTable::State& state = streams.at(header.kind, header.cpu);
      const bool unseen = state.batch == 0;
      if (unseen && (adopts_ || is_snapshot))
        state.next = positions.first_seq(header.kind, header.cpu);
      // A loss that was there before is between the same two times as before, also where the record
      // before it was never here.
      const Gap* gap = positions.next_row(header.kind);
      const bool placed_elsewhere = unseen || batch.filtered() || batch.slice() != 0;
      if (gap && placed_elsewhere &&
          header.seq - static_cast<std::uint64_t>(gap->lost) == state.next)
        state.last_time = gap->since_time;
      rows.append(record, streams);
    }
    if (rows.marks) {
      if (numbers) rows.marks->number.push_back(batch.number(from));
      mark_shown(batch.shown(), next_shown, from, rows);
    }
    if (is_snapshot || options_.block_records == 0) return {};
    return rows.count() >= options_.block_records || rows.size_bytes() >= options_.block_bytes
               ? flush()
               : Status();
  });
}

Status Transcriber::flush() {
  if (rows_.empty()) return {};
  rows_.first = next_;
  DSE_TRY(writer_->write(rows_));
  ++account_.blocks;
  account_.records += rows_.count();
  next_ += rows_.count();
  rows_.clear();
  return {};
}

Status Transcriber::end_segment(EndInfo info) {
  DSE_TRY(flush());
  ended_ = std::move(info);
  return {};
}

Status Transcriber::finish() {
  if (!ended_) return {};
  return writer_->end_segment(*std::exchange(ended_, {}), false);
}

}  // namespace dse::format
