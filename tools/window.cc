#include "tools/window.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <filesystem>
#include <utility>

#include "format/capture_reader.h"
#include "format/near_segments.h"
#include "replay/timestamp.h"

namespace dse::tools {
namespace {

// A time as the user gave it.
struct TimeBound {
  enum class From { absolute, start, end };
  From from;
  std::uint64_t ns;
};

// RFC 3339, "+5s" from the start of the capture, "-10min" before its end. Nothing for an empty text.
Result<std::optional<TimeBound>> parse_time_bound(const std::string& text) {
  if (text.empty()) return std::optional<TimeBound>();
  if (text[0] == '+' || text[0] == '-') {
    if (auto ns = replay::parse_duration(std::string_view(text).substr(1)))
      return std::optional(
          TimeBound{text[0] == '+' ? TimeBound::From::start : TimeBound::From::end, *ns});
  } else if (auto ns = replay::parse_rfc3339(text)) {
    return std::optional(TimeBound{TimeBound::From::absolute, *ns});
  }
  return Error(ErrorCode::usage,
               "'" + text + "' is not a time: use 2026-11-22T15:32:56Z, +5s or -10min");
}

using Number = std::optional<std::uint64_t>;

// "A..B", "A..", "..B" or "A".
Result<std::pair<Number, Number>> parse_numbers(const std::string& text) {
  if (text.empty()) return std::pair<Number, Number>();
  auto wrong = [&](const std::string& why) {
    return Error(ErrorCode::usage, "--num '" + text + "': " + why);
  };
  const std::size_t dots = text.find("..");
  const std::string_view first = std::string_view(text).substr(0, dots),
                         last = dots == std::string::npos ? first
                                                          : std::string_view(text).substr(dots + 2);
  std::array<Number, 2> bounds;
  for (std::size_t i = 0; i < 2; ++i) {
    std::string_view bound = i == 0 ? first : last;
    if (bound.empty()) continue;
    std::uint64_t number = 0;
    const char* end = bound.data() + bound.size();
    auto [at, failed] = std::from_chars(bound.data(), end, number);
    if (failed == std::errc::result_out_of_range)
      return wrong("no event has a number that high; use one of evt.num");
    if (failed != std::errc() || at != end)
      return wrong(
          "no range of numbers; use A..B, A.., ..B or A, with numbers as evt.num has them");
    if (number == 0) return wrong("numbers begin with 1; ..B also has what existed before");
    bounds[i] = number;
  }
  if (!bounds[0] && !bounds[1]) return wrong("has no bound; use A..B, A.., ..B or A");
  if (bounds[0] && bounds[1] && *bounds[0] > *bounds[1])
    return wrong(std::to_string(*bounds[0]) + " is behind " + std::to_string(*bounds[1]) +
                 "; the lower number comes first");
  return std::pair(bounds[0], bounds[1]);
}

Status set_numbers(const WindowFlags& window, replay::Session& session) {
  DSE_TRY_ASSIGN(auto numbers, parse_numbers(window.numbers));
  session.set_numbers(numbers.first, numbers.second);
  return {};
}

Status set_session_window(replay::Session& session, const std::optional<TimeBound>& since,
                          const std::optional<TimeBound>& until) {
  if (since && until && since->from == until->from && since->ns > until->ns)
    return Error(ErrorCode::usage, "--since is later than --until");
  auto ns = [](const std::optional<TimeBound>& bound, TimeBound::From from) {
    return bound && bound->from == from ? std::optional(bound->ns) : std::nullopt;
  };
  using From = TimeBound::From;
  session.set_window(ns(since, From::absolute), ns(until, From::absolute));
  session.set_window_from_start(ns(since, From::start), ns(until, From::start));
  return {};
}

// When a capture ends, in real time, from the headers of its entries.
class Extent final : public format::CaptureReader::Observer {
 public:
  void segment(const std::string&, const format::SegmentInfo& info) override {
    offset_ = info.real_time - info.boot_time;
  }
  void entry(const format::EntryHeader& header) override {
    if (header.type == format::EntryType::block && header.count != 0)
      end_ns = std::max(end_ns, header.max_time + offset_);
  }
  void end(const format::EndInfo&) override {}

  std::uint64_t end_ns = 0;

