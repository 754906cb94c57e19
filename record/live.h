// The dse library: this host, live. Needs a kernel with BTF and CAP_BPF and CAP_PERFMON.
#pragma once

#include <memory>

#include "record/live_source.h"

namespace dse {

using record::LiveOptions;
using record::LiveSource;

// Recording starts with the first event that the session is asked for, and only what its points need
// is recorded. LiveSource::stop() ends it, from any thread and from a signal handler.
inline std::unique_ptr<LiveSource> open_live(LiveOptions options = {}) {
  options.low_latency = true;
  return std::make_unique<LiveSource>(options);
}

}  // namespace dse
