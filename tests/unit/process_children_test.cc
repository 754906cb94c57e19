#include "replay/process_children.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>
#include <vector>

using dse::replay::ProcessChildren;

namespace {

using Pids = std::vector<std::uint32_t>;

Pids taken(ProcessChildren& children, std::uint32_t parent) {
  Pids pids;
  children.take_all(parent, pids);
  std::sort(pids.begin(), pids.end());
  return pids;
}

TEST(process_children, are_handed_on_once) {
  ProcessChildren children;
  children.add(10, 1);
  children.add(11, 1);
  children.add(12, 10);
  EXPECT_EQ(taken(children, 1), (Pids{10, 11}));
  EXPECT_EQ(taken(children, 1), Pids{});
  EXPECT_EQ(taken(children, 10), Pids{12});
  EXPECT_EQ(taken(children, 99), Pids{});
}

TEST(process_children, have_one_parent) {
  ProcessChildren children;
  children.add(10, 1);
  children.add(10, 2);
  EXPECT_EQ(taken(children, 1), Pids{});
  EXPECT_EQ(taken(children, 2), Pids{10});
}

TEST(process_children, may_be_their_own_parent) {
  ProcessChildren children;
  children.add(10, 10);
  children.add(11, 10);
  EXPECT_EQ(taken(children, 10), (Pids{10, 11}));
  children.add(10, 10);
  children.remove(10);
  EXPECT_EQ(taken(children, 10), Pids{});
}

TEST(process_children, agree_with_a_simple_map) {
  std::mt19937 random(1);
  ProcessChildren children;
  std::map<std::uint32_t, std::uint32_t> parent_of;
  for (int i = 0; i < 200'000; ++i) {
    const auto pid = static_cast<std::uint32_t>(random() % 40),
               parent = static_cast<std::uint32_t>(random() % 40);
    switch (random() % 4) {
      case 0:
      case 1:
        children.add(pid, parent);
        parent_of[pid] = parent;
        break;
      case 2:
        children.remove(pid);
        parent_of.erase(pid);
        break;
      default: {
        Pids expected;
        for (auto [child, of] : parent_of)
          if (of == parent) expected.push_back(child);
        for (std::uint32_t child : expected) parent_of.erase(child);
        ASSERT_EQ(taken(children, parent), expected);
      }
    }
  }
}

}  // namespace
