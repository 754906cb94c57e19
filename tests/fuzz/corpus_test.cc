// The fuzz targets as ordinary tests: over the golden captures, and over some thousand mutations of
// them that are the same in every run. Half of the mutations have right checksums throughout, so that
// hostile numbers reach the columns. Paths of segments come as arguments.
#include <gtest/gtest.h>

#include <sys/resource.h>
#include <xxhash.h>

#include <algorithm>
#include <cstring>
#include <ctime>

#include "tests/fuzz/targets.h"
#include "tests/unit/testing.h"

namespace {

std::vector<std::string> g_corpus;

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool kSanitized = true;
#elif defined(__has_feature)  // clang
constexpr bool kSanitized = __has_feature(address_sanitizer) || __has_feature(thread_sanitizer);
#else
constexpr bool kSanitized = false;
#endif

// What is hostile costs the most: a few bytes that stand for a million records. Under the sanitizers,
// which also reserve terabytes of address space, each takes some twenty times as long.
constexpr int kMutations = kSanitized ? 400 : 4000;
constexpr int kExpressions = kSanitized ? 2000 : 10'000;
constexpr int kProfiles = kSanitized ? 1000 : 10'000;

// A few kilobytes of hostile capture must not cost more than a few of the largest batches would.
constexpr rlim_t kMemoryLimit = rlim_t{2} << 30;

class fuzz_corpus : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_FALSE(g_corpus.empty()) << "give the paths of some segments";
    if (kSanitized) return;
    rlimit limit{};
    ASSERT_EQ(::getrlimit(RLIMIT_AS, &limit), 0);
    limit.rlim_cur = std::min(kMemoryLimit, limit.rlim_max);
    ASSERT_EQ(::setrlimit(RLIMIT_AS, &limit), 0);
  }
};

TEST_F(fuzz_corpus, seeds) {
  std::size_t events = 0;
  for (const std::string& bytes : g_corpus) events += fuzz_replay(bytes);
  EXPECT_GT(events, 100u);
}

TEST_F(fuzz_corpus, taking_apart_and_putting_together_changes_nothing_that_matters) {
  // Else the mutations below would all be refused at the first checksum and test nothing.
  int read = 0, mutations = 0;
  for (const std::string& bytes : g_corpus) {
    std::mt19937_64 random(1);
    for (int i = 0; i < 50; ++i, ++mutations) {
      std::string mutated = mutate_structure(bytes, random);
      ASSERT_NE(mutated, "");
      if (!read_back(mutated, true).records.empty()) ++read;
    }
  }
  EXPECT_GT(read, mutations / 2) << "of " << mutations;
}

TEST_F(fuzz_corpus, mutations_with_right_checksums) {
  std::mt19937_64 random(2);
  for (int i = 0; i < kMutations; ++i) {
    SCOPED_TRACE(i);
    fuzz_replay(mutate_structure(g_corpus[random() % g_corpus.size()], random));
  }
}

TEST_F(fuzz_corpus, mutations_of_bytes) {
  std::mt19937_64 random(3);
  for (int i = 0; i < kMutations; ++i) {
    SCOPED_TRACE(i);
    fuzz_replay(mutate_bytes(g_corpus[random() % g_corpus.size()], random));
  }
}

TEST_F(fuzz_corpus, headers) {
  std::mt19937_64 random(4);
  for (const std::string& bytes : g_corpus) {
    std::uint32_t size;
    std::memcpy(&size, bytes.data() + 4, sizeof(size));
    std::string header = bytes.substr(8, size);
    fuzz_header(header);
    for (int i = 0; i < 10 * kMutations; ++i) {
      std::string mutated = mutate_bytes(header, random);
      if (mutated.size() >= 8 && i % 2) {
        std::uint64_t sum = XXH3_64bits(mutated.data(), mutated.size() - 8);
        std::memcpy(mutated.data() + mutated.size() - 8, &sum, sizeof(sum));
      }
      fuzz_header(mutated);
    }
  }
}

TEST_F(fuzz_corpus, filters) {
  for (const std::string& seed : filter_seeds()) EXPECT_TRUE(fuzz_filter(seed)) << seed;
  std::mt19937_64 random(5);
  int right = 0;
  for (int i = 0; i < kExpressions; ++i) {
    std::string text = filter_seeds()[random() % filter_seeds().size()];
    if (fuzz_filter(mutate_filter(std::move(text), random))) ++right;
  }
  // Else the mutations would not get past the parser.
  EXPECT_GT(right, kExpressions / 10);
  EXPECT_LT(right, kExpressions);
}

TEST_F(fuzz_corpus, profiles) {
  for (const std::string& seed : profile_seeds()) EXPECT_TRUE(fuzz_profile(seed)) << seed;
  std::mt19937_64 random(6);
  int right = 0;
  std::clock_t slowest = 0;
  for (int i = 0; i < kProfiles; ++i) {
    std::string text = profile_seeds()[random() % profile_seeds().size()];
    text = mutate_profile(std::move(text), random);
    std::clock_t begin = std::clock();
    if (fuzz_profile(text)) ++right;
    slowest = std::max(slowest, std::clock() - begin);
  }
  EXPECT_GT(right, kProfiles / 10);
  EXPECT_LT(right, kProfiles - kProfiles / 10);
  // A profile is read before anything starts: nobody waits for one, however odd it is.
  EXPECT_LT(slowest, (kSanitized ? 30 : 3) * CLOCKS_PER_SEC);
}

}  // namespace

int main(int argc, char** argv) {
  testing::InitGoogleTest(&argc, argv);
  for (int i = 1; i < argc; ++i) g_corpus.push_back(read_file(argv[i]));
  return RUN_ALL_TESTS();
}
