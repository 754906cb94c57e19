#include "replay/tally.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <limits>

#include "replay/point.h"
#include "replay/render_value.h"

namespace dse::replay {
namespace {

void append_bytes(std::uint64_t value, std::string& key) {
  char bytes[sizeof(value)];
  std::memcpy(bytes, &value, sizeof(value));
  key.append(bytes, sizeof(bytes));
}

bool has_values(const EventColumn& column) { return column.is_text() || column.numbers.data(); }

std::size_t slots_of(const EventColumn& column) {
  return column.is_text() ? column.texts.size() : column.numbers.size();
}

bool slot_missing(const EventColumn& column, std::size_t slot) {
  if (column.is_text()) return column.texts[slot].data() == nullptr;
  return !column.present.empty() && !column.present[slot];
}

}  // namespace

void Tally::append_text_key(std::string_view text, std::string& key) {
  key += kTextKey;
  append_bytes(text.size(), key);
  key += text;
}

unsigned bucket_of(std::int64_t value) {
  if (value <= 0) return value < 0 ? 0 : 1;
  return 1 + static_cast<unsigned>(std::bit_width(static_cast<std::uint64_t>(value)));
}

std::int64_t bucket_from(unsigned bucket) {
  if (bucket == 0) return std::numeric_limits<std::int64_t>::min();
  return bucket == 1 ? 0 : std::int64_t{1} << (bucket - 2);
}

std::optional<std::int64_t> bucket_until(unsigned bucket) {
  if (bucket <= 1) return bucket;
  if (bucket == kBuckets - 1) return {};
  return std::int64_t{1} << (bucket - 1);
}

std::uint64_t Tally::Histogram::values() const {
  std::uint64_t sum = 0;
  for (auto [bucket, count] : buckets) sum += count;
  return sum;
}

Tally::Tally(TallyOptions options, const std::vector<std::unique_ptr<ObservationPoint>>& points)
    : options_(std::move(options)),
      keys_(1),
      counts_(1),
      sums_(options_.sums.size()),
      hists_(options_.hists.size()) {
  if (!options_.by.empty()) return;
  options_.by = {"evt.type"};
  // A point without events is an answer too.
  for (const auto& point : points) {
    key_.clear();
    append_text_key(point->name(), key_);
    group(key_);
  }
}

std::vector<std::string> Tally::fields() const {
  std::vector<std::string> fields;
  for (const std::string& name : options_.by)
    if (name != "evt.type") fields.push_back(name);
  fields.insert(fields.end(), options_.sums.begin(), options_.sums.end());
  fields.insert(fields.end(), options_.hists.begin(), options_.hists.end());
  if (options_.span) fields.push_back("evt.time");
  return fields;
}

const Tally::Plan& Tally::plan(const ObservationPoint& point) {
  auto found = plans_.find(&point);
  if (found != plans_.end()) return found->second;
  Plan& plan = plans_[&point];
  for (const std::string& name : options_.by)
    plan.by.push_back({find_shown(point, name), name == "evt.type"});
  for (const std::string& name : options_.sums) plan.sums.push_back({find_shown(point, name)});
  for (const std::string& name : options_.hists) plan.hists.push_back({find_shown(point, name)});
  return plan;
}

// All columns first, so that what is damaged is met before anything is counted.
Status Tally::open_columns(const Session::Judged& judged, const Plan& plan) {
  const EventBatch& events = judged.events;
  times_used_ = 0;
  auto is_time = [](const Column& column) {
    return column.shown && column.shown->type == FieldType::time;
  };
  // The clock may change from record to record.
  if (options_.span || std::any_of(plan.by.begin(), plan.by.end(), is_time))
    DSE_TRY(events.located());
  auto open = [&](const std::vector<Column>& columns, std::vector<EventColumn>& out) -> Status {
    out.clear();
    for (const Column& column : columns) {
      out.emplace_back();
      if (!column.shown || column.is_type) continue;
      const ShownField& shown = *column.shown;
      DSE_TRY_ASSIGN(const EventColumn* made, shown.index.empty()
                                                  ? events.column(shown.field)
                                                  : events.element(shown.field, shown.index));
      out.back() = shown.type == FieldType::time ? times_as_numbers(events, *made) : *made;
    }
    return {};
  };
  DSE_TRY(open(plan.by, by_columns_));
  DSE_TRY(open(plan.sums, sum_columns_));
  DSE_TRY(open(plan.hists, hist_columns_));
  if (!options_.span) return {};
  DSE_TRY_ASSIGN(time_, events.column(static_cast<std::size_t>(events.point().field("evt.time"))));
  return {};
}

// Real times: what a boot time stands for may change from event to event.
EventColumn Tally::times_as_numbers(const EventBatch& events, const EventColumn& column) {
  if (time_pool_.size() == times_used_) time_pool_.emplace_back();
  std::vector<std::uint64_t>& times = time_pool_[times_used_++];
  times.assign(events.size(), 0);
  EventColumn out;
  if (!column.numbers.data()) return out;
  std::vector<std::uint8_t>& present = events.own_flags(events.size());
  for (std::uint32_t i = 0; i < events.size(); ++i) {
    present[i] = !column.missing(i);
    if (present[i])
      times[i] = events.state().real_time(column.numbers[column.slot(i)], events.number(i));
  }
  out.numbers = times;
  out.present = present;
  return out;
}

Tally::Codes Tally::codes_of(const EventColumn& column, const filter::Mask& kept) {
  if (!has_values(column)) return {};
  if (!column.index.empty()) return {column.index.data(), slots_of(column), true};
  std::vector<std::uint64_t>& codes = code_pool_[codes_used_++];
  codes.assign(kept.size(), 0);
  first_event_.clear();
  auto take = [&](std::size_t event, std::uint32_t code, bool is_new) {
    if (is_new) first_event_.push_back(static_cast<std::uint32_t>(event));
    codes[event] = code;
  };
  // One number for what is missing, whatever stands there.
  std::optional<std::uint32_t> missing;
  std::uint32_t next = 0;
  table_.clear();
  texts_.clear();
  for (std::size_t i = 0; i < kept.size(); ++i) {
    if (!kept[i]) continue;
    bool is_new = false;
    if (slot_missing(column, i)) {
      is_new = !missing;
      if (is_new) missing = next++;
      take(i, *missing, is_new);
    } else if (column.is_text()) {
      auto [at, inserted] = texts_.try_emplace(column.texts[i], next);
      next += inserted;
      take(i, at->second, inserted);
    } else {
      std::uint32_t code = table_.code(column.numbers[i], is_new);
      // Codes of the table leave out the one that stands for missing.
      if (missing && code >= *missing) ++code;
      if (is_new) ++next;
      take(i, code, is_new);
    }
  }
  return {codes.data(), std::max<std::size_t>(first_event_.size(), 1), false};
}

// Numbers the pairs of codes that occur.
Tally::Codes Tally::combined(const Codes& a, const Codes& b, const filter::Mask& kept) {
  if (!a.of_event) return b;
  if (!b.of_event) return a;
  std::vector<std::uint64_t>& codes = code_pool_[codes_used_++];
  codes.assign(kept.size(), 0);
  first_event_.clear();
  const std::size_t pairs = a.cells * b.cells;  // both at most the records of a batch
  const bool dense = pairs <= std::max<std::size_t>(65'536, 4 * kept.size());
  if (dense)
    dense_.assign(pairs, CodeTable::kNew);
  else
    table_.clear();
  for (std::size_t i = 0; i < kept.size(); ++i) {
    if (!kept[i]) continue;
    std::uint64_t pair = a.of_event[i] * b.cells + b.of_event[i];
    bool is_new = false;
    std::uint32_t code = 0;
    if (dense) {
      std::uint32_t& known = dense_[pair];
      is_new = known == CodeTable::kNew;
      if (is_new) known = static_cast<std::uint32_t>(first_event_.size());
      code = known;
    } else {
      code = table_.code(pair, is_new);
    }
    if (is_new) first_event_.push_back(static_cast<std::uint32_t>(i));
    codes[i] = code;
  }
  return {codes.data(), std::max<std::size_t>(first_event_.size(), 1), false};
}

Tally::Codes Tally::make_codes(const filter::Mask& kept) {
  // References into the pool must last.
  codes_used_ = 0;
  if (code_pool_.size() < 2 * by_columns_.size() + 1) code_pool_.resize(2 * by_columns_.size() + 1);
  Codes codes;
  for (const EventColumn& column : by_columns_)
    codes = combined(codes, codes_of(column, kept), kept);
  return codes;
}

Status Tally::add(const Session::Judged& judged) {
  const filter::Mask& kept = judged.kept;
  std::uint64_t count = 0;
  for (std::uint8_t one : kept) count += one;
  if (count == 0) return {};
  const Plan& plan = this->plan(judged.events.point());
  DSE_TRY(open_columns(judged, plan));
  events_ += count;
  Codes codes = make_codes(kept);
  cells_.assign(codes.cells, 0);
  if (codes.of_event)
    for (std::size_t i = 0; i < kept.size(); ++i) cells_[codes.of_event[i]] += kept[i];
  else
    cells_[0] = count;
  merge(judged, plan, codes);
  add_sums(kept, codes);
  add_hists(kept, codes);
  if (options_.span) add_span(judged);
  return {};
}

// ---- groups ------------------------------------------------------------------------------------

void Tally::append_key(const Session::Judged& judged, const Plan& plan, std::size_t code,
                       const Codes& codes, std::string& key) const {
  for (std::size_t k = 0; k < by_columns_.size(); ++k) {
    const EventColumn& column = by_columns_[k];
    if (plan.by[k].is_type) {
      append_text_key(judged.events.point().name(), key);
      continue;
    }
    if (!has_values(column)) {
      key += kMissingKey;
      continue;
    }
    std::size_t slot = codes.is_slot ? code : column.slot(first_event_[code]);
    if (slot_missing(column, slot)) {
      key += kMissingKey;
    } else if (column.is_text()) {
      append_text_key(column.texts[slot], key);
    } else {
      key += kNumberKey;
      append_bytes(column.numbers[slot], key);
    }
  }
}

std::uint32_t Tally::group(std::string_view key) {
  auto found = group_of_key_.find(key);
  if (found != group_of_key_.end()) return found->second;
  if (groups() >= options_.max_groups || key_bytes_ + key.size() > kMaxKeyBytes) return kOthers;
  auto made = static_cast<std::uint32_t>(counts_.size());
  auto at = group_of_key_.emplace(std::string(key), made).first;
  key_bytes_ += key.size();
  keys_.push_back(&at->first);
  counts_.push_back(0);
  sums_.resize(sums_.size() + options_.sums.size());
  hists_.resize(hists_.size() + options_.hists.size());
  return made;
}

void Tally::merge(const Session::Judged& judged, const Plan& plan, const Codes& codes) {
  group_of_code_.assign(codes.cells, kOthers);
  // Many slots may have one text, as tasks have one name: it is looked up once for all that view the same
  // memory.
  struct Known {
    std::string_view text;
    std::uint32_t group = kOthers;
  };
  std::array<Known, 64> known{};
  const bool is_text = codes.is_slot && by_columns_.size() == 1 && by_columns_[0].is_text();
  for (std::size_t code = 0; code < codes.cells; ++code) {
    if (cells_[code] == 0) continue;
    const std::string_view text = is_text ? by_columns_[0].texts[code] : std::string_view();
    Known& at = known[reinterpret_cast<std::uintptr_t>(text.data()) / 8 % known.size()];
    if (!text.data() || at.text.data() != text.data() || at.text.size() != text.size()) {
      key_.clear();
      append_key(judged, plan, code, codes, key_);
      at = {text, group(key_)};
    }
    group_of_code_[code] = at.group;
    counts_[at.group] += cells_[code];
  }
}

// ---- measures ----------------------------------------------------------------------------------

void Tally::add_sums(const filter::Mask& kept, const Codes& codes) {
  for (std::size_t s = 0; s < sum_columns_.size(); ++s) {
    const EventColumn& column = sum_columns_[s];
    if (!column.numbers.data()) continue;
    cell_sums_.assign(codes.cells, {});
    for (std::uint32_t i = 0; i < kept.size(); ++i) {
      if (!kept[i] || column.missing(i)) continue;
      Sum& sum = cell_sums_[codes.of_event ? codes.of_event[i] : 0];
      sum.sum += static_cast<std::int64_t>(column.numbers[column.slot(i)]);
      ++sum.values;
    }
    for (std::size_t code = 0; code < codes.cells; ++code) {
      if (cells_[code] == 0) continue;
      Sum& sum = sums_[group_of_code_[code] * options_.sums.size() + s];
      sum.sum += cell_sums_[code].sum;
      sum.values += cell_sums_[code].values;
    }
  }
}

void Tally::add_hists(const filter::Mask& kept, const Codes& codes) {
  constexpr std::size_t kMostDense = std::size_t{1} << 18;
  for (std::size_t h = 0; h < hist_columns_.size(); ++h) {
    const EventColumn& column = hist_columns_[h];
    if (!column.numbers.data()) continue;
    const std::size_t pairs = codes.cells * kBuckets;
    const bool dense = pairs <= kMostDense;
    pair_counts_.assign(dense ? pairs : 0, 0);
    pair_values_.clear();
    table_.clear();
    for (std::uint32_t i = 0; i < kept.size(); ++i) {
      if (!kept[i] || column.missing(i)) continue;
      auto value = static_cast<std::int64_t>(column.numbers[column.slot(i)]);
      std::uint64_t pair = (codes.of_event ? codes.of_event[i] : 0) * kBuckets + bucket_of(value);
      if (dense) {
        ++pair_counts_[pair];
        continue;
      }
      bool is_new = false;
      std::uint32_t place = table_.code(pair, is_new);
      if (is_new) {
        pair_values_.push_back(pair);
        pair_counts_.push_back(0);
      }
      ++pair_counts_[place];
    }
    for (std::size_t i = 0; i < pair_counts_.size(); ++i) {
      std::uint64_t pair = dense ? i : pair_values_[i];
      if (pair_counts_[i])
        add_to_bucket(group_of_code_[pair / kBuckets], h, static_cast<unsigned>(pair % kBuckets),
                      pair_counts_[i]);
    }
  }
}

void Tally::add_to_bucket(std::uint32_t group, std::size_t hist, unsigned bucket,
                          std::uint64_t count) {
  auto& buckets = hists_[group * options_.hists.size() + hist].buckets;
  auto at = std::lower_bound(buckets.begin(), buckets.end(), bucket,
                             [](const auto& one, unsigned b) { return one.first < b; });
  if (at == buckets.end() || at->first != bucket) at = buckets.insert(at, {bucket, 0});
  at->second += count;
}

void Tally::add_span(const Session::Judged& judged) {
  if (!time_->numbers.data()) return;
  for (std::uint32_t i = 0; i < judged.kept.size(); ++i) {
    if (!judged.kept[i] || time_->missing(i)) continue;
    std::uint64_t real = judged.events.state().real_time(time_->numbers[time_->slot(i)],
                                                         judged.events.number(i));
    if (!span_) span_ = {real, real};
    span_->first = std::min(span_->first, real);
    span_->second = std::max(span_->second, real);
  }
}

}  // namespace dse::replay
