#include "replay/points/points.h"

namespace dse::replay {
namespace {

struct Row {
  std::string_view name;
  std::unique_ptr<ObservationPoint> (*make)();
};

constexpr Row kPoints[] = {
    {"ProcessExecuted", process_executed},
    {"ContainerEvent", container_event},
    {"SocketStateChange", socket_state_change},
    {"SignalDelivered", signal_delivered},
};

}  // namespace

std::vector<std::string> point_names() {
  std::vector<std::string> names;
  for (const Row& row : kPoints) names.emplace_back(row.name);
  return names;
}

std::unique_ptr<ObservationPoint> make_point(std::string_view name) {
  for (const Row& row : kPoints)
    if (row.name == name) return row.make();
  return nullptr;
}

}  // namespace dse::replay