 private:
  std::uint64_t offset_ = 0;
};

// Reads the headers of what can be read twice; `text` is the time that asks for it.
Result<std::uint64_t> end_of(const std::vector<std::string>& paths, const std::string& text) {
  for (const std::string& path : paths) {
    std::error_code error;
    bool once = path == "-" || (std::filesystem::exists(path, error) &&
                                !std::filesystem::is_directory(path, error) &&
                                !std::filesystem::is_regular_file(path, error));
    if (once)
      return Error(ErrorCode::usage, "'" + text +
                                         "': only a capture that can be read twice tells "
                                         "its end beforehand; give a file, +5s, or a time as "
                                         "2026-11-22T15:32:56Z");
  }
  Extent extent;
  DSE_TRY_ASSIGN(auto reader, format::CaptureReader::open(paths));
  reader->observe(&extent);
  reader->want(0);
  while (true) {
    DSE_TRY_ASSIGN(format::Step step, reader->next());
    if (step.what == format::Step::What::end) return extent.end_ns;
  }
}

}  // namespace

void WindowFlags::add_to(CLI::App& app) {
  app.add_option("-S,--since", since,
                 "events from this time on: RFC 3339, +5s after the start, -10min before the end");
  app.add_option("-U,--until", until, "events up to this time");
  app.add_option(
      "--num", numbers,
      "events with these numbers (evt.num): A..B, A.., ..B (also what existed before), or A");
}

void WindowFlags::add_near_to(CLI::App& app) {
  app.add_flag("--near", near,
               "read only the segments around -S and -U: fast in a large capture, but what was before is "
               "known as the snapshot of the first one has it");
}

std::string WindowFlags::text() const {
  std::string out;
  for (const auto& [name, value] :
       {std::pair("--since", since), std::pair("--until", until), std::pair("--num", numbers)})
    if (!value.empty()) out += (out.empty() ? "" : " ") + (name + (" " + value));
  return out;
}

namespace {

struct TimeBounds {
  std::optional<TimeBound> since, until;
};

// What is before the end becomes absolute, and with --near all bounds.
Result<TimeBounds> time_bounds(const WindowFlags& window, const std::vector<std::string>& paths) {
  DSE_TRY_ASSIGN(auto since, parse_time_bound(window.since));
  DSE_TRY_ASSIGN(auto until, parse_time_bound(window.until));
  if (window.near && !since && !until)
    return Error(ErrorCode::usage, "--near reads what is around a range: it needs --since or --until");
  auto before_end = [](const std::optional<TimeBound>& bound) {
    return bound && bound->from == TimeBound::From::end;
  };
  if (before_end(since) || before_end(until)) {
    DSE_TRY_ASSIGN(std::uint64_t end,
                   end_of(paths, before_end(since) ? window.since : window.until));
    for (auto* bound : {&since, &until})
      if (before_end(*bound))
        *bound = TimeBound{TimeBound::From::absolute, end > (*bound)->ns ? end - (*bound)->ns : 0};
  }
  if (window.near) {
    DSE_TRY_ASSIGN(std::uint64_t start, format::capture_start(paths));
    for (auto* bound : {&since, &until})
      if (*bound && (*bound)->from == TimeBound::From::start)
        *bound = TimeBound{TimeBound::From::absolute, start + (*bound)->ns};
  }
  return TimeBounds{since, until};
}

}  // namespace

Result<std::vector<std::string>> paths_to_read(const WindowFlags& window,
                                               const std::vector<std::string>& paths) {
  if (!window.near) return paths;
  DSE_TRY_ASSIGN(TimeBounds bounds, time_bounds(window, paths));
  auto ns = [](const std::optional<TimeBound>& bound) {
    return bound ? std::optional(bound->ns) : std::nullopt;
  };
  return format::segments_near(paths, ns(bounds.since), ns(bounds.until));
}

Status set_window(const WindowFlags& window, const std::vector<std::string>& paths,
                  replay::Session& session) {
  DSE_TRY(set_numbers(window, session));
  DSE_TRY_ASSIGN(TimeBounds bounds, time_bounds(window, paths));
  if (window.near) session.end_with_window();
  return set_session_window(session, bounds.since, bounds.until);
}

Status set_live_window(const WindowFlags& window, replay::Session& session) {
  DSE_TRY(set_numbers(window, session));
  DSE_TRY_ASSIGN(auto since, parse_time_bound(window.since));
  DSE_TRY_ASSIGN(auto until, parse_time_bound(window.until));
  for (const auto& [bound, text] : {std::pair(since, window.since), std::pair(until, window.until)})
    if (bound && bound->from == TimeBound::From::end)
      return Error(ErrorCode::usage,
                   "'" + text + "' is before the end, and a live run has none yet");
  return set_session_window(session, since, until);
}

}  // namespace dse::tools
