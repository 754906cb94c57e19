// Prints the events of a session on standard output, the same way for `run` and `replay`.
#pragma once

#include <CLI/CLI.hpp>

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "replay/render.h"
#include "replay/session.h"
#include "tools/selection.h"
#include "tools/window.h"

namespace dse::tools {

// The options that all commands have which show events.
struct EventOptions {
  std::string output;  // "json", "text"; empty: text on a terminal, else JSON
  std::string fields;  // comma-separated
  SelectionFlags selection;
  WindowFlags window;
  std::uint64_t limit = 0;  // 0: none
  bool summary = false;
  bool mark = false;  // also what filters drop, and why
  bool fail_on_loss = false;
  bool quiet = false;                          // say nothing at the end when nothing is missing
  const CLI::Option* fields_option = nullptr;  // --fields '' is not the same as no --fields

  void add_to(CLI::App& app);
  bool fields_given() const { return fields_option && fields_option->count() > 0; }
};

// For options that count: a whole number from 1 on.
CLI::Validator at_least_one();

class Printer {
 public:
  // Checks the options and adds the points that they name to the session.
  static Result<std::unique_ptr<Printer>> make(const EventOptions& options,
                                               replay::Session& session);

  // Prints or counts one event; false: the limit is reached, or no one reads any more.
  bool print(const replay::Event& event);
  // Writes out what is buffered.
  bool flush();
  // Ends the answer: the counts, with --summary, what the source noted, and whether anything is missing.
  // Returns the exit code.
  int finish();
  // Set when writing to standard output failed.
  const std::optional<Error>& error() const { return error_; }

 private:
  Printer() = default;

  void print_marked(const replay::Event& event);
  void print_summary(const std::vector<format::Loss>& losses);

  EventOptions options_;
  replay::Session* session_ = nullptr;
  bool json_ = false;
  std::vector<std::string> fields_;
  struct Renderers {
    std::optional<replay::JsonRenderer> json;
    std::optional<replay::TextRenderer> text;
    std::uint64_t count = 0;
  };
  std::optional<Selection> selection_;
  std::map<const replay::ObservationPoint*, Renderers> renderers_;
  const replay::ObservationPoint* last_point_ = nullptr;
  Renderers* last_ = nullptr;
  std::string buffer_;
  std::uint64_t printed_ = 0;
  std::uint64_t first_time_ = 0, last_time_ = 0;  // real, ns
  std::optional<Error> error_;
  bool reader_gone_ = false;  // of a pipe: not an error
};

}  // namespace dse::tools
