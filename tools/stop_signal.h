// SIGINT and SIGTERM: the first one ends the work cleanly, the second one at once.
#pragma once

#include <functional>

namespace dse::tools {

// `stop` must be async-signal-safe. A second signal ends the process with 128 + its number, and what
// has been written stays readable.
void on_stop_signal(std::function<void()> stop);

}  // namespace dse::tools
