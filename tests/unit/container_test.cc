#include "replay/container.h"

#include <gtest/gtest.h>

#include <cstddef>
#include <functional>
#include <iterator>
#include <random>
#include <string>
#include <string_view>
#include <vector>

namespace dse::replay {
namespace {

// Ids that cannot be mistaken for each other.
#define ID_A "4f797c539e6c745de61a93ca3ff892358ecbcaccd8414d5db545c38428142970"
#define ID_B "99f3a16ea25b7724cb56a4f0c0df1113ad9474fbf5545bead97fd5c7f61c13f4"
#define ID_C "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define UID_DASH "eab5a334-93fe-48a8-b139-9e8079c1f163"
#define UID_LOW "eab5a334_93fe_48a8_b139_9e8079c1f163"
#define UID_STATIC "1864dd0546310be9937c37cf88024cb8"  // of a static pod: a hash
#define FARGATE "34dc0b5e626f2c5c4c5170e34b10e765-1234567890"
#define GARDEN "6f265890-5165-7fab-6b52-18d1"
#define USER_SLICE "/user.slice/user-1000.slice/user@1000.service"

struct Container {
  std::string_view id, runtime, pod_uid_raw;
};

bool operator==(const Container& expected, const ContainerPath& got) {
  return expected.id == got.id && expected.runtime == got.runtime &&
         expected.pod_uid_raw == got.pod_uid_raw;
}

struct PositiveCase {
  std::string_view path;
  std::vector<Container> containers;  // outer to inner
};

const PositiveCase kContainers[] = {
    // docker
    {"/docker/" ID_A, {{ID_A, "docker", ""}}},
    {"/system.slice/docker-" ID_A ".scope", {{ID_A, "docker", ""}}},
    {"/system.slice/docker.service/docker/" ID_A, {{ID_A, "docker", ""}}},
    {"/docker-ce/docker/" ID_A, {{ID_A, "docker", ""}}},  // Docker Desktop
    {"/docker-" ID_A, {{ID_A, "docker", ""}}},
    {USER_SLICE "/user.slice/docker-" ID_A ".scope", {{ID_A, "docker", ""}}},  // rootless
    {"/actions_job/" ID_A, {{ID_A, "docker", ""}}},                            // GitHub's runners
    {"system.slice:docker:" ID_A, {{ID_A, "docker", ""}}},
    // Amazon ECS, by the cgroupfs and the systemd driver
    {"/ecs/55091c13-b8cf-4801-b527-f4601742204d/" ID_A, {{ID_A, "docker", ""}}},
    {"/ecs/my-cluster/55091c13b8cf4801b527f4601742204d/" ID_A, {{ID_A, "docker", ""}}},
    {"/ecstasks.slice/ecstasks-55091c13b8cf4801b527f4601742204d.slice/docker-" ID_A ".scope",
     {{ID_A, "docker", ""}}},
    {"/ecs/55091c13-b8cf-4801-b527-f4601742204d/" FARGATE, {{FARGATE, "containerd", ""}}},
    {"/ecs/34dc0b5e626f2c5c4c5170e34b10e765/" FARGATE, {{FARGATE, "containerd", ""}}},
    {"/ecs/" FARGATE, {{FARGATE, "containerd", ""}}},

    // containerd
    {"/system.slice/cri-containerd-" ID_A ".scope", {{ID_A, "containerd", ""}}},
    {"/system.slice/containerd-" ID_A ".scope", {{ID_A, "containerd", ""}}},
    {"/cri-containerd-" ID_A, {{ID_A, "containerd", ""}}},
    {"/system.slice:cri-containerd:" ID_A, {{ID_A, "containerd", ""}}},
    {"/system.slice/nerdctl-" ID_A ".scope", {{ID_A, "containerd", ""}}},
    {USER_SLICE "/user.slice/nerdctl-" ID_A ".scope", {{ID_A, "containerd", ""}}},
    {"/system.slice:nerdctl:" ID_A, {{ID_A, "containerd", ""}}},
    {"/default/" ID_A, {{ID_A, "containerd", ""}}},
    {"/k8s.io/" ID_A, {{ID_A, "containerd", ""}}},
    {"/my-team_1/" ID_A, {{ID_A, "containerd", ""}}},

    // cri-o
    {"/crio-" ID_A, {{ID_A, "cri-o", ""}}},
    {"/system.slice/crio-" ID_A ".scope", {{ID_A, "cri-o", ""}}},
    {"/system.slice/crio-" ID_A ".scope/container", {{ID_A, "cri-o", ""}}},

    // podman
    {"/machine.slice/libpod-" ID_A ".scope", {{ID_A, "podman", ""}}},
    {"/machine.slice/libpod-" ID_A ".scope/container", {{ID_A, "podman", ""}}},
    {"/machine.slice/libpod-" ID_A ".scope/container/init.scope", {{ID_A, "podman", ""}}},
    {"/machine.slice/libpod-" ID_A ".scope/libpod-payload-" ID_A, {{ID_A, "podman", ""}}},
    {"/system.slice/nginx.service/libpod-payload-" ID_A, {{ID_A, "podman", ""}}},  // quadlet
    {USER_SLICE "/user.slice/libpod-" ID_A ".scope/container", {{ID_A, "podman", ""}}},
    {USER_SLICE "/app.slice/web.service/libpod-payload-" ID_A, {{ID_A, "podman", ""}}},
    {"/libpod_parent/libpod-" ID_A, {{ID_A, "podman", ""}}},
    {"/libpod_parent/" ID_B "/libpod-" ID_A, {{ID_A, "podman", ""}}},  // ID_B is a pod of podman
    {"/machine.slice/machine-libpod_pod_" ID_B ".slice/libpod-" ID_A ".scope",
     {{ID_A, "podman", ""}}},

    // runc by itself: the user makes up the id
    {"/user.slice/runc-mycontainer.scope", {{"mycontainer", "runc", ""}}},
    {"/system.slice/runc-" ID_A ".scope", {{ID_A, "runc", ""}}},
    {"/user.slice:runc:box", {{"box", "runc", ""}}},

    // BPM, of BOSH: runc, with ids of a known form
    {"/system.slice/runc-bpm-galera-agent.scope", {{"bpm-galera-agent", "bpm", ""}}},
    {"/system.slice/runc-bpm-uaa.2eworker.scope", {{"bpm-uaa.2eworker", "bpm", ""}}},
    {"/system.slice/garden-abc-scope-bpm-bpm-uaa.scope", {{"bpm-uaa", "bpm", ""}}},
    {"/system.slice:system-slice-bpm:bpm-uaa", {{"bpm-uaa", "bpm", ""}}},
    {"/system.slice/runit.service/bpm-uaa", {{"bpm-uaa", "bpm", ""}}},
    {"/bpm-cloud_controller_ng.2enginx", {{"bpm-cloud_controller_ng.2enginx", "bpm", ""}}},
    {"/docker/" ID_A "/bpm-uaa", {{ID_A, "docker", ""}, {"bpm-uaa", "bpm", ""}}},

    // Garden, of Cloud Foundry and Concourse
    {"/garden/" GARDEN, {{GARDEN, "garden", ""}}},
    {"/system.slice/garden.service/garden/" GARDEN, {{GARDEN, "garden", ""}}},
    {"/system.slice/garden.service/garden/good/" GARDEN, {{GARDEN, "garden", ""}}},
    {"/garden/bad/" GARDEN "/init", {{GARDEN, "garden", ""}}},
    {"/system.slice/runit.service/" GARDEN, {{GARDEN, "garden", ""}}},
    {"/garden/" UID_DASH, {{UID_DASH, "garden", ""}}},
    {"/garden/good/" UID_DASH, {{UID_DASH, "garden", ""}}},
    {"/docker/" ID_A "/garden/" GARDEN, {{ID_A, "docker", ""}, {GARDEN, "garden", ""}}},

    // LXC, LXD, Incus, Proxmox
    {"/lxc/web", {{"web", "lxc", ""}}},
    {"/lxc/101/ns/system.slice/ssh.service", {{"101", "lxc", ""}}},
    {"/lxc.payload/web", {{"web", "lxc", ""}}},
    {"/lxc.payload.web", {{"web", "lxc", ""}}},
    {"/lxc.payload.project_web-1/init.scope", {{"project_web-1", "lxc", ""}}},
    {"/lxc/" ID_A, {{ID_A, "lxc", ""}}},
    {"/lxc.payload.web/lxc.payload.web", {{"web", "lxc", ""}, {"web", "lxc", ""}}},
    {"/machine.slice/machine-lxc\\x2d4242\\x2dweb.scope", {{"lxc\\x2d4242\\x2dweb", "lxc", ""}}},

    // systemd-nspawn
    {"/machine.slice/machine-debian.scope", {{"debian", "systemd-nspawn", ""}}},
    {"/machine.slice/machine-my\\x2dbox.scope/payload/system.slice/cron.service",
     {{"my\\x2dbox", "systemd-nspawn", ""}}},
    {"/machine.slice/machine-qemu\\x2dbuilder.scope", {{"qemu\\x2dbuilder", "systemd-nspawn", ""}}},
    {"/machine.slice/systemd-nspawn@debian.service/payload/init.scope",
     {{"debian", "systemd-nspawn", ""}}},

    // Kubernetes, cgroupfs driver
    {"/kubepods/pod" UID_DASH "/" ID_A, {{ID_A, "kubernetes", UID_DASH}}},
    {"/kubepods/burstable/pod" UID_DASH "/" ID_A, {{ID_A, "kubernetes", UID_DASH}}},
    {"/kubepods/besteffort/pod" UID_DASH "/" ID_A, {{ID_A, "kubernetes", UID_DASH}}},
    {"/kubepods/guaranteed/pod" UID_DASH "/" ID_A, {{ID_A, "kubernetes", UID_DASH}}},
    {"/kubepods/burstable/pod" UID_STATIC "/" ID_A, {{ID_A, "kubernetes", UID_STATIC}}},
    {"/kubelet/kubepods/burstable/pod" UID_DASH "/" ID_A, {{ID_A, "kubernetes", UID_DASH}}},
    {"/kubepods/pod" UID_DASH "/cri-containerd-" ID_A, {{ID_A, "containerd", UID_DASH}}},
    {"/kubepods/burstable/pod" UID_DASH "/crio-" ID_A, {{ID_A, "cri-o", UID_DASH}}},
    {"/kubepods/burstable/pod" UID_DASH "/" ID_A "/system.slice/x.service",
     {{ID_A, "kubernetes", UID_DASH}}},
    // Kubernetes, systemd driver
    {"/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod" UID_LOW
     ".slice/cri-containerd-" ID_A ".scope",
     {{ID_A, "containerd", UID_LOW}}},
    {"/kubepods.slice/kubepods-besteffort.slice/kubepods-besteffort-pod" UID_LOW
     ".slice/docker-" ID_A ".scope",
     {{ID_A, "docker", UID_LOW}}},
    {"/kubepods.slice/kubepods-guaranteed.slice/kubepods-guaranteed-pod" UID_LOW
     ".slice/cri-containerd-" ID_A ".scope",
     {{ID_A, "containerd", UID_LOW}}},
    {"/kubelet.slice/kubelet-kubepods.slice/kubelet-kubepods-pod" UID_LOW
     ".slice/cri-containerd-" ID_A ".scope",
     {{ID_A, "containerd", UID_LOW}}},
    {"/kubepods.slice/kubepods-pod" UID_LOW ".slice/crio-" ID_A ".scope/container",
     {{ID_A, "cri-o", UID_LOW}}},
    {"/kubepods.slice/kubepods-pod" UID_LOW ".slice/" ID_A, {{ID_A, "kubernetes", UID_LOW}}},
    {"/kubepods.slice/kubepods-pod" UID_LOW ".slice/isulad-" ID_A ".scope",
     {{ID_A, "kubernetes", UID_LOW}}},
    {"../../kubepods-burstable-pod" UID_LOW ".slice/docker-" ID_A ".scope",
     {{ID_A, "docker", UID_LOW}}},
    // containerd told to use systemd, runc not
    {"/system.slice/containerd.service/kubepods-burstable-pod" UID_LOW
     ".slice:cri-containerd:" ID_A,
     {{ID_A, "containerd", UID_LOW}}},
    {"/kubepods-besteffort-pod" UID_LOW ".slice:crio:" ID_A, {{ID_A, "cri-o", UID_LOW}}},

    // No known parent: a container, but of whom?
    {"/" ID_A, {{ID_A, "", ""}}},
    {"/system.slice/" ID_A, {{ID_A, "", ""}}},
    {"/system.slice/build.service/" ID_A, {{ID_A, "", ""}}},
    {"/my/own/" ID_A, {{ID_A, "", ""}}},

    // Cgroups below the container's own
    {"/system.slice/docker-" ID_A ".scope/init.scope", {{ID_A, "docker", ""}}},
    {"/system.slice/docker-" ID_A ".scope/system.slice/nginx.service", {{ID_A, "docker", ""}}},
    {"/docker/" ID_A "/user.slice/user-0.slice/session-1.scope", {{ID_A, "docker", ""}}},
    {"/docker/" ID_A "/docker/buildkit/g2pufvpl2mzvkodqz8n7rdjfu", {{ID_A, "docker", ""}}},

    // sysbox: the container's processes are in a cgroup below its own
    {"/docker/" ID_A "/syscont-cgroup-root", {{ID_A, "docker", ""}}},
    {"/docker/" ID_A "/syscont-cgroup-root/init.scope", {{ID_A, "docker", ""}}},
    {"/docker/" ID_A "/init.scope", {{ID_A, "docker", ""}}},
    {"/docker/" ID_A "/syscont-cgroup-root/docker/" ID_B,
     {{ID_A, "docker", ""}, {ID_B, "docker", ""}}},
    {"/actions_job/" ID_A "/docker/" ID_B, {{ID_A, "docker", ""}, {ID_B, "docker", ""}}},

    // Containers in containers
    {"/docker/" ID_A "/docker/" ID_B, {{ID_A, "docker", ""}, {ID_B, "docker", ""}}},
    {"/docker/" ID_A "/docker/" ID_B "/docker/" ID_C,
     {{ID_A, "docker", ""}, {ID_B, "docker", ""}, {ID_C, "docker", ""}}},
    {"/system.slice/docker-" ID_A
     ".scope/kubelet.slice/kubelet-kubepods.slice/kubelet-kubepods-besteffort.slice/"
     "kubelet-kubepods-besteffort-pod" UID_LOW ".slice/cri-containerd-" ID_B ".scope",
     {{ID_A, "docker", ""}, {ID_B, "containerd", UID_LOW}}},  // kind
    {"/docker/" ID_A "/kubelet/kubepods/besteffort/pod" UID_DASH "/" ID_B,
     {{ID_A, "docker", ""}, {ID_B, "kubernetes", UID_DASH}}},
    {"/kubepods/burstable/pod" UID_DASH "/" ID_A "/docker/" ID_B,
     {{ID_A, "kubernetes", UID_DASH}, {ID_B, "docker", UID_DASH}}},
    {"/kubepods/burstable/pod" UID_DASH "/" ID_A "/" ID_B,
     {{ID_A, "kubernetes", UID_DASH}, {ID_B, "", UID_DASH}}},
    {"/ecs/task/" ID_A "/default/" ID_B, {{ID_A, "docker", ""}, {ID_B, "containerd", ""}}},
    {"/lxc.payload.host1/system.slice/docker-" ID_A ".scope",
     {{"host1", "lxc", ""}, {ID_A, "docker", ""}}},
    {"/machine.slice/machine-a.scope/payload/machine.slice/machine-b.scope",
     {{"a", "systemd-nspawn", ""}, {"b", "systemd-nspawn", ""}}},
    {"/machine.slice/libpod-" ID_A ".scope/container/libpod_parent/libpod-" ID_B,
     {{ID_A, "podman", ""}, {ID_B, "podman", ""}}},
    {"/docker/" ID_A "/libpod_parent/libpod-conmon-" ID_B, {{ID_A, "docker", ""}}},

    // Spelling
    {"docker/" ID_A, {{ID_A, "docker", ""}}},
    {"//docker//" ID_A "//", {{ID_A, "docker", ""}}},
    {"/docker/" ID_A " (deleted)", {{ID_A, "docker", ""}}},
    {"/system.slice/docker-" ID_A ".scope/init.scope (deleted)", {{ID_A, "docker", ""}}},
};

constexpr std::string_view kNotContainers[] = {
    "",
    "/",
    "//",
    " (deleted)",
    "/init.scope",
    "/system.slice",
    "/system.slice/ssh.service",
    "/system.slice/kubelet.service",
    "/system.slice/docker.service",
    "/system.slice/containerd.service",
    "/system.slice/crio.service",
    "/system.slice/docker.socket",
    "/user.slice/user-1000.slice/session-3.scope",
    USER_SLICE "/init.scope",
    USER_SLICE
    "/app.slice/app-org.gnome.Terminal.slice/"
    "vte-spawn-3c5c6a34-6c0e-4d0c-8d3a-5bd6f0a0d4a7.scope",
    USER_SLICE "/app.slice/app-gnome-org.gnome.Terminal-4242.scope",
    USER_SLICE "/app.slice/app-flatpak-org.mozilla.firefox-4242.scope",
    USER_SLICE "/app.slice/snap.firefox.firefox-3c5c6a34-6c0e-4d0c-8d3a-5bd6f0a0d4a7.scope",
    USER_SLICE "/app.slice/dbus-:1.2-org.gnome.Calculator.SearchProvider@0.service",
    "/user.slice/user-1000.slice/session-1.scope",
    "/system.slice/snap.docker.dockerd.service",
    "/system.slice/run-rf2b0d1c9e8a74d5c8f3f0a1b2c3d4e5f.scope",
    USER_SLICE "/user.slice/podman-1234.scope",
    "/docker",
    "/docker/",
    "/docker/buildkit/g2pufvpl2mzvkodqz8n7rdjfu",
    "/docker/4f797c539e6c",
    "/system.slice/docker-4f797c539e6c.scope",
    "/system.slice/docker-" ID_A ".service",
    "/system.slice/docker-" ID_A ".mount",
    "/system.slice/docker-" ID_A ".scope.d",
    "/system.slice/docker-" ID_A "0.scope",
    "/system.slice/" ID_A ".service",  // podman's health checks
    "/system.slice/" ID_A "-5d2a7e9c.service",
    "/system.slice/" ID_A ".scope",
    "/system.slice/var-lib-docker-containers-" ID_A "-mounts-shm.mount",
    "/docker/4F797C539E6C745DE61A93CA3FF892358ECBCACCD8414D5DB545C38428142970",
    "/docker/gf797c539e6c745de61a93ca3ff892358ecbcaccd8414d5db545c38428142970",
    // the monitors
    "/system.slice/crio-conmon-" ID_A ".scope",
    "/crio-conmon-" ID_A,
    "/kubepods.slice/kubepods-pod" UID_LOW ".slice/crio-conmon-" ID_A ".scope",
    "/kubepods/pod" UID_DASH "/crio-conmon-" ID_A,
    "/kubepods-pod" UID_LOW ".slice:crio-conmon:" ID_A,
    "/machine.slice/libpod-conmon-" ID_A ".scope",
    USER_SLICE "/user.slice/libpod-conmon-" ID_A ".scope",
    "/libpod_parent/conmon",
    "/libpod_parent/libpod-conmon-" ID_A,
    "/libpod_parent/" ID_A "/conmon",
    "/system.slice/nginx.service/runtime",
    "/lxc.monitor.web",
    "/lxc.monitor/101",
    "/machine.slice/systemd-nspawn@debian.service",
    "/machine.slice/systemd-nspawn@debian.service/supervisor",
    "/machine.slice/systemd-nspawn@.service/payload",
    // pods, and what else is above containers
    "/kubepods",
    "/kubepods.slice",
    "/kubepods/burstable",
    "/kubepods/burstable/pod" UID_DASH,
    "/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod" UID_LOW ".slice",
    "/libpod_parent",
    "/libpod_parent/" ID_A,
    "/machine.slice/machine-libpod_pod_" ID_A ".slice",
    "/ecs/55091c13-b8cf-4801-b527-f4601742204d",
    "/ecs/34dc0b5e626f2c5c4c5170e34b10e765",
    FARGATE,  // not below ecs
    "/ecs/34dc0b5e626f2c5c4c5170e34b10e765-",
    "/ecs/34dc0b5e626f2c5c4c5170e34b10e765-12a",
    "/garden",
    "/garden/good",
    "/garden/init",
    "/system.slice/garden.service",
    "/garden/other/" UID_DASH,
    "/" UID_DASH,
    "/system.slice/" GARDEN ".service",
    "/bpm-",
    "/system.slice/bpm-exporter.service",
    "/system.slice/bpm-exporter.scope",
    "/system.slice/bpm-.slice",
    "/bpm-uaa.2",
    "/lxc",
    "/lxc.payload",
    "/lxc.payload.",
    "/machine.slice",
    "/machine.slice/machine-.scope",
    // virtual machines of libvirt
    "/machine.slice/machine-qemu\\x2d18\\x2dtest10.scope",
    "/machine.slice/machine-qemu\\x2d18\\x2dtest10.scope/libvirt/emulator",
    "/machine.slice/machine-xen\\x2d1\\x2dvm.scope",
    "/machine.slice/machine-ch\\x2d1\\x2dvm.scope",
    // fragments
    "/system.slice/runc-.scope",
    "/system.slice/runc-box",
    "/user.slice:runc:",
    "/cri-containerd:" ID_A,
    "/slice:cri-containerd:",
    "/slice:unheard-of:" ID_A,
    "/unheard-of-" ID_A ".scope",
    ":",
    "::",
    ":::",
};

std::string describe(const std::vector<ContainerPath>& containers) {
  std::string text;
  for (const ContainerPath& c : containers) {
    text += '[' + std::string(c.id) + ' ' + std::string(c.runtime) + ' ' +
            std::string(c.pod_uid_raw) + ']';
  }
  return text;
}

bool points_into(std::string_view part, std::string_view whole) {
  const std::less_equal<const char*> before;
  return part.empty() || (before(whole.data(), part.data()) &&
                          before(part.data() + part.size(), whole.data() + whole.size()));
}

// What must hold for any path at all.
void expect_coherent(std::string_view path) {
  const auto all = classify_cgroup_path_all(path);
  const auto innermost = classify_cgroup_path(path);
  ASSERT_EQ(innermost.has_value(), !all.empty()) << path;
  for (const ContainerPath& c : all) {
    EXPECT_FALSE(c.id.empty()) << path;
    EXPECT_EQ(c.id.find('/'), std::string_view::npos) << path;
    EXPECT_TRUE(points_into(c.id, path)) << path;
    EXPECT_TRUE(points_into(c.pod_uid_raw, path)) << path;
  }
  if (all.empty()) return;
  EXPECT_EQ(innermost->id.data(), all.back().id.data()) << path;
  EXPECT_EQ(innermost->id, all.back().id) << path;
  EXPECT_EQ(innermost->runtime, all.back().runtime) << path;
  EXPECT_EQ(innermost->pod_uid_raw, all.back().pod_uid_raw) << path;
}

TEST(ClassifyCgroupPath, Containers) {
  for (const PositiveCase& c : kContainers) {
    const auto all = classify_cgroup_path_all(c.path);
    ASSERT_EQ(all.size(), c.containers.size()) << c.path << '\n' << describe(all);
    for (std::size_t i = 0; i < all.size(); ++i) {
      EXPECT_TRUE(c.containers[i] == all[i]) << c.path << '\n' << describe(all);
    }
    expect_coherent(c.path);
  }
}

TEST(ClassifyCgroupPath, InnermostWins) {
  const auto found = classify_cgroup_path("/docker/" ID_A "/docker/" ID_B "/init.scope");
  ASSERT_TRUE(found.has_value());
  EXPECT_EQ(found->id, ID_B);
}

TEST(ClassifyCgroupPath, NotContainers) {
  for (const std::string_view path : kNotContainers) {
    EXPECT_FALSE(classify_cgroup_path(path).has_value())
        << path << '\n'
        << describe(classify_cgroup_path_all(path));
    expect_coherent(path);
  }
}

// A path cut short or with foreign bytes in it is handled, whatever it then means. The copy has the
// exact size, so that a sanitizer sees a read past the end.
TEST(ClassifyCgroupPath, EveryPrefixAndEveryByteChanged) {
  for (const PositiveCase& c : kContainers) {
    for (std::size_t size = 0; size <= c.path.size(); ++size) {
      const std::vector<char> cut(c.path.begin(),
                                  c.path.begin() + static_cast<std::ptrdiff_t>(size));
      expect_coherent({cut.data(), cut.size()});
    }
    std::vector<char> changed(c.path.begin(), c.path.end());
    for (std::size_t at = 0; at < changed.size(); ++at) {
      for (const char byte : {'\0', '/', ':', '-', '.', '\xff'}) {
        const char before = changed[at];
        changed[at] = byte;
        expect_coherent({changed.data(), changed.size()});
        changed[at] = before;
      }
    }
  }
}

TEST(ClassifyCgroupPath, AnyPiecesInAnyOrder) {
  constexpr std::string_view kPieces[] = {"/",
                                          "/",
                                          ID_A,
                                          ID_B,
                                          "docker",
                                          "docker-",
                                          ".scope",
                                          "kubepods",
                                          ".slice",
                                          "-pod",
                                          "/pod",
                                          UID_LOW,
                                          "libpod-",
                                          "crio-",
                                          "lxc",
                                          "lxc.payload.",
                                          "machine-",
                                          ":",
                                          ":runc:",
                                          "runc-",
                                          "payload",
                                          "ecs/",
                                          "\\x2d1",
                                          " (deleted)",
                                          "qemu",
                                          ".service",
                                          "libpod_parent",
                                          "systemd-nspawn@",
                                          "garden/",
                                          GARDEN,
                                          FARGATE,
                                          "bpm-",
                                          "-bpm-bpm-",
                                          ".2e",
                                          "a",
                                          std::string_view("\0", 1),
                                          "\xff"};
  std::mt19937 random(20240711);  // fixed: a failure must come again
  for (int round = 0; round < 50000; ++round) {
    std::vector<char> path;
    for (auto pieces = random() % 12; pieces > 0; --pieces) {
      const std::string_view piece = kPieces[random() % std::size(kPieces)];
      path.insert(path.end(), piece.begin(), piece.end());
    }
    expect_coherent({path.data(), path.size()});
  }
}

}  // namespace
}  // namespace dse::replay
