#include "replay/kept_events.h"

namespace dse::replay {

KeptEvents::KeptEvents(const Session& session) {
  for (const Session::Judged& judged : session.judged()) {
    OfPoint of{&judged.events.point().name(), {}, {}};
    for_each_kept(judged, [&](std::uint32_t i, std::uint32_t nth) {
      of.position.push_back(judged.events.positions()[i]);
      of.nth.push_back(nth);
    });
    if (!of.position.empty()) points_.push_back(std::move(of));
  }
}

std::uint64_t KeptEvents::count() const {
  std::uint64_t count = 0;
  for (const OfPoint& of : points_) count += of.position.size();
  return count;
}

std::optional<std::uint32_t> KeptEvents::first() const {
  std::optional<std::uint32_t> first;
  for (const OfPoint& of : points_)
    first = std::min(first.value_or(of.position.front()), of.position.front());
  return first;
}

std::optional<std::uint32_t> KeptEvents::last() const {
  std::optional<std::uint32_t> last;
  for (const OfPoint& of : points_) last = std::max(last.value_or(0), of.position.back());
  return last;
}

KeptEvents::By KeptEvents::by(std::uint32_t position) const {
  By by = By::nothing;
  for (const OfPoint& of : points_) {
    if (of.next == of.position.size() || of.position[of.next] != position) continue;
    if (*of.point != "ContainerEvent") return By::others;
    by = By::containers;
  }
  return by;
}

}  // namespace dse::replay
