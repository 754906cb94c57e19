// dse split: a capture in parts, each a capture by itself.
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <memory>

#include <fmt/format.h>

#include "format/capture_reader.h"
#include "replay/capture_split.h"
#include "replay/points/points.h"
#include "replay/timestamp.h"
#include "tools/commands.h"
#include "tools/exit_code.h"
#include "tools/terminal.h"

namespace dse::tools {
namespace {

struct Options {
  std::vector<std::string> paths;
  std::string out;
  std::uint64_t bytes = 0;
  std::string time;
  std::uint64_t events = 0;
  int level = 3;
  bool quiet = false;
  std::vector<const CLI::Option*> limits;  // of which exactly one is to be given
};

Result<replay::PartLimit> limit_of(const Options& options) {
  std::size_t given = 0;
  for (const CLI::Option* limit : options.limits) given += limit->count() > 0;
  if (given != 1)
    return Error(ErrorCode::usage, "how large are parts? Give one of --size, --time and --events");
  replay::PartLimit limit{options.bytes, 0, options.events};
  if (!options.time.empty()) {
    limit.time_ns = replay::parse_duration(options.time).value_or(0);
    if (limit.time_ns == 0)
      return Error(ErrorCode::usage,
                   "--time '" + options.time + "' is not a time; use 30s, 10min, 1h or 1d");
  }
  if (limit.bytes + limit.time_ns + limit.events == 0)
    return Error(ErrorCode::usage, "parts of nothing; give a limit of 1 or more");
  return limit;
}

// Makes the directory, and tells so; one that is there must be empty, and so not be what is read.
Status make_directory(const std::string& path, bool& made) {
  namespace fs = std::filesystem;
  if (path == "-")
    return Error(ErrorCode::usage,
                 "-w -: split writes a directory of parts, not a stream; name a new directory");
  if (path.ends_with(".dse"))
    return Error(ErrorCode::usage,
                 path +
                     ": split writes a directory of parts, and that is the name of a file; name a "
                     "new directory");
  std::error_code error;
  if (fs::exists(path, error)) {
    if (!fs::is_directory(path, error))
      return Error(ErrorCode::usage,
                   path + " exists and is no directory; name a new directory for the parts");
    if (!fs::is_empty(path, error) && !error)
      return Error(ErrorCode::usage, path + " is not empty; name a new directory for the parts");
  } else if (made = fs::create_directories(path, error); !error) {
    // As of captures: arguments of commands may hold secrets.
    fs::permissions(path, fs::perms::owner_all, error);
  }
  if (error) return Error(ErrorCode::io, "cannot use directory " + path + ": " + error.message());
  return {};
}

std::string line_of(const replay::PartAccount& part) {
  std::string name = std::filesystem::path(part.path).filename().string();
  if (part.records == 0) return fmt::format("{}  no records\n", name);
  return fmt::format("{}  {}  {}, {}, {} of state  {}..{}  {} .. {}\n", name,
                     human_bytes(part.bytes), plural(part.records, "record"),
                     plural(part.events, "event"), human_count(part.state), part.first, part.last,
                     replay::rfc3339(part.since_ns), replay::rfc3339(part.until_ns));
}

// The part that was being written is none. A directory that was made for parts goes if there are none.
void remove_unfinished(const std::string& directory, bool made) {
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(directory, error))
    if (entry.path().extension() == ".open") std::filesystem::remove(entry.path(), error);
  if (made) std::filesystem::remove(directory, error);
}

int run(const Options& options) {
  auto limit = limit_of(options);
  if (!limit) return fail(limit.error());
  auto reader = format::CaptureReader::open(options.paths);
  if (!reader) return fail(reader.error());
  bool made = false;
  if (auto status = make_directory(options.out, made); !status) return fail(status.error());

  format::CaptureReader* source = reader->get();
  replay::Session session(std::move(*reader));
  for (const std::string& name : replay::point_names()) session.add(replay::make_point(name));
  session.show_self(true);
  session.use_only({});
  replay::PartAccount total;
  auto on_part = [&](const replay::PartAccount& part) {
    total.records += part.records;
    total.events += part.events;
    total.bytes += part.bytes;
    clear_status();
    if (!options.quiet) write_stderr(line_of(part));
    show_status(fmt::format("splitting  {}, {}", plural(total.records, "record"),
                            human_bytes(total.bytes)));
  };
  replay::CaptureSplit split({options.out, *limit, options.level}, format::FileSystem::host(),
                             on_part);
  auto status = split.run(session, *source);
  clear_status();
  if (!status) {
    remove_unfinished(options.out, made);
    return fail(status.error());
  }
  say(fmt::format("{} in {}: {}, {}, {}", plural(split.parts(), "part"), options.out,
                  plural(total.records, "record"), plural(total.events, "event"),
                  human_bytes(total.bytes)));
  return report_notes(session.source().notes());
}

}  // namespace

Command add_split(CLI::App& app) {
  auto options = std::make_shared<Options>();
  CLI::App* command = app.add_subcommand("split", "Write a capture as parts that are captures too");
  command
      ->add_option("PATH", options->paths,
                   "captures: directories or files, read one after the other; - is stdin")
      ->required();
  command
      ->add_option("-w,--write", options->out,
                   "a directory for the parts, part-000001.dse and so on; new, or empty")
      ->required();
  options->limits = {
      command
          ->add_option("--size", options->bytes,
                       "end a part with the block that brings its file to this size: 100MiB")
          ->transform(CLI::AsSizeValue(false)),
      command->add_option("--time", options->time, "parts of this time each: 30s, 10min, 1h"),
      command->add_option("--events", options->events,
                          "at most so many events of all points in each part"),
  };
  command->add_option("--level", options->level, "zstd level, -7 to 19 [3]")
      ->check(CLI::Range(-7, 19));
  command->add_flag("-q,--quiet", options->quiet, "no line for each part");
  command->footer(
      "Each part is a capture by itself: it has the state from before that it needs, hidden. The\n"
      "events have the numbers of the whole; those of one record stay in one part. Replaying the\n"
      "parts one after the other gives the events of the whole: dse replay DIR, too. To filter, "
      "use\n"
      "dse filter first.\n\n"
      "Examples:\n"
      "  dse split day -w parts --size 100MiB\n"
      "  dse split day -w hours --time 1h\n"
      "  ssh host cat /var/lib/dse/*.dse | dse split - -w parts --events 1000000");
  return [options] { return run(*options); };
}

}  // namespace dse::tools
