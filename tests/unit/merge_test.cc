// Captures of several hosts as one: nothing is lost, nothing is mixed up, and the order is that of time.
#include <gtest/gtest.h>

#include <algorithm>

#include <fmt/format.h>

#include "replay/capture_merge.h"
#include "replay/points/points.h"
#include "tests/unit/testing.h"

using namespace dse;

namespace {

format::SegmentInfo host(const std::string& name,
                         std::uint64_t real_time = 1'700'000'000'000'000'000,
                         std::string_view clock = format::kClockSynchronised) {
  format::SegmentInfo info = test_info();
  info.host_name = name;
  info.boot_id = "boot of " + name;
  info.real_time = real_time;
  for (std::size_t i = 0; i < info.capture_id.size(); ++i)
    info.capture_id[i] = static_cast<std::uint8_t>(i < name.size() ? name[i] : 0);
  if (!clock.empty()) info.options.emplace_back(format::kClockOption, clock);
  return info;
}

struct Merged {
  Status status;
  std::string bytes;
  std::unique_ptr<replay::CaptureMerge> merge;
};

Merged merge(const std::vector<std::string>& captures, replay::CaptureMergeOptions options = {}) {
  static TempDir dir;
  static int number = 0;
  Merged out;
  options.writer.path = dir / fmt::format("{}.dse", ++number);
  const std::string path = options.writer.path;
  out.merge = std::make_unique<replay::CaptureMerge>(std::move(options),
                                                     format::FileSystem::host());
  for (std::size_t i = 0; i < captures.size(); ++i)
    out.merge->add(fmt::format("input {}", i),
                   std::make_unique<format::CaptureReader>(
                       format::memory_byte_source(captures[i], i % 2 == 0), "input"));
  while (out.status) {
    auto more = out.merge->step();
    if (!more) out.status = more.error();
    if (!more || !*more) break;
  }
  if (out.status) out.bytes = read_file(path);
  return out;
}

struct Line {
  std::string host, json;  // without the numbers of records, which merging changes
  std::uint64_t number = 0, time = 0;
};

std::string without(std::string json, std::string_view member) {
  std::size_t begin = json.find(member);
  if (begin == std::string::npos) return json;
  std::size_t end = json.find_first_of(",}", begin + member.size());
  if (json[end] == ',') ++end;
  return json.erase(begin, end - begin);
}

std::vector<Line> lines_of(const std::string& bytes, bool seekable = true,
                           std::string select = "") {
  auto reader = std::make_unique<format::CaptureReader>(format::memory_byte_source(bytes, seekable),
                                                        "capture");
  format::CaptureReader* source = reader.get();
  replay::Session session(std::move(reader));
  session.show_self(true);
  for (const std::string& name : replay::point_names()) {
    auto& point = session.add(replay::make_point(name));
    if (!select.empty()) point.select(select);
  }
  std::vector<Line> lines;
  while (true) {
    auto event = session.next();
    EXPECT_TRUE(event) << event.error().message();
    if (!event || !*event) break;
    Line line;
    line.host = (*event)->text("host.name").value_or("?");
    line.number = (*event)->number("evt.num").value_or(0);
    if (auto time = (*event)->number("evt.time"))
      line.time = (*event)->batch().state().real_time(*time, line.number);
    line.json = without((*event)->json(), "\"num\":");
    // Merged captures alone show it unasked.
    std::string shown = fmt::format("\"host\":{{\"name\":\"{}\"}},", line.host);
    if (auto at = line.json.find(shown); at != std::string::npos) line.json.erase(at, shown.size());
    // What is asked for by name shows whether each host has a state of its own.
    for (const char* field : {"proc.aname", "container.ids", "cgroup.path"})
      line.json += " " + std::string((*event)->text(field).value_or("-"));
    lines.push_back(std::move(line));
  }
  for (const auto& note : source->notes()) ADD_FAILURE() << note.text;
  return lines;
}

std::vector<std::string> json_of(const std::vector<Line>& lines, const std::string& of_host) {
  std::vector<std::string> out;
  for (const Line& line : lines)
    if (line.host == of_host) out.push_back(line.json);
  return out;
}

void expect_numbers_rise(const std::vector<Line>& lines) {
  std::uint64_t before = 0;
  for (const Line& line : lines) {
    if (line.number == 0) continue;  // it existed before
    EXPECT_GE(line.number, before);
    before = line.number;
  }
}

Script deaths(std::uint32_t pid, std::uint64_t start, std::uint64_t every, int count) {
  Script script(start);
  for (int i = 0; i < count; ++i) {
    script.add(exit_record(make_task(pid + static_cast<std::uint32_t>(i), "x")));
    script.wait(every);
  }
  return script;
}

}  // namespace

