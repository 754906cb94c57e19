// mixstorm N [RATE]: N times one exec, four connections and forty signals.
#define _GNU_SOURCE
#include "common.h"

enum { CONNECTIONS = 4, SIGNALS = 40 };

int main(int argc, char **argv) {
    struct storm storm = storm_parse("mixstorm", argc, argv);
    pid_t self = getpid();
    find_noop();
    signals_open();
    listener_open(&storm);
    storm_start(&storm);
    for (unsigned long i = 0; i < storm.operations; i++) {
        do_exec(&storm);
        for (int k = 0; k < CONNECTIONS; k++) do_connection(&storm);
        for (int k = 0; k < SIGNALS; k++) do_signal(self);
        storm_pace(&storm);
    }
    listener_close();
    storm_print(&storm);
    return signals_check(storm.operations * SIGNALS);
}
