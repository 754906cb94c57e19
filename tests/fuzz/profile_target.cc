#include <algorithm>
#include <cstdio>
#include <cstdlib>

#include "format/redact.h"
#include "replay/filter_set.h"
#include "replay/points/points.h"
#include "replay/profile.h"
#include "tests/fuzz/targets.h"

using namespace dse::replay;

namespace {

constexpr const char* kName = "fuzz.toml";

void fail(const char* what, std::string_view profile) {
  std::fprintf(stderr, "fuzz: %s:\n%.*s\n", what, static_cast<int>(profile.size()), profile.data());
  std::abort();
}

// Gives false, so that it can end what it is an answer to.
bool check_error(const dse::Error& error, std::string_view profile) {
  const std::string& message = error.message();
  if (error.code() != dse::ErrorCode::usage) fail("an error that is not of usage", profile);
  const bool in_macro = message.starts_with("macro @") || message.starts_with("@");
  if (!in_macro && !message.starts_with(kName)) fail(message.c_str(), profile);
  if (message.size() < std::string_view(kName).size() + 6)
    fail("an error that says nothing", profile);
  if (message.size() > 4000) fail("an error that goes on and on", profile);
  if (message.find('\x1b') != std::string::npos) fail("an error that steers the terminal", profile);
  return false;
}

using Points = std::vector<std::unique_ptr<ObservationPoint>>;

Points make_points(const std::vector<std::string>& names, std::string_view profile) {
  Points points;
  for (const std::string& name : names) {
    points.push_back(make_point(name));
    if (!points.back()) fail("a point that there is not", profile);
  }
  return points;
}

// The promises of replay/profile.h about what was accepted.
void check_profile(const Profile& profile) {
  if (profile.points.empty()) fail("a profile without points", profile.text);
  std::vector<std::string> order = point_names();
  auto place = order.begin();
  for (const std::string& name : profile.points) {
    place = std::find(place, order.end(), name);
    if (place++ == order.end()) fail("points twice or out of order", profile.text);
  }
  for (const RecordOption& option : profile.record)
    if (option.name.empty() || option.source.find(kName) != 0)
      fail("a record option from nowhere", profile.text);
  std::string recorded = text_to_record(profile);
  auto again = parse_profile(kName, recorded);
  if (!again) fail("a capture would keep a profile that is none", profile.text);
  if (again->points != profile.points || again->macros != profile.macros ||
      again->filters.size() != profile.filters.size())
    fail("a capture would keep another profile", profile.text);
}

}  // namespace

bool fuzz_profile(std::string_view bytes) {
  auto profile = parse_profile(kName, std::string(bytes));
  if (!profile) return check_error(profile.error(), bytes);
  check_profile(*profile);

  // As `dse replay --profile` and `dse profile check` take it.
  Points on = make_points(profile->points, bytes), all = make_points(point_names(), bytes);
  FilterSet filters(on), macros(all);
  for (const FilterRule& rule : profile->filters)
    if (auto status = filters.add(rule, profile->macros); !status)
      return check_error(status.error(), bytes);
  for (const auto& [name, text] : profile->macros)
    if (auto status = macros.add(
            {filter::Action::select, "", text, "", std::string(kName) + ", macro @" + name},
            profile->macros);
        !status)
      return check_error(status.error(), bytes);
  for (const std::string& message : filters.lint())
    if (message.empty()) fail("a lint that says nothing", bytes);
  for (const RecordOption& option : profile->record)
    if (option.name == "redact")
      if (auto rules = dse::format::Redactor::make(option.values, {}); !rules)
        return check_error(rules.error().in(option.source), bytes);
  return true;
}

