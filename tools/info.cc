// dse info: what a capture is, without showing its events.
#include <algorithm>
#include <cstdio>
#include <functional>
#include <map>
#include <memory>

#include <fmt/format.h>
#include <rapidjson/prettywriter.h>
#include <rapidjson/stringbuffer.h>

#include "format/capture_reader.h"
#include "replay/escape.h"
#include "replay/gaps.h"
#include "replay/profile.h"
#include "replay/timestamp.h"
#include "tools/commands.h"
#include "tools/completeness.h"
#include "tools/exit_code.h"
#include "tools/observer_report.h"
#include "tools/terminal.h"

namespace dse::tools {
namespace {

struct Options {
  std::vector<std::string> paths;
  std::string output = "text";
  bool observer = false;
};

struct SegmentFacts {
  std::string path;
  format::SegmentInfo info;
  std::uint64_t blocks = 0;
  std::uint64_t records = 0;
  std::uint64_t bytes = 0;
  bool sealed = false;
  std::string reason;
  std::uint64_t offset() const { return info.real_time - info.boot_time; }
};

// What the headers of a capture's entries say.
class Facts final : public format::CaptureReader::Observer {
 public:
  void segment(const std::string& path, const format::SegmentInfo& info) override {
    if (segments.empty() || segments.back().info.capture_id != info.capture_id) on_recording(info);
    at_[format::short_id(info.capture_id)] = segments.size();
    at_hand_ = segments.size();
    segments.push_back({path, info, 0, 0, 0, false, {}});
    offset = segments.back().offset();
    if (start_ns == 0) start_ns = info.boot_of_start + offset;
  }
  void entry(const format::EntryHeader& header) override {
    std::uint64_t size = header.header_bytes() + header.body_bytes();
    bytes += size;
    raw_bytes += header.raw_bytes();
    if (header.type == format::EntryType::segment || segments.empty()) {
      pending_bytes_ = size;  // its segment() comes next
      return;
    }
    // In a merged capture, entries of several segments follow one another.
    if (auto found = at_.find(header.capture); found != at_.end()) at_hand_ = found->second;
    SegmentFacts& segment = segments[at_hand_];
    offset = segment.offset();
    segment.bytes += size + std::exchange(pending_bytes_, 0);
    if (header.type != format::EntryType::block) return;
    ++blocks;
    ++segment.blocks;
    records += header.count;
    segment.records += header.count;
    for (const format::KindCount& kind : header.kinds) kinds[kind.kind] += kind.count;
    if (header.count == 0) return;
    first_ns = std::min(first_ns, header.min_time + offset);
    last_ns = std::max(last_ns, header.max_time + offset);
  }
  void end(const format::EndInfo& info) override {
    if (segments.empty()) return;
    segments[at_hand_].sealed = true;
    segments[at_hand_].reason = info.reason;
  }

  std::function<void(const format::SegmentInfo&)> on_recording;  // the first segment of one
  std::vector<SegmentFacts> segments;
  std::map<format::Kind, std::uint64_t> kinds;
  std::uint64_t blocks = 0, records = 0, bytes = 0, raw_bytes = 0;
  std::uint64_t start_ns = 0, first_ns = ~std::uint64_t{0}, last_ns = 0;  // real time
  // Real less boot time, of the last entry.
  std::uint64_t offset = 0;
  bool merged() const { return !segments.empty() && format::is_merged(segments.front().info); }

 private:
  std::map<std::uint64_t, std::size_t> at_;  // by short id of the capture: its last segment
  std::size_t at_hand_ = 0;                  // the segment of the last entry
  std::uint64_t pending_bytes_ = 0;
};

std::string safe(const std::string& text) {
  std::string out;
  replay::append_text(text, out);
  return out;
}

class InfoPrinter {
 public:
  InfoPrinter(const Facts& facts, const format::CaptureReader& reader,
              const std::vector<replay::PlacedGap>& gaps, const ObserverReport& observer)
      : facts_(facts), reader_(reader), gaps_(gaps), observer_(observer) {}

  // The whole answer.
  std::string text() const;
  std::string json() const;

 private:
  void append_records(std::string& out) const;

