#include "tools/terminal.h"

#include <poll.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>

#include <fmt/format.h>

#include "replay/escape.h"
#include "replay/timestamp.h"
#include "tools/exit_code.h"

namespace dse::tools {
namespace {

bool status_shown = false;

}  // namespace

bool stdout_is_terminal() { return ::isatty(STDOUT_FILENO) != 0; }
bool stderr_is_terminal() { return ::isatty(STDERR_FILENO) != 0; }
bool use_colour() { return stdout_is_terminal() && std::getenv("NO_COLOR") == nullptr; }

unsigned terminal_width() {
  winsize size{};
  bool known = ::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col != 0;
  return known ? size.ws_col : 80;
}

void write_stderr(std::string_view text) {
  // Where even that fails there is no one left to tell.
  [[maybe_unused]] ssize_t n = ::write(STDERR_FILENO, text.data(), text.size());
}

void say(const std::string& message) {
  clear_status();
  // File names and what a capture says of itself are not to be trusted.
  std::string_view rest = message;
  std::string safe;
  std::size_t end = std::min(rest.find("\n  "), rest.size());
  replay::append_text(rest.substr(0, end), safe);
  while (end < rest.size()) {
    rest.remove_prefix(end + 1);
    end = std::min(rest.find("\n  "), rest.size());
    safe += '\n';
    replay::append_own_text(rest.substr(0, end), safe);
  }
  write_stderr("dse: " + safe + "\n");
}

int fail(const Error& error) {
  say(error.message());
  return exit_code(error.code());
}

Result<bool> write_stdout(std::string_view bytes) {
  clear_status();
  while (!bytes.empty()) {
    ssize_t n = ::write(STDOUT_FILENO, bytes.data(), bytes.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0 && errno == EPIPE) return false;
    if (n < 0)
      return Error(ErrorCode::io, errno_error("cannot write standard output", errno).message());
    bytes.remove_prefix(static_cast<std::size_t>(n));
  }
  return true;
}

bool stdout_reader_gone() {
  pollfd out{STDOUT_FILENO, 0, 0};
  return ::poll(&out, 1, 0) > 0 && (out.revents & POLLERR);
}

void show_status(const std::string& line) {
  if (!stderr_is_terminal()) return;
  write_stderr("\r\x1b[K" + line);
  status_shown = true;
}

void clear_status() {
  if (!status_shown) return;
  write_stderr("\r\x1b[K");
  status_shown = false;
}

std::string shown(std::string_view text) {
  std::string line, out;
  for (char c : text) {
    bool space = c == ' ' || c == '\n' || c == '\t' || c == '\r';
    if (!space) line += c;
    if (space && !line.empty() && line.back() != ' ') line += ' ';
  }
  replay::append_own_text(line, out);
  return out;
}

std::string json_text(std::string_view text) {
  std::string out = "\"";
  replay::append_json_string(text, out);
  return out + "\"";
}

std::string human_bytes(std::uint64_t bytes) {
  const char* const units[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
  double value = static_cast<double>(bytes);
  std::size_t unit = 0;
  while (value >= 1024 && unit + 1 < std::size(units)) {
    value /= 1024;
    ++unit;
  }
  return unit == 0 ? fmt::format("{} B", bytes) : fmt::format("{:.1f} {}", value, units[unit]);
}

std::string human_duration(std::uint64_t ns) {
  double seconds = static_cast<double>(ns) / 1e9;
  if (seconds < 1) return fmt::format("{:.0f} ms", seconds * 1e3);
  if (seconds < 120) return fmt::format("{:.1f} s", seconds);
  auto whole = static_cast<std::uint64_t>(seconds);
  if (whole < 7200) return fmt::format("{} min {} s", whole / 60, whole % 60);
  return fmt::format("{} h {} min", whole / 3600, whole / 60 % 60);
}

std::vector<std::string> describe_losses(const std::vector<format::Loss>& losses) {
  std::vector<std::string> lines;
  for (const format::Loss& loss : losses) {
    std::string cause;
    replay::append_text(loss.cause, cause);
    if (loss.count == 0) continue;
    std::string what = loss.cause == format::kUncountedCause ? "records"
                       : loss.kind ? human_count(loss.count) + " " + format::kind_name(loss.kind)
                                   : plural(loss.count, "record");
    lines.push_back(what + ": " + cause);
  }
  return lines;
}

std::string describe_gap(const replay::PlacedGap& gap) {
  return fmt::format("{} {} on CPU {} between {} and {}", human_count(gap.lost),
                     format::kind_name(gap.kind), gap.cpu,
                     gap.since_ns ? replay::rfc3339(gap.since_ns) : "the start",
                     replay::rfc3339(gap.until_ns));
}

int report_notes(const std::vector<format::Note>& notes) {
  int code = kOk;
  for (const format::Note& note : notes) {
    say(note.text);
    if (note.what != format::Note::What::growing && note.what != format::Note::What::newer)
      code = kDamaged;
  }
  return code;
}

}  // namespace dse::tools
