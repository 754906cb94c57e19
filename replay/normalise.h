// What of an event is the same whenever the same work is recorded again: without times, ids that are given
// out anew each time, and measurements. README.md ("What is compared") has the list.
#pragma once

#include <deque>
#include <string>
#include <string_view>
#include <vector>

#include "replay/json_line.h"

namespace dse::replay {

// What becomes of a value.
enum class Stability {
  kept,
  left_out,
  port,  // from 32768 on it stands for any: "ephemeral"
  name,  // ids and numbers in it stand for any: "*" and "#"
};
// By field, also of an element ("proc.apid[0]"); `point` is the event's evt.type.
Stability stability(std::string_view field, std::string_view point);

// "/box/*/session-#.scope": of what is in a JSON string, runs of 12 hexadecimal digits or more (with "-" and
// "_" between them, and at least one digit of 0 to 9) are "*", and other runs of decimal digits are "#".
std::string stable_name(std::string_view text);

class Normaliser {
 public:
  struct Options {
    bool exact = false;               // all values as they are
    std::vector<std::string> ignore;  // these fields are left out, whatever they are
  };
  explicit Normaliser(Options options) : options_(std::move(options)) {}

  // The values that count; views into `line` and into this, valid until the next call.
  const std::vector<JsonLine::Value>& apply(const JsonLine& line);
  // Whether a line as it is would be its own result.
  bool changes_nothing() const { return options_.exact && options_.ignore.empty(); }

 private:
  Options options_;
  std::vector<JsonLine::Value> values_;
  std::deque<std::string> own_;  // texts that are views in values_
};

}  // namespace dse::replay
