#include "replay/sequence_diff.h"

#include <algorithm>
#include <numeric>
#include <optional>
#include <utility>

namespace dse::replay {
namespace {

using Index = std::int32_t;
constexpr Index kNone = -1;

// Each element as a small number: equal ones have the same.
struct Numbered {
  std::vector<std::uint32_t> a, b;
  std::vector<Index> in_a, in_b;  // by number, how many there are
};

Numbered number_elements(std::span<const Hash128> a, std::span<const Hash128> b) {
  Numbered out;
  out.a.resize(a.size());
  out.b.resize(b.size());
  std::vector<std::uint32_t> order(a.size() + b.size());
  std::iota(order.begin(), order.end(), 0u);
  auto at = [&](std::uint32_t i) -> const Hash128& {
    return i < a.size() ? a[i] : b[i - a.size()];
  };
  std::sort(order.begin(), order.end(),
            [&](std::uint32_t x, std::uint32_t y) { return at(x) < at(y); });
  for (std::size_t i = 0; i < order.size(); ++i) {
    if (i == 0 || at(order[i]) != at(order[i - 1])) {
      out.in_a.push_back(0);
      out.in_b.push_back(0);
    }
    auto number = static_cast<std::uint32_t>(out.in_a.size() - 1);
    if (order[i] < a.size()) {
      out.a[order[i]] = number;
      ++out.in_a.back();
    } else {
      out.b[order[i] - a.size()] = number;
      ++out.in_b.back();
    }
  }
  return out;
}

// Part of one sequence, with the places of its elements in the whole.
struct Part {
  std::vector<std::uint32_t> number;
  std::vector<std::uint32_t> place;
};

// Those that the other sequence has at all: others are surely removed or added.
Part common_part(const std::vector<std::uint32_t>& numbers, const std::vector<Index>& in_other) {
  Part part;
  for (std::uint32_t i = 0; i < numbers.size(); ++i) {
    if (in_other[numbers[i]] == 0) continue;
    part.number.push_back(numbers[i]);
    part.place.push_back(i);
  }
  return part;
}

class Myers {
 public:
  Myers(const Part& a, const Part& b, SequenceDiff& out, std::uint64_t work)
      : a_(a), b_(b), out_(out), work_(work) {}

  // false: it takes more work than that.
  bool run() {
    offset_ = static_cast<std::size_t>((a_.number.size() + b_.number.size() + 1) / 2 + 1);
    boxes_.push_back(
        {0, static_cast<Index>(a_.number.size()), 0, static_cast<Index>(b_.number.size())});
    while (!boxes_.empty()) {
      Box box = boxes_.back();
      boxes_.pop_back();
      if (!trim(box)) return false;
      if (box.a0 == box.a1 || box.b0 == box.b1) {
        for (Index i = box.a0; i < box.a1; ++i) out_.removed[a_.place[place(i)]] = 1;
        for (Index j = box.b0; j < box.b1; ++j) out_.added[b_.place[place(j)]] = 1;
      } else {
        if (forward_.empty()) {
          forward_.resize(2 * offset_ + 1);
          backward_.resize(2 * offset_ + 1);
        }
        auto middle = find_middle(box);
        if (!middle) return false;
        auto [x, y] = *middle;
        boxes_.push_back({box.a0, box.a0 + x, box.b0, box.b0 + y});
        boxes_.push_back({box.a0 + x, box.a1, box.b0 + y, box.b1});
      }
    }
    return true;
  }

 private:
  struct Box {
    Index a0, a1, b0, b1;
  };

  static std::size_t place(Index i) { return static_cast<std::size_t>(i); }
  bool equal(Index i, Index j) const { return a_.number[place(i)] == b_.number[place(j)]; }
  bool spend(Index steps) {
    auto cost = static_cast<std::uint64_t>(steps) + 1;
    if (cost > work_) return false;
    work_ -= cost;
    return true;
  }

  bool trim(Box& box) {
    const Index before = box.a1 - box.a0;
    while (box.a0 < box.a1 && box.b0 < box.b1 && equal(box.a0, box.b0)) ++box.a0, ++box.b0;
    while (box.a0 < box.a1 && box.b0 < box.b1 && equal(box.a1 - 1, box.b1 - 1)) --box.a1, --box.b1;
    return spend(before - (box.a1 - box.a0));
  }

