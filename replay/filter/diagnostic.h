// What is wrong with an expression, and where.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "format/result.h"
#include "replay/filter/syntax.h"

namespace dse::replay::filter {

// "NAME: MESSAGE", and below it the line of the source with a caret under the place:
//
//   --select: unknown field 'proc.nmae'; did you mean proc.name?
//     proc.nmae = bash
//     ^~~~~~~~~
//
// Long lines are cut around the place. Nothing in them can steer a terminal.
std::string show_place(const Place& place, std::string_view message);

// The same as an error of usage.
Error error_at(const Place& place, std::string_view message);

// A message that quotes what it is about, which may be anything and of any length: cut in the middle if it
// is long, and nothing in it can steer a terminal.
std::string shown_message(std::string_view message);

// "; did you mean a or b?" with the nearest of `known`; nothing when none is near.
std::string did_you_mean(std::string_view name, const std::vector<std::string>& known);

}  // namespace dse::replay::filter
