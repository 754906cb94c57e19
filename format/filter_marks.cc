#include "format/filter_marks.h"

#include <algorithm>
#include <limits>
#include <string>
#include <utility>

#include "format/batch.h"
#include "format/plural.h"
#include "format/read_columns.h"

namespace dse::format {
namespace {

constexpr std::size_t kMaxPointName = 256;

Error damaged(std::string what) { return {ErrorCode::damaged, std::move(what)}; }

Result<std::vector<std::uint64_t>> read_numbers(const LazyMessage* lazy, schema::Ints::Reader ints,
                                                std::uint32_t count, bool is_snapshot) {
  DSE_TRY_ASSIGN(IntColumn numbers, read_ints(lazy, ints, count));
  if (is_snapshot &&
      std::all_of(numbers.begin(), numbers.end(), [](std::uint64_t number) { return number == 0; }))
    return std::vector<std::uint64_t>();
  std::uint64_t before = 0;
  for (std::uint64_t number : numbers) {
    if (number <= before) return damaged("record numbers of the original that do not rise");
    before = number;
  }
  return std::vector<std::uint64_t>(numbers.begin(), numbers.end());
}

// The columns of `shown`, which has its point already.
Status read_events(const LazyMessage* lazy, schema::Shown::Reader from, std::uint32_t events,
                   std::uint32_t count, ShownEvents& shown) {
  DSE_TRY_ASSIGN(IntColumn positions, read_ints(lazy, from.getPosition(), events));
  DSE_TRY_ASSIGN(IntColumn nth, read_ints(lazy, from.getNth(), events));
  for (std::uint32_t i = 0; i < events; ++i) {
    if (positions[i] >= count) return damaged("a shown event of a record that is not there");
    if (nth[i] > std::numeric_limits<std::uint32_t>::max())
      return damaged("a shown event beyond all that a record can have");
    if (i != 0 && std::pair(positions[i], nth[i]) <= std::pair(positions[i - 1], nth[i - 1]))
      return damaged("shown events that are not in order");
  }
  auto narrow = [](std::uint64_t value) { return static_cast<std::uint32_t>(value); };
  shown.position.resize(events);
  shown.nth.resize(events);
  std::transform(positions.begin(), positions.end(), shown.position.begin(), narrow);
  std::transform(nth.begin(), nth.end(), shown.nth.begin(), narrow);
  return {};
}

Status read_shown(const LazyMessage* lazy, capnp::List<schema::Shown>::Reader list,
                  std::uint32_t count, std::vector<ShownEvents>& out) {
  if (list.size() > Batch::kMaxShownPoints)
    return damaged("shown events of " + plural(list.size(), "point"));
  std::uint64_t total = 0;
  for (auto from : list) {
    std::uint32_t events = from.getCount();
    total += events;
    if (events > Batch::kMaxShownOfPoint || total > Batch::kMaxShown)
      return damaged("a batch with too many shown events");
    auto text = from.getPoint();
    std::string_view point(text.cStr(), text.size());
    if (point.size() > kMaxPointName) return damaged("a point with a name of many bytes");
    if (std::any_of(out.begin(), out.end(),
                    [&](const ShownEvents& other) { return other.point == point; }))
      return damaged("a batch that names a point twice");
    out.push_back({std::string(point), {}, {}});
    auto status = read_events(lazy, from, events, count, out.back());
    if (!status) return status.error().in(out.back().point);
  }
  return {};
}

}  // namespace

Result<FilterMarks> read_filter_marks(const LazyMessage* lazy, schema::Block::Reader block,
                                      std::uint32_t count, bool is_snapshot) {
  FilterMarks marks;
  schema::Ints::Reader numbers;
  DSE_TRY(guarded(lazy, [&] { numbers = block.getNumber(); }));
  DSE_TRY_ASSIGN(marks.number, read_numbers(lazy, numbers, count, is_snapshot));
  marks.filtered = block.getFiltered();
  marks.slice = block.getSlice();
  if (!marks.filtered) return marks;
  Status inner;
  DSE_TRY(guarded(lazy, [&] { inner = read_shown(lazy, block.getShown(), count, marks.shown); }));
  DSE_TRY(inner);
  return marks;
}

}  // namespace dse::format
