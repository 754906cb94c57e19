// What is fuzzed: functions that take any bytes and must neither crash nor run out of bounds. libFuzzer
// calls them (replay_fuzzer.cc, header_fuzzer.cc, filter_fuzzer.cc, profile_fuzzer.cc), and so does
// corpus_test.cc as an ordinary test.
#pragma once

#include <cstdint>
#include <random>
#include <string>
#include <string_view>
#include <vector>

// Reads `bytes` as a capture in every way there is: events as JSON and text from a file and from a
// pipe, raw records, and what `dse info` asks for. Gives how many events there were.
std::size_t fuzz_replay(std::string_view bytes);

// Reads `bytes` as the content of an entry header; what it accepts must encode to the same meaning.
void fuzz_header(std::string_view bytes);

// Reads `bytes` as a filter expression, with some macros, and compiles it for every observation point; what
// is wrong must be said. Gives whether it is right for all of them.
bool fuzz_filter(std::string_view bytes);

// Expressions that are right, of all that the language has: seeds for the above.
const std::vector<std::string>& filter_seeds();

// Changes an expression at random: bytes, parts of other seeds, words.
std::string mutate_filter(std::string expression, std::mt19937_64& random);

// Reads `bytes` as a profile, and compiles its filters and macros for its observation points, as
// `dse replay --profile` and `dse profile check` do; what is wrong must be said. Gives whether it is right.
bool fuzz_profile(std::string_view bytes);

// Seeds for that: the profiles that come with dse, and odd ones that are right too.
const std::vector<std::string>& profile_seeds();

// Changes a profile at random: bytes, lines, expressions, and what TOML has that no profile does.
std::string mutate_profile(std::string text, std::mt19937_64& random);

// Changes a capture at random where random bytes would not get past the checksums: takes an entry
// apart, changes words of its message or members of its header, and puts all together with sizes,
// positions and checksums that are right. Gives `bytes` back if they are no capture.
std::string mutate_structure(const std::string& bytes, std::mt19937_64& random);

// Changes bytes as they are.
std::string mutate_bytes(std::string bytes, std::mt19937_64& random);
