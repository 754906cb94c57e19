// The events of a capture one by one, as lines of JSON and of text: for commands that compare events. Says
// nothing by itself, so several may run side by side.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "replay/filter_set.h"
#include "replay/normalise.h"
#include "replay/profile.h"
#include "replay/render.h"
#include "replay/session.h"
#include "tools/window.h"

namespace dse::tools {

struct EventQuery {
  std::vector<std::string> paths;
  replay::Profile profile;  // with points and filters
  // Points that are off in the profile, but whose events come out nevertheless.
  std::vector<std::string> more_points;
  WindowFlags window;
  bool self = false;
  bool show_dropped = false;
  std::vector<std::string> fields;  // only these; empty: what events show unasked
};

class EventLines {
 public:
  // Error: usage, or that of reading.
  static Result<std::unique_ptr<EventLines>> open(const EventQuery& query);

  // The next event; false: there is none.
  Result<bool> next();
  const replay::Event& event() const { return event_; }
  std::string_view json();  // valid until the next call of either
  std::string text();

  // Why it is there or not: "drop 2 (noise)". Of dropped events only when they are shown.
  std::string reason() const;
  bool kept() const;
  // The text of the filter that decided; empty: none did.
  std::string decided_by() const;

  replay::Session& session() { return *session_; }
  const replay::FilterSet& filters() const { return *filters_; }

 private:
  struct Renderers {
    replay::JsonRenderer json;
    replay::TextRenderer text;
    bool on;
  };
  EventLines() = default;
  Status check_fields(const std::vector<std::string>& fields) const;
  const Renderers& renderers();

  std::unique_ptr<replay::Session> session_;
  std::unique_ptr<replay::FilterSet> filters_;
  std::map<const replay::ObservationPoint*, Renderers> renderers_;
  replay::Event event_;
  std::string json_;
};

// The observation points of both, in the order in which events are shown.
std::vector<std::string> union_of_points(const std::vector<std::string>& a,
                                         const std::vector<std::string>& b);

}  // namespace dse::tools
