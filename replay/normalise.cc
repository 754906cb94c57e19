#include "replay/normalise.h"

#include <algorithm>
#include <charconv>
#include <unordered_map>

namespace dse::replay {
namespace {

// Where Linux takes ports from that nobody asked for by number, unless told otherwise.
constexpr unsigned kFirstEphemeralPort = 32768;
constexpr std::size_t kLeastIdDigits = 12;

const std::unordered_map<std::string_view, Stability>& rules() {
  using enum Stability;
  static const std::unordered_map<std::string_view, Stability> table{
      // where and when
      {"evt.num", left_out},
      {"evt.time", left_out},
      {"evt.cpu", left_out},
      {"host.name", left_out},
      {"sig.sender.num", left_out},
      // processes by number
      {"proc.pid", left_out},
      {"proc.tid", left_out},
      {"proc.ppid", left_out},
      {"proc.vpid", left_out},
      {"proc.apid", left_out},
      {"proc.exec_tid", left_out},
      {"proc.sid", left_out},
      {"proc.reaper_pid", left_out},
      {"container.init_pid", left_out},
      {"sock.owner.pid", left_out},
      {"sig.sender.pid", left_out},
      {"sig.sender.tid", left_out},
      {"sig.target.pid", left_out},
      {"sig.target.tid", left_out},
      {"sig.target.vpid", left_out},
      // the kernel's ids
      {"proc.exe_ino", left_out},
      {"proc.exe_dev", left_out},
      {"proc.exe_mount", left_out},
      {"cgroup.id", left_out},
      {"ns.cgroup", left_out},
      {"ns.ipc", left_out},
      {"ns.mnt", left_out},
      {"ns.net", left_out},
      {"ns.pid", left_out},
      {"ns.user", left_out},
      {"ns.uts", left_out},
      {"sock.cookie", left_out},
      {"sock.netns", left_out},
      {"sig.handler_addr", left_out},
      {"sig.value", left_out},
      {"sig.value_ptr", left_out},
      // measurements
      {"proc.duration", left_out},
      {"proc.maxrss", left_out},
      {"sock.age", left_out},
      {"sock.oldstate_duration", left_out},
      {"sock.segs_sent", left_out},
      {"sock.segs_received", left_out},
      {"sock.retransmits", left_out},
      {"sock.srtt", left_out},
      // what is partly the same
      {"sock.lport", port},
      {"sock.rport", port},
      {"proc.tty", name},
      {"container.id", name},
      {"container.ids", name},
      {"sock.owner.container", name},
      {"sig.sender.container", name},
      {"sig.target.container", name},
      {"k8s.pod.uid", name},
      {"cgroup.path", name},
  };
  return table;
}

// Of the task that a packet happened to interrupt.
bool is_of_task(std::string_view field) {
  for (std::string_view group : {"proc.", "user.", "group.", "container.", "k8s.", "cgroup."})
    if (field.starts_with(group)) return true;
  return false;
}

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_hex(char c) { return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F'); }

// How long the id is that begins here; 0: none does.
std::size_t id_size(std::string_view text) {
  if (!is_hex(text[0])) return 0;
  std::size_t digits = 0, end = 0;
  bool decimal = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (is_hex(text[i])) {
      ++digits;
      decimal = decimal || is_digit(text[i]);
      end = i + 1;
    } else if ((text[i] != '-' && text[i] != '_') || i != end) {
      break;
    }
  }
  return digits >= kLeastIdDigits && decimal ? end : 0;
}

std::string_view unquoted(std::string_view text) {
  return text.size() >= 2 && text[0] == '"' ? text.substr(1, text.size() - 2) : text;
}

bool is_ephemeral(std::string_view port) {
  unsigned number = 0;
  auto read = std::from_chars(port.data(), port.data() + port.size(), number);
  return read.ec == std::errc() && number >= kFirstEphemeralPort;
}

}  // namespace

Stability stability(std::string_view field, std::string_view point) {
  if (std::size_t bracket = field.find('['); bracket != std::string_view::npos)
    field = field.substr(0, bracket);
  if (point == "SocketStateChange" && is_of_task(field)) return Stability::left_out;
  auto found = rules().find(field);
  return found == rules().end() ? Stability::kept : found->second;
}

std::string stable_name(std::string_view text) {
  std::string out;
  char before = '/';
  for (std::size_t i = 0; i < text.size();) {
    std::size_t taken = 1;
    if (text[i] == '\\') {  // an escape, whose digits are no numbers
      taken = std::min<std::size_t>(text.size() - i,
                                    i + 1 < text.size() && text[i + 1] == 'u' ? 6 : 2);
      out += text.substr(i, taken);
    } else if (std::size_t id = is_hex(before) ? 0 : id_size(text.substr(i))) {
      taken = id;
      out += '*';
    } else if (is_digit(text[i])) {
      while (i + taken < text.size() && is_digit(text[i + taken])) ++taken;
      out += '#';
    } else {
      out += text[i];
    }
    before = text[i + taken - 1];
    i += taken;
  }
  return out;
}

const std::vector<JsonLine::Value>& Normaliser::apply(const JsonLine& line) {
  values_.clear();
  own_.clear();
  const std::string_view point = unquoted(line.find("evt.type"));
  for (JsonLine::Value value : line.values()) {
    if (std::find(options_.ignore.begin(), options_.ignore.end(), value.path) !=
        options_.ignore.end())
      continue;
    switch (options_.exact ? Stability::kept : stability(value.path, point)) {
      case Stability::kept: break;
      case Stability::left_out: continue;
      case Stability::port:
        if (is_ephemeral(value.text)) value.text = "\"ephemeral\"";
        break;
      case Stability::name: value.text = own_.emplace_back(stable_name(value.text)); break;
    }
    values_.push_back(value);
  }
  return values_;
}

}  // namespace dse::replay
