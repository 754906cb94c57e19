#include "format/losses.h"

#include <algorithm>

#include <fmt/format.h>

namespace dse::format {

std::uint64_t total(const std::vector<Loss>& losses) {
  std::uint64_t sum = 0;
  for (const Loss& loss : losses) sum += loss.count;
  return sum;
}

void add_loss(std::vector<Loss>& losses, Kind kind, const char* cause, std::uint64_t count) {
  if (count == 0) return;
  auto same = std::find_if(losses.begin(), losses.end(), [&](const Loss& loss) {
    return loss.kind == kind && loss.cause == cause;
  });
  if (same != losses.end())
    same->count += count;
  else
    losses.push_back({kind, cause, count});
}

void subtract_losses(std::vector<Loss>& losses, const std::vector<Loss>& told) {
  for (const Loss& before : told)
    for (Loss& loss : losses)
      if (loss.kind == before.kind &&
          (loss.cause == before.cause || (before.cause == kGapsCause && loss.cause == "ring full")))
        loss.count -= std::min(loss.count, before.count);
}

std::string describe_missing(std::uint64_t from, std::uint64_t to) {
  return to - from == 1 ? fmt::format("record {} is missing", from + 1)
                        : fmt::format("records {} to {} are missing", from + 1, to);
}

}  // namespace dse::format
