#include "replay/ecs.h"

#include <algorithm>

#include "replay/point.h"
#include "replay/render_value.h"
#include "replay/state.h"

namespace dse::replay {
namespace {

// "ProcessExecuted" as "process_executed".
std::string snake_case(std::string_view name) {
  std::string out;
  for (char c : name) {
    bool upper = c >= 'A' && c <= 'Z';
    if (upper && !out.empty()) out += '_';
    out += upper ? static_cast<char>(c - 'A' + 'a') : c;
  }
  return out;
}

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return out;
}

std::string quoted(std::string_view text) {
  std::string out;
  append_quoted(text, out);
  return out;
}

}  // namespace

// ---- which places there are --------------------------------------------------------------------

EcsRenderer::EcsRenderer(const ObservationPoint& point) : point_(&point) {
  add_common();
  if (point.name() == "SocketStateChange")
    add_socket();
  else
    add_process();
  add_container();
  add_rest();
  sort();
}

EcsRenderer::Part& EcsRenderer::add(const std::string& path, What what) {
  std::vector<std::string> groups = split_name(path);
  std::string key = quoted(groups.back()) + ":";
  groups.pop_back();
  parts_.push_back({std::move(groups), std::move(key), what, {}, {}, {}});
  return parts_.back();
}

// A field that the point does not have, or shows only on request, has no place.
void EcsRenderer::add_field(const std::string& path, std::string_view field, What what) {
  int place = point_->field(field);
  if (place < 0 || !point_->fields()[static_cast<std::size_t>(place)].shown_by(point_->name()))
    return;
  add(path, what).shown = find_shown(*point_, field);
  used_.emplace_back(field);
}

void EcsRenderer::add_constant(const std::string& path, std::string_view text) {
  add(path, What::constant).constant = quoted(text);
}

void EcsRenderer::add_if_there(const std::string& path, std::string_view field,
                               std::string_view text) {
  auto shown = find_shown(*point_, field);
  if (!shown) return;
  Part& part = add(path, What::if_there);
  part.shown = std::move(shown);
  part.constant = quoted(text);
}

void EcsRenderer::add_common() {
  add_field("@timestamp", "evt.time");
  add_constant("ecs.version", kVersion);
  add("event.kind", What::kind);
  bool socket = point_->name() == "SocketStateChange";
  add("event.category", What::constant).constant = socket ? "[\"network\"]" : "[\"process\"]";
  add("event.type", What::type);
  add("event.action", What::action);
  add("event.outcome", What::outcome);
  add_field("event.sequence", "evt.num");
  add_field("event.duration", "proc.duration");
  add_constant("event.module", "dse");
  add_constant("event.dataset", "dse." + snake_case(point_->name()));
  add("host.name", What::host_name);
  add("host.architecture", What::host_machine);
  add_constant("host.os.type", "linux");
  add("host.os.kernel", What::host_kernel);
  add("host.boot.id", What::host_boot);
}

void EcsRenderer::add_process() {
  add_field("process.pid", "proc.pid");
  add_field("process.vpid", "proc.vpid");
  add_field("process.name", "proc.name");
  add_field("process.executable", "proc.exepath");
  add_field("process.command_line", "proc.cmdline");
  add_field("process.args_count", "proc.argc");
  add_field("process.working_directory", "proc.cwd");
  add_field("process.env_vars", "proc.env");
  add_field("process.exit_code", "proc.exit_code");
  add_field("process.thread.id", "proc.tid");
  add_field("process.parent.pid", "proc.ppid");
  add_field("process.parent.name", "proc.pname");
  add_field("process.session_leader.pid", "proc.sid");
  add_field("user.id", "user.uid", What::string);
  add_field("user.effective.id", "user.euid", What::string);
  add_field("group.id", "group.gid", What::string);
  add_field("error.code", "proc.ret");
  if (point_->field("proc.exe") < 0) return;
  Part& argv = add("process.args", What::argv);
  argv.shown = find_shown(*point_, "proc.exe");
  argv.other = find_shown(*point_, "proc.args");
  used_.insert(used_.end(), {"proc.exe", "proc.args"});
}

void EcsRenderer::add_container() {
  // Of a socket, the container is its owner's.
  if (point_->name() == "SocketStateChange") return;
  add_field("container.id", "container.id");
  add_field("container.runtime", "container.runtime");
  add_field("container.name", "container.name");
  add_field("container.image.name", "container.image");
  add_field("container.image.hash.all", "container.image_digest", What::array);
  add_if_there("orchestrator.type", "k8s.pod.uid", "kubernetes");
  add_if_there("orchestrator.resource.type", "k8s.pod.uid", "pod");
  add_field("orchestrator.resource.name", "k8s.pod.name");
  add_field("orchestrator.resource.id", "k8s.pod.uid");
  add_field("orchestrator.namespace", "k8s.ns.name");
}

