// The observation points that come with dse. To add one, write replay/points/x.cc and add a line here
// and in points.cc; README.md has the whole recipe.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "replay/point.h"

namespace dse::replay {

std::unique_ptr<ObservationPoint> process_executed();
std::unique_ptr<ObservationPoint> container_event();
std::unique_ptr<ObservationPoint> socket_state_change();
std::unique_ptr<ObservationPoint> signal_delivered();
// These are not shown unless they are asked for: they tell more of what others tell already.
std::unique_ptr<ObservationPoint> process_exited();
std::unique_ptr<ObservationPoint> signal_generated();

// The names of all, in the order in which events of one record are shown.
std::vector<std::string> point_names();
// Of those that are shown unasked.
std::vector<std::string> default_point_names();
// nullptr when there is none of that name.
std::unique_ptr<ObservationPoint> make_point(std::string_view name);

}  // namespace dse::replay
