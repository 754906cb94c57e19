#include "replay/container.h"

#include <algorithm>
#include <cstddef>

namespace dse::replay {
namespace {

constexpr std::size_t kIdSize = 64;
constexpr std::string_view kDeleted = " (deleted)";  // cgroup_show() in kernel/cgroup/cgroup.c
constexpr std::string_view kSlice = ".slice";
constexpr std::string_view kScope = ".scope";
constexpr std::string_view kService = ".service";

constexpr std::string_view kDocker = "docker";
constexpr std::string_view kContainerd = "containerd";
constexpr std::string_view kCrio = "cri-o";
constexpr std::string_view kPodman = "podman";
constexpr std::string_view kRunc = "runc";
constexpr std::string_view kBpm = "bpm";
constexpr std::string_view kGarden = "garden";
constexpr std::string_view kLxc = "lxc";
constexpr std::string_view kNspawn = "systemd-nspawn";
constexpr std::string_view kKubernetes = "kubernetes";
constexpr std::string_view kUnnamed = "";

// What stands before the id in PREFIX-ID.scope and SLICE:PREFIX:ID. The match is exact, which is
// what keeps crio-conmon and libpod-conmon out: the monitors, which run on the host.
struct Prefix {
  std::string_view prefix;
  std::string_view runtime;
};
constexpr Prefix kPrefixes[] = {
    {"docker", kDocker},
    {"cri-containerd", kContainerd},
    {"containerd", kContainerd},
    {"nerdctl", kContainerd},
    {"crio", kCrio},
    {"libpod", kPodman},
    {"libpod-payload", kPodman},
    {"runc", kRunc},
};

// ASCII by hand: <cctype> asks the locale of the machine that replays.
constexpr bool is_digit(char c) noexcept { return c >= '0' && c <= '9'; }

constexpr bool is_alphanumeric(char c) noexcept {
  return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

constexpr bool is_hex_digit(char c) noexcept { return is_digit(c) || (c >= 'a' && c <= 'f'); }

bool is_hex(std::string_view text) noexcept {
  return std::all_of(text.begin(), text.end(), is_hex_digit);
}

bool is_id(std::string_view text) noexcept { return text.size() == kIdSize && is_hex(text); }

// 8-4-4-4-REST, each in hex digits: a UUID for 12, and one that Garden cut short for 4.
bool is_uuid(std::string_view text, std::size_t rest) noexcept {
  if (text.size() != 24 + rest) return false;
  for (const std::size_t dash : {8u, 13u, 18u, 23u}) {
    if (text[dash] != '-') return false;
  }
  return is_hex(text.substr(0, 8)) && is_hex(text.substr(9, 4)) && is_hex(text.substr(14, 4)) &&
         is_hex(text.substr(19, 4)) && is_hex(text.substr(24));
}

// The task's id without its dashes, and a number.
bool is_fargate_id(std::string_view text) noexcept {
  constexpr std::size_t kTask = 32;
  if (text.size() < kTask + 2 || text[kTask] != '-' || !is_hex(text.substr(0, kTask))) return false;
  text.remove_prefix(kTask + 1);
  return std::all_of(text.begin(), text.end(), is_digit);
}

bool contains(std::string_view text, std::string_view part) noexcept {
  return text.find(part) != std::string_view::npos;
}

bool consume_prefix(std::string_view& text, std::string_view prefix) noexcept {
  if (!text.starts_with(prefix)) return false;
  text.remove_prefix(prefix.size());
  return true;
}

bool consume_suffix(std::string_view& text, std::string_view suffix) noexcept {
  if (!text.ends_with(suffix)) return false;
  text.remove_suffix(suffix.size());
  return true;
}

// How BPM makes an id of runc of the names of a job and its process.
bool is_bpm_id(std::string_view text) noexcept {
  if (!consume_prefix(text, "bpm-") || text.empty()) return false;
  while (!text.empty()) {
    const bool escaped = text.front() == '.';
    if (escaped && (text.size() < 3 || !is_hex(text.substr(1, 2)))) return false;
    if (!escaped && !is_alphanumeric(text.front()) && text.front() != '_' && text.front() != '-') {
      return false;
    }
    text.remove_prefix(escaped ? 3 : 1);
  }
  return true;
}

// An identifier of containerd that cannot be a unit of systemd.
bool is_containerd_namespace(std::string_view text) noexcept {
  if (text.empty() || !is_alphanumeric(text.front()) || !is_alphanumeric(text.back())) return false;
  if (text.ends_with(kSlice) || text.ends_with(kScope) || text.ends_with(kService)) return false;
  return std::all_of(text.begin(), text.end(),
                     [](char c) { return is_alphanumeric(c) || c == '.' || c == '_' || c == '-'; });
}

// libvirt registers its guests with machined as DRIVER-NUMBER-NAME.
bool is_libvirt_guest(std::string_view machine, std::string_view driver) noexcept {
  return consume_prefix(machine, driver) && consume_prefix(machine, "\\x2d") && !machine.empty() &&
         is_digit(machine.front());
}

// Yields the containers of one path from the outermost to the innermost.
class Scanner {
 public:
  Scanner(std::string_view path, unsigned edition) noexcept : rest_(path), edition_(edition) {
    consume_suffix(rest_, kDeleted);
  }

  std::optional<ContainerPath> next() noexcept {
    while (const auto component = next_component()) {
      note_kubernetes(*component);
      auto found = match(*component);
      if (!found) {
        in_garden_ = *component == "garden" ||
                     (parent_ == "garden" && (*component == "good" || *component == "bad"));
        in_ecs_ = in_ecs_ || *component == "ecs";
        parent_ = *component;
        continue;
      }
      // What is above a container says nothing about the cgroups that it makes inside itself; only
      // the pod stays, since the containers inside run in it too.
      parent_ = {};
      depth_ = 0;
      in_kubepods_ = false;
      in_ecs_ = false;
      in_garden_ = false;
      // Podman's libpod-ID.scope/libpod-payload-ID is one container, not two. Names may repeat.
      if (found->id == last_id_ && is_id(last_id_)) continue;
      last_id_ = found->id;
      found->pod_uid_raw = pod_uid_;
      return found;
    }
    return std::nullopt;
  }

 private:
  std::optional<std::string_view> next_component() noexcept {
    const std::size_t start = rest_.find_first_not_of('/');
    if (start == std::string_view::npos) return std::nullopt;
    rest_.remove_prefix(start);
    const std::string_view component = rest_.substr(0, rest_.find('/'));
    rest_.remove_prefix(component.size());
    ++depth_;
    return component;
  }

  // Pods are kubepods/…/podUID, and …kubepods…-podUID.slice where systemd makes the cgroups. There
  // may be more before "kubepods": kubelet's --cgroup-root, e.g. kubelet-kubepods.slice in kind.
  void note_kubernetes(std::string_view component) noexcept {
    component = component.substr(0, component.find(':'));  // SLICE:PREFIX:ID
    std::string_view pod = component;
    if (in_kubepods_ && consume_prefix(pod, "pod") && !pod.empty()) {
      pod_uid_ = pod;
      return;
    }
    in_kubepods_ = in_kubepods_ || contains(component, "kubepods");
    if (!in_kubepods_ || !consume_suffix(component, kSlice)) return;
    constexpr std::string_view kPod = "-pod";
    const std::size_t at = component.rfind(kPod);  // the last: a UID has '_' for '-' here
    if (at == std::string_view::npos) return;
    component.remove_prefix(at + kPod.size());
    if (!component.empty()) pod_uid_ = component;
  }

  // `component` as the cgroup of a container, without the pod.
  std::optional<ContainerPath> match(std::string_view component) const noexcept {
    if (auto found = match_machine(component)) return found;
    if (is_id(component)) return match_bare_id(component);
    if (edition_ >= 2) {
      if (is_uuid(component, 4) || (in_garden_ && is_uuid(component, 12)))
        return ContainerPath{component, kGarden, {}};
      if (in_ecs_ && is_fargate_id(component)) return ContainerPath{component, kContainerd, {}};
      if (is_bpm_id(component)) return ContainerPath{component, kBpm, {}};
    }
    if (contains(component, ":")) return match_triple(component);

    const bool is_scope = consume_suffix(component, kScope);
    if (is_scope && component.starts_with("runc-")) {
      return by_prefix("runc", component.substr(5), is_scope);
    }
    if (const std::size_t at = component.find("-bpm-bpm-");
        edition_ >= 2 && is_scope && at != component.npos) {
      return by_prefix("bpm", component.substr(at + 5), is_scope);
    }
    if (component.size() <= kIdSize + 1) return std::nullopt;
    const std::size_t dash = component.size() - kIdSize - 1;
    if (component[dash] != '-') return std::nullopt;
    return by_prefix(component.substr(0, dash), component.substr(dash + 1), is_scope);
  }

  // SLICE:PREFIX:ID: what a runtime that was told to use systemd hands to a runc that was not.
  std::optional<ContainerPath> match_triple(std::string_view component) const noexcept {
    const std::size_t last = component.rfind(':');
    const std::string_view head = component.substr(0, last);
    const std::size_t first = head.rfind(':');
    if (first == std::string_view::npos) return std::nullopt;
    return by_prefix(head.substr(first + 1), component.substr(last + 1), true);
  }

  std::optional<ContainerPath> by_prefix(std::string_view prefix, std::string_view id,
                                         bool is_scope) const noexcept {
    if (edition_ >= 2 && (prefix == "runc" || prefix == "bpm" || prefix.ends_with("-bpm")) &&
        is_bpm_id(id)) {
      return ContainerPath{id, kBpm, {}};
    }
    // The ids of runc are what its user says; everyone else's are hex.
    if (!is_id(id) && (prefix != "runc" || id.empty())) return std::nullopt;
    for (const Prefix& entry : kPrefixes) {
      if (entry.prefix == prefix) return ContainerPath{id, entry.runtime, {}};
    }
    // A runtime that is not in the table, but all that kubelet puts into a pod is containers.
    if (in_kubepods_ && is_scope && !contains(prefix, "conmon")) {
      return ContainerPath{id, kKubernetes, {}};
    }
    return std::nullopt;
  }

  std::optional<ContainerPath> match_bare_id(std::string_view id) const noexcept {
    if (parent_ == "libpod_parent") return std::nullopt;  // a pod of podman
    if (parent_ == "docker" || parent_ == "actions_job") return ContainerPath{id, kDocker, {}};
    if (in_kubepods_) return ContainerPath{id, kKubernetes, {}};
    if (in_ecs_) return ContainerPath{id, kDocker, {}};
    if (depth_ == 2 && is_containerd_namespace(parent_)) return ContainerPath{id, kContainerd, {}};
    return ContainerPath{id, kUnnamed, {}};
  }

  // LXC and nspawn: containers with a name, which run a whole system.
  std::optional<ContainerPath> match_machine(std::string_view component) const noexcept {
    if (parent_ == "lxc" || parent_ == "lxc.payload") return ContainerPath{component, kLxc, {}};

    std::string_view name = component;
    if (consume_prefix(name, "lxc.payload.") && !name.empty()) {
      return ContainerPath{name, kLxc, {}};
    }

    name = component;
    if (consume_prefix(name, "machine-") && consume_suffix(name, kScope) && !name.empty()) {
      for (const std::string_view vm : {"qemu", "xen", "ch"}) {
        if (is_libvirt_guest(name, vm)) return std::nullopt;
      }
      return ContainerPath{name, is_libvirt_guest(name, "lxc") ? kLxc : kNspawn, {}};
    }

    // As a service, nspawn itself is in …/supervisor and only its container in …/payload.
    name = parent_;
    if (component == "payload" && consume_prefix(name, "systemd-nspawn@") &&
        consume_suffix(name, kService) && !name.empty()) {
      return ContainerPath{name, kNspawn, {}};
    }
    return std::nullopt;
  }

  std::string_view rest_;
  unsigned edition_;  // of the table
  // All but the pod and the last id: since the root, or since the last container.
  std::string_view parent_;
  std::size_t depth_ = 0;  // components so far, the one at hand included
  bool in_kubepods_ = false;
  bool in_ecs_ = false;
  bool in_garden_ = false;  // directly
  std::string_view pod_uid_;
  std::string_view last_id_;
};

}  // namespace

std::optional<ContainerPath> classify_cgroup_path(std::string_view path,
                                                  unsigned edition) noexcept {
  Scanner scanner(path, edition);
  std::optional<ContainerPath> innermost;
  while (const auto found = scanner.next()) innermost = found;
  return innermost;
}

std::vector<ContainerPath> classify_cgroup_path_all(std::string_view path, unsigned edition) {
  Scanner scanner(path, edition);
  std::vector<ContainerPath> containers;
  while (const auto found = scanner.next()) containers.push_back(*found);
  return containers;
}

}  // namespace dse::replay
