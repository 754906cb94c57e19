// The files of a capture: which segments a path means, and in which order.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "format/result.h"

namespace dse::format {

inline constexpr const char* kSegmentSuffix = ".dse";

// "00000000000000000042.dse": the number of the first record, so that names sort as the stream does.
std::string segment_name(std::uint64_t first);

// Whether a file's name is one that segment_name() gives.
bool is_segment_name(std::string_view name);

// The number in such a name, with or without ".open" behind it; `path` may be a whole one.
std::optional<std::uint64_t> segment_number(const std::string& path);

struct SegmentPath {
  std::string path;
  bool sealed;  // false: `….dse.open`
};

// The segments of a directory in order; for anything else, that path itself. An error when there is
// nothing there.
Result<std::vector<SegmentPath>> list_segments(const std::string& path);

// The number that the next recording in this directory starts with: one past the last record that
// is there. An error when another recorder is at work in it.
Result<std::uint64_t> next_record_number(const std::string& directory);

}  // namespace dse::format
