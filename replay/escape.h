// Bytes that come from the recorded host, made safe for JSON and for terminals. Nothing is lost: every
// escape can be undone.
#pragma once

#include <string>
#include <string_view>

namespace dse::replay {

// Appends `bytes` as the inside of a JSON string. What is not UTF-8 becomes, byte by byte, the lone
// surrogates U+DC80 to U+DCFF ("\udc80"), as in Python's "surrogateescape": valid UTF-8 never has
// them, so the bytes can be had back.
void append_json_string(std::string_view bytes, std::string& out);

// How many of the first bytes stand for themselves, in JSON and for people alike.
std::size_t plain_prefix(std::string_view bytes);

// Appends `bytes` for people: what could steer a terminal (controls, C1 controls, what is not UTF-8)
// and the backslash become \xNN.
void append_text(std::string_view bytes, std::string& out);

// The same for what the user wrote, or what has gone through it before: backslashes stay.
void append_own_text(std::string_view bytes, std::string& out);

}  // namespace dse::replay
