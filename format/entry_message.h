// The Cap'n Proto side of reading an entry. Internal to format/.
#pragma once

#include <memory>
#include <span>
#include <vector>

#include "format/batch_impl.h"
#include "format/entry.h"
#include "format/message.h"

namespace dse::format {

// An entry's frames, decompressed on first use into word-aligned memory.
class LazyEntry {
 public:
  LazyEntry(const EntryHeader& header, BodyReader body, ReadCounters* counters);

  // Loads each frame by itself and lets it go again; what is wrong with each.
  std::vector<Error> check_frames();
  // The message. It keeps `self` alive.
  static Result<std::unique_ptr<LazyMessage>> open(std::shared_ptr<LazyEntry> self);

 private:
  // Words that are written before they are read.
  class Words {
   public:
    void resize(std::size_t n) {
      words_.reset(new capnp::word[n]);
      size_ = n;
    }
    capnp::word* data() const { return words_.get(); }
    std::size_t size() const { return size_; }

   private:
    std::unique_ptr<capnp::word[]> words_;
    std::size_t size_ = 0;
  };

  Result<std::span<const capnp::word>> frame(std::size_t index);

  EntryHeader header_;
  BodyReader body_;
  ReadCounters* counters_;
  std::vector<Words> frames_;
};

}  // namespace dse::format