  const Facts& facts_;
  const format::CaptureReader& reader_;
  const std::vector<replay::PlacedGap>& gaps_;
  const ObserverReport& observer_;
};

std::string InfoPrinter::text() const {
  std::string out;
  auto to = std::back_inserter(out);
  auto line = [&](const char* label, const std::string& value) {
    fmt::format_to(to, "{:<13} {}\n", label, value);
  };
  const format::SegmentInfo& info = facts_.segments.front().info;
  if (facts_.merged()) {
    for (const SegmentFacts& segment : facts_.segments)
      line("merged",
           safe(fmt::format("{}, kernel {} {}, boot id {}, dse {}", segment.info.host_name,
                            segment.info.kernel_release, segment.info.machine, segment.info.boot_id,
                            segment.info.recorder_version)));
    line("started", replay::rfc3339(facts_.start_ns));
    append_records(out);
    return out;
  }
  line("host", safe(info.host_name));
  line("kernel", safe(fmt::format("{} {} ({})", info.kernel_release, info.machine,
                                  plural(info.cpus, "CPU"))));
  line("boot id", safe(info.boot_id));
  line("recorder", safe(fmt::format("dse {}, pid {}", info.recorder_version, info.recorder_pid)));
  line("cgroups", info.cgroup_hierarchy
                      ? safe(fmt::format("v1 hierarchy {} ({})", info.cgroup_hierarchy,
                                         info.cgroup_controllers))
                      : "unified (v2)");
  std::string options;
  for (const auto& [name, value] : info.options)
    if (name != replay::kProfileOption)
      options += (options.empty() ? "" : " ") + name + "=" + value;
  line("options", safe(options));
  line("started", replay::rfc3339(facts_.start_ns));
  append_records(out);
  return out;
}

// What is in it, whoever recorded it.
void InfoPrinter::append_records(std::string& out) const {
  auto to = std::back_inserter(out);
  auto line = [&](const char* label, const std::string& value) {
    fmt::format_to(to, "{:<13} {}\n", label, value);
  };
  if (facts_.records)
    line("records", fmt::format("{} from {} to {}", human_count(facts_.records),
                                replay::rfc3339(facts_.first_ns), replay::rfc3339(facts_.last_ns)));
  else
    line("records", "0");
  for (auto [kind, count] : facts_.kinds)
    fmt::format_to(to, "  {:>14}  {}\n", human_count(count),
                   kind ? format::kind_name(kind) : "raw");
  auto losses = reader_.losses();
  line("lost", human_count(total(losses)));
  for (const std::string& loss : describe_losses(losses))
    fmt::format_to(to, "                {}\n", loss);
  constexpr std::size_t kShown = 20;
  for (std::size_t i = 0; i < gaps_.size() && i < kShown; ++i)
    fmt::format_to(to, "                {}\n", describe_gap(gaps_[i]));
  if (gaps_.size() > kShown)
    fmt::format_to(to, "                and {} (-o json has all)\n",
                   plural(gaps_.size() - kShown, "more gap"));
  line("size",
       fmt::format(
           "{}, {} before compression (x{:.1f}), {:.1f} bytes per record",
           human_bytes(facts_.bytes), human_bytes(facts_.raw_bytes),
           facts_.bytes ? static_cast<double>(facts_.raw_bytes) / static_cast<double>(facts_.bytes)
                        : 0.0,
           facts_.records ? static_cast<double>(facts_.bytes) / static_cast<double>(facts_.records)
                          : 0.0));
  out += observer_.text();
  line("segments",
       fmt::format("{} with {}", facts_.segments.size(), plural(facts_.blocks, "block")));
  for (const SegmentFacts& segment : facts_.segments)
    fmt::format_to(to, "  {}  {}, {}, {}, {}\n", safe(segment.path),
                   plural(segment.records, "record"), plural(segment.blocks, "block"),
                   human_bytes(segment.bytes),
                   segment.sealed ? "sealed: " + safe(segment.reason) : "not sealed");
}

std::string InfoPrinter::json() const {
  rapidjson::StringBuffer buffer;
  rapidjson::PrettyWriter<rapidjson::StringBuffer> w(buffer);
  w.SetIndent(' ', 2);
  auto text = [&](const char* key, const std::string& value) {
    // The same escape as in events keeps bytes that are not UTF-8.
    std::string escaped = "\"";
    replay::append_json_string(value, escaped);
    escaped += '"';
    w.Key(key);
    w.RawValue(escaped.data(), escaped.size(), rapidjson::kStringType);
  };
  auto number = [&](const char* key, std::uint64_t value) {
    w.Key(key);
    w.Uint64(value);
  };
  const format::SegmentInfo& info = facts_.segments.front().info;
  w.StartObject();
  if (facts_.merged()) {
    w.Key("hosts");
    w.StartArray();
    for (const SegmentFacts& segment : facts_.segments) {
      w.StartObject();
      text("name", segment.info.host_name);
      text("boot_id", segment.info.boot_id);
      w.EndObject();
    }
    w.EndArray();
  }
  w.Key("host");
  w.StartObject();
  text("name", info.host_name);
  text("kernel", info.kernel_release);
  text("kernel_version", info.kernel_version);
  text("machine", info.machine);
  text("boot_id", info.boot_id);
  number("cpus", info.cpus);
  w.EndObject();
  w.Key("recorder");
  w.StartObject();
  text("version", info.recorder_version);
  number("pid", info.recorder_pid);
  number("format", info.format_version);
  number("abi", info.abi_version);
  w.Key("options");
  w.StartObject();
  for (const auto& [name, value] : info.options) text(name.c_str(), value);
  w.EndObject();
  w.EndObject();
  w.Key("cgroup");
  w.StartObject();
  number("hierarchy", info.cgroup_hierarchy);
  text("controllers", info.cgroup_controllers);
  w.EndObject();
  text("started", replay::rfc3339(facts_.start_ns));
  if (facts_.records) {
    text("first", replay::rfc3339(facts_.first_ns));
    text("last", replay::rfc3339(facts_.last_ns));
  }
  number("records", facts_.records);
  w.Key("kinds");
  w.StartObject();
  for (auto [kind, count] : facts_.kinds)
    number(kind ? format::kind_name(kind).c_str() : "raw", count);
  w.EndObject();
  auto losses = reader_.losses();
  number("lost", total(losses));
  number("damaged", total_damage(losses));
  w.Key("losses");
  w.StartArray();
  for (const format::Loss& loss : losses) {
    w.StartObject();
    text("kind", loss.kind ? format::kind_name(loss.kind) : "");
    text("cause", loss.cause);
    number("count", loss.count);
    w.EndObject();
  }
  w.EndArray();
  w.Key("gaps");
  w.StartArray();
  for (const replay::PlacedGap& gap : gaps_) {
    w.StartObject();
    text("kind", format::kind_name(gap.kind));
    number("cpu", gap.cpu);
    number("lost", gap.lost);
    if (gap.since_ns) text("since", replay::rfc3339(gap.since_ns));
    text("until", replay::rfc3339(gap.until_ns));
    w.EndObject();
  }
  w.EndArray();
  w.Key("observer");
  observer_.write(w);
  number("bytes", facts_.bytes);
  number("raw_bytes", facts_.raw_bytes);
  number("blocks", facts_.blocks);
  w.Key("segments");
  w.StartArray();
  for (const SegmentFacts& segment : facts_.segments) {
    w.StartObject();
    text("path", segment.path);
    number("first", segment.info.first + 1);
    number("records", segment.records);
    number("blocks", segment.blocks);
    number("bytes", segment.bytes);
    w.Key("sealed");
    w.Bool(segment.sealed);
    text("reason", segment.reason);
    w.EndObject();
  }
  w.EndArray();
  w.EndObject();
  return std::string(buffer.GetString()) + "\n";
}

int run(const Options& options) {
  auto reader = format::CaptureReader::open(options.paths);
  if (!reader) return fail(reader.error());
  Facts facts;
  std::vector<replay::PlacedGap> gaps;
  ObserverReport observer(options.observer);
  facts.on_recording = [&](const format::SegmentInfo& info) { observer.begin(info.boot_of_start); };
  (*reader)->observe(&facts);
  (*reader)->want(ObserverReport::kinds());
  (*reader)->want_gaps();
  while (true) {
    auto step = (*reader)->next();
    if (!step) return fail(step.error());
    if (step->what == format::Step::What::end) break;
    if (step->what != format::Step::What::batch) continue;
    auto real_time = [&](std::uint64_t boot_ns, std::uint64_t) { return boot_ns + facts.offset; };
    auto any = [](const replay::PlacedGap&, std::uint64_t) { return true; };
    Status placed = replay::place_gaps(*step->batch, format::kAllKinds, real_time, any, gaps);
    // What several recorders cost side by side makes no one series.
    Status added = facts.merged() ? Status() : observer.add(*step->batch, facts.offset);
    for (const Status& status : {placed, added})
      if (!status) (*reader)->report_damage(status.error());
  }
  if (facts.segments.empty()) {
    int code = report_notes((*reader)->notes());
    return code == kOk ? kDamaged : code;
  }
  InfoPrinter printer(facts, **reader, gaps, observer);
  std::string answer = options.output == "json" ? printer.json() : printer.text();
  auto written = write_stdout(answer);
  if (!written) return fail(written.error());
  return report_notes((*reader)->notes());
}

}  // namespace

Command add_info(CLI::App& app) {
  auto options = std::make_shared<Options>();
  CLI::App* command = app.add_subcommand("info", "Tell what a capture is");
  command->add_option("PATH", options->paths, "a directory, a file, or - for stdin")->required();
  command->add_option("-o,--output", options->output, "text or json [text]")
      ->check(CLI::IsMember({"text", "json"}));
  command->add_flag("--observer", options->observer,
                    "with -o json: every sample of what recording cost, not only the sums");
  command->footer(
      "Examples:\n"
      "  dse info /var/lib/dse\n"
      "  dse info c.dse -o json | jq .losses\n"
      "  dse info c.dse --observer -o json | jq -c '.observer.series[] | [.until, .user_ns]'");
  return [options] { return run(*options); };
}

}  // namespace dse::tools
