#include "replay/filter/lint.h"

#include <algorithm>
#include <map>
#include <optional>

#include <fmt/format.h>

#include "replay/filter/diagnostic.h"
#include "replay/point.h"

namespace dse::replay::filter {
namespace {

using Kind = Node::Kind;

// Notes are a courtesy: where there is too much to compare, some are not made.
constexpr std::size_t kMaxPairs = 20'000, kMaxSteps = 2'000;

// A test as a set of values of its field, as far as it is one.
struct Values {
  std::string field;
  std::optional<std::vector<Range>> ranges;
  std::optional<std::vector<std::string>> texts;
};

std::vector<std::string> intersection(const std::vector<std::string>& a,
                                      const std::vector<std::string>& b) {
  std::vector<std::string> both;
  std::set_intersection(a.begin(), a.end(), b.begin(), b.end(), std::back_inserter(both));
  return both;
}

std::vector<Range> intersection(const std::vector<Range>& a, const std::vector<Range>& b) {
  std::vector<Range> both;
  for (auto x = a.begin(), y = b.begin(); x != a.end() && y != b.end();) {
    if (x->low <= y->high && y->low <= x->high)
      both.push_back({std::max(x->low, y->low), std::min(x->high, y->high)});
    ++(x->high < y->high ? x : y);
  }
  return both;
}

// All of these are ascending and do not overlap.
bool within(const std::vector<Range>& inner, const std::vector<Range>& outer) {
  auto of = outer.begin();
  for (const Range& range : inner) {
    while (of != outer.end() && of->high < range.high) ++of;
    if (of == outer.end() || of->low > range.low) return false;
  }
  return true;
}

// One filter at one point: its parts, with the last one as the whole.
class View {
 public:
  explicit View(const Program& program) : program_(program), parts_(program.parts()) {}

  std::size_t root() const { return parts_.size() - 1; }
  const Program::Part& part(std::size_t place) const { return parts_[place]; }

  std::optional<Values> values(std::size_t place) const {
    if (parts_[place].kind != Kind::test) return {};
    const Program::Leaf& leaf = program_.leaf(place);
    if (leaf.negated || leaf.is_list || !leaf.signal_names.empty()) return {};
    Values values{parts_[place].field, {}, {}};
    if (leaf.what == Program::Leaf::What::numbers || leaf.what == Program::Leaf::What::times)
      values.ranges = leaf.ranges;
    else if (leaf.what == Program::Leaf::What::texts && leaf.text->equals())
      values.texts = *leaf.text->equals();
    else
      return {};
    return values;
  }

 private:
  const Program& program_;
  std::vector<Program::Part> parts_;
};

// Whether tests that must all hold exclude one another.
bool contradictory(const View& view, std::size_t place) {
  std::map<std::string, Values> together;
  for (std::size_t child : view.part(place).children) {
    auto values = view.values(child);
    if (!values) continue;
    auto [found, is_new] = together.try_emplace(values->field, *values);
    if (is_new) continue;
    Values& known = found->second;
    if (known.ranges && values->ranges) {
      known.ranges = intersection(*known.ranges, *values->ranges);
      if (known.ranges->empty()) return true;
    } else if (known.texts && values->texts) {
      known.texts = intersection(*known.texts, *values->texts);
      if (known.texts->empty()) return true;
    }
  }
  return false;
}

// Whether `a` can only be true where `b` is, as far as it is easy to see: within `steps`, which are
// counted down. There may be more ways to see it than can be tried.
bool implies(const View& a, std::size_t i, const View& b, std::size_t j, std::size_t& steps) {
  if (steps == 0) return false;
  --steps;
  const Program::Part &x = a.part(i), &y = b.part(j);
  auto a_implies = [&](std::size_t child) { return implies(a, i, b, child, steps); };
  auto implies_b = [&](std::size_t child) { return implies(a, child, b, j, steps); };
  if (y.kind == Kind::all) return std::all_of(y.children.begin(), y.children.end(), a_implies);
  if (x.kind == Kind::any) return std::all_of(x.children.begin(), x.children.end(), implies_b);
  if (y.kind == Kind::any && std::any_of(y.children.begin(), y.children.end(), a_implies))
    return true;
  if (x.kind == Kind::all) return std::any_of(x.children.begin(), x.children.end(), implies_b);
  if (x.kind == Kind::negation && y.kind == Kind::negation)
    return implies(b, y.children[0], a, x.children[0], steps);
  if (x.kind != Kind::test || y.kind != Kind::test) return false;
  auto mine = a.values(i), others = b.values(j);
  if (mine && others && mine->field == others->field) {
    if (mine->ranges && others->ranges) return within(*mine->ranges, *others->ranges);
    if (mine->texts && others->texts)
      return std::includes(others->texts->begin(), others->texts->end(), mine->texts->begin(),
                           mine->texts->end());
  }
  return x.place.text() == y.place.text();
}

std::string point_list(const std::vector<const ObservationPoint*>& points) {
  std::vector<std::string> names;
  for (const ObservationPoint* point : points) names.push_back(point->name());
  return fmt::format("{}", fmt::join(names, ", "));
}

std::string_view field_name(std::string_view field) { return field.substr(0, field.find('[')); }

// Points that have the field but not in all events, and points that do not have it.
struct Missing {
  std::vector<const ObservationPoint*> sometimes, never;
};
Missing missing(std::string_view field, const std::vector<const ObservationPoint*>& points) {
  Missing out;
  for (const ObservationPoint* point : points) {
    int place = point->field(field_name(field));
    if (place < 0)
      out.never.push_back(point);
    else if (!point->fields()[static_cast<std::size_t>(place)].always || field.ends_with(']') ||
             (point->name() == "ContainerEvent" && field.starts_with("proc.")))
      out.sometimes.push_back(point);
  }
  return out;
}

class Linter {
 public:
  Linter(const Linted& filter, std::vector<std::string>& out) : filter_(filter), out_(out) {}

