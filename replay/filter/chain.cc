#include "replay/filter/chain.h"

#include <algorithm>

#include "replay/event.h"

namespace dse::replay::filter {
namespace {

Status run_filter(const Chain::Filter& filter, const EventBatch& events, const Mask& active,
                  Mask& out, Scratch& scratch) {
  if (const Program* program = filter.program()) return program->run(events, active, out, scratch);
  const auto& callable = std::get<Chain::Callable>(filter.test);
  for (std::uint32_t i = 0; i < active.size(); ++i)
    out[i] = active[i] && callable(Event(&events, i));
  return {};
}

// Loops over bytes, which could be any memory, are only wide where the compiler sees where they are.
void take_away(const Mask& from, Mask& mask) {
  const std::uint8_t* const away = from.data();
  std::uint8_t* const at = mask.data();
  const std::size_t n = mask.size();
  for (std::size_t i = 0; i < n; ++i) at[i] &= static_cast<std::uint8_t>(away[i] ^ 1);
}

void add_to(Mask& mask, const Mask& more) {
  const std::uint8_t* const added = more.data();
  std::uint8_t* const at = mask.data();
  const std::size_t n = mask.size();
  for (std::size_t i = 0; i < n; ++i) at[i] |= added[i];
}

bool always(const Chain::Filter& filter, bool value) {
  return filter.program() && filter.program()->constant() == value;
}

std::uint64_t ones(const Mask& mask) {
  return static_cast<std::uint64_t>(std::count(mask.begin(), mask.end(), 1));
}

}  // namespace

Status Chain::add(std::shared_ptr<const Spec> spec, std::variant<Program, Callable> test) {
  if (filters_.size() + 1 >= Verdict::kNone)
    return Error(ErrorCode::usage, "too many filters: at most 65534 for one observation point");
  bool select = spec->action == Action::select;
  auto place = select ? filters_.begin() + static_cast<std::ptrdiff_t>(selects_) : filters_.end();
  filters_.insert(place, Filter{std::move(spec), std::move(test)});
  if (select) ++selects_;
  return {};
}

std::vector<std::size_t> Chain::fields(bool all) const {
  std::vector<std::size_t> fields;
  for (const Filter& filter : filters_)
    if (const Program* program = filter.program()) program->add_fields(fields, all);
  return fields;
}

bool Chain::keeps_nothing() const {
  auto drops = filters_.begin() + static_cast<std::ptrdiff_t>(selects_);
  return (has_selects() &&
          std::all_of(filters_.begin(), drops, [](const Filter& f) { return always(f, false); })) ||
         std::any_of(drops, filters_.end(), [](const Filter& f) { return always(f, true); });
}

bool Chain::may_keep(const Bounds& bounds) const {
  bool selected = !has_selects();
  for (std::size_t i = 0; i < filters_.size(); ++i) {
    const Program* program = filters_[i].program();
    Possible possible = program ? program->possible(bounds) : Possible{true, true};
    if (i < selects_)
      selected = selected || possible.yes;
    else if (!possible.no)
      return false;
  }
  return selected;
}

Status Chain::judge(const EventBatch& events, const Mask& active, Mask& kept, Scratch& scratch,
                    std::vector<Verdict>* verdicts, std::vector<Count>* counts) const {
  const std::size_t n = active.size();
  kept.resize(n);
  Mask left = scratch.take(n), found = scratch.take(n);  // whom the next filter is asked about
  left = active;
  if (verdicts) verdicts->assign(n, {!has_selects(), Verdict::kNone});
  if (has_selects()) std::fill(kept.begin(), kept.end(), std::uint8_t{0});
  Status status;
  for (std::size_t i = 0; i < filters_.size() && status; ++i) {
    const bool select = i < selects_;
    if (i == selects_ && has_selects()) left = kept;
    std::uint64_t asked = ones(left);
    if (counts) (*counts)[i].seen += asked;
    if (asked == 0) continue;
    status = run_filter(filters_[i], events, left, found, scratch);
    if (!status) break;
    if (counts) (*counts)[i].matched += ones(found);
    take_away(found, left);
    if (select) add_to(kept, found);
    if (verdicts)
      for (std::size_t e = 0; e < n; ++e)
        if (found[e]) (*verdicts)[e] = {select, static_cast<std::uint16_t>(i)};
  }
  // Without a drop, what the selects took; else what the drops left.
  if (!has_selects() || selects_ < filters_.size()) kept = left;
  scratch.give(std::move(left));
  scratch.give(std::move(found));
  return status;
}

}  // namespace dse::replay::filter
