#include "record/known_containers.h"

#include <cstring>

#include "bpf/abi.h"
#include "record/container_metadata.h"
#include "record/snapshot.h"

namespace dse::record {

KnownContainers::KnownContainers(const CgroupHierarchy& hierarchy, const format::Redactor& redactor)
    : hierarchy_(hierarchy), redactor_(redactor), reader_(MetadataPlaces()) {}

void KnownContainers::note(std::span<const std::byte> record) {
  struct {
    dse_header header;
    dse_cgroup_mkdir body;  // that of rmdir is the same
  } fixed;
  if (record.size() < sizeof(fixed)) return;
  std::memcpy(&fixed, record.data(), sizeof(fixed));
  if (fixed.body.hierarchy != hierarchy_.id) return;
  std::string path(reinterpret_cast<const char*>(record.data()) + sizeof(fixed),
                   record.size() - sizeof(fixed));
  if (fixed.header.kind == DSE_CGROUP_RMDIR)
    known_.erase(path);
  else
    request(path);
}

void KnownContainers::request(const std::string& cgroup_path) {
  if (!may_be_container(cgroup_path)) return;
  known_[cgroup_path];
  reader_.request(cgroup_path);
}

void KnownContainers::take(const Append& append) {
  for (const ContainerMetadata& found : reader_.take()) {
    auto cgroup = known_.find(found.cgroup_path);
    if (cgroup == known_.end()) continue;  // it has gone meanwhile
    cgroup->second = metadata_record(found, redactor_, seq_++);
    append(cgroup->second);
  }
}

void KnownContainers::begin_listing() {
  unlisted_.clear();
  for (const auto& [path, record] : known_) unlisted_.insert(path);
}

void KnownContainers::listed(const std::string& cgroup_path) {
  unlisted_.erase(cgroup_path);
  if (!known_.count(cgroup_path)) request(cgroup_path);
}

void KnownContainers::end_listing() {
  for (const std::string& path : unlisted_) known_.erase(path);
  unlisted_.clear();
}

void KnownContainers::for_each(
    const std::function<void(const std::vector<std::byte>&)>& visit) const {
  for (const auto& [path, record] : known_)
    if (!record.empty()) visit(record);
}

}  // namespace dse::record
