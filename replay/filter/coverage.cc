#include "replay/filter/coverage.h"

#include <algorithm>
#include <optional>

namespace dse::replay::filter {
namespace {

std::uint64_t ones(const Mask& mask) {
  return static_cast<std::uint64_t>(std::count(mask.begin(), mask.end(), 1));
}

// The parts of a program in the order in which people read them: the whole first.
void list_parts(const std::vector<Program::Part>& parts, std::size_t place, unsigned depth,
                std::vector<std::pair<std::size_t, unsigned>>& out) {
  out.emplace_back(place, depth);
  for (std::size_t child : parts[place].children) list_parts(parts, child, depth + 1, out);
}

// What a part must not be for its own value to matter: the value that it has when it is taken away.
std::vector<std::optional<bool>> neutral_values(const std::vector<Program::Part>& parts) {
  std::vector<std::optional<bool>> neutral(parts.size());
  for (std::size_t place = parts.size(); place-- > 0;)
    for (std::size_t child : parts[place].children) switch (parts[place].kind) {
        case Node::Kind::all: neutral[child] = true; break;
        case Node::Kind::any: neutral[child] = false; break;
        default:
          if (neutral[place]) neutral[child] = !*neutral[place];
      }
  return neutral;
}

// Of each part: the events for which the whole would turn over if it did.
std::vector<Mask> critical_events(const std::vector<Program::Part>& parts,
                                  const std::vector<Mask>& values, const Mask& seen) {
  std::vector<Mask> critical(parts.size());
  critical.back() = seen;
  std::vector<std::uint32_t> settling(seen.size());
  for (std::size_t place = parts.size(); place-- > 0;) {
    const Program::Part& part = parts[place];
    // Children that settle it alone: a false one of "and", a true one of "or".
    const std::uint8_t settles = part.kind == Node::Kind::any;
    std::fill(settling.begin(), settling.end(), 0);
    if (part.kind != Node::Kind::negation)
      for (std::size_t child : part.children)
        for (std::size_t i = 0; i < seen.size(); ++i) settling[i] += values[child][i] == settles;
    for (std::size_t child : part.children) {
      critical[child] = critical[place];
      if (part.kind == Node::Kind::negation) continue;
      for (std::size_t i = 0; i < seen.size(); ++i)
        if (settling[i] != (values[child][i] == settles ? 1u : 0u)) critical[child][i] = 0;
    }
  }
  return critical;
}

}  // namespace

Coverage::Coverage(const FilterSet& filters,
                   const std::vector<std::unique_ptr<ObservationPoint>>& points) {
  for (const FilterSet::Entry& entry : filters.entries())
    filters_.push_back({&entry, 0, 0, 0, 0, {}});
  for (const auto& point : points) points_.push_back({point->name()});
}

void Coverage::add_clauses(const Program& program, const Mask& seen, Filter& filter) {
  std::vector<Program::Part> parts = program.parts();
  std::vector<std::pair<std::size_t, unsigned>> order;
  list_parts(parts, parts.size() - 1, 0, order);
  std::vector<std::optional<bool>> neutral = neutral_values(parts);
  std::vector<Mask> critical = critical_events(parts, parts_, seen);
  filter.clauses.resize(order.size());
  for (std::size_t c = 0; c < order.size(); ++c) {
    auto [place, depth] = order[c];
    Clause& clause = filter.clauses[c];
    clause.place = parts[place].place;
    clause.kind = parts[place].kind;
    clause.depth = depth;
    clause.removable = neutral[place].has_value();
    for (std::size_t i = 0; i < seen.size(); ++i) {
      if (!seen[i]) continue;
      bool value = parts_[place][i];
      ++(value ? clause.yes : clause.no);
      if (critical[place][i] && neutral[place] && value != *neutral[place]) ++clause.needed;
    }
  }
}

Status Coverage::add(const Session::Judged& judged) {
  const ObservationPoint& point = judged.events.point();
  auto of_point = std::find_if(points_.begin(), points_.end(),
                               [&](const Point& one) { return one.name == point.name(); });
  const auto& chain = point.chain().filters();
  const std::size_t n = judged.considered.size();
  Mask seen = judged.considered, selected(n, 0);
  bool has_selects = false, in_drops = false;
  std::vector<std::uint16_t> by(n, Verdict::kNone);
  for (std::size_t place = 0; place < chain.size(); ++place) {
    const Spec& spec = *chain[place].spec;
    if (spec.action == Action::drop && !std::exchange(in_drops, true) && has_selects)
      seen = selected;
    has_selects = has_selects || spec.action == Action::select;
    const Program& program = *chain[place].program();
    // Every clause is looked at for every event, so that order hides nothing.
    DSE_TRY(program.run_parts(judged.events, judged.considered, parts_, scratch_));
    Filter& filter = filters_[static_cast<std::size_t>(spec.place)];
    const Mask& matches = parts_.back();
    filter.seen += ones(seen);
    filter.alone += ones(matches);
    add_clauses(program, seen, filter);
    for (std::size_t i = 0; i < n; ++i) {
      if (!seen[i] || !matches[i]) continue;
      ++filter.matched;
      seen[i] = 0;
      by[i] = static_cast<std::uint16_t>(place);
      selected[i] = spec.action == Action::select;
    }
  }
  for (std::size_t i = 0; i < n; ++i) {
    if (!judged.considered[i]) continue;
    const Spec* spec = by[i] == Verdict::kNone ? nullptr : chain[by[i]].spec.get();
    bool keep = spec ? spec->action == Action::select : !has_selects;
    ++(keep ? of_point->kept : of_point->dropped);
    if (spec)
      ++filters_[static_cast<std::size_t>(spec->place)].decided;
    else
      ++(keep ? of_point->kept_without : of_point->dropped_without);
  }
  return {};
}

}  // namespace dse::replay::filter
