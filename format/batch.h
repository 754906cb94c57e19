// Columns to read: a batch of records as every consumer sees it, live and from a capture alike.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "format/layout.h"
#include "format/result.h"
#include "format/rows.h"
#include "format/value_set.h"

namespace dse::format {

class Batch;

// What values a column of integers may have, known before it is unpacked.
struct PossibleValues {
  std::uint64_t base = 0;
  ValueSet above_base;  // how far they are above it
};

// A dictionary column. Views are valid as long as the batch.
struct StringColumn {
  std::span<const std::uint64_t> index;      // of each row: the number of its value
  std::span<const std::string_view> values;  // the distinct values
  std::string_view operator[](std::size_t row) const { return values[index[row]]; }
};

// The rows of one kind, or the task table. Columns are unpacked on first use and then kept; a column
// that is never asked for is never decompressed.
class Table {
 public:
  ~Table();
  Table(Table&&) noexcept;

  const TableLayout& layout() const;
  std::uint32_t rows() const;

  // Columns by their place in layout().columns. Every index is checked against its dictionary.
  Result<std::span<const std::uint64_t>> ints(unsigned column) const;
  Result<StringColumn> strings(unsigned column) const;
  // All values that a column of integers may have, told without unpacking it; nothing: it does not tell.
  Result<std::optional<PossibleValues>> possible_values(unsigned column) const;

  // What all kinds have (not the task table): boot time in ns, CPU, row in the task table.
  Result<std::span<const std::uint64_t>> time() const;
  Result<std::span<const std::uint64_t>> cpu() const;
  Result<std::span<const std::uint64_t>> task() const;

  // Position in the batch of each row (not the task table).
  Result<std::span<const std::uint32_t>> positions() const;

  struct Impl;
  explicit Table(std::unique_ptr<Impl> impl);

 private:
  std::unique_ptr<Impl> impl_;
};

// What a batch came with that is not a record.
struct SnapshotInfo {
  std::uint64_t begin_time;  // boot time, ns
  std::uint64_t end_time;
  // What the kernel side's sequence numbers were at these times.
  std::vector<StreamPosition> begin_streams;
  std::vector<StreamPosition> end_streams;
};

// What a filtered capture shows of one observation point; see ShownEvents. Valid as long as the batch.
struct ShownView {
  std::span<const std::uint32_t> position;
  std::span<const std::uint32_t> nth;
  bool empty() const { return position.empty(); }
};

class Batch {
 public:
  // More records than this are never in one batch; a reader refuses them.
  static constexpr std::uint32_t kMaxRecords = 1u << 20;
  // Likewise the points that a filtered batch shows events of, the events of one and of all of them.
  static constexpr std::uint32_t kMaxShownPoints = 64;
  static constexpr std::uint32_t kMaxShownOfPoint = 1u << 20;
  static constexpr std::uint32_t kMaxShown = 4u << 20;

  ~Batch();
  Batch(Batch&&) noexcept;
  Batch& operator=(Batch&&) noexcept;

  std::uint64_t first() const;          // number of the first record in the capture
  std::uint32_t count() const;          // records
  std::span<const Kind> kinds() const;  // by slot; slot 0 is that of raw records

  // Slot of each record, in arrival order. Checked: every slot is one of kinds(), and each occurs as
  // often as its table has rows.
  Result<std::span<const std::uint8_t>> order() const;

  // nullptr: no record of that kind.
  const Table* table(Kind kind) const;
  const Table& tasks() const;

  // Whole records that fit no kind known here, in arrival order.
  Result<StringColumn> raw() const;

  std::span<const StreamPosition> streams() const;
  std::span<const Gap> gaps() const;

  // Set when this is the snapshot at the start of a segment.
  const std::optional<SnapshotInfo>& snapshot() const;

  // Whether this is of a filtered capture: then only the events in shown() count.
  bool filtered() const;
  // The number that tools show of the record at `position`: that which it came with (see FilterMarks),
  // else counted from 1, and 0 in a snapshot.
  std::uint64_t number(std::uint32_t position) const;
  // In a merged capture, blocks of several hosts that follow one another have the same slice: their
  // events belong in the order of real time, and before those of the next one. 0: not merged.
  std::uint64_t slice() const;
  // Empty as well when nothing is filtered.
  ShownView shown(std::string_view point) const;
  std::span<const ShownEvents> shown() const;

  // Gives back every record in arrival order, byte for byte as it was appended. `abi_version` is that
  // of the segment: what newer versions add is left out. The span is valid during the call.
  Status for_each_record(
      unsigned abi_version,
      const std::function<Status(std::span<const std::byte> record)>& visit) const;

  struct Impl;
  explicit Batch(std::unique_ptr<Impl> impl);

 private:
  std::unique_ptr<Impl> impl_;
};

}  // namespace dse::format
