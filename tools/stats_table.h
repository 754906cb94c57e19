// What `dse stats` prints of its counts.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "replay/tally.h"
#include "tools/field_list.h"

namespace dse::tools {

struct StatsTable {
  std::vector<NamedField> by;  // what the values of a key are
  bool count = true, rate = false;
  std::vector<NamedField> sums, hists;
  replay::Tally::Answer answer;
  std::uint64_t events = 0, groups = 0;
  std::optional<std::pair<std::uint64_t, std::uint64_t>> span;  // real times, ns
  bool by_sum = false;  // rows are in the order of the first sum
  std::uint64_t lost = 0, damaged = 0;  // records; of them by damage

  // Events a second over the span; nothing when it has no length.
  std::optional<double> rate_of(std::uint64_t n) const;

  // `width`: of a terminal, which has bars; 0: none.
  std::string text(unsigned width, bool colour) const;
  std::string json() const;
  // Only the rows.
  std::string csv() const;

 private:
  std::vector<std::string> head() const;
  std::vector<std::string> cells(const replay::Tally::Row& row, std::size_t widest) const;
  std::string table(unsigned width, bool colour) const;
  std::string histogram(const replay::Tally::Row& row, std::size_t hist, bool colour) const;
  void append_json_row(const replay::Tally::Row& row, std::string& out) const;
};

}  // namespace dse::tools
