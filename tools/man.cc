// dse man: manual pages, made from the table of commands.
#include <cerrno>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string_view>
#include <vector>

#include <fmt/format.h>

#include "tools/command_table.h"
#include "tools/commands.h"
#include "tools/exit_code.h"
#include "tools/terminal.h"
#include "version.h"

namespace dse::tools {
namespace {

struct Options {
  std::string command, into, date;
};

struct ExitCodeText {
  ExitCode code;
  const char* meaning;
};
constexpr ExitCodeText kExitCodeTexts[] = {
    {kOk, "Everything went well."},
    {kNegative, "A negative answer: there is none, it cannot be, they differ."},
    {kUsage,
     "Usage: a wrong option, argument, field, filter or time; or what is to be written is there "
     "already."},
    {kLoss, "Records were lost, and --fail-on-loss was given."},
    {kDamaged, "Damaged input; the valid part was delivered."},
    {kPrivilege, "The kernel refuses, or lacks what is needed."},
    {kIo, "Reading or writing failed."},
};

// ---- roff ----------------------------------------------------------------------------------------

// Code points of UTF-8, for a program that reads ASCII: "\[u2026]".
void append_code_point(std::string_view bytes, std::string& out) {
  auto lead = static_cast<unsigned char>(bytes[0]);
  unsigned point = lead & (0xffu >> (bytes.size() + 1));
  for (char c : bytes.substr(1)) point = point << 6 | (static_cast<unsigned char>(c) & 0x3fu);
  out += fmt::format("\\[u{:04X}]", point);
}

// Text in a line, where nothing of it is a request.
std::string roff(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    auto c = static_cast<unsigned char>(text[i]);
    std::size_t length = c < 0xc0 ? 1 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;
    if (length > 1 && i + length <= text.size()) {
      append_code_point(text.substr(i, length), out);
      i += length - 1;
    } else if (c == '\\') {
      out += "\\[rs]";
    } else if (c == '-') {
      out += "\\-";
    } else if (c == '\'') {
      out += "\\[aq]";
    } else if (c == '"') {
      out += "\\[dq]";
    } else if (c == '`') {
      out += "\\[ga]";
    } else if (c == '^') {
      out += "\\[ha]";
    } else if (c == '~') {
      out += "\\[ti]";
    } else {
      out += static_cast<char>(c);
    }
  }
  return out.starts_with('.') ? "\\&" + out : out;
}

std::string bold(const std::string& text) { return "\\fB" + roff(text) + "\\fR"; }
std::string italic(const std::string& text) { return "\\fI" + roff(text) + "\\fR"; }

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines(1);
  for (char c : text)
    if (c == '\n')
      lines.emplace_back();
    else
      lines.back() += c;
  return lines;
}

// Paragraphs, which are filled, and lines that begin with a space, which stay as they are.
std::string paragraphs(const std::string& text) {
  std::string out;
  bool between = false, as_is = false;
  for (const std::string& line : lines_of(text)) {
    const bool indented = line.starts_with(' ');
    if (as_is && !indented) out += ".fi\n.RE\n";
    if (line.empty()) {
      between = true;
    } else {
      if (between || (as_is && !indented)) out += ".PP\n";
      if (indented && !as_is) out += ".RS 4\n.nf\n";
      between = false;
      out += roff(indented ? line.substr(line.find_first_not_of(' ')) : line) + "\n";
    }
    as_is = indented;
  }
  return as_is ? out + ".fi\n.RE\n" : out;
}

// ---- pages ---------------------------------------------------------------------------------------

std::string page_name(const CommandEntry& command) {
  std::string name = "dse";
  for (const std::string& word : command.words) name += "-" + word;
  return name;
}

std::string command_line(const CommandEntry& command) {
  std::string line = "dse";
  for (const std::string& word : command.words) line += " " + word;
  return line;
}

std::string upper(std::string text) {
  for (char& c : text)
    if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
  return text;
}

// As in a sentence of its own.
std::string sentence(std::string text) {
  if (!text.empty() && text[0] >= 'a' && text[0] <= 'z') text[0] = static_cast<char>(text[0] - 32);
  if (!text.empty() && !text.ends_with('.') && !text.ends_with('?')) text += '.';
  return text;
}

std::string synopsis(const CommandEntry& command) {
  std::string line = bold(command_line(command));
  if (!command.options.empty()) line += " [" + italic("options") + "]";
  for (const OptionEntry& option : command.options)
    if (option.required) line += " " + bold(option.names.back()) + " " + italic(option.value);
  if (!command.commands.empty()) line += " " + italic("COMMAND") + " [" + italic("arguments") + "]";
  for (const OptionEntry& argument : command.arguments) {
    std::string one = italic(argument.value) + (argument.repeats ? " ..." : "");
    line += argument.required ? " " + one : " [" + one + "]";
  }
  return line + "\n";
}

std::string describe(const OptionEntry& entry) {
  std::string out = ".TP\n";
  for (std::size_t i = 0; i < entry.names.size(); ++i)
    out += (i ? ", " : "") + bold(entry.names[i]);
  if (!entry.value.empty()) {
    out += (entry.names.empty() ? "" : " ") + italic(entry.value);
    if (entry.list) out += "[," + italic(entry.value) + "...]";
    if (entry.repeats && entry.names.empty()) out += " ...";
  }
  out += "\n";
  for (const std::string& line : lines_of(entry.description))
    if (!line.empty()) out += roff(line) + "\n";
  if (entry.choices.empty()) return out;
  std::string choices;
  for (const std::string& choice : entry.choices) choices += (choices.empty() ? "" : ", ") + choice;
  return out + ".br\n" + roff("One of: " + choices) + "\n";
}

