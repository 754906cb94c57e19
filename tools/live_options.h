// The options of the live commands, `record` and `run`.
#pragma once

#include <CLI/CLI.hpp>

#include <cstdint>
#include <string>
#include <vector>

#include "record/recorder.h"
#include "replay/profile.h"

namespace dse::tools {

struct LiveFlags {
  std::uint64_t buffer_bytes = std::uint64_t{4} << 20;
  std::uint64_t max_args = 131072;
  std::string duration;
  std::vector<std::string> env;     // variables that are kept
  std::vector<std::string> redact;  // regular expressions
  bool failed_execs = false;
  bool no_container_metadata = false;

  void add_to(CLI::App& app);
};

struct CaptureFlags {
  int level = 1;
  std::uint64_t segment_bytes = std::uint64_t{64} << 20;
  std::string segment_time = "1h";
  std::uint32_t keep = 0;

  void add_to(CLI::App& app);
};

// For the points that are on in `profile`.
Result<record::LiveOptions> live_options(const LiveFlags& flags, const replay::Profile& profile);
Result<record::RecordingOptions> recording_options(const CaptureFlags& flags,
                                                   const std::string& path);
// A duration option, ns; 0 when it is empty. `name` is for the message.
Result<std::uint64_t> duration_option(const std::string& text, const char* name);

}  // namespace dse::tools