  Index& slot(std::vector<Index>& v, Index k) {
    return v[static_cast<std::size_t>(static_cast<std::ptrdiff_t>(offset_) + k)];
  }

  // How far a path of d edits gets on diagonal k, before what is equal there; kNone: out of the box.
  Index reach(std::vector<Index>& v, Index d, Index k, Index n, Index m) {
    if (d == 0) return 0;
    Index best = kNone;
    if (k < d)
      if (Index x = slot(v, k + 1); x != kNone && x - k <= m) best = x;
    if (k > -d)
      if (Index x = slot(v, k - 1); x != kNone && x + 1 <= n) best = std::max(best, x + 1);
    return best;
  }

  // A point on a shortest path through the box, with edits before it and after it. The box is trimmed and
  // has two sides, so there are such.
  std::optional<std::pair<Index, Index>> find_middle(const Box& box) {
    const Index n = box.a1 - box.a0, m = box.b1 - box.b0, delta = n - m;
    const bool odd = delta % 2 != 0;
    for (Index d = 0;; ++d) {
      for (Index k = -d; k <= d; k += 2) {
        Index x = reach(forward_, d, k, n, m), from = x;
        if (x != kNone)
          while (x < n && x - k < m && equal(box.a0 + x, box.b0 + x - k)) ++x;
        slot(forward_, k) = x;
        if (!spend(x - from)) return {};
        const Index other = delta - k;
        if (odd && x != kNone && other >= -(d - 1) && other <= d - 1)
          if (Index u = slot(backward_, other); u != kNone && x + u >= n)
            return std::pair(x, x - k);
      }
      for (Index k = -d; k <= d; k += 2) {
        Index u = reach(backward_, d, k, n, m), from = u;
        if (u != kNone)
          while (u < n && u - k < m && equal(box.a1 - 1 - u, box.b1 - 1 - (u - k))) ++u;
        slot(backward_, k) = u;
        if (!spend(u - from)) return {};
        const Index other = delta - k;
        if (!odd && u != kNone && other >= -d && other <= d)
          if (Index x = slot(forward_, other); x != kNone && x + u >= n)
            return std::pair(n - u, m - (u - k));
      }
    }
  }

  const Part& a_;
  const Part& b_;
  SequenceDiff& out_;
  std::uint64_t work_;
  std::size_t offset_ = 0;
  std::vector<Index> forward_, backward_;  // by diagonal
  std::vector<Box> boxes_;
};

// Of equal elements, as many have counterparts as the other sequence has.
void compare_counts(const std::vector<std::uint32_t>& numbers, std::vector<Index> in_other,
                    std::vector<std::uint8_t>& alone) {
  for (std::size_t i = 0; i < numbers.size(); ++i) alone[i] = in_other[numbers[i]]-- <= 0;
}

}  // namespace

SequenceDiff diff_sequences(std::span<const Hash128> a, std::span<const Hash128> b, bool in_order,
                            std::uint64_t work) {
  SequenceDiff out;
  out.removed.assign(a.size(), 0);
  out.added.assign(b.size(), 0);
  if (std::equal(a.begin(), a.end(), b.begin(), b.end())) return out;
  Numbered numbered = number_elements(a, b);
  if (in_order) {
    Part part_a = common_part(numbered.a, numbered.in_b);
    Part part_b = common_part(numbered.b, numbered.in_a);
    for (std::size_t i = 0; i < a.size(); ++i) out.removed[i] = numbered.in_b[numbered.a[i]] == 0;
    for (std::size_t j = 0; j < b.size(); ++j) out.added[j] = numbered.in_a[numbered.b[j]] == 0;
    if (Myers(part_a, part_b, out, work).run()) return out;
  }
  out.in_order = false;
  compare_counts(numbered.a, std::move(numbered.in_b), out.removed);
  compare_counts(numbered.b, std::move(numbered.in_a), out.added);
  return out;
}

}  // namespace dse::replay
