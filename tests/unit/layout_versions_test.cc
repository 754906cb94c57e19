// Versions of the record layout: what old captures lack reads as nothing, and their records come back
// as they were; whatever kinds and columns the schema has, records of them come back too.
#include <capnp/message.h>
#include <gtest/gtest.h>

#include <array>
#include <filesystem>

#include "capture.capnp.h"
#include "format/batch_impl.h"
#include "format/layout.h"
#include "format/word_columns.h"
#include "format/message.h"
#include "tests/unit/testing.h"

using namespace dse::format;

namespace {

const std::string kCaptures = DSE_GOLDEN_CAPTURES;

// The batches of a capture, one by one.
template <typename Visit>
void for_each_batch(const std::string& path, Visit visit) {
  auto reader = CaptureReader::open({path});
  ASSERT_TRUE(reader.ok()) << reader.error().message();
  while (true) {
    auto step = (*reader)->next();
    ASSERT_TRUE(step.ok()) << step.error().message();
    if (step->what == Step::What::end) break;
    if (step->what == Step::What::batch) visit(*step->batch, (*reader)->info());
  }
  for (const Note& note : (*reader)->notes()) ADD_FAILURE() << note.text;
}

std::vector<std::string> captures_of(std::string_view version) {
  std::vector<std::string> paths;
  for (const auto& entry : std::filesystem::directory_iterator(kCaptures))
    if (entry.path().string().find(version) != std::string::npos) paths.push_back(entry.path());
  return paths;
}

// How the layout of version 1 was, apart from the schema: the sizes of the fixed bodies.
const std::map<Kind, std::uint32_t> kFixedSizes1{
    {DSE_PROCESS_FORK, 32}, {DSE_PROCESS_EXEC, 24},     {DSE_PROCESS_EXIT, 16},
    {DSE_CGROUP_MKDIR, 24}, {DSE_CGROUP_RMDIR, 24},     {DSE_CGROUP_ATTACH, 32},
    {DSE_SOCKET_STATE, 56}, {DSE_SIGNAL_GENERATE, 40},  {DSE_SIGNAL_DELIVER, 32},
    {DSE_CLOCK_SAMPLE, 8},  {DSE_PROCESS_SNAPSHOT, 16}, {DSE_CGROUP_SNAPSHOT, 16},
};

// The strings of a whole record, by the columns that a version has.
std::vector<std::string> parts_of(const Record& record, const TableLayout& layout,
                                  unsigned version) {
  std::vector<std::string> parts;
  std::size_t at = sizeof(dse_header) + layout.fixed_size_at(version);
  for (std::size_t i = 0; i < layout.columns_at(version); ++i) {
    if (layout.columns[i].abi != Abi::bytes) continue;
    std::uint32_t size;
    std::memcpy(&size, record.data() + sizeof(dse_header) + layout.columns[i].offset, 4);
    if (at + size > record.size()) return {"beyond the end"};
    parts.push_back(record.substr(at, size));
    at += size;
  }
  if (at != record.size()) return {"before the end"};
  return parts;
}

TEST(layout_versions, the_layouts_themselves) {
  for (const TableLayout& layout : all_kind_layouts()) {
    SCOPED_TRACE(layout.name);
    auto old = kFixedSizes1.find(layout.kind);
    // All columns of a kind that is newer are of its first version.
    EXPECT_EQ(layout.fixed_size_at(1), old == kFixedSizes1.end() ? layout.fixed_size : old->second);
    EXPECT_EQ(layout.fixed_size_at(0), layout.fixed_size_at(1));
    EXPECT_EQ(layout.fixed_size_at(DSE_ABI_VERSION), layout.fixed_size);
    EXPECT_EQ(layout.fixed_size_at(99), layout.fixed_size);
    EXPECT_EQ(layout.columns_at(99), layout.columns.size());
    // What is new stands at the end.
    for (std::size_t i = 1; i < layout.columns.size(); ++i)
      EXPECT_GE(layout.columns[i].since, layout.columns[i - 1].since) << layout.columns[i].name;
    for (const ColumnLayout& column : layout.columns) EXPECT_LE(column.since, DSE_ABI_VERSION);
  }
  EXPECT_EQ(task_layout().fixed_size_at(1), sizeof(dse_task));
}

TEST(layout_versions, old_captures_give_their_records_back_in_the_old_layout) {
  auto paths = captures_of("-v1");
  ASSERT_GE(paths.size(), 3u);
  std::map<Kind, std::size_t> seen;
  for (const std::string& path : paths) {
    SCOPED_TRACE(path);
    for_each_batch(path, [&](const Batch& batch, const SegmentInfo& info) {
      EXPECT_EQ(info.abi_version, 1);
      dse::Status status;
      Records old = records_of(batch, &status, 1), now = records_of(batch);
      ASSERT_TRUE(status.ok()) << status.error().message();
      ASSERT_EQ(old.size(), now.size());
      for (std::size_t i = 0; i < old.size(); ++i) {
        dse_header header = header_of_record(old[i]);
        const TableLayout* layout = kind_layout(header.kind);
        if (old[i] == now[i] && (!layout || layout->columns_at(1) == layout->columns.size()))
          continue;
        if (header.size != old[i].size()) continue;  // a raw record of the synthetic capture
        ASSERT_NE(layout, nullptr);
        ++seen[header.kind];
        // The same strings, and the numbers of then in front; behind them nothing but zeros.
        std::uint32_t size = kFixedSizes1.at(header.kind);
        auto parts = parts_of(old[i], *layout, 1);
        auto parts_now = parts_of(now[i], *layout, DSE_ABI_VERSION);
        ASSERT_GE(parts_now.size(), parts.size());
        for (std::size_t p = 0; p < parts_now.size(); ++p)
          EXPECT_EQ(parts_now[p], p < parts.size() ? parts[p] : "");
        EXPECT_EQ(old[i].substr(sizeof(dse_header), size), now[i].substr(sizeof(dse_header), size));
        EXPECT_EQ(now[i].substr(sizeof(dse_header) + size, layout->fixed_size - size),
                  std::string(layout->fixed_size - size, '\0'));
        EXPECT_EQ(header_of_record(now[i]).size, now[i].size());
        dse_header header_now = header_of_record(now[i]);
        header_now.size = header.size;
        EXPECT_EQ(std::memcmp(&header_now, &header, sizeof(header)), 0);
      }
    });
  }
  for (Kind kind : {DSE_PROCESS_FORK, DSE_PROCESS_EXEC, DSE_PROCESS_EXIT, DSE_SOCKET_STATE,
                    DSE_SIGNAL_GENERATE, DSE_SIGNAL_DELIVER, DSE_PROCESS_SNAPSHOT})
    EXPECT_GT(seen[kind], 0u) << kind_name(kind);
}

TEST(layout_versions, columns_that_did_not_exist_read_as_nothing) {
  std::size_t numbers = 0, texts = 0, fixed = 0;
  for (const std::string& path : captures_of("-v1"))
    for_each_batch(path, [&](const Batch& batch, const SegmentInfo&) {
      for (const TableLayout& layout : all_kind_layouts()) {
        const Table* table = batch.table(layout.kind);
        if (!table) continue;
        for (unsigned i = 0; i < layout.columns.size(); ++i) {
          const ColumnLayout& column = layout.columns[i];
          if (column.since == 1) continue;
          SCOPED_TRACE(layout.name + "." + column.name);
          if (!column.is_string()) {
            auto values = table->ints(i);
            ASSERT_TRUE(values.ok());
            ASSERT_EQ(values->size(), table->rows());
            for (std::uint64_t value : *values) EXPECT_EQ(value, 0u);
            numbers += values->size();
            continue;
          }
          auto values = table->strings(i);
          ASSERT_TRUE(values.ok());
          ASSERT_EQ(values->index.size(), table->rows());
          std::string nothing(column.abi == Abi::fixed ? column.size : 0, '\0');
          for (std::uint32_t row = 0; row < table->rows(); ++row)
            EXPECT_EQ((*values)[row], nothing);
          (column.abi == Abi::fixed ? fixed : texts) += values->index.size();
        }
      }
    });
  EXPECT_GT(numbers, 1000u);
  EXPECT_GT(texts, 100u);
  EXPECT_GT(fixed, 500u);
}

TEST(layout_versions, a_capture_of_today_with_every_kind_is_kept) {
  auto paths = captures_of("synthetic-v" + std::to_string(DSE_ABI_VERSION) + "-format" +
                           std::to_string(kFormatVersion));
  ASSERT_EQ(paths.size(), 1u);
  std::map<Kind, std::size_t> seen;
  for_each_batch(paths[0], [&](const Batch& batch, const SegmentInfo& info) {
    EXPECT_EQ(info.format_version, kFormatVersion);
    EXPECT_EQ(info.abi_version, DSE_ABI_VERSION);
    dse::Status status;
    for (const Record& record : records_of(batch, &status, info.abi_version))
      ++seen[header_of_record(record).kind];
    EXPECT_TRUE(status.ok()) << status.error().message();
    for (Kind kind : batch.kinds()) {
      const TableLayout* layout = kind_layout(kind);
      const Table* table = batch.table(kind);
      if (!layout || !table) continue;
      for (unsigned i = 0; i < layout->columns.size(); ++i)
        if (layout->columns[i].is_string()) {
          EXPECT_FALSE(table->strings(i)->values.empty()) << layout->columns[i].name;
        }
    }
  });
  for (const TableLayout& layout : all_kind_layouts())
    EXPECT_GT(seen[layout.kind], 0u) << layout.name;
}

// ---- records of every kind, made of the layouts ---------------------------------------------------

// Numbers that differ from column to column and row to row, with the highest bit set in some.
Record record_of_layout(const TableLayout& layout, std::uint64_t row) {
  std::string body(layout.fixed_size, '\0'), tail;
  for (std::size_t i = 0; i < layout.columns.size(); ++i) {
    const ColumnLayout& column = layout.columns[i];
    std::uint64_t value = (row * 131 + i * 7 + 1) * 0x9e3779b97f4a7c15;
    if (column.abi == Abi::fixed) {
      for (std::uint32_t b = 0; b < column.size; ++b)
        body[column.offset + b] = static_cast<char>(value >> b % 8 * 8);
      continue;
    }
    if (column.abi == Abi::bytes) {
      value = (row + i) % 4 * 5;  // now and then empty
      tail.append(value, static_cast<char>('A' + i));
    }
    std::memcpy(body.data() + column.offset, &value, column.size);
  }
  dse_header header{};
  header.kind = layout.kind;
  header.cpu = layout.kind < DSE_KERNEL_KINDS ? 1 : DSE_CPU_NONE;
  header.time_ns = 1'000'000 + row;
  header.seq = row;
  header.size = static_cast<std::uint32_t>(sizeof(header) + body.size() + tail.size());
  header.task = make_task(static_cast<std::uint32_t>(1 + row % 3), "task");
  Record record(sizeof(header), '\0');
  set_header(record, header);
  return record + body + tail;
}

TEST(layout_versions, records_of_every_kind_come_back) {
  Records all;
  for (std::uint64_t row = 0; row < 20; ++row)
    for (const TableLayout& layout : all_kind_layouts())
      all.push_back(record_of_layout(layout, row));
  StreamTable streams;
  Rows rows = rows_of(all, streams);
  EXPECT_TRUE(rows.raw_index().empty());
  EXPECT_TRUE(rows.gaps().empty());
  for (const TableLayout& layout : all_kind_layouts()) {
    ASSERT_NE(rows.table(layout.kind), nullptr) << layout.name;
    EXPECT_EQ(rows.table(layout.kind)->count(), 20u) << layout.name;
  }
  auto batch = batch_of(rows);
  ASSERT_TRUE(batch.ok()) << batch.error().message();
  EXPECT_TRUE(records_of(*batch) == all);
  for (bool seekable : {true, false}) {
    ReadBack back = read_back(capture_bytes({}, {all}), seekable);
    EXPECT_TRUE(back.records == all);
    EXPECT_TRUE(back.notes.empty()) << back.describe();
  }
}

TEST(layout_versions, every_kind_alone_and_with_one_row) {
  for (const TableLayout& layout : all_kind_layouts()) {
    SCOPED_TRACE(layout.name);
    StreamTable streams;
    Records one{record_of_layout(layout, 0)};
    auto batch = batch_of(rows_of(one, streams));
    ASSERT_TRUE(batch.ok());
    ASSERT_EQ(batch->kinds().size(), 2u);
    EXPECT_EQ(batch->kinds()[1], layout.kind);
    EXPECT_TRUE(records_of(*batch) == one);
  }
}

TEST(layout_versions, a_record_in_the_layout_of_another_version_is_kept_whole) {
  for (const TableLayout& layout : all_kind_layouts()) {
    if (layout.fixed_size_at(1) == layout.fixed_size) continue;
    SCOPED_TRACE(layout.name);
    Record old(sizeof(dse_header) + layout.fixed_size_at(1), '\0');
    dse_header header{};
    header.kind = layout.kind;
    header.size = static_cast<std::uint32_t>(old.size());
    set_header(old, header);
    StreamTable streams;
    Rows rows = rows_of(std::vector<Record>{old}, streams);
    EXPECT_EQ(rows.raw_index().size(), 1u);
    auto batch = batch_of(rows);
    ASSERT_TRUE(batch.ok());
    EXPECT_EQ(records_of(*batch), Records{old});
  }
}

// ---- messages that no writer makes ----------------------------------------------------------------

// A batch of `rows` socket_state records of which `edit` may change the table, as a reader gets it.
template <typename Edit>
dse::Result<Batch> edited(unsigned rows, Edit edit) {
  auto message = std::make_unique<ColumnMessage>();
  auto block = message->initRoot<schema::Entry>().initBlock();
  block.setCount(rows);
  auto kinds = block.initKinds(2);
  kinds.set(1, DSE_SOCKET_STATE);
  block.initOrder().setBase(1);
  auto tasks = block.initTasks();
  tasks.setCount(1);
  auto table = block.initSocketState();
  table.initCommon().setCount(rows);
  edit(table, block);
  return read_batch(std::move(message));
}

TEST(layout_versions, a_table_without_any_column) {
  auto batch = edited(3, [](auto, auto) {});
  ASSERT_TRUE(batch.ok()) << batch.error().message();
  dse::Status status;
  Records records = records_of(*batch, &status);
  ASSERT_TRUE(status.ok()) << status.error().message();
  ASSERT_EQ(records.size(), 3u);
  EXPECT_EQ(records[1].substr(sizeof(dse_header)), std::string(sizeof(dse_socket_state), '\0'));
  EXPECT_EQ(records_of(*batch, &status, 1)[1].size(), sizeof(dse_header) + 56);
}

TEST(layout_versions, a_fixed_column_without_values_is_damage) {
  // Of an empty dictionary, whatever else the column says: there is nothing that a row could mean.
  for (int how = 0; how < 5; ++how) {
    SCOPED_TRACE(how);
    auto batch = edited(3, [&](schema::SocketState::Builder table, schema::Block::Builder) {
      auto column = how % 2 ? table.initOwnerComm() : table.initLocalAddress();
      if (how == 1) column.initIndex().initU8(3);
      if (how == 2) column.initIndex().setBase(7);
      if (how == 3) column.setBytes(kj::ArrayPtr<const kj::byte>());
      if (how == 4) column.initEnds().setBase(16);
    });
    ASSERT_TRUE(batch.ok()) << batch.error().message();
    const Table* table = batch->table(DSE_SOCKET_STATE);
    ASSERT_NE(table, nullptr);
    auto column = static_cast<unsigned>(
        table->layout().column(how % 2 ? "ownerComm" : "localAddress"));
    for (int again = 0; again < 2; ++again) {
      auto values = table->strings(column);
      ASSERT_FALSE(values.ok());
      EXPECT_EQ(values.error().code(), dse::ErrorCode::damaged);
    }
    dse::Status status;
    EXPECT_TRUE(records_of(*batch, &status).empty());
    EXPECT_FALSE(status.ok());
  }
}

TEST(layout_versions, values_of_the_wrong_size_are_damage) {
  for (unsigned size : {0u, 15u, 17u}) {
    auto batch = edited(1, [&](schema::SocketState::Builder table, schema::Block::Builder) {
      auto column = table.initOwnerComm();
      column.setCount(1);
      column.initEnds().setBase(size);
      column.initBytes(size);
    });
    ASSERT_TRUE(batch.ok());
    auto values = batch->table(DSE_SOCKET_STATE)
                      ->strings(static_cast<unsigned>(
                          batch->table(DSE_SOCKET_STATE)->layout().column("ownerComm")));
    EXPECT_FALSE(values.ok()) << size;
  }
}

TEST(layout_versions, raw_records_without_a_column_are_damage) {
  auto batch = edited(3, [](schema::SocketState::Builder table, schema::Block::Builder block) {
    table.getCommon().setCount(0);
    block.getOrder().setBase(0);
  });
  ASSERT_TRUE(batch.ok()) << batch.error().message();
  EXPECT_FALSE(batch->raw().ok());
}

TEST(layout_versions, an_empty_table_needs_no_values) {
  auto batch = edited(0, [](schema::SocketState::Builder table, schema::Block::Builder) {
    table.initOwnerComm();
    table.initLocalAddress().initIndex().initU8(0);
  });
  ASSERT_TRUE(batch.ok());
  dse::Status status;
  EXPECT_TRUE(records_of(*batch, &status).empty());
  EXPECT_TRUE(status.ok());
}

TEST(columns, planes_are_joined) {
  auto batch = edited(3, [](schema::SocketState::Builder table, schema::Block::Builder) {
    auto column = table.initCookie();
    column.setBase(1);
    auto planes = column.initPlanes(8);
    for (unsigned plane = 0; plane < 8; ++plane)
      for (kj::byte& byte : planes.init(plane, 3)) byte = static_cast<kj::byte>(plane);
  });
  ASSERT_TRUE(batch.ok()) << batch.error().message();
  auto values = batch->table(DSE_SOCKET_STATE)->ints(0);
  ASSERT_TRUE(values.ok()) << values.error().message();
  for (const std::uint64_t value : *values) EXPECT_EQ(value, 0x0706050403020101u);
}

TEST(columns, planes_that_are_not_those_of_the_rows_are_damage) {
  for (unsigned how = 0; how < 4; ++how) {
    auto batch = edited(3, [&](schema::SocketState::Builder table, schema::Block::Builder) {
      auto planes = table.initCookie().initPlanes(how == 3 ? 9 : 2);
      for (unsigned plane = 0; plane < planes.size(); ++plane)
        planes.init(plane, how == 0 ? 2 : how == 1 && plane == 1 ? 4 : 3);
      if (how == 2) planes.init(1, 0);
    });
    ASSERT_TRUE(batch.ok());
    auto values = batch->table(DSE_SOCKET_STATE)->ints(0);
    ASSERT_FALSE(values.ok()) << how;
    EXPECT_EQ(values.error().code(), dse::ErrorCode::damaged);
  }
}

// A batch of three records at 100, 110 and 120 whose column `born` has these references.
using References = std::array<std::uint8_t, 3>;

dse::Result<Batch> references(const References& numbers, unsigned rest_rows) {
  return edited(3, [&](schema::SocketState::Builder table, schema::Block::Builder) {
    auto time = table.getCommon().initTime();
    time.setDelta(true);
    time.setStart(90);
    time.setBase(10);
    auto column = table.initBorn();
    column.setTimes(true);
    auto list = column.initU8(3);
    for (unsigned i = 0; i < 3; ++i) list.set(i, numbers[i]);
    if (rest_rows == 0) return;
    auto rest = column.initRest().initU16(rest_rows);
    for (unsigned i = 0; i < rest_rows; ++i) rest.set(i, static_cast<std::uint16_t>(7 + i));
  });
}

dse::Result<std::span<const std::uint64_t>> born(const Batch& batch) {
  const Table* table = batch.table(DSE_SOCKET_STATE);
  return table->ints(static_cast<unsigned>(table->layout().column("born")));
}

TEST(columns, references_become_times) {
  auto batch = references({1, 3, 0}, 1);
  ASSERT_TRUE(batch.ok()) << batch.error().message();
  auto values = born(*batch);
  ASSERT_TRUE(values.ok()) << values.error().message();
  EXPECT_EQ(std::vector<std::uint64_t>(values->begin(), values->end()),
            (std::vector<std::uint64_t>{7, 100, 0}));
}

TEST(columns, references_to_nothing_are_damage) {
  struct Bad {
    References numbers;
    unsigned rest_rows;
  };
  const Bad kBad[] = {{{3, 2, 2}, 0},    // the row in front of the first one
                      {{2, 255, 2}, 0},  // and one far in front of it
                      {{2, 2, 2}, 1},    // values that nothing refers to
                      {{1, 1, 2}, 1},    // too few of them
                      {{1, 2, 2}, 2}};   // too many
  for (const Bad& bad : kBad) {
    auto batch = references(bad.numbers, bad.rest_rows);
    ASSERT_TRUE(batch.ok());
    for (int again = 0; again < 2; ++again) {
      auto values = born(*batch);
      ASSERT_FALSE(values.ok()) << &bad - kBad;
      EXPECT_EQ(values.error().code(), dse::ErrorCode::damaged);
    }
  }
}

TEST(columns, without_a_rest_its_values_are_zeros) {
  auto batch = references({1, 2, 1}, 0);
  auto values = born(*batch);
  ASSERT_TRUE(values.ok()) << values.error().message();
  EXPECT_EQ(std::vector<std::uint64_t>(values->begin(), values->end()),
            (std::vector<std::uint64_t>{0, 110, 0}));
}

TEST(columns, references_may_be_differences_or_all_the_same) {
  for (bool delta : {false, true}) {
    auto batch = edited(3, [&](schema::SocketState::Builder table, schema::Block::Builder) {
      auto time = table.getCommon().initTime();
      time.setDelta(true);
      time.setBase(10);
      auto column = table.initBorn();
      column.setTimes(true);
      column.setDelta(delta);
      column.setStart(1);
      column.setBase(delta ? 1 : 2);  // 2, 3, 4, or always 2
    });
    auto values = born(*batch);
    ASSERT_TRUE(values.ok()) << values.error().message();
    EXPECT_EQ(std::vector<std::uint64_t>(values->begin(), values->end()),
              delta ? (std::vector<std::uint64_t>{10, 10, 10})
                    : (std::vector<std::uint64_t>{10, 20, 30}));
  }
}

TEST(columns, no_planes_are_zeros_and_no_rows_need_none) {
  for (unsigned rows : {0u, 3u}) {
    auto batch = edited(rows, [&](schema::SocketState::Builder table, schema::Block::Builder) {
      table.initCookie().initPlanes(rows == 0 ? 3 : 0);
    });
    auto values = batch->table(DSE_SOCKET_STATE)->ints(0);
    ASSERT_TRUE(values.ok()) << values.error().message();
    EXPECT_EQ(std::vector<std::uint64_t>(values->begin(), values->end()),
              std::vector<std::uint64_t>(rows, 0));
  }
}

TEST(columns, values_are_told_without_unpacking) {
  auto listed = [](std::uint64_t values, bool delta, bool same) {
    auto batch = edited(3, [&](schema::SocketState::Builder table, schema::Block::Builder) {
      auto column = table.initCookie();
      column.setBase(~std::uint64_t{0});  // -1, of which values above begin again at 0
      column.setValues(values);
      column.setDelta(delta);
      if (same) return;
      auto list = column.initU8(3);
      list.set(1, 5);
    });
    return batch->table(DSE_SOCKET_STATE)->possible_values(0);
  };
  auto told = listed(0x21, false, false);
  ASSERT_TRUE(told.ok() && *told);
  EXPECT_EQ((*told)->base, ~std::uint64_t{0});
  EXPECT_EQ((*told)->above_base.bits(), 0x21u);
  told = listed(0, false, true);  // all have the same
  ASSERT_TRUE(told.ok() && *told);
  EXPECT_EQ((*told)->above_base.bits(), 1u);
  for (bool delta : {false, true}) {
    told = listed(0, delta, delta);
    ASSERT_TRUE(told.ok());
    EXPECT_FALSE(*told);
  }
}

TEST(columns, values_that_are_not_listed_are_damage) {
  enum { kFine, kFineToo, kLacking, kFar, kWide, kDelta, kTimes, kOrder, kCases };
  for (int how = 0; how < kCases; ++how) {
    auto batch = edited(3, [&](schema::SocketState::Builder table, schema::Block::Builder block) {
      auto column = table.initBorn();
      column.setBase(2);
      if (how == kWide) {
        column.initU16(3).set(1, 5);
      } else {
        column.initU8(3).set(1, how == kFar ? 64 : 5);
      }
      column.setValues(how == kLacking ? 0x22 : how == kFineToo || how == kFar ? ~0ull : 0x21);
      column.setDelta(how == kDelta);
      column.setTimes(how == kTimes);
      if (how == kOrder) {
        auto order = block.getOrder();
        order.setBase(0);
        auto slots = order.initU8(3);
        for (unsigned i = 0; i < 3; ++i) slots.set(i, 1);
        order.setValues(1);
      }
    });
    ASSERT_TRUE(batch.ok());
    dse::Status status;
    const bool read = !records_of(*batch, &status).empty();
    EXPECT_EQ(read, how <= kFineToo) << how;
    EXPECT_EQ(status.ok(), how <= kFineToo) << how;
    if (!status.ok()) {
      EXPECT_EQ(status.error().code(), dse::ErrorCode::damaged);
    }
  }
}

TEST(columns, references_without_times_are_damage) {
  for (unsigned how = 0; how < 4; ++how) {
    auto batch = edited(1, [&](schema::SocketState::Builder table, schema::Block::Builder block) {
      if (how == 0) table.getCommon().initTime().setTimes(true);
      if (how == 1) block.getTasks().initPid().setTimes(true);
      if (how == 2) block.getOrder().setTimes(true);
      if (how != 3) return;
      auto column = table.initBorn();  // in the rest once more
      column.setTimes(true);
      column.setBase(1);
      column.initRest().setTimes(true);
    });
    ASSERT_TRUE(batch.ok());
    dse::Status status;
    EXPECT_TRUE(records_of(*batch, &status).empty());
    EXPECT_FALSE(status.ok()) << how;
    EXPECT_EQ(status.error().code(), dse::ErrorCode::damaged);
  }
}

// format::Gatherer takes their words as they are.
TEST(layout, what_refers_to_times_is_a_time_of_a_kind) {
  unsigned found = 0;
  for (const TableLayout& layout : all_kind_layouts())
    for (const ColumnLayout& column : layout.columns) {
      if (!column.times) continue;
      ++found;
      EXPECT_EQ(column.abi, Abi::u64) << column.name;
      EXPECT_FALSE(column.delta) << column.name;
    }
  EXPECT_EQ(found, 2u);
  for (const ColumnLayout& column : task_layout().columns) EXPECT_FALSE(column.times) << column.name;
}

// format::Gatherer finds them among parts of words.
TEST(layout, what_lists_its_values_is_a_small_integer) {
  std::vector<std::string> found;
  auto look = [&](const TableLayout& layout) {
    for (const ColumnLayout& column : layout.columns) {
      if (!column.listed) continue;
      found.push_back(layout.name + "." + column.name);
      EXPECT_FALSE(column.is_string() || column.abi == Abi::u64 || column.delta || column.times);
    }
  };
  for (const TableLayout& layout : all_kind_layouts()) look(layout);
  look(task_layout());
  EXPECT_EQ(found, (std::vector<std::string>{"signal_generate.signal", "signal_deliver.signal"}));
}

// format::Rows keeps fixed bodies by their words.
TEST(layout, fixed_bodies_are_whole_words) {
  for (const TableLayout& layout : all_kind_layouts()) {
    EXPECT_EQ(layout.fixed_size % 8, 0u) << layout.name;
    EXPECT_LE(layout.fixed_size / 8, WordColumns::kMaxWords) << layout.name;
    for (const ColumnLayout& column : layout.columns)
      EXPECT_EQ(column.offset % std::min(column.size, 8u), 0u) << layout.name << '.' << column.name;
  }
}

}  // namespace
