// Reads the metadata of containers without ever delaying capture: on a thread of its own.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <list>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <unordered_set>
#include <vector>

#include "format/file.h"
#include "record/container_metadata.h"

namespace dse::record {

// What a runtime has not written yet is looked for again after 5, 20, 80, 160, 320, 640 and 1000 ms; what
// is not there then is given up, silently. All functions may be called from any thread.
class MetadataReader {
 public:
  // Where the system has no thread or no descriptors left, nothing is ever found.
  explicit MetadataReader(MetadataPlaces places);
  // Gives up what is still looked for; waits for the file that is being read, but for no socket.
  ~MetadataReader();
  MetadataReader(const MetadataReader&) = delete;
  MetadataReader& operator=(const MetadataReader&) = delete;

  // Looks for the container of a cgroup; see read_container_metadata() for the path. Never blocks;
  // a path for which !may_be_container() costs nothing more than that. A path that is being looked
  // for is not looked for twice at a time; one that was found before is looked for anew, since
  // another container may have it now. Forgotten where kMaxWaiting others wait.
  void request(std::string cgroup_path);

  // What has been found since the last call, in the order in which it was.
  std::vector<ContainerMetadata> take();

  // Readable while take() has something. For poll only; it lives as long as this does.
  int event_fd() const { return found_event_.get(); }

  static constexpr std::size_t kMaxWaiting = 4096;

 private:
  using Clock = std::chrono::steady_clock;
  struct Wanted {
    std::string path;
    std::size_t attempt;
  };

  void run();

  const MetadataPlaces places_;
  format::FileHandle found_event_;
  format::FileHandle stop_event_;
  std::mutex mutex_;  // for the following; never held during a system call that may block
  std::condition_variable changed_;
  bool stop_ = false;
  std::multimap<Clock::time_point, Wanted> queue_;  // by when it is due
  std::unordered_set<std::string> waiting_;         // the paths in the queue, and the one at hand
  std::list<ContainerMetadata> found_;              // a list grows without allocating

  std::thread thread_;
};

}  // namespace dse::record
