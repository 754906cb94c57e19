// Events made by hand for the tests of filters, and what an expression says of them.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "replay/filter/parser.h"
#include "tests/unit/testing.h"

// A process as these events have it: pid 100, "bash", uid 1000.
dse_task filter_task();

// One event each. Exec: /usr/bin/tool of arguments "-c", "a b" and a byte that is not UTF-8, with the
// variables PATH=/bin:/usr/bin, A B=1, EMPTY= and a script's interpreter; there is no terminal.
Record filter_exec();
Record filter_socket(std::string_view local, std::string_view remote);
Record filter_socket(std::uint64_t cookie, std::uint64_t bytes_sent);
Record filter_exit(std::uint32_t status);

// Whether the event of a record is kept: the point that it goes to is found by the record's kind.
bool holds(const Record& record, const std::string& expression);
// The same of filter_exec().
bool holds(const std::string& expression);

// The error of an expression against ProcessExecuted, as --select; empty: it is right.
std::string error_of(const std::string& expression, const dse::replay::filter::Macros& macros = {},
                     const std::string& point = "ProcessExecuted");
