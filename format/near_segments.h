// Which segments of a capture a range of time needs, if what was before it need not be known from records.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "format/result.h"

namespace dse::format {

// When a capture began, real time in ns: where times relative to its start count from.
Result<std::uint64_t> capture_start(const std::vector<std::string>& paths);

// Of captures (directories and files that can be read twice), the files from the first to the last one that
// may have records between these real times, ns since 1970. They follow on one another as in the captures,
// and at least one is among them. Where the clock was set back, more may be.
Result<std::vector<std::string>> segments_near(const std::vector<std::string>& paths,
                                               std::optional<std::uint64_t> since,
                                               std::optional<std::uint64_t> until);

}  // namespace dse::format
