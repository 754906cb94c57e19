#include "record/container_documents.h"

#include <algorithm>
#include <cstddef>
#include <utility>

#include "record/json.h"

namespace dse::record {
namespace {

std::string_view text_at(const Json& object, std::string_view key) {
  return text_of(member(&object, key));
}

void set(std::string& fact, std::string_view value) {
  if (fact.empty() && value.size() <= kMaxFact) fact = value;
}

constexpr std::string_view kSha256 = "sha256:";

bool is_sha256(std::string_view text) {
  return text.size() == 64 && std::all_of(text.begin(), text.end(), [](char c) {
           return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
         });
}

bool is_digest(std::string_view text) {
  return text.starts_with(kSha256) && is_sha256(text.substr(kSha256.size()));
}

// Podman leaves the algorithm out in some places.
void set_image_id(ContainerMetadata& facts, std::string_view id) {
  if (is_sha256(id)) set(facts.image_id, std::string(kSha256).append(id));
  if (is_digest(id)) set(facts.image_id, id);
}

void set_digest(ContainerMetadata& facts, std::string_view reference) {
  const std::size_t at = reference.rfind('@');
  if (at == std::string_view::npos) return;
  reference.remove_prefix(at + 1);
  if (is_digest(reference)) set(facts.image_digest, reference);
}

// A reference, or where the image has none, its id.
void set_image(ContainerMetadata& facts, std::string_view reference) {
  if (is_sha256(reference) || is_digest(reference)) return set_image_id(facts, reference);
  set(facts.image, reference);
  set_digest(facts, reference);
}

void add_label(ContainerMetadata& facts, std::string_view key, std::string_view value) {
  auto& labels = facts.labels;
  const auto at = std::lower_bound(
      labels.begin(), labels.end(), key,
      [](const auto& label, std::string_view wanted) { return label.first < wanted; });
  if (key.empty() || (at != labels.end() && at->first == key)) return;
  if (labels.size() >= kMaxLabels) return;
  std::size_t bytes = key.size() + value.size();
  for (const auto& label : labels) bytes += label.first.size() + label.second.size();
  if (bytes > kMaxLabelBytes) return;
  labels.emplace(at, key, value);
}

// Annotations and labels by which runtimes and Kubernetes' agents note what a container is.
struct KnownKey {
  std::string_view key;
  std::string ContainerMetadata::*fact;
};
constexpr KnownKey kKnownKeys[] = {
    {"io.kubernetes.cri.container-name", &ContainerMetadata::name},
    {"io.kubernetes.cri.sandbox-name", &ContainerMetadata::pod_name},
    {"io.kubernetes.cri.sandbox-namespace", &ContainerMetadata::pod_namespace},
    {"io.kubernetes.cri.sandbox-uid", &ContainerMetadata::pod_uid},
    {"io.kubernetes.container.name", &ContainerMetadata::name},
    {"io.kubernetes.pod.name", &ContainerMetadata::pod_name},
    {"io.kubernetes.pod.namespace", &ContainerMetadata::pod_namespace},
    {"io.kubernetes.pod.uid", &ContainerMetadata::pod_uid},
    {"nerdctl/name", &ContainerMetadata::name},
};

void note_label(ContainerMetadata& facts, std::string_view key, std::string_view value) {
  for (const KnownKey& known : kKnownKeys) {
    if (known.key == key) set(facts.*known.fact, value);
  }
  if (key.starts_with("io.kubernetes.cri-o.") || key.starts_with("io.podman.annotations.")) return;
  add_label(facts, key, value);
}

// Calls `visit(key, value)` for the strings in an object.
template <typename Visit>
void for_each_string(const Json* object, Visit visit) {
  if (!object || object->kind != Json::Kind::object) return;
  for (const Json& value : object->values) {
    if (value.kind == Json::Kind::string) visit(value.key, value.text);
  }
}

void note_labels(ContainerMetadata& facts, const Json* labels) {
  for_each_string(
      labels, [&](std::string_view key, std::string_view value) { note_label(facts, key, value); });
}

void note_annotation(ContainerMetadata& facts, std::string_view key, std::string_view value) {
  if (key == "io.kubernetes.cri.image-name" || key == "io.kubernetes.cri.podsandbox.image-name" ||
      key == "io.kubernetes.cri-o.ImageName") {
    set_image(facts, value);
  } else if (key == "io.kubernetes.cri-o.ImageRef") {  // an id, or a reference with a digest
    set_image_id(facts, value);
    set_digest(facts, value);
  } else if (key == "io.kubernetes.cri-o.Labels") {  // JSON in a string
    if (const auto labels = parse_json(value)) note_labels(facts, &*labels);
  } else {
    note_label(facts, key, value);
  }
}

// Whether the directory `value` of a controller (or "": of the v2 hierarchy) is the cgroup `path`.
// Told by the mount point, since a path may well be the end of another one.
bool is_cgroup_directory(std::string_view controller, std::string_view value,
                         std::string_view path) {
  constexpr std::string_view kMounts = "/sys/fs/cgroup";
  if (!path.starts_with('/') || !value.ends_with(path) || !value.starts_with(kMounts)) return false;
  if (value.size() < kMounts.size() + path.size()) return false;
  std::string_view mount = value.substr(0, value.size() - path.size()).substr(kMounts.size());
  if (controller.empty()) return mount.empty() || mount == "/unified";
  if (mount.rfind('/') != 0) return false;
  if (controller.starts_with("name=")) controller.remove_prefix(5);
  while (!mount.empty()) {  // "/cpu,cpuacct"
    mount.remove_prefix(1);
    const std::string_view name = mount.substr(0, mount.find(','));
    if (name == controller) return true;
    mount.remove_prefix(name.size());
  }
  return false;
}

}  // namespace

std::optional<RuntimeState> parse_runc_state(std::string_view text, std::string_view cgroup_path) {
  const auto state = parse_json(text);
  if (!state) return {};
  RuntimeState out;
  set(out.facts.id, text_at(*state, "id"));
  if (out.facts.id.empty()) return {};
  for_each_string(member(&*state, "cgroup_paths"),
                  [&](std::string_view key, std::string_view path) {
                    out.in_cgroup = out.in_cgroup || is_cgroup_directory(key, path, cgroup_path);
                  });
  const Json* labels = member(member(&*state, "config"), "labels");
  if (!labels) return out;
  for (const Json& label : labels->values) {
    const std::string_view entry = label.text;
    const std::size_t equals = entry.find('=');
    if (equals == std::string_view::npos) continue;
    const std::string_view key = entry.substr(0, equals), value = entry.substr(equals + 1);
    if (key == "bundle") {
      set(out.bundle, value);
    } else {
      note_annotation(out.facts, key, value);
    }
  }
  return out;
}

std::optional<RuntimeState> parse_crun_status(std::string_view text, std::string_view id,
                                              std::string_view cgroup_path) {
  const auto state = parse_json(text);
  if (!state || !member(&*state, "pid")) return {};
  RuntimeState out;
  out.facts.id = id;
  set(out.bundle, text_at(*state, "bundle"));
  std::string_view path = text_at(*state, "cgroup-path");
  if (path.starts_with('/')) path.remove_prefix(1);
  if (cgroup_path.starts_with('/')) cgroup_path.remove_prefix(1);
  out.in_cgroup = !path.empty() && path == cgroup_path;
  return out;
}

std::optional<ContainerMetadata> parse_oci_bundle(std::string_view text) {
  const auto bundle = parse_json(text);
  if (!bundle || !member(&*bundle, "ociVersion")) return {};
  ContainerMetadata facts;
  for_each_string(
      member(&*bundle, "annotations"),
      [&](std::string_view key, std::string_view value) { note_annotation(facts, key, value); });
  return facts;
}

std::optional<ContainerMetadata> parse_docker_container(std::string_view text,
                                                        std::string_view id) {
  const auto container = parse_json(text);
  if (!container) return {};
  // "ID" in the file, "Id" in the answer.
  if (text_at(*container, "ID") != id && text_at(*container, "Id") != id) return {};
  ContainerMetadata facts;
  std::string_view name = text_at(*container, "Name");
  if (name.starts_with('/')) name.remove_prefix(1);
  set(facts.name, name);
  const Json* config = member(&*container, "Config");
  set_image(facts, text_of(member(config, "Image")));
  set_image_id(facts, text_at(*container, "Image"));
  const auto digest = text_of(member(member(&*container, "ImageManifestDescriptor"), "digest"));
  if (is_digest(digest)) set(facts.image_digest, digest);
  note_labels(facts, member(config, "Labels"));
  return facts;
}

std::optional<ContainerMetadata> parse_containers_storage(std::string_view text,
                                                          std::string_view id) {
  const auto containers = parse_json(text);
  if (!containers) return {};
  for (const Json& container : containers->values) {
    if (text_at(container, "id") != id) continue;
    ContainerMetadata facts;
    set_image_id(facts, text_at(container, "image"));
    const Json* names = member(&container, "names");
    if (names && !names->values.empty()) set(facts.name, names->values.front().text);
    const auto metadata = parse_json(text_at(container, "metadata"));  // JSON in a string
    if (!metadata) return facts;
    set(facts.name, text_at(*metadata, "name"));
    set_image(facts, text_at(*metadata, "image-name"));
    return facts;
  }
  return {};
}

void merge_facts(ContainerMetadata& into, const ContainerMetadata& from) {
  for (const auto fact :
       {&ContainerMetadata::name, &ContainerMetadata::image, &ContainerMetadata::image_id,
        &ContainerMetadata::image_digest, &ContainerMetadata::pod_name,
        &ContainerMetadata::pod_namespace, &ContainerMetadata::pod_uid}) {
    set(into.*fact, from.*fact);
  }
  for (const auto& [key, value] : from.labels) add_label(into, key, value);
}

}  // namespace dse::record
