// What a segment says of itself: its first and its last entry, as plain structures.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "format/entry.h"
#include "format/losses.h"
#include "format/result.h"
#include "format/rows.h"

namespace dse::format {

using CaptureId = std::array<std::uint8_t, 16>;

// The half of a capture id that every entry header carries.
std::uint64_t short_id(const CaptureId& id);

// The id of what is made of a capture in a way that `how` describes: always the same.
CaptureId derived_id(const CaptureId& id, std::string_view how);

// Which option of its header says that the records of a capture bring numbers with them, as in merged and
// recovered captures, and why.
inline constexpr const char* kNumberedOption = "numbered";
inline constexpr const char* kMergedValue = "merged";
inline constexpr const char* kRecoveredValue = "recovered";

// Where and how a capture was made. Members as in schema SegmentHeader.
struct SegmentInfo {
  std::uint16_t format_version = kFormatVersion;  // as read; written is always kFormatVersion
  std::uint16_t abi_version = 0;
  CaptureId capture_id{};
  std::uint32_t segment = 0;
  std::uint64_t first = 0;
  std::string recorder_version;
  std::uint32_t recorder_pid = 0;
  std::string host_name, kernel_release, kernel_version, machine, boot_id;
  std::uint32_t cpus = 0;
  std::uint32_t page_size = 0;
  std::uint32_t cgroup_hierarchy = 0;
  std::string cgroup_controllers;
  std::uint64_t boot_time = 0;  // a clock sample, ns
  std::uint64_t real_time = 0;
  std::uint64_t boot_of_start = 0;
  std::vector<std::pair<std::string, std::string>> options;
  std::vector<Kind> kinds;
};

struct IndexItem {
  std::uint64_t offset;
  EntryType type;
  std::uint64_t first;
  std::uint32_t count;
  std::uint64_t min_time, max_time;
  std::uint64_t lost;
  std::uint64_t kinds;  // bit k: kind k is present
};

// How a segment ended. Losses, counts and positions are since recording started.
struct EndInfo {
  std::uint64_t records = 0;  // in this segment
  std::string reason;
  bool last = false;
  std::vector<Loss> losses;
  std::vector<Loss> seen;  // without causes
  std::vector<StreamPosition> streams;
  std::vector<IndexItem> index;
};

// Under which option of its header a capture says whether a time service kept the clock of its host right.
inline constexpr const char* kClockOption = "clock";
inline constexpr const char* kClockSynchronised = "synchronised";
inline constexpr const char* kClockAlone = "unsynchronised";

// Whether the capture is one of those in a merged one.
bool is_merged(const SegmentInfo& info);

class ColumnMessage;
std::unique_ptr<ColumnMessage> encode_segment_info(const SegmentInfo& info);
std::unique_ptr<ColumnMessage> encode_end_info(const EndInfo& info);

Result<SegmentInfo> open_segment_info(const EntryHeader& header, BodyReader body);
Result<EndInfo> open_end_info(const EntryHeader& header, BodyReader body);

}  // namespace dse::format