// The task that runs when a socket changes its state is often not its owner, so it is under "dse.".
void EcsRenderer::add_socket() {
  add_field("process.pid", "sock.owner.pid");
  add_field("process.name", "sock.owner.name");
  add_field("user.id", "sock.owner.uid", What::string);
  add_field("container.id", "sock.owner.container");
  add_field("network.transport", "sock.proto");
  add_field("network.type", "sock.family");
  add("network.direction", What::direction);
  add_ends("ip", "sock.lip", "sock.rip");
  add_ends("port", "sock.lport", "sock.rport");
  add_ends("bytes", "sock.bytes_sent", "sock.bytes_received");
  add_ends("packets", "sock.segs_sent", "sock.segs_received");
}

void EcsRenderer::add_ends(const char* path, std::string_view local, std::string_view remote) {
  for (bool source : {true, false}) {
    Part& part = add(std::string(source ? "source." : "destination.") + path, What::end);
    part.shown = find_shown(*point_, source ? local : remote);
    part.other = find_shown(*point_, source ? remote : local);
  }
  used_.emplace_back(local);
  used_.emplace_back(remote);
}

void EcsRenderer::add_rest() {
  for (const Field& field : point_->fields()) {
    bool placed = std::find(used_.begin(), used_.end(), field.name) != used_.end();
    if (!placed && field.shown_by(point_->name())) add_field("dse." + field.name, field.name);
  }
}

// JSON has one object per group: its members must follow one another.
void EcsRenderer::sort() {
  // Each into its place behind its equals; std::stable_sort takes its memory in a deprecated way.
  for (auto it = parts_.begin(); it != parts_.end(); ++it)
    std::rotate(std::upper_bound(parts_.begin(), it, *it,
                                 [](const Part& a, const Part& b) { return a.groups < b.groups; }),
                it, it + 1);
}

// ---- what an event is --------------------------------------------------------------------------

std::optional<std::string_view> EcsRenderer::text(const EventBatch& events, std::uint32_t event,
                                                  std::string_view field) const {
  int place = point_->field(field);
  if (place < 0) return {};
  auto column = events.column(static_cast<std::size_t>(place));
  if (!column || !(*column)->is_text() || (*column)->missing(event)) return {};
  return (*column)->texts[(*column)->slot(event)];
}

EcsRenderer::Facts EcsRenderer::facts(const EventBatch& events, std::uint32_t event) const {
  Facts facts;
  const std::string& name = point_->name();
  facts.types = "[\"info\"]";
  if (name == "ProcessExecuted") {
    facts.types = "[\"start\"]";
    facts.action = "exec";
    facts.outcome = text(events, event, "proc.ret") ? "failure" : "success";
  } else if (name == "ProcessExited") {
    facts.types = "[\"end\"]";
    facts.action = "exit";
  } else if (name == "ContainerEvent") {
    std::string_view phase = text(events, event, "container.phase").value_or("");
    if (phase == "started" || phase == "exec") facts.types = "[\"start\"]";
    if (phase == "exited") facts.types = "[\"end\"]";
    if (phase == "existing") facts.kind = "state";
    facts.action = "container_" + std::string(phase);
  } else if (name == "SignalDelivered" || name == "SignalGenerated") {
    facts.action = name == "SignalDelivered" ? "signal_delivered" : "signal_generated";
    if (auto result = text(events, event, "sig.result"))
      facts.outcome = *result == "delivered" || *result == "already_pending" ? "success"
                                                                             : "failure";
  } else if (name == "SocketStateChange") {
    socket_facts(events, event, facts);
  } else {
    facts.action = snake_case(name);
  }
  return facts;
}

