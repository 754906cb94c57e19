// Why one event is kept or dropped.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "format/result.h"
#include "replay/session.h"

namespace dse::tools {

// Of every event with that evt.num: the verdict, what each filter of its point says, and each clause
// with the value of its field. `self`: the recorder's own events are shown; else it is said that they are
// not. Reads the session, which has not been read. Empty: there is none.
Result<std::string> explain_event(std::uint64_t number, bool json, bool self,
                                  replay::Session& session);

// What a user wrote, on one line and such that it steers no terminal.
std::string shown(std::string_view text);
// The same as a JSON string with its quotes; bytes that are not UTF-8 as in events.
std::string json_text(std::string_view text);

}  // namespace dse::tools
