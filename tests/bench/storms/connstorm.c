// connstorm N [RATE]: N TCP connections over the loopback within this process.
#define _GNU_SOURCE
#include "common.h"

int main(int argc, char **argv) {
    struct storm storm = storm_parse("connstorm", argc, argv);
    listener_open(&storm);
    storm_start(&storm);
    for (unsigned long i = 0; i < storm.operations; i++) {
        do_connection(&storm);
        storm_pace(&storm);
    }
    listener_close();
    storm_print(&storm);
}
