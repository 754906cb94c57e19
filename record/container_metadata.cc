#include "record/container_metadata.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <initializer_list>
#include <memory>

#include <fmt/format.h>

#include "format/file.h"
#include "record/container_documents.h"
#include "record/runtime_api.h"

namespace dse::record {
namespace {

constexpr std::size_t kMaxFile = 4 << 20;
constexpr std::size_t kMaxDirectory = 1024;
constexpr std::size_t kHexId = 64;

// ---- what the path says -------------------------------------------------------------------------

struct Candidate {
  std::string id;      // what to look for first
  std::string prefix;  // of PREFIX-ID.scope and SLICE:PREFIX:ID
  bool is_hex;         // 64 digits, which no two containers share
};

bool is_digit(char c) { return c >= '0' && c <= '9'; }

bool is_hex_id(std::string_view text) {
  return text.size() == kHexId && std::all_of(text.begin(), text.end(), [](char c) {
           return is_digit(c) || (c >= 'a' && c <= 'f');
         });
}

bool starts_with_any(std::string_view text, std::initializer_list<std::string_view> prefixes) {
  return std::any_of(prefixes.begin(), prefixes.end(),
                     [&](std::string_view prefix) { return text.starts_with(prefix); });
}

bool ends_with_any(std::string_view text, std::initializer_list<std::string_view> suffixes) {
  return std::any_of(suffixes.begin(), suffixes.end(),
                     [&](std::string_view suffix) { return text.ends_with(suffix); });
}

std::string_view last_component(std::string_view path) {
  return path.substr(path.rfind('/') + 1);  // npos + 1 is 0
}

// The innermost container that the path may be of or in.
std::optional<Candidate> find_candidate(std::string_view path) {
  constexpr std::string_view kScope = ".scope";
  if (path.find('\0') != std::string_view::npos) return {};
  const std::string_view leaf = last_component(path);

  const bool is_scope = leaf.ends_with(kScope);
  const bool is_other_unit = ends_with_any(leaf,
                                           {".service", ".slice", ".socket", ".mount", ".swap"});
  int below = 0;  // how far
  for (std::string_view above = path; !above.empty(); ++below) {
    std::string_view name = last_component(above);
    above.remove_suffix(std::min(above.size(), name.size() + 1));
    if (name.ends_with(kScope)) name.remove_suffix(kScope.size());
    if (name.size() < kHexId || !is_hex_id(name.substr(name.size() - kHexId))) continue;
    std::string_view prefix = name.substr(0, name.size() - kHexId);
    if (!prefix.empty() && !ends_with_any(prefix, {"-", ":"})) continue;
    if (!prefix.empty()) prefix.remove_suffix(1);
    prefix.remove_prefix(prefix.rfind(':') + 1);
    // What else is in a container its own runtimes would know, which are in there too.
    if (below > 1 || is_other_unit || prefix.ends_with("conmon")) return {};
    return Candidate{std::string(name.substr(name.size() - kHexId)), std::string(prefix), true};
  }
  if (is_other_unit) return {};

  std::string_view id = leaf.substr(leaf.rfind(':') + 1);
  if (id.empty() || id == "." || id == "..") return {};
  if (is_scope) {
    if (leaf == "init.scope" || starts_with_any(leaf, {"session-", "app-", "vte-spawn-", "snap.",
                                                       "run-", "systemd-", "machine-"})) {
      return {};
    }
    id.remove_suffix(kScope.size());
    id.remove_prefix(id.find('-') + 1);  // runc-ID.scope
    if (id.empty()) return {};
  }
  return Candidate{std::string(id), {}, false};
}

// "1000" of a cgroup in user-1000.slice.
std::string_view find_user(std::string_view path) {
  constexpr std::string_view kUser = "/user-";
  const std::size_t at = path.find(kUser);
  if (at == std::string_view::npos) return {};
  std::string_view rest = path.substr(at + kUser.size());
  const auto end = std::find_if_not(rest.begin(), rest.end(), is_digit);
  const auto digits = static_cast<std::size_t>(end - rest.begin());
  return rest.substr(digits).starts_with(".slice/") ? rest.substr(0, digits) : std::string_view{};
}

// ---- files --------------------------------------------------------------------------------------

// A regular file that is small enough; anything else, a FIFO or a link for one, is not what a
// runtime left there.
std::optional<std::string> read_file(const std::string& path) {
  const format::FileHandle file(
      ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW | O_NOCTTY));
  struct stat status;
  if (file.get() < 0 || ::fstat(file.get(), &status) != 0 || !S_ISREG(status.st_mode)) return {};
  std::string text;
  char buffer[16384];
  while (true) {
    const ssize_t size = ::read(file.get(), buffer, sizeof(buffer));
    if (size < 0 && errno == EINTR) continue;
    if (size < 0 || text.size() + static_cast<std::size_t>(size) > kMaxFile) return {};
    if (size == 0) return text;
    text.append(buffer, static_cast<std::size_t>(size));
  }
}

std::vector<std::string> list_directory(const std::string& path) {
  std::vector<std::string> names;
  const std::unique_ptr<DIR, int (*)(DIR*)> directory(::opendir(path.c_str()), ::closedir);
  if (!directory) return names;
  while (const dirent* entry = ::readdir(directory.get())) {
    if (entry->d_name[0] == '.') continue;
    if (names.size() == kMaxDirectory) break;
    names.emplace_back(entry->d_name);
  }
  std::sort(names.begin(), names.end());  // the same on every file system
  return names;
}

// ---- where runtimes leave what ------------------------------------------------------------------

// Directories of runc's --root; the last one is BPM's.
constexpr const char* kRuncRoots[] = {"run/runc", "run/docker/runtime-runc/moby",
                                      "var/vcap/data/bpm/runc"};
// Directories of containerd's "state": its own, those of k3s and MicroK8s, and dockerd's.
constexpr const char* kContainerdRoots[] = {"run/containerd", "run/k3s/containerd",
                                            "var/snap/microk8s/common/run/containerd",
                                            "run/docker/containerd/daemon"};
// Of containers/storage: Podman and CRI-O write to one, the other, or both.
constexpr const char* kStorageRoots[] = {"run/containers/storage", "var/lib/containers/storage"};

// Bytes of files that one lookup reads. Their number may be up to users.
constexpr std::size_t kMaxLookupBytes = std::size_t{16} << 20;

class Lookup {
 public:
  Lookup(const std::string& path, Candidate wanted, const MetadataPlaces& places, RuntimeApi& api,
         bool all_states)
      : path_(path),
        wanted_(std::move(wanted)),
        root_(places.root),
        api_(api),
        all_states_(all_states) {
    if (!root_.ends_with('/')) root_ += '/';
    if (const auto user = find_user(path); !user.empty()) {
      home_ = root_ + "run/user/" + std::string(user) + "/";
    }
  }

