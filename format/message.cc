#include "format/message.h"

#include <kj/exception.h>

#include <algorithm>
#include <cstdlib>
#include <new>

namespace dse::format {

ColumnMessage::~ColumnMessage() noexcept(false) {
  for (void* segment : segments_) std::free(segment);
}

kj::ArrayPtr<capnp::word> ColumnMessage::allocateSegment(unsigned minimum_words) {
  std::size_t words = minimum_words;
  if (small_segments_ == 0) words = std::max(words, kColumnBytes / sizeof(capnp::word));
  void* memory = std::calloc(words, sizeof(capnp::word));
  if (!memory) throw std::bad_alloc();
  segments_.push_back(memory);
  return {static_cast<capnp::word*>(memory), words};
}

LazyMessage::LazyMessage(std::size_t segments, Fetch fetch, std::uint64_t traversal_words)
    : capnp::MessageReader({traversal_words, 16}), segments_(segments), fetch_(std::move(fetch)) {}

kj::ArrayPtr<const capnp::word> LazyMessage::getSegment(unsigned id) {
  if (id >= segments_.size()) return nullptr;
  if (!segments_[id]) {
    auto words = fetch_(id);
    if (!words) {
      if (!error_) error_ = words.error();
      return nullptr;
    }
    segments_[id] = *words;
  }
  return *segments_[id];
}

Status guarded(const LazyMessage* message, const std::function<void()>& read) {
  auto exception = kj::runCatchingExceptions([&] { read(); });
  if (message && message->error()) return *message->error();
  KJ_IF_MAYBE (e, exception) {
    return Error(ErrorCode::damaged,
                 std::string("not a valid Cap'n Proto message: ") + e->getDescription().cStr());
  }
  return {};
}

}  // namespace dse::format
