// sigstorm N [RATE]: N handled signals, sent by tgkill from this thread to itself.
#define _GNU_SOURCE
#include "common.h"

int main(int argc, char **argv) {
    struct storm storm = storm_parse("sigstorm", argc, argv);
    pid_t self = getpid();
    signals_open();
    storm_start(&storm);
    for (unsigned long i = 0; i < storm.operations; i++) {
        do_signal(self);
        storm_pace(&storm);
    }
    storm_print(&storm);
    return signals_check(storm.operations);
}
