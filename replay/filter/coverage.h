// What filters did on a capture: like the counters of a firewall, and like the coverage of a test, down
// to the clauses of each expression.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "format/result.h"
#include "replay/filter_set.h"
#include "replay/session.h"

namespace dse::replay::filter {

class Coverage {
 public:
  // A part of an expression, on the events that its filter was asked about. All parts are looked at,
  // also those that the engine need not run.
  struct Clause {
    Place place;
    Node::Kind kind = Node::Kind::test;
    unsigned depth = 0;  // 0: the whole
    std::uint64_t yes = 0, no = 0;
    // Events for which the filter would answer otherwise if this clause were not there. Of the whole, and
    // what only negates it: 0.
    std::uint64_t needed = 0;
    bool removable = false;  // it is one of several in an "and" or an "or"

    std::uint64_t asked() const { return yes + no; }
    bool never_true() const { return asked() != 0 && yes == 0; }
    bool never_false() const { return asked() != 0 && no == 0; }
    bool redundant() const { return asked() != 0 && removable && needed == 0; }
  };
  struct Filter {
    const FilterSet::Entry* entry;
    std::uint64_t seen = 0;       // events that no former filter had decided about
    std::uint64_t matched = 0;    // of those
    std::uint64_t decided = 0;    // whose verdict is this filter's: the last one that was asked
    std::uint64_t alone = 0;      // events that it matches, whatever the others do
    std::vector<Clause> clauses;  // the whole first, each before what is in it
  };
  // Of one observation point: kept and dropped by filters, and without one.
  struct Point {
    std::string name;
    std::uint64_t kept = 0, dropped = 0;
    std::uint64_t kept_without = 0;     // it has no selects, and no drop matched
    std::uint64_t dropped_without = 0;  // no select matched
    std::uint64_t events() const { return kept + dropped; }
  };

  // `filters` outlive it.
  Coverage(const FilterSet& filters, const std::vector<std::unique_ptr<ObservationPoint>>& points);

  // Counts the events of one point and batch. Error: a column is damaged.
  Status add(const Session::Judged& judged);

  const std::vector<Filter>& filters() const { return filters_; }
  const std::vector<Point>& points() const { return points_; }

 private:
  void add_clauses(const Program& program, const Mask& seen, Filter& filter);

  std::vector<Filter> filters_;
  std::vector<Point> points_;
  std::vector<Mask> parts_;
  Scratch scratch_;
};

}  // namespace dse::replay::filter
