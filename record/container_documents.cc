#include "record/container_documents.h"

#include <rapidjson/document.h>
#include <rapidjson/memorystream.h>
#include <rapidjson/reader.h>

#include <algorithm>
#include <cstddef>
#include <utility>

namespace dse::record {
namespace {

using rapidjson::Document;
using rapidjson::Value;

// Real ones have about ten levels.
constexpr unsigned kMaxDepth = 64;
// Iterative: the depth costs heap, not the stack of the thread.
constexpr unsigned kParse = rapidjson::kParseIterativeFlag | rapidjson::kParseValidateEncodingFlag;

// Stops the parser where it would go too deep.
struct DepthLimit : rapidjson::BaseReaderHandler<rapidjson::UTF8<>, DepthLimit> {
  bool StartObject() { return ++depth <= kMaxDepth; }
  bool EndObject(rapidjson::SizeType) { return --depth, true; }
  bool StartArray() { return ++depth <= kMaxDepth; }
  bool EndArray(rapidjson::SizeType) { return --depth, true; }
  unsigned depth = 0;
};

// Twice, because a tree is only made of what is known to be shallow. False: not JSON, or too deep.
bool parse(std::string_view text, Document& document) {
  if (text.empty()) return false;
  rapidjson::MemoryStream stream(text.data(), text.size());
  DepthLimit limit;
  if (!rapidjson::Reader().Parse<kParse>(stream, limit)) return false;
  document.Parse<kParse>(text.data(), text.size());
  return !document.HasParseError();
}

// RapidJSON asserts what these check.
const Value* member(const Value* object, const char* name) {
  if (!object || !object->IsObject()) return nullptr;
  const auto found = object->FindMember(name);
  return found == object->MemberEnd() ? nullptr : &found->value;
}

std::string_view text_of(const Value* value) {
  if (!value || !value->IsString()) return {};
  return {value->GetString(), value->GetStringLength()};
}

std::string_view text_at(const Value& object, const char* name) {
  return text_of(member(&object, name));
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
void for_each_string(const Value* object, Visit visit) {
  if (!object || !object->IsObject()) return;
  for (const auto& entry : object->GetObject()) {
    if (entry.value.IsString()) visit(text_of(&entry.name), text_of(&entry.value));
  }
}

void note_labels(ContainerMetadata& facts, const Value* labels) {
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
    if (Document labels; parse(value, labels)) note_labels(facts, &labels);
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
  Document state;
  if (!parse(text, state)) return {};
  RuntimeState out;
  set(out.facts.id, text_at(state, "id"));
  if (out.facts.id.empty()) return {};
  if (const Value* paths = member(&state, "cgroup_paths"); paths && paths->IsObject()) {
    for (const auto& path : paths->GetObject()) {
      out.in_cgroup = out.in_cgroup ||
                      is_cgroup_directory(text_of(&path.name), text_of(&path.value), cgroup_path);
    }
  }
  const Value* labels = member(member(&state, "config"), "labels");
  if (!labels || !labels->IsArray()) return out;
  for (const Value& label : labels->GetArray()) {
    const std::string_view entry = text_of(&label);
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
  Document state;
  if (!parse(text, state) || !member(&state, "pid")) return {};
  RuntimeState out;
  out.facts.id = id;
  set(out.bundle, text_at(state, "bundle"));
  std::string_view path = text_at(state, "cgroup-path");
  if (path.starts_with('/')) path.remove_prefix(1);
  if (cgroup_path.starts_with('/')) cgroup_path.remove_prefix(1);
  out.in_cgroup = !path.empty() && path == cgroup_path;
  return out;
}

std::optional<ContainerMetadata> parse_oci_bundle(std::string_view text) {
  Document bundle;
  if (!parse(text, bundle) || !member(&bundle, "ociVersion")) return {};
  ContainerMetadata facts;
  for_each_string(
      member(&bundle, "annotations"),
      [&](std::string_view key, std::string_view value) { note_annotation(facts, key, value); });
  return facts;
}

std::optional<ContainerMetadata> parse_docker_container(std::string_view text,
                                                        std::string_view id) {
  Document container;
  if (!parse(text, container)) return {};
  // "ID" in the file, "Id" in the answer.
  if (text_at(container, "ID") != id && text_at(container, "Id") != id) return {};
  ContainerMetadata facts;
  std::string_view name = text_at(container, "Name");
  if (name.starts_with('/')) name.remove_prefix(1);
  set(facts.name, name);
  const Value* config = member(&container, "Config");
  set_image(facts, text_of(member(config, "Image")));
  set_image_id(facts, text_at(container, "Image"));
  const auto digest = text_of(member(member(&container, "ImageManifestDescriptor"), "digest"));
  if (is_digest(digest)) set(facts.image_digest, digest);
  note_labels(facts, member(config, "Labels"));
  return facts;
}

std::optional<ContainerMetadata> parse_containers_storage(std::string_view text,
                                                          std::string_view id) {
  Document containers;
  if (!parse(text, containers) || !containers.IsArray()) return {};
  for (const Value& container : containers.GetArray()) {
    if (text_of(member(&container, "id")) != id) continue;
    ContainerMetadata facts;
    set_image_id(facts, text_of(member(&container, "image")));
    const Value* names = member(&container, "names");
    if (names && names->IsArray() && !names->Empty()) set(facts.name, text_of(&*names->Begin()));
    Document metadata;  // JSON in a string
    if (!parse(text_of(member(&container, "metadata")), metadata)) return facts;
    set(facts.name, text_at(metadata, "name"));
    set_image(facts, text_at(metadata, "image-name"));
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
