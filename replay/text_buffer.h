// Bytes to write, that grow at their end: what writes into it asks for room once for many bytes.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <memory>
#include <string_view>

namespace dse::replay {

class TextBuffer {
 public:
  std::size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }
  std::string_view view() const { return {bytes_.get(), size_}; }
  void clear() { size_ = 0; }

  // Where the next byte belongs, with room for `n` of them.
  char* room(std::size_t n) {
    if (room_ - size_ < n) grow(n);
    return bytes_.get() + size_;
  }
  // Bytes have been written up to here.
  void end_at(const char* end) { size_ = static_cast<std::size_t>(end - bytes_.get()); }

  void append(std::string_view text) {
    char* out = room(text.size());
    if (!text.empty()) std::memcpy(out, text.data(), text.size());
    size_ += text.size();
  }

 private:
  void grow(std::size_t n) {
    room_ = std::max(2 * room_, size_ + n);
    std::unique_ptr<char[]> bytes(new char[room_]);
    if (size_ != 0) std::memcpy(bytes.get(), bytes_.get(), size_);
    bytes_ = std::move(bytes);
  }

  std::unique_ptr<char[]> bytes_;
  std::size_t size_ = 0, room_ = 0;
};

}  // namespace dse::replay