  std::optional<ContainerMetadata> run() {
    look_at_states();
    look_at_bundles();
    if (wanted_.is_hex) {
      look_at_docker();
      if (!is_complete()) look_at_storage();
      // Podman's files have no labels.
      if (!is_complete() || wanted_.prefix.starts_with("libpod")) ask_sockets();
    }
    if (found_.source.empty()) return {};
    found_.cgroup_path = path_;
    return std::move(found_);
  }

 private:
  // A file; none once the lookup has read enough, or is to end.
  std::optional<std::string> read(const std::string& path) {
    if (bytes_read_ > kMaxLookupBytes || api_.cancelled()) return {};
    auto text = read_file(path);
    if (text) bytes_read_ += text->size();
    return text;
  }

  bool is_complete() const { return !found_.name.empty() && !found_.image.empty(); }

  void add(const ContainerMetadata& facts, const char* source) {
    if (found_.id.empty()) found_.id = wanted_.id;
    merge_facts(found_, facts);
    if (!found_.source.empty()) found_.source += ", ";
    found_.source += source;
  }

  // True if the state is that of the container.
  bool add_state(const std::optional<RuntimeState>& state, const char* source) {
    if (!state || !(state->in_cgroup || (wanted_.is_hex && state->facts.id == wanted_.id))) {
      return false;
    }
    found_.id = state->facts.id;
    bundle_ = state->bundle;
    add(state->facts, source);
    return true;
  }

  bool look_at_runc(const std::string& directory) {
    const auto text = read(directory + "/state.json");
    return text && add_state(parse_runc_state(*text, path_), "runc state");
  }

  bool look_at_crun(const std::string& directory) {
    const auto text = read(directory + "/status");
    const auto id = last_component(directory);
    return text && add_state(parse_crun_status(*text, id, path_), "crun state");
  }

  // Ids that users make up need not be in the path: then all states are looked at.
  template <typename Look>
  bool look_at_root(const std::string& root, Look look) {
    if (look(root + "/" + wanted_.id)) return true;
    if (wanted_.is_hex || !all_states_) return false;
    for (const std::string& id : list_directory(root)) {
      if (id != wanted_.id && look(fmt::format("{}/{}", root, id))) return true;
    }
    return false;
  }

