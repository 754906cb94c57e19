// The way back: from columns to the raw records that they were made of.
#include <cstring>

#include "bpf/abi.h"
#include "format/batch.h"

namespace dse::format {
namespace {

void store(std::byte* to, std::uint64_t value, std::uint32_t size) {
  // Little endian like every capture; the upper bytes of signed columns are sign bits.
  std::memcpy(to, &value, size);
}

// One kind's columns, all of them at hand.
struct OpenTable {
  const Table* table = nullptr;
  std::span<const std::uint64_t> time, cpu, task;
  std::vector<std::span<const std::uint64_t>> ints;  // by column; empty for strings
  std::vector<StringColumn> strings;
  std::uint32_t next = 0;
};

Result<OpenTable> open_table(const Table& table, bool common) {
  OpenTable open;
  open.table = &table;
  if (common) {
    DSE_TRY_ASSIGN(open.time, table.time());
    DSE_TRY_ASSIGN(open.cpu, table.cpu());
    DSE_TRY_ASSIGN(open.task, table.task());
  }
  std::size_t columns = table.layout().columns.size();
  open.ints.resize(columns);
  open.strings.resize(columns);
  for (unsigned i = 0; i < columns; ++i) {
    if (table.layout().columns[i].is_string()) {
      DSE_TRY_ASSIGN(open.strings[i], table.strings(i));
    } else {
      DSE_TRY_ASSIGN(open.ints[i], table.ints(i));
    }
  }
  return open;
}

// Writes the first `count` columns of a row to the fixed body `out`, and their variable parts to the
// end of `tail`.
void put_row(const OpenTable& open, std::uint32_t row, std::size_t count, std::byte* out,
             std::vector<std::byte>* tail) {
  const auto& columns = open.table->layout().columns;
  for (unsigned i = 0; i < count; ++i) {
    std::byte* to = out + columns[i].offset;
    if (columns[i].abi == Abi::fixed) {
      std::memcpy(to, open.strings[i][row].data(), columns[i].size);
    } else if (columns[i].abi == Abi::bytes) {
      std::string_view value = open.strings[i][row];
      store(to, value.size(), columns[i].size);
      auto bytes = std::as_bytes(std::span(value.data(), value.size()));
      tail->insert(tail->end(), bytes.begin(), bytes.end());
    } else {
      store(to, open.ints[i][row], columns[i].size);
    }
  }
}

// Where each CPU's sequence numbers of a kind stand, while the rows are walked in order.
class Sequences {
 public:
  explicit Sequences(const Batch& batch) {
    for (const StreamPosition& stream : batch.streams())
      if (stream.kind < kMaxKinds) at(stream.kind, stream.cpu) = stream.seq;
    for (const Gap& gap : batch.gaps())
      if (gap.kind < kMaxKinds) gaps_[gap.kind].push_back(gap);
  }

  std::uint64_t next(Kind kind, std::uint16_t cpu, std::uint32_t row) {
    std::uint64_t& seq = at(kind, cpu);
    auto& index = next_gap_[kind];
    const auto& gaps = gaps_[kind];
    if (index < gaps.size() && gaps[index].row == row)
      seq += static_cast<std::uint64_t>(gaps[index++].lost);
    return seq++;
  }

 private:
  std::uint64_t& at(Kind kind, std::uint16_t cpu) {
    auto& row = next_[kind];
    if (cpu >= row.size()) row.resize(cpu + std::size_t{1});
    return row[cpu];
  }
  std::array<std::vector<std::uint64_t>, kMaxKinds> next_;
  std::array<std::vector<Gap>, kMaxKinds> gaps_;
  std::array<std::size_t, kMaxKinds> next_gap_{};
};

}  // namespace

Status Batch::for_each_record(
    unsigned abi_version,
    const std::function<Status(std::span<const std::byte> record)>& visit) const {
  DSE_TRY_ASSIGN(auto order_of, order());
  DSE_TRY_ASSIGN(StringColumn raw_of, raw());
  DSE_TRY_ASSIGN(OpenTable tasks_of, open_table(tasks(), false));
  std::vector<OpenTable> open(kinds().size());
  for (std::size_t slot = 1; slot < kinds().size(); ++slot)
    if (const Table* found = table(kinds()[slot])) {
      DSE_TRY_ASSIGN(open[slot], open_table(*found, true));
    }

  Sequences sequences(*this);
  std::vector<std::byte> record;
  std::uint32_t raw_row = 0;
  for (std::uint8_t slot : order_of) {
    if (slot == 0) {
      std::string_view bytes = raw_of[raw_row++];
      DSE_TRY(visit(std::as_bytes(std::span(bytes.data(), bytes.size()))));
      continue;
    }
    OpenTable& from = open[slot];
    if (!from.table)
      return Error(ErrorCode::damaged,
                   "records of " + kind_name(kinds()[slot]) + " were written by a newer version");
    std::uint32_t row = from.next++;
    dse_header header{};
    header.time_ns = from.time[row];
    header.kind = kinds()[slot];
    header.cpu = static_cast<std::uint16_t>(from.cpu[row]);
    header.seq = sequences.next(header.kind, header.cpu, row);
    put_row(tasks_of, static_cast<std::uint32_t>(from.task[row]),
            task_layout().columns_at(abi_version), reinterpret_cast<std::byte*>(&header.task),
            nullptr);
    const TableLayout& layout = from.table->layout();
    record.assign(sizeof(header) + layout.fixed_size_at(abi_version), std::byte{0});
    // The tail may grow the vector, so the fixed part goes to a buffer of its own first.
    std::vector<std::byte> tail;
    put_row(from, row, layout.columns_at(abi_version), record.data() + sizeof(header), &tail);
    record.insert(record.end(), tail.begin(), tail.end());
    header.size = static_cast<std::uint32_t>(record.size());
    std::memcpy(record.data(), &header, sizeof(header));
    DSE_TRY(visit(record));
  }
  return {};
}

}  // namespace dse::format
