// The filters of an observation point, in order, and what they make of its events:
//
//   keep = (no select, or any select matches) and no drop matches
//
// Selects are asked in order until one matches, then drops until one matches; the last one that was
// asked is the reason.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "format/result.h"
#include "replay/filter/program.h"

namespace dse::replay {
class Event;
}

namespace dse::replay::filter {

enum class Action { select, drop };

// A filter as the user knows it. One that applies to several points has a place in the chain of each.
struct Spec {
  Action action = Action::select;
  std::string label;  // "drop 2", "drop child exits"
  std::string text;   // the expression; empty: a callable
  // Of a profile or an option, for all who need to count: its place in the order given. -1: none.
  int place = -1;
};

// What becomes of an event, and why: the filter in the chain that decided; kNone: no select matched, or,
// of one that is kept, there is none.
struct Verdict {
  static constexpr std::uint16_t kNone = 0xffff;
  bool keep = true;
  std::uint16_t by = kNone;
};

class Chain {
 public:
  using Callable = std::function<bool(const Event&)>;
  struct Filter {
    std::shared_ptr<const Spec> spec;
    std::variant<Program, Callable> test;
    const Program* program() const { return std::get_if<Program>(&test); }
  };

  // At most 65,534 filters; more are an error of usage.
  Status add(std::shared_ptr<const Spec> spec, std::variant<Program, Callable> test);

  bool empty() const { return filters_.empty(); }
  // Selects, then drops, each in the order in which they were added.
  const std::vector<Filter>& filters() const { return filters_; }

  // The fields that expressions read, as places in point.fields(); with `all` also those of parts that
  // decide nothing.
  std::vector<std::size_t> fields(bool all) const;
  // No event passes, whatever it is.
  bool keeps_nothing() const;
  // Whether an event of a block may pass, as far as its header tells.
  bool may_keep(const Bounds& bounds) const;

  // How often each filter was asked, and how often it matched.
  struct Count {
    std::uint64_t seen = 0, matched = 0;
  };
  // kept[i]: event i is active and passes. `verdicts` and `counts`, where given, are filled for the
  // active events, and added to, by filter. Error: a column is damaged.
  Status judge(const EventBatch& events, const Mask& active, Mask& kept, Scratch& scratch,
               std::vector<Verdict>* verdicts = nullptr,
               std::vector<Count>* counts = nullptr) const;

 private:
  bool has_selects() const { return selects_ != 0; }

  std::vector<Filter> filters_;
  std::size_t selects_ = 0;
};

}  // namespace dse::replay::filter