std::string options_of(const CommandEntry& command) {
  std::string out;
  for (const OptionEntry& argument : command.arguments) out += describe(argument);
  for (const OptionEntry& option : command.options) out += describe(option);
  return out;
}

struct Footer {
  std::string text, examples;
};

// "…\n\nExamples:\n  dse …"; the codes of exit have a section of their own.
Footer footer_of(const CommandEntry& command) {
  if (command.words.empty()) return {};
  static constexpr std::string_view kHead = "Examples:\n";
  std::size_t at = command.footer.starts_with(kHead) ? 0 : command.footer.find("\n\nExamples:\n");
  if (at == std::string::npos) return {command.footer, ""};
  return {command.footer.substr(0, at),
          command.footer.substr(command.footer.find(kHead, at) + kHead.size())};
}

std::string exit_status() {
  std::string out = ".SH EXIT STATUS\n";
  for (const ExitCodeText& one : kExitCodeTexts)
    out += fmt::format(".TP\n.B {}\n{}\n", static_cast<int>(one.code), roff(one.meaning));
  return out + ".TP\n.B 130, 143\nA second SIGINT or SIGTERM ended it at once.\n";
}

std::string files() {
  return R"(.SH ENVIRONMENT
.TP
.B NO_COLOR
If it is set, text on a terminal has no colour.
.SH FILES
.TP
.IR NAME .dse
A segment: a capture of its own, or one of the files of a capture that is a directory.
.TP
.IR NAME .dse.open
A segment that is being written, or whose recorder died.
.TP
.IR PREFIX /share/dse/profiles/*.toml
The profiles that come with dse.
They are in the program, too.
.TP
.IR PREFIX /share/dse/capture.capnp ", " FORMAT.md
The schema and the specification of captures.
)";
}

void see_also(const CommandEntry& command, std::vector<std::string>& pages) {
  pages.push_back(page_name(command));
  if (command.words.empty())
    for (const CommandEntry& below : command.commands) see_also(below, pages);
}

std::string page(const CommandEntry& command, const CommandEntry& root, const std::string& date) {
  const std::string name = page_name(command);
  Footer footer = footer_of(command);
  std::string out = fmt::format(
      ".\\\" Made by: dse man\n.TH {} 1 \"{}\" \"dse {}\" \"dse manual\"\n", roff(upper(name)),
      date, roff(DSE_VERSION));
  std::string description = command.description;
  if (description.starts_with("dse, ")) description.erase(0, 5);
  out += fmt::format(".SH NAME\n{} \\- {}\n", roff(name), roff(first_line(description)));
  out += ".SH SYNOPSIS\n";
  if (command.commands.empty() || command.words.empty()) out += synopsis(command);
  if (!command.words.empty())
    for (const CommandEntry& below : command.commands)
      out += (&below == command.commands.data() ? "" : ".br\n") + synopsis(below);
  out += ".SH DESCRIPTION\n" + paragraphs(sentence(description));
  if (!footer.text.empty()) out += ".PP\n" + paragraphs(footer.text);
  if (!command.commands.empty()) {
    out += ".SH COMMANDS\n";
    for (const CommandEntry& below : command.commands)
      if (command.words.empty())
        out += fmt::format(".TP\n.BR {} (1)\n{}\n", roff(page_name(below)),
                           roff(sentence(below.description)));
      else
        out += fmt::format(".SS {}\n{}{}", roff(command_line(below)),
                           paragraphs(sentence(below.description)), options_of(below));
  }
  out += ".SH OPTIONS\n" + options_of(command);
  if (!footer.examples.empty()) out += ".SH EXAMPLES\n" + paragraphs(footer.examples);
  out += exit_status();
  if (command.words.empty()) out += files();
  std::vector<std::string> pages;
  see_also(root, pages);
  std::erase(pages, name);
  out += ".SH SEE ALSO\n";
  for (std::size_t i = 0; i < pages.size(); ++i)
    out += fmt::format(".BR {} (1){}\n", roff(pages[i]), i + 1 < pages.size() ? "," : "");
  return out;
}

// ---- the command ---------------------------------------------------------------------------------

Status write_page(const std::string& path, const std::string& text) {
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  file << text;
  file.close();
  if (!file) return errno_error(path + ": cannot be written", errno);
  return {};
}

int run(const CLI::App& app, const Options& options) {
  const CommandEntry root = command_table(app);
  std::vector<const CommandEntry*> entries{&root};
  for (const CommandEntry& command : root.commands) entries.push_back(&command);
  if (!options.into.empty()) {
    std::error_code failed;
    std::filesystem::create_directories(options.into, failed);
    for (const CommandEntry* entry : entries)
      if (auto status = write_page(options.into + "/" + page_name(*entry) + ".1",
                                   page(*entry, root, options.date));
          !status)
        return fail(status.error());
    return kOk;
  }
  for (const CommandEntry* entry : entries) {
    if (options.command != (entry->words.empty() ? "" : entry->words.back())) continue;
    auto written = write_stdout(page(*entry, root, options.date));
    return written ? kOk : fail(written.error());
  }
  return fail({ErrorCode::usage, fmt::format("man: there is no command '{}'", options.command)});
}

}  // namespace

Command add_man(CLI::App& app) {
  auto options = std::make_shared<Options>();
  CLI::App* command = app.add_subcommand("man", "Print a manual page");
  command->add_option("COMMAND", options->command, "of this command, instead of dse itself");
  command->add_option("--into", options->into, "write all pages into this directory");
  command->add_option("--date", options->date, "what the pages are dated");
  command->footer(
      "Where dse is installed these are in place already: man dse, man dse-replay.\n\n"
      "Examples:\n"
      "  dse man replay | man -l -                        read one\n"
      "  dse man --into share/man/man1                    to package them");
  return [&app, options] { return run(app, *options); };
}

}  // namespace dse::tools
