#include "tools/junit.h"

#include <algorithm>

#include <fmt/format.h>

#include "replay/escape.h"

namespace dse::tools {
namespace {

// For attributes and text alike. What XML has no way to say, such as most control characters, is \xNN.
void append_safe(std::string_view bytes, std::string& out) {
  std::string safe;
  replay::append_own_text(bytes, safe);
  for (std::size_t i = 0; i < safe.size(); ++i) {
    switch (safe[i]) {
      case '&': out += "&amp;"; break;
      case '<': out += "&lt;"; break;
      case '>': out += "&gt;"; break;
      case '"': out += "&quot;"; break;
      case '\'': out += "&apos;"; break;
      default:
        // U+FFFE and U+FFFF are no characters of XML.
        if (safe.compare(i, 2, "\xef\xbf") == 0 && i + 2 < safe.size() &&
            (safe[i + 2] & 0x3e) == 0x3e) {
          out += safe[i + 2] & 1 ? "\\xef\\xbf\\xbf" : "\\xef\\xbf\\xbe";
          i += 2;
        } else {
          out += safe[i];
        }
    }
  }
}

std::string attribute(std::string_view name, std::string_view value) {
  std::string out = fmt::format(" {}=\"", name);
  append_safe(value, out);
  return out + "\"";
}

// Lines stay lines.
std::string content(std::string_view text) {
  std::string out;
  while (true) {
    std::size_t end = std::min(text.find('\n'), text.size());
    append_safe(text.substr(0, end), out);
    if (end == text.size()) return out;
    out += '\n';
    text.remove_prefix(end + 1);
  }
}

std::string seconds(double value) { return fmt::format("{:.3f}", value); }

}  // namespace

std::string junit_xml(const std::string& suite, const std::vector<JunitCase>& cases) {
  std::size_t failures = 0, errors = 0;
  double time = 0;
  for (const JunitCase& one : cases) {
    failures += one.what == JunitCase::What::failure;
    errors += one.what == JunitCase::What::error;
    time += one.seconds;
  }
  std::string sums = fmt::format(" tests=\"{}\" failures=\"{}\" errors=\"{}\"", cases.size(),
                                 failures, errors) +
                     attribute("time", seconds(time));
  std::string out = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites" +
                    attribute("name", suite) + sums + ">\n  <testsuite" + attribute("name", suite) +
                    sums + " skipped=\"0\">\n";
  for (const JunitCase& one : cases) {
    out += "    <testcase" + attribute("name", one.name) + attribute("classname", suite) +
           attribute("time", seconds(one.seconds));
    if (one.what == JunitCase::What::pass) {
      out += "/>\n";
      continue;
    }
    const char* tag = one.what == JunitCase::What::failure ? "failure" : "error";
    out += fmt::format(">\n      <{}", tag) + attribute("message", one.message) +
           attribute("type", tag) + ">" + content(one.text) +
           fmt::format("</{}>\n    </testcase>\n", tag);
  }
  return out + "  </testsuite>\n</testsuites>\n";
}

}  // namespace dse::tools
