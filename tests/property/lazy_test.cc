// Reading is lazy: what a session does not ask for is not decompressed, whatever the capture's size.
#include <gtest/gtest.h>

#include "format/message.h"
#include "format/segment_reader.h"
#include "replay/points/points.h"
#include "tests/unit/testing.h"

using namespace dse::format;

namespace {

constexpr std::size_t kRecords = 3 * ColumnMessage::kColumnBytes;

Records sockets(std::size_t count) {
  std::mt19937_64 random(1);
  Script script;
  for (std::size_t i = 0; i < count; ++i) {
    dse_socket_state body{};
    body.cookie = random();
    body.netns = 4026531840;
    body.family = 2;
    body.protocol = 6;
    body.local_port = static_cast<std::uint16_t>(random());
    body.remote_port = static_cast<std::uint16_t>(random());
    body.old_state = static_cast<std::uint8_t>(1 + random() % 12);
    body.new_state = static_cast<std::uint8_t>(1 + random() % 12);
    for (auto& byte : body.local_address) byte = static_cast<std::uint8_t>(random());
    for (auto& byte : body.remote_address) byte = static_cast<std::uint8_t>(random());
    if (i >= 100) body.since_ns = header_of_record(script.records()[i - random() % 100 - 1]).time_ns;
    script.wait(random() % 500);
    script.add(
        socket_record(make_task(static_cast<std::uint32_t>(1 + random() % 100), "curl"), body),
        static_cast<std::uint16_t>(random() % 4));
  }
  return script.records();
}

struct Cost {
  std::uint64_t frames, frame_bytes, events, port_sum;
};

// Reads with one point and one field; `select` empty: all events.
Cost read(const std::string& bytes, const std::string& point, const std::string& field,
          bool show_self = true, const std::string& select = "") {
  auto reader = std::make_unique<CaptureReader>(memory_byte_source(bytes, true), "test");
  CaptureReader& counted = *reader;
  dse::replay::Session session(std::move(reader));
  auto& added = session.add(dse::replay::make_point(point));
  if (!select.empty()) added.select(select);
  session.use_only({field});
  session.show_self(show_self);
  Cost cost{};
  for (const dse::replay::Event& event : session) {
    ++cost.events;
    cost.port_sum += event.number(field).value_or(0);
  }
  EXPECT_TRUE(session.status().ok());
  EXPECT_TRUE(counted.notes().empty());
  cost.frames = counted.counters().frames;
  cost.frame_bytes = counted.counters().frame_bytes;
  return cost;
}

std::uint64_t all_frames(const std::string& bytes) {
  std::uint64_t frames = 0;
  SegmentReader reader(memory_byte_source(bytes, true), nullptr);
  while (true) {
    auto entry = reader.next();
    if (!entry || !*entry) return frames;
    if ((*entry)->header.type == EntryType::block) frames += (*entry)->header.frames.size();
  }
}

// The frames of the one column: a port has two bytes, and each is a plane.
constexpr std::uint64_t kColumn = 2;

TEST(lazy, one_column_costs_its_frames_of_each_block_besides_the_first) {
  Records records = sockets(2 * kRecords);
  std::string bytes = capture_bytes({}, cut(records, kRecords));
  // Else the blocks are not large enough for this to say anything.
  ASSERT_GT(all_frames(bytes), 2 * 6u);
  Cost cost = read(bytes, "SocketStateChange", "sock.rport");
  EXPECT_EQ(cost.frames, 2 * (1 + kColumn));
  EXPECT_EQ(cost.events, records.size());
  std::uint64_t sum = 0;
  for (const Record& record : records) {
    dse_socket_state body;
    std::memcpy(&body, record.data() + sizeof(dse_header), sizeof(body));
    sum += body.remote_port;
  }
  EXPECT_EQ(cost.port_sum, sum);
}

TEST(lazy, leaving_out_the_recorder_itself_costs_nothing_where_all_sockets_have_one_owner) {
  std::string bytes = capture_bytes({}, {sockets(kRecords)});
  EXPECT_EQ(read(bytes, "SocketStateChange", "sock.rport", false).frames, 1 + kColumn);
}

TEST(lazy, among_other_kinds_the_order_is_one_frame_more) {
  Records mixed;
  Script exits;
  for (const Record& record : sockets(kRecords)) {
    mixed.push_back(record);
    exits.add(exit_record(make_task(1, "a")));
    mixed.push_back(exits.records().back());
  }
  std::string bytes = capture_bytes({}, {mixed});
  Cost cost = read(bytes, "SocketStateChange", "sock.rport");
  EXPECT_EQ(cost.events, kRecords);
  EXPECT_EQ(cost.frames, 1 + kColumn + 1);
}

TEST(lazy, a_column_that_refers_to_times_costs_them_too) {
  std::string bytes = capture_bytes({}, {sockets(kRecords)});
  // References of a byte each, and times of two.
  EXPECT_EQ(read(bytes, "SocketStateChange", "sock.oldstate_duration").frames, 1 + 1 + 2u);
}

TEST(lazy, where_no_such_signal_is_only_the_first_frames_are_decompressed) {
  constexpr int kTerm = 15, kSegv = 11, kUser1 = 10;
  Script signals;
  for (std::size_t i = 0; i < 2 * kRecords; ++i) {
    const bool rare = i == kRecords + 5;
    signals.add(deliver_record(make_task(1, "a"), rare ? kSegv : i % 3 ? kTerm : kUser1, 0));
  }
  std::string bytes = capture_bytes({}, cut(signals.records(), kRecords));
  using Counts = std::pair<std::uint64_t, std::uint64_t>;  // events, and frames
  auto count = [&](const std::string& select) {
    const Cost cost = read(bytes, "SignalDelivered", "sig.num", false, select);
    return Counts(cost.events, cost.frames);
  };
  EXPECT_EQ(count("sig.num = 8 or sig.name = SIGHUP"), Counts(0, 2));
  EXPECT_EQ(count("sig.num = 9"), Counts(0, 2));
  EXPECT_EQ(count("sig.name = SIGSEGV"), Counts(1, 2 + 1));
  EXPECT_EQ(count("sig.num = 10"), Counts((2 * kRecords + 2) / 3, 2 + 2));
}

TEST(lazy, small_blocks_are_one_frame) {
  std::string bytes = capture_bytes({}, {sockets(50)});
  EXPECT_EQ(all_frames(bytes), 1u);
  EXPECT_EQ(read(bytes, "SocketStateChange", "sock.rport").frames, 1u);
}

TEST(lazy, blocks_without_a_wanted_kind_are_not_decompressed) {
  // Not even the snapshot: nothing that this session shows comes from it.
  RandomRecords random(1, RandomRecords::Style::plausible);
  std::string bytes = capture_bytes(random.snapshot(20), cut(sockets(500), 100));
  Cost cost = read(bytes, "SignalDelivered", "sig.num");
  EXPECT_EQ(cost.frames, 0u);
  EXPECT_EQ(cost.frame_bytes, 0u);
  EXPECT_EQ(cost.events, 0u);
}

TEST(lazy, only_the_blocks_with_a_wanted_kind_are_decompressed) {
  Records records = sockets(100);
  Script one;
  one.add(deliver_record(make_task(1, "a"), 15, 0));
  std::string bytes = capture_bytes({}, {records, one.records(), sockets(100), sockets(100)});
  Cost cost = read(bytes, "SignalDelivered", "sig.num");
  EXPECT_EQ(cost.frames, 1u);
  EXPECT_EQ(cost.events, 1u);
}

TEST(lazy, counting_costs_no_more_than_the_place_in_the_stream) {
  std::string bytes = capture_bytes({}, {sockets(kRecords)});
  EXPECT_EQ(read(bytes, "SocketStateChange", "evt.type").frames, 1u);
}

}  // namespace
