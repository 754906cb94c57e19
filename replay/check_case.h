// Cases of `dse check`: which events of which capture are expected, as TOML. README.md has the keys.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "format/result.h"

namespace dse::replay {

struct CheckCase {
  // A text, and where in the file it stands: "case.toml:12".
  struct Text {
    std::string text, source;
  };
  struct Count {
    std::string point;  // "events": of all points
    std::uint64_t count;
    std::string source;
  };

  std::string description;
  std::string capture;
  std::string profile;  // a name or a file; empty: none
  std::vector<std::string> points;
  std::vector<Text> select, drop;
  std::string since, until, num;
  bool self = false;

  // The file of expected events, as lines of JSON; none: only what follows is expected.
  std::optional<std::string> expected = "expected.jsonl";
  std::vector<std::string> fields, ignore;
  bool normalise = false;
  std::vector<Count> counts;
  std::optional<Text> digest;
  std::optional<Text> lossless;

  bool expects_anything() const { return expected || !counts.empty() || digest || lossless; }
};

// `name` is for messages. Error: usage, with the line: not TOML, an unknown key, a value of the wrong type,
// no capture, or nothing that is expected.
Result<CheckCase> parse_check_case(const std::string& name, const std::string& text);

}  // namespace dse::replay
