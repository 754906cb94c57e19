// What container runtimes say about a container: its name, its image, its pod, its labels.
//
// These are facts that no kernel record has, read on the recording host from the files that
// runtimes leave and from the sockets that they listen on. Nothing is guessed: what is given is
// what a runtime says about exactly this container, and what no runtime says is missing.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace dse::record {

class RuntimeApi;

struct ContainerMetadata {
  std::string id;           // in full, as the runtime calls it; need not occur in the cgroup's path
  std::string cgroup_path;  // as it was asked for

  // Who said so, in the order in which they were asked, with ", " between them:
  //   runc state          state.json of runc, by whomever it was run
  //   crun state          status of crun
  //   oci bundle          annotations in the config.json of an OCI bundle
  //   docker state        config.v2.json of dockerd
  //   containers storage  containers.json of Podman and CRI-O
  //   docker api          an answer on Docker's socket
  //   podman api          an answer on Podman's socket
  // Where they differ, the first one counts.
  std::string source;

  // Empty: missing. What is longer than kMaxFact bytes is missing too, rather than cut.
  std::string name;      // without Docker's '/'; with Kubernetes that of the container in its pod
  std::string image;     // the reference as the runtime has it: "docker.io/library/nginx:latest"
  std::string image_id;  // "sha256:…", of the image's configuration
  std::string image_digest;                      // "sha256:…", of the manifest in a registry
  std::string pod_name, pod_namespace, pod_uid;  // of Kubernetes

  // Labels, and annotations of OCI bundles (which runc calls labels) but for the runtimes' own
  // notes (io.kubernetes.cri-o.*, io.podman.annotations.*). Sorted by key; a key occurs once. Those
  // beyond kMaxLabels or kMaxLabelBytes are left out.
  std::vector<std::pair<std::string, std::string>> labels;
};

inline constexpr std::size_t kMaxFact = 4096;
inline constexpr std::size_t kMaxLabels = 256;
inline constexpr std::size_t kMaxLabelBytes = 64 << 10;

// Where to look.
struct MetadataPlaces {
  std::string root = "/";  // of all paths; tests have a directory of their own
  // For one question to a runtime's socket with its whole answer.
  std::chrono::milliseconds api_timeout{2000};
};

// Whether a container's cgroup may have this path, as far as its last components tell: not
// services, slices, sessions, scopes of applications, or monitors of containers. Looks at the path
// only.
bool may_be_container(std::string_view cgroup_path);

// What is known now about the container of a cgroup, whose path is from the root of its hierarchy
// as the kernel has it. Where the path shows an id of 64 hex digits, the cgroups directly below
// count too: many runtimes run the container in one. Of nested containers, only the innermost one
// counts, and that only where a runtime of this host made it. nullopt if no runtime knows it (yet).
//
// An id of 64 hex digits in the path counts where a runtime has a container of that id. Any other
// needs a runtime's state that names exactly this cgroup. The sockets are asked only where the
// files lack the name or the image, and about Podman's containers, whose labels no file has.
//
// Without `all_states` only states in a directory called as the cgroup are looked at.
//
// Costs no system call if !may_be_container(). Blocks for files, and for `api` as long as that lets
// it. Files and answers are not trusted: they are bounded and only parsed.
std::optional<ContainerMetadata> read_container_metadata(const std::string& cgroup_path,
                                                         const MetadataPlaces& places,
                                                         RuntimeApi& api, bool all_states = true);

}  // namespace dse::record