TEST(merge, of_random_captures_loses_nothing_and_keeps_hosts_apart) {
  for (std::uint64_t seed = 1; seed <= 12; ++seed) {
    const std::size_t hosts = 1 + seed % 4;
    std::vector<std::string> captures;
    std::map<std::string, std::vector<std::string>> expected;
    for (std::size_t i = 0; i < hosts; ++i) {
      RandomRecords random(seed * 10 + i, RandomRecords::Style::plausible);
      const std::string name = fmt::format("host{}", i);
      Records snapshot = random.snapshot(5);
      captures.push_back(
          capture_bytes(snapshot, cut(random.take(300 + 200 * i), 1 + seed * 13), host(name)));
      expected[name] = json_of(lines_of(captures.back()), name);
    }
    Merged merged = merge(captures);
    ASSERT_TRUE(merged.status) << merged.status.error().message();
    for (bool seekable : {true, false}) {
      auto lines = lines_of(merged.bytes, seekable);
      expect_numbers_rise(lines);
      std::size_t total = 0;
      for (const auto& [name, events] : expected) {
        auto merged_events = json_of(lines, name);
        auto [a, b] = std::mismatch(events.begin(), events.end(), merged_events.begin(),
                                    merged_events.end());
        EXPECT_TRUE(a == events.end() && b == merged_events.end())
            << "seed " << seed << ", " << name << ", event " << a - events.begin() << "\n"
            << (a == events.end() ? "none" : *a) << "\n"
            << (b == merged_events.end() ? "none" : *b);
        total += events.size();
      }
      EXPECT_EQ(lines.size(), total);
    }
    EXPECT_EQ(merged.merge->account().hosts.size(), hosts);
  }
}

