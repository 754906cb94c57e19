#include "replay/event_page.h"

namespace dse::replay {
namespace {

// Where the next event of a source belongs.
struct Head {
  std::uint64_t at;
  std::uint32_t source;
  bool operator<(const Head& other) const {
    return at != other.at ? at < other.at : source < other.source;
  }
};

}  // namespace

EventPage::EventPage(std::list<JudgedBatch> batches, bool show_dropped)
    : batches_(std::move(batches)) {
  for (const JudgedBatch& batch : batches_)
    for (const Judged& judged : batch.judged) {
      Source source{&judged.events, {}};
      const filter::Mask& shown = show_dropped ? judged.considered : judged.kept;
      if (!filter::has_any(shown)) continue;
      for (std::uint32_t i = 0; i < shown.size(); ++i)
        if (shown[i]) source.chosen.push_back(i);
      if (!source.chosen.empty()) sources_.push_back(std::move(source));
    }
  put_in_order();
}

void EventPage::put_in_order() {
  const bool one = batches_.size() == 1;
  std::vector<std::uint32_t> next(sources_.size(), 0);
  auto at_end = [&](std::uint32_t i) { return next[i] == sources_[i].chosen.size(); };
  auto head = [&](std::uint32_t i) {
    const EventBatch& events = *sources_[i].events;
    std::uint32_t event = sources_[i].chosen[next[i]];
    return Head{one ? events.positions()[event] : events.number(event), i};
  };
  while (true) {
    std::optional<Head> first, second;  // the lowest of all, and of those that are left
    for (std::uint32_t i = 0; i < sources_.size(); ++i) {
      if (at_end(i)) continue;
      Head here = head(i);
      if (!first || here < *first) {
        second = first;
        first = here;
      } else if (!second || here < *second) {
        second = here;
      }
    }
    if (!first) return;
    const std::uint32_t source = first->source;
    Run run{source, next[source], 0};
    do ++next[source];
    while (!at_end(source) && (!second || head(source) < *second));
    run.end = next[source];
    runs_.push_back(run);
  }
}

}  // namespace dse::replay
