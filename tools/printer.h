// Prints the events of a session on standard output, the same way for `run` and `replay`.
#pragma once

#include <CLI/CLI.hpp>

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "replay/render.h"
#include "replay/session.h"
#include "tools/event_writer.h"
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
  bool pace = false;        // when an event happened is asked for, whatever is shown
  bool summary = false;
  bool mark = false;  // also what filters drop, and why
  bool fail_on_loss = false;
  unsigned jobs = 1;                           // threads
  bool quiet = false;                          // say nothing at the end when nothing is missing
  const CLI::Option* fields_option = nullptr;  // --fields '' is not the same as no --fields

  // `limit_name`: of the option that sets `limit`.
  void add_to(CLI::App& app, const std::string& limit_name = "-n,--limit");
  bool fields_given() const { return fields_option && fields_option->count() > 0; }
};

// For options that count: a whole number from 1 on.
CLI::Validator at_least_one();
// And from 0 on.
CLI::Validator whole_number();

class Printer {
 public:
  // Checks the options and adds the points that they name to the session.
  static Result<std::unique_ptr<Printer>> make(const EventOptions& options,
                                               replay::Session& session);

  // Prints or counts events; false: the limit is reached, or no one reads any more.
  bool print(replay::EventPage page);
  bool print(const replay::Event& event);
  // Until show_held(), print() keeps the last `count` events and shows none.
  void hold(std::uint64_t count) { hold_ = count; }
  // Shows them; false as print().
  bool show_held();
  // Writes out what is buffered.
  bool flush();
  // Real time of an event, ns since 1970, if it has one; with EventOptions::pace or --summary.
  std::optional<std::uint64_t> time_of(const replay::Event& event) const;
  // Says what the source has noted since this was last called. False: something could not be read.
  bool tell_notes();
  // Has one of its threads do something else; see EventOptions::jobs.
  void run(std::function<void()> task) { writer_->run(std::move(task)); }
  // The source was not read to its end.
  void set_stopped() { stopped_ = true; }
  // Ends the answer: the counts, with --summary, what the source noted, and whether anything is missing.
  // Returns the exit code.
  int finish();
  // Set when writing to standard output failed.
  const std::optional<Error>& error() const { return writer_->error(); }

 private:
  Printer() = default;

  struct Renderers {
    std::optional<replay::JsonRenderer> json;
    std::optional<replay::TextRenderer> text;
    std::uint64_t count = 0;
  };
  // A rendered event that may be shown later.
  struct Held {
    std::string line;
    Renderers* renderers;
    std::optional<std::uint64_t> time;
  };

  const replay::Renderer& renderer(const Renderers& renderers) const;
  void render(const replay::Event& event, replay::TextBuffer& out);
  void mark(const replay::EventBatch& events, std::uint32_t event, std::string_view line,
            replay::TextBuffer& out) const;
  void count(Renderers& renderers, std::optional<std::uint64_t> time);
  void count(const replay::EventPage& page, const std::vector<replay::EventPage::Run>& runs);
  void keep(const replay::Event& event);
  bool within_limit() const { return options_.limit == 0 || printed_ < options_.limit; }
  void print_summary(const std::vector<format::Loss>& losses);

  EventOptions options_;
  replay::Session* session_ = nullptr;
  bool json_ = false;
  std::vector<std::string> fields_;
  std::optional<Selection> selection_;
  std::map<const replay::ObservationPoint*, Renderers> renderers_;
  const replay::ObservationPoint* last_point_ = nullptr;
  Renderers* last_ = nullptr;
  std::unique_ptr<EventWriter> writer_;
  std::string line_;
  replay::TextBuffer buffer_;
  std::optional<std::uint64_t> hold_;
  std::vector<Held> held_;  // a ring
  std::uint64_t kept_ = 0;  // that came into it
  std::size_t told_notes_ = 0;
  bool damaged_ = false;
  bool stopped_ = false;
  std::uint64_t printed_ = 0;
  std::uint64_t first_time_ = 0, last_time_ = 0;  // real, ns
};

}  // namespace dse::tools
