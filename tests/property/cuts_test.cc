// Cuts and parts: replaying them is replaying that range of the whole, byte for byte and in all fields,
// whatever the records and wherever the cut.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>

#include "replay/capture_filter.h"
#include "replay/capture_split.h"
#include "replay/points/points.h"
#include "replay/render.h"
#include "tests/property/filtered_capture.h"

using dse::Status;
using dse::format::CaptureReader;
using dse::format::FileSystem;
using dse::replay::Event;
using dse::replay::Session;

namespace {

struct Window {
  std::optional<std::uint64_t> since, until, first, last;
  std::string text() const {
    auto one = [](const auto& bound) { return bound ? std::to_string(*bound) : "-"; };
    return "time " + one(since) + ".." + one(until) + ", number " + one(first) + ".." + one(last);
  }
};

std::unique_ptr<Session> session_of(std::unique_ptr<dse::format::Source> source,
                                    const Window& window = {}) {
  auto session = std::make_unique<Session>(std::move(source));
  for (const std::string& name : dse::replay::point_names())
    session->add(dse::replay::make_point(name));
  session->show_self(true);
  session->set_window(window.since, window.until);
  session->set_numbers(window.first, window.last);
  return session;
}

// All fields that there are, those on request as well, of all events.
std::vector<std::string> lines_of(Session& session) {
  std::vector<std::string> lines;
  for (const Event& event : session) {
    std::string line = event.json();
    for (const dse::replay::Field& field : event.batch().point().fields()) {
      if (dse::replay::is_list(field.type))
        for (const char* index : {"[0]", "[1]", "[2]"})
          if (auto text = event.text(field.name + index))
            line += " " + field.name + index + "=" + std::string(*text);
      if (auto text = event.text(field.name)) line += " " + field.name + "=" + std::string(*text);
      if (auto number = event.number(field.name))
        line += " " + field.name + "=" + std::to_string(*number);
    }
    lines.push_back(std::move(line));
  }
  EXPECT_TRUE(session.status().ok()) << session.status().error().message();
  return lines;
}

std::string first_difference(const std::vector<std::string>& whole,
                             const std::vector<std::string>& cut) {
  for (std::size_t i = 0; i < std::max(whole.size(), cut.size()); ++i) {
    std::string a = i < whole.size() ? whole[i] : "(none)", b = i < cut.size() ? cut[i] : "(none)";
    if (a != b) return "event " + std::to_string(i) + "\nwhole: " + a + "\ncut:   " + b;
  }
  return "";
}

// Reads captures as their tools do: from a file, so that they can be read twice.
class Cuts : public testing::Test {
 protected:
  std::string path_of(const Capture& capture) {
    if (!capture.path.empty()) return capture.path;
    std::string path = dir_ / "original.dse";
    write_file(path, capture.bytes);
    return path;
  }
  static std::unique_ptr<CaptureReader> open(const std::string& path) {
    auto reader = CaptureReader::open({path});
    if (!reader) throw std::runtime_error(reader.error().message());
    return std::move(*reader);
  }

  struct Written {
    std::string path;
    dse::replay::CaptureFilter::Account account;
  };
  Written cut(const std::string& path, const Window& window, bool twice, bool close = false) {
    dse::replay::CaptureFilterOptions options;
    options.writer.path = dir_ / ("cut-" + std::to_string(++count_) + ".dse");
    options.close = close;
    options.described = {{"window", window.text()}};
    dse::replay::CaptureFilter filter(options, FileSystem::host());
    if (twice) {
      Status status = filter.first(*session_of(open(path), window));
      EXPECT_TRUE(status.ok()) << status.error().message();
    }
    auto reader = open(path);
    CaptureReader& source = *reader;
    auto session = session_of(std::move(reader), window);
    Status status = filter.run(*session, source);
    EXPECT_TRUE(status.ok()) << status.error().message();
    return {options.writer.path, filter.account()};
  }

  void check(const Capture& capture, const Window& window, bool twice) {
    std::string path = path_of(capture);
    Written written = cut(path, window, twice);
    auto whole = session_of(open(path), window);
    std::vector<std::string> expected = lines_of(*whole);
    auto of_cut = session_of(open(written.path));
    EXPECT_EQ(first_difference(expected, lines_of(*of_cut)), "")
        << capture.name << ", " << window.text() << (twice ? "" : ", read once");
    // And a window over the cut shows what it shows of the whole, and no more.
    auto again = session_of(open(written.path), window);
    EXPECT_EQ(first_difference(expected, lines_of(*again)), "") << capture.name << ", again";
    std::filesystem::remove(written.path);
    ++cuts_;
    shown_ += !expected.empty();
  }

