// Which events a command is about: observation points, filters and the recorder's own, by options and
// by a profile.
#pragma once

#include <CLI/CLI.hpp>

#include <memory>
#include <string>
#include <vector>

#include "replay/filter_set.h"
#include "replay/profile.h"
#include "replay/session.h"

namespace dse::tools {

struct SelectionFlags {
  std::vector<std::string> points;        // empty: those of the profile
  std::vector<std::string> select, drop;  // EXPRESSION, POINT:EXPRESSION, @FILE, POINT:@FILE
  std::string profile;                    // a name or a file; empty: none
  std::shared_ptr<const replay::Profile> recorded;  // where no profile is named; may be none
  bool self = false;                                // also the recorder's own events
  bool quiet = false;                               // no notes on filters

  void add_to(CLI::App& app);
};

// --profile and --point, for commands that show no events.
void add_point_options(CLI::App& app, std::vector<std::string>& points, std::string& profile);

// "SignalDelivered" of "SignalDelivered:…"; empty when there is no such prefix. Fields are in lower case
// and have a dot, so nothing else begins like that.
std::string_view point_prefix(std::string_view text);

// The profile of that name, or of that file if there is a "/" or ".toml" in it; the empty one without a
// name.
Result<replay::Profile> load_profile(const std::string& name_or_file);
// A whole file for people to write: at most 1 MiB.
Result<std::string> read_text_file(const std::string& path);

class Selection {
 public:
  // Adds points and filters to the session; those of the profile come before those of the options. Says
  // what is odd about the filters on standard error, unless quiet. Error: usage.
  static Result<Selection> make(const SelectionFlags& flags, replay::Session& session);

  const replay::Profile& profile() const { return profile_; }  // with the points that are on
  const replay::FilterSet& filters() const { return *filters_; }

 private:
  replay::Profile profile_;
  std::unique_ptr<replay::FilterSet> filters_;
};

// The profile with --point and -s and -d taken in.
Result<replay::Profile> chosen_profile(const SelectionFlags& flags);

// Options of `dse record` that the profile sets and the command line does not. Options that `app` does
// not have are passed over. Error: usage, with the line.
Status apply_record_options(const replay::Profile& profile, CLI::App& app);

}  // namespace dse::tools
