// What a tally has counted, in the order that is asked for.
#include <algorithm>
#include <cstring>

#include "replay/tally.h"

namespace dse::replay {
namespace {

std::uint64_t take_bytes(std::string_view& key) {
  std::uint64_t value = 0;
  std::memcpy(&value, key.data(), sizeof(value));
  key.remove_prefix(sizeof(value));
  return value;
}

}  // namespace

std::vector<Tally::Value> Tally::parse_key(std::string_view key) {
  std::vector<Value> values;
  while (!key.empty()) {
    char what = key[0];
    key.remove_prefix(1);
    Value value;
    if (what == kNumberKey) {
      value = {Value::What::number, take_bytes(key), {}};
    } else if (what == kTextKey) {
      std::size_t size = take_bytes(key);
      value = {Value::What::text, 0, key.substr(0, size)};
      key.remove_prefix(size);
    }
    values.push_back(value);
  }
  return values;
}

Tally::Row Tally::row(std::uint32_t group) const {
  Row row;
  if (keys_[group]) row.key = parse_key(*keys_[group]);
  row.count = counts_[group];
  auto begin = [&](const auto& all, std::size_t each) {
    return all.begin() + static_cast<std::ptrdiff_t>(group * each);
  };
  auto sums = begin(sums_, options_.sums.size());
  row.sums.assign(sums, sums + static_cast<std::ptrdiff_t>(options_.sums.size()));
  auto hists = begin(hists_, options_.hists.size());
  row.hists.assign(hists, hists + static_cast<std::ptrdiff_t>(options_.hists.size()));
  return row;
}

void Tally::add_to(Row& others, std::uint32_t group) const {
  others.count += counts_[group];
  for (std::size_t s = 0; s < others.sums.size(); ++s) {
    const Sum& sum = sums_[group * others.sums.size() + s];
    others.sums[s].sum += sum.sum;
    others.sums[s].values += sum.values;
  }
  for (std::size_t h = 0; h < others.hists.size(); ++h) {
    std::map<unsigned, std::uint64_t> buckets(others.hists[h].buckets.begin(),
                                              others.hists[h].buckets.end());
    for (auto [bucket, count] : hists_[group * others.hists.size() + h].buckets)
      buckets[bucket] += count;
    others.hists[h].buckets.assign(buckets.begin(), buckets.end());
  }
}

Tally::Answer Tally::answer(std::size_t top, bool by_sum) const {
  std::vector<std::uint32_t> order;
  for (std::uint32_t group = 1; group < counts_.size(); ++group) order.push_back(group);
  const std::size_t shown = top == 0 ? order.size() : std::min(top, order.size());
  auto higher = [&](std::uint32_t a, std::uint32_t b) {
    if (by_sum && !options_.sums.empty()) {
      const Sum& x = sums_[a * options_.sums.size()];
      const Sum& y = sums_[b * options_.sums.size()];
      if ((x.values == 0) != (y.values == 0)) return y.values == 0;
      if (x.sum != y.sum) return x.sum > y.sum;
    }
    if (counts_[a] != counts_[b]) return counts_[a] > counts_[b];
    return *keys_[a] < *keys_[b];
  };
  std::partial_sort(order.begin(), order.begin() + static_cast<std::ptrdiff_t>(shown), order.end(),
                    higher);
  Answer answer;
  answer.others = row(kOthers);
  answer.over_limit = counts_[kOthers];
  for (std::size_t i = 0; i < order.size(); ++i) {
    if (i < shown)
      answer.rows.push_back(row(order[i]));
    else
      add_to(answer.others, order[i]);
  }
  answer.other_groups = order.size() - shown;
  return answer;
}

}  // namespace dse::replay