  TempDir dir_;
  std::size_t count_ = 0, cuts_ = 0, shown_ = 0;
};

std::vector<Capture> captures() {
  std::vector<Capture> all = test_captures();
  for (std::uint64_t seed = 100; seed < 100 + affordable(20); ++seed)
    all.push_back(random_capture(seed, RandomRecords::Style::plausible, 600, 150));
  for (std::uint64_t seed = 200; seed < 200 + affordable(10); ++seed)
    all.push_back(random_capture(seed, RandomRecords::Style::arbitrary, 400, 100));
  return all;
}

TEST_F(Cuts, show_the_same_range_of_numbers) {
  for (const Capture& capture : captures()) {
    std::uint64_t last = 1;
    for_each_event(capture, [&](const Event& event) {
      last = std::max(last, event.number("evt.num").value_or(0));
    });
    std::mt19937_64 random(first_seed());
    for (std::size_t i = 0; i < affordable(10); ++i) {
      std::uint64_t a = 1 + random() % last, b = 1 + random() % last;
      Window window;
      if (i % 4 != 1) window.first = std::min(a, b);
      if (i % 4 != 2) window.last = std::max(a, b);
      check(capture, window, i % 3 != 0);
      if (HasFailure()) return;
    }
  }
  EXPECT_GT(shown_, cuts_ / 2);
}

TEST_F(Cuts, show_the_same_range_of_time) {
  for (const Capture& capture : captures()) {
    std::vector<std::uint64_t> times;
    for_each_event(capture, [&](const Event& event) {
      const auto& batch = event.batch();
      times.push_back(
          batch.state().real_time(event.number("evt.time").value_or(0), batch.number(event.row())));
    });
    if (times.empty()) continue;
    std::mt19937_64 random(first_seed());
    for (std::size_t i = 0; i < affordable(8); ++i) {
      std::uint64_t a = times[random() % times.size()], b = times[random() % times.size()];
      Window window;
      if (i % 4 != 1) window.since = std::min(a, b);
      if (i % 4 != 2) window.until = std::max(a, b);
      check(capture, window, i % 3 != 0);
      if (HasFailure()) return;
    }
  }
  EXPECT_GT(shown_, cuts_ / 2);
}

TEST_F(Cuts, have_nothing_of_what_is_behind_them) {
  for (const Capture& capture : test_captures()) {
    std::string path = path_of(capture);
    Window window;
    window.first = 20;
    window.last = 40;
    Written written = cut(path, window, true);
    auto reader = open(written.path);
    while (true) {
      auto step = reader->next();
      ASSERT_TRUE(step);
      if (step->what == dse::format::Step::What::end) break;
      if (step->what != dse::format::Step::What::batch || step->batch->snapshot()) continue;
      for (std::uint32_t at = 0; at < step->batch->count(); ++at)
        EXPECT_LE(step->batch->number(at), 40u) << capture.name;
    }
  }
}

TEST_F(Cuts, that_are_closed_show_the_same_unasked) {
  for (const Capture& capture : test_captures()) {
    std::string path = path_of(capture);
    Window window;
    window.first = 30;
    window.last = 90;
    Written written = cut(path, window, true, true);
    auto whole = session_of(open(path), window);
    auto of_cut = session_of(open(written.path));
    std::vector<std::string> expected, got;
    for (const Event& event : *whole) expected.push_back(event.json());
    for (const Event& event : *of_cut) got.push_back(event.json());
    EXPECT_EQ(first_difference(expected, got), "") << capture.name;
  }
}

class Parts : public Cuts {
 protected:
  void check(const Capture& capture, const dse::replay::PartLimit& limit) {
    std::string path = path_of(capture), parts = dir_ / "parts";
    std::filesystem::create_directory(parts);
    std::uint64_t events = 0, most = 0;
    auto on_part = [&](const dse::replay::PartAccount& part) {
      events += part.events;
      if (part.records > 1) most = std::max(most, part.events);
    };
    dse::replay::CaptureSplit split({parts, limit, 1}, FileSystem::host(), on_part);
    auto reader = open(path);
    CaptureReader& source = *reader;
    auto session = session_of(std::move(reader));
    Status status = split.run(*session, source);
    ASSERT_TRUE(status.ok()) << status.error().message();
    parts_ += split.parts();

    auto whole = session_of(open(path));
    std::vector<std::string> expected = lines_of(*whole), got;
    EXPECT_EQ(events, expected.size());
    for (std::uint64_t part = 1; part <= split.parts(); ++part) {
      auto one = session_of(open(parts + "/" + dse::replay::CaptureSplit::part_name(part)));
      for (std::string& line : lines_of(*one)) got.push_back(std::move(line));
    }
    EXPECT_EQ(first_difference(expected, got), "") << capture.name;
    auto directory = session_of(open(parts));
    EXPECT_EQ(first_difference(expected, lines_of(*directory)), "") << capture.name << ", at once";
    auto before = session_of(open(path));
    lines_of(*before);
    EXPECT_EQ(directory->gaps().size(), before->gaps().size()) << capture.name;
    std::filesystem::remove_all(parts);
  }
  std::size_t parts_ = 0;
};

TEST_F(Parts, show_the_whole_one_after_the_other) {
  std::mt19937_64 random(first_seed());
  std::size_t splits = 0;
  for (const Capture& capture : captures()) {
    std::vector<dse::replay::PartLimit> limits(3);
    limits[0].events = 1 + random() % 60;
    limits[1].time_ns = 1'000'000 + random() % 10'000'000;
    limits[2].bytes = 1 + random() % 20'000;
    for (const auto& limit : limits) {
      check(capture, limit);
      if (HasFailure()) return;
      ++splits;
    }
  }
  EXPECT_GT(parts_, 2 * splits);
}

// A part is a capture, so cutting and splitting it go on.
TEST_F(Parts, of_cuts_show_the_whole_too) {
  for (const Capture& capture : test_captures()) {
    Window window;
    window.first = 25;
    Written written = cut(path_of(capture), window, true);
    dse::replay::PartLimit limit;
    limit.events = 15;
    check({capture.name + ", cut", written.path, ""}, limit);
    if (HasFailure()) return;
  }
}

}  // namespace
