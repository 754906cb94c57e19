// Two batches that were made in different ways from the same records.
#pragma once

#include <gtest/gtest.h>

#include "format/rows.h"
#include "tests/unit/testing.h"

inline void expect_same(const dse::format::Rows& a, const dse::format::Rows& b) {
  EXPECT_EQ(a.first, b.first);
  EXPECT_EQ(a.min_time(), b.min_time());
  EXPECT_EQ(a.max_time(), b.max_time());
  EXPECT_EQ(a.lost(), b.lost());
  ASSERT_EQ(a.gaps().size(), b.gaps().size());
  for (std::size_t i = 0; i < a.gaps().size(); ++i) {
    EXPECT_EQ(a.gaps()[i].kind, b.gaps()[i].kind);
    EXPECT_EQ(a.gaps()[i].cpu, b.gaps()[i].cpu);
    EXPECT_EQ(a.gaps()[i].row, b.gaps()[i].row);
    EXPECT_EQ(a.gaps()[i].lost, b.gaps()[i].lost);
    EXPECT_EQ(a.gaps()[i].since_time, b.gaps()[i].since_time);
  }
  ASSERT_EQ(a.streams().size(), b.streams().size());
  for (std::size_t i = 0; i < a.streams().size(); ++i)
    EXPECT_EQ(a.streams()[i].seq, b.streams()[i].seq);
  auto batch_a = batch_of(a), batch_b = batch_of(b);
  ASSERT_TRUE(batch_a.ok() && batch_b.ok());
  EXPECT_TRUE(records_of(*batch_a) == records_of(*batch_b));
}
