// The events of a batch that a session keeps, by the records that they are of: what a new capture of these
// records shows.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "replay/session.h"

namespace dse::replay {

class KeptEvents {
 public:
  // Of the last batch of the session.
  explicit KeptEvents(const Session& session);

  // Calls visit(event, nth) for each that is kept: which of the events that its point makes of its record
  // it is.
  template <typename Visit>
  static void for_each_kept(const Session::Judged& judged, Visit visit) {
    auto positions = judged.events.positions();
    std::uint32_t nth = 0;
    for (std::uint32_t i = 0; i < positions.size(); ++i) {
      nth = i > 0 && positions[i] == positions[i - 1] ? nth + 1 : 0;
      if (judged.kept[i]) visit(i, nth);
    }
  }

  std::uint64_t count() const;
  // Positions in the batch of the first and last record that an event is of.
  std::optional<std::uint32_t> first() const;
  std::optional<std::uint32_t> last() const;

  // Records are asked about in order. Whether an event shows the record; and, if so, whether one of
  // ContainerEvent alone does.
  enum class By { nothing, containers, others };
  By by(std::uint32_t position) const;
  // Calls visit(point, nth) for each event of the record, and passes all up to it.
  template <typename Visit>
  void take(std::uint32_t position, Visit visit) {
    for (OfPoint& of : points_)
      for (; of.next < of.position.size() && of.position[of.next] <= position; ++of.next)
        if (of.position[of.next] == position) visit(*of.point, of.nth[of.next]);
  }

 private:
  struct OfPoint {
    const std::string* point;
    std::vector<std::uint32_t> position, nth;
    std::size_t next = 0;  // the first that has not been passed
  };
  std::vector<OfPoint> points_;
};

}  // namespace dse::replay
