// A line of JSON as events are shown, taken apart into its values: for what compares events that may come
// from a capture or from a file that people keep and edit.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "format/result.h"

namespace dse::replay {

class JsonLine {
 public:
  struct Value {
    std::string_view path;  // "proc.name", "proc.args[0]"; keys as they stand between their quotes
    std::string_view text;  // as it stands, with the quotes of a string; lists as a whole
    std::uint32_t groups;   // how much of the path is of objects around it: 5 of "proc.name"
  };

  // One object, and nothing behind it. Values and paths are views into `line` and into this, valid until
  // the next parse(). Error: usage, it is no such line. Memory is reused.
  Status parse(std::string_view line);

  const std::vector<Value>& values() const { return values_; }
  // Its text as it stands; empty: there is no such value.
  std::string_view find(std::string_view path) const;

 private:
  struct Place {
    std::uint32_t begin, size, groups;  // of the path, in paths_
    std::string_view text;
  };

  Status object();
  Result<std::string_view> value();
  Result<std::string_view> string();
  Result<std::string_view> list();
  void skip_space();
  bool take(char c);
  Error wrong(std::string_view what) const;

  std::string_view line_;
  std::size_t at_ = 0;
  std::string path_;                // of the object at hand, with a dot at its end
  std::vector<std::size_t> outer_;  // how much of path_ is of each object around it
  std::string paths_;
  std::vector<Place> places_;
  std::vector<Value> values_;
};

// The same as an object again. Values of one object follow one another.
void append_json(const std::vector<JsonLine::Value>& values, std::string& out);

}  // namespace dse::replay