  void check_missing(const Node& node) { check_missing(node, false, {}); }

  // Can it be true at all? Asked of every part, from the top; of one that cannot, not of what is in it.
  void check_impossible(const std::vector<Program>& programs) {
    std::vector<View> views(programs.begin(), programs.end());
    if (!views.empty()) check_impossible(programs, views, views[0].root());
  }

 private:
  void say(const Place& place, const std::string& message) {
    out_.push_back(show_place(place, message));
  }

  // `negated`: the place of the "not" that it stands under. `asked`: fields that are known to exist.
  void check_missing(const Node& node, bool negated, const std::vector<std::string>& asked) {
    if (node.kind == Kind::negation) return check_missing(node.children[0], !negated, asked);
    if (node.kind == Kind::all && !negated) {
      std::vector<std::string> more = asked;
      for (const Node& child : node.children)
        if (child.kind == Kind::test && child.test.op != Operator::not_equal)
          more.push_back(child.test.field);
      for (const Node& child : node.children) check_missing(child, negated, more);
      return;
    }
    for (const Node& child : node.children) check_missing(child, negated, asked);
    if (node.kind != Kind::test || node.test.op == Operator::exists) return;
    const std::string& field = node.test.field;
    const bool differs = node.test.op == Operator::not_equal;
    // Under "not", "x = 1" becomes true where x is missing; above, "x != 1" is false there.
    if (negated == differs) return;
    Missing where = missing(field, filter_.points);
    if (where.never.size() == filter_.points.size()) return;  // said elsewhere
    if (std::find(asked.begin(), asked.end(), field) != asked.end()) return;
    std::string lacking;
    if (!where.never.empty())
      lacking = fmt::format("events of {} never have it", point_list(where.never));
    else if (!where.sometimes.empty())
      lacking = fmt::format("not every event of {} has it", point_list(where.sometimes));
    else
      return;
    if (negated)
      say(node.place, fmt::format("under 'not' this is true where {0} is missing, and {1}; '{0} "
                                  "exists and not …' leaves those out",
                                  field, lacking));
    else
      say(node.place, fmt::format("'!=' is false where {0} is missing, and {1}; 'not {0} = {2}' "
                                  "takes those in",
                                  field, lacking, node.test.items[0].from.place.text()));
  }

  void check_impossible(const std::vector<Program>& programs, const std::vector<View>& views,
                        std::size_t place) {
    const Program::Part& part = views[0].part(place);
    auto everywhere = [&](auto holds) {
      for (std::size_t i = 0; i < views.size(); ++i)
        if (!holds(programs[i], views[i])) return false;
      return true;
    };
    if (part.kind == Kind::test) {
      if (everywhere([&](const Program&, const View& view) {
            return view.part(place).point_lacks_field;
          })) {
        const Field* known = find_builtin_field(field_name(part.field));
        std::string whose;
        if (known && !known->points.empty())
          whose = fmt::format("; it is one of {}", fmt::join(known->points, ", "));
        say(part.place, fmt::format("can never be true: {} {} no {}{}", point_list(filter_.points),
                                    filter_.points.size() == 1 ? "has" : "have",
                                    field_name(part.field), whose));
      } else if (const Program::Leaf& leaf = programs[0].leaf(place);
                 (leaf.what == Program::Leaf::What::numbers ||
                  leaf.what == Program::Leaf::What::times) &&
                 leaf.ranges.empty() && leaf.signal_names.empty() && !leaf.negated) {
        say(part.place, "can never be true: no value is in it");
      }
      return;
    }
    if (part.kind == Kind::all && contradictory(views[0], place)) {
      say(part.place, "can never be true: its parts exclude one another");
      return;
    }
    for (std::size_t child : part.children) check_impossible(programs, views, child);
  }

  const Linted& filter_;
  std::vector<std::string>& out_;
};

}  // namespace

std::vector<std::string> lint(const std::vector<Linted>& filters) {
  std::vector<std::string> out;
  std::vector<std::vector<Program>> compiled;
  for (const Linted& filter : filters) {
    std::vector<Program>& programs = compiled.emplace_back();
    for (const ObservationPoint* point : filter.points)
      if (auto program = Program::compile(*filter.node, *point))
        programs.push_back(std::move(*program));
    Linter linter(filter, out);
    linter.check_missing(*filter.node);
    linter.check_impossible(programs);
  }
  // Of one point; the tree is the same at all of them.
  std::vector<std::optional<View>> views;
  for (const std::vector<Program>& programs : compiled) {
    views.emplace_back();
    if (!programs.empty()) views.back().emplace(programs[0]);
  }
  std::size_t pairs = kMaxPairs;
  for (std::size_t i = 0; i < filters.size() && pairs > 0; ++i) {
    for (std::size_t j = 0; j < i && pairs > 0; ++j, --pairs) {
      const Linted &former = filters[j], &later = filters[i];
      if (former.spec->action != later.spec->action || !views[i] || !views[j]) continue;
      bool all_points = std::all_of(
          later.points.begin(), later.points.end(), [&](const ObservationPoint* point) {
            return std::find(former.points.begin(), former.points.end(), point) !=
                   former.points.end();
          });
      std::size_t steps = kMaxSteps;
      if (!all_points || !implies(*views[i], views[i]->root(), *views[j], views[j]->root(), steps))
        continue;
      out.push_back(show_place(later.node->place,
                               fmt::format("decides nothing: {} already takes all that it matches",
                                           former.spec->label)));
      break;
    }
  }
  return out;
}

}  // namespace dse::replay::filter
