// What is missing in a capture, by kind and cause.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "format/layout.h"

namespace dse::format {

struct Loss {
  Kind kind;  // 0: not known
  std::string cause;
  std::uint64_t count;
};

// It was recorded, and is missing since.
inline constexpr const char* kDamagedCause = "damaged";
// The same; the count stands for a number that nobody knows.
inline constexpr const char* kUncountedCause = "damaged, and nobody can tell how many";
// What gaps add up to, where no end entry tells the cause.
inline constexpr const char* kGapsCause = "gaps in what was recorded";

inline bool is_damage(const Loss& loss) {
  return loss.cause == kDamagedCause || loss.cause == kUncountedCause;
}

std::uint64_t total(const std::vector<Loss>& losses);
// Adds to the loss of that kind and cause; nothing where the count is 0.
void add_loss(std::vector<Loss>& losses, Kind kind, const char* cause, std::uint64_t count);
// Takes away what was told before, under the same cause, or under none that was known then.
void subtract_losses(std::vector<Loss>& losses, const std::vector<Loss>& told);
// Says that the records between two numbers, counted from 0, are missing, by their numbers as tools show
// them, from 1.
std::string describe_missing(std::uint64_t from, std::uint64_t to);

}  // namespace dse::format