TEST(merge, puts_events_in_the_order_of_real_time) {
  // The boot clock of b is far from that of a, and its real time 150 ns later at the same boot time.
  std::string a = capture_bytes({}, {deaths(100, 1'000'000, 1000, 5000).records()},
                                host("a", 5'000'000'000));
  std::string b = capture_bytes({}, {deaths(100, 1'000'000, 700, 5000).records()},
                                host("b", 5'000'000'150));
  Merged merged = merge({b, a});
  ASSERT_TRUE(merged.status);
  auto lines = lines_of(merged.bytes);
  ASSERT_EQ(lines.size(), 10'000u);
  EXPECT_TRUE(std::is_sorted(lines.begin(), lines.end(),
                             [](const Line& x, const Line& y) { return x.time < y.time; }));
  EXPECT_EQ(lines[0].host, "a");
  for (std::size_t i = 0; i < lines.size(); ++i) EXPECT_EQ(lines[i].number, i + 1);
}

TEST(merge, of_equal_times_is_stable) {
  std::string a = capture_bytes({}, {deaths(100, 1'000'000, 1000, 50).records()}, host("a"));
  std::string b = capture_bytes({}, {deaths(100, 1'000'000, 1000, 50).records()}, host("b"));
  auto lines = lines_of(merge({b, a}).bytes);
  ASSERT_EQ(lines.size(), 100u);
  for (std::size_t i = 0; i < lines.size(); ++i) EXPECT_EQ(lines[i].host, i % 2 == 0 ? "b" : "a");
}

TEST(merge, follows_clock_samples_and_keeps_the_order_of_each_host) {
  // The clock of a jumps back by an hour; its records stay in their order all the same.
  const std::uint64_t hour = 3'600'000'000'000, start = 1'700'000'000'000'000'000;
  Script script(test_info().boot_time);
  script.add(exit_record(make_task(100, "x"))).wait(10);
  script.add(clock_record(start - hour)).wait(10);
  script.add(exit_record(make_task(101, "x"))).wait(10);
  std::string a = capture_bytes({}, {script.records()}, host("a", start));
  auto lines = lines_of(
      merge({a, capture_bytes({}, {deaths(1, 5, 1, 3).records()}, host("b"))}).bytes);
  auto of_a = json_of(lines, "a");
  ASSERT_EQ(of_a.size(), 2u);
  EXPECT_NE(of_a[0].find("\"pid\":100"), std::string::npos);
  EXPECT_NE(of_a[1].find("\"pid\":101"), std::string::npos);
}

TEST(merge, corrects_a_clock_that_is_known_to_be_wrong) {
  std::string a = capture_bytes({}, {deaths(100, 1'000'000, 1000, 3).records()},
                                host("a", 5'000'000'000));
  std::string b = capture_bytes({}, {deaths(100, 1'000'000, 1000, 3).records()},
                                host("b", 5'000'000'000));
  replay::CaptureMergeOptions options;
  options.offsets["b"] = -500;
  auto before = lines_of(b), lines = lines_of(merge({a, b}, std::move(options)).bytes);
  ASSERT_EQ(lines.size(), 6u);
  for (std::size_t i = 0; i < 6; ++i) EXPECT_EQ(lines[i].host, i % 2 == 0 ? "b" : "a");
  EXPECT_EQ(lines[0].time + 500, before[0].time);
}

TEST(merge, refuses_clocks_that_nothing_relates) {
  std::string a = capture_bytes({}, {deaths(1, 5, 1, 3).records()}, host("a"));
  std::string alone = capture_bytes({}, {deaths(1, 5, 1, 3).records()},
                                    host("b", 7, format::kClockAlone));
  std::string none = capture_bytes({}, {deaths(1, 5, 1, 3).records()}, host("c", 0));
  std::string silent = capture_bytes({}, {deaths(1, 5, 1, 3).records()}, host("d", 7, ""));
  for (const auto& captures :
       {std::vector{a, alone}, std::vector{alone, a}, std::vector{a, none}}) {
    Merged merged = merge(captures);
    ASSERT_FALSE(merged.status);
    EXPECT_EQ(merged.status.error().code(), ErrorCode::usage);
    EXPECT_NE(merged.status.error().message().find("--trust-clocks"), std::string::npos);
    replay::CaptureMergeOptions options;
    options.trust_clocks = true;
    EXPECT_TRUE(merge(captures, std::move(options)).status);
  }
  EXPECT_TRUE(merge({alone}).status);  // there is nothing to relate
  // One machine has one clock, right or wrong.
  format::SegmentInfo same = host("b2", 7, format::kClockAlone);
  same.boot_id = "boot of b";
  EXPECT_TRUE(merge({alone, capture_bytes({}, {deaths(1, 5, 1, 3).records()}, same)}).status);
  Merged merged = merge({a, silent});
  EXPECT_TRUE(merged.status);
  EXPECT_TRUE(merged.merge->unknown_clocks().contains("d"));
}

TEST(merge, cannot_take_what_is_merged_already) {
  std::string a = capture_bytes({}, {deaths(1, 5, 1, 3).records()}, host("a"));
  std::string b = capture_bytes({}, {deaths(1, 5, 1, 3).records()}, host("b"));
  Merged merged = merge({merge({a, b}).bytes, a});
  ASSERT_FALSE(merged.status);
  EXPECT_NE(merged.status.error().message().find("merged already"), std::string::npos);
}

TEST(merge, refuses_a_capture_that_is_there_twice) {
  std::string a = capture_bytes({}, {deaths(1, 5, 1, 3).records()}, host("a"));
  std::string b = capture_bytes({}, {deaths(1, 5, 1, 3).records()}, host("b"));
  Merged merged = merge({a, b, a});
  ASSERT_FALSE(merged.status);
  EXPECT_EQ(merged.status.error().code(), ErrorCode::usage);
  EXPECT_NE(merged.status.error().message().find("input 2 is of the same capture as input 0"),
            std::string::npos);
}

TEST(merge, refuses_the_offset_of_a_host_that_is_not_there) {
  std::string a = capture_bytes({}, {deaths(1, 5, 1, 3).records()}, host("a"));
  std::string b = capture_bytes({}, {deaths(1, 5, 1, 3).records()}, host("b"));
  replay::CaptureMergeOptions options;
  options.offsets["c"] = 5;
  Merged merged = merge({a, b}, options);
  ASSERT_FALSE(merged.status);
  EXPECT_EQ(merged.status.error().code(), ErrorCode::usage);
  EXPECT_EQ(merged.status.error().message(),
            "--offset for c: no capture is of that host; there are a, b");
}

TEST(merge, can_be_filtered_by_host) {
  std::string a = capture_bytes({}, {deaths(100, 1'000'000, 1000, 20).records()}, host("a"));
  std::string b = capture_bytes({}, {deaths(100, 1'000'000, 1000, 30).records()}, host("b"));
  std::string bytes = merge({a, b}).bytes;
  EXPECT_EQ(lines_of(bytes).size(), 50u);
  EXPECT_EQ(lines_of(bytes, true, "host.name = b").size(), 30u);
  EXPECT_EQ(lines_of(bytes, true, "host.name = c").size(), 0u);
}

TEST(merge, tells_the_losses_of_each) {
  Script script;
  script.add(exit_record(make_task(1, "x"))).lose(DSE_PROCESS_EXIT, 0, 7);
  script.add(exit_record(make_task(2, "x")));
  std::string a = capture_bytes({}, {script.records()}, host("a"));
  std::string b = capture_bytes({}, {script.records()}, host("b"));
  replay::Session session(std::make_unique<format::CaptureReader>(
      format::memory_byte_source(merge({a, b}).bytes, true), "merged"));
  session.add(replay::make_point("ProcessExited"));
  std::size_t events = 0;
  for ([[maybe_unused]] const replay::Event& event : session) ++events;
  EXPECT_EQ(events, 4u);
  ASSERT_EQ(session.gaps().size(), 2u);
  EXPECT_EQ(session.gaps()[0].lost + session.gaps()[1].lost, 14u);
}
