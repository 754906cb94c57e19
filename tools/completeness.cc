#include "tools/completeness.h"

#include <map>

#include <fmt/format.h>

#include "replay/timestamp.h"
#include "tools/exit_code.h"
#include "tools/terminal.h"

namespace dse::tools {
namespace {

// Of the kinds that the answer is made of.
std::vector<format::Loss> relevant(const std::vector<format::Loss>& losses, format::KindSet kinds) {
  std::vector<format::Loss> out;
  for (const format::Loss& loss : losses)
    if (loss.count &&
        (loss.kind == 0 || loss.kind >= format::kMaxKinds || (kinds & format::kind_bit(loss.kind))))
      out.push_back(loss);
  return out;
}

// "the recorder lost 12, and damage took 35"
std::string describe_total(const std::vector<format::Loss>& losses) {
  const std::uint64_t recording = total(losses) - total_damage(losses);
  std::uint64_t damage = 0;
  bool uncounted = false;
  for (const format::Loss& loss : losses) {
    if (loss.cause == format::kDamagedCause) damage += loss.count;
    uncounted = uncounted || loss.cause == format::kUncountedCause;
  }
  std::string out = recording ? "the recorder lost " + human_count(recording) : "";
  if (!damage && !uncounted) return out;
  out += (out.empty() ? "" : ", and ") + std::string("damage took ");
  if (damage) out += human_count(damage) + (uncounted ? " and " : "");
  return out + (uncounted ? "an unknown number" + std::string(damage ? " more" : "") : "");
}

}  // namespace

std::vector<format::Loss> losses_that_matter(replay::Session& session, bool windowed) {
  auto losses = relevant(session.source().losses(), session.kinds());
  if (!windowed) return losses;
  std::map<format::Kind, std::uint64_t> placed;
  for (const replay::PlacedGap& gap : session.gaps()) placed[gap.kind] += gap.lost;
  // Of what has a place as a gap, gaps tell. They do not tell the cause.
  const auto damage = relevant(session.source().damage(), session.kinds());
  const char* cause = total_damage(losses) > total_damage(damage) ? "ring full or damaged"
                                                                  : "ring full";
  std::erase_if(losses, [](const format::Loss& loss) {
    return loss.cause == "ring full" || loss.cause == format::kDamagedCause ||
           loss.cause == format::kGapsCause;
  });
  for (auto [kind, count] : placed) losses.push_back({kind, cause, count});
  for (const format::Loss& loss : damage)
    if (loss.cause == format::kDamagedCause) losses.push_back(loss);
  return losses;
}

std::uint64_t total_damage(const std::vector<format::Loss>& losses) {
  std::uint64_t sum = 0;
  for (const format::Loss& loss : losses)
    if (format::is_damage(loss)) sum += loss.count;
  return sum;
}

void say_if_missed(const replay::Session& session) {
  auto extent = session.missed();
  if (!extent) return;
  std::string numbers = extent->first <= extent->last
                            ? fmt::format(", numbers {} to {}", extent->first, extent->last)
                            : "";
  say(fmt::format("note: nothing is in this range: the capture has records from {} to {}{}",
                  replay::rfc3339(extent->since_ns), replay::rfc3339(extent->until_ns), numbers));
}

bool report_completeness(replay::Session& session, const std::vector<format::Loss>& losses,
                         CompletenessStyle style) {
  constexpr std::size_t kShown = 10;
  if (!style.quiet) say_if_missed(session);
  std::string self;
  if (std::uint64_t hidden = session.hidden_self())
    self = fmt::format("{} of the recorder's own left out (--self)", plural(hidden, "event"));
  if (!session.unrecorded().empty())
    say(fmt::format("incomplete: recorded without {}", fmt::join(session.unrecorded(), ", ")));
  else if (losses.empty()) {
    // What could not be read is no less missing; the notes have told of it.
    if (style.quiet || !session.source().notes().empty()) return true;
    say(fmt::format("complete{}: nothing of it was lost{}{}",
                    style.limited ? " as far as it goes" : "", self.empty() ? "" : "; ", self));
    return true;
  }
  if (losses.empty()) return true;  // no loss
  say("incomplete: of the records that it is made of, " + describe_total(losses) + ":");
  for (const std::string& line : describe_losses(losses)) say("  " + line);
  const auto& gaps = session.gaps();
  for (std::size_t i = 0; i < gaps.size() && i < kShown; ++i) say("  " + describe_gap(gaps[i]));
  if (gaps.size() > kShown)
    say(fmt::format("  and {} (dse info has all)", plural(gaps.size() - kShown, "more gap")));
  if (!self.empty() && !style.quiet) say(self);
  return false;
}

int report_end(replay::Session& session, const std::vector<format::Loss>& losses,
               CompletenessStyle style, bool fail_on_loss) {
  int code = report_notes(session.source().notes());
  bool complete = report_completeness(session, losses, style);
  return code == kOk && !complete && fail_on_loss ? kLoss : code;
}

}  // namespace dse::tools
