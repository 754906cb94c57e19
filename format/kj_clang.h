// Included in front of everything by clang: kj/string.h of Cap'n Proto 0.9 compares strings in a way that
// C++20's rewritten operators make ambiguous there. Without the macro it takes its C++17 way.
#pragma once

#include <compare>
#include <string>

#pragma clang diagnostic push
#pragma clang diagnostic ignored "-Wbuiltin-macro-redefined"
#pragma push_macro("__cpp_impl_three_way_comparison")
#undef __cpp_impl_three_way_comparison
#include <kj/string.h>
#pragma pop_macro("__cpp_impl_three_way_comparison")
#pragma clang diagnostic pop
