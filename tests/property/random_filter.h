// Filter expressions at random: by the grammar, with values that occur in a capture and near misses.
#pragma once

#include <initializer_list>
#include <map>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "replay/event.h"
#include "tests/property/slow_filter.h"

// What fields hold in a capture, as an expression would write it, without quotes.
class Samples {
 public:
  void add(const dse::replay::Event& event);
  const std::vector<std::string>& of(const std::string& field) const;
  const std::vector<std::string>& fields() const { return fields_; }

 private:
  void add(const std::string& field, std::string value);

  std::map<std::string, std::vector<std::string>> values_;
  std::vector<std::string> fields_;  // with values
};

class RandomFilters {
 public:
  RandomFilters(std::uint64_t seed, const Samples& samples) : random_(seed), samples_(samples) {}

  std::string expression(unsigned depth = 4);
  // Of these fields only.
  std::string expression_on(std::vector<std::string> fields, unsigned depth = 2);

  std::uint64_t below(std::uint64_t n) { return random_() % n; }
  bool chance(unsigned percent) { return below(100) < percent; }

 private:
  std::string one_of(std::initializer_list<std::string_view> texts);
  std::string one_of(const std::vector<std::string>& texts);
  std::string space();  // at least some
  std::string maybe_space() { return chance(50) ? space() : ""; }

  std::string test();
  std::string number_test(const dse::replay::Field& field, const std::string& name, bool list);
  std::string text_test(const dse::replay::Field& field, const std::string& name, bool list);
  std::string number(const dse::replay::Field& field);
  std::string range(const dse::replay::Field& field);
  std::string time();
  std::string address();
  std::string text(const dse::replay::Field& field);
  std::string part_of(const std::string& text);
  std::string glob_of(const std::string& text);
  std::string regex_of(const std::string& text);
  std::string written(const std::string& value);
  std::string quoted(const std::string& value);

  std::mt19937_64 random_;
  const Samples& samples_;
  std::vector<std::string> only_;
};
