// Which processes are the children of which, by their numbers: what a process that ends hands on.
#pragma once

#include <cstdint>
#include <vector>

#include "replay/flat_index.h"

namespace dse::replay {

// Siblings are a list through an array, so that processes that come and go do not allocate.
class ProcessChildren {
 public:
  // From now on, and of no other.
  void add(std::uint32_t pid, std::uint32_t parent) {
    remove(pid);
    const std::uint32_t child = node_of(pid), above = node_of(parent);
    Node& node = nodes_[child];
    node.parent = above;
    node.next = nodes_[above].first_child;
    if (node.next != kNone) nodes_[node.next].before = child;
    nodes_[above].first_child = child;
  }
  // It is nobody's child any more.
  void remove(std::uint32_t pid) {
    const std::uint32_t at = index_.find(pid);
    if (at == kNone || nodes_[at].parent == kNone) return;
    Node& node = nodes_[at];
    if (node.before != kNone)
      nodes_[node.before].next = node.next;
    else
      nodes_[node.parent].first_child = node.next;
    if (node.next != kNone) nodes_[node.next].before = node.before;
    const std::uint32_t above = node.parent;
    node.parent = node.before = node.next = kNone;
    release(at);
    if (above != at) release(above);
  }
  // Appends the children of `parent`, which are nobody's from now on.
  void take_all(std::uint32_t parent, std::vector<std::uint32_t>& pids) {
    const std::uint32_t above = index_.find(parent);
    if (above == kNone) return;
    while (nodes_[above].first_child != kNone) {
      pids.push_back(nodes_[nodes_[above].first_child].pid);
      remove(pids.back());
    }
  }
  void clear() { *this = ProcessChildren(); }

 private:
  static constexpr std::uint32_t kNone = FlatIndex::kAbsent;
  struct Node {
    std::uint32_t pid = 0;
    std::uint32_t parent = kNone, first_child = kNone;
    std::uint32_t before = kNone, next = kNone;  // of the siblings
  };

  std::uint32_t node_of(std::uint32_t pid) {
    std::uint32_t at = index_.find(pid);
    if (at != kNone) return at;
    if (free_.empty()) {
      at = static_cast<std::uint32_t>(nodes_.size());
      nodes_.emplace_back();
    } else {
      at = free_.back();
      free_.pop_back();
    }
    nodes_[at] = Node();
    nodes_[at].pid = pid;
    index_.insert(pid, at);
    return at;
  }
  // Once it has neither a parent nor children.
  void release(std::uint32_t at) {
    if (nodes_[at].parent != kNone || nodes_[at].first_child != kNone) return;
    index_.erase(nodes_[at].pid);
    free_.push_back(at);
  }

  FlatIndex index_;
  std::vector<Node> nodes_;
  std::vector<std::uint32_t> free_;
};

}  // namespace dse::replay
