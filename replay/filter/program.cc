#include "replay/filter/program.h"

#include <algorithm>
#include <charconv>

#include "replay/event.h"
#include "replay/point.h"
#include "replay/state.h"

namespace dse::replay::filter {
namespace {

using Leaf = Program::Leaf;

bool parse_whole(std::string_view text, std::uint64_t& value) {
  std::int64_t number = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  value = static_cast<std::uint64_t>(number);
  return error == std::errc() && end == text.data() + text.size();
}

// The elements of a list: each ends with a NUL, which the last may lack.
template <typename Holds>
bool any_element(std::string_view list, Holds holds) {
  while (!list.empty()) {
    std::size_t end = std::min(list.find('\0'), list.size());
    if (holds(list.substr(0, end))) return true;
    list.remove_prefix(std::min(end + 1, list.size()));
  }
  return false;
}

// Whether the value in `slot`, which is there, passes; before negation.
bool holds(const Leaf& leaf, const std::vector<Range>& ranges, const EventColumn& column,
           std::size_t slot) {
  switch (leaf.what) {
    case Leaf::What::exists: return true;
    case Leaf::What::flag: return column.numbers[slot] != 0;
    case Leaf::What::texts:
      if (!leaf.is_list) return leaf.text->matches(column.texts[slot]);
      return any_element(column.texts[slot],
                         [&](std::string_view element) { return leaf.text->matches(element); });
    case Leaf::What::numbers:
      if (!leaf.is_list) return in_ranges(ranges, key_of(leaf.type, column.numbers[slot]));
      return any_element(column.texts[slot], [&](std::string_view element) {
        std::uint64_t value = 0;
        return parse_whole(element, value) && in_ranges(ranges, key_of(leaf.type, value));
      });
    case Leaf::What::times: return false;  // by event, not by value
  }
  return false;
}

bool slot_missing(const EventColumn& column, std::size_t slot) {
  if (column.is_text()) return column.texts[slot].data() == nullptr;
  return !column.present.empty() && !column.present[slot];
}

// Whether the column has values of the kind that the test is made for.
bool suits(const Leaf& leaf, const EventColumn& column) {
  if (leaf.what == Leaf::What::exists) return column.is_text() || column.numbers.data();
  bool texts = leaf.what == Leaf::What::texts || leaf.is_list;
  return texts ? column.is_text() : !column.is_text() && column.numbers.data();
}

// Numbers that stand for themselves, in one range: the loop that the compiler makes wide.
void run_range(const EventColumn& column, const Range& range, FieldType type, bool negated,
               const Mask& active, Mask& out) {
  const std::uint64_t* values = column.numbers.data();
  const std::uint64_t turn = key_of(type, 0), low = range.low, span = range.high - range.low;
  const auto flip = static_cast<std::uint8_t>(negated);
  const std::size_t n = active.size();
  const std::uint8_t* const is_active = active.data();
  std::uint8_t* const holds = out.data();
  for (std::size_t i = 0; i < n; ++i)
    holds[i] = is_active[i] & (static_cast<std::uint8_t>((values[i] ^ turn) - low <= span) ^ flip);
  if (!column.present.empty())
    for (std::size_t i = 0; i < active.size(); ++i) out[i] &= column.present[i] != 0;
}

// What is the same for many events is tested once. `test(slot)`: the answer for a distinct value.
template <typename Test>
void run_distinct(const EventColumn& column, std::size_t slots, const Mask& active, Mask& out,
                  std::vector<std::uint8_t>& truth, Test test) {
  const std::uint64_t* index = column.index.data();
  std::size_t n = active.size();
  auto wanted = static_cast<std::size_t>(std::count(active.begin(), active.end(), 1));
  if (slots <= wanted) {
    truth.resize(slots);
    for (std::size_t slot = 0; slot < slots; ++slot) truth[slot] = test(slot);
    for (std::size_t i = 0; i < n; ++i) out[i] = active[i] & truth[index[i]];
    return;
  }
  constexpr std::uint8_t kUnknown = 2;
  truth.assign(slots, kUnknown);
  for (std::size_t i = 0; i < n; ++i) {
    out[i] = 0;
    if (!active[i]) continue;
    std::uint8_t& known = truth[index[i]];
    if (known == kUnknown) known = test(index[i]);
    out[i] = known;
  }
}

// The ranges with those of signals, whose numbers depend on the machine.
std::vector<Range> ranges_of(const Leaf& leaf, Arch arch) {
  std::vector<Range> ranges = leaf.ranges;
  for (const std::string& name : leaf.signal_names)
    if (auto number = signal_number(arch, name)) {
      Key key = key_of(leaf.type, static_cast<std::uint64_t>(*number));
      ranges.push_back({key, key});
    }
  return sorted_ranges(std::move(ranges));
}

void run_times(const Leaf& leaf, const EventBatch& events, const EventColumn& column,
               const Mask& active, Mask& out) {
  for (std::uint32_t i = 0; i < active.size(); ++i) {
    out[i] = 0;
    if (!active[i] || column.missing(i)) continue;
    std::uint64_t real = events.state().real_time(column.numbers[column.slot(i)], events.number(i));
    out[i] = in_ranges(leaf.ranges, real) != leaf.negated;
  }
}

Status run_leaf(const Leaf& leaf, const EventBatch& events, const Mask& active, Mask& out,
                Scratch& scratch) {
  auto field = static_cast<std::size_t>(leaf.field);
  auto made = leaf.index.empty() ? events.column(field) : events.element(field, leaf.index);
  if (!made) return made.error();
  const EventColumn& column = **made;
  if (!suits(leaf, column)) {
    std::fill(out.begin(), out.end(), std::uint8_t{0});
    return {};
  }
  if (leaf.what == Leaf::What::times) {
    run_times(leaf, events, column, active, out);
    return {};
  }
  const std::vector<Range>* ranges = &leaf.ranges;
  std::vector<Range> with_signals;
  if (!leaf.signal_names.empty()) {
    with_signals = ranges_of(leaf, events.state().arch());
    ranges = &with_signals;
  }
  if (leaf.what == Leaf::What::numbers && !leaf.is_list && column.index.empty() &&
      ranges->size() == 1) {
    run_range(column, ranges->front(), leaf.type, leaf.negated, active, out);
    return {};
  }
  auto test = [&](std::size_t slot) -> std::uint8_t {
    return !slot_missing(column, slot) && holds(leaf, *ranges, column, slot) != leaf.negated;
  };
  if (!column.index.empty()) {
    std::size_t slots = column.is_text() ? column.texts.size() : column.numbers.size();
    run_distinct(column, slots, active, out, scratch.truth, test);
    return {};
  }
  for (std::size_t i = 0; i < active.size(); ++i) out[i] = active[i] && test(i);
  return {};
}

void fill_constant(bool value, const Mask& active, Mask& out) {
  if (value)
    std::copy(active.begin(), active.end(), out.begin());
  else
    std::fill(out.begin(), out.end(), std::uint8_t{0});
}

Possible overlap(const std::vector<Range>& ranges, const Range& bounds, bool negated) {
  Possible possible{false, true};
  for (const Range& range : ranges) {
    possible.yes = possible.yes || (range.low <= bounds.high && bounds.low <= range.high);
    if (range.low <= bounds.low && bounds.high <= range.high) possible.no = false;
  }
  return negated ? Possible{possible.no, possible.yes} : possible;
}

// Whether a test of a signal holds for this one, which is there.
Possible of_signal(const Leaf& leaf, std::string_view field, const KnownSignal& signal) {
  bool holds = false;
  if (leaf.what == Leaf::What::numbers && field == "sig.num")
    holds = in_ranges(ranges_of(leaf, signal.arch), key_of(leaf.type, signal.number));
  else if (leaf.what == Leaf::What::texts && field == "sig.name")
    holds = leaf.text->matches(signal_name(signal.arch, static_cast<int>(signal.number)));
  else
    return {true, true};
  return {holds != leaf.negated, holds == leaf.negated};
}

}  // namespace

Mask Scratch::take(std::size_t size) {
  Mask mask;
  if (!free_.empty()) {
    mask = std::move(free_.back());
    free_.pop_back();
  }
  mask.resize(size);
  return mask;
}

Status Program::run(const EventBatch& events, const Mask& active, Mask& out,
                    Scratch& scratch) const {
  return run(steps_.size() - 1, events, active, out, scratch);
}

Status Program::run(std::size_t place, const EventBatch& events, const Mask& active, Mask& out,
                    Scratch& scratch) const {
  const Step& step = steps_[place];
  const std::size_t n = active.size();
  if (step.constant) {
    fill_constant(*step.constant, active, out);
    return {};
  }
  if (step.leaf) return run_leaf(*step.leaf, events, active, out, scratch);
  if (step.kind == Node::Kind::negation) {
    DSE_TRY(run(step.children[0], events, active, out, scratch));
    for (std::size_t i = 0; i < n; ++i) out[i] = active[i] & static_cast<std::uint8_t>(out[i] ^ 1);
    return {};
  }
  const bool any = step.kind == Node::Kind::any;
  Mask left = scratch.take(n), found = scratch.take(n);  // those that are not settled yet
  std::copy(active.begin(), active.end(), left.begin());
  if (any) std::fill(out.begin(), out.end(), std::uint8_t{0});
  Status status;
  for (std::size_t child : step.children) {
    status = run(child, events, left, found, scratch);
    if (!status) break;
    if (any) {
      for (std::size_t i = 0; i < n; ++i) {
        out[i] |= found[i];
        left[i] &= static_cast<std::uint8_t>(found[i] ^ 1);
      }
    } else {
      left.swap(found);
    }
    if (!has_any(left)) break;
  }
  if (!any) std::copy(left.begin(), left.end(), out.begin());
  scratch.give(std::move(left));
  scratch.give(std::move(found));
  return status;
}

Status Program::run_parts(const EventBatch& events, const Mask& active, std::vector<Mask>& out,
                          Scratch& scratch) const {
  const std::size_t n = active.size();
  out.resize(steps_.size());
  for (std::size_t place = 0; place < steps_.size(); ++place) {
    const Step& step = steps_[place];
    Mask& mask = out[place];
    mask.resize(n);
    if (step.leaf) {
      if (step.constant)
        fill_constant(*step.constant, active, mask);
      else
        DSE_TRY(run_leaf(*step.leaf, events, active, mask, scratch));
      continue;
    }
    const bool any = step.kind == Node::Kind::any;
    fill_constant(!any, active, mask);
    for (std::size_t child : step.children) {
      const Mask& of_child = out[child];
      for (std::size_t i = 0; i < n; ++i) {
        if (step.kind == Node::Kind::negation)
          mask[i] = active[i] & static_cast<std::uint8_t>(of_child[i] ^ 1);
        else
          mask[i] = any ? mask[i] | of_child[i] : mask[i] & of_child[i];
      }
    }
  }
  return {};
}

Possible Program::possible(const Bounds& bounds) const {
  return possible(steps_.size() - 1, bounds, *point_);
}

Possible Program::possible(std::size_t place, const Bounds& bounds,
                           const ObservationPoint& point) const {
  const Step& step = steps_[place];
  if (step.constant) return {*step.constant, !*step.constant};
  if (step.leaf) {
    const std::string& name = point.fields()[static_cast<std::size_t>(step.leaf->field)].name;
    if (step.leaf->what == Leaf::What::times && name == "evt.time")
      return overlap(step.leaf->ranges, bounds.real_time, step.leaf->negated);
    if (step.leaf->what == Leaf::What::numbers && name == "evt.num") {
      Range keys{key_of(step.leaf->type, bounds.number.low),
                 key_of(step.leaf->type, bounds.number.high)};
      return overlap(step.leaf->ranges, keys, step.leaf->negated);
    }
    if (bounds.signal) return of_signal(*step.leaf, name, *bounds.signal);
    return {true, true};
  }
  if (step.kind == Node::Kind::negation) {
    Possible child = possible(step.children[0], bounds, point);
    return {child.no, child.yes};
  }
  // Parts may exclude one another, which is not looked for: more is then possible than there is.
  const bool any = step.kind == Node::Kind::any;
  Possible all{!any, any};
  for (std::size_t child : step.children) {
    Possible one = possible(child, bounds, point);
    all.yes = any ? all.yes || one.yes : all.yes && one.yes;
    all.no = any ? all.no && one.no : all.no || one.no;
  }
  return all;
}

}  // namespace dse::replay::filter
