#include "format/capture_directory.h"

#include <algorithm>
#include <charconv>
#include <filesystem>

#include <fmt/format.h>

#include "format/byte_source.h"
#include "format/segment_file.h"
#include "format/segment_reader.h"

namespace dse::format {
namespace fs = std::filesystem;

std::string segment_name(std::uint64_t first) {
  return fmt::format("{:020}{}", first, kSegmentSuffix);
}

bool is_segment_name(std::string_view name) {
  return name.size() == 20 + std::string_view(kSegmentSuffix).size() &&
         name.ends_with(kSegmentSuffix) && name.find_first_not_of("0123456789") == 20;
}

std::optional<std::uint64_t> segment_number(const std::string& path) {
  std::string name = fs::path(path).filename().string();
  if (name.ends_with(kOpenSuffix)) name.resize(name.size() - std::string_view(kOpenSuffix).size());
  std::uint64_t number = 0;
  if (!is_segment_name(name) ||
      std::from_chars(name.data(), name.data() + 20, number).ec != std::errc())
    return std::nullopt;
  return number;
}

Result<std::vector<SegmentPath>> list_segments(const std::string& path) {
  std::error_code error;
  if (path == "-" || !fs::is_directory(path, error)) {
    if (path != "-" && !fs::exists(path, error)) {
      // A capture that is still being written, or whose recorder died, goes by its other name.
      if (fs::exists(path + kOpenSuffix, error))
        return std::vector<SegmentPath>{{path + kOpenSuffix, false}};
      // Unless it got its name just now.
      if (!fs::exists(path, error))
        return Error(ErrorCode::io, path + ": no such file or directory");
    }
    return std::vector<SegmentPath>{{path, !path.ends_with(kOpenSuffix)}};
  }
  std::vector<SegmentPath> segments;
  for (fs::directory_iterator it(path, error), end; !error && it != end; it.increment(error)) {
    std::string name = it->path().filename().string();
    bool open = name.ends_with(std::string(kSegmentSuffix) + kOpenSuffix);
    if (open || name.ends_with(kSegmentSuffix)) segments.push_back({it->path().string(), !open});
  }
  if (error) return Error(ErrorCode::io, path + ": " + error.message());
  if (segments.empty())
    return Error(ErrorCode::io, path + ": no capture here (a capture has files named *.dse)");
  std::sort(segments.begin(), segments.end(),
            [](const SegmentPath& a, const SegmentPath& b) { return a.path < b.path; });
  return segments;
}

Result<std::uint64_t> next_record_number(const std::string& directory) {
  auto segments = list_segments(directory);
  if (!segments) return std::uint64_t{0};  // none yet
  std::uint64_t next = 0;
  for (const SegmentPath& segment : *segments) {
    if (!segment.sealed && is_being_recorded(segment.path))
      return Error(
          ErrorCode::io,
          directory + ": another recorder writes here; stop it or choose another directory");
    // Also past the number in its name: an empty segment still has a name.
    std::string stem = fs::path(segment.path).filename().string().substr(0, 20);
    std::uint64_t number = 0;
    auto [end, no_number] = std::from_chars(stem.data(), stem.data() + stem.size(), number);
    if (stem.size() == 20 && no_number == std::errc() && end == stem.data() + 20)
      next = std::max(next, number + 1);
    DSE_TRY_ASSIGN(auto source, open_byte_source(segment.path));
    SegmentReader reader(source, nullptr);
    while (true) {
      auto entry = reader.next();
      if (!entry || !*entry) break;  // damage does not matter here
      next = std::max(next, (*entry)->header.first + (*entry)->header.count);
    }
  }
  return next;
}

}  // namespace dse::format
