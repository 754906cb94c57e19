// Filters as a user gives them, for one observation point or for all, put into the chains of the points
// that they are for.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "replay/filter/chain.h"
#include "replay/filter/parser.h"
#include "replay/point.h"
#include "replay/profile.h"

namespace dse::replay {

class FilterSet {
 public:
  struct Entry {
    std::shared_ptr<const filter::Spec> spec;  // its place is that in entries()
    filter::Node node;
    std::vector<ObservationPoint*> points;  // whose chains have it; none: its point is off
  };

  // The points outlive the set.
  explicit FilterSet(const std::vector<std::unique_ptr<ObservationPoint>>& points);

  // Error: usage, with the place in the expression; an unknown point.
  Status add(const FilterRule& rule, const filter::Macros& macros);

  const std::vector<Entry>& entries() const { return entries_; }
  // See replay/filter/lint.h.
  std::vector<std::string> lint() const;

 private:
  std::vector<ObservationPoint*> points_;
  std::vector<Entry> entries_;
  unsigned selects_ = 0, drops_ = 0;
  std::size_t parts_ = 0;
};

}  // namespace dse::replay
