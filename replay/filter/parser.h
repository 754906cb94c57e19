// Text to tree.
//
//   expression = and { ("or" | "||") and } ;
//   and        = not { ("and" | "&&") not } ;
//   not        = { "not" | "!" } primary ;
//   primary    = "(" expression ")" | macro | test ;
//   macro      = "@" NAME ;
//   test       = field                                                       (* a flag *)
//              | field "exists"
//              | field ("=" | "==" | "!=" | "<" | "<=" | ">" | ">=") value
//              | field ("contains" | "icontains" | "startswith" | "endswith"
//                       | "glob" | "regex") value
//              | field ("in" | "intersects") "(" item { "," item } ")" ;
//   item       = value [ ".." value ] ;          (* a range: numbers, sizes, times, addresses *)
//   field      = NAME { "." NAME } [ "[" INDEX "]" ] ;
//   value      = WORD | "'" { CHARACTER } "'" | '"' { CHARACTER } '"' ;
//
// NAME is letters, digits, "_" and "-". INDEX is anything up to the bracket that ends it. WORD is
// anything without white space and ( ) , ' " = ! < > & |. In quotes, \\ \' \" \n \t \r \0 and \xNN (a
// byte) stand for what they do in C; any other backslash stays, so that regex "\d+" is right. A range
// is one WORD (1..5), or its dots are a WORD of their own; in a text, dots are dots. White space
// separates; "#" where a word could begin starts a comment up to the end of the line. Keywords are in
// lower case, and a word is a keyword only where the grammar has one: proc.name = and is right.
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "format/result.h"
#include "replay/filter/syntax.h"

namespace dse::replay::filter {

// What bounds an expression, its macros included, each time that they are used.
inline constexpr std::size_t kMaxText = std::size_t{1} << 20;  // bytes
inline constexpr std::size_t kMaxNodes = 10'000;
inline constexpr std::size_t kMaxItems = 100'000;
inline constexpr unsigned kMaxDepth = 200;

// Expressions by name, without the "@". They may use one another.
using Macros = std::map<std::string, std::string, std::less<>>;

// Error: usage, with the place (see diagnostic.h).
Result<Node> parse(std::string name, std::string text, const Macros& macros = {});

bool is_macro_name(std::string_view name);

}  // namespace dse::replay::filter
