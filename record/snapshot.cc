#include "record/snapshot.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <memory>
#include <string>

#include <fmt/format.h>

#include "format/file.h"

namespace dse::record {
namespace {

constexpr std::size_t kMaxSnapshotArgs = 48u << 20;
constexpr unsigned kPatience = 64;  // processes or cgroups: some milliseconds

// At most `limit` bytes of a file, and how many there were. /proc files have no size.
std::string read_up_to(const std::string& path, std::size_t limit, std::size_t* total) {
  format::FileHandle file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  std::string out;
  *total = 0;
  if (file.get() < 0) return out;
  char buffer[16384];
  while (true) {
    ssize_t n = ::read(file.get(), buffer, sizeof(buffer));
    if (n <= 0) break;
    *total += static_cast<std::size_t>(n);
    if (out.size() < limit)
      out.append(buffer, std::min(static_cast<std::size_t>(n), limit - out.size()));
  }
  return out;
}

// Calls `visit(id, path)` for every cgroup below `directory`, which is a mount point at first.
void walk_cgroups(const std::string& directory, const std::string& path,
                  const std::function<void(std::uint64_t, const std::string&)>& visit) {
  struct stat status;
  if (::stat(directory.c_str(), &status) != 0) return;  // removed meanwhile
  visit(status.st_ino, path.empty() ? "/" : path);
  std::unique_ptr<DIR, int (*)(DIR*)> dir(::opendir(directory.c_str()), ::closedir);
  if (!dir) return;
  while (dirent* entry = ::readdir(dir.get())) {
    std::string_view name = entry->d_name;
    if (entry->d_type != DT_DIR || name == "." || name == "..") continue;
    walk_cgroups(directory + "/" + entry->d_name, path + "/" + entry->d_name, visit);
  }
}

std::uint32_t size_of(const std::string& text) { return static_cast<std::uint32_t>(text.size()); }

}  // namespace

std::vector<std::byte> with_parts(std::span<const std::byte> body,
                                  std::initializer_list<std::string_view> parts) {
  std::vector<std::byte> out(body.begin(), body.end());
  for (std::string_view part : parts) {
    auto bytes = std::as_bytes(std::span(part.data(), part.size()));
    out.insert(out.end(), bytes.begin(), bytes.end());
  }
  return out;
}

std::vector<std::byte> metadata_record(const ContainerMetadata& metadata,
                                       const format::Redactor& redactor, std::uint64_t seq) {
  std::string labels, name = redactor.text(metadata.name), image = redactor.text(metadata.image);
  for (const auto& [key, value] : metadata.labels) labels += key + "=" + value + '\0';
  labels = redactor.texts(labels);
  dse_container_metadata body{};
  body.path_size = size_of(metadata.cgroup_path);
  body.id_size = size_of(metadata.id);
  body.source_size = size_of(metadata.source);
  body.name_size = size_of(name);
  body.image_size = size_of(image);
  body.image_digest_size = size_of(metadata.image_digest);
  body.pod_name_size = size_of(metadata.pod_name);
  body.pod_namespace_size = size_of(metadata.pod_namespace);
  body.pod_uid_size = size_of(metadata.pod_uid);
  body.labels_size = size_of(labels);
  return make_record(DSE_CONTAINER_METADATA, boot_time_ns(), seq, dse_task{},
                     with_parts(std::as_bytes(std::span(&body, 1)),
                                {metadata.cgroup_path, metadata.id, metadata.source, metadata.name,
                                 metadata.image, metadata.image_digest, metadata.pod_name,
                                 metadata.pod_namespace, metadata.pod_uid, labels}));
}

SnapshotBuilder::SnapshotBuilder(format::Rows& rows, format::StreamTable& streams,
                                 const format::Redactor& redactor, format::NameRedactor& names,
                                 Limits limits, std::function<void()> meanwhile)
    : rows_(rows),
      streams_(streams),
      redactor_(redactor),
      names_(names),
      limits_(limits),
      meanwhile_(std::move(meanwhile)) {}

void SnapshotBuilder::append(format::Kind kind, std::uint64_t time_ns, const dse_task& task,
                             std::vector<std::byte> body) {
  std::uint64_t seq = streams_.at(kind, DSE_CPU_NONE).next;
  rows_.append(make_record(kind, time_ns, seq, task, body), streams_);
  if (++patience_ % kPatience == 0) meanwhile_();
}

void SnapshotBuilder::add(const ProcessRow& process) {
  dse_process_snapshot body{};
  std::string exe = redactor_.text(process.exe), cwd = redactor_.text(process.cwd), args, env;
  if (!(process.task.flags & DSE_TASK_KERNEL_THREAD)) {
    std::string directory = fmt::format("/proc/{}", process.task.pid);
    std::size_t total = 0;
    bool room = memory_ < kMaxSnapshotArgs;
    args = read_up_to(directory + "/cmdline", room ? limits_.max_args : 0, &total);
    body.args_total = static_cast<std::uint32_t>(total);
    if (args.size() < total) body.flags |= DSE_ARGS_CUT;
    bool cut = args.size() < total;
    args = redactor_.args(args, cut);
    // The true size would tell how long a secret is.
    if (redactor_.redacts() && !cut) body.args_total = size_of(args);
    if (limits_.max_env) {
      env = read_up_to(directory + "/environ", room ? limits_.max_env : 0, &total);
      if (env.size() < total) body.flags |= DSE_ENV_CUT;
      env = redactor_.env(env, env.size() < total);
    }
  }
  memory_ += args.size() + env.size() + exe.size() + cwd.size();
  const dse_exe_facts& facts = process.facts;
  body.exe_size = size_of(exe);
  body.args_size = size_of(args);
  body.exe_ino = facts.ino;
  body.cap_inheritable = facts.cap_inheritable;
  body.cap_permitted = facts.cap_permitted;
  body.cap_effective = facts.cap_effective;
  body.exe_dev = facts.dev;
  body.exe_mount = facts.mount;
  body.exe_mode = facts.mode;
  body.exe_uid = facts.uid;
  body.exe_flags = facts.flags;
  body.session = facts.session;
  body.login_uid = facts.login_uid;
  body.tty = facts.tty;
  body.cwd_size = size_of(cwd);
  body.env_size = size_of(env);
  dse_task task = process.task;
  names_.learn(process.exe, task.comm);
  names_.apply(task.comm);
  append(DSE_PROCESS_SNAPSHOT, boot_time_ns(), task,
         with_parts(std::as_bytes(std::span(&body, 1)), {exe, args, cwd, env}));
}

void SnapshotBuilder::add(dse_socket_snapshot socket) {
  names_.apply(socket.owner_comm);
  append(DSE_SOCKET_SNAPSHOT, boot_time_ns(), dse_task{},
         with_parts(std::as_bytes(std::span(&socket, 1)), {}));
}

void SnapshotBuilder::add_cgroups(const CgroupHierarchy& hierarchy,
                                  const std::function<void(const std::string& path)>& visit) {
  if (hierarchy.mount_point.empty()) return;
  walk_cgroups(hierarchy.mount_point, "", [&](std::uint64_t id, const std::string& path) {
    dse_cgroup_snapshot body{};
    body.id = id;
    body.hierarchy = hierarchy.id;
    body.path_size = size_of(path);
    append(DSE_CGROUP_SNAPSHOT, boot_time_ns(), dse_task{},
           with_parts(std::as_bytes(std::span(&body, 1)), {path}));
    visit(path);
  });
}

void SnapshotBuilder::add_record(std::vector<std::byte> record) {
  dse_header header;
  std::memcpy(&header, record.data(), sizeof(header));
  header.seq = streams_.at(header.kind, DSE_CPU_NONE).next;
  std::memcpy(record.data(), &header, sizeof(header));
  rows_.append(record, streams_);
}

}  // namespace dse::record
