// Work that another thread may do in the meantime. If none has begun with it by the time that it is needed,
// who needs it does it.
#pragma once

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <utility>

namespace dse::format {

// Has one of its threads call a function, some time or never.
using Executor = std::function<void(std::function<void()>)>;

class ReadAhead {
 public:
  explicit ReadAhead(Executor executor) : executor_(std::move(executor)) {}
  ~ReadAhead() { cancel(); }
  ReadAhead(const ReadAhead&) = delete;
  ReadAhead& operator=(const ReadAhead&) = delete;

  bool started() const { return work_ != nullptr; }
  void start(std::function<void()> what) {
    work_ = std::make_shared<Work>(std::move(what));
    executor_([work = work_] { work->begin(); });
  }
  // When this returns, it has been done.
  void finish() {
    if (std::shared_ptr<Work> work = std::exchange(work_, nullptr); !work->begin()) work->wait();
  }
  // When this returns, it has been done or never will be.
  void cancel() {
    if (std::shared_ptr<Work> work = std::exchange(work_, nullptr); work && !work->drop())
      work->wait();
  }

 private:
  class Work {
   public:
    explicit Work(std::function<void()> what) : what_(std::move(what)) {}
    // False: someone else has begun, or it was dropped.
    bool begin() {
      if (!drop()) return false;
      what_();
      std::lock_guard lock(mutex_);
      done_ = true;
      changed_.notify_all();
      return true;
    }
    bool drop() {
      std::lock_guard lock(mutex_);
      return !std::exchange(taken_, true);
    }
    void wait() {
      std::unique_lock lock(mutex_);
      changed_.wait(lock, [&] { return done_; });
    }

   private:
    std::function<void()> what_;
    std::mutex mutex_;
    std::condition_variable changed_;
    bool taken_ = false, done_ = false;
  };

  Executor executor_;
  std::shared_ptr<Work> work_;
};

}  // namespace dse::format
