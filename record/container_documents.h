// What the files and answers of container runtimes say. Pure: text in, facts out.
//
// The texts are not trusted: any bytes are safe. What is not JSON, is nested too deeply, or is
// about another container gives nullopt.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "record/container_metadata.h"

namespace dse::record {

// A container as its low-level runtime keeps it. Of `facts`, the id and the labels are set.
struct RuntimeState {
  ContainerMetadata facts;
  std::string bundle;      // the directory of its config.json; empty: not said
  bool in_cgroup = false;  // the state names the cgroup that was asked for as the container's own
};

// state.json of runc.
std::optional<RuntimeState> parse_runc_state(std::string_view text, std::string_view cgroup_path);
// status of crun, which does not hold the id.
std::optional<RuntimeState> parse_crun_status(std::string_view text, std::string_view id,
                                              std::string_view cgroup_path);

// In the following, `source`, `id` and `cgroup_path` are left for the caller to set.

// config.json of an OCI bundle: its annotations.
std::optional<ContainerMetadata> parse_oci_bundle(std::string_view text);
// config.v2.json of dockerd, or an answer to GET /containers/ID/json of Docker or Podman.
std::optional<ContainerMetadata> parse_docker_container(std::string_view text, std::string_view id);
// containers.json or volatile-containers.json of containers/storage: all containers, of which `id`.
std::optional<ContainerMetadata> parse_containers_storage(std::string_view text,
                                                          std::string_view id);

// Adds to `into` what it lacks and `from` has, but for source, id and path.
void merge_facts(ContainerMetadata& into, const ContainerMetadata& from);

}  // namespace dse::record
