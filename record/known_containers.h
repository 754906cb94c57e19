// What the runtimes of the host said of the containers that are there now.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "format/redact.h"
#include "record/host.h"
#include "record/metadata_reader.h"

namespace dse::record {

// Asks as soon as a cgroup that may be a container's is known of, and forgets what was said when it goes.
class KnownContainers {
 public:
  using Append = std::function<void(std::span<const std::byte>)>;

  // All outlive it.
  KnownContainers(const CgroupHierarchy& hierarchy, const format::Redactor& redactor);

  // A cgroup was made or removed.
  void note(std::span<const std::byte> record);
  // What was found since the last call, as records.
  void take(const Append& append);
  // Readable while take() has something.
  int event_fd() const { return reader_.event_fd(); }

  // The cgroups that are there are listed: all that were known before and are not listed have gone without
  // a record.
  void begin_listing();
  void listed(const std::string& cgroup_path);
  void end_listing();

  // What is known of all of them, as records.
  void for_each(const std::function<void(const std::vector<std::byte>&)>& visit) const;

 private:
  void request(const std::string& cgroup_path);

  const CgroupHierarchy& hierarchy_;
  const format::Redactor& redactor_;
  MetadataReader reader_;
  std::uint64_t seq_ = 0;
  std::map<std::string, std::vector<std::byte>> known_;  // by path; empty: nothing was said yet
  std::set<std::string> unlisted_;
};

}  // namespace dse::record
