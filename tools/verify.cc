// dse verify: whether a capture is what it claims to be, to the last byte.
#include <memory>

#include <fmt/format.h>

#include "format/verify.h"
#include "replay/escape.h"
#include "tools/commands.h"
#include "tools/exit_code.h"
#include "tools/terminal.h"

namespace dse::tools {
namespace {

struct Options {
  std::vector<std::string> paths;
  std::string output = "text";
};

std::string text_line(const format::Finding& finding) {
  std::string line;
  replay::append_text(fmt::format("{}: at byte {}: {}{}{}", finding.path, finding.offset,
                                  finding.entry, finding.entry.empty() ? "" : ": ", finding.reason),
                      line);
  return line + "\n";
}

std::string json_item(const format::Finding& finding) {
  return fmt::format(R"({{"segment":{},"offset":{},"entry":{},"reason":{}}})",
                     json_text(finding.path), finding.offset, json_text(finding.entry),
                     json_text(finding.reason));
}

// Findings go out one by one: nobody knows how many there will be.
class Report {
 public:
  explicit Report(bool json) : json_(json) {}

  void begin() {
    if (json_) write("{\"findings\":[");
  }
  void finding(const format::Finding& finding) {
    write(json_ ? (any_ ? ",\n" : "\n") + json_item(finding) : text_line(finding));
    any_ = true;
  }
  void end(const format::Verifier& verifier) {
    if (!json_) return;
    const auto& counts = verifier.counts();
    std::string notes;
    for (const std::string& note : verifier.notes())
      notes += (notes.empty() ? "" : ",") + json_text(note);
    write(
        fmt::format("],\n\"good\":{},\"segments\":{},\"entries\":{},\"blocks\":{},\"records\":{},"
                    "\"bytes\":{},\"notes\":[{}]}}\n",
                    counts.findings == 0, counts.segments, counts.entries, counts.blocks,
                    counts.records, verifier.bytes(), notes));
  }
  const Status& status() const { return status_; }

 private:
  void write(const std::string& text) {
    if (!status_ || gone_) return;
    auto written = write_stdout(text);
    if (!written)
      status_ = written.error();
    else
      gone_ = !*written;  // whoever stops reading still gets the exit code
  }

  bool json_;
  bool any_ = false;
  bool gone_ = false;
  Status status_;
};

void say_summary(const format::Verifier& verifier) {
  const auto& counts = verifier.counts();
  for (const std::string& note : verifier.notes()) say(note);
  std::string what = fmt::format("{} with {} and {}, {}", plural(counts.segments, "segment"),
                                 plural(counts.blocks, "block"), plural(counts.records, "record"),
                                 human_bytes(verifier.bytes()));
  if (counts.findings == 0)
    say("good: every byte of " + what);
  else
    say(fmt::format("{}; sound: {} (dse recover writes what can be read)",
                    plural(counts.findings, "finding"), what));
}

int run(const Options& options) {
  Report report(options.output == "json");
  std::uint64_t shown = 0;
  format::Verifier verifier([&](const format::Finding& finding) { report.finding(finding); },
                            [&](const format::Verifier& at) {
                              if (at.bytes() < shown + (1 << 20)) return;
                              shown = at.bytes();
                              show_status(fmt::format("{} verified, {}", human_bytes(shown),
                                                      plural(at.counts().findings, "finding")));
                            });
  report.begin();
  Status status = verifier.verify(options.paths);
  report.end(verifier);
  if (!status) return fail(status.error());
  if (!report.status()) return fail(report.status().error());
  say_summary(verifier);
  return verifier.counts().findings == 0 ? kOk : kDamaged;
}

}  // namespace

Command add_verify(CLI::App& app) {
  auto options = std::make_shared<Options>();
  CLI::App* command = app.add_subcommand(
      "verify", "Check that a capture is what it claims to be, every byte");
  command
      ->add_option("PATH", options->paths,
                   "captures: directories or files, read one after the other; - is stdin")
      ->required();
  command->add_option("-o,--output", options->output, "text or json [text]")
      ->check(CLI::IsMember({"text", "json"}));
  command->footer(
      "Reads every frame and column, makes each header anew from what is below it, and follows "
      "record\n"
      "and sequence numbers from block to block. Goes on behind damage, and says where each fault "
      "is.\n"
      "Exit code 0: all good, 4: there are findings.\n\n"
      "Examples:\n"
      "  dse verify /var/lib/dse                    also while it is being recorded\n"
      "  dse verify c.dse -o json | jq -r '.findings[] | [.segment, .offset, .reason] | @tsv'\n"
      "  ssh host cat c.dse | dse verify - && echo arrived whole");
  return [options] { return run(*options); };
}

}  // namespace dse::tools