  void look_at_states() {
    const auto runc = [this](const std::string& directory) { return look_at_runc(directory); };
    const auto crun = [this](const std::string& directory) { return look_at_crun(directory); };
    for (const char* root : kRuncRoots) {
      if (look_at_root(root_ + root, runc)) return;
    }
    if (look_at_root(root_ + "run/crun", crun)) return;
    for (const char* containerd : kContainerdRoots) {
      const std::string root = root_ + containerd + "/runc/";
      for (const std::string& name : list_directory(root)) {
        if (look_at_runc(root + name + "/" + wanted_.id)) return;
      }
    }
    if (home_.empty() || look_at_root(home_ + "runc", runc) || look_at_root(home_ + "crun", crun)) {
      return;
    }
    look_at_runc(home_ + "docker/runtime-runc/moby/" + wanted_.id);
  }

  bool look_at_bundle(const std::string& directory) {
    const auto text = read(directory + "/config.json");
    const auto facts = text ? parse_oci_bundle(*text) : std::nullopt;
    if (facts) add(*facts, "oci bundle");
    return facts.has_value();
  }

  void look_at_bundles() {
    if (bundle_.starts_with('/') && look_at_bundle(root_ + bundle_.substr(1))) return;
    // That a bundle is of this container only the name of its directory says.
    if (!wanted_.is_hex) return;
    for (const char* containerd : kContainerdRoots) {
      const std::string root = root_ + containerd + "/io.containerd.runtime.v2.task/";
      for (const std::string& name : list_directory(root)) {
        if (look_at_bundle(root + name + "/" + wanted_.id)) return;
      }
    }
    for (const std::string& storage : storages()) {
      if (look_at_bundle(storage + "/overlay-containers/" + wanted_.id + "/userdata")) return;
    }
  }

  void look_at_docker() {
    const auto text = read(root_ + "var/lib/docker/containers/" + wanted_.id + "/config.v2.json");
    const auto facts = text ? parse_docker_container(*text, wanted_.id) : std::nullopt;
    if (facts) add(*facts, "docker state");
  }

  void look_at_storage() {
    for (const std::string& storage : storages()) {
      for (const char* file : {"containers.json", "volatile-containers.json"}) {
        const auto text = read(storage + "/overlay-containers/" + file);
        const auto facts = text ? parse_containers_storage(*text, wanted_.id) : std::nullopt;
        if (facts) return add(*facts, "containers storage");
      }
    }
  }

  std::vector<std::string> storages() const {
    std::vector<std::string> out;
    for (const char* storage : kStorageRoots) out.push_back(root_ + storage);
    if (!home_.empty()) out.push_back(home_ + "containers");
    return out;
  }

  bool ask(const std::string& socket, const char* source) {
    const auto text = api_.get(socket, "/containers/" + wanted_.id + "/json");
    const auto facts = text ? parse_docker_container(*text, wanted_.id) : std::nullopt;
    if (facts) add(*facts, source);
    return facts.has_value();
  }

  // A daemon is not asked for what another one made.
  void ask_sockets() {
    const std::string_view prefix = wanted_.prefix;
    if (prefix.empty() || prefix == "docker") {
      for (const std::string& run : {root_ + "run", root_ + "var/run", home_}) {
        if (!run.empty() && ask(run + "/docker.sock", "docker api")) return;
      }
    }
    if (prefix.empty() || prefix.starts_with("libpod")) {
      for (const std::string& run : {root_ + "run", home_}) {
        if (!run.empty() && ask(run + "/podman/podman.sock", "podman api")) return;
      }
    }
  }

  const std::string& path_;
  Candidate wanted_;
  std::string root_;  // ends with '/'
  std::string home_;  // the same of the cgroup's user; empty: of no user
  RuntimeApi& api_;
  bool all_states_;
  std::size_t bytes_read_ = 0;
  std::string bundle_;
  ContainerMetadata found_;
};

}  // namespace

bool may_be_container(std::string_view cgroup_path) {
  return find_candidate(cgroup_path).has_value();
}

std::optional<ContainerMetadata> read_container_metadata(const std::string& cgroup_path,
                                                         const MetadataPlaces& places,
                                                         RuntimeApi& api, bool all_states) {
  auto wanted = find_candidate(cgroup_path);
  if (!wanted) return {};
  return Lookup(cgroup_path, std::move(*wanted), places, api, all_states).run();
}

}  // namespace dse::record
