// Where a command writes a capture to that it makes of others.
#pragma once

#include <string>
#include <vector>

#include "format/result.h"

namespace dse::tools {

// A capture must be written neither into one of `inputs`, nor behind another, nor to a terminal. `out` is a
// directory, a file, or "-".
Status check_place(const std::string& out, const std::vector<std::string>& inputs);

// Half a result would pass for a capture whose recorder died. After check_place(): what had such a name
// before it would be taken for it.
void remove_unfinished(const std::string& out);

// For people.
std::string shown_place(const std::string& out);

}  // namespace dse::tools
