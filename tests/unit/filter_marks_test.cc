// What a filtered capture says of its records and events: how it comes back from a file, and what of
// it is refused.
#include <gtest/gtest.h>

#include <capnp/message.h>

#include <functional>

#include "capture.capnp.h"
#include "format/batch_impl.h"
#include "replay/points/points.h"
#include "tests/unit/testing.h"

using namespace dse::format;

namespace {

const Records kRecords{exit_record(make_task(1, "a")), exit_record(make_task(2, "b")),
                       exit_record(make_task(3, "c"))};

FilterMarks three_marks() {
  return {{5, 6, 90},
          {{"ProcessExited", {0, 2}, {0, 0}}, {"ContainerEvent", {1, 1, 2}, {0, 3, 0}}}};
}

Rows marked(const Records& records, FilterMarks marks, StreamTable& streams,
            std::uint64_t first = 0) {
  Rows rows = rows_of(records, streams, first);
  rows.marks = std::move(marks);
  return rows;
}

Snapshot snapshot_of(Rows rows) { return {std::move(rows), {1, 2, {}, {}}}; }

std::vector<std::uint32_t> list(std::span<const std::uint32_t> values) {
  return {values.begin(), values.end()};
}

std::vector<std::uint64_t> numbers_of(const Batch& batch) {
  std::vector<std::uint64_t> numbers;
  for (std::uint32_t i = 0; i < batch.count(); ++i) numbers.push_back(batch.number(i));
  return numbers;
}

// Every batch of a capture, which has nothing to be noted. `reader` gets their source, which they need.
std::vector<Batch> batches_of(const std::string& path, std::unique_ptr<CaptureReader>& reader) {
  std::vector<Batch> batches;
  auto opened = CaptureReader::open({path});
  if (!opened) {
    ADD_FAILURE() << opened.error().message();
    return batches;
  }
  reader = std::move(*opened);
  while (true) {
    auto step = reader->next();
    if (!step) ADD_FAILURE() << step.error().message();
    if (!step || step->what == Step::What::end) break;
    if (step->what == Step::What::batch) batches.push_back(std::move(*step->batch));
  }
  for (const Note& note : reader->notes()) ADD_FAILURE() << note.text;
  return batches;
}

// A capture of one segment.
dse::Status write_one(const std::string& path, Rows snapshot, const std::vector<Rows>& blocks) {
  DSE_TRY_ASSIGN(auto writer, CaptureWriter::open({path, 1, 0}, FileSystem::host()));
  DSE_TRY(writer->begin_segment(test_info(), 0, snapshot_of(std::move(snapshot))));
  for (const Rows& rows : blocks) DSE_TRY(writer->write(rows));
  return writer->end_segment({});
}

TEST(filter_marks, come_back_from_a_file) {
  TempDir dir;
  StreamTable streams, snapshot_streams;
  RandomRecords random(7, RandomRecords::Style::plausible);
  Records many = random.take(5000);  // their numbers get a frame of their own
  FilterMarks marks;
  for (std::uint64_t i = 0; i < many.size(); ++i) marks.number.push_back(1000 + i * i);
  std::vector<Rows> blocks;
  blocks.push_back(marked(kRecords, three_marks(), streams));
  blocks.push_back(marked(many, marks, streams, kRecords.size()));
  Rows snapshot = marked(random.snapshot(2), {{}, {{"ContainerEvent", {1}, {0}}}},
                         snapshot_streams);
  auto status = write_one(dir / "c.dse", std::move(snapshot), blocks);
  ASSERT_TRUE(status.ok()) << status.error().message();

  std::unique_ptr<CaptureReader> reader;
  std::vector<Batch> batches = batches_of(dir / "c.dse", reader);
  ASSERT_EQ(batches.size(), 3u);
  for (const Batch& batch : batches) EXPECT_TRUE(batch.filtered());
  EXPECT_TRUE(batches[0].snapshot());
  EXPECT_EQ(numbers_of(batches[0]), (std::vector<std::uint64_t>{0, 0}));
  EXPECT_EQ(list(batches[0].shown("ContainerEvent").position), std::vector<std::uint32_t>{1});

  EXPECT_EQ(numbers_of(batches[1]), (std::vector<std::uint64_t>{5, 6, 90}));
  ASSERT_EQ(batches[1].shown().size(), 2u);
  EXPECT_EQ(batches[1].shown()[0].point, "ProcessExited");
  ShownView shown = batches[1].shown("ContainerEvent");
  EXPECT_EQ(list(shown.position), (std::vector<std::uint32_t>{1, 1, 2}));
  EXPECT_EQ(list(shown.nth), (std::vector<std::uint32_t>{0, 3, 0}));
  EXPECT_TRUE(batches[1].shown("ProcessExecuted").empty());
  // The records themselves are numbered as they stand, and whole.
  EXPECT_EQ(batches[2].first(), 3u);
  EXPECT_EQ(records_of(batches[2]), many);
  EXPECT_EQ(numbers_of(batches[2]), marks.number);
  EXPECT_TRUE(batches[2].shown().empty());
}

TEST(filter_marks, snapshot_rows_may_have_numbers) {
  TempDir dir;
  StreamTable streams;
  ASSERT_TRUE(write_one(dir / "c.dse", marked(kRecords, {{3, 4, 8}, {}}, streams), {}).ok());
  std::unique_ptr<CaptureReader> reader;
  std::vector<Batch> batches = batches_of(dir / "c.dse", reader);
  ASSERT_EQ(batches.size(), 1u);
  EXPECT_EQ(numbers_of(batches[0]), (std::vector<std::uint64_t>{3, 4, 8}));
}

TEST(filter_marks, are_not_there_unless_set) {
  StreamTable streams;
  Rows rows = marked(kRecords, three_marks(), streams);
  rows.clear();
  EXPECT_FALSE(rows.marks);
  rows = rows_of(kRecords, streams, 41);
  auto batch = batch_of(rows);
  ASSERT_TRUE(batch.ok()) << batch.error().message();
  EXPECT_FALSE(batch->filtered());
  EXPECT_EQ(numbers_of(*batch), (std::vector<std::uint64_t>{42, 43, 44}));
  EXPECT_TRUE(batch->shown().empty());
  EXPECT_TRUE(batch->shown("ProcessExited").empty());
}

// The one at number 6 is there, and hidden.
TEST(filter_marks, events_have_the_numbers_of_the_original) {
  TempDir dir;
  StreamTable streams;
  std::vector<Rows> blocks;
  blocks.push_back(marked(kRecords, three_marks(), streams));
  ASSERT_TRUE(write_one(dir / "c.dse", Rows(), blocks).ok());
  auto reader = CaptureReader::open({dir / "c.dse"});
  ASSERT_TRUE(reader.ok()) << reader.error().message();
  dse::replay::Session session(std::move(*reader));
  session.add(dse::replay::make_point("ProcessExited"));
  std::vector<std::uint64_t> numbers;
  for (const dse::replay::Event& event : session)
    numbers.push_back(event.number("evt.num").value_or(0));
  EXPECT_EQ(numbers, (std::vector<std::uint64_t>{5, 90}));
}

// ---- what is refused -----------------------------------------------------------------------------

void expect_damaged(const dse::Result<Batch>& batch, std::string_view what) {
  ASSERT_FALSE(batch.ok());
  EXPECT_EQ(batch.error().code(), dse::ErrorCode::damaged);
  EXPECT_NE(batch.error().message().find(what), std::string::npos) << batch.error().message();
}

void expect_damaged(const std::function<void(FilterMarks&)>& spoil, std::string_view what) {
  SCOPED_TRACE(what);
  StreamTable streams;
  FilterMarks marks = three_marks();
  spoil(marks);
  expect_damaged(batch_of(marked(kRecords, std::move(marks), streams)), what);
}

TEST(filter_marks, bad_numbers_are_refused) {
  constexpr std::string_view kRise = "do not rise";
  expect_damaged([](FilterMarks& marks) { marks.number = {5, 5, 90}; }, kRise);
  expect_damaged([](FilterMarks& marks) { marks.number = {5, 6, 4}; }, kRise);
  expect_damaged([](FilterMarks& marks) { marks.number = {0, 6, 90}; }, kRise);
  expect_damaged([](FilterMarks& marks) { marks.number = {}; }, kRise);  // that is for snapshots
  expect_damaged([](FilterMarks& marks) { marks.number = {5, 7}; }, "the 3 rows");
  expect_damaged([](FilterMarks& marks) { marks.number = {5, 6, 90, 91}; }, "the 3 rows");

  StreamTable streams;
  BatchEncoder encoder;
  Rows rows = marked(kRecords, {{0, 1, 2}, {}}, streams);
  expect_damaged(read_batch(encoder.snapshot(rows, {1, 2, {}, {}})), kRise);
}

TEST(filter_marks, bad_events_are_refused) {
  constexpr std::string_view kOrder = "not in order";
  auto shown = [](std::vector<std::uint32_t> position, std::vector<std::uint32_t> nth) {
    return [=](FilterMarks& marks) { marks.shown[1] = {"ContainerEvent", position, nth}; };
  };
  expect_damaged(shown({3}, {0}), "ContainerEvent: a shown event of a record that is not there");
  expect_damaged(shown({0xffffffff}, {0}), "not there");
  expect_damaged(shown({2, 1}, {0, 0}), kOrder);
  expect_damaged(shown({1, 1}, {0, 0}), kOrder);
  expect_damaged(shown({1, 1}, {2, 1}), kOrder);
  expect_damaged(shown({1, 2}, {0, 1, 2}), "the 2 rows");
  expect_damaged([](FilterMarks& marks) { marks.shown[1].point = "ProcessExited"; }, "twice");
  expect_damaged([](FilterMarks& marks) { marks.shown[1].point.assign(257, 'x'); }, "many bytes");
  auto points = [](FilterMarks& marks) {
    for (int i = 0; i < 63; ++i) marks.shown.push_back({std::to_string(i), {}, {}});
  };
  expect_damaged(points, "shown events of 65 points");
}

TEST(filter_marks, limits_are_inclusive) {
  StreamTable streams;
  FilterMarks marks = three_marks();
  marks.shown[0].point.assign(256, 'x');
  marks.shown[0].nth[1] = 0xffffffff;
  for (int i = 0; i < 62; ++i) marks.shown.push_back({std::to_string(i), {}, {}});
  auto batch = batch_of(marked(kRecords, std::move(marks), streams));
  ASSERT_TRUE(batch.ok()) << batch.error().message();
  EXPECT_EQ(batch->shown().size(), 64u);
}

// A block without records, as no writer makes it.
dse::Result<Batch> read_made(const std::function<void(schema::Block::Builder)>& fill) {
  auto builder = std::make_shared<capnp::MallocMessageBuilder>();
  auto block = builder->initRoot<schema::Entry>().initBlock();
  block.setFiltered(true);
  fill(block);
  auto reader = std::make_unique<capnp::SegmentArrayMessageReader>(builder->getSegmentsForOutput());
  return read_batch(std::move(reader), nullptr, builder);
}

// Under `same` any number of events takes no room in the message.
void set_shown(schema::Shown::Builder shown, const std::string& point, std::uint32_t count) {
  shown.setPoint(point);
  shown.setCount(count);
  shown.initNth().setBase(1);
  shown.getNth().setDelta(true);
}

TEST(filter_marks, counts_are_bounded_before_anything_is_made_of_them) {
  auto empty = read_made([](schema::Block::Builder) {});
  ASSERT_TRUE(empty.ok()) << empty.error().message();
  EXPECT_TRUE(empty->filtered());
  EXPECT_EQ(empty->number(0), 0u);

  for (std::uint32_t count : {Batch::kMaxShownOfPoint + 1, 0xffffffffu})
    expect_damaged(read_made([&](schema::Block::Builder block) {
                     set_shown(block.initShown(1)[0], "ProcessExited", count);
                   }),
                   "too many shown events");
  auto many = [](schema::Block::Builder block, unsigned points) {
    block.setCount(1);
    block.initRaw().setCount(1);
    block.initNumber().setBase(1);
    auto list = block.initShown(points);
    for (unsigned i = 0; i < points; ++i)
      set_shown(list[i], std::to_string(i), Batch::kMaxShownOfPoint);
  };
  auto most = read_made([&](schema::Block::Builder block) { many(block, 4); });
  ASSERT_TRUE(most.ok()) << most.error().message();
  EXPECT_EQ(most->shown("3").nth.back(), Batch::kMaxShownOfPoint);
  expect_damaged(read_made([&](schema::Block::Builder block) { many(block, 5); }),
                 "too many shown events");
  expect_damaged(read_made([&](schema::Block::Builder block) {
                   many(block, 1);
                   block.getShown()[0].getNth().setBase(std::uint64_t{1} << 12);
                 }),
                 "beyond all");
  // A list that is there must have as many values as the count says.
  expect_damaged(read_made([&](schema::Block::Builder block) {
                   many(block, 1);
                   block.getShown()[0].initPosition().initU8(3);
                 }),
                 "rows of its table");
}

TEST(filter_marks, nothing_is_read_of_a_block_that_is_not_filtered) {
  auto batch = read_made([](schema::Block::Builder block) {
    block.setFiltered(false);
    set_shown(block.initShown(1)[0], "ProcessExited", 0xffffffff);
  });
  ASSERT_TRUE(batch.ok()) << batch.error().message();
  EXPECT_FALSE(batch->filtered());
  EXPECT_EQ(batch->number(0), 1u);
  EXPECT_TRUE(batch->shown().empty());
}

TEST(filter_marks, a_bad_block_does_not_spoil_the_others) {
  TempDir dir;
  StreamTable streams;
  std::vector<Rows> blocks;
  blocks.push_back(marked(kRecords, {{1, 1, 1}, {}}, streams));
  blocks.push_back(marked(kRecords, three_marks(), streams, 3));
  ASSERT_TRUE(write_one(dir / "c.dse", Rows(), blocks).ok());
  ReadBack back = read_back(read_file(dir / "c.dse"), true);
  EXPECT_EQ(back.records.size(), kRecords.size());
  EXPECT_TRUE(back.has_note(Note::What::damaged)) << back.describe();
}

}  // namespace
