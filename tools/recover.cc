// dse recover: what can be read of damaged captures, as a capture that is whole.
#include <memory>

#include <fmt/format.h>

#include "format/recover.h"
#include "replay/timestamp.h"
#include "tools/commands.h"
#include "tools/exit_code.h"
#include "tools/output.h"
#include "tools/terminal.h"

namespace dse::tools {
namespace {

struct Options {
  std::vector<std::string> paths;
  std::string out;
  std::string output = "text";
  int level = 3;
};

std::string between(const format::LostPart& part) {
  if (part.since_ns && part.until_ns)
    return fmt::format(", between {} and {}", replay::rfc3339(part.since_ns),
                       replay::rfc3339(part.until_ns));
  if (part.since_ns) return ", after " + replay::rfc3339(part.since_ns);
  if (part.until_ns) return ", before " + replay::rfc3339(part.until_ns);
  return "";
}

std::string cost(const format::LostPart& part) {
  if (!part.records) return "lost an unknown number of records" + between(part);
  if (*part.records != 0 && part.first == 0)
    return fmt::format("lost {}{}", plural(*part.records, "record"), between(part));
  if (*part.records == 1) return fmt::format("lost record {}{}", part.first, between(part));
  if (*part.records != 0)
    return fmt::format("lost {} records, {} to {}{}", human_count(*part.records), part.first,
                       part.first + *part.records - 1, between(part));
  return part.lost ? "no record is lost by it" : "nothing is lost by it";
}

std::string json_item(const format::LostPart& part) {
  std::string out = fmt::format(R"({{"segment":{},"offset":{},"reason":{},"lost":{},"records":{})",
                                json_text(part.path), part.offset, json_text(part.what), part.lost,
                                part.records ? std::to_string(*part.records) : "null");
  if (part.first) out += fmt::format(",\"first\":{}", part.first);
  if (part.since_ns) out += fmt::format(R"(,"since":"{}")", replay::rfc3339(part.since_ns));
  if (part.until_ns) out += fmt::format(R"(,"until":"{}")", replay::rfc3339(part.until_ns));
  return out + "}";
}

// The account as one document; nothing where the capture itself goes to standard output.
class Document {
 public:
  explicit Document(const Options& options) : on_(options.output == "json" && options.out != "-") {
    write("{\"damage\":[");
  }
  void add(const format::LostPart& part) {
    write((any_ ? ",\n" : "\n") + json_item(part));
    any_ = true;
  }
  void end(const format::Recovery::Account& account) {
    write(
        fmt::format("],\n\"complete\":{},\"records\":{},\"blocks\":{},\"bytes\":{},"
                    "\"lost_records\":{},\"lost_more\":{}}}\n",
                    !account.lost_any, account.records, account.blocks, account.bytes,
                    account.lost_records, account.lost_uncounted));
  }
  const Status& status() const { return status_; }

 private:
  void write(const std::string& text) {
    if (!on_ || !status_) return;
    auto written = write_stdout(text);
    if (!written) status_ = written.error();
  }
  bool on_;
  bool any_ = false;
  Status status_;
};

int run(const Options& options) {
  if (auto status = check_place(options.out, options.paths); !status) return fail(status.error());
  Document document(options);
  format::WriterOptions writer;
  writer.path = options.out;
  writer.level = options.level;
  // On a capture that is bad all over, the first ones tell enough; the document has all.
  constexpr std::uint64_t kSaid = 100;
  std::uint64_t said = 0;
  format::Recovery recovery(writer, format::FileSystem::host(), [&](const format::LostPart& part) {
    document.add(part);
    if (++said <= kSaid)
      say(fmt::format("{}: at byte {}: {}: {}", part.path, part.offset, part.what, cost(part)));
  });
  std::uint64_t shown = 0;
  recovery.progress = [&](std::uint64_t bytes) {
    if (bytes < shown + (1 << 20)) return;
    shown = bytes;
    show_status(human_bytes(shown) + " read");
  };
  Status status = recovery.run(options.paths);
  const format::Recovery::Account account = recovery.account();
  document.end(account);
  if (said > kSaid) say(fmt::format("and {} more (-o json has all)", human_count(said - kSaid)));
  if (!status) {
    remove_unfinished(options.out);
    return fail(status.error());
  }
  if (!document.status()) return fail(document.status().error());
  for (const std::string& note : recovery.notes()) say(note);
  say(fmt::format("wrote {} in {}, {}, into {}; lost {}{}", plural(account.records, "record"),
                  plural(account.blocks, "block"), human_bytes(account.bytes),
                  shown_place(options.out), human_count(account.lost_records),
                  account.lost_uncounted ? " and an unknown number more" : ""));
  return account.lost_any ? kDamaged : kOk;
}

}  // namespace

Command add_recover(CLI::App& app) {
  auto options = std::make_shared<Options>();
  CLI::App* command = app.add_subcommand("recover",
                                         "Write all that can be read of damaged captures");
  command
      ->add_option("PATH", options->paths,
                   "captures: directories or files, read one after the other; - is stdin")
      ->required();
  command
      ->add_option("-w,--write", options->out,
                   "where to: a directory, a file NAME.dse, or - for stdout")
      ->required();
  command
      ->add_option("-o,--output", options->output,
                   "account of what was lost: text on stderr alone, or also json on stdout [text]")
      ->check(CLI::IsMember({"text", "json"}));
  command->add_option("--level", options->level, "zstd level, -7 to 19 [3]")
      ->check(CLI::Range(-7, 19));
  command->footer(
      "Damage costs the blocks that it hits and no other. Events keep their numbers, and what is "
      "missing\n"
      "shows on replay like any other loss. The input stays as it is.\n"
      "Exit code 0: nothing was lost, 4: something was.\n\n"
      "Examples:\n"
      "  dse recover torn.dse -w mended.dse\n"
      "  dse recover /var/lib/dse -w whole -o json | jq '.damage[] | {offset, records}'\n"
      "  ssh host cat broken.dse | dse recover - -w - | dse replay -");
  return [options] { return run(*options); };
}

}  // namespace dse::tools
