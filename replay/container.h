// Which container a cgroup belongs to, from the cgroup's path alone.
//
// Runtimes leave their name and the container's id in the path of the cgroup they make. This is the
// table of those forms. It is pure: no /proc, no runtime socket, no host, so that it says the same
// live and on replay.
//
// | path (ending, or part of it)                                     | runtime                    |
// |------------------------------------------------------------------|----------------------------|
// | docker-ID.scope, docker/ID, actions_job/ID, ecs/TASK/ID          | docker                     |
// | HEX32-DIGITS below ecs (Fargate, which has no docker)            | containerd                 |
// | cri-containerd-ID.scope, containerd-ID.scope, nerdctl-ID.scope   | containerd                 |
// | NAMESPACE/ID, nothing above NAMESPACE (containerd on cgroupfs)   | containerd                 |
// | crio-ID.scope                                                    | cri-o                      |
// | libpod-ID.scope, libpod-payload-ID                               | podman                     |
// | bpm-JOB, runc-bpm-JOB.scope, ANY-bpm-bpm-JOB.scope               | bpm                        |
// | runc-ANY.scope                                                   | runc                       |
// | SLICE:PREFIX:ID                                                  | as PREFIX-ID.scope         |
// | 8-4-4-4-4 hex digits; UUID in garden, garden/good or garden/bad  | garden                     |
// | lxc/NAME, lxc.payload/NAME, lxc.payload.NAME                     | lxc                        |
// | machine-lxc\x2d<n>….scope (libvirt)                              | lxc                        |
// | machine-NAME.scope, systemd-nspawn@NAME.service/payload          | systemd-nspawn             |
// | ID, or ANY-ID.scope, below kubepods                              | kubernetes                 |
// | ID anywhere else                                                 | "" (a container, of whom   |
// |                                                                 | the path does not say)     |
//
// ID is 64 lower-case hex digits. PREFIX-ID counts without ".scope" too, as cgroupfs drivers write
// it. JOB is letters, digits, '_', '-', and anything else as a '.' and two hex digits, which no
// unit of systemd but a device looks like. Nothing else is a container: not services, sessions,
// scopes of applications, pods, conmon, LXC monitors or VMs.
#pragma once

#include <optional>
#include <string_view>
#include <vector>

namespace dse::replay {

// The edition of the table above. It grows by one with every change to what any path gives. Captures name
// the one that they were made with (kContainerTableOption), and replay with it for ever.
//   1  all but the following
//   2  Fargate, BPM, Garden
inline constexpr unsigned kContainerTableVersion = 2;
inline constexpr std::string_view kContainerTableOption = "container-table";

struct ContainerPath {
  std::string_view id;  // as in the path: what the runtime says, or with systemd's \x2d escapes
  std::string_view runtime;  // a literal of the table above
  // The innermost Kubernetes pod on the way to the container, as in the path: with '_' for '-' if
  // systemd made the cgroup. "" if there is none.
  std::string_view pod_uid_raw;
};

// The container of the cgroup at `path`: the innermost one, where containers run in containers.
// Cgroups below the container's own belong to it. nullopt if there is no container on the path.
//
// `path` is one as /proc/<pid>/cgroup has it after the second colon, or as the kernel's cgroup
// tracepoints give it, of a v2 hierarchy or of any v1 controller; the " (deleted)" that /proc
// appends is understood. Any bytes are safe. `id` and `pod_uid_raw` point into `path`. Does not
// allocate; time is linear in the length of `path`.
std::optional<ContainerPath> classify_cgroup_path(
    std::string_view path, unsigned edition = kContainerTableVersion) noexcept;

// All the containers on the path, from the outermost to the innermost; the last one is what
// classify_cgroup_path() gives.
std::vector<ContainerPath> classify_cgroup_path_all(std::string_view path,
                                                    unsigned edition = kContainerTableVersion);

}  // namespace dse::replay
