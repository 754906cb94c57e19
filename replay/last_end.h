// What the end entries of a capture tell, for what writes it anew.
#pragma once

#include <optional>
#include <utility>

#include "format/capture_reader.h"

namespace dse::replay {

// An observer of the reader; outlives its use.
struct LastEnd : format::CaptureReader::Observer {
  void segment(const std::string&, const format::SegmentInfo&) override {
    before = std::exchange(last, {});
  }
  void entry(const format::EntryHeader&) override {}
  void end(const format::EndInfo& info) override { last = info; }

  std::optional<format::EndInfo> last;    // of the segment at hand; none: it has none so far
  std::optional<format::EndInfo> before;  // of the one before it
};

}  // namespace dse::replay
