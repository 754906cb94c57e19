#include <cstdio>
#include <cstdlib>

#include "replay/filter/lint.h"
#include "replay/filter/parser.h"
#include "replay/points/points.h"
#include "tests/fuzz/targets.h"

using namespace dse::replay;

namespace {

void fail(const char* what, std::string_view expression) {
  std::fprintf(stderr, "fuzz: %s: %.*s\n", what, static_cast<int>(expression.size()),
               expression.data());
  std::abort();
}

void check_error(const dse::Error& error, std::string_view expression) {
  if (error.code() != dse::ErrorCode::usage) fail("an error that is not of usage", expression);
  if (error.message().empty()) fail("an error that says nothing", expression);
  if (error.message().size() > 4000) fail("an error that goes on and on", expression);
  if (error.message().find('\x1b') != std::string::npos)
    fail("an error that steers the terminal", expression);
}

std::vector<std::unique_ptr<ObservationPoint>> every_point() {
  std::vector<std::unique_ptr<ObservationPoint>> points;
  for (const std::string& name : point_names()) points.push_back(make_point(name));
  return points;
}

// Nested, of itself, and wrong.
const filter::Macros kMacros{{"web", "sock.rport in (80, 443) # web\n"},
                             {"b-2", "@web or not (@web and proc.is_script)"},
                             {"me", "@you"},
                             {"you", "proc.pid = 1 and @me"},
                             {"bad", "proc.pid ="},
                             {"pad", "                              proc.pid = 1"}};

}  // namespace

bool fuzz_filter(std::string_view bytes) {
  static const auto kPoints = every_point();
  auto node = filter::parse("--select", std::string(bytes), kMacros);
  if (!node) {
    check_error(node.error(), bytes);
    return false;
  }
  filter::Spec spec{filter::Action::select, "select 1", std::string(bytes)};
  filter::Linted linted{&spec, &*node, {}};
  bool right = true;
  for (const auto& point : kPoints) {
    linted.points.push_back(point.get());
    if (auto program = filter::Program::compile(*node, *point); !program) {
      check_error(program.error(), bytes);
      right = false;
    }
  }
  if (right)
    for (const std::string& message : filter::lint({linted}))
      if (message.empty()) fail("a lint that says nothing", bytes);
  return right;
}

const std::vector<std::string>& filter_seeds() {
  static const std::vector<std::string> kSeeds{
      "proc.name = bash",
      "not proc.pid in (1, 5..9, 0x10..0o77) and @web",
      "(proc.name startswith 'a b' or proc.args contains \"\\xff\\n\") && !proc.is_script",
      "proc.filename glob '/usr/*/[a-z]?[!x]\\\\*' # comment\n or proc.cwd regex '(a|b)*c{2,3}'",
      "evt.time in (2026-11-22T15:32:56Z..2026-11-22T16:32:56.5+01:00)",
      "sock.lip = 10.0.0.0/8 or sock.rip in (::1, fd00::..fd00::ff, 1.2.3.4 .. 1.2.3.9)",
      "sig.num in (KILL, SIGRTMIN+3, 1..4) and sig.name != TERM",
      "proc.env[PATH] exists and proc.args[0] icontains X and proc.apid intersects (1..9)",
      "sock.bytes_sent > 1.5GiB or sock.srtt <= 10ms or proc.duration >= 0.5h",
      "sock.oldstate in (ESTABLISHED, SYN_SENT) or proc.ret = ENOENT",
      "thread.cap_effective intersects (CAP_SYS_ADMIN, CAP_NET_RAW) or container.phase = started",
      "@b-2 and (@pad or proc.core_dumped != false) and sock.cookie > 18446744073709551614",
      "proc.name = and and proc.name in (or, not, exists)",
  };
  return kSeeds;
}

std::string mutate_filter(std::string text, std::mt19937_64& random) {
  const auto& seeds = filter_seeds();
  auto words = [](const std::string& from) {
    std::vector<std::string> out(1);
    for (char c : from) {
      if (c == ' ' || c == '(' || c == ')') out.emplace_back();
      out.back() += c;
      if (c == ' ' || c == '(' || c == ')') out.emplace_back();
    }
    return out;
  };
  for (std::uint64_t n = 1 + random() % 4; n-- > 0;) {
    const std::string& other = seeds[random() % seeds.size()];
    switch (random() % 6) {
      case 0: text = mutate_bytes(std::move(text), random); break;
      case 1:  // splice
        text = text.substr(0, random() % (text.size() + 1)) + other.substr(random() % other.size());
        break;
      case 2: {
        auto mine = words(text);
        std::swap(mine[random() % mine.size()], mine[random() % mine.size()]);
        text.clear();
        for (const std::string& word : mine) text += word;
        break;
      }
      case 3: {
        auto mine = words(text), theirs = words(other);
        mine[random() % mine.size()] = theirs[random() % theirs.size()];
        text.clear();
        for (const std::string& word : mine) text += word;
        break;
      }
      case 4: text = "(" + text + (random() % 2 ? ") and (" : ") or not (") + other + ")"; break;
      default:
        if (text.size() < 100'000) text += (random() % 2 ? " or " : " and ") + text;
    }
  }
  return text;
}
