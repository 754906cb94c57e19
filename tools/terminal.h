// What dse says to people: on standard error, with colour and progress only on a terminal.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "format/plural.h"
#include "format/result.h"
#include "format/segment_info.h"
#include "format/source.h"
#include "replay/gaps.h"

namespace dse::tools {

bool stdout_is_terminal();
bool stderr_is_terminal();
// Colour on standard output: a terminal, and no NO_COLOR in the environment.
bool use_colour();
// Of the terminal on standard output, in characters.
unsigned terminal_width();

// As it is, and whatever becomes of it: a broken standard error ends nothing.
void write_stderr(std::string_view text);
// "dse: …" on a line of its own, with indented lines below it where a place in an expression is shown; a
// status line that stands there is cleared first.
void say(const std::string& message);
// The error, and its exit code.
int fail(const Error& error);

// All of `bytes` on standard output; false: its reader has gone, which is no error.
Result<bool> write_stdout(std::string_view bytes);
// Whether it has gone already, without writing anything.
bool stdout_reader_gone();

// One line that is rewritten in place; nothing where standard error is not a terminal.
void show_status(const std::string& line);
void clear_status();

// What a user wrote, on one line and such that it steers no terminal.
std::string shown(std::string_view text);
// The same as a JSON string with its quotes; bytes that are not UTF-8 as in events.
std::string json_text(std::string_view text);

std::string human_bytes(std::uint64_t bytes);  // "12.3 MiB"
std::string human_duration(std::uint64_t ns);  // "12.3 s"

// One line per kind and cause.
std::vector<std::string> describe_losses(const std::vector<format::Loss>& losses);
// "12 socket_state on CPU 1 between … and …"
std::string describe_gap(const replay::PlacedGap& gap);

// Says the notes of a source. Returns kDamaged if one of them means that something could not be
// read, else kOk.
int report_notes(const std::vector<format::Note>& notes);

}  // namespace dse::tools
