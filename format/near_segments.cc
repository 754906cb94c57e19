#include "format/near_segments.h"

#include <algorithm>

#include "format/byte_source.h"
#include "format/capture_directory.h"
#include "format/segment_info.h"
#include "format/segment_reader.h"

namespace dse::format {
namespace {

// Clocks that are slewed, and records that come late, are within that.
constexpr std::uint64_t kMargin = 1'000'000'000;

struct Start {
  std::uint64_t capture = 0;           // real time
  std::optional<std::uint64_t> first;  // that of the first record; nothing: there is none
};

Result<Start> start_of(const std::string& path) {
  DSE_TRY_ASSIGN(std::shared_ptr<ByteSource> source, open_byte_source(path));
  if (!source->can_seek())
    return Error(ErrorCode::usage, path + ": a part of a capture can only be picked out of files");
  SegmentReader reader(std::move(source), nullptr);
  Start start;
  std::uint64_t offset = 0;
  while (true) {
    auto entry = reader.next();
    // What is damaged is the reader's to tell.
    if (!entry || !*entry) return start;
    EntryRef& at = **entry;
    if (at.header.type == EntryType::segment) {
      auto info = open_segment_info(at.header, std::move(at.body));
      if (!info) return start;
      offset = info->real_time - info->boot_time;
      start.capture = info->boot_of_start + offset;
    } else if (at.header.type == EntryType::block && at.header.count != 0) {
      start.first = at.header.min_time + offset;
      return start;
    }
  }
}

Result<std::vector<std::string>> all_segments(const std::vector<std::string>& paths) {
  std::vector<std::string> files;
  for (const std::string& path : paths) {
    DSE_TRY_ASSIGN(auto segments, list_segments(path));
    for (SegmentPath& segment : segments) files.push_back(std::move(segment.path));
  }
  return files;
}

}  // namespace

Result<std::uint64_t> capture_start(const std::vector<std::string>& paths) {
  DSE_TRY_ASSIGN(auto files, all_segments(paths));
  if (files.empty()) return std::uint64_t{0};
  DSE_TRY_ASSIGN(Start start, start_of(files[0]));
  return start.capture;
}

Result<std::vector<std::string>> segments_near(const std::vector<std::string>& paths,
                                               std::optional<std::uint64_t> since,
                                               std::optional<std::uint64_t> until) {
  DSE_TRY_ASSIGN(auto files, all_segments(paths));
  std::vector<Start> starts;
  for (const std::string& file : files) {
    DSE_TRY_ASSIGN(starts.emplace_back(), start_of(file));
  }
  auto may_have = [&](std::size_t i) {
    if (!starts[i].first) return false;
    if (until && *starts[i].first > *until + kMargin) return false;
    // It goes on until the next one begins; that one is no help where the clock was set back.
    if (i + 1 == starts.size() || !starts[i + 1].first || *starts[i + 1].first < *starts[i].first)
      return true;
    return !since || *starts[i + 1].first + kMargin >= *since;
  };
  std::size_t first = files.size(), end = 0;
  for (std::size_t i = 0; i < files.size(); ++i)
    if (may_have(i)) {
      first = std::min(first, i);
      end = i + 1;
    }
  if (first == files.size()) return files;  // where the range is not, only all of them tell
  return std::vector<std::string>(files.begin() + static_cast<std::ptrdiff_t>(first),
                                  files.begin() + static_cast<std::ptrdiff_t>(end));
}

}  // namespace dse::format
