// Profiles: which observation points are on, and their filters, macros and record options, as TOML.
// README.md has the keys; replay/profiles/ has those that come with dse.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "format/result.h"
#include "replay/filter/chain.h"
#include "replay/filter/parser.h"

namespace dse::replay {

// A filter as an option or a profile gives it.
struct FilterRule {
  filter::Action action = filter::Action::select;
  std::string point;  // empty: all
  std::string expression;
  std::string name;    // what the user calls it; may be empty
  std::string source;  // "-d", "web.toml:12": where an error is shown to be
};

// An option of `dse record`, by its long name without the dashes.
struct RecordOption {
  std::string name;
  std::vector<std::string> values;  // of a flag: "true" or "false"
  std::string source;
};

struct Profile {
  std::string name;
  std::string description;
  std::vector<std::string> points;  // those that are on, in the order in which events are shown
  filter::Macros macros;
  std::vector<FilterRule> filters;  // in order
  std::vector<RecordOption> record;
  std::string text;  // as it was read
};

// `name` is for messages: a path, or what the user calls it. Error: usage, with the line: not TOML, an
// unknown key, a value of the wrong type, an unknown point. Expressions are not looked into.
Result<Profile> parse_profile(std::string name, std::string text);

// Keys of TOML with so many parts that reading them would need a stack without end.
bool has_deep_keys(std::string_view toml);

// The names of those that come with dse.
std::vector<std::string> builtin_profile_names();
// The text of one; empty: there is none of that name.
std::string_view builtin_profile(std::string_view name);

// Under which option of its header a capture has the profile that it was recorded under.
inline constexpr const char* kProfileOption = "profile-text";
// The text for that: without the rules of redaction, which may name what they hide.
std::string text_to_record(const Profile& profile);

// The points that are on when nobody says otherwise, and no filters.
Profile empty_profile();

}  // namespace dse::replay