void EcsRenderer::socket_facts(const EventBatch& events, std::uint32_t event, Facts& facts) const {
  std::string_view old_state = text(events, event, "sock.oldstate").value_or("");
  std::string_view state = text(events, event, "sock.newstate").value_or("");
  std::string_view owner = text(events, event, "sock.owner.source").value_or("");
  auto either = [&](std::string_view one) { return old_state == one || state == one; };
  facts.action = "tcp_" + lower(state);
  facts.types = either("LISTEN")         ? "[\"info\"]"
                : state == "ESTABLISHED" ? "[\"connection\",\"start\"]"
                : state == "CLOSE"       ? "[\"connection\",\"end\"]"
                                         : "[\"connection\",\"info\"]";
  if (state == "ESTABLISHED") facts.outcome = "success";
  if (old_state == "SYN_SENT" && state == "CLOSE") facts.outcome = "failure";
  if (owner == "connect" || (owner != "listen" && owner != "accept" && either("SYN_SENT"))) {
    facts.direction = "egress";
  } else if (owner == "listen" || owner == "accept" || either("SYN_RECV") || either("LISTEN")) {
    facts.direction = "ingress";
    facts.outgoing = false;
  } else {
    facts.direction = "unknown";
  }
}

// ---- the document ------------------------------------------------------------------------------

// False: the value is missing, and nothing was written.
bool EcsRenderer::append_field(const EventBatch& events, std::uint32_t event, const Part& part,
                               const ShownField& shown, std::string& out) const {
  const EventColumn* column = column_of(events, shown);
  if (!column || column->missing(event)) return false;
  if (part.what == What::if_there) {
    out += part.constant;
    return true;
  }
  if (part.what == What::end) {
    // No port, and no address, of what has no other end.
    const std::string& name = point_->fields()[shown.field].name;
    if (name.ends_with("port") && column->numbers[column->slot(event)] == 0) return false;
    if (name.ends_with("ip")) {
      std::string_view address = column->texts[column->slot(event)];
      auto port = find_shown(*point_, name == "sock.lip" ? "sock.lport" : "sock.rport");
      const EventColumn* ports = port ? column_of(events, *port) : nullptr;
      bool no_port = !ports || ports->missing(event) || ports->numbers[ports->slot(event)] == 0;
      if (no_port && (address == "0.0.0.0" || address == "::")) return false;
    }
  }
  if (part.what == What::string) out += '"';
  if (part.what == What::array) out += '[';
  append_json_value(events, *column, shown.type, event, out);
  if (part.what == What::string) out += '"';
  if (part.what == What::array) out += ']';
  return true;
}

bool EcsRenderer::append_part(const EventBatch& events, std::uint32_t event, const Part& part,
                              const Facts& facts, std::string& out) const {
  auto own = [&](std::string_view text) {
    if (text.empty()) return false;
    append_quoted(text, out);
    return true;
  };
  const format::SegmentInfo& info = events.state().info();
  switch (part.what) {
    case What::constant: out += part.constant; return true;
    case What::kind: return own(facts.kind);
    case What::type: out += facts.types; return true;
    case What::action: return own(facts.action);
    case What::outcome: return own(facts.outcome);
    case What::direction: return own(facts.direction);
    case What::host_name: return own(info.host_name);
    case What::host_kernel: return own(info.kernel_release);
    case What::host_machine: return own(info.machine);
    case What::host_boot: return own(info.boot_id);
    case What::end:
      return append_field(events, event, part, facts.outgoing ? *part.shown : *part.other, out);
    case What::argv: {
      const EventColumn* first = column_of(events, *part.shown);
      const EventColumn* others = column_of(events, *part.other);
      if (!first || first->missing(event)) return false;
      out += '[';
      append_quoted(first->texts[first->slot(event)], out);
      if (others && !others->missing(event))
        for_each_string(others->texts[others->slot(event)], [&](std::string_view argument) {
          out += ',';
          append_quoted(argument, out);
        });
      out += ']';
      return true;
    }
    default: return append_field(events, event, part, *part.shown, out);
  }
}

void EcsRenderer::append(const EventBatch& events, std::uint32_t event, std::string& out) const {
  const Facts facts = this->facts(events, event);
  out += '{';
  const Part* last = nullptr;
  std::size_t open = 0;  // groups that are open, all of `last`
  for (const Part& part : parts_) {
    // Written at once; what turns out to be missing is taken back.
    const std::size_t begin = out.size();
    std::size_t common = 0;
    if (last)
      while (common < open && common < part.groups.size() &&
             part.groups[common] == last->groups[common])
        ++common;
    out.append(open - common, '}');
    if (last) out += ',';
    for (std::size_t i = common; i < part.groups.size(); ++i) {
      append_quoted(part.groups[i], out);
      out += ":{";
    }
    out += part.key;
    if (!append_part(events, event, part, facts, out)) {
      out.resize(begin);
      continue;
    }
    open = part.groups.size();
    last = &part;
  }
  out.append(open, '}');
  out += '}';
}

}  // namespace dse::replay
