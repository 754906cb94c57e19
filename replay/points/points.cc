#include "replay/points/points.h"

namespace dse::replay {
namespace {

struct Row {
  std::string_view name;
  std::unique_ptr<ObservationPoint> (*make)();
  bool by_default;
};

constexpr Row kPoints[] = {
    {"ProcessExecuted", process_executed, true},  {"ProcessExited", process_exited, false},
    {"ContainerEvent", container_event, true},    {"SocketStateChange", socket_state_change, true},
    {"SignalGenerated", signal_generated, false}, {"SignalDelivered", signal_delivered, true},
};

}  // namespace

std::vector<std::string> point_names() {
  std::vector<std::string> names;
  for (const Row& row : kPoints) names.emplace_back(row.name);
  return names;
}

std::vector<std::string> default_point_names() {
  std::vector<std::string> names;
  for (const Row& row : kPoints)
    if (row.by_default) names.emplace_back(row.name);
  return names;
}

std::unique_ptr<ObservationPoint> make_point(std::string_view name) {
  for (const Row& row : kPoints)
    if (row.name == name) return row.make();
  return nullptr;
}

}  // namespace dse::replay
