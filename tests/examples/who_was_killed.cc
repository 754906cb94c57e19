// Who was killed, and by whom: who_was_killed CAPTURE...
#include <dse/dse.h>

#include <iostream>

int main(int argc, char** argv) {
  auto source = dse::open_capture({argv + 1, argv + argc});
  if (!source) {
    std::cerr << source.error().message() << '\n';
    return 1;
  }
  dse::Session session(std::move(*source));
  session.add(dse::signal_delivered())
      .select([](const dse::Event& event) { return event.text("sig.name") == "SIGKILL"; })
      .select("sig.name = SIGTERM")
      .drop([](const dse::Event& event) { return event.text("sig.handler") == "ignore"; });
  for (const dse::Event& event : session) std::cout << event.json() << '\n';
  if (session.status()) return 0;
  std::cerr << session.status().error().message() << '\n';
  return 1;
}
