// Why one event is kept or dropped.
#pragma once

#include <cstdint>
#include <string>

#include "format/result.h"
#include "replay/session.h"

namespace dse::tools {

// Of every event with that evt.num: the verdict, what each filter of its point says, and each clause
// with the value of its field. `self`: the recorder's own events are shown; else it is said that they are
// not. Reads the session, which has not been read. Empty: there is none.
Result<std::string> explain_event(std::uint64_t number, bool json, bool self,
                                  replay::Session& session);

}  // namespace dse::tools
