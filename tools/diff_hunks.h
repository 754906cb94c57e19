// What differs, as text like that of `diff -u` and as JSON: for `dse diff` and `dse check`.
#pragma once

#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

#include <string>
#include <vector>

#include "replay/event_diff.h"

namespace dse::tools {

using JsonWriter = rapidjson::Writer<rapidjson::StringBuffer>;
// A key with a text, which may hold any bytes.
void write_text(JsonWriter& w, const char* key, std::string_view value);

struct DiffView {
  const std::vector<replay::SequenceChange>& changes;
  const replay::DiffPlan& plan;
  const replay::EventPicker& a;
  const replay::EventPicker& b;
};

// Hunks with "-" and "+" before events, " " before what is the same around them, and "?" before what of an
// event changed.
std::string hunks_text(const DiffView& view, bool colour);
// An array with an object for each removed, added or changed event.
void write_differences(const DiffView& view, JsonWriter& w);

// How a sequence was compared, where that is not as one would expect; empty: one by one in order.
std::string remark(const replay::SequenceChange& change);

// The text in red for '-', in green for '+', and in cyan for '@', without a newline.
std::string coloured(char kind, const std::string& text, bool colour);

}  // namespace dse::tools
