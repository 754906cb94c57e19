// execstorm N [RATE]: N execs of the program `noop` beside this one, each waited for.
#define _GNU_SOURCE
#include "common.h"

int main(int argc, char **argv) {
    struct storm storm = storm_parse("execstorm", argc, argv);
    find_noop();
    storm_start(&storm);
    for (unsigned long i = 0; i < storm.operations; i++) {
        do_exec(&storm);
        storm_pace(&storm);
    }
    storm_print(&storm);
}
