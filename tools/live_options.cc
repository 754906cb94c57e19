#include "tools/live_options.h"

#include <bit>

#include <fmt/format.h>

#include "record/live_source.h"
#include "replay/container.h"
#include "replay/points/points.h"
#include "replay/timestamp.h"
#include "tools/printer.h"

namespace dse::tools {

void LiveFlags::add_to(CLI::App& app) {
  app.add_option("--for", duration, "stop after this time: 10s, 5min, 1h");
  app.add_option("--buffer", buffer_bytes,
                 "ring buffer per CPU, a power of two [4MiB]; larger rides out longer bursts")
      ->transform(CLI::AsSizeValue(false));
  app.add_option("--max-args", max_args,
                 "bytes of arguments kept per exec [128KiB]; longer ones are cut and say so")
      ->transform(CLI::AsSizeValue(false))
      ->check(CLI::Range(std::uint64_t{0}, std::uint64_t{record::kMaxArgs}));
  app.add_option("--env", env, "keep these variables of each program's environment [none]")
      ->delimiter(',')
      ->allow_extra_args(false);
  app.add_option(
         "--redact", redact,
         "keep nothing of arguments, variables and file names that this regular expression\n"
         "matches, or that its groups do; may be given several times")
      ->allow_extra_args(false);
  app.add_flag("--no-container-metadata", no_container_metadata,
               "do not ask container runtimes for names, images, labels and pods");
  app.add_flag("--failed-execs", failed_execs,
               "also execs that fail; costs every system call of this host some 0.1 us");
}

void CaptureFlags::add_to(CLI::App& app) {
  app.add_option("--level", level, "zstd level, -7 to 19 [1]")->check(CLI::Range(-7, 19));
  app.add_option("--segment-size", segment_bytes, "begin a new file at this size [64MiB]")
      ->transform(CLI::AsSizeValue(false))
      ->check(at_least_one());
  app.add_option("--segment-time", segment_time, "begin a new file after this time [1h]");
  app.add_option("--keep", keep, "keep only the newest N files of a directory [all]");
}

Result<std::uint64_t> duration_option(const std::string& text, const char* name) {
  if (text.empty()) return std::uint64_t{0};
  auto ns = replay::parse_duration(text);
  if (!ns || *ns == 0)
    return Error(ErrorCode::usage,
                 fmt::format("{}: '{}' is not a duration; use 10s, 500ms, 5min or 1h", name, text));
  return *ns;
}

Result<record::LiveOptions> live_options(const LiveFlags& flags, const replay::Profile& profile) {
  if (!std::has_single_bit(flags.buffer_bytes) || flags.buffer_bytes < 4096 ||
      flags.buffer_bytes > (std::uint64_t{1} << 30))
    return Error(ErrorCode::usage,
                 fmt::format("--buffer: {} bytes is not a power of two between 4KiB and 1GiB",
                             flags.buffer_bytes));
  record::LiveOptions options;
  options.kinds = record::state_kinds();
  for (const std::string& point : profile.points)
    options.kinds |= replay::make_point(point)->kinds();
  options.ring_bytes = flags.buffer_bytes;
  options.max_args = static_cast<std::uint32_t>(flags.max_args);
  options.failed_execs = flags.failed_execs;
  if (flags.failed_execs) options.kinds |= format::kind_bit(DSE_PROCESS_EXEC_FAIL);
  options.container_metadata = !flags.no_container_metadata;
  DSE_TRY_ASSIGN(options.redactor, format::Redactor::make(flags.redact, flags.env));
  options.described = {{"points", fmt::format("{}", fmt::join(profile.points, ","))},
                       {"buffer", std::to_string(flags.buffer_bytes)},
                       {"max-args", std::to_string(flags.max_args)}};
  options.described.emplace_back(replay::kContainerTableOption,
                                 std::to_string(replay::kContainerTableVersion));
  if (!flags.env.empty())
    options.described.emplace_back("env", fmt::format("{}", fmt::join(flags.env, ",")));
  // How many, not which: a rule may name the secret that it is to hide.
  if (!flags.redact.empty())
    options.described.emplace_back("redact", std::to_string(flags.redact.size()));
  if (flags.failed_execs) options.described.emplace_back("failed-execs", "yes");
  if (!profile.name.empty()) {
    options.described.emplace_back("profile", profile.name);
    options.described.emplace_back(replay::kProfileOption,
                                   options.redactor.text(replay::text_to_record(profile)));
  }
  return options;
}

Result<record::RecordingOptions> recording_options(const CaptureFlags& flags,
                                                   const std::string& path) {
  record::RecordingOptions options;
  options.writer.path = path;
  options.writer.level = flags.level;
  options.writer.keep = flags.keep;
  options.segment_bytes = flags.segment_bytes;
  DSE_TRY_ASSIGN(options.segment_time_ns, duration_option(flags.segment_time, "--segment-time"));
  return options;
}

}  // namespace dse::tools
