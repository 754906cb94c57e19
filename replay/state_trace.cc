#include "replay/state_trace.h"

#include <algorithm>

namespace dse::replay {

std::vector<bool> StateTrace::closure(std::uint32_t records,
                                      const std::vector<std::uint32_t>& roots) {
  std::sort(depends_.begin(), depends_.end());
  depends_.erase(std::unique(depends_.begin(), depends_.end()), depends_.end());
  std::sort(lives_.begin(), lives_.end());

  std::vector<bool> kept(records, false);
  std::vector<std::uint32_t> next;
  auto keep = [&](std::uint32_t record) {
    if (kept[record]) return;
    kept[record] = true;
    next.push_back(record);
  };
  auto for_each_of = [](const auto& pairs, std::uint32_t record, auto visit) {
    auto at = std::lower_bound(pairs.begin(), pairs.end(), std::pair(record, std::uint32_t{0}));
    for (; at != pairs.end() && at->first == record; ++at) visit(at->second);
  };
  for (std::uint32_t root : roots) keep(root);
  while (!next.empty()) {
    std::uint32_t record = next.back();
    next.pop_back();
    for_each_of(depends_, record, keep);
    for_each_of(lives_, record, [&](std::uint32_t life) {
      if (ender_[life] != kNone) keep(ender_[life]);
    });
  }
  return kept;
}

}  // namespace dse::replay