const std::vector<std::string>& profile_seeds() {
  static const std::vector<std::string> kSeeds = [] {
    std::vector<std::string> seeds;
    for (const std::string& name : builtin_profile_names())
      seeds.emplace_back(builtin_profile(name));
    seeds.insert(
        seeds.end(),
        {"",
         "description = 'of all kinds'\n[points]\nProcessExited = true\nSignalDelivered = false\n"
         "[macros]\nshell = 'proc.name in (sh, bash)'\ndeep = \"@shell and proc.pid > 1\"\n"
         "[[filter]]\nname = 'shells'\nselect = '@deep'\n[[filter]]\npoint = 'ProcessExited'\n"
         "drop = \"\"\"\n  proc.exit_code = 0  # went well\n  and proc.pid > 0\n\"\"\"\n",
         "[record]\nbuffer = '1MiB'\nmax-args = 4_096\nenv = ['PATH', \"LD_PRELOAD\"]\n"
         "redact = ['token=(\\S+)', '''AKIA\\w{16}''']\nfailed-execs = true\n"
         "container-metadata = false\nlevel = -3\nflush = '1s'\nsegment-time = '1h'\n"
         "segment-size = 0x100000\nkeep = 24\n",
         "# The same in other words.\n\"points\" . 'ProcessExited' = true\n"
         "macros = { web = 'sock.rport in (80, 443)', 'b-2' = '@web or not @web' }\n"
         "filter = [ { select = '@web' }, { point = 'SignalDelivered', drop = 'sig.num = 9' } ]\n",
         "description = \"\\u00e9\\t\\U0001F600 \\\"\"\n[[filter]]\nname = \"\\u001b[31m\"\n"
         "select = \"proc.name = '\\\\x1b' or proc.args contains \\\"\\\\n\\\"\"\n",
         "[macros]\na = '@b and @b'\nb = '@c or @c'\nc = 'proc.pid in (1..9) or @d'\n"
         "d = 'proc.name regex \"(a|b)*c{2,9}\"'\n[[filter]]\nselect = '@a and not @b'\n"});
    return seeds;
  }();
  return kSeeds;
}

namespace {

// What TOML has that profiles do not expect where it stands.
const std::vector<std::string>& odd_lines() {
  static const std::vector<std::string> kLines{"points = 1",
                                               "[points.ProcessExited]",
                                               "[[points]]",
                                               "[filter]",
                                               "[[filter]]",
                                               "[macros]",
                                               "filter = [1, 'x', [[]], {}]",
                                               "[[filter.filter]]",
                                               "[record]",
                                               "level = 1e400",
                                               "keep = 9223372036854775807",
                                               "keep = -1",
                                               "buffer = '18446744073709551615B'",
                                               "flush = 07:32:00.999999999",
                                               "flush = '99999999999999999h'",
                                               "env = [[['PATH']]]",
                                               "redact = ['((']",
                                               "redact = ['']",
                                               "redact = '.*'",
                                               "description = \"\"\"",
                                               "'''",
                                               "\"\"\"",
                                               "description = nan",
                                               "description = 1979-05-27T00:32:00.999999-07:00",
                                               "me = '@me'",
                                               "ProcessExited = 'true'",
                                               "ProcessExecuted = false",
                                               "point = 'SignalGenerated'",
                                               "select = 'proc.pid = 1'",
                                               "drop = '@'",
                                               "drop = \"\\x\"",
                                               "a.b.c.d.e = { f = { g = [] } }",
                                               "\"\\u001b]0;x\\u0007\" = 1",
                                               "x = \"\xff\xfe\"",
                                               "\xef\xbb\xbf",
                                               "= = =",
                                               "[",
                                               "]]",
                                               "#\x01"};
  return kLines;
}

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines(1);
  for (char c : text) {
    lines.back() += c;
    if (c == '\n') lines.emplace_back();
  }
  return lines;
}

// Another expression in the place of the first that begins behind `from`.
void replace_expression(std::string& text, std::size_t from, std::mt19937_64& random) {
  std::size_t begin = text.find('\'', from);
  if (begin == std::string::npos) begin = text.find('"', from);
  if (begin == std::string::npos) return;
  std::size_t end = text.find(text[begin], begin + 1);
  if (end == std::string::npos) return;
  std::string expression = filter_seeds()[random() % filter_seeds().size()];
  if (random() % 2) expression = mutate_filter(std::move(expression), random);
  text.replace(begin, end + 1 - begin, "'''\n" + expression + "'''");
}

}  // namespace

std::string mutate_profile(std::string text, std::mt19937_64& random) {
  for (std::uint64_t n = 1 + random() % 3; n-- > 0;) {
    const std::string& other = profile_seeds()[random() % profile_seeds().size()];
    std::vector<std::string> mine = lines_of(text), theirs = lines_of(other);
    switch (random() % 8) {
      case 0: text = mutate_bytes(std::move(text), random); continue;
      case 1: replace_expression(text, random() % (text.size() + 1), random); continue;
      case 2: text += other; continue;
      case 3: std::swap(mine[random() % mine.size()], mine[random() % mine.size()]); break;
      case 4: mine[random() % mine.size()] = theirs[random() % theirs.size()]; break;
      case 5: mine[random() % mine.size()].clear(); break;
      case 6:
        mine.insert(mine.begin() + static_cast<std::ptrdiff_t>(random() % mine.size()),
                    odd_lines()[random() % odd_lines().size()] + "\n");
        break;
      default:  // many of one kind
        for (std::size_t at = random() % mine.size(), i = random() % 100; i-- > 0;)
          mine.push_back("[[filter]]\n" + mine[at]);
    }
    text.clear();
    for (const std::string& line : mine) text += line;
  }
  return text;
}
